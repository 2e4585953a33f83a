"""What a user can get wrong: one clear line, the right exit code, nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.desk import Desk

HOLD = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("presswatch: ")
    return lines[0]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.write_feeds([{"url": "http://127.0.0.1:9/feed", "name": "down", "outlet": "Down"}])
    return desk


def test_an_unknown_key_in_the_settings(desk: Desk) -> None:
    desk.config.write_text("slack_chanel = '#x'\n")
    line = _one_line(desk.run("run", code=2))

    assert "presswatch.toml, line 1" in line and "did you mean `slack_channel`" in line


def test_a_feed_url_that_is_a_file_path(desk: Desk) -> None:
    (desk.folder / "feeds.toml").write_text(
        '[[feed]]\nname = "x"\noutlet = "X"\nurl = "/etc/passwd"\n'
    )
    line = _one_line(desk.run("run", code=2))

    assert "feeds.toml, line 4" in line and "url" in line


def test_adding_a_feed_that_is_a_file_path(desk: Desk) -> None:
    line = _one_line(desk.run("feeds", "add", "file:///etc/passwd", code=2))

    assert "http" in line


def test_a_topic_file_with_a_typo(desk: Desk) -> None:
    topics = desk.folder / "topics"
    topics.mkdir()
    (topics / "mine.toml").write_text(
        'id = "mine"\ntitle = "Mine"\nmin_score = 10\n\n'
        '[[rule]]\nname = "r"\nscore = 10\nanny.en = ["submarine deal"]\n'
    )
    checked = desk.run("topics", "check", code=2).stdout.strip()
    for line in (_one_line(desk.run("run", code=2)), checked):
        assert "mine.toml:8:" in line and "'anny'" in line and "did you mean 'any'?" in line


def test_a_topic_file_that_is_not_toml(desk: Desk) -> None:
    topics = desk.folder / "topics"
    topics.mkdir()
    (topics / "mine.toml").write_text("id = \n")

    assert "mine.toml" in _one_line(desk.run("run", code=2))


def test_a_database_locked_by_another_program(desk: Desk) -> None:
    (desk.folder / "note.txt").write_text("A first line of a note.\nAnd a second one.\n")
    desk.run("ingest", "note.txt")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(desk.db)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "open"
        lines = desk.run("run", code=None).stderr.splitlines()
        assert [line for line in lines if f"PID {other.pid}" in line and "read_only=True" in line]
        desk.run("ingest", "note.txt")  # the published file is another one now
    finally:
        other.communicate("\n", timeout=30)
    assert desk.sql("SELECT count(*) FROM articles") == [(1,)]
    assert desk.sql("SELECT count(*) FROM runs WHERE kind = 'monitor'") == [(1,)]


def test_a_writers_file_locked_by_another_program(desk: Desk) -> None:
    (desk.folder / "note.txt").write_text("A first line of a note.\nAnd a second one.\n")
    desk.run("ingest", "note.txt")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(Path(f"{desk.db}.d") / "main.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "open"
        for command in (["run"], ["ingest", "note.txt"]):
            line = _one_line(desk.run(*command, code=1))
            assert f"PID {other.pid}" in line
    finally:
        other.communicate("\n", timeout=30)
    assert desk.sql("SELECT count(*) FROM articles") == [(1,)]


def test_a_wrong_folder_for_the_database(desk: Desk) -> None:
    (desk.folder / "file").write_text("x")
    line = _one_line(desk.run("--db", "file/x.duckdb", "ingest", "feeds.toml", code=None))

    assert "file" in line


def test_a_query_that_is_wrong_forbidden_or_writes(desk: Desk) -> None:
    (desk.folder / "note.txt").write_text("A first line of a note.\nAnd a second one.\n")
    desk.run("ingest", "note.txt")
    for query, expected in (
        ("select nonsense from articles", "nonsense"),
        ("delete from core.article", "read-only"),
        ("select * from read_csv('/etc/passwd')", "files"),
        ("copy articles to '/tmp/out.csv'", "files"),
        ("", "empty"),
    ):
        line = _one_line(desk.run("sql", query, code=2))
        assert expected in line, (query, line)


def test_no_database_yet(desk: Desk) -> None:
    for command in (["sql", "select 1"], ["search", "x"], ["alerts", "list"]):
        assert "presswatch ingest" in _one_line(desk.run(*command, code=1))


def test_a_path_that_does_not_exist(desk: Desk) -> None:
    assert "no-such" in _one_line(desk.run("ingest", "no-such", code=2))
    assert "no-such" in _one_line(desk.run("inspect", "no-such.html", code=2))


def test_a_wrong_interval(desk: Desk) -> None:
    for options in (
        ["--every", "often"],
        ["--every", "1s"],
        ["--every", "5m", "--cron", "* * * * *"],
    ):
        _one_line(desk.run("serve", *options, code=2))


def test_a_slack_token_that_cannot_be_one(desk: Desk) -> None:
    desk.env["SLACK_BOT_TOKEN"] = "two words"
    line = _one_line(desk.run("run", code=2))

    assert "SLACK_BOT_TOKEN" in line and "two words" not in line


def test_an_unknown_feed_or_topic_name(desk: Desk) -> None:
    assert "nobody" in _one_line(desk.run("run", "--topic", "nobody", code=2))
    assert "nosuch" in _one_line(desk.run("run", "--feed", "nosuch", code=2))


def test_a_run_without_a_network_says_so_without_a_stack_trace(desk: Desk) -> None:
    desk.write_settings(allow_addresses=["127.0.0.1:9"])
    done = desk.run("run", code=1)

    assert "feed error   down: " in done.stdout and "failed" in done.stdout
    assert desk.sql("SELECT state FROM runs") == [("failed",)]
