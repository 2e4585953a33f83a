"""The real slack_sdk client on our transport, against a Slack that enforces Slack's rules."""

from __future__ import annotations

import logging
import pickle
import socket
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from support.slack_server import APP_TOKEN, TOKEN, Rules, SlackServer
from support.socket_mode_server import SocketModeServer

from alerts.buttons import Click
from alerts.listener import Listener
from alerts.message import build_note
from alerts.slack import SlackPoster, WebhookPoster, check_token, slack_client
from alerts.view import NoteView
from extractors.errors import AlertError, UsageError
from extractors.guard import AddressGuard

NOTE = build_note(NoteView(alert_key="k", text="hello"), message_id="id-1")


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(Rules(per_second=1e6, hang_s=1.0)) as server:
        yield server


@pytest.fixture
def poster(slack: SlackServer) -> SlackPoster:
    return SlackPoster(TOKEN, slack.base_url, timeout_s=0.5)


def post(poster: SlackPoster | WebhookPoster, n: int = 1, **more: str) -> str:
    message = build_note(NoteView(alert_key=f"k{n}", text="hello"), message_id=f"id-{n}")
    return poster.post("#presswatch", message, message_id=f"id-{n}", **more).meaning


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("fault", "meaning", "stored"),
    [
        ("timeout_after", "unclear", 1),
        ("reset_after", "unclear", 1),
        ("reset_before", "unclear", 0),
        ("truncated_after", "unclear", 1),
        ("no_length_truncated_after", "unclear", 1),
        ("fatal_error_after", "unclear", 1),
        ("redirect_before", "unclear", 0),
        ("portal_before", "unclear", 0),
        ("empty_after", "unclear", 1),
        ("500_after", "unclear", 1),
        ("429_plain", "rate_limited", 0),
        ("429_missing", "rate_limited", 0),
    ],
)
def test_one_call_is_one_request_whatever_the_answer(
    slack: SlackServer, poster: SlackPoster, fault: str, meaning: str, stored: int
) -> None:
    slack.faults.append(fault)
    assert post(poster) == meaning
    assert len(slack.state.calls) == 1
    assert len(slack.state.messages) == stored


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    slack: SlackServer, poster: SlackPoster
) -> None:
    slack.faults.append("redirect_before")
    post(poster)
    assert slack.state.stolen == []


def test_a_channel_made_anew_under_its_name_is_found(slack: SlackServer) -> None:
    slack.state.channels["C0OLD"] = "old-presswatch"
    slack.state.members.add("C0OLD")
    slack.state.archived.add("C0OLD")
    poster = SlackPoster(TOKEN, slack.base_url, channel_ids={"#presswatch": "C0OLD"})
    assert post(poster) == "ok"
    assert slack.state.messages[0].channel == "C0OPCON"


def test_a_refused_connection_is_known_not_to_have_arrived() -> None:
    poster = SlackPoster(TOKEN, f"http://127.0.0.1:{closed_port()}/api/")
    verdict = poster.post("#presswatch", NOTE, message_id="id")
    assert (verdict.meaning, verdict.error) == ("not_sent", "connection refused")


