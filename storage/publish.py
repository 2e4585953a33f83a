"""Bringing the published file up to date at a cost that does not grow with the archive.

The published file is never written in place. Two files take turns: the one that people open, and
the one they opened before the last publication (`spare.duckdb`). To publish, the rows that are
newer than the spare are added to the spare, which is then renamed over the published path; the
old published file becomes the spare. Somebody who still reads the old file is not disturbed: if
any process holds the spare open, or anything about it is in doubt, the whole file is copied.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import struct
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOG = logging.getLogger(__name__)

# Rows that changed together share these columns: the spare's rows with the key of a changed row
# are replaced. Rows of these tables are seldom deleted alone (a lone deletion is noticed by the
# row counts; then a small table is refreshed whole, and for a large one the file is copied).
KEYS: dict[str, tuple[str, ...]] = {
    "alert": ("alert_key",),
    "article": ("article_id",),
    "block": ("article_id",),
    "article_key": ("article_id",),
    "clue": ("article_id",),
    "feed_memory": ("feed",),
    "feed_poll": ("run_id", "feed", "polled_at"),
    "resemblance": ("article_id",),
    "search_posting": ("article_id",),
    "search_word": ("word",),
    "site_lesson": ("host", "slot"),
    "sketch": ("article_id",),
    "sketch_hash": ("article_id",),
    "story": ("story_id",),
    "topic_hit": ("article_id",),
}

# Rows are only added here, and leave in the order in which they came.
QUEUES = frozenset({"search_recent", "search_recent_word"})

# Tables up to this many rows are refreshed whole: about 50 ms for 50,000 narrow rows here.
LEDGER = "schema_migration"
SMALL_TABLE_ROWS = 50_000

_FICLONE = 0x40049409  # ioctl_ficlone(2)
_FLOCK = "hhqqi4x"  # struct flock on 64-bit Linux: type, whence, start, length, pid

open_inodes: Counter[tuple[int, int]] = Counter()
"""Published files that this very process holds open: POSIX locks do not show those."""


class SpareUnusable(Exception):
    """The spare cannot be brought up to date; the caller copies the whole file instead."""


def lock_holder(path: Path, *, any_lock: bool = False) -> int | None:
    """Return the PID of a process that has `path` open in DuckDB, else None.

    Asks the kernel with F_GETLK (fcntl(2)): DuckDB takes a POSIX write lock on a file that it
    writes and a read lock on one that it reads. A descriptor is opened for it: call it only while
    this process has no connection to the file, since closing any descriptor of a file drops the
    process's locks on it.

    Args:
        path: the file.
        any_lock: find readers too; otherwise writers only.
    """
    wanted = fcntl.F_WRLCK if any_lock else fcntl.F_RDLCK
    try:
        handle = os.open(path, os.O_RDWR if any_lock else os.O_RDONLY)
    except OSError:
        return None
    try:
        query = struct.pack(_FLOCK, wanted, os.SEEK_SET, 0, 0, 0)
        answer = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, query))
    except OSError:
        return None
    finally:
        os.close(handle)
    return int(answer[4]) if answer[0] != fcntl.F_UNLCK else None


def inode_of(path: Path) -> tuple[int, int]:
    """Return what identifies the file behind `path`."""
    status = path.stat()
    return status.st_dev, status.st_ino


def copy_file(source: Path, target: Path) -> None:
    """Copy a closed file and flush it to disk; shares blocks where the file system can."""
    with source.open("rb") as reader, target.open("wb") as writer:
        copy_handle(reader, writer)


def copy_handle(reader: BinaryIO, writer: BinaryIO) -> None:
    """Copy an open file from its beginning to another and flush it to disk."""
    try:
        fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
    except OSError:
        shutil.copyfileobj(reader, writer, 16 * 1024 * 1024)
    writer.flush()
    os.fsync(writer.fileno())


def _forget_log(path: Path) -> None:
    """Remove a log that lies beside `path` and belongs to a file that was there before.

    The files that take turns are closed and checkpointed: they have no log. One that a kill has
    left would be replayed into the next file of that name.
    """
    path.with_name(path.name + ".wal").unlink(missing_ok=True)


class Publisher:
    """Publishes `main` at `path`; `folder` holds the spare and a note about it."""

    def __init__(self, *, path: Path, main: Path, folder: Path) -> None:
        self._path = path
        self._main = main
        self._spare = folder / "spare.duckdb"
        self._note = folder / "published.json"
        self._part = folder / "publish.part"

    def publish(self, con: DuckDBPyConnection, rev: int) -> str:
        """Publish the checkpointed state of `con` (connected to `main`), closing it.

        The caller holds the writer's lock.

        Returns:
            How it was done: "unchanged", "rows" (only what is new) or "whole" (a copy).
        """
        note = self._read_note()
        if note.get("rev") == rev and note.get("published") == self._identity(self._path):
            con.close()
            return "unchanged"
        how = "rows"
        try:
            self._update_spare(con, note)
            con.close()
            fresh = self._spare
        except SpareUnusable as reason:
            _LOG.debug("publishing the whole file: %s", reason)
            con.close()
            how = "whole"
            try:
                copy_file(self._main, self._part)
            except OSError:
                self._part.unlink(missing_ok=True)  # a full disk: do not fill it more
                raise
            fresh = self._part
        self._swap(fresh, rev, note)
        return how

    # ------------------------------------------------------------------ the spare
    def _update_spare(self, con: DuckDBPyConnection, note: dict[str, Any]) -> None:
        if note.get("spare") is None or note["spare"] != self._identity(self._spare):
            raise SpareUnusable("no spare, or another file")
        if open_inodes[inode_of(self._spare)] or lock_holder(self._spare, any_lock=True):
            raise SpareUnusable("somebody still reads it")
        self._write_note({"rev": note.get("rev"), "published": note.get("published")})
        _forget_log(self._spare)
        import duckdb

        try:
            con.execute(f"ATTACH '{str(self._spare).replace(chr(39), chr(39) * 2)}' AS spare")
            self._copy_rows(con)
            con.execute("CHECKPOINT spare")
            con.execute("DETACH spare")
        except duckdb.Error as error:
            raise SpareUnusable(str(error)) from error

    def _copy_rows(self, con: DuckDBPyConnection) -> None:
        def migrations(schema: str) -> list[Any]:
            return con.execute(
                f"SELECT version FROM {schema}.schema_migration ORDER BY 1"
            ).fetchall()

        if migrations("core") != migrations("spare.core"):
            raise SpareUnusable("another schema version")
        known = con.execute("SELECT max(rev) FROM spare.core.revision").fetchone()
        since = int(known[0]) if known and known[0] is not None else -1
        tables = con.execute(
            "SELECT table_name FROM duckdb_tables() "
            "WHERE database_name = current_database() AND schema_name = 'core'"
        ).fetchall()
        for (table,) in tables:
            if table == LEDGER:
                continue  # compared above
            count = self._count(con, "core", table)
            if table in QUEUES:
                self._follow_queue(con, table, since)
            elif table in KEYS:
                self._replace_changed(con, table, since)
            elif count > SMALL_TABLE_ROWS:
                raise SpareUnusable(f"{table} is large and has no known key")
            there = self._count(con, "spare.core", table)
            if (there != count and count <= SMALL_TABLE_ROWS) or (
                table not in QUEUES and table not in KEYS and self._has_news(con, table, since)
            ):
                # Two transactions: DuckDB checks a primary key against rows deleted in the same.
                con.execute(f"DELETE FROM spare.core.{table}")
                con.execute(f"INSERT INTO spare.core.{table} BY NAME FROM core.{table}")
            if self._count(con, "spare.core", table) != count:
                raise SpareUnusable(f"{table}: rows were deleted")

    @staticmethod
    def _replace_changed(con: DuckDBPyConnection, table: str, since: int) -> None:
        key = ", ".join(KEYS[table])
        con.execute(
            f"DELETE FROM spare.core.{table} WHERE ({key}) IN "
            f"(SELECT ({key}) FROM core.{table} WHERE rev > ?)",
            [since],
        )
        con.execute(
            f"INSERT INTO spare.core.{table} BY NAME SELECT * FROM core.{table} WHERE rev > ?",
            [since],
        )

    @staticmethod
    def _follow_queue(con: DuckDBPyConnection, table: str, since: int) -> None:
        con.execute(
            f"DELETE FROM spare.core.{table} WHERE rev < "
            f"(SELECT coalesce(min(rev), {2**62}) FROM core.{table})"
        )
        con.execute(
            f"INSERT INTO spare.core.{table} BY NAME SELECT * FROM core.{table} WHERE rev > ?",
            [since],
        )

    @staticmethod
    def _has_news(con: DuckDBPyConnection, table: str, since: int) -> bool:
        row = con.execute(f"SELECT max(rev) FROM core.{table}").fetchone()
        return row is not None and row[0] is not None and int(row[0]) > since

    @staticmethod
    def _count(con: DuckDBPyConnection, schema: str, table: str) -> int:
        row = con.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone()
        return int(row[0]) if row else 0

    # ------------------------------------------------------------------ the swap
    def _swap(self, fresh: Path, rev: int, note: dict[str, Any]) -> None:
        """Rename `fresh` over the published path; keep the old published file as the spare."""
        kept = self._spare.with_suffix(".kept")
        kept.unlink(missing_ok=True)
        ours = self._path.exists() and note.get("published") == self._identity(self._path)
        if ours:
            try:
                os.link(self._path, kept)
            except OSError:
                ours = False
        _forget_log(self._path)
        fresh.replace(self._path)
        if ours:
            kept.replace(self._spare)
        else:
            self._spare.unlink(missing_ok=True)
        self._write_note(
            {
                "rev": rev,
                "published": self._identity(self._path),
                "spare": self._identity(self._spare) if ours else None,
            }
        )

    @staticmethod
    def _identity(path: Path) -> list[int] | None:
        """Inode, size and time of a file: changes when anybody writes or replaces it."""
        try:
            status = path.stat()
        except OSError:
            return None
        return [status.st_ino, status.st_size, status.st_mtime_ns]

    def _read_note(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            value = json.loads(self._note.read_text("utf-8"))
            if isinstance(value, dict):
                return value
        return {}

    def _write_note(self, note: dict[str, Any]) -> None:
        part = self._note.with_suffix(".part")
        part.write_text(json.dumps(note), "utf-8")
        part.replace(self._note)
