"""The interactive SQL prompt: history, completion of tables and columns, several lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from extractors.errors import UsageError
from storage.query import ask

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WORDS = (
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "ORDER",
    "LIMIT",
    "JOIN",
    "USING",
    "COUNT",
    "DISTINCT",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "HAVING",
    "DESC",
    "DESCRIBE",
    "SUMMARIZE",
    "WITH",
    "AS",
    "INTERVAL",
)
HISTORY = Path("~/.local/state/presswatch/sql_history")


def prompt(con: DuckDBPyConnection, *, timeout_s: float) -> None:
    """Read queries until end of input; a query ends with `;` or an empty line."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    from flows.commands.sql_cmd import write_answer

    rows = ask(
        con,
        "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION "
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal",
    ).rows
    words = sorted({str(row[0]) for row in rows}) + list(_WORDS)
    history = HISTORY.expanduser()
    history.parent.mkdir(parents=True, exist_ok=True)
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(history)), completer=WordCompleter(words, ignore_case=True)
    )
    click.echo("Read-only. End a query with `;`. Ctrl-D leaves. Try: describe articles;")
    lines: list[str] = []
    while True:
        try:
            line = session.prompt("presswatch> " if not lines else "       ...> ")
        except KeyboardInterrupt:
            lines = []
            continue
        except EOFError:
            return
        lines.append(line)
        text = "\n".join(lines).strip()
        if not text:
            lines = []
        elif text.endswith(";") or not line.strip():
            lines = []
            if text.rstrip(";").strip().lower() in ("quit", "exit"):
                return
            try:
                write_answer(ask(con, text, timeout_s=timeout_s), "table", None)
            except UsageError as error:
                click.echo(str(error), err=True)
