"""The outbox in a real DuckDB file, drained against a Slack that enforces Slack's rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.alert_hits import hit, put
from support.slack_server import TOKEN, Rules, SlackServer

from alerts.intents import EVIDENCE_GONE, STORY_MERGED
from alerts.models import TopicInfo
from alerts.sender import DrainReport, Pace, drain
from alerts.slack import SlackPoster, WebhookPoster
from storage import outbox
from storage.alert_stories import move_alerts, return_alerts
from storage.database import Store

FAST = Pace(interval_s=0.02, settle_s=0.6, window_s=5.0, first_backoff_s=0.1)


class QuickClock:
    """Real time; waiting for a due time is real too, but the test server's pace is fast."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        import time

        time.sleep(min(seconds, 1.0))


def send(store: Store, poster: Any, *, deadline_s: float = 20.0, **more: Any) -> DrainReport:
    with outbox.sender_lock(store):
        return drain(
            outbox.StoreOutbox(store),
            poster,
            QuickClock(),
            pace=more.pop("pace", FAST),
            deadline_s=deadline_s,
            **more,
        )


def states(store: Store) -> dict[str, str]:
    with store.write() as tx:
        rows = tx.con.execute("SELECT alert_key, state FROM core.alert").fetchall()
    return dict(rows)


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(Rules(per_second=100.0, hang_s=0.8)) as server:
        yield server


@pytest.fixture
def poster(slack: SlackServer) -> SlackPoster:
    return SlackPoster(TOKEN, slack.base_url, timeout_s=0.5)


def test_a_first_article_posts_one_parent_with_metadata(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    assert put(store, hit(1)) == 1
    report = send(store, poster)
    assert report.sent == 1
    [message] = slack.state.messages
    assert message.alert_key == "s1/opcon/#presswatch"
    assert message.body["client_msg_id"]
    assert message.body["unfurl_links"] is False
    assert states(store) == {"s1/opcon/#presswatch": "sent"}
    assert slack.state.violations == []


def test_writing_the_same_hit_twice_owes_one_message(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1))
    assert put(store, hit(1)) == 0
    send(store, poster)
    assert put(store, hit(1)) == 0
    send(store, poster)
    assert len(slack.state.messages) == 1


def test_a_later_outlet_edits_the_parent_and_replies_in_its_thread(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1))
    send(store, poster)
    put(store, hit(2, outlet="Second Daily"))
    send(store, poster)
    [parent] = slack.parents()
    [reply] = slack.replies(parent.ts)
    assert parent.edits == 1
    assert "Second Daily" in str(parent.body["blocks"])
    assert "Second Daily" in str(reply.body["blocks"])
    assert reply.body["reply_broadcast"] is False


def test_a_later_outlet_joins_a_parent_that_is_not_sent_yet(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1))
    put(store, hit(2, outlet="Second Daily"), hit(3, outlet="Third Daily"))
    send(store, poster)
    [message] = slack.state.messages
    assert "Third Daily" in str(message.body["blocks"])


