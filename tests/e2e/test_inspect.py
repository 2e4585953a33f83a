"""`presswatch inspect`: one page for people, many as JSONL, hostile ones among them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SENTENCE = "The harbour board agreed on Tuesday to dredge the northern channel before winter. "
PARAGRAPHS = "".join(f"<p>{SENTENCE * 3}Part {n}.</p>" for n in range(5))
GOOD = (
    "<html><head><title>Harbour board to dredge channel</title></head><body><article>"
    f"<h1>Harbour board to dredge channel</h1>{PARAGRAPHS}</article></body></html>"
)


def presswatch(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows", *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def inspect_many(folder: Path, lines: list[str], *options: str) -> tuple[list[dict[str, Any]], int]:
    (folder / "in.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = presswatch("inspect", "--jsonl", "in.jsonl", "--out", "out.jsonl", *options, cwd=folder)
    assert "Traceback" not in done.stderr
    text = (folder / "out.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()], done.returncode


def document(doc_id: str, html: str, **more: str) -> str:
    return json.dumps({"id": doc_id, "html": html, **more})


def test_a_text_file_is_shown_with_its_removed_lines_and_topics(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "Seoul seeks OPCON transfer by 2030\n"
        "South Korea wants the OPCON transfer to be complete by 2030, the defence ministry said.\n"
        "Copyright ⓒ Harbour Gazette. All rights reserved.\n",
        encoding="utf-8",
    )
    done = presswatch("inspect", "a.txt", cwd=tmp_path)
    assert done.returncode == 0
    assert "Removed" in done.stdout
    assert "All rights reserved" in done.stdout
    assert "opcon" in done.stdout


def test_json_of_one_page_has_the_agreed_keys(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(GOOD, encoding="utf-8")
    value = json.loads(presswatch("inspect", "a.html", "--json", cwd=tmp_path).stdout)
    assert value["title"] == "Harbour board to dredge channel"
    assert value["language"] == "en"
    assert value["text"].endswith("Part 4.")


@pytest.mark.parametrize("args", [(), ("a.html", "--jsonl", "b.jsonl"), ("missing.html",)])
def test_wrong_use_is_one_line_and_code_2(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = presswatch("inspect", *args, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_bad_lines_give_an_error_and_the_run_goes_on(tmp_path: Path) -> None:
    lines = [document("a", GOOD), "{broken", json.dumps({"id": "c"}), document("d", GOOD)]
    out, code = inspect_many(tmp_path, lines)
    assert [o["id"] for o in out] == ["a", "line 2", "c", "d"]
    assert [bool(o["error"]) for o in out] == [False, True, True, False]
    assert code == 1


def test_two_workers_give_what_one_gives(tmp_path: Path) -> None:
    lines = [document(f"d{n}", GOOD.replace("Tuesday", f"day {n}")) for n in range(30)]
    one, _ = inspect_many(tmp_path, lines, "--jobs", "1")
    two, _ = inspect_many(tmp_path, lines, "--jobs", "2")
    assert one == two


def test_memory_learns_what_recurs_on_a_host_within_the_file(tmp_path: Path) -> None:
    recurring = "Sign the guest book of our reading room on the first floor of the old mill."

    def page(n: int) -> str:
        body = "".join(f"<p>Report {n}, section {k}: {SENTENCE} ({n * k})</p>" for k in range(1, 6))
        own = "".join(f"<p>Town {chr(65 + n) * 5} told voters {w} things today.</p>" for w in "abc")
        return f"<html><article><h1>Story {n}</h1>{own}{body}<p>{recurring}</p></article></html>"

    lines = [document(f"d{n}", page(n), url=f"https://mill.example/{n}") for n in range(6)]
    plain, _ = inspect_many(tmp_path, lines)
    taught, _ = inspect_many(tmp_path, lines, "--memory")
    assert all(recurring in o["text"] for o in plain)
    assert [o["id"] for o in taught] == [o["id"] for o in plain]
    assert len(taught[0]["text"]) <= len(plain[0]["text"])


def test_hostile_pages_end_with_a_named_outcome_and_harm_no_other(tmp_path: Path) -> None:
    attributes = " ".join(f'a{n}="1"' for n in range(100_000))
    hidden = " ".join(f'a{n}=">"' for n in range(100_000))
    (tmp_path / "picture.html").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    (tmp_path / "bomb.html.gz").write_bytes(gzip.compress(b"<p>harbour </p>" * 8_000_000))
    pages = {
        "five_mb": f"<html><body><article>{PARAGRAPHS * 4000}</article></body></html>",
        "attributes": f"<html><body><div {attributes}>{PARAGRAPHS}</div></body></html>",
        "hidden": f"<html><body><div {hidden}>{PARAGRAPHS}</div></body></html>",
        "nested": "<html><body>" + "<div>" * 1_000_000 + PARAGRAPHS + "</body></html>",
        "nuls": GOOD.replace("harbour", "har\0bour"),
        "surrogates": GOOD.replace("harbour", "har\ud800bour"),
        "empty": "",
        "links": "<html><body>" + '<a href="/x">A link</a> ' * 60_000 + "</body></html>",
        "angles": "<" * 1_000_000,
    }
    lines = [document("first", GOOD)]
    lines += [document(name, html) for name, html in pages.items()]
    lines += [json.dumps({"id": "picture", "html_path": "picture.html"})]
    lines += [json.dumps({"id": "bomb", "html_path": "bomb.html.gz"}), document("last", GOOD)]
    out, _ = inspect_many(tmp_path, lines, "--jobs", "2")
    by_id = {o["id"]: o for o in out}
    assert [o["id"] for o in out] == ["first", *pages, "picture", "bomb", "last"]
    assert by_id["first"]["text"] == by_id["last"]["text"] != ""
    assert by_id["nuls"]["text"] == by_id["surrogates"]["text"] == by_id["first"]["text"]
    assert by_id["attributes"]["text"].endswith("Part 4.")
    assert by_id["hidden"]["text"].endswith("Part 4.")
    assert by_id["empty"]["status"] == "empty"
    assert by_id["picture"]["status"] == "not_html"
    assert all(o["status"] == "ok" or o["error"] for o in out)