def test_a_proxy_in_the_environment_is_not_used(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert post(SlackPoster(TOKEN, slack.base_url)) == "ok"
    assert post(WebhookPoster(slack.webhook_url)) == "ok"


@pytest.mark.parametrize(
    "fault", [None, "timeout_after", "redirect_before", "portal_before", "500_after", "429_plain"]
)
def test_the_token_is_in_no_log_repr_or_error(
    slack: SlackServer, caplog: pytest.LogCaptureFixture, fault: str | None
) -> None:
    caplog.set_level(logging.DEBUG)
    poster = SlackPoster(TOKEN, slack.base_url, timeout_s=0.3)
    slack.faults.append(fault)
    shown = [repr(poster), repr(poster.post("#presswatch", NOTE, message_id="i")), caplog.text]
    shown += [repr(slack_client(TOKEN)), repr(WebhookPoster(slack.webhook_url))]
    for bad in ("xoxb-wrong-secret", "xoxb-bad\nsecret-\u00e9"):
        try:
            check_token(bad, slack.base_url)
        except (AlertError, UsageError) as error:
            shown.append("".join(traceback.format_exception(error)))
            shown.append(str(pickle.dumps(error)))
    text = " ".join(shown)
    assert "xoxb-wrong-secret" not in text
    assert "xoxb-bad" not in text
    assert TOKEN not in text
    assert "secretwebhook" not in text


@pytest.mark.parametrize("token", ["xoxb-a b", "xoxb-\n1", "xoxb-é"])
def test_a_token_that_cannot_be_one_is_refused_before_any_call(token: str) -> None:
    with pytest.raises(UsageError, match="SLACK_BOT_TOKEN"):
        slack_client(token)


def test_check_token_names_bot_and_workspace_and_what_is_missing(slack: SlackServer) -> None:
    assert check_token(TOKEN, slack.base_url) == "presswatch in Desk"
    slack.rules.scopes = "chat:write"
    assert "channels:history" in check_token(TOKEN, slack.base_url)


def test_a_wrong_token_gives_one_line(slack: SlackServer) -> None:
    with pytest.raises(AlertError) as caught:
        check_token("xoxb-wrong", slack.base_url)
    assert str(caught.value) == (
        "Slack refused the token (invalid_auth): set SLACK_BOT_TOKEN to the bot token (xoxb-...) "
        "of your Slack app"
    )
    assert caught.value.__cause__ is None


# ---------------------------------------------------------------------- looking up
def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


def test_a_message_is_found_by_its_metadata_through_pages_of_fifteen(
    slack: SlackServer, poster: SlackPoster
) -> None:
    slack.rules.history_page = 15
    for n in range(40):
        post(poster, n)
    found = poster.find("#presswatch", {"id-0", "id-39"}, oldest=long_ago())
    assert found.complete
    assert found.channel == "C0OPCON"
    assert found.found["id-0"] == slack.state.messages[0].ts
    assert found.found["id-39"] == slack.state.messages[39].ts


def test_a_look_up_is_complete_only_when_all_pages_were_read(
    slack: SlackServer, poster: SlackPoster
) -> None:
    slack.rules.history_page = 1
    for n in range(25):
        post(poster, n)
    found = poster.find("#presswatch", {"other"}, oldest=long_ago())
    assert not found.complete
    assert found.error == "too many messages to search"


def test_a_reply_is_looked_up_in_its_thread(slack: SlackServer, poster: SlackPoster) -> None:
    post(poster, 1)
    parent = slack.state.messages[0].ts
    post(poster, 2, thread_ts=parent)
    assert "id-2" not in poster.find("#presswatch", {"id-2"}, oldest=long_ago()).found
    found = poster.find("#presswatch", {"id-2"}, oldest=long_ago(), thread_ts=parent)
    assert "id-2" in found.found


def test_a_fresh_process_finds_the_channels_id_by_its_name(
    slack: SlackServer, poster: SlackPoster
) -> None:
    post(poster)
    fresh = SlackPoster(TOKEN, slack.base_url)
    assert fresh.find("#presswatch", {"id-1"}, oldest=long_ago()).found == {
        "id-1": slack.state.messages[0].ts
    }


def test_without_the_scope_a_look_up_is_not_possible(
    slack: SlackServer, poster: SlackPoster
) -> None:
    slack.rules.scopes = "chat:write,channels:read"
    post(poster)
    assert not poster.can_look_up
    found = poster.find("#presswatch", {"id-1"}, oldest=long_ago())
    assert (found.possible, found.complete, found.error) == (False, False, "missing_scope")


@pytest.mark.parametrize("fault", ["429_float", "500_before", "portal_before", "timeout_before"])
def test_a_look_up_that_fails_is_possible_later(
    slack: SlackServer, poster: SlackPoster, fault: str
) -> None:
    post(poster)
    slack.fault_methods = {"conversations.history"}
    slack.faults.append(fault)
    found = poster.find("#presswatch", {"id-1"}, oldest=long_ago())
    assert (found.possible, found.complete) == (True, False)
    assert poster.find("#presswatch", {"id-1"}, oldest=long_ago()).complete


def test_messages_of_others_with_the_same_words_are_not_taken_for_ours(
    slack: SlackServer, poster: SlackPoster
) -> None:
    other = replace(NOTE, metadata={"event_type": "other", "event_payload": {"alert_key": "k"}})
    poster.post("#presswatch", other, message_id="id-1")
    assert poster.find("#presswatch", {"id-1"}, oldest=long_ago()).found == {}


def test_a_webhook_address_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="SLACK_WEBHOOK_URL"):
        WebhookPoster("hooks.slack.com/services/x")


