"""Files of earlier schemas open in the newest program; tests/fixtures/schema holds one of each."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from storage.database import Store
from storage.migrate import load_migrations
from storage.search import catch_up, search

FOLDER = Path(__file__).parents[1] / "fixtures" / "schema"
FILES = sorted(FOLDER.glob("*.duckdb.gz"))


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    path = tmp_path / "presswatch.duckdb"
    path.write_bytes(gzip.decompress(request.param.read_bytes()))
    return Store(path)


def test_there_is_an_old_file() -> None:
    assert FILES


def test_an_old_file_is_brought_up_to_date_by_reading_it(old: Store) -> None:
    with old.read() as con:
        rows = con.execute(
            "SELECT title, language, body FROM articles ORDER BY article_id"
        ).fetchall()
        versions = {
            r[0] for r in con.execute("SELECT version FROM core.schema_migration").fetchall()
        }
        blocks = con.execute("SELECT count(*) FROM blocks").fetchone()
    assert [(title, language) for title, language, _ in rows] == [
        ("Seoul sets date for OPCON talks", "en"),
        ("전작권 전환 일정 협의", "ko"),
    ]
    assert blocks == (2,)
    assert versions == {migration.version for migration in load_migrations()}


def test_an_old_file_is_searched_once_it_has_caught_up(old: Store) -> None:
    with old.write() as tx:
        while catch_up(tx):
            pass
    old.publish()
    with old.read() as con:
        assert [hit.language for hit in search(con, "작권").hits] == ["ko"]
    assert old.examine() == []
