-- A gap whose sources cannot be reached stays open and is tried again, not in every run.

ALTER TABLE core.feed_gap ADD COLUMN tried_at TIMESTAMPTZ;

CREATE OR REPLACE VIEW feed_gaps AS
    SELECT feed, noticed_at, from_at, to_at, reason, state, filled, source, closed_at, tried_at
    FROM core.feed_gap;
