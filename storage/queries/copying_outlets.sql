-- question: Which outlets print others' texts, and whose?
-- param: days = 30
-- columns: outlet, the outlet that had the text first, copies, median delay in minutes
-- cost: reads the articles of the time
SELECT c.outlet, o.outlet AS text_of, count(*) AS copies,
       median(date_diff('minute', coalesce(o.published_at, o.fetched_at),
                        coalesce(c.published_at, c.fetched_at))) AS median_minutes
FROM articles c JOIN articles o ON o.article_id = c.duplicate_of
WHERE c.fetched_at >= days_ago($days) AND c.outlet IS DISTINCT FROM o.outlet
GROUP BY ALL ORDER BY copies DESC LIMIT 200;
