-- question: Which alerts did people find wanting, per topic?
-- param: days = 30
-- columns: topic, alerts, marked not relevant, acknowledged, share not relevant
-- cost: reads the alerts of the time
WITH mark AS (
    SELECT alert_key, bool_or(action = 'not_relevant') AS bad, bool_or(action = 'ack') AS ack
    FROM alert_actions WHERE alert_key IS NOT NULL GROUP BY alert_key
), said AS (
    SELECT story_id, topic, arg_max(verdict, marked_at) AS verdict FROM topic_feedback GROUP BY ALL
)
SELECT l.topic, count(*) AS alerts,
       count(*) FILTER (mark.bad OR said.verdict = 'not_relevant') AS not_relevant,
       count(*) FILTER (mark.ack OR said.verdict = 'relevant') AS acknowledged,
       round(not_relevant / count(*), 2) AS share_not_relevant
FROM alerts l LEFT JOIN mark USING (alert_key)
     LEFT JOIN said ON said.story_id = l.story_id AND said.topic = l.topic
WHERE l.kind = 'alert' AND l.created_at >= days_ago($days)
GROUP BY l.topic ORDER BY not_relevant DESC, l.topic;
