"""Making a database file anew from the rows of another: for imports, and to give space back.

In: the schema versions that the file shall have, and where its rows come from. Out: a closed,
checkpointed file. Large tables keep the order of their rows: zone maps live on it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from storage.database import connect_writer
from storage.migrate import load_migrations, run_migrations
from storage.publish import LEDGER

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def core_tables(con: DuckDBPyConnection) -> list[str]:
    """Return the names of the base tables, in alphabetical order."""
    rows = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'core' "
        "AND database_name = current_database() ORDER BY table_name"
    ).fetchall()
    return [str(row[0]) for row in rows]


def sequences(con: DuckDBPyConnection) -> dict[str, int]:
    """Return the next value of each sequence."""
    rows = con.execute(
        "SELECT sequence_name, coalesce(last_value + 1, start_value) FROM duckdb_sequences() "
        "WHERE schema_name = 'core' AND database_name = current_database()"
    ).fetchall()
    return {str(name): int(value) for name, value in rows}


def build_database(
    path: Path,
    *,
    versions: set[int],
    starts: dict[str, int],
    fill: Callable[[DuckDBPyConnection, str], None],
    source: Path | None = None,
) -> None:
    """Make the file `path` with the schema of `versions` and let `fill` insert each table's rows.

    Args:
        path: a file that does not exist.
        versions: migrations to run.
        starts: next value of each sequence.
        fill: called with an open connection (in a transaction) and a table's name.
        source: a closed database file that `fill` finds attached as `old`.
    """
    con = connect_writer(path)
    try:
        run_migrations(con, tuple(m for m in load_migrations() if m.version in versions))
        tables = core_tables(con)
        if source is not None:
            con.execute(f"ATTACH '{str(source).replace(chr(39), chr(39) * 2)}' AS old (READ_ONLY)")
        for table in tables:
            if table == LEDGER:
                continue
            con.execute(f"DELETE FROM core.{table}")  # what migrations put there
            con.execute("BEGIN TRANSACTION")
            fill(con, table)
            con.execute("COMMIT")
            con.execute("CHECKPOINT")
        for name, start in starts.items():
            con.execute(f"CREATE OR REPLACE SEQUENCE core.{name} START {start}")
        con.execute("CHECKPOINT")
    finally:
        con.close()
