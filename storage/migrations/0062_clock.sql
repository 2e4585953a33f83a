-- When the last write transaction was: a clock that goes back is noticed by the next one
-- (storage/clock.py).
ALTER TABLE core.revision ADD COLUMN begun_at TIMESTAMPTZ;
COMMENT ON COLUMN core.revision.begun_at IS 'When the last write transaction began, by this machine''s clock.';
