"""The log: one line an event, whatever the values hold; nothing secret; failures disturb nobody."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from flows.event_log import MAX_BYTES, log_event, start_log, told_to
from flows.settings import load_settings


def _log(folder: Path, **settings: str) -> Path:
    env = {"PRESSWATCH_DB": str(folder / "p.duckdb")}
    env |= {f"PRESSWATCH_{name.upper()}": value for name, value in settings.items()}
    start_log(load_settings(env=env))
    return folder / "presswatch.log"


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> object:
    yield
    start_log(load_settings(env={"PRESSWATCH_LOG_FILE": ""}))


def test_an_event_is_one_line_of_names_and_values(tmp_path: Path) -> None:
    path = _log(tmp_path)
    log_event("poll", feed="a b", status=200, error=None, seconds=0.12345, topics=["x:alert", "y"])

    line = path.read_text("utf-8")
    assert line.count("\n") == 1
    assert line.split(" ", 1)[1].strip() == (
        'INFO    poll feed="a b" status=200 seconds=0.123 topics=x:alert,y'
    )


def test_values_of_strangers_cannot_make_a_second_line(tmp_path: Path) -> None:
    path = _log(tmp_path)
    for sign in "\n\r\v\f\x1c\x85\u2028\u2029\x1b":
        log_event("fetch", error=f"one{sign}2026-01-01 ERROR run state=failed")

    text = path.read_text("utf-8")
    assert len(text.splitlines()) == 9
    assert "\x1b" not in text


def test_json_lines_are_json(tmp_path: Path) -> None:
    path = _log(tmp_path, log_format="json")
    log_event("article", outlet="한강\n일보", topics=None, words=3)

    (line,) = path.read_text("utf-8").splitlines()
    assert json.loads(line).items() >= {
        "event": "article", "level": "INFO", "outlet": "한강 일보", "words": 3,
    }.items()  # fmt: skip


def test_secrets_and_queries_are_struck_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "abc-secret-def")
    path = _log(tmp_path)
    log_event(
        "alert",
        error="abc-secret-def refused, xoxb-1-2-three too; see https://hooks.slack.com/services/T/B/x",
        url="https://news.example/a?key=hidden#part",
        nested={"why": "http://feed.example/rss?token=hidden"},
    )

    text = path.read_text("utf-8")
    for secret in ("abc-secret-def", "xoxb-1", "services/T", "hidden"):
        assert secret not in text
    assert "https://news.example/a?…" in text


def test_the_level_and_no_log_at_all_are_obeyed(tmp_path: Path) -> None:
    path = _log(tmp_path, log_level="WARNING")
    log_event("poll", feed="x")
    assert not path.exists()
    log_event("poll", logging.WARNING, feed="x")
    assert path.exists()

    other = tmp_path / "other"
    _log(other, log_file="")
    log_event("poll", logging.ERROR, feed="x")
    assert not other.exists()


def test_a_large_log_is_put_aside(tmp_path: Path) -> None:
    path = _log(tmp_path)
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    log_event("run", state="ok")

    assert path.stat().st_size < 200
    assert (tmp_path / "presswatch.log.1").stat().st_size == MAX_BYTES + 1


def test_a_log_that_cannot_be_written_disturbs_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "presswatch.log").mkdir()
    _log(tmp_path)
    log_event("run", logging.ERROR, state="failed")
    _log(tmp_path, log_file="/dev/full")
    log_event("run", logging.ERROR, state="failed")

    assert capsys.readouterr() == ("", "")


def test_a_run_reader_is_told_of_batches_and_alerts_not_of_single_pages(tmp_path: Path) -> None:
    told: list[str] = []

    class Reader:
        def log(self, level: int, pattern: str, text: str) -> None:
            told.append(text)

    _log(tmp_path, log_file="")
    with told_to(Reader()):
        log_event("fetch", url="https://news.example/1")
        log_event("batch", stored=3)
    log_event("batch", stored=4)

    assert told == ["batch stored=3"]
