-- The first schema. Base tables live in the schema `core` and may change from version to version;
-- people query the views in `main`, whose names and columns stay (design.md §5).
-- `rev` is the number of the write transaction that last touched a row: publishing copies only
-- rows whose rev is newer than the published one, so its cost does not grow with the archive.
-- There is no index on large tables: DuckDB's ART index makes inserts 50 times dearer and the
-- file 5 times larger at a million rows (research/prefect-and-duckdb.md); uniqueness is kept by
-- anti-joins inside the single writer's transaction.

CREATE SCHEMA IF NOT EXISTS core;

CREATE TABLE core.revision (rev BIGINT NOT NULL);
INSERT INTO core.revision VALUES (0);

CREATE SEQUENCE core.article_id START 1;
CREATE SEQUENCE core.story_id START 1;

CREATE TABLE core.article (
    article_id      BIGINT NOT NULL,
    external_id     VARCHAR,
    feed            VARCHAR,
    guid            VARCHAR,
    url             VARCHAR,
    canonical_url   VARCHAR,
    host            VARCHAR,
    outlet          VARCHAR,
    country         VARCHAR,
    tier            INTEGER,
    title           VARCHAR,
    body            VARCHAR USING COMPRESSION zstd,
    language        VARCHAR NOT NULL,
    author          VARCHAR,
    section         VARCHAR,
    published_at    TIMESTAMPTZ,
    fetched_at      TIMESTAMPTZ NOT NULL,
    story_id        BIGINT,
    duplicate_of    BIGINT,
    duplicate_level VARCHAR,
    fold_reason     JSON,
    provenance      VARCHAR[],
    words           INTEGER NOT NULL,
    status          VARCHAR NOT NULL,
    method          VARCHAR,
    error           VARCHAR,
    backfill        BOOLEAN NOT NULL DEFAULT false,
    body_hash       UBIGINT,
    metadata        JSON,
    rev             BIGINT NOT NULL
);
COMMENT ON TABLE core.article IS 'One row per stored document, also copies and versions.';

-- A body block keeps only its place in article.body; removed blocks keep their text.
CREATE TABLE core.block (
    article_id BIGINT NOT NULL,
    n          INTEGER NOT NULL,
    kind       VARCHAR NOT NULL,
    reason     VARCHAR,
    rule       VARCHAR,
    lang       VARCHAR,
    link_share FLOAT,
    tag        VARCHAR,
    body_at    INTEGER,
    body_len   INTEGER,
    text       VARCHAR USING COMPRESSION zstd,
    rev        BIGINT NOT NULL
);

-- What is known already: hashes of external ids, canonical URLs, guids, titles, bodies.
CREATE TABLE core.article_key (
    kind       VARCHAR NOT NULL,
    key        UBIGINT NOT NULL,
    article_id BIGINT NOT NULL,
    seen_at    TIMESTAMPTZ NOT NULL,
    rev        BIGINT NOT NULL
);

CREATE TABLE core.story (
    story_id   BIGINT NOT NULL,
    title      VARCHAR,
    first_seen TIMESTAMPTZ,
    last_seen  TIMESTAMPTZ,
    n_articles INTEGER NOT NULL,
    n_outlets  INTEGER NOT NULL,
    n_origins  INTEGER NOT NULL,
    languages  VARCHAR[],
    current_article BIGINT,
    rev        BIGINT NOT NULL
);

CREATE TABLE core.topic_hit (
    article_id    BIGINT NOT NULL,
    story_id      BIGINT,
    topic         VARCHAR NOT NULL,
    topic_version VARCHAR NOT NULL,
    level         VARCHAR NOT NULL,
    score         DOUBLE NOT NULL,
    why           JSON,
    rev           BIGINT NOT NULL
);

-- The outbox. One row per message that is owed to somebody; alert_key makes it unique.
CREATE TABLE core.alert (
    alert_key   VARCHAR PRIMARY KEY,
    story_id    BIGINT,
    article_id  BIGINT,
    topic       VARCHAR,
    channel     VARCHAR,
    kind        VARCHAR NOT NULL,
    state       VARCHAR NOT NULL,
    severity    VARCHAR,
    attempts    INTEGER NOT NULL DEFAULT 0,
    created_at  TIMESTAMPTZ NOT NULL,
    not_before  TIMESTAMPTZ,
    sending_at  TIMESTAMPTZ,
    sent_at     TIMESTAMPTZ,
    slack_channel VARCHAR,
    slack_ts    VARCHAR,
    thread_ts   VARCHAR,
    last_error  VARCHAR,
    payload     JSON,
    rev         BIGINT NOT NULL
);

