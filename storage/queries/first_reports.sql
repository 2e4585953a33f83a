-- question: Who was first with each story of a topic, and how much later came the others?
-- param: topic -- a topic's name
-- param: days = 7
-- columns: story, first outlet and time, second outlet and its delay in minutes, outlets in all
-- cost: reads the topic's hits
WITH report AS (
    SELECT story_id, outlet, min(seen_at) AS at_first, arg_min(title, seen_at) AS title
    FROM hits_of($topic, days := $days) GROUP BY story_id, outlet
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY story_id ORDER BY at_first, outlet) AS place
    FROM report
)
SELECT story_id, any_value(title) FILTER (place = 1) AS title,
       any_value(outlet) FILTER (place = 1) AS first_outlet,
       min(at_first) AS first_at,
       any_value(outlet) FILTER (place = 2) AS second_outlet,
       date_diff('minute', min(at_first), min(at_first) FILTER (place = 2)) AS minutes_later,
       count(*) AS outlets
FROM ranked GROUP BY story_id ORDER BY first_at DESC;
