"""Ad hoc questions to the published file: read-only, sandboxed, bounded in time and memory.

What comes in is SQL from a person, or the name of a question in `queries/`; what goes out rows,
read a piece at a time, or a file. The connection can neither write, nor reach files or the
network, nor load extensions, nor change its own settings back (DuckDB manual, "Securing DuckDB";
tests/integration/test_sql.py tries each). Only a file that the caller names may be written.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractors.errors import UsageError
from extractors.suggest import did_you_mean

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Store

MAX_ROWS = 1_000_000  # what `ask` keeps in memory; `stream` has no such limit
MEMORY = "2GB"  # of the 2-core machine's few; larger sorts go to disk
SPILL = "20GB"
_CHUNK = 2_048  # DuckDB's own vector size
_QUERY_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_NOT_CONVERTED = re.compile(r"Could not convert string '(.*)' to (\w+)")
_KINDS = {"INT32": "whole number", "INT64": "whole number", "DOUBLE": "number"}
# What DuckDB says when a query would change something: of views it does not say "read-only".
_CHANGES = (
    "read-only",
    "read_only",
    "can only delete from base table",
    "can only update base table",
    "is not an table",
)
_PARAM = re.compile(r"^(\w+)(?:\s*=\s*(.*?))?(?:\s+--\s+(.*))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows of a query: column names, column types, rows. `more`: there were too many."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A running query: its columns, and its rows in pieces."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    chunks: Iterator[list[tuple[Any, ...]]]


@contextmanager
def sandbox(
    store: Store,
    *,
    allow_files: bool = False,
    write_to: Path | None = None,
    memory: str = MEMORY,
) -> Iterator[DuckDBPyConnection]:
    """Open the published file for a person's query.

    Args:
        store: the store.
        allow_files: let queries read and write files and reach the network.
        write_to: the only file that a query may touch otherwise.
        memory: how much memory queries may use, as DuckDB writes it.
    """
    import duckdb

    with store.read() as con, tempfile.TemporaryDirectory(prefix="presswatch-sql-") as spill:
        try:
            con.execute(f"SET memory_limit = {_quoted(memory)}")
        except duckdb.Error:
            raise UsageError(
                f"{memory!r} is not an amount of memory: write it like 2GB or 500MB"
            ) from None
        con.execute(f"SET temp_directory = {_quoted(spill)}")
        con.execute(f"SET max_temp_directory_size = '{SPILL}'")
        con.execute("SET python_enable_replacements = false")
        if not allow_files:
            if write_to is not None:
                con.execute(f"SET allowed_paths = [{_quoted(str(write_to.absolute()))}]")
            con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        yield con


@contextmanager
def stream(
    con: DuckDBPyConnection,
    sql: str,
    params: Sequence[Any] | Mapping[str, Any] = (),
    *,
    timeout_s: float = 60.0,
) -> Iterator[Stream]:
    """Run a query whose rows are read inside the `with` block, all within `timeout_s` seconds.

    Raises:
        UsageError: the query is wrong, forbidden here, or took too long.
    """
    import duckdb

    expired = threading.Event()

    def stop() -> None:
        expired.set()
        con.interrupt()

    timer = threading.Timer(timeout_s, stop)
    timer.daemon = True
    timer.start()

    def chunks(cursor: DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
        while rows := cursor.fetchmany(_CHUNK):
            if expired.is_set():
                raise duckdb.InterruptException("too long")
            yield rows

    try:
        cursor = con.execute(sql, params) if params else con.execute(sql)
        if cursor is None:  # nothing but semicolons or comments
            raise UsageError("the query is empty: give it as an argument or on standard input")
        description = cursor.description or []
        yield Stream(
            columns=tuple(str(d[0]) for d in description),
            types=tuple(str(d[1]) for d in description),
            chunks=chunks(cursor) if description else iter(()),
        )
    except duckdb.Error as error:
        if expired.is_set():
            raise UsageError(
                f"the query took longer than {timeout_s:g} s and was stopped: narrow it, "
                "or allow more with --timeout"
            ) from None
        raise UsageError(f"query failed: {_explain(error, params)}") from None
    finally:
        timer.cancel()
        timer.join()  # a thread that outlives us holds `con`, and DuckDB complains at exit


def ask(
    con: DuckDBPyConnection,
    sql: str,
    params: Sequence[Any] | Mapping[str, Any] = (),
    *,
    timeout_s: float = 60.0,
    limit: int = MAX_ROWS,
) -> Answer:
    """Run one query and return up to `limit` of its rows.

    Raises:
        UsageError: the query is wrong, forbidden here, or took longer than `timeout_s` seconds.
    """
    with stream(con, sql, params, timeout_s=timeout_s) as running:
        rows: list[tuple[Any, ...]] = []
        for chunk in running.chunks:
            rows.extend(chunk)
            if len(rows) > limit:
                break
        return Answer(
            columns=running.columns,
            types=running.types,
            rows=rows[:limit],
            more=len(rows) > limit,
        )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _explain(error: Exception, params: Sequence[Any] | Mapping[str, Any] = ()) -> str:
    """Return DuckDB's message as one line, in words of ours where ours are clearer."""
    text = str(error)
    lower = text.lower()
    if isinstance(params, Mapping) and (found := _NOT_CONVERTED.search(text)):
        for name, value in params.items():
            if value == found[1]:
                return f"-p {name}={value}: {value!r} is not a {_KINDS.get(found[2], found[2])}"
    if any(hint in lower for hint in _CHANGES):
        return "the database is open read-only here; presswatch's own commands change it"
    if "disabled by configuration" in lower or "disabled through configuration" in lower:
        return "a query may not reach files, the network or extensions here (see --allow-files)"
    if "configuration has been locked" in lower:
        return "settings cannot be changed here"
    if "out of memory" in lower:
        return "it needs more memory than allowed: narrow it, or allow more with --memory"
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not set(line) <= {"^", "~"}]
    return " ".join(line for line in kept if not line.startswith("LINE "))


