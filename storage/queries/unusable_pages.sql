-- question: From which outlets do we get no text, and why?
-- param: days = 7
-- columns: outlet, status, pages, share of the outlet's pages, an example
-- cost: reads the articles of the time
SELECT * FROM (
    SELECT coalesce(outlet, 'unknown') AS outlet, status, count(*) AS pages,
           round(count(*) / sum(count(*)) OVER (PARTITION BY coalesce(outlet, 'unknown')), 2)
               AS share,
           any_value(url) AS example, any_value(error) AS error
    FROM articles WHERE fetched_at >= days_ago($days)
    GROUP BY ALL
)
WHERE status NOT IN ('ok', 'feed_content')
ORDER BY pages DESC LIMIT 200;