CREATE TABLE core.feed (
    feed           VARCHAR PRIMARY KEY,
    url            VARCHAR NOT NULL,
    outlet         VARCHAR,
    lang           VARCHAR,
    country        VARCHAR,
    tier           INTEGER,
    active         BOOLEAN NOT NULL DEFAULT true,
    state          VARCHAR NOT NULL DEFAULT 'NEW',
    state_reason   VARCHAR,
    etag           VARCHAR,
    last_modified  VARCHAR,
    body_hash      UBIGINT,
    first_poll_at  TIMESTAMPTZ,
    last_poll_at   TIMESTAMPTZ,
    last_ok        TIMESTAMPTZ,
    newest_item_at TIMESTAMPTZ,
    next_poll_at   TIMESTAMPTZ,
    failures       DOUBLE NOT NULL DEFAULT 0,
    last_error     VARCHAR,
    rev            BIGINT NOT NULL
);

CREATE TABLE core.feed_poll (
    run_id     VARCHAR,
    feed       VARCHAR NOT NULL,
    polled_at  TIMESTAMPTZ NOT NULL,
    outcome    VARCHAR NOT NULL,
    status     INTEGER,
    bytes      BIGINT,
    entries    INTEGER,
    new_entries INTEGER,
    duration_s DOUBLE,
    error      VARCHAR,
    rev        BIGINT NOT NULL
);

-- Entries whose page is still owed: written in the poll's transaction, removed when stored.
CREATE TABLE core.pending_entry (
    entry_key   UBIGINT NOT NULL,
    feed        VARCHAR NOT NULL,
    guid        VARCHAR,
    url         VARCHAR,
    entry       JSON NOT NULL,
    first_seen  TIMESTAMPTZ NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    not_before  TIMESTAMPTZ,
    last_error  VARCHAR,
    state       VARCHAR NOT NULL DEFAULT 'pending',
    backfill    BOOLEAN NOT NULL DEFAULT false,
    rev         BIGINT NOT NULL
);

CREATE TABLE core.run (
    run_id      VARCHAR PRIMARY KEY,
    kind        VARCHAR NOT NULL,
    started_at  TIMESTAMPTZ NOT NULL,
    ended_at    TIMESTAMPTZ,
    state       VARCHAR NOT NULL,
    counts      JSON,
    stages      JSON,
    error       VARCHAR,
    rev         BIGINT NOT NULL
);

CREATE VIEW articles AS
    SELECT article_id, external_id, url, canonical_url, outlet, country, tier, title, body, language,
           author, published_at, fetched_at, story_id, duplicate_of, duplicate_level, provenance,
           words, status, section, feed, guid, method, error, backfill, fold_reason, metadata
    FROM core.article;

CREATE VIEW blocks AS
    SELECT b.article_id, b.n, b.kind, b.reason, b.lang,
           coalesce(b.text, substring(a.body, b.body_at + 1, b.body_len)) AS text, b.rule
    FROM core.block b JOIN core.article a USING (article_id);

CREATE VIEW stories AS
    SELECT story_id, title, first_seen, last_seen, n_articles, n_outlets, n_origins, languages
    FROM core.story;

CREATE VIEW topic_hits AS
    SELECT article_id, story_id, topic, topic_version, level, score, why FROM core.topic_hit;

CREATE VIEW alerts AS
    SELECT alert_key, story_id, topic, channel, state, attempts, created_at, sent_at, slack_ts,
           thread_ts, last_error, kind, severity, article_id, not_before
    FROM core.alert;

CREATE VIEW feeds AS
    SELECT feed, url, outlet, state, last_ok, newest_item_at, next_poll_at, failures, last_error,
           state_reason, lang, country, tier, active
    FROM core.feed;

CREATE VIEW feed_polls AS
    SELECT run_id, feed, polled_at, outcome, status, bytes, entries, new_entries, duration_s, error
    FROM core.feed_poll;

CREATE VIEW runs AS
    SELECT run_id, kind, started_at, ended_at,
           date_diff('millisecond', started_at, ended_at) / 1000.0 AS duration_s,
           state, counts, stages, error
    FROM core.run;