# ---------------------------------------------------------------------- named questions
@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """A question kept in `queries/NAME.sql`; `params` are (name, default or None, remark)."""

    name: str
    question: str
    params: tuple[tuple[str, str | None, str], ...]
    sql: str


def named_queries() -> tuple[NamedQuery, ...]:
    """Return the named questions in alphabetical order."""
    folder = files("storage").joinpath("queries")
    names = sorted(e.name[:-4] for e in folder.iterdir() if e.name.endswith(".sql"))
    return tuple(get_named_query(name) for name in names)


def get_named_query(name: str) -> NamedQuery:
    """Return one named question.

    Raises:
        UsageError: there is none of this name.
    """
    source = files("storage").joinpath("queries", f"{name}.sql")
    if not _QUERY_NAME.match(name) or not source.is_file():
        raise UsageError(
            f"there is no question named {name!r}: see `presswatch sql --examples`; "
            f'a view is shown by "from {name} limit 10"'
            + did_you_mean(name, (query.name for query in named_queries()))
        )
    sql = source.read_text("utf-8")
    question = ""
    params: list[tuple[str, str | None, str]] = []
    for line in sql.splitlines():
        _, _, rest = line.removeprefix("-- ").partition(": ")
        if line.startswith("-- question: "):
            question = rest
        elif line.startswith("-- param: ") and (found := _PARAM.match(rest)):
            params.append((found[1], found[2], found[3] or ""))
        elif not line.startswith("--"):
            break
    return NamedQuery(name=name, question=question, params=tuple(params), sql=sql)


def fill_params(query: NamedQuery, given: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a question's parameters: given ones, else their defaults.

    Raises:
        UsageError: one is unknown, or is missing and has no default.
    """
    known = {name for name, _, _ in query.params}
    for name in given:
        if name not in known:
            wanted = ", ".join(sorted(known)) or "none"
            raise UsageError(f"{query.name} has no parameter {name!r}; it takes: {wanted}")
    values: dict[str, str] = {}
    for name, default, _ in query.params:
        value = given.get(name, default)
        if value is None:
            raise UsageError(f"{query.name} needs a value: add -p {name}=...")
        values[name] = value
    return values
