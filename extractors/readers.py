"""Files → documents: what `ingest` and `inspect` read.

In: paths of `.html`, `.htm`, `.xhtml`, `.txt`, `.md`, `.jsonl`, `.ndjson`, `.warc` files, each also
with `.gz`, and of folders (read recursively, in sorted order). Out: `RawDocument`s, and for what
could not be read an `Unreadable` with a sentence; reading goes on after it. Files are streamed:
a JSONL or WARC of any size needs the memory of one document.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from extractors.decode import clean_text, decode_page
from extractors.documents import MAX_FILE_BYTES, document_from_json, gunzip
from extractors.errors import ParseError, UsageError
from extractors.models import RawDocument
from extractors.sanity import find_binary
from extractors.warc import read_warc

MAX_LINE_BYTES: Final = 40_000_000
"""Longest line of a JSONL that is read: a page of `MAX_FILE_BYTES`, escaped."""

HTML: Final = (".html", ".htm", ".xhtml")
TEXT: Final = (".txt", ".text", ".md")
JSONL: Final = (".jsonl", ".ndjson")
WARC: Final = (".warc",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Something that should have been a document: `doc_id` is its id if it had one."""

    doc_id: str
    where: str  # file and line, as people look for it
    error: str


Item = RawDocument | Unreadable


def read_documents(paths: Iterable[Path]) -> Iterator[Item]:
    """Read documents from files and folders, in order.

    Raises:
        UsageError: a path does not exist or is of a kind that is not read.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if p.is_file() and _kind(p)):
                yield from _read_file(file, file.relative_to(path))
        elif not path.exists():
            raise UsageError(f"{path}: there is no such file or folder")
        elif _kind(path) is None:
            known = ", ".join((*HTML, *TEXT, *JSONL, *WARC))
            raise UsageError(f"{path}: this kind of file is not read; known are {known} (and .gz)")
        else:
            yield from _read_file(path, Path(path.name))


def read_jsonl(path: Path) -> Iterator[Item]:
    """Read the documents of a JSONL (design.md §3), one item for every line that is not empty."""
    for number, line in numbered_lines(path):
        yield read_json_line(line, number, path.parent, path.name)


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, bytes) of the lines of a file that are not empty."""
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            yield number, line


def read_json_line(line: bytes, number: int, base_dir: Path, name: str = "") -> Item:
    """Turn one line of a JSONL into a document, or say what is wrong with it.

    `number` counts from 1, `name` is the file's; `html_path` is relative to `base_dir`.
    """
    where = f"{name}:{number}" if name else f"line {number}"

    def bad(error: str, doc_id: str = "") -> Unreadable:
        return Unreadable(doc_id=doc_id or f"line {number}", where=where, error=error)

    if len(line) > MAX_LINE_BYTES:
        return bad(f"line {number} is longer than {MAX_LINE_BYTES // 1_000_000} MB")
    try:
        obj = json.loads(line.decode("utf-8-sig"), strict=False)
    except UnicodeDecodeError as error:
        return bad(f"line {number} is not UTF-8: {error.reason}")
    except RecursionError:
        return bad(f"line {number} is nested too deeply")
    except ValueError as error:
        return bad(f"line {number} is not JSON: {error}")
    try:
        return document_from_json(obj, base_dir)
    except ParseError as error:
        known = obj.get("id") if isinstance(obj, dict) else None
        is_name = isinstance(known, str | int) and not isinstance(known, bool)
        return bad(f"line {number}: {error}", clean_text(str(known)) if is_name else "")


def count_lines(path: Path) -> int | None:
    """Count the lines of an uncompressed file, for a progress bar; None when that would be slow."""
    if path.suffix.lower() == ".gz" or path.stat().st_size > 500_000_000:
        return None
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


def _kind(path: Path) -> tuple[str, ...] | None:
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return next((kind for kind in (HTML, TEXT, JSONL, WARC) if last in kind), None)


def _read_file(path: Path, name: Path) -> Iterator[Item]:
    kind = _kind(path)
    try:
        if kind == JSONL:
            yield from read_jsonl(path)
        elif kind == WARC:
            with path.open("rb") as file:
                yield from read_warc(file, str(name))
        else:
            yield _one_document(path, name, is_text=kind == TEXT)
    except (OSError, EOFError, zlib.error, ParseError) as error:
        yield Unreadable(doc_id=str(name), where=str(path), error=_reason(error))


def _one_document(path: Path, name: Path, *, is_text: bool) -> RawDocument:
    """A page or text file. Its id is its name without the ending."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES)
    if content.startswith(b"\x1f\x8b\x08"):
        content = gunzip(content, path.name)
    plain = name.with_suffix("") if name.suffix.lower() == ".gz" else name
    doc_id = str(plain.with_suffix(""))
    if is_text:
        binary = find_binary(content)
        if binary is not None:
            raise ParseError(f"this is {binary}, not text")
        return RawDocument(doc_id=doc_id, text=decode_page(content, "text/plain")[0])
    return RawDocument(doc_id=doc_id, html=content)


def _lines(path: Path) -> Iterator[bytes]:
    """Lines as bytes; one that is too long comes cut, the rest of it is skipped."""
    with _open(path) as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            yield line
            while not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
                line = file.readline(MAX_LINE_BYTES + 1)


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