def test_two_topics_of_one_story_are_two_parents(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    other = TopicInfo(topic="ssn", title="Attack submarines", topic_version="x")
    put(store, hit(1), hit(1, topic=other))
    send(store, poster)
    assert sorted(slack.alert_keys()) == ["s1/opcon/#presswatch", "s1/ssn/#presswatch"]


@pytest.mark.parametrize(
    "fault",
    [
        "timeout_before",
        "timeout_after",
        "reset_before",
        "reset_after",
        "truncated_after",
        "no_length_truncated_after",
        "fatal_error_before",
        "fatal_error_after",
        "redirect_before",
        "portal_before",
        "portal_after",
        "empty_after",
        "429_float",
        "500_before",
        "500_after",
        "503_before",
        "504_after",
        "late_store",
    ],
)
def test_each_fault_ends_with_the_message_in_the_channel_exactly_once(
    store: Store, slack: SlackServer, poster: SlackPoster, fault: str
) -> None:
    put(store, hit(1))
    slack.faults.append(fault)
    send(store, poster)
    assert slack.alert_keys() == ["s1/opcon/#presswatch"]
    assert states(store) == {"s1/opcon/#presswatch": "sent"}
    assert slack.state.stolen == []
    with store.write() as tx:
        row = tx.con.execute("SELECT slack_ts FROM core.alert").fetchone()
    assert row == (slack.state.messages[0].ts,)


def test_a_sender_that_died_after_posting_is_followed_by_a_look_up_not_a_second_post(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1), hit(2, story=2))
    with store.write() as tx:
        claimed = outbox.claim(tx, tx.now, per_channel=4)
    first, _ = claimed.items
    from alerts.message import message_for

    message = message_for(first.kind, first.payload, message_id=first.message_id)
    poster.post(first.channel, message, message_id=first.message_id)  # and then: kill -9
    send(store, SlackPoster(TOKEN, slack.base_url, timeout_s=0.5))
    assert sorted(slack.alert_keys()) == ["s1/opcon/#presswatch", "s2/opcon/#presswatch"]
    assert set(states(store).values()) == {"sent"}


def test_without_the_scope_to_read_an_unclear_message_stays_unknown_and_is_never_repeated(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    slack.rules.scopes = "chat:write"
    put(store, hit(1))
    slack.faults.append("timeout_after")
    send(store, poster)
    send(store, poster, deadline_s=2)
    assert states(store) == {"s1/opcon/#presswatch": "unknown"}
    assert len(slack.state.messages) == 1
    with store.write() as tx:
        row = tx.con.execute("SELECT last_error FROM core.alert").fetchone()
    assert row is not None
    assert "channels:history" in row[0]


def test_a_wrong_token_stops_after_one_call_and_says_what_to_do(
    store: Store, slack: SlackServer
) -> None:
    put(store, *(hit(n, story=n) for n in range(1, 6)))
    wrong = SlackPoster("xoxb-wrong-token", slack.base_url)
    report = send(store, wrong)
    assert report.problems == {
        "account": "Slack refused the token (invalid_auth): set SLACK_BOT_TOKEN to the bot token "
        "(xoxb-...) of your Slack app"
    }
    assert [name for name, _ in slack.state.calls] == ["chat.postMessage"]
    report = send(store, SlackPoster(TOKEN, slack.base_url))
    assert report.sent == 5
    assert len(slack.state.messages) == 5


def test_a_channel_that_refuses_stops_alone(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    slack.add_channel("C0OTHER", "other", member=False)
    other = TopicInfo(topic="ssn", title="Submarines", topic_version="x", channel="#other")
    put(store, *(hit(n, story=n, topic=other) for n in range(1, 4)), hit(9, story=9))
    report = send(store, poster)
    assert report.sent == 1
    assert "invite the app" in report.problems["#other"]
    slack.state.members.add("C0OTHER")
    assert send(store, poster).sent == 3


def test_a_wait_that_slack_asks_for_is_kept_and_not_slept_in_a_worker(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1))
    slack.faults.append("429_missing")
    report = send(store, poster, deadline_s=3)
    assert report.sent == 0
    with store.write() as tx:
        row = tx.con.execute("SELECT state, not_before, attempts FROM core.alert").fetchone()
    assert row is not None
    assert row[0] == "pending"
    assert row[1] > datetime.now(UTC) + timedelta(seconds=20)
    assert row[2] == 0


def test_without_a_secret_the_message_is_printed_once(store: Store) -> None:
    put(store, hit(1))
    shown: list[str] = []
    report = send(store, None, show=shown.append)
    send(store, None, show=shown.append)
    assert report.printed == 1
    assert len(shown) == 1
    assert "*OPCON transfer*" in shown[0]
    assert states(store) == {"s1/opcon/#presswatch": "printed"}


def test_a_webhook_gets_the_parent_and_no_replies(store: Store, slack: SlackServer) -> None:
    poster = WebhookPoster(slack.webhook_url)
    put(store, hit(1))
    send(store, poster)
    put(store, hit(2))
    send(store, poster)
    assert len(slack.state.webhook) == 1
    assert states(store)["s1/opcon/#presswatch/r2"] == "withdrawn"


def test_two_senders_never_run_at_once(store: Store) -> None:
    from storage.errors import StoreLocked

    refused = pytest.raises(StoreLocked, match="another presswatch")
    with outbox.sender_lock(store), refused, outbox.sender_lock(store):
        pass


# ---------------------------------------------------------------------- stories that become one
def merge(store: Store, gone: int, into: int) -> None:
    with store.write() as tx:
        move_alerts(tx, gone, into)


def test_a_merged_story_keeps_its_thread_and_is_not_alerted_again(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1, story=7))
    send(store, poster)
    merge(store, 7, 3)
    put(store, hit(2, story=3))
    send(store, poster)
    [parent] = slack.parents()
    assert len(slack.replies(parent.ts)) == 1
    assert parent.edits == 1


