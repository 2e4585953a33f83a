-- Copies, versions, stories (docs/adr/0030-stories.md).
-- No index: a batch is joined against the hashes of a window of time, whose rows the zone maps
-- on `at_s` find. Only representatives are here, not their copies, so that a widely syndicated
-- text stays one entry.

CREATE TABLE core.sketch_hash (
    h          UBIGINT NOT NULL,
    article_id BIGINT NOT NULL,
    root       BIGINT NOT NULL,
    at_s       BIGINT NOT NULL,
    rev        BIGINT NOT NULL
);
COMMENT ON TABLE core.sketch_hash IS 'Sampled shingle hashes of representatives: where copies are looked for.';
COMMENT ON COLUMN core.sketch_hash.at_s IS 'The article''s own time (published, else fetched), seconds since 1970 UTC.';

CREATE TABLE core.sketch (
    article_id BIGINT NOT NULL,
    root       BIGINT NOT NULL,
    story_id   BIGINT NOT NULL,
    at_s       BIGINT NOT NULL,
    outlet     VARCHAR,
    language   VARCHAR,
    shingles   INTEGER NOT NULL,
    features   BLOB NOT NULL,
    clues      VARCHAR,
    topics     VARCHAR[],
    vector     BLOB,
    rev        BIGINT NOT NULL
);
COMMENT ON TABLE core.sketch IS 'One row per representative (a text that is no copy, or a clearly longer version of one).';
COMMENT ON COLUMN core.sketch.root IS 'The article that this text''s copies name in duplicate_of.';
COMMENT ON COLUMN core.sketch.features IS 'What the exact comparison reads (extractors/sketch.py).';

COMMENT ON COLUMN core.sketch.clues IS 'Names, terms and amounts that link retellings (extractors/stories.py), by blanks.';
COMMENT ON COLUMN core.sketch.vector IS 'Sentence vector (16-bit floats) of the opening; only with the extra "vectors".';

CREATE TABLE core.clue (
    h          UBIGINT NOT NULL,
    article_id BIGINT NOT NULL,
    at_s       BIGINT NOT NULL,
    rev        BIGINT NOT NULL
);
COMMENT ON TABLE core.clue IS 'Hashes of the telling clues of first texts: where retellings are looked for.';

-- Mean vector per language and model, which is taken off before languages are compared.
CREATE TABLE core.vector_mean (
    language VARCHAR NOT NULL,
    model    VARCHAR NOT NULL,
    n        INTEGER NOT NULL,
    total    FLOAT[] NOT NULL,
    rev      BIGINT NOT NULL
);

-- Who is in a story, so that its counts are kept without reading its articles again.
ALTER TABLE core.story ADD COLUMN outlets VARCHAR[];
ALTER TABLE core.story ADD COLUMN origin_roots BIGINT[];
ALTER TABLE core.story ADD COLUMN origins VARCHAR[];
ALTER TABLE core.story ADD COLUMN merged_into BIGINT;
ALTER TABLE core.story ADD COLUMN topics VARCHAR[];

-- What happened to stories besides growing: merges, splits, their undoing, and links that the
-- program did not dare (`bridge`: an article that fits two stories). Nothing is ever deleted here.
CREATE SEQUENCE core.story_event_id START 1;
CREATE TABLE core.story_event (
    event_id    BIGINT NOT NULL,
    kind        VARCHAR NOT NULL,
    story_id    BIGINT NOT NULL,
    other_story BIGINT,
    articles    BIGINT[],
    happened_at TIMESTAMPTZ NOT NULL,
    made_by     VARCHAR NOT NULL,
    reason      JSON,
    undoes      BIGINT,
    rev         BIGINT NOT NULL
);
COMMENT ON COLUMN core.story_event.kind IS 'merge, split, undo, bridge';
COMMENT ON COLUMN core.story_event.made_by IS 'user or presswatch';

CREATE VIEW story_events AS
    SELECT event_id, kind, story_id, other_story, articles, happened_at, made_by, reason, undoes
    FROM core.story_event;

CREATE OR REPLACE VIEW stories AS
    SELECT story_id, title, first_seen, last_seen, n_articles, n_outlets, n_origins, languages,
           current_article, outlets, topics
    FROM core.story WHERE merged_into IS NULL;
