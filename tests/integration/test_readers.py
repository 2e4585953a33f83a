"""Files become documents; what cannot be read is said and does not stop the rest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from extractors.errors import UsageError
from extractors.models import RawDocument
from extractors.readers import Unreadable, read_documents


def ids(paths: list[Path]) -> list[str]:
    return [item.doc_id for item in read_documents(paths)]


def warc(*records: tuple[str, bytes]) -> list[bytes]:
    out = []
    for number, (url, body) in enumerate(records):
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
        head = (
            "WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
            f"WARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Target-URI: {url}\r\n"
            f"WARC-Date: 2026-01-20T03:04:05Z\r\nContent-Length: {len(block)}\r\n\r\n"
        )
        out.append(head.encode() + block + b"\r\n\r\n")
    return out


def test_a_folder_is_read_recursively_in_sorted_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.html", "a.txt", "sub/c.htm", "ignored.css"):
        (tmp_path / name).write_text("x")
    assert ids([tmp_path]) == ["a", "b", "sub/c"]


def test_a_text_file_is_text_and_a_page_is_bytes_also_packed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(
        "정부는 다음 달 협의를 다시 시작한다고 밝혔다.".encode("cp949")
    )
    (tmp_path / "b.html.gz").write_bytes(gzip.compress(b"<p>x</p>"))
    text, page = read_documents([tmp_path / "a.txt", tmp_path / "b.html.gz"])
    assert isinstance(text, RawDocument) and isinstance(page, RawDocument)
    assert (text.text or "").startswith("정부는")
    assert (page.doc_id, page.html) == ("b", b"<p>x</p>")


@pytest.mark.parametrize("packed", [False, True])
def test_bad_lines_of_a_jsonl_are_told_by_number(tmp_path: Path, packed: bool) -> None:
    lines = [
        json.dumps({"id": "a", "text": "x"}),
        "{broken",
        "",
        json.dumps({"id": "c"}),
        json.dumps({"id": "d", "text": "y"}),
    ]
    content = "\n".join(lines).encode()
    path = tmp_path / ("in.jsonl.gz" if packed else "in.jsonl")
    path.write_bytes(gzip.compress(content) if packed else content)
    items = list(read_documents([path]))
    bad = [i for i in items if isinstance(i, Unreadable)]
    assert [i.doc_id for i in items] == ["a", "line 2", "c", "d"]
    assert [b.where for b in bad] == [f"{path.name}:2", f"{path.name}:4"]


def test_a_jsonl_that_is_not_utf_8_loses_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"id": "a", "text": "\xff"}\n{"id": "b", "text": "y"}\n')
    assert [type(i).__name__ for i in read_documents([path])] == ["Unreadable", "RawDocument"]


@pytest.mark.parametrize("form", ["plain", "records", "whole"])
def test_a_web_archive_is_read_in_every_usual_packing(tmp_path: Path, form: str) -> None:
    records = warc(("https://a.example/1", b"<p>one</p>"), ("https://a.example/2", b"<p>two</p>"))
    path = tmp_path / ("x.warc" if form == "plain" else "x.warc.gz")
    if form == "records":
        path.write_bytes(b"".join(map(gzip.compress, records)))
    else:
        path.write_bytes(b"".join(records) if form == "plain" else gzip.compress(b"".join(records)))
    docs = list(read_documents([path]))
    assert [(d.url, d.html) for d in docs if isinstance(d, RawDocument)] == [
        ("https://a.example/1", b"<p>one</p>"),
        ("https://a.example/2", b"<p>two</p>"),
    ]


def test_a_cut_web_archive_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    records = warc(("https://a.example/1", b"<p>one</p>"), ("https://a.example/2", b"<p>two</p>"))
    path = tmp_path / "x.warc"
    path.write_bytes(b"".join(records)[:-30])
    items = list(read_documents([path]))
    assert [type(i).__name__ for i in items] == ["RawDocument", "Unreadable"]


@pytest.mark.parametrize("name", ["missing.html", "page.docx"])
def test_a_path_that_cannot_be_meant_is_wrong_use(tmp_path: Path, name: str) -> None:
    (tmp_path / "page.docx").write_text("x")
    with pytest.raises(UsageError, match=name.split(".")[0]):
        ids([tmp_path / name])
