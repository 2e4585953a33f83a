-- question: How did the last runs go?
-- param: days = 2
-- columns: start, kind, state, seconds, counts, error
-- cost: reads the runs
SELECT started_at, kind, state, round(duration_s, 1) AS seconds, counts, error
FROM runs WHERE started_at >= days_ago($days) ORDER BY started_at DESC;
