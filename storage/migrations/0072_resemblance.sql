-- How alike texts are, so that stories can be put together anew when more texts come
-- (storage/grouping.py, docs/adr/0030-stories.md). A few rows per text on a topic, hardly any for
-- others; rows come in the order of time, so that the zone maps on `at_s` find them without an index.
CREATE TABLE core.resemblance (
    article_id BIGINT NOT NULL,
    other_id   BIGINT NOT NULL,
    at_s       BIGINT NOT NULL,
    margin     FLOAT NOT NULL,
    rev        BIGINT NOT NULL
);
COMMENT ON TABLE core.resemblance IS 'Pairs of first texts that may tell of one event.';
COMMENT ON COLUMN core.resemblance.margin IS 'Log-odds above what is asked of a pair; 0 is the bar.';
COMMENT ON COLUMN core.story_event.kind IS 'merge, split, move (of texts to a story that was there), undo';

-- Stories of before stay as they are: their texts resemble each other as much as texts can.
INSERT INTO core.resemblance
SELECT greatest(a.article_id, b.article_id), least(a.article_id, b.article_id),
       greatest(a.at_s, b.at_s), 8.0, a.rev
FROM core.sketch a JOIN core.sketch b
    ON b.story_id = a.story_id AND b.article_id > a.article_id
WHERE a.article_id = a.root AND b.article_id = b.root AND abs(a.at_s - b.at_s) <= 3 * 86400
  AND least(a.at_s, b.at_s) >= (SELECT max(at_s) FROM core.sketch) - 21 * 86400
ORDER BY 3;
