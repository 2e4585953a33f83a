-- What the articles of a site teach about its boilerplate (extractors/site_memory.py, ADR 0010).
-- One row an article, at most 48 a host: `seq` counts the host's articles, and a new one takes the
-- place of the one with the same `seq % 48`, so a site that changes is forgotten by itself and the
-- table never grows beyond 48 rows a host.
CREATE TABLE core.site_lesson (
    host       VARCHAR NOT NULL,
    slot       INTEGER NOT NULL,
    seq        BIGINT NOT NULL,
    article_id BIGINT NOT NULL,
    keys       BLOB NOT NULL,
    kinds      VARCHAR NOT NULL,
    stale      BOOLEAN NOT NULL DEFAULT false,
    seen_at    TIMESTAMPTZ NOT NULL,
    rev        BIGINT NOT NULL
);
COMMENT ON TABLE core.site_lesson IS 'Hashes of the lines of the newest articles of each host.';
COMMENT ON COLUMN core.site_lesson.seq IS 'Counts the articles of the host that were learned.';
COMMENT ON COLUMN core.site_lesson.keys IS '8 bytes a line: hash of its normalised spelling.';
COMMENT ON COLUMN core.site_lesson.kinds IS
    'One letter a line: p sentence, l other body line, r removed by a rule, m by this memory.';
COMMENT ON COLUMN core.site_lesson.stale IS
    'A line of its body has become known since: to be cleaned again.';

CREATE VIEW site_memory AS
    SELECT host, count(*)::INTEGER AS articles, max(seq) + 1 AS articles_ever,
           min(seen_at) AS since, max(seen_at) AS last_learned
    FROM core.site_lesson GROUP BY host;
COMMENT ON VIEW site_memory IS
    'Hosts of which presswatch knows recurring lines; the lines: blocks with rule memory:host.';
