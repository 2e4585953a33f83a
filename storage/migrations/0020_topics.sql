-- Topics: which version of each topic the stored articles are matched by, and what people thought
-- of its hits (docs/adr/0020-topics.md).

-- One row each time a topic comes into use, changes or goes out of use; never changed but for
-- `done_to`. Articles up to `upto` were stored before; those up to `done_to` are matched again.
CREATE TABLE core.topic_version (
    topic         VARCHAR NOT NULL,
    topic_version VARCHAR NOT NULL,
    title         VARCHAR,
    in_use_since  TIMESTAMPTZ NOT NULL,
    upto          BIGINT NOT NULL,
    done_to       BIGINT NOT NULL,
    rev           BIGINT NOT NULL
);
COMMENT ON TABLE core.topic_version IS 'One row per version of a topic that was ever in use; the newest row of a topic holds.';
COMMENT ON COLUMN core.topic_version.topic_version IS '12 hex digits of the topic''s meaning; empty: out of use.';
COMMENT ON COLUMN core.topic_version.upto IS 'Articles up to this id were stored before the version came into use.';
COMMENT ON COLUMN core.topic_version.done_to IS 'Articles up to this id are matched again; done when it reaches upto.';

-- What a person said of one hit on the command line. Marks made in Slack are in core.alert_action;
-- storage/topics.py counts both.
CREATE TABLE core.topic_feedback (
    topic         VARCHAR NOT NULL,
    article_id    BIGINT NOT NULL,
    story_id      BIGINT,
    topic_version VARCHAR,
    verdict       VARCHAR NOT NULL,
    reason        VARCHAR,
    actor         VARCHAR,
    outlet        VARCHAR,
    phrases       VARCHAR[],
    marked_at     TIMESTAMPTZ NOT NULL,
    rev           BIGINT NOT NULL
);
COMMENT ON TABLE core.topic_feedback IS 'Marks of people on topic hits; only added to. The newest mark of an article counts.';
COMMENT ON COLUMN core.topic_feedback.verdict IS 'relevant or not_relevant';
COMMENT ON COLUMN core.topic_feedback.phrases IS 'The phrases that had hit when the mark was made.';

CREATE VIEW topic_versions AS
    SELECT topic, topic_version, title, in_use_since, upto, done_to FROM core.topic_version;

CREATE VIEW topic_feedback AS
    SELECT topic, article_id, story_id, topic_version, verdict, reason, actor, outlet, phrases,
           marked_at
    FROM core.topic_feedback;
