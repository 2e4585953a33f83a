-- question: Which stories went through most outlets and languages?
-- param: days = 2
-- columns: story, outlets, independent origins, articles, languages
-- cost: reads the stories
SELECT story_id, title, n_outlets, n_origins, n_articles, languages, first_seen, last_seen
FROM stories WHERE last_seen >= days_ago($days)
ORDER BY n_outlets DESC, n_articles DESC, story_id LIMIT 100;
