-- question: Which topics rise: stories that began this week against the mean of the four weeks before?
-- param: days = 7 -- length of a week
-- columns: topic, stories now, mean before, ratio
-- cost: reads the stories of five weeks and their topic hits
WITH hit AS (
    SELECT DISTINCT h.topic, s.story_id, s.first_seen
    FROM stories s JOIN topic_hits h USING (story_id)
    WHERE s.first_seen >= days_ago(5 * CAST($days AS INTEGER))
)
SELECT topic,
       count(*) FILTER (first_seen >= days_ago($days)) AS stories_now,
       round(count(*) FILTER (first_seen < days_ago($days)) / 4.0, 1) AS mean_before,
       round(stories_now / greatest(0.25, mean_before), 1) AS ratio
FROM hit GROUP BY topic ORDER BY ratio DESC, topic;
