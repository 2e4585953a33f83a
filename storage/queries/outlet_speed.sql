-- question: How long after the first report does each outlet have a story?
-- param: days = 30
-- columns: outlet, stories, times first, median minutes behind
-- cost: reads the articles of the time
WITH own AS (
    SELECT story_id, outlet, min(coalesce(published_at, fetched_at)) AS at_first
    FROM articles
    WHERE fetched_at >= days_ago($days) AND outlet IS NOT NULL AND story_id IS NOT NULL
    GROUP BY ALL
), story AS (
    SELECT story_id, min(at_first) AS began FROM own GROUP BY story_id HAVING count(*) > 1
)
SELECT outlet, count(*) AS stories, count(*) FILTER (at_first = began) AS times_first,
       median(date_diff('minute', began, at_first)) AS median_minutes_behind
FROM own JOIN story USING (story_id)
GROUP BY outlet ORDER BY times_first DESC, outlet LIMIT 200;
