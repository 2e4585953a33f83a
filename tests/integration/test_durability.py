"""The drills of benchmarks/drill_durability.py, short; the long ones are run by hand."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.archive import Piece, store_pieces

from storage.database import Store
from storage.errors import StoreUnwritable

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("drill", ["kill", "two", "wal", "clock", "readonly", "disk"])
def test_what_was_acknowledged_is_there_after(drill: str) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/drill_durability.py", "--only", drill, "--kills", "10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_readers_and_the_writer_never_block_each_other() -> None:
    done = subprocess.run(
        [sys.executable, "drill_readers.py", "--seconds", "20"],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def filled(store: Store) -> Store:
    store_pieces(
        store,
        *(Piece(title=f"t{n}", body=f"{n} " + str(random.Random(n).random()) * 40)
          for n in range(3_000)),
    )  # fmt: skip
    return store


def test_damage_in_the_middle_of_the_file_is_found_and_named(filled: Store) -> None:
    assert filled.examine() == []
    con = duckdb.connect(str(filled.main), read_only=True)
    blocks = {
        table: con.execute(
            f"SELECT min(block_id) FROM pragma_storage_info('core.{table}') "
            f"WHERE block_id >= 0 AND column_name = ?",
            [column],
        ).fetchone()
        for table, column in (("article", "body"), ("search_recent", "term"), ("story", "title"))
    }
    con.close()
    for table, row in blocks.items():
        assert row is not None and row[0] is not None
        copy = Store(filled.path.with_name(f"{table}.duckdb"))
        data = bytearray(filled.main.read_bytes())
        # Three header blocks of 4 KiB, then blocks of 256 KiB (DuckDB's storage format).
        at = 3 * 4096 + row[0] * 262_144 + 20_000
        data[at : at + 64] = bytes(byte ^ 0xFF for byte in data[at : at + 64])
        copy.folder.mkdir()
        copy.main.write_bytes(data)
        problems = copy.examine()
        assert problems and "cannot be read" in problems[0], table


def test_orphans_and_double_ids_are_found_and_named(filled: Store) -> None:
    with filled.write() as tx:
        tx.con.execute("DELETE FROM core.article WHERE article_id = 1")
        tx.con.execute("UPDATE core.article SET article_id = 3 WHERE article_id = 2")
        tx.con.execute("UPDATE core.article SET duplicate_of = 99999 WHERE article_id = 4")
        tx.con.execute("UPDATE core.article SET story_id = 99999 WHERE article_id = 5")
    assert set(filled.examine()) >= {
        "2 blocks without an article",
        "1 article ids used twice",
        "1 copies of an article that does not exist",
        "1 articles in a story that does not exist",
        "2 postings of the search index without an article",
    }


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise duckdb.IOException('IO Error: Cannot open file "x": Permission denied')

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(StoreUnwritable, match="owner"), filled.write():
        pass
