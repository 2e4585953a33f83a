-- question: What does cleaning remove most, and from whom?
-- param: days = 7
-- columns: outlet, reason, blocks, characters, an example
-- cost: reads the removed blocks of the time
SELECT coalesce(a.outlet, 'unknown') AS outlet, b.kind, b.reason, count(*) AS blocks,
       sum(length(b.text)) AS chars, left(any_value(b.text), 80) AS example
FROM core.block b JOIN articles a USING (article_id)
WHERE b.kind <> 'body' AND a.fetched_at >= days_ago($days)
GROUP BY ALL ORDER BY chars DESC LIMIT 200;
