"""The archive as Parquet: other tools read it, and it comes back exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from support.archive import AT, Piece, store_pieces

from extractors.errors import UsageError
from flows.cli import presswatch
from flows.context import AppContext
from storage.database import Store
from storage.errors import StoreTooNew
from storage.exports import MANIFEST, export_archive, import_archive
from storage.rows import insert_rows

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PIECES = (
    Piece(title="전작권 전환 협의", body="국방부는 밝혔다.", language="ko", topic="opcon"),
    Piece(title='It\'s a "quoted" title', body="Line one\nline two\ttab", removed="Related"),
    Piece(title="older", body="潜水艦が出港した。", language="ja", at=AT - timedelta(days=45)),
)


@pytest.fixture
def filled(store: Store) -> Store:
    with store.write() as tx:
        insert_rows(
            tx,
            "core.run",
            [{"run_id": "r", "kind": "run", "started_at": AT, "state": "ok", "counts": {"a": 1}}],
        )
    store_pieces(store, *PIECES)
    return store


def _export(store: Store, folder: Path) -> None:
    with store.read() as con:
        export_archive(con, folder, now=NOW)


def _same(one: Store, other: Store) -> list[str]:
    con = duckdb.connect()
    con.execute(f"ATTACH '{one.path}' AS a (READ_ONLY)")
    con.execute(f"ATTACH '{other.path}' AS b (READ_ONLY)")
    tables = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'a' AND schema_name = 'core'"
    ).fetchall()
    different = []
    for (table,) in tables:
        rows = con.execute(
            f"SELECT count(*) FROM ((FROM a.core.{table} EXCEPT ALL FROM b.core.{table}) UNION ALL "
            f"(FROM b.core.{table} EXCEPT ALL FROM a.core.{table}))"
        ).fetchone()
        if rows != (0,):
            different.append(table)
    con.close()
    return different


def test_what_is_imported_is_what_was_exported(filled: Store, tmp_path: Path) -> None:
    _export(filled, tmp_path / "out")
    other = Store(tmp_path / "other" / "p.duckdb")
    import_archive(other, tmp_path / "out")
    assert _same(filled, other) in ([], ["schema_migration"])  # the ledger has its own times
    assert store_pieces(other, PIECES[0]) == [4]  # numbering goes on
    assert other.examine() == []


def test_articles_lie_in_a_folder_a_month_and_duckdb_reads_them(
    filled: Store, tmp_path: Path
) -> None:
    _export(filled, tmp_path / "out")
    rows = duckdb.execute(
        "SELECT month, count(*), max(body) FROM read_parquet(?, hive_partitioning = true) "
        "GROUP BY ALL ORDER BY ALL",
        [str(tmp_path / "out/article/*/*.parquet")],
    ).fetchall()
    assert [(month, count) for month, count, _ in rows] == [("2026-10", 1), ("2026-11", 2)]
    blocks = sorted(path.name for path in (tmp_path / "out" / "block").iterdir())
    assert blocks == ["month=2026-10", "month=2026-11"]


def test_pandas_and_polars_read_it(filled: Store, tmp_path: Path) -> None:
    _export(filled, tmp_path / "out")
    polars = pytest.importorskip("polars")
    frame = polars.scan_parquet(tmp_path / "out/article/**/*.parquet").collect()
    assert set(frame["title"]) == {piece.title for piece in PIECES}
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table = pandas.read_parquet(tmp_path / "out/article/month=2026-10/rows.parquet")
    assert list(table["body"]) == [PIECES[2].body]


def test_a_changed_or_missing_file_is_named(filled: Store, tmp_path: Path) -> None:
    _export(filled, tmp_path / "out")
    other = Store(tmp_path / "other.duckdb")
    path = tmp_path / "out/story/rows.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match=r"story/rows\.parquet was changed"):
        import_archive(other, tmp_path / "out")
    path.unlink()
    with pytest.raises(UsageError, match=r"story/rows\.parquet is missing"):
        import_archive(other, tmp_path / "out")
    assert not other.path.exists() and not other.main.exists()


def test_an_export_is_not_read_outside_its_folder(filled: Store, tmp_path: Path) -> None:
    _export(filled, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    manifest["tables"]["story"]["files"][0]["file"] = "../../etc/passwd"
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="missing"):
        import_archive(Store(tmp_path / "other.duckdb"), tmp_path / "out")


def test_a_newer_export_and_a_taken_place_are_refused(filled: Store, tmp_path: Path) -> None:
    _export(filled, tmp_path / "out")
    with pytest.raises(UsageError, match="exists already"):
        import_archive(filled, tmp_path / "out")
    with pytest.raises(UsageError, match="not empty"):
        _export(filled, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    manifest["schema"].append(9999)
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StoreTooNew, match="upgrade"):
        import_archive(Store(tmp_path / "other.duckdb"), tmp_path / "out")


def test_the_commands_do_both(filled: Store, tmp_path: Path) -> None:
    run = CliRunner()
    out, db = str(tmp_path / "out"), str(tmp_path / "new.duckdb")
    for arguments in (
        ["--db", str(filled.path), "export", out],
        ["--db", db, "import", out, "--json"],
    ):
        done = run.invoke(presswatch, arguments, obj=AppContext(), catch_exceptions=False)
        assert done.exit_code == 0
    assert json.loads(done.stdout)["rows"]["article"] == 3
