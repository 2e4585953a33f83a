-- question: Which feeds bring most new items, and at which cost?
-- param: days = 2
-- columns: feed, polls, failed polls, new items, megabytes, seconds
-- cost: reads the polls of the time
SELECT feed, count(*) AS polls, count(*) FILTER (error IS NOT NULL) AS failed,
       sum(new_entries) AS new_items, round(sum(bytes) / 1e6, 3) AS mb,
       round(sum(duration_s), 1) AS seconds
FROM feed_polls WHERE polled_at >= days_ago($days)
GROUP BY feed ORDER BY new_items DESC, feed LIMIT 200;
