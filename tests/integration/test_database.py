"""The store on real files, with real second processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from storage.database import Store
from storage.errors import StoreDamaged, StoreLocked, StoreTooNew


def _python(code: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


HOLD = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("open", flush=True)
sys.stdin.readline()
"""

CHANGE = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
con.execute("CREATE TABLE mine AS SELECT 1 AS i")
print("changed", flush=True)
sys.stdin.readline()
"""

WRITE_AND_WAIT = """
import sys
from storage.database import Store
with Store(sys.argv[1]).write() as tx:
    tx.con.execute("INSERT INTO core.run (run_id, kind, started_at, state, rev) "
                   "VALUES ('lost', 'test', now(), 'running', ?)", [tx.rev])
    print("open", flush=True)
    sys.stdin.readline()
"""


def _add_run(store: Store, run_id: str) -> None:
    with store.write() as tx:
        tx.con.execute(
            "INSERT INTO core.run (run_id, kind, started_at, state, rev) "
            "VALUES (?, 'test', now(), 'ok', ?)",
            [run_id, tx.rev],
        )


def _runs(store: Store) -> list[str]:
    with store.read() as con:
        return [row[0] for row in con.execute("SELECT run_id FROM runs ORDER BY 1").fetchall()]


def test_an_open_notebook_does_not_stop_a_write_nor_see_it_half(store: Store) -> None:
    _add_run(store, "one")
    store.publish()
    reader = _python(HOLD, str(store.path), "read")
    try:
        assert reader.stdout is not None and reader.stdout.readline().strip() == "open"
        _add_run(store, "two")
        store.publish()
        assert _runs(store) == ["one", "two"]
    finally:
        reader.communicate("\n", timeout=30)


def test_a_program_that_opened_the_published_file_for_writing_stops_nobody(store: Store) -> None:
    _add_run(store, "one")
    store.publish()
    other = _python(HOLD, str(store.path), "write")
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "open"
        for name in ("two", "three"):
            store.check_writable()
            _add_run(store, name)
            store.publish()
        assert set(_runs(store)) == {"one", "two", "three"}
    finally:
        other.communicate("\n", timeout=30)
    _add_run(store, "four")
    store.publish()
    assert len(_runs(store)) == 4


def test_a_program_that_changes_the_published_file_is_named_and_a_run_goes_on(
    store: Store,
) -> None:
    _add_run(store, "one")
    store.publish()
    other = _python(CHANGE, str(store.path))
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "changed"
        store.check_writable()
        _add_run(store, "two")
        with pytest.raises(StoreLocked, match=f"PID {other.pid}"):
            store.publish()
    finally:
        other.communicate("\n", timeout=30)
    store.publish()
    assert _runs(store) == ["one", "two"]


def test_a_transaction_killed_half_way_leaves_nothing(store: Store) -> None:
    _add_run(store, "one")
    writer = _python(WRITE_AND_WAIT, str(store.path))
    assert writer.stdout is not None and writer.stdout.readline().strip() == "open"
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    _add_run(store, "two")
    store.publish()
    assert _runs(store) == ["one", "two"]


def test_a_second_writer_waits_and_then_says_who_holds_the_lock(store: Store) -> None:
    _add_run(store, "one")
    writer = _python(WRITE_AND_WAIT, str(store.path))
    try:
        assert writer.stdout is not None and writer.stdout.readline().strip() == "open"
        with pytest.raises(StoreLocked, match=f"PID {writer.pid}"), store.write(wait_s=0.2):
            pass
    finally:
        writer.communicate("\n", timeout=30)
    _add_run(store, "two")


def test_two_runs_never_overlap(store: Store) -> None:
    with store.run_lock():
        other = Store(store.path)
        with pytest.raises(StoreLocked, match="another presswatch run"), other.run_lock():
            pass
    with Store(store.path).run_lock():
        pass


def test_a_restored_copy_is_adopted(store: Store, tmp_path: Path) -> None:
    _add_run(store, "one")
    store.publish()
    copy = tmp_path / "elsewhere.duckdb"
    copy.write_bytes(store.path.read_bytes())
    other = Store(copy)
    _add_run(other, "two")
    other.publish()
    assert _runs(other) == ["one", "two"]
    assert _runs(store) == ["one"]


def test_a_newer_file_is_refused_with_a_sentence(store: Store) -> None:
    with store.write() as tx:
        tx.con.execute("INSERT INTO core.schema_migration VALUES (9999, 'future', now())")
    store.path.write_bytes(store.main.read_bytes())
    again = Store(store.path)
    with pytest.raises(StoreTooNew, match="upgrade presswatch"), again.write():
        pass
    with pytest.raises(StoreTooNew, match="upgrade presswatch"), again.read():
        pass


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_text("not a database at all" * 400)
    with pytest.raises(StoreDamaged, match="doctor"), Store(path).read():
        pass
    foreign = tmp_path / "foreign.duckdb"
    duckdb.connect(str(foreign)).close()
    with pytest.raises(StoreDamaged, match="not a presswatch database"), Store(foreign).read():
        pass


def test_a_missing_database_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(StoreDamaged, match="presswatch ingest"), Store(tmp_path / "no.db").read():
        pass
    assert not (tmp_path / "no.db").exists()


def _fill(store: Store, first: int, count: int) -> None:
    with store.write() as tx:
        tx.con.execute(
            "INSERT INTO core.article BY NAME SELECT i AS article_id, 'en' AS language, "
            "now() AS fetched_at, 1 AS words, 'ok' AS status, ? AS rev, "
            "'text ' || i AS body FROM range(?, ?) t(i)",
            [tx.rev, first, first + count],
        )


def _bodies(store: Store) -> tuple[int, str]:
    with store.read() as con:
        row = con.execute("SELECT count(*), min(body) FROM articles").fetchone()
    assert row is not None
    return row


def test_publishing_again_adds_only_the_new_rows_and_ends_in_the_same_state(store: Store) -> None:
    _fill(store, 0, 60_000)  # larger than a table that is refreshed whole
    assert store.publish() == "whole"
    _fill(store, 60_000, 10)
    assert store.publish() == "whole"  # the spare exists from now on
    _fill(store, 60_010, 10)
    with store.write() as tx:
        tx.con.execute("UPDATE core.article SET body = 'a', rev = ? WHERE article_id = 5", [tx.rev])
    assert store.publish() == "rows"
    assert _bodies(store) == (60_020, "a")
    assert store.publish() == "unchanged"


def test_a_deletion_is_published_too(store: Store) -> None:
    _fill(store, 0, 60_000)
    store.publish()
    _fill(store, 60_000, 1)
    store.publish()
    with store.write() as tx:
        tx.con.execute("DELETE FROM core.article WHERE article_id < 100")
    assert store.publish() == "whole"
    assert _bodies(store)[0] == 59_901


def test_a_file_that_somebody_still_reads_is_never_written(store: Store) -> None:
    _fill(store, 0, 10)
    store.publish()
    reader = _python(HOLD, str(store.path), "read")
    try:
        assert reader.stdout is not None and reader.stdout.readline().strip() == "open"
        _fill(store, 10, 10)
        store.publish()  # what the reader holds is the spare now
        _fill(store, 20, 10)
        assert store.publish() == "whole"
        with store.read() as con:
            _fill(store, 30, 10)
            store.publish()
            _fill(store, 40, 10)
            assert store.publish() == "whole"  # held by this very process
            row = con.execute("SELECT count(*) FROM articles").fetchone()
            assert row is not None and row[0] == 30
    finally:
        reader.communicate("\n", timeout=30)
    assert _bodies(store)[0] == 50


def test_ids_go_on_after_a_restore(store: Store, tmp_path: Path) -> None:
    _fill(store, 1, 20)
    store.publish()
    copy = tmp_path / "restored.duckdb"
    copy.write_bytes(store.path.read_bytes())
    with Store(copy).write() as tx:
        row = tx.con.execute("SELECT nextval('core.article_id')").fetchone()
    assert row == (21,)
