"""What people open is what the writer has: after any changes, in every table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.archive import Piece, add_pieces

import storage.search
from storage.database import Store
from storage.publish import KEYS, QUEUES
from storage.search import reindex_articles, settle


def differences(store: Store) -> list[str]:
    """Return the tables whose rows differ between the writer's and the published file."""
    with store.write() as tx:
        con = tx.con
        con.execute("ROLLBACK")
        con.execute(f"ATTACH '{store.path}' AS published (READ_ONLY)")
        tables = [
            row[0]
            for row in con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'core' "
                "AND database_name = current_database()"
            ).fetchall()
        ]
        wrong = []
        for table in tables:
            count = con.execute(
                f"SELECT count(*) FROM (FROM core.{table} EXCEPT ALL FROM published.core.{table}) "
                f"UNION ALL SELECT count(*) FROM "
                f"(FROM published.core.{table} EXCEPT ALL FROM core.{table})"
            ).fetchall()
            if any(row[0] for row in count):
                wrong.append(table)
        con.execute("DETACH published")
        con.execute("BEGIN TRANSACTION")
    return [table for table in wrong if table != "revision"]


def _pieces(start: int, count: int) -> list[Piece]:
    return [
        Piece(title=f"Title {n} 전작권", body=f"Body {n} of the harbor. 協議{n}", topic="opcon")
        for n in range(start, start + count)
    ]


def test_every_kind_of_change_is_published_row_by_row(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.publish.SMALL_TABLE_ROWS", 40)
    with store.write() as tx:
        add_pieces(tx, _pieces(0, 200))
    assert store.publish() == "whole"
    with store.write() as tx:
        add_pieces(tx, _pieces(200, 20))
    assert store.publish() == "whole"
    changes = [
        "UPDATE core.article SET title = 'changed', rev = $rev WHERE article_id % 7 = 0",
        "UPDATE core.story SET n_articles = 2, rev = $rev WHERE story_id % 5 = 0",
        "UPDATE core.topic_hit SET score = 2, rev = $rev WHERE article_id = 3",
        "INSERT INTO core.alert (alert_key, kind, state, created_at, rev) "
        "SELECT 's' || i, 'alert', 'pending', now(), $rev FROM range(40) t(i)",
        "UPDATE core.alert SET state = 'sent', rev = $rev WHERE alert_key < 's2'",
    ]
    for change in changes:
        with store.write() as tx:
            tx.con.execute(change, {"rev": tx.rev})
            add_pieces(tx, _pieces(300, 5))
        assert store.publish() == "rows", change
        assert differences(store) == [], change
    with store.write() as tx:
        settle(tx)
    assert store.publish() == "rows"
    assert differences(store) == []
    monkeypatch.setattr(storage.search, "RECENT_POSTINGS", 1)
    with store.write() as tx:
        add_pieces(tx, _pieces(400, 5))
    assert store.publish() == "rows"
    assert differences(store) == []
    with store.write() as tx:
        reindex_articles(tx, [3], ["Title"], ["Nothing left."])
    store.publish()
    assert differences(store) == []


def test_every_known_key_is_of_a_table_and_its_columns(store: Store) -> None:
    with store.write() as tx:
        there: dict[str, set[str]] = {}
        for table, column in tx.con.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'core'"
        ).fetchall():
            there.setdefault(table, set()).add(column)
    for table, columns in {**KEYS, **dict.fromkeys(QUEUES, ())}.items():
        assert {*columns, "rev"} <= there[table], table


def test_every_table_that_grows_with_the_archive_can_be_published_by_rows(store: Store) -> None:
    with store.write() as tx:
        tables = {
            row[0]
            for row in tx.con.execute(
                "SELECT table_name FROM duckdb_columns() WHERE schema_name = 'core' "
                "AND column_name = 'article_id'"
            ).fetchall()
        }
    assert tables - {"topic_feedback"} <= set(KEYS) | QUEUES


def test_a_log_that_a_kill_has_left_is_not_replayed_into_another_file(
    store: Store, tmp_path: Path
) -> None:
    for n in range(3):
        with store.write() as tx:
            add_pieces(tx, _pieces(10 * n, 10))
        store.publish()
    # A publication that was killed: rows in the log of the file that was the spare then.
    code = (
        "import duckdb, os, sys; con = duckdb.connect(sys.argv[1]); "
        "con.execute(\"SET checkpoint_threshold = '1GB'\"); "
        "con.execute('UPDATE core.article SET words = 7777'); os.kill(os.getpid(), 9)"
    )
    spare = store.folder / "spare.duckdb"
    for path in (spare, store.path):
        before = path.read_bytes()
        subprocess.run([sys.executable, "-c", code, str(path)], check=False)
        assert path.with_name(path.name + ".wal").exists()
        if path == spare:
            stamp = spare.stat()
            spare.write_bytes(before)
            os.utime(spare, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    for n in range(3, 6):
        with store.write() as tx:
            add_pieces(tx, _pieces(10 * n, 10))
        store.publish()
        assert differences(store) == []
        assert not store.path.with_name(store.path.name + ".wal").exists()
