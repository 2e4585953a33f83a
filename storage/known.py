"""Finding keys among millions without reading them: sorted files of keys beside the database.

In: the open transaction, whose table `core.article_key` is the truth. Out: the oldest article of
each key asked for. The keys are hashes, so nothing about them tells DuckDB where to look, and it
reads the whole column for every batch; its own index (ART) costs more than it saves (ADR 63).

The files are immutable: hashes in ascending order, then their articles, each file for a span of
transaction numbers. Rows newer than the last file are read from the table, which zone maps make
cheap. Two files of like size become one, so there are only a few (the logarithmic method, Bentley
and Saxe 1980). They are a copy: lost, damaged or foreign ones are made anew from the table.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction

Key = tuple[str, int]

# Kinds share one order: each is told apart by a constant of its own (digits of pi).
_SALT = {"id": 0x243F6A8885A308D3, "url": 0x13198A2E03707344, "guid": 0xA4093822299F31D0}
_HEADER = struct.Struct("<8sQQQQQ")  # magic, after, upto, rows, sum of `upto`, entries
_MAGIC = b"PWKEYS01"
NEW_ROWS = 5_000  # rows read from the table before they become a file: 2 ms
_CHUNK = 100_000
_HASH = (
    "xor(key, CASE kind "
    + " ".join(f"WHEN '{kind}' THEN {salt}::UBIGINT" for kind, salt in _SALT.items())
    + " END)"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """One file: the keys written by transactions `after` < rev <= `upto`."""

    path: Path
    after: int
    upto: int
    rows: int  # rows of the table up to `upto`
    mark: int  # of the keys of transaction `upto`
    hashes: memoryview
    articles: memoryview


class KnownKeys:
    """The files in `folder`, and the look-up in them. Used by the holder of the writer's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: list[_Segment] = []
        self._checked = -1  # the transaction for which they were last compared with the table

    def find(self, tx: Transaction, wanted: Iterable[Key]) -> dict[Key, int]:
        """Return the oldest article that has each key; keys that nobody has are left out."""
        keys = [key for key in dict.fromkeys(wanted) if key[0] in _SALT]
        if not keys:
            return {}
        if self._checked != tx.rev:
            self._bring_up_to_date(tx)
            self._checked = tx.rev
        found = find_in_table(tx.con, keys, newer_than=self._covered)
        for kind, key in keys:
            value = key ^ _SALT[kind]
            for segment in self._segments:
                place = bisect_left(segment.hashes, value)
                while place < len(segment.hashes) and segment.hashes[place] == value:
                    article = segment.articles[place]
                    found[kind, key] = min(article, found.get((kind, key), article))
                    place += 1
        return found

    @property
    def _covered(self) -> int:
        return self._segments[-1].upto if self._segments else 0

    def _bring_up_to_date(self, tx: Transaction) -> None:
        self._read_folder()
        total, newer, mark = _measure(tx.con, self._covered)
        if self._segments and (
            total - newer != self._segments[-1].rows or mark != self._segments[-1].mark
        ):
            self._forget()  # rows were deleted, or the database is another one
            newer = total
        if newer < NEW_ROWS:
            return
        after, entries = self._covered, newer
        for segment in reversed(self._segments):
            if len(segment.hashes) > 2 * entries:
                break
            after, entries = segment.after, entries + len(segment.hashes)
        # A full disk costs time only: what is in no file is read from the table.
        with contextlib.suppress(OSError):
            self._write(tx, after)
            self._read_folder()

    def _write(self, tx: Transaction, after: int) -> None:
        """Write one file of all committed keys newer than `after`."""
        row = tx.con.execute(
            "SELECT max(rev) FROM core.article_key WHERE rev < ?", [tx.rev]
        ).fetchone()
        if row is None or row[0] is None or row[0] <= after:
            return
        upto = int(row[0])
        total, newer, mark = _measure(tx.con, upto)
        hashes, articles = array("Q"), array("Q")
        cursor = tx.con.execute(
            f"SELECT {_HASH} AS h, article_id FROM core.article_key "
            f"WHERE rev > ? AND rev <= ? AND kind IN ({', '.join(map(repr, _SALT))}) ORDER BY h",
            [after, upto],
        )
        while chunk := cursor.fetchmany(_CHUNK):
            hashes.extend([row[0] for row in chunk])
            articles.extend([row[1] for row in chunk])
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / "keys.part"
        with part.open("wb") as file:
            file.write(_HEADER.pack(_MAGIC, after, upto, total - newer, mark, len(hashes)))
            hashes.tofile(file)
            articles.tofile(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / f"{after:012d}-{upto:012d}.keys")

    def _read_folder(self) -> None:
        """Map the files that follow each other without a gap; remove those they replace."""
        have = {segment.path: segment for segment in self._segments}
        by_start: dict[int, _Segment] = {}
        paths = sorted(self._folder.glob("*.keys")) if self._folder.exists() else []
        for path in paths:
            segment = have.get(path) or _map(path)
            if segment is not None and (
                segment.after not in by_start or segment.upto > by_start[segment.after].upto
            ):
                by_start[segment.after] = segment
        chain: list[_Segment] = []
        while (end := chain[-1].upto if chain else 0) in by_start:
            chain.append(by_start[end])
        self._segments = chain
        for path in set(paths) - {segment.path for segment in chain}:
            path.unlink(missing_ok=True)

    def _forget(self) -> None:
        self._segments = []
        for path in self._folder.glob("*.keys"):
            path.unlink(missing_ok=True)


def find_in_table(
    con: DuckDBPyConnection, keys: Sequence[Key], *, newer_than: int = -1
) -> dict[Key, int]:
    """Return the oldest article of each key among rows of transactions after `newer_than`."""
    rows = con.execute(
        """
        SELECT b.kind, b.key, min(k.article_id)
        FROM (SELECT unnest(?::VARCHAR[]) AS kind, unnest(?::UBIGINT[]) AS key) b
        JOIN (SELECT kind, key, article_id FROM core.article_key WHERE rev > ?) k
            ON k.key = b.key AND k.kind = b.kind
        GROUP BY ALL
        """,
        [[kind for kind, _ in keys], [key for _, key in keys], newer_than],
    ).fetchall()
    return {(kind, key): article for kind, key, article in rows}


def _measure(con: DuckDBPyConnection, upto: int) -> tuple[int, int, int]:
    """Return the rows of the table, those newer than `upto`, and a mark of those of `upto`."""
    row = con.execute(
        """
        SELECT (SELECT count(*) FROM core.article_key),
               (SELECT count(*) FROM core.article_key WHERE rev > ?),
               (SELECT coalesce(bit_xor(key), 0) FROM core.article_key WHERE rev = ?)
        """,
        [upto, upto],
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def _map(path: Path) -> _Segment | None:
    """Map a file into memory; None when it is none of ours, or not whole."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _HEADER.size:
                return None
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None
    magic, after, upto, rows, mark, entries = _HEADER.unpack(content[: _HEADER.size])
    middle = _HEADER.size + 8 * entries
    if magic != _MAGIC or size != middle + 8 * entries:
        return None
    return _Segment(
        path=path, after=after, upto=upto, rows=rows, mark=mark,
        hashes=content[_HEADER.size : middle].cast("Q"), articles=content[middle:].cast("Q"),
    )  # fmt: skip
