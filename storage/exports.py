"""Writing query results to files other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.query import Answer


def write_parquet(answer: Answer, path: Path) -> None:
    """Write the rows of `answer` to a Parquet file at `path`, with their DuckDB types."""
    import duckdb

    con = duckdb.connect()
    try:
        con.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(
            f'"{name.replace(chr(34), chr(34) * 2)}" {kind}'
            for name, kind in zip(answer.columns, answer.types, strict=True)
        )
        con.execute(f"CREATE TABLE answer ({columns})")
        if answer.rows:
            lists = [list(column) for column in zip(*answer.rows, strict=True)]
            wanted = ", ".join(f"unnest(?::{kind}[])" for kind in answer.types)
            con.execute(f"INSERT INTO answer SELECT {wanted}", lists)
        con.execute("COPY answer TO ? (FORMAT parquet, COMPRESSION zstd)", [str(path)])
    finally:
        con.close()
