-- question: What was removed from an article, and why?
-- param: article -- its article_id
-- columns: place in the page, kind, reason, rule, the text
-- cost: reads one article's blocks
SELECT n, kind, reason, rule, lang, text FROM removed_from(CAST($article AS BIGINT));
