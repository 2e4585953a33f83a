"""The data dictionary: complete, in the database, and the same as in docs/data-model.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import storage
from storage.database import Store
from storage.dictionary import TABLE_OF, apply_comments, current_data_model, undescribed

ROOT = Path(next(iter(storage.__path__))).parent


def test_every_table_view_and_column_is_described_in_the_database(store: Store) -> None:
    with store.write() as tx:
        assert undescribed(tx.con) == []  # new ones: storage/dictionary.toml
        assert apply_comments(tx.con) == 0


def test_people_see_the_description_in_the_published_file(store: Store) -> None:
    with store.write():
        pass
    with store.read() as con:
        row = con.execute(
            "SELECT comment FROM duckdb_columns() "
            "WHERE table_name = 'articles' AND column_name = 'duplicate_of'"
        ).fetchone()
    assert row is not None and "text this one repeats" in row[0]


def test_nothing_is_described_that_does_not_exist(store: Store) -> None:
    text = Path(ROOT / "storage" / "dictionary.toml").read_text("utf-8")
    described = tomllib.loads(text)
    core = described.pop("core")
    with store.write() as tx:
        there = set(
            tx.con.execute("SELECT schema_name, table_name, column_name FROM duckdb_columns()")
            .fetchall()
        )  # fmt: skip
    named = {("main", view, column) for view, own in described.items() for column in own if column}
    named |= {
        ("core", table, column)
        for table, own in core.items()
        if isinstance(own, dict)
        for column in own
        if column
    }
    assert named - there == set()
    assert {table for _, table, _ in there} >= set(TABLE_OF) | set(TABLE_OF.values())


def test_the_document_is_the_one_that_the_schema_gives() -> None:
    # python -m storage.dictionary > docs/data-model.md
    assert (ROOT / "docs" / "data-model.md").read_text("utf-8") == current_data_model()


def test_a_macro_that_a_later_migration_replaces_is_told_once() -> None:
    macros = re.findall(r"^\| `(\w+)\([^`]*\)` \| (?:rows|value): ", current_data_model(), re.M)
    assert {"hits_of", "search", "days_ago"} <= set(macros)
    assert len(macros) == len(set(macros))
