"""`presswatch alerts ...` as a user runs it, against a Slack that enforces Slack's rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alert_hits import hit, put
from support.slack_server import TOKEN, Rules, SlackServer

from flows.cli import main
from storage.database import Store

KEY = "s1/opcon/#presswatch"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(Rules(per_second=1.0)) as server:
        yield server


@pytest.fixture
def run(
    store: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["--db", str(store.path), "alerts", *arguments])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call


@pytest.fixture
def token(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("PRESSWATCH_SLACK_BASE_URL", slack.base_url)


def owe(store: Store, *numbers: int, **more: Any) -> None:
    put(store, *(hit(n, story=n, **more) for n in numbers))
    store.publish()


def test_list_is_one_line_an_alert_and_json_for_scripts(run: Run, store: Store) -> None:
    owe(store, 1, 2)
    code, out, err = run("list")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert "pending" in out
    assert "2 pending" in err
    code, out, _ = run("list", "--json", "--state", "pending", "--limit", "1", "--topic", "opcon")
    [row] = json.loads(out)
    assert row["state"] == "pending"
    assert row["title"].startswith("Allies agree")
    assert json.loads(run("list", "--json", "--state", "failed")[1]) == []


def test_list_refuses_a_time_that_is_none(run: Run) -> None:
    code, _, err = run("list", "--since", "yesterday")
    assert code == 2
    assert err.count("\n") == 1
    assert "24h" in err


def test_preview_works_before_anything_is_stored(run: Run) -> None:
    code, out, err = run("preview")
    assert code == 0
    assert "OPCON transfer" in out
    assert "sample" in err
    blocks = json.loads(run("preview", "--json")[1])["blocks"]
    assert {block["type"] for block in blocks} == {"rich_text"}


def test_preview_shows_the_named_alert(run: Run, store: Store) -> None:
    owe(store, 1)
    code, out, _ = run("preview", KEY)
    assert code == 0
    assert "part 1" in out
    code, _, err = run("preview", "s9/none/#x")
    assert code == 2
    assert "alerts list" in err


def test_a_test_message_without_a_token_is_printed(run: Run) -> None:
    code, out, err = run("test")
    assert code == 0
    assert "test message" in out
    assert "SLACK_BOT_TOKEN" in err


@pytest.mark.usefixtures("token")
def test_a_test_message_is_posted_and_found_again(run: Run, slack: SlackServer) -> None:
    code, out, _ = run("test", "--json")
    assert code == 0
    assert json.loads(out)["found_again"] is True
    assert len(slack.state.messages) == 1


@pytest.mark.usefixtures("token")
def test_a_missing_scope_is_named_by_the_test_message(run: Run, slack: SlackServer) -> None:
    slack.rules.scopes = "chat:write"
    code, out, _ = run("test")
    assert code == 0
    assert "channels:history" in out


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("command", [("test",), ("retry",)])
def test_a_wrong_token_is_one_line_without_the_token(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-wrong-secret")
    owe(store, 1)
    code, out, err = run(*command, "--quiet")
    assert code == 1
    assert [line for line in err.splitlines() if line] == [err.strip()]
    assert "Slack refused the token (invalid_auth): set SLACK_BOT_TOKEN" in err
    assert "wrong-secret" not in out + err


@pytest.mark.usefixtures("token")
def test_no_network_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSWATCH_SLACK_BASE_URL", "http://127.0.0.1:9/api/")
    code, _, err = run("test")
    assert code == 1
    assert "cannot be reached (connection refused)" in err


@pytest.mark.usefixtures("token")
def test_retry_sends_what_failed_and_what_waits(run: Run, store: Store, slack: SlackServer) -> None:
    slack.state.members.clear()
    owe(store, 1)
    code, _, err = run("retry")
    assert code == 1
    assert "invite the app to the channel" in err
    [row] = json.loads(run("list", "--json")[1])
    assert (row["state"], row["attempts"]) == ("failed", 1)
    slack.state.members.add("C0OPCON")
    code, out, _ = run("retry", "--json")
    assert code == 0
    assert json.loads(out)["sent"] == 1
    [row] = json.loads(run("list", "--json")[1])
    assert row["state"] == "sent"
    assert row["thread_ts"] == row["slack_ts"] == slack.state.messages[0].ts


@pytest.mark.usefixtures("token")
def test_retry_looks_an_unclear_message_up_and_repeats_it_only_when_told_to(
    run: Run, store: Store, slack: SlackServer
) -> None:
    owe(store, 1)
    slack.rules.scopes = "chat:write"
    slack.faults.append("fatal_error_after")
    assert run("retry", "--wait", "1")[0] == 0
    run("retry", "--wait", "1")
    assert json.loads(run("list", "--json")[1])[0]["state"] == "unknown"
    assert len(slack.state.messages) == 1
    slack.rules.scopes = "chat:write,channels:history,channels:read"
    run("retry", "--wait", "1")
    assert json.loads(run("list", "--json")[1])[0]["state"] == "unknown"  # too early to look
    with store.write() as tx:
        tx.con.execute("UPDATE core.alert SET sending_at = sending_at - INTERVAL 1 HOUR")
    run("retry", "--wait", "1")
    assert json.loads(run("list", "--json")[1])[0]["state"] == "sent"
    assert len(slack.state.messages) == 1


def test_without_a_token_retry_prints_the_alerts_once(run: Run, store: Store) -> None:
    owe(store, 1, 2)
    code, out, _ = run("retry")
    assert code == 0
    assert out.count("[opcon] Wartime operational control") == 2
    assert run("retry")[1] == ""


def test_ack_by_story_number_shows_in_the_preview(run: Run, store: Store) -> None:
    owe(store, 1)
    code, out, _ = run("ack", "1", "--as", "kim")
    assert code == 0
    assert "acknowledged by kim" in out
    assert "acknowledged by kim" in run("preview", KEY)[1]
    code, out, _ = run("ack", KEY, "--not-relevant", "the company", "--as", "lee")
    assert "not relevant (the company) by lee" in out
    code, _, err = run("ack", "77")
    assert code == 2
    assert "alerts list" in err


def test_a_muted_story_is_listed_and_unmuted(run: Run, store: Store) -> None:
    owe(store, 1)
    assert run("mute", "--story", "1", "--for", "7d", "--as", "kim")[0] == 0
    [entry] = json.loads(run("mute", "--json")[1])
    assert (entry["story"], entry["by"]) == (1, "kim")
    assert json.loads(run("list", "--json")[1])[0]["state"] == "withdrawn"
    assert run("mute", "--story", "1", "--off")[0] == 0
    assert json.loads(run("mute", "--json")[1]) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--story", "1", "--topic", "opcon"),
        ("--topic", "no-such-topic"),
        ("--story", "1", "--for", "soon"),
    ],
)
def test_a_mute_that_makes_no_sense_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = run("mute", *arguments)
    assert code == 2
    assert err.count("\n") == 1


def test_the_digest_is_shown_and_sent_on_demand(run: Run, store: Store) -> None:
    owe(store, 1, 2, backfill=True)
    code, out, err = run("digest")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert "2 lines wait" in err
    assert len(json.loads(run("digest", "--json")[1])) == 2
    code, out, _ = run("digest", "--send")
    assert out.startswith("[digest] 2 stories match a topic")
    assert json.loads(run("digest", "--json")[1]) == []


def test_listening_without_a_token_says_which_is_needed(run: Run) -> None:
    code, _, err = run("listen")
    assert code == 2
    assert "SLACK_APP_TOKEN" in err


@pytest.mark.parametrize(
    "command", ["list", "preview", "test", "retry", "ack", "mute", "digest", "listen"]
)
def test_each_help_ends_with_an_example(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"presswatch alerts {command}" in out.splitlines()[-1]
