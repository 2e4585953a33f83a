-- question: Which feeds bring the alerts, and which bring none?
-- param: days = 30
-- columns: feed, articles, hits, stories that were alerted, how often it was first
-- cost: reads the articles of the time
WITH own AS (
    SELECT article_id, coalesce(feed, '(no feed)') AS feed, story_id,
           coalesce(published_at, fetched_at) AS seen_at
    FROM articles WHERE fetched_at >= days_ago($days)
), alerted AS (SELECT DISTINCT story_id FROM alerts WHERE kind = 'alert'),
first AS (SELECT story_id, arg_min(feed, seen_at) AS feed FROM own GROUP BY story_id)
SELECT own.feed, count(DISTINCT own.article_id) AS articles,
       count(DISTINCT h.article_id) AS hits,
       count(DISTINCT alerted.story_id) AS alerted_stories,
       count(DISTINCT alerted.story_id) FILTER (first.feed = own.feed) AS was_first
FROM own LEFT JOIN topic_hits h USING (article_id)
     LEFT JOIN alerted ON alerted.story_id = own.story_id
     LEFT JOIN first ON first.story_id = own.story_id
GROUP BY own.feed ORDER BY alerted_stories DESC, hits DESC, articles DESC, own.feed;
