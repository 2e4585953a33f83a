-- As in storage/search.py: what is on a topic comes before what only shares its words.
CREATE OR REPLACE MACRO search(words, n := 100) AS TABLE
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
        SELECT article_id, sum(idf * weight * 2.2 / (weight + 1.2)) *
               CASE WHEN any_value(t.article_id) IS NULL THEN 1 ELSE 2 END AS score
        FROM posting JOIN rarity USING (term)
             LEFT JOIN (SELECT DISTINCT article_id FROM core.topic_hit) t USING (article_id)
        GROUP BY article_id
        HAVING count(*) = (SELECT count(*) FROM wanted)
    )
    SELECT b.score, a.article_id, a.published_at, a.outlet, a.language, a.title,
           coalesce(a.canonical_url, a.url) AS url, a.story_id, a.duplicate_of
    FROM (FROM best ORDER BY score DESC, article_id DESC LIMIT n) b
         JOIN core.article a USING (article_id)
    ORDER BY b.score DESC, a.article_id DESC;
