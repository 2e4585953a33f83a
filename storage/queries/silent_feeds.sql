-- question: Which feeds have gone silent or fail?
-- param: hours = 24 -- no good answer or no new item for so long
-- columns: feed, state, last good answer, newest item, failures, last error
-- cost: reads the feeds
SELECT feed, state, state_reason, last_ok, newest_item_at, failures, last_error
FROM feeds
WHERE active AND (failures > 0 OR last_ok IS NULL
    OR last_ok < now() - to_hours(CAST($hours AS INTEGER))
    OR newest_item_at < now() - to_hours(CAST($hours AS INTEGER)))
ORDER BY failures DESC, last_ok;
