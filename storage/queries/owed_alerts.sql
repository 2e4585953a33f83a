-- question: Which messages are not delivered yet, and why?
-- columns: key, kind, channel, state, attempts, last error
-- cost: reads the outbox
SELECT alert_key, kind, channel, state, attempts, created_at, not_before, last_error
FROM alert_messages WHERE state NOT IN ('sent', 'printed', 'withdrawn')
ORDER BY created_at DESC;