@pytest.mark.parametrize(
    ("host", "dialled", "allow", "meaning"),
    [
        ("hooks.slack.test", "127.0.0.1", (), "not_sent"),
        ("hooks.slack.test", "127.0.0.1", ("127.0.0.1",), "ok"),
        ("127.0.0.1", "127.0.0.1", (), "ok"),
        ("localhost", "127.0.0.1", (), "ok"),
        ("localhost", "169.254.169.254", (), "not_sent"),
        ("169.254.169.254", "169.254.169.254", (), "not_sent"),
        ("[::ffff:169.254.169.254]", "::ffff:169.254.169.254", (), "not_sent"),
        ("0.0.0.0", "0.0.0.0", (), "not_sent"),
    ],
)
def test_a_webhook_is_checked_when_it_is_dialled(
    slack: SlackServer,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    dialled: str,
    allow: tuple[str, ...],
    meaning: str,
) -> None:
    parts = urlsplit(slack.webhook_url)
    family = socket.AF_INET6 if ":" in dialled else socket.AF_INET

    def resolve(name: str, port: int, *args: object, **more: object) -> list[object]:
        return [(family, socket.SOCK_STREAM, 6, "", (dialled, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    poster = WebhookPoster(
        f"http://{host}:{parts.port}{parts.path}", guard=AddressGuard(allow), timeout_s=2
    )

    verdict = poster.post("#desk", NOTE, message_id="m")

    assert verdict.meaning == meaning
    assert len(slack.state.messages) + len(slack.state.webhook) == (meaning == "ok")


def test_a_removed_webhook_says_so(slack: SlackServer) -> None:
    poster = WebhookPoster(slack.webhook_url.replace("B000", "B999"))
    verdict = poster.post("#x", NOTE, message_id="i")
    assert (verdict.meaning, verdict.error) == ("account", "no_service")


# ---------------------------------------------------------------------- buttons
def test_a_click_is_taken_once_stored_then_answered_and_a_failure_is_not_answered(
    slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    clicks: list[Click] = []

    def store(click: Click) -> None:
        clicks.append(click)
        if len(clicks) == 1:
            raise OSError("database is busy at /secret/place")

    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "kim"},
        "actions": [
            {
                "block_id": "presswatch:s1/opcon/#presswatch",
                "action_id": "presswatch_ack",
                "value": "ack",
                "action_ts": "1763790000.5",
            }
        ],
    }
    with SocketModeServer() as socket_mode:
        slack.socket_url = socket_mode.url
        with Listener(APP_TOKEN, slack.base_url, store):
            socket_mode.deliver("e1", payload)  # fails: Slack gets no answer and repeats it
            socket_mode.deliver("e2", payload)
            assert socket_mode.answered.get(timeout=10) == "e2"
            assert socket_mode.answered.empty()
    assert [click.action_id for click in clicks] == ["slack:1763790000.5:U1:ack"] * 2
    assert "secret" not in caplog.text


def test_a_wrong_app_token_gives_one_line(slack: SlackServer) -> None:
    with (
        pytest.raises(AlertError, match="SLACK_APP_TOKEN") as caught,
        Listener("xapp-no", slack.base_url),
    ):
        pass
    assert "xapp-no" not in str(caught.value)
    with pytest.raises(UsageError, match="app-level token"):
        Listener("xoxb-1", slack.base_url)
