-- question: Who reported a story, in which order, and who copied?
-- param: story -- its story_id
-- columns: time, outlet, language, title, how it relates to an earlier text
-- cost: reads one story's articles
SELECT seen_at, outlet, language, title, coalesce(duplicate_level, 'own text') AS text, url
FROM reports_of(CAST($story AS BIGINT));
