-- What makes a story's current text the current one, whatever order its articles arrive in
-- (storage/stories.py): the newest version, else the first text.

ALTER TABLE core.story ADD COLUMN current_at TIMESTAMPTZ;
ALTER TABLE core.story ADD COLUMN current_is_version BOOLEAN;
COMMENT ON COLUMN core.story.current_at IS 'The own time of the article `current_article`; empty in rows of before this column.';
COMMENT ON COLUMN core.story.current_is_version IS 'Whether that article is a version (duplicate_level), not the first text.';
