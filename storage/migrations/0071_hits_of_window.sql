-- hits_of read all hits of all time: an article seen within the days was fetched within them too, so
-- that the first one's number bounds the hits to be read (docs/adr/0060-search-index.md).
CREATE OR REPLACE MACRO hits_of(wanted_topic, days := 7) AS TABLE
    SELECT coalesce(a.published_at, a.fetched_at) AS seen_at, a.outlet, a.country, a.language,
           a.title, h.level, h.score, h.story_id, a.article_id,
           coalesce(a.canonical_url, a.url) AS url
    FROM core.topic_hit h JOIN core.article a USING (article_id)
    WHERE h.topic = wanted_topic
          AND coalesce(a.published_at, a.fetched_at) >= now() - to_days(CAST(days AS INTEGER))
          AND h.article_id >= (
              SELECT min(article_id) FROM core.article
              WHERE fetched_at >= now() - to_days(CAST(days AS INTEGER)))
    ORDER BY seen_at DESC;
