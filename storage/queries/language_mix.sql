-- question: In which languages does each outlet write?
-- param: days = 30
-- columns: outlet, language, articles, median words
-- cost: reads the articles of the time
SELECT coalesce(outlet, 'unknown') AS outlet, language, count(*) AS articles,
       median(words) AS median_words
FROM articles WHERE fetched_at >= days_ago($days) AND status = 'ok'
GROUP BY ALL ORDER BY outlet, articles DESC;
