"""The folder through which the one writer and its workers on other hosts talk: immutable files.

In: batches of owed entries, and what workers made of them.  Out: the same records on another host.
A file is written under another name, synced and renamed, so a reader sees all of it or none; it is
never changed afterwards.  That is all that is asked of the folder, so a network file system will
do (the database itself must stay on a local disk, docs/adr/0002).

    batches/<batch>.json.gz               written by the loader, read by a worker
    results/<batch>.<attempt>.json.gz     written by the worker, read and deleted by the loader
    alive/<batch>.<attempt>               a counter that the worker raises while it works
    bad/                                  results that could not be read, kept for a look
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from extractors.errors import PresswatchError
from extractors.feed_state import OwedEntry
from extractors.models import Article
from extractors.polling import PageResult
from extractors.robots import RobotsText
from extractors.site_memory import Lesson
from flows.record_json import from_json, to_json

T = TypeVar("T")
FORMAT = 1  # raised when a record's meaning changes: hosts of two versions refuse each other
MAX_FILE_BYTES = 500_000_000  # decoded; 200 articles are about 2 MB
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}")
_RESULT = re.compile(r"([0-9A-Za-z][0-9A-Za-z-]{0,99})\.(\d{1,3})\.json\.gz")


class ExchangeError(PresswatchError):
    """A file of the exchange folder cannot be written, read or trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkBatch:
    """Owed entries for one worker, and what is known of their hosts."""

    batch_id: str
    entries: tuple[OwedEntry, ...]
    robots: tuple[RobotsText, ...] = ()
    lessons: tuple[Lesson, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """What became of one entry; `article` is None when there was nothing to extract."""

    result: PageResult
    article: Article | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkResult:
    """What one worker made of a batch. `fetch_s` and `extract_s` are seconds on the wall."""

    batch_id: str
    attempt: int
    worker: str
    items: tuple[WorkItem, ...]
    robots: tuple[RobotsText, ...] = ()
    fetch_s: float = 0.0
    extract_s: float = 0.0


def without_bytes(result: PageResult, article: Article | None) -> WorkItem:
    """Return an item without the page's bytes: nobody needs them after extraction."""
    if article is not None:
        article = replace(article, doc=replace(article.doc, html=None))
    return WorkItem(result=replace(result, page=None), article=article)


class Exchange:
    """The folder. Every method raises `ExchangeError` when the folder fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_batch(self, batch: WorkBatch) -> None:
        """Offer a batch to the workers."""
        self._write(self._batch_path(batch.batch_id), batch)

    def read_batch(self, batch_id: str) -> WorkBatch:
        """Read a batch on the worker's side."""
        return self._read(self._batch_path(batch_id), WorkBatch)

    def write_result(self, result: WorkResult) -> None:
        """Hand in what became of a batch."""
        self._write(self._result_path(result.batch_id, result.attempt), result)

    def read_result(self, batch_id: str, attempt: int) -> WorkResult | None:
        """Read a result; one that cannot be trusted is put aside and None returned."""
        path = self._result_path(batch_id, attempt)
        try:
            result = self._read(path, WorkResult)
            if (result.batch_id, result.attempt) == (batch_id, attempt):
                return result
        except ExchangeError:
            pass
        with contextlib.suppress(OSError):
            aside = self.folder / "bad" / path.name
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.replace(aside)
        return None

    def results(self) -> list[tuple[str, int]]:
        """Return which results lie there: (batch, attempt), sorted."""
        try:
            names = [entry.name for entry in os.scandir(self.folder / "results")]
        except FileNotFoundError:
            return []
        found = [match for name in names if (match := _RESULT.fullmatch(name))]
        return sorted((match[1], int(match[2])) for match in found)

    def beat(self, batch_id: str, attempt: int, count: int) -> None:
        """Show that a worker is alive; failing to show it stops no work."""
        path = self.folder / "alive" / f"{_checked(batch_id)}.{attempt}"
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{count}\n", "ascii")

    def pulse(self, batch_id: str, attempt: int) -> str | None:
        """Return what the worker last showed; None before it began.

        Compared as text, never with the clock: clocks of two hosts differ.
        """
        try:
            return (self.folder / "alive" / f"{_checked(batch_id)}.{attempt}").read_text("ascii")
        except OSError:
            return None

    def clear(self, batch_id: str) -> None:
        """Delete all files of a batch."""
        for path in self._files_of(batch_id):
            with contextlib.suppress(OSError):
                path.unlink()

    def _files_of(self, batch_id: str) -> Iterator[Path]:
        yield self._batch_path(batch_id)
        for name in ("results", "alive"):
            folder = self.folder / name
            if folder.is_dir():
                yield from folder.glob(f"{_checked(batch_id)}.*")

    def _batch_path(self, batch_id: str) -> Path:
        return self.folder / "batches" / f"{_checked(batch_id)}.json.gz"

    def _result_path(self, batch_id: str, attempt: int) -> Path:
        return self.folder / "results" / f"{_checked(batch_id)}.{int(attempt)}.json.gz"

    def _write(self, path: Path, record: Any) -> None:
        text = json.dumps({"format": FORMAT, "record": to_json(record)}, ensure_ascii=False)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(gzip.compress(text.encode("utf-8"), compresslevel=3, mtime=0))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ExchangeError(
                f"{path} cannot be written ({error.strerror}): the folder of the setting "
                "`exchange` must be writable on every host"
            ) from error

    @staticmethod
    def _read(path: Path, kind: type[T]) -> T:
        try:
            with gzip.open(path, "rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
            if len(raw) > MAX_FILE_BYTES:
                raise ValueError("it is too large")
            data = json.loads(raw)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']} instead of {FORMAT}: upgrade all hosts")
            return from_json(kind, data["record"])
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise ExchangeError(
                f"{path} cannot be read ({error}): the setting `exchange` must name one folder "
                "that all hosts share"
            ) from error


def _checked(batch_id: str) -> str:
    """Pass a batch id that is a plain name: it comes from outside and becomes a path."""
    if not _ID.fullmatch(batch_id):
        raise ExchangeError(f"{batch_id!r} is no batch id")
    return batch_id
