"""One writer, any number of readers, and neither ever waits for the other.

DuckDB lets one process write and shuts all others out meanwhile; a reader shuts the writer out
(measured: docs/adr/0002). So there are two files:

* `data/presswatch.duckdb`: the published copy. People, notebooks and the `duckdb` command line
  open this one. It is replaced atomically after every run, never written in place.
* `data/presswatch.duckdb.d/main.duckdb`: the writer's own file, guarded by a lock file of ours
  (`flock`), opened for the length of one transaction only.

A published copy that arrives alone (restored from a backup, copied from another machine) is
adopted as the writer's file on first use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.clock import settle_clock
from storage.errors import StoreDamaged, StoreLocked, StoreUnwritable
from storage.known import KnownKeys
from storage.migrate import applied_versions, migrate, pending_migrations
from storage.publish import Publisher, inode_of, lock_holder, open_inodes

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STORAGE_VERSION = "v1.5.0"  # readable by DuckDB 1.5 too: people's tools lag behind (ADR 0004)
WRITER_MEMORY = "2GB"
WRITER_THREADS = 2
LOCK_WAIT_S = 30.0  # how long a short write waits for another short write of ours
_POLL_S = 0.05


# DuckDB's names for a disk that is full or broken.
_DISK_ERRORS = frozenset({"IOException", "OutOfMemoryException"})

# Rows that a check reads in about a second; articles and blocks carry the texts.
PIECE_ROWS = {"article": 250_000, "block": 2_000_000, "": 16_000_000}

# What must be true after every transaction: name of the breach, query that counts it.
_INVARIANTS = (
    (
        "blocks without an article",
        "SELECT count(*) FROM core.block b ANTI JOIN core.article a USING (article_id)",
    ),
    (
        "topic hits without an article",
        "SELECT count(*) FROM core.topic_hit h ANTI JOIN core.article a USING (article_id)",
    ),
    (
        "article ids used twice",
        "SELECT count(*) - count(DISTINCT article_id) FROM core.article",
    ),
    (
        "copies of an article that does not exist",
        "SELECT count(*) FROM (FROM core.article WHERE duplicate_of IS NOT NULL) c "
        "ANTI JOIN core.article a ON c.duplicate_of = a.article_id",
    ),
    (
        "articles in a story that does not exist",
        "SELECT count(*) FROM (FROM core.article WHERE story_id IS NOT NULL) a "
        "ANTI JOIN core.story s USING (story_id)",
    ),
    (
        "postings of the search index without an article",
        "SELECT count(*) FROM (SELECT DISTINCT article_id FROM core.search_recent) p "
        "ANTI JOIN core.article a USING (article_id)",
    ),
    (
        "alerts of a story that does not exist",
        "SELECT count(*) FROM (FROM core.alert WHERE story_id IS NOT NULL) l "
        "ANTI JOIN core.story s USING (story_id)",
    ),
)


@dataclass(slots=True)
class Transaction:
    """One exclusive write transaction. `rev` stamps every row it touches."""

    con: DuckDBPyConnection
    rev: int
    now: datetime
    known: KnownKeys | None = None


def _connect(path: Path, *, read_only: bool) -> DuckDBPyConnection:
    import duckdb

    config: dict[str, Any] = {"threads": WRITER_THREADS}
    if not read_only:
        config["storage_compatibility_version"] = STORAGE_VERSION
        config["memory_limit"] = WRITER_MEMORY
    try:
        con = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.IOException as error:
        text = str(error).splitlines()[0]
        if "lock" in text.lower():
            raise StoreLocked(
                f"{path} is locked by another program ({_lock_holder(path)}): "
                "close it there, then try again"
            ) from error
        if "permission denied" in text.lower() or "read-only" in text.lower():
            raise StoreUnwritable(
                f"{path} may not be written by this user, or its disk is read-only: "
                "change its owner, or name another database with --db"
            ) from error
        raise StoreDamaged(
            f"{path} cannot be opened as a DuckDB file ({text}): run `presswatch doctor`, "
            "or restore a backup"
        ) from error
    except duckdb.Error as error:
        raise StoreDamaged(
            f"{path} cannot be opened ({str(error).splitlines()[0]}): run `presswatch doctor`, "
            "or restore a backup"
        ) from error
    con.execute("SET TimeZone = 'UTC'")
    return con


def connect_writer(path: Path) -> DuckDBPyConnection:
    """Open or make a database file that nobody else knows of, for writing."""
    return _connect(path, read_only=False)


def _lock_holder(path: Path) -> str:
    pid = lock_holder(path)
    return f"PID {pid}" if pid else "PID unknown"


class FileLock:
    """An advisory lock on a file of our own (flock(2)); the kernel frees it when we die."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self, *, wait_s: float) -> bool:
        """Take the lock, waiting up to `wait_s` seconds. Return False when it stays taken."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnwritable(
                f"{self._path.parent} cannot be written ({error.strerror}): "
                "name another database with --db, or change the folder's rights"
            ) from error
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(handle)
                    return False
                time.sleep(_POLL_S)
                continue
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            self._handle = handle
            return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def holder(self) -> str:
        """Return the PID written by the holder, for messages."""
        try:
            return self._path.read_text("ascii").strip() or "unknown"
        except (OSError, ValueError):
            return "unknown"


class Store:
    """The DuckDB store at `path` (the published file; the writer's file lies beside it)."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.folder = self.path.with_name(self.path.name + ".d")
        self.main = self.folder / "main.duckdb"
        self._write_lock = FileLock(self.folder / "write.lock")
        self._run_lock = FileLock(self.folder / "run.lock")
        self._known = KnownKeys(self.folder / "known")
        self._migrated = False

    # ------------------------------------------------------------------ locks
    @contextlib.contextmanager
    def run_lock(self) -> Iterator[None]:
        """Hold the right to run a cycle; two runs never overlap.

        Raises:
            StoreLocked: another run is under way.
        """
        if not self._run_lock.acquire(wait_s=0):
            raise StoreLocked(
                f"another presswatch run is under way (PID {self._run_lock.holder()}): "
                "wait for it to end, or stop it"
            )
        try:
            yield
        finally:
            self._run_lock.release()

    # ------------------------------------------------------------------ writing
    @contextlib.contextmanager
    def write(self, *, wait_s: float = LOCK_WAIT_S) -> Iterator[Transaction]:
        """Open one exclusive write transaction; commit at the end, roll back on an exception.

        Raises:
            StoreLocked: another process kept the lock for `wait_s` seconds.
            StoreTooNew: the file was written by a newer presswatch.
            StoreDamaged: the file cannot be opened.
        """
        self._check_alone()
        if not self._write_lock.acquire(wait_s=wait_s):
            raise StoreLocked(
                f"{self.path} is being written by another presswatch "
                f"(PID {self._write_lock.holder()}) for more than {wait_s:.0f} s: try again later"
            )
        try:
            self._adopt()
            con = _connect(self.main, read_only=False)
            try:
                if not self._migrated:
                    migrate(con)
                    self._migrated = True
                con.execute("BEGIN TRANSACTION")
                try:
                    yield self._begin(con)
                    con.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(Exception):
                        con.execute("ROLLBACK")
                    raise
            except Exception as error:
                if type(error).__name__ in _DISK_ERRORS:
                    text = str(error).splitlines()[0]
                    raise StoreUnwritable(
                        f"{self.main} could not be written ({text}): make room on the disk and "
                        "run again; what was committed before is safe"
                    ) from error
                raise
            finally:
                con.close()
        finally:
            self._write_lock.release()

    def _begin(self, con: DuckDBPyConnection) -> Transaction:
        """Number the transaction that was just opened, and compare its time with the last one's."""
        before = con.execute("SELECT begun_at FROM core.revision").fetchone()
        now = datetime.now(UTC)
        tx = Transaction(con=con, rev=_next_rev(con, now), now=now, known=self._known)
        settle_clock(tx, before[0] if before else None)
        return tx

    @contextlib.contextmanager
    def exclusive(self, *, wait_s: float = LOCK_WAIT_S) -> Iterator[Path]:
        """Hold the writer's lock without a connection; yield the writer's file, to be replaced.

        Raises:
            StoreLocked: another process kept the lock for `wait_s` seconds.
        """
        if not self._write_lock.acquire(wait_s=wait_s):
            raise StoreLocked(
                f"{self.path} is being written by another presswatch "
                f"(PID {self._write_lock.holder()}) for more than {wait_s:.0f} s: try again later"
            )
        try:
            self._adopt()
            yield self.main
        finally:
            self._migrated = False
            self._write_lock.release()

    def _check_alone(self) -> None:
        """Refuse a published file that is none, before anything is written beside it."""
        if self.path.exists() and not self.main.exists() and not lock_holder(self.path):
            _connect(self.path, read_only=True).close()

    def _adopt(self) -> None:
        """Make the writer's file from a published file that came alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.main.exists() or not self.path.exists():
            return
        holder = lock_holder(self.path)
        if holder:
            raise StoreLocked(
                f"{self.path} is locked by another program (PID {holder}): "
                "close it there, then try again"
            )
        part = self.main.with_suffix(".part")
        shutil.copyfile(self.path, part)
        con = _connect(part, read_only=False)
        try:
            if applied_versions(con):
                _restart_sequences(con)
        finally:
            con.close()
        part.replace(self.main)

    def check_writable(self) -> str:
        """Fail early, before anything is fetched, when a run could not store its results.

        Returns:
            A sentence about another program that has the published file open for writing; it
            stops nobody, and is not shown what comes. Else "".

        Raises:
            StoreLocked: another program holds the writer's file.
            StoreTooNew: the file was written by a newer presswatch.
            StoreDamaged: the file cannot be opened.
        """
        with self.write():
            pass
        holder = lock_holder(self.path) if self.path.exists() else None
        if not holder:
            return ""
        return (
            f"{self.path} is open for writing in another program (PID {holder}), which goes on "
            "seeing the old state: open it with read_only=True there"
        )

    # ------------------------------------------------------------------ publishing
    def publish(self) -> str:
        """Replace the published file by the writer's present state, atomically.

        Returns:
            "unchanged", "rows" or "whole": see `storage.publish`.

        Raises:
            StoreLocked: the writer's lock stayed taken, or another program has changed the
                published file and not closed it yet.
        """
        if not self._write_lock.acquire(wait_s=LOCK_WAIT_S):
            raise StoreLocked(
                f"{self.path} is being written by another presswatch "
                f"(PID {self._write_lock.holder()}): try again later"
            )
        try:
            if not self.main.exists():
                return "unchanged"
            # A program that has it open for writing, as `duckdb FILE` does, but only asks, goes on
            # with the old file. One that has changed it has a log, which new readers would meet.
            holder = lock_holder(self.path) if self.path.exists() else None
            if holder and self.path.with_name(self.path.name + ".wal").exists():
                raise StoreLocked(
                    f"{self.path} is being changed by another program (PID {holder}), so it was "
                    "not refreshed: close it there; changes to this file are not kept, so open it "
                    "with read_only=True"
                )
            con = _connect(self.main, read_only=False)
            try:
                migrate(con)
                row = con.execute("SELECT max(rev) FROM core.revision").fetchone()
                con.execute("CHECKPOINT")
                publisher = Publisher(path=self.path, main=self.main, folder=self.folder)
                return publisher.publish(con, int(row[0]) if row else 0)
            except OSError as error:
                raise StoreUnwritable(
                    f"{self.path} was not refreshed ({error.strerror or error}): make room; "
                    "nothing is lost, the next run publishes it"
                ) from error
            finally:
                con.close()
        finally:
            self._write_lock.release()

    def examine(
        self, *, deep: bool = True, progress: Callable[[float], None] | None = None
    ) -> list[str]:
        """Look for damage: tables that cannot be read, orphans, counts that do not add up.

        The lock is given back between two pieces of work (about a second each), so that a run
        goes on meanwhile.

        Args:
            deep: read every row of every column (DuckDB keeps a checksum of every block).
            progress: called with the share of the rows read so far.

        Returns:
            One sentence for each thing that is wrong; empty when all is well.

        Raises:
            StoreDamaged: the file cannot even be opened.
        """
        import duckdb

        problems: list[str] = []
        with self.write() as tx:  # also brings the schema up to date
            tables = tx.con.execute(
                "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'core' "
                "AND database_name = current_database() ORDER BY table_name"
            ).fetchall()
        checks = []
        for table, rows in tables if deep else ():
            piece = PIECE_ROWS.get(table, PIECE_ROWS[""])
            checks += [
                (
                    f"core.{table}",
                    f"SELECT bit_xor(hash(t)), 0 FROM core.{table} t "
                    f"WHERE rowid >= {start} AND rowid < {start + piece}",
                    min(piece, rows - start) * PIECE_ROWS[""] // piece,
                )
                for start in range(0, max(rows, 1), piece)
            ]
        checks += [(name, f"SELECT 0, ({sql})", 0) for name, sql in _INVARIANTS]
        total = sum(weight for _, _, weight in checks) or 1
        done = 0
        for name, sql, weight in checks:
            with self.exclusive():
                con = _connect(self.main, read_only=True)
                try:
                    row = con.execute(sql).fetchone()
                except duckdb.Error as error:
                    problems.append(f"{name} cannot be read ({str(error).splitlines()[0]})")
                    break  # the connection is gone; what is wrong is known
                finally:
                    con.close()
            if row and row[1]:
                problems.append(f"{row[1]} {name}")
            done += weight
            if progress is not None and weight:
                progress(done / total)
        return problems

    def is_stale(self) -> bool:
        """Tell whether the published file lacks a committed transaction (after a kill, say)."""
        return self.main.exists() and (
            not self.path.exists()
            or self.main.stat().st_mtime_ns > self.path.stat().st_mtime_ns
            or self.main.with_suffix(".duckdb.wal").exists()
        )

    # ------------------------------------------------------------------ reading
    @contextlib.contextmanager
    def read(self) -> Iterator[DuckDBPyConnection]:
        """Open the published file read-only, for as long as the caller likes.

        Raises:
            StoreDamaged: there is no such file, or it is not a database of ours.
            StoreTooNew: the file was written by a newer presswatch.
        """
        if not self.path.exists():
            if not self.main.exists():
                raise StoreDamaged(
                    f"there is no database at {self.path}: `presswatch run` or "
                    "`presswatch ingest` makes it; that of `presswatch demo` is "
                    "--db data/demo/presswatch.duckdb"
                )
            self.publish()
        con, inode = self._open_published()
        try:
            if not applied_versions(con):
                raise StoreDamaged(
                    f"{self.path} is not a presswatch database: name another one with --db"
                )
            if pending_migrations(con):
                con.close()
                open_inodes[inode] -= 1
                with self.write():
                    pass
                self.publish()
                con, inode = self._open_published()
            yield con
        finally:
            con.close()
            open_inodes[inode] -= 1

    def forget_published(self) -> None:
        """Make the next publication copy the whole file. Hold the writer's lock."""
        (self.folder / "published.json").unlink(missing_ok=True)

    @staticmethod
    def held_inodes() -> set[tuple[int, int]]:
        """Return which published files this process holds open: (device, inode)."""
        return {inode for inode, count in open_inodes.items() if count > 0}

    def _open_published(self) -> tuple[DuckDBPyConnection, tuple[int, int]]:
        """Open the published file; noted first, so that no publication reuses it meanwhile."""
        inode = inode_of(self.path)
        open_inodes[inode] += 1
        try:
            return _connect(self.path, read_only=True), inode
        except BaseException:
            open_inodes[inode] -= 1
            raise


def _next_rev(con: DuckDBPyConnection, now: datetime) -> int:
    """Take the next revision number inside the open transaction."""
    row = con.execute(
        "UPDATE core.revision SET rev = rev + 1, begun_at = ? RETURNING rev", [now]
    ).fetchone()
    assert row is not None
    return int(row[0])


# Sequences, and the column that holds what they gave out.
SEQUENCES = (
    ("article_id", "core.article", "article_id"),
    ("story_id", "core.story", "story_id"),
    ("story_event_id", "core.story_event", "event_id"),
)


def _restart_sequences(con: DuckDBPyConnection) -> None:
    """Continue numbering after the largest id: a published file's sequences lag behind."""
    there = {
        row[0]
        for row in con.execute(
            "SELECT sequence_name FROM duckdb_sequences() WHERE schema_name = 'core'"
        ).fetchall()
    }
    for name, table, column in SEQUENCES:
        if name in there:
            row = con.execute(f"SELECT coalesce(max({column}), 0) + 1 FROM {table}").fetchone()
            start = int(row[0]) if row else 1
            con.execute(f"CREATE OR REPLACE SEQUENCE core.{name} START {start}")
