"""Numbered migrations: what comes in is an open connection, what goes out an up-to-date schema.

Each file in `migrations/` is `NNNN_name.sql`. It runs in one transaction together with the row
that records it, so that a kill in the middle leaves the old version. Forward only: an older
program refuses a file with a version it does not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from storage.dictionary import apply_comments
from storage.errors import StoreTooNew

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")

_LEDGER = """
CREATE SCHEMA IF NOT EXISTS core;
CREATE TABLE IF NOT EXISTS core.schema_migration (
    version INTEGER NOT NULL, name VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    name: str
    sql: str


def load_migrations() -> tuple[Migration, ...]:
    """Return the shipped migrations in ascending order of their number."""
    found = []
    for entry in files("storage").joinpath("migrations").iterdir():
        if match := _NAME.match(entry.name):
            found.append(
                Migration(version=int(match[1]), name=match[2], sql=entry.read_text("utf-8"))
            )
    return tuple(sorted(found, key=lambda m: m.version))


def applied_versions(con: DuckDBPyConnection) -> set[int]:
    """Return the versions recorded in the file; empty for a new file."""
    exists = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'core' "
        "AND table_name = 'schema_migration' AND database_name = current_database()"
    ).fetchone()
    if not exists or not exists[0]:
        return set()
    rows = con.execute("SELECT version FROM core.schema_migration").fetchall()
    return {int(row[0]) for row in rows}


def pending_migrations(con: DuckDBPyConnection) -> tuple[Migration, ...]:
    """Return what is still to be applied.

    Raises:
        StoreTooNew: the file holds a version this program does not know.
    """
    known = load_migrations()
    applied = applied_versions(con)
    unknown = applied - {m.version for m in known}
    if unknown:
        newest = max(m.version for m in known)
        raise StoreTooNew(
            f"the database has schema version {max(unknown)}, this presswatch knows "
            f"{newest}: upgrade presswatch, or open a copy made by this version"
        )
    return tuple(m for m in known if m.version not in applied)


def migrate(con: DuckDBPyConnection) -> tuple[Migration, ...]:
    """Apply what is pending, each step in a transaction of its own, and return it."""
    todo = pending_migrations(con)
    run_migrations(con, todo)
    return todo


def run_migrations(con: DuckDBPyConnection, steps: tuple[Migration, ...]) -> None:
    """Apply `steps`, each in a transaction of its own, and describe what they made."""
    if not steps:
        return
    con.execute(_LEDGER)
    for step in steps:
        con.execute("BEGIN TRANSACTION")
        try:
            con.execute(step.sql)
            con.execute(
                "INSERT INTO core.schema_migration VALUES (?, ?, now())", [step.version, step.name]
            )
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
    apply_comments(con)
