-- Macros for people's queries (docs/sql-cookbook.md). Their names and columns stay.

CREATE MACRO days_ago(n) AS now() - to_days(CAST(n AS INTEGER));

-- The index's terms of a query (storage/search_terms.py does the same in Python).
CREATE MACRO search_terms(words) AS (
    WITH form AS (
        SELECT translate(nfc_normalize(lower(words)), coalesce(fold_from, ''), coalesce(fold_to, ''))
               AS flat
        FROM core.search_state LIMIT 1
    ), runs AS (
        SELECT unnest(list_concat(
            regexp_extract_all(flat, '[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー]+'),
            regexp_extract_all(
                regexp_replace(flat, '[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー]+', ' ', 'g'),
                '[\p{L}\p{N}]+'))) AS run
        FROM form
    )
    SELECT list_distinct(flatten(list(CASE
        WHEN NOT regexp_matches(run, '^[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー]')
            THEN [md5_number_upper(run) | 9223372036854775808::UBIGINT]
        WHEN length(run) = 1 THEN [CAST(unicode(run) AS UBIGINT) * 2097152]
        ELSE list_transform(range(1, length(run)), lambda i:
            CAST(unicode(run[i]) AS UBIGINT) * 2097152 + CAST(unicode(run[i + 1]) AS UBIGINT))
    END)))
    FROM runs
);

-- FROM search('전작권'): the articles that hold all the words, best first.
CREATE MACRO search(words, n := 100) AS TABLE
    WITH wanted AS (SELECT unnest(search_terms(words)) AS term),
    posting AS (
        SELECT p.term, p.article_id, p.weight FROM core.search_posting p SEMI JOIN wanted USING (term)
        UNION ALL
        SELECT p.term, p.article_id, p.weight FROM core.search_recent p SEMI JOIN wanted USING (term)
    ),
    rarity AS (
        SELECT term, ln(1 + (SELECT count(*) FROM core.article) / count(*)) AS idf
        FROM posting GROUP BY term
    ),
    best AS (
        SELECT article_id, sum(idf * weight * 2.2 / (weight + 1.2)) AS score
        FROM posting JOIN rarity USING (term)
        GROUP BY article_id
        HAVING count(*) = (SELECT count(*) FROM wanted)
    )
    SELECT b.score, a.article_id, a.published_at, a.outlet, a.language, a.title,
           coalesce(a.canonical_url, a.url) AS url, a.story_id, a.duplicate_of
    FROM (FROM best ORDER BY score DESC, article_id DESC LIMIT n) b
         JOIN core.article a USING (article_id)
    ORDER BY b.score DESC, a.article_id DESC;

-- FROM hits_of('opcon', days := 7): articles that hit a topic, newest first.
CREATE MACRO hits_of(wanted_topic, days := 7) AS TABLE
    SELECT coalesce(a.published_at, a.fetched_at) AS seen_at, a.outlet, a.country, a.language,
           a.title, h.level, h.score, h.story_id, a.article_id,
           coalesce(a.canonical_url, a.url) AS url
    FROM core.topic_hit h JOIN core.article a USING (article_id)
    WHERE h.topic = wanted_topic
          AND coalesce(a.published_at, a.fetched_at) >= now() - to_days(CAST(days AS INTEGER))
    ORDER BY seen_at DESC;

-- FROM removed_from(12): what cleaning took from an article, and why.
CREATE MACRO removed_from(wanted_article) AS TABLE
    SELECT n, kind, reason, rule, lang, text FROM core.block
    WHERE article_id = wanted_article AND kind <> 'body' ORDER BY n;

-- FROM reports_of(7): every article of a story in the order of its appearance.
CREATE MACRO reports_of(wanted_story) AS TABLE
    SELECT coalesce(published_at, fetched_at) AS seen_at, outlet, language, title,
           duplicate_level, provenance, article_id, coalesce(canonical_url, url) AS url
    FROM core.article WHERE story_id = wanted_story ORDER BY seen_at, article_id;
