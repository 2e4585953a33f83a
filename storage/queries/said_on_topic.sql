-- question: What did outlets say on a topic in the last days?
-- param: topic -- a topic's name, see list_topics
-- param: days = 7
-- columns: one row an article that is no copy, newest first
-- cost: reads the topic's hits
SELECT seen_at, outlet, language, title, level, url
FROM hits_of($topic, days := $days)
WHERE article_id NOT IN (SELECT article_id FROM articles WHERE duplicate_of IS NOT NULL)
ORDER BY seen_at DESC;
