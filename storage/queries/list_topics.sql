-- question: Which topics have hits, how many, in which languages?
-- columns: topic, alert hits, mentions, stories, outlets, languages, newest
-- cost: reads all topic hits
SELECT h.topic, count(*) FILTER (h.level = 'alert') AS alert_hits,
       count(*) FILTER (h.level <> 'alert') AS mentions, count(DISTINCT h.story_id) AS stories,
       count(DISTINCT a.outlet) AS outlets, list_sort(list(DISTINCT a.language)) AS languages,
       max(coalesce(a.published_at, a.fetched_at)) AS newest
FROM topic_hits h JOIN articles a USING (article_id)
GROUP BY h.topic ORDER BY alert_hits DESC, h.topic;
