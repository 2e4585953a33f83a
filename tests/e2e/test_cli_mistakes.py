"""Whatever people type: one clear line, an exit code, never a stack trace."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from rich.cells import cell_len
from support.cli import Said, call, commands

from flows.alert_text import list_lines

LEAVES = [(p, c) for p, c in commands() if not isinstance(c, click.Group)]
VALUES = (
    *("", "nope", ".", "dir", "-", "日本", "0", "-1", "9" * 20, "a\nb", "x" * 300, "bin.dat"),
    *("empty.txt", "note.txt", "bad.toml", "dangling", "/dev/null", "lines.jsonl", "opcon", "opcn"),
    *("http://127.0.0.1:9/", "file:///etc/passwd", "2026-13-45", "5x", "1"),
)
CALLS_EACH = 4


def _named(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else ""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database and files of many kinds; calls may change it."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "bin.dat").write_bytes(bytes(range(256)) * 4)
    (folder / "dir").mkdir()
    (folder / "empty.txt").touch()
    (folder / "note.txt").write_text(
        "Seoul seeks OPCON transfer\nIt said so on Sunday.\nThe end.\n"
    )
    (folder / "bad.toml").write_text("= x")
    (folder / "lines.jsonl").write_text("{bad\n[]\n3\n")
    (folder / "dangling").symlink_to("nowhere")
    said = call(folder, "ingest", "note.txt", "--alert", "--jobs", "1")
    assert said.code == 0, said
    return folder


def _one_line(said: Said) -> str:
    lines = [line for line in said.err.splitlines() if line.startswith("presswatch: ")]
    assert len(lines) == 1, said
    return lines[0]


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=_named)
def test_no_argument_whatever_gives_a_stack_trace(
    path: tuple[str, ...], command: click.Command, filled: Path, tmp_path: Path
) -> None:
    chance = random.Random(" ".join(path))
    for number in range(CALLS_EACH):
        args = _some_arguments(path, command, chance, number)
        folder = filled if number % 2 else tmp_path
        said = call(folder, *args)

        assert said.error is None, (args, repr(said.error))
        assert "Traceback" not in said.err, (args, said.err)
        assert said.code in (0, 1, 2), (args, said)
        if said.code == 2 and path != ("topics", "check"):  # which lists its findings
            assert _one_line(said), args


def _some_arguments(
    path: tuple[str, ...], command: click.Command, chance: random.Random, number: int
) -> list[str]:
    args = list(path)
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            if number:
                args += [chance.choice(VALUES) for _ in range(1 if parameter.nargs == 1 else 2)]
        elif number > 1 and chance.random() < 1.5 / len(command.params):
            args.append(parameter.opts[0])
            if isinstance(parameter, click.Option) and not parameter.is_flag:
                args.append(chance.choice(VALUES))
    if path == ("demo",):  # a whole run each time it is called rightly
        args += ["--folder", "/dev/null"]
    return args


@pytest.mark.parametrize(("path", "command"), list(commands())[1:], ids=_named)
def test_every_help_ends_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    assert command.epilog is not None and "Example:" in command.epilog
    assert f"presswatch {path[0]}" in command.epilog


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("topics", "chek"), "check"),
        (("stroy", "3"), "story"),
        (("alerts", "list", "--stat", "sent"), "--state"),
        (("topics", "check", "opcn"), "opcon"),
        (("topics", "backtest", "opcn"), "opcon"),
        (("topics", "explain", "note.txt", "--topic", "opcn"), "opcon"),
        (("alerts", "mute", "--topic", "opcn"), "opcon"),
        (("sql", "frst_reports"), "first_reports"),
        (("alerts", "preview", "s1/opcon/#preswatch"), "s1/opcon/#presswatch"),
        (("alerts", "retry", "s1/opcon/#preswatch"), "s1/opcon/#presswatch"),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(
    args: tuple[str, ...], expected: str, filled: Path
) -> None:
    said = call(filled, *args)

    assert said.code == 2
    assert "did you mean" in _one_line(said).lower() and f"'{expected}'" in _one_line(said)


def test_a_topic_is_checked_by_its_id(filled: Path) -> None:
    said = call(filled, "topics", "check", "opcon")

    assert said.code == 0 and "opcon is fine" in said.out


def test_a_topic_whose_file_is_broken_is_found_by_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "mine.toml").write_text("id = 3\n")

    assert "mine.toml:1: error" in call(tmp_path, "topics", "check", "mine").out


def test_inspect_takes_no_folder_and_shows_a_headline_once(filled: Path) -> None:
    said = call(filled, "inspect", ".")
    assert said.code == 2 and "is a folder" in _one_line(said)

    (filled / "glued.txt").write_text(
        "Harbour board agrees on a new quay\n\n"
        "The harbour board met on Tuesday and agreed on the new quay, it said.\n"
        "It will cost nine million and take two years, the mayor told reporters there.\n"
        "Nobody objected in the meeting that lasted until ten in the evening, she said.\n"
    )
    shown = call(filled, "inspect", "glued.txt").out
    assert shown.count("Harbour board agrees on a new quay") == 1


def test_a_picture_is_no_text_to_explain(filled: Path) -> None:
    assert "neither a page nor a text" in _one_line(call(filled, "topics", "explain", "bin.dat"))


def test_init_obeys_config_and_db(tmp_path: Path) -> None:
    made = call(tmp_path, "init", "--config", "desks/korea.toml", "--db", "korea.duckdb")
    assert made.code == 0 and "presswatch --config korea.toml run" in made.err
    assert sorted(p.name for p in (tmp_path / "desks").iterdir()) == [
        "feeds.toml", "korea.toml", "topics",
    ]  # fmt: skip
    listed = call(tmp_path, "--config", "desks/korea.toml", "topics", "list")
    assert str(Path("desks/topics/opcon.toml")) in listed.out
    assert f'db = "{tmp_path / "korea.duckdb"}"' in (tmp_path / "desks/korea.toml").read_text()

    assert call(tmp_path, "init", "--config", "a/b.toml", "c").code == 2
    assert "folder" in _one_line(call(tmp_path, "init", "https://news.example/"))


def test_the_list_of_alerts_stands_in_columns_whatever_the_script() -> None:
    now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    rows = [
        {
            "alert_key": key, "kind": kind, "state": state, "title": "제목", "sent_at": now,
            "last_error": None, "reason": None,
        }
        for key, kind, state in (
            ("s1/opcon/#presswatch", "alert", "printed"),
            ("s1/전작권/#속보", "alert", "sent"),
            ("s12345/opcon/#presswatch/edit", "edit", "pending"),
        )
    ]  # fmt: skip
    lines = list_lines(rows)

    assert len({cell_len(line.partition("제목")[0].removesuffix("edit: ")) for line in lines}) == 1
    assert lines[2].endswith("  edit: 제목")


def test_what_is_printed_is_not_called_sent(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Seoul seeks OPCON transfer\nIt said so on Sunday.\n")
    call(tmp_path, "ingest", "note.txt", "--alert", "--jobs", "1")
    said = call(tmp_path, "alerts", "retry")

    assert "printed 1 message" in said.err and "sent 1" not in said.err


def test_commands_that_need_a_database_make_none(tmp_path: Path) -> None:
    for args in (["retry"], ["ack", "1"], ["list"], ["mute", "--story", "1"], ["digest", "--send"]):
        assert "there is no database" in _one_line(call(tmp_path, "alerts", *args))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "args", [["topics", "list"], ["sql", "select unnest(range(100000))", "--format", "csv"]]
)
def test_a_reader_that_goes_away_is_no_error(args: list[str], filled: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", *args],
        cwd=filled,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()

    assert process.stderr.read() == b""
    assert process.wait(timeout=60) in (0, 1, 141)  # a shell does not look at it


def test_a_full_disk_is_told_in_one_line(filled: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flows", "topics", "list"],
            cwd=filled,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert "Traceback" not in done.stderr and "No space left" in done.stderr
