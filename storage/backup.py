"""Backups: a consistent copy of the database, also while a run writes.

In: a store and where the copy shall lie. Out: one DuckDB file, checked by opening it. It is a
copy of the published file, which is never written in place while somebody has it open; so no
lock is held while bytes are copied. To restore, put the file where the database was and remove
the folder `….duckdb.d` beside it.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from extractors.errors import UsageError
from storage.database import Store
from storage.errors import StoreDamaged, StoreLocked
from storage.publish import copy_handle

_NAME = re.compile(r"^presswatch-\d{8}T\d{6}Z\.duckdb$")
_TRIES = 10  # the published file may be replaced between opening it twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished copy. `fresh`: it holds everything that was committed when it began."""

    path: Path
    size_bytes: int
    articles: int
    rev: int
    fresh: bool
    removed: tuple[Path, ...] = ()


def back_up(store: Store, target: Path, *, now: datetime, keep: int | None = None) -> Backup:
    """Copy the database to `target`: a file, or a folder that gets a dated file.

    Args:
        store: the store.
        target: a folder, or the name of a new file.
        now: time for the name of a dated file.
        keep: in a folder (made when missing), remove our dated files but for the newest so many.

    Raises:
        UsageError: `target` exists already, or cannot be written.
        StoreDamaged: there is no database, or the copy cannot be read.
    """
    if keep is not None and not target.is_dir():  # to be kept are several: it must be a folder
        try:
            target.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"{target} cannot be made a folder ({error.strerror})") from None
    dated = target.is_dir()
    path = target / f"presswatch-{now:%Y%m%dT%H%M%SZ}.duckdb" if dated else target
    if path.exists():
        raise UsageError(f"{path} exists already: name another file, or a folder")
    fresh = True
    try:
        store.publish()
    except StoreLocked:
        fresh = False  # a long write is under way: the last published state then
    part = path.with_name(path.name + ".part")
    try:
        articles, rev = _copy(store, part)
        part.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)
    removed: list[Path] = []
    if dated and keep is not None:
        ours = sorted(p for p in target.iterdir() if _NAME.match(p.name))
        for old in ours[: max(0, len(ours) - max(1, keep))]:
            old.unlink()
            removed.append(old)
    return Backup(
        path=path, size_bytes=path.stat().st_size, articles=articles, rev=rev, fresh=fresh,
        removed=tuple(removed),
    )  # fmt: skip


def _copy(store: Store, part: Path) -> tuple[int, int]:
    """Copy the published file to `part`, then read it there; return its articles and revision."""
    for _ in range(_TRIES):
        with store.read(), contextlib.ExitStack() as stack:
            # The connection's read lock keeps publications from reusing the file. Closing our
            # descriptor drops that lock (POSIX), so it is closed last.
            source = stack.enter_context(store.path.open("rb"))
            status = os.fstat(source.fileno())
            if (status.st_dev, status.st_ino) not in store.held_inodes():
                continue  # replaced between the two openings
            with part.open("wb") as writer:
                copy_handle(source, writer)
            break
    else:
        raise StoreLocked(f"{store.path} is replaced again and again: try again later")
    copy = Store(part)
    with copy.read() as con:
        row = con.execute(
            "SELECT (SELECT count(*) FROM core.article), (SELECT max(rev) FROM core.revision), "
            "(SELECT bit_xor(hash(a)) FROM core.article a)"
        ).fetchone()
    if row is None:
        raise StoreDamaged(f"{part} cannot be read back: back up to another disk")
    return int(row[0]), int(row[1])
