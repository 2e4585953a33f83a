-- question: Which topics rise: stories this week against the mean of the four weeks before?
-- param: days = 7 -- length of a week
-- columns: topic, stories now, mean before, ratio
-- cost: reads all topic hits, for the first of each story
WITH hit AS (
    SELECT h.topic, h.story_id, min(coalesce(a.published_at, a.fetched_at)) AS at_first
    FROM topic_hits h JOIN articles a USING (article_id) GROUP BY ALL
)
SELECT topic,
       count(*) FILTER (at_first >= days_ago($days)) AS stories_now,
       round(count(*) FILTER (at_first < days_ago($days)) / 4.0, 1) AS mean_before,
       round(stories_now / greatest(0.25, mean_before), 1) AS ratio
FROM hit WHERE at_first >= days_ago(5 * CAST($days AS INTEGER))
GROUP BY topic ORDER BY ratio DESC, topic;