def test_a_parent_that_has_not_left_is_withdrawn_when_the_other_story_has_one(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1, story=3))
    send(store, poster)
    put(store, hit(2, story=7))
    merge(store, 7, 3)
    send(store, poster)
    assert slack.alert_keys() == ["s3/opcon/#presswatch"]
    assert states(store)["s7/opcon/#presswatch"] == "withdrawn"


def test_a_sent_parent_takes_over_from_one_that_has_not_left(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1, story=7))
    send(store, poster)
    put(store, hit(2, story=3))
    merge(store, 7, 3)
    put(store, hit(3, story=3))
    send(store, poster)
    assert [m.alert_key for m in slack.parents()] == ["s7/opcon/#presswatch"]
    assert len(slack.replies(slack.parents()[0].ts)) == 1


@pytest.mark.parametrize(
    ("reason", "told"),
    [(EVIDENCE_GONE, True), (f"{STORY_MERGED} into 3", True), ("story muted by a person", False)],
)
def test_news_opens_an_alert_that_was_withdrawn_before_it_left(
    store: Store, slack: SlackServer, poster: SlackPoster, reason: str, told: bool
) -> None:
    put(store, hit(1))
    with store.write() as tx:
        assert outbox.withdraw(tx, ["s1/opcon/#presswatch"], reason) == 1
    assert put(store, hit(1)) == 0  # the same article is no news
    put(store, hit(2), hit(3))
    send(store, poster)
    assert slack.alert_keys() == (["s1/opcon/#presswatch"] if told else [])
    if told:
        assert "part 2" in str(slack.parents()[0].body["blocks"])


def test_when_both_are_in_slack_the_moved_ones_thread_says_so_once(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1, story=3), hit(2, story=7))
    send(store, poster)
    merge(store, 7, 3)
    merge(store, 7, 3)
    send(store, poster)
    moved = next(m for m in slack.parents() if m.alert_key == "s7/opcon/#presswatch")
    assert len(slack.replies(moved.ts)) == 1
    assert len(slack.parents()) == 2


def test_an_unclear_parent_is_still_found_after_its_story_was_merged(
    store: Store, slack: SlackServer, poster: SlackPoster
) -> None:
    put(store, hit(1, story=7))
    slack.faults.append("reset_after")
    send(store, poster, pace=replace(FAST, settle_s=60.0))
    assert states(store) == {"s7/opcon/#presswatch": "unknown"}
    merge(store, 7, 3)
    with store.write() as tx:
        tx.con.execute("UPDATE core.alert SET not_before = NULL")
    send(store, poster)
    assert len(slack.state.messages) == 1
    assert states(store) == {"s7/opcon/#presswatch": "sent"}


def test_undoing_a_merge_gives_the_alert_back(store: Store, poster: SlackPoster) -> None:
    put(store, hit(1, story=7))
    send(store, poster)
    merge(store, 7, 3)
    with store.write() as tx:
        return_alerts(tx, 7)
        assert tx.con.execute("SELECT story_id FROM core.alert").fetchall() == [(7,)]
