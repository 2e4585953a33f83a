"""Sending as a whole: digests, the summary of old articles, operators' messages, clicks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.alert_hits import SETTINGS, TOPIC, hit, put
from support.slack_server import APP_TOKEN, TOKEN, WEBHOOK_PATH, Rules, SlackServer
from support.socket_mode_server import SocketModeServer

from alerts.buttons import Click
from alerts.sender import DrainReport, Pace
from flows.sending import apply_click, clicks_taken, send_due
from flows.settings import Secrets, Settings
from storage import outbox
from storage.alert_actions import active_mutes
from storage.database import Store

FAST = Pace(interval_s=0.02, settle_s=0.4, first_backoff_s=0.1)
KEY = "s1/opcon/#presswatch"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(Rules(per_second=200.0)) as server:
        server.add_channel("C0OPS", "ops")
        yield server


def go(store: Store, slack: SlackServer, *, token: str = TOKEN, **more: Any) -> DrainReport:
    settings = Settings(slack_base_url=slack.base_url, ops_channel=more.pop("ops", ""))
    secrets = Secrets(bot_token=token)
    return send_due(store, settings, secrets, pace=FAST, deadline_s=10, **more)


def state_of(store: Store, where: str) -> list[tuple[Any, ...]]:
    with store.write() as tx:
        return tx.con.execute(
            f"SELECT alert_key, state, slack_ts, reason FROM core.alert WHERE {where} ORDER BY 1"
        ).fetchall()


def click(action: str, n: int = 1, **more: Any) -> Click:
    at = datetime.now(UTC)
    return Click(
        action_id=f"slack:{n}",
        action=action,  # type: ignore[arg-type]
        alert_key=KEY,
        actor="kim",
        at=at,
        **more,
    )


def do(store: Store, the_click: Click) -> str | None:
    with store.write() as tx:
        return apply_click(tx, the_click, timezone="Asia/Seoul")


# ---------------------------------------------------------------------- digests
def test_three_hundred_old_articles_are_one_message(store: Store, slack: SlackServer) -> None:
    put(store, *(hit(n, story=n, backfill=True) for n in range(1, 301)))
    go(store, slack)
    [message] = slack.state.messages
    assert "300 stories match" in str(message.body["blocks"])
    lines = state_of(store, "kind = 'item'")
    assert len(lines) == 300
    assert {(state, ts) for _, state, ts, _ in lines} == {("sent", message.ts)}
    go(store, slack)
    assert len(slack.state.messages) == 1


def test_what_is_over_the_cap_comes_in_one_digest(store: Store, slack: SlackServer) -> None:
    settings = replace(SETTINGS, hourly_cap=2)
    put(store, *(hit(n, story=n) for n in range(1, 8)), settings=settings)
    go(store, slack)
    parents = [key for key in slack.alert_keys() if key.startswith("s")]
    assert len(parents) == 2
    [digest] = [m for m in slack.state.messages if str(m.alert_key).startswith("digest/")]
    assert "5 stories" in digest.body["text"]
    assert "over the cap of 2" in str(digest.body["blocks"])


def test_a_kill_between_digest_and_its_record_sends_no_second_digest(
    store: Store, slack: SlackServer
) -> None:
    topic = replace(TOPIC, mentions="digest")
    put(store, hit(1, topic=topic, level="mention"))
    slack.faults.append("timeout_after")
    slack.rules.hang_s = 0.1
    go(store, slack)
    go(store, slack)
    assert len(slack.state.messages) == 1
    assert [state for _, state, _, _ in state_of(store, "kind = 'item'")] == ["sent"]


def test_printed_digests_read_as_text(store: Store) -> None:
    put(store, hit(1, backfill=True))
    shown: list[str] = []
    send_due(store, Settings(), Secrets(), show=shown.append, pace=FAST)
    assert len(shown) == 1
    assert shown[0].startswith("[digest] 1 story matches a topic")


# ---------------------------------------------------------------------- operators
def test_operators_hear_of_a_change_once_and_of_its_end(store: Store, slack: SlackServer) -> None:
    def event(state: str, *, good: bool = False) -> bool:
        with store.write() as tx:
            return outbox.ops_event(
                tx, "feed:A", f"feed A is {state}", state, channel="#ops", good=good
            )

    assert event("ok", good=True)
    assert event("dead")
    assert not event("dead")
    go(store, slack)
    assert not event("dead")
    assert event("ok", good=True)
    go(store, slack)
    assert [m.body["text"] for m in slack.state.messages] == ["feed A is dead", "feed A is ok"]


def test_a_trouble_that_is_over_before_it_was_told_is_not_told(
    store: Store, slack: SlackServer
) -> None:
    for state, good in (("dead", False), ("ok", True)):
        with store.write() as tx:
            outbox.ops_event(tx, "feed:A", state, state, channel="#ops", good=good)
    go(store, slack)
    assert slack.state.messages == []


def test_a_stopped_channel_is_reported_to_the_operators_once(
    store: Store, slack: SlackServer
) -> None:
    slack.state.members.discard("C0OPCON")
    put(store, hit(1))
    for _ in range(3):
        go(store, slack, ops="#ops")
    [told] = slack.state.messages
    assert "invite the app" in told.body["text"]
    slack.state.members.add("C0OPCON")
    go(store, slack, ops="#ops")
    texts = [m.body["text"] for m in slack.state.messages]
    assert len(texts) == 3
    assert texts[-1] == "Alerts to #presswatch go through again."


def test_an_unclear_message_that_cannot_be_looked_up_is_reported_once(
    store: Store, slack: SlackServer
) -> None:
    slack.rules.scopes = "chat:write"
    put(store, hit(1))
    slack.faults.append("fatal_error_after")
    go(store, slack, ops="#ops")
    with store.write() as tx:
        tx.con.execute("UPDATE core.alert SET sending_at = ?", [tx.now - timedelta(hours=1)])
    go(store, slack, ops="#ops")
    go(store, slack, ops="#ops")
    told = [m.body["text"] for m in slack.state.messages if m.channel == "C0OPS"]
    assert len(told) == 1
    assert "no clear answer" in told[0]
    assert len([m for m in slack.state.messages if m.channel == "C0OPCON"]) == 1


# ---------------------------------------------------------------------- clicks
def test_an_acknowledgement_shows_on_the_parent_and_a_replay_changes_nothing(
    store: Store, slack: SlackServer
) -> None:
    put(store, hit(1))
    go(store, slack)
    assert "acknowledged by kim" in str(do(store, click("ack")))
    assert do(store, click("ack")) is None
    go(store, slack)
    go(store, slack)
    [parent] = slack.state.messages
    assert parent.edits == 1
    assert str(parent.body["blocks"]).count("acknowledged by kim") == 1
    with store.write() as tx:
        rows = tx.con.execute("SELECT action, actor, source, story_id FROM core.alert_action")
        assert rows.fetchall() == [("ack", "kim", "slack", 1)]


def test_a_muted_story_is_edited_but_silent(store: Store, slack: SlackServer) -> None:
    put(store, hit(1))
    go(store, slack)
    do(store, click("mute_story"))
    put(store, hit(2))
    go(store, slack)
    [parent] = slack.state.messages
    assert "story muted by kim" in str(parent.body["blocks"])
    assert "Outlet 2" in str(parent.body["blocks"])


def test_muting_a_topic_takes_back_what_has_not_left_and_ends_by_itself(
    store: Store, slack: SlackServer
) -> None:
    put(store, hit(1))
    go(store, slack)
    put(store, hit(2, story=2))
    now = datetime.now(UTC)
    do(store, click("mute_topic", until=now + timedelta(hours=24)))
    put(store, hit(3, story=3))
    go(store, slack)
    assert slack.alert_keys() == [KEY]
    taken = state_of(store, "story_id IN (2, 3)")
    assert [(state, "mute" in str(reason)) for _, state, _, reason in taken] == [
        ("withdrawn", True),
        ("withdrawn", True),
    ]
    with store.write() as tx:
        assert len(active_mutes(tx.con, now=now)) == 1
        assert active_mutes(tx.con, now=now + timedelta(hours=25)) == ()


def test_why_is_answered_in_the_thread(store: Store, slack: SlackServer) -> None:
    put(store, hit(1))
    go(store, slack)
    do(store, click("why"))
    go(store, slack)
    [reply] = slack.replies(slack.parents()[0].ts)
    assert "OPCON transfer" in reply.body["text"]
    assert "topics explain" in str(reply.body["blocks"])


def test_a_click_on_an_alert_that_is_gone_does_nothing(store: Store) -> None:
    assert do(store, click("ack")) is None


def test_a_click_in_slack_is_stored_and_edits_the_parent_at_once(
    store: Store, slack: SlackServer
) -> None:
    settings = Settings(slack_base_url=slack.base_url)
    secrets = Secrets(bot_token=TOKEN, app_token=APP_TOKEN)
    put(store, hit(1))
    send_due(store, settings, secrets, pace=FAST, deadline_s=10)
    [parent] = slack.state.messages
    [actions] = [b for b in parent.body["blocks"] if b["type"] == "actions"]
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "kim"},
        "actions": [
            {
                "block_id": actions["block_id"],
                "action_id": "presswatch_ack",
                "value": "ack",
                "action_ts": "1763790000.5",
            }
        ],
    }
    said: list[str] = []
    with SocketModeServer() as socket_mode:
        slack.socket_url = socket_mode.url
        with clicks_taken(store, settings, secrets, say=said.append):
            socket_mode.deliver("e1", payload)
            socket_mode.deliver("e2", payload)
            assert {socket_mode.answered.get(timeout=10) for _ in range(2)} == {"e1", "e2"}
    send_due(store, settings, secrets, pace=FAST, deadline_s=10)
    assert len(said) == 1
    assert "acknowledged by kim" in str(parent.body["blocks"])


# ---------------------------------------------------------------------- secrets
def test_the_webhook_mode_posts_parents_only(store: Store, slack: SlackServer) -> None:
    secrets = Secrets(webhook_url=slack.base_url.removesuffix("/api/") + WEBHOOK_PATH)
    put(store, hit(1))
    send_due(store, Settings(), secrets, pace=FAST, deadline_s=5)
    put(store, hit(2))
    send_due(store, Settings(), secrets, pace=FAST, deadline_s=5)
    assert len(slack.state.webhook) == 1


def test_no_secret_is_in_the_database(store: Store, slack: SlackServer) -> None:
    put(store, *(hit(n, story=n) for n in range(1, 6)))
    slack.faults.extend(["redirect_before", "portal_before", "fatal_error_after", "reset_after"])
    go(store, slack)
    go(store, slack, token="xoxb-wrong-secret")
    with store.write() as tx:
        everything = str(tx.con.execute("SELECT * FROM core.alert").fetchall())
    assert TOKEN not in everything
    assert "xoxb-" not in everything.replace("xoxb-...", "")
