-- The outbox grows up: replies, edits, digests and their items; actions of people; events.

ALTER TABLE core.alert ADD COLUMN parent_key VARCHAR;
ALTER TABLE core.alert ADD COLUMN reason VARCHAR;
ALTER TABLE core.alert ADD COLUMN error_kind VARCHAR;
-- An edit is armed again by each change of its parent; `wanted` tells a change that came while the
-- last edit was under way.
ALTER TABLE core.alert ADD COLUMN wanted INTEGER DEFAULT 1;

COMMENT ON COLUMN core.alert.alert_key IS 'Unique: s<story>/<topic>/<channel> for a parent message';
COMMENT ON COLUMN core.alert.kind IS 'alert, reply, edit, item, digest, summary or ops';
COMMENT ON COLUMN core.alert.state IS 'pending, sending, sent, unknown, failed, withdrawn, printed';
COMMENT ON COLUMN core.alert.parent_key IS 'Reply, edit: its parent alert; item: the digest it is in';
COMMENT ON COLUMN core.alert.reason IS 'Why it is told otherwise than at once, or not at all';
COMMENT ON COLUMN core.alert.error_kind IS 'Failed: channel (the channel is stopped) or message';

-- What people did: by a button in Slack or by the command line. Never changed, only added to.
CREATE TABLE core.alert_action (
    action_id VARCHAR PRIMARY KEY,
    action    VARCHAR NOT NULL,
    alert_key VARCHAR,
    story_id  BIGINT,
    topic     VARCHAR,
    actor     VARCHAR,
    reason    VARCHAR,
    acted_at  TIMESTAMPTZ NOT NULL,
    muted_until TIMESTAMPTZ,
    source    VARCHAR NOT NULL,
    rev       BIGINT NOT NULL
);
COMMENT ON TABLE core.alert_action IS 'ack, not_relevant, mute_story, mute_topic, unmute_*: who, when';

-- One row for each thing whose state the operators are told about, once a change.
CREATE TABLE core.ops_state (
    key        VARCHAR PRIMARY KEY,
    state      VARCHAR NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    changes    INTEGER NOT NULL,
    rev        BIGINT NOT NULL
);

-- One row an alert: the parent messages, digests and operators' messages.
CREATE OR REPLACE VIEW alerts AS
    SELECT a.alert_key, a.story_id, a.topic, a.channel, a.state, a.attempts, a.created_at,
           a.sent_at, a.slack_ts, coalesce(a.thread_ts, a.slack_ts) AS thread_ts, a.last_error,
           a.kind, a.severity, a.article_id, a.not_before, a.reason, a.slack_channel
    FROM core.alert a
    WHERE a.kind NOT IN ('reply', 'edit', 'item');

-- Every row of the outbox: also replies in threads, edits, lines of digests, what was suppressed.
CREATE OR REPLACE VIEW alert_messages AS
    SELECT alert_key, kind, parent_key, story_id, article_id, topic, channel, severity, state,
           reason, attempts, created_at, not_before, sending_at, sent_at, slack_channel, slack_ts,
           thread_ts, last_error, payload
    FROM core.alert;

CREATE OR REPLACE VIEW alert_actions AS
    SELECT action_id, action, alert_key, story_id, topic, actor, reason, acted_at, muted_until, source
    FROM core.alert_action;
