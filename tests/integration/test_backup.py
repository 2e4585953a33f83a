"""Backups while a run writes, and what is restored from them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.archive import Piece, add_pieces, store_pieces

from extractors.errors import UsageError
from storage.backup import back_up
from storage.database import Store
from storage.errors import StoreDamaged

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
PIECE = Piece(title="Drill ends", body="A drill ended in the harbor.")


def _count(path: Path) -> tuple[int, int, int]:
    with Store(path).read() as con:
        row = con.execute(
            "SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM core.block), "
            "(SELECT count(*) FROM stories)"
        ).fetchone()
    assert row is not None
    return row


def test_a_backup_holds_what_was_committed_but_not_published(store: Store, tmp_path: Path) -> None:
    store_pieces(store, PIECE)
    with store.write() as tx:
        add_pieces(tx, [PIECE])
    done = back_up(store, tmp_path / "copy.duckdb", now=NOW)
    assert (done.articles, done.fresh) == (2, True)
    assert _count(done.path) == (2, 2, 2)


def test_a_backup_restores_to_a_working_store(store: Store, tmp_path: Path) -> None:
    store_pieces(store, PIECE)
    done = back_up(store, tmp_path / "copy.duckdb", now=NOW)
    restored = Store(tmp_path / "elsewhere" / "presswatch.duckdb")
    restored.path.parent.mkdir()
    restored.path.write_bytes(done.path.read_bytes())
    assert store_pieces(restored, PIECE) == [2]
    assert restored.examine() == []
    assert _count(restored.path) == (2, 2, 2)


def test_every_backup_made_while_a_run_writes_is_of_one_moment(
    store: Store, tmp_path: Path
) -> None:
    store_pieces(store, PIECE)
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        writer = Store(store.path)
        try:
            while not stop.is_set():
                store_pieces(writer, *[PIECE] * 20)
                stop.wait(0.1)  # a run does other work too; flock(2) is not fair
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        copies = [back_up(store, tmp_path / f"{n}.duckdb", now=NOW).path for n in range(6)]
    finally:
        stop.set()
        thread.join()
    assert failures == []
    for copy in copies:
        articles, blocks, stories = _count(copy)
        assert articles == blocks == stories
        assert articles % 20 == 1  # whole transactions only


def test_dated_backups_are_kept_as_many_as_wanted(store: Store, tmp_path: Path) -> None:
    store_pieces(store, PIECE)
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "mine.duckdb").write_text("not ours")
    for day in range(4):
        back_up(store, folder, now=NOW + timedelta(days=day), keep=2)
    assert sorted(path.name for path in folder.iterdir()) == [
        "mine.duckdb",
        "presswatch-20261124T060000Z.duckdb",
        "presswatch-20261125T060000Z.duckdb",
    ]


def test_nothing_is_overwritten_and_nothing_half_is_left(store: Store, tmp_path: Path) -> None:
    store_pieces(store, PIECE)
    there = tmp_path / "there.duckdb"
    there.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        back_up(store, there, now=NOW)
    with pytest.raises(UsageError, match="cannot be written"):
        back_up(store, tmp_path / "no" / "folder.duckdb", now=NOW)
    with pytest.raises(StoreDamaged, match="no database"):
        back_up(Store(tmp_path / "none.duckdb"), tmp_path / "b.duckdb", now=NOW)
    assert there.read_text() == "mine"
    assert list(tmp_path.glob("*.part")) == []


def test_a_folder_for_several_backups_is_made_and_is_never_a_file(
    store: Store, tmp_path: Path
) -> None:
    store_pieces(store, PIECE)
    done = back_up(store, tmp_path / "to" / "come", now=NOW, keep=3)

    assert done.path == tmp_path / "to" / "come" / "presswatch-20261122T060000Z.duckdb"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="folder"):
        back_up(store, tmp_path / "file", now=NOW, keep=3)
