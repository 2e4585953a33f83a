-- Full-text search (docs/search.md, docs/adr/0060-search-index.md).
-- A posting says that a term is in an article. New ones are appended to search_recent, one sorted
-- piece a transaction; when there are enough they move, sorted by term, to search_posting. So a
-- term's postings lie together in one place per move, and zone maps find them without an index.

CREATE TABLE core.search_posting (
    term       UBIGINT NOT NULL,
    article_id BIGINT NOT NULL,
    weight     UTINYINT NOT NULL,
    rev        BIGINT NOT NULL
);

CREATE TABLE core.search_recent (
    term       UBIGINT NOT NULL,
    article_id BIGINT NOT NULL,
    weight     UTINYINT NOT NULL,
    rev        BIGINT NOT NULL
);

-- Words of scripts with spaces, for searches by a word's beginning; again recent ones apart.
CREATE TABLE core.search_word (
    word VARCHAR NOT NULL,
    rev  BIGINT NOT NULL
);

CREATE TABLE core.search_recent_word (
    word VARCHAR NOT NULL,
    rev  BIGINT NOT NULL
);

-- Articles stored before there was an index: those up to `upto`; done up to `done_to`.
CREATE TABLE core.search_state (
    upto      BIGINT NOT NULL,
    done_to   BIGINT NOT NULL,
    fold_from VARCHAR,
    fold_to   VARCHAR,
    rev       BIGINT NOT NULL
);
INSERT INTO core.search_state
    SELECT coalesce(max(article_id), 0), 0, NULL, NULL, 0 FROM core.article;
