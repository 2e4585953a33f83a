-- What is remembered of feeds between polls, beyond what people look at in `feeds`.
-- One row a feed, rewritten by each poll that changed something; no index, see 0001.

CREATE TABLE core.feed_memory (
    feed           VARCHAR NOT NULL,
    url            VARCHAR NOT NULL,
    last_outcome   VARCHAR,
    last_full_at   TIMESTAMPTZ,
    last_new_at    TIMESTAMPTZ,
    interval_s     DOUBLE NOT NULL,
    streak         INTEGER NOT NULL,
    gap_s          DOUBLE,
    gap_at         TIMESTAMPTZ,
    gap_reason     VARCHAR,
    listed         INTEGER NOT NULL,
    moved_to       VARCHAR,
    moves_seen     INTEGER NOT NULL,
    kind           VARCHAR,
    site_url       VARCHAR,
    raw_hashes     BLOB,
    items          BLOB,
    rev            BIGINT NOT NULL
);
COMMENT ON TABLE core.feed_memory IS 'One row per feed: how it is polled, and the items it listed.';
COMMENT ON COLUMN core.feed_memory.url IS 'Where the feed is asked for; differs from core.feed.url after a permanent redirect.';
COMMENT ON COLUMN core.feed_memory.last_full_at IS 'Last answer to a question without validators.';
COMMENT ON COLUMN core.feed_memory.interval_s IS 'Present poll interval in seconds, without jitter.';
COMMENT ON COLUMN core.feed_memory.gap_s IS 'Median time between two items, in seconds.';
COMMENT ON COLUMN core.feed_memory.gap_at IS 'When items were last seen to have fallen out unseen.';
COMMENT ON COLUMN core.feed_memory.raw_hashes IS 'Packed 64-bit hashes of the raw items of the last document.';
COMMENT ON COLUMN core.feed_memory.items IS 'Packed items: id, fingerprint, url, title, first seen, versions.';

-- robots.txt of the origins whose pages we fetch; kept for a day.
CREATE TABLE core.robots (
    origin     VARCHAR NOT NULL,
    text       VARCHAR,
    error      VARCHAR,
    fetched_at TIMESTAMPTZ NOT NULL,
    rev        BIGINT NOT NULL
);
COMMENT ON TABLE core.robots IS 'robots.txt per origin; text NULL: it could not be read.';

-- What was noticed to be missing, and what became of it.
CREATE TABLE core.feed_gap (
    feed       VARCHAR NOT NULL,
    noticed_at TIMESTAMPTZ NOT NULL,
    from_at    TIMESTAMPTZ,
    to_at      TIMESTAMPTZ,
    reason     VARCHAR,
    state      VARCHAR NOT NULL,
    filled     INTEGER NOT NULL DEFAULT 0,
    source     VARCHAR,
    closed_at  TIMESTAMPTZ,
    rev        BIGINT NOT NULL
);
COMMENT ON TABLE core.feed_gap IS 'Items that a feed dropped before we saw them: open, filled, partly, lost.';

ALTER TABLE core.pending_entry ADD COLUMN guid_key UBIGINT;
ALTER TABLE core.pending_entry ADD COLUMN update_of BIGINT;
ALTER TABLE core.pending_entry ADD COLUMN closed_at TIMESTAMPTZ;
ALTER TABLE core.feed ADD COLUMN fetch_mode VARCHAR;
ALTER TABLE core.feed ADD COLUMN every_s DOUBLE;

CREATE OR REPLACE VIEW feeds AS
    SELECT f.feed, f.url, f.outlet, f.state, f.last_ok, f.newest_item_at, f.next_poll_at,
           f.failures, f.last_error, f.state_reason, f.lang, f.country, f.tier, f.active,
           m.kind, m.interval_s, m.gap_s AS usual_gap_s, m.listed AS items, m.site_url,
           f.last_poll_at, f.first_poll_at
    FROM core.feed f LEFT JOIN core.feed_memory m USING (feed);

CREATE VIEW feed_gaps AS
    SELECT feed, noticed_at, from_at, to_at, reason, state, filled, source, closed_at
    FROM core.feed_gap;

CREATE VIEW owed_entries AS
    SELECT feed, url, guid, first_seen, attempts, not_before, last_error, state, backfill
    FROM core.pending_entry;
