-- question: Which topics had hits in the last days, how many, in which languages?
-- param: days = 90 -- 36500 for all
-- columns: topic, alert hits, mentions, stories, outlets, languages, newest
-- cost: reads the articles of these days and their topic hits
SELECT h.topic, count(*) FILTER (h.level = 'alert') AS alert_hits,
       count(*) FILTER (h.level <> 'alert') AS mentions, count(DISTINCT h.story_id) AS stories,
       count(DISTINCT a.outlet) AS outlets, list_sort(list(DISTINCT a.language)) AS languages,
       max(coalesce(a.published_at, a.fetched_at)) AS newest
FROM topic_hits h JOIN articles a USING (article_id)
WHERE a.fetched_at >= days_ago($days)
      AND h.article_id >= (SELECT min(article_id) FROM articles WHERE fetched_at >= days_ago($days))
GROUP BY h.topic ORDER BY alert_hits DESC, h.topic;
