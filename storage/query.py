"""Ad hoc questions to the published file: read-only, sandboxed, with a time limit.

What comes in is SQL from a person, what goes out rows or a written file. The connection can
neither write, nor reach files or the network, nor change its own settings back
(DuckDB manual, "Securing DuckDB": enable_external_access, lock_configuration).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extractors.errors import UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Store

MAX_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows of a query: column names, column types, rows."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@contextmanager
def sandbox(store: Store, *, allow_files: bool = False) -> Iterator[DuckDBPyConnection]:
    """Open the published file for a person's query."""
    with store.read() as con:
        if not allow_files:
            con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        yield con


def ask(
    con: DuckDBPyConnection, sql: str, params: Sequence[Any] = (), *, timeout_s: float = 60.0
) -> Answer:
    """Run one query and return its rows.

    Raises:
        UsageError: the query is wrong, forbidden here, or took longer than `timeout_s` seconds.
    """
    import duckdb

    expired = threading.Event()

    def stop() -> None:
        expired.set()
        con.interrupt()

    timer = threading.Timer(timeout_s, stop)
    timer.daemon = True
    timer.start()
    try:
        cursor = con.execute(sql, list(params)) if params else con.execute(sql)
        description = cursor.description or []
        rows = cursor.fetchmany(MAX_ROWS) if description else []
    except duckdb.Error as error:
        if expired.is_set():
            raise UsageError(
                f"the query took longer than {timeout_s:g} s and was stopped: narrow it, "
                "or allow more with --timeout"
            ) from None
        raise UsageError(f"query failed: {_explain(error)}") from None
    finally:
        timer.cancel()
    return Answer(
        columns=tuple(str(d[0]) for d in description),
        types=tuple(str(d[1]) for d in description),
        rows=rows,
    )


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "read-only" in text or "read_only" in text:
        return "the database is open read-only here; presswatch's own commands change it"
    if "disabled" in text and ("external" in text or "file system" in text):
        return "a query may not reach files or the network here (see --allow-files)"
    return text
