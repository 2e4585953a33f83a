-- question: From which outlets do we get no text, and why?
-- param: days = 7
-- columns: outlet, status, pages, share of the outlet's pages, an example
-- cost: reads the articles of the time
WITH page AS (
    SELECT coalesce(outlet, 'unknown') AS outlet, status, url, error
    FROM articles WHERE fetched_at >= days_ago($days)
), each AS (SELECT outlet, count(*) AS all_pages FROM page GROUP BY outlet)
SELECT outlet, status, count(*) AS pages, round(count(*) / any_value(all_pages), 2) AS share,
       any_value(url) AS example, any_value(error) AS error
FROM page JOIN each USING (outlet)
WHERE status NOT IN ('ok', 'feed_content')
GROUP BY outlet, status ORDER BY pages DESC, outlet LIMIT 200;
