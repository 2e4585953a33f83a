"""The interactive SQL prompt: history, completion of tables and columns, several lines."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extractors.errors import UsageError
from flows.sql_output import table_text
from storage.query import ask, fill_params, get_named_query, named_queries

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from prompt_toolkit.completion import Completer

WORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY ALL", "ORDER BY", "LIMIT", "JOIN", "LEFT JOIN", "USING",
    "count(*)", "DISTINCT", "AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "BETWEEN", "HAVING",
    "DESC", "DESCRIBE", "SUMMARIZE", "WITH", "AS", "INTERVAL", "CASE", "WHEN", "THEN", "ELSE",
    "END", "QUALIFY", "now()",
)  # fmt: skip
_LAST_WORD = re.compile(r"[\w.]*$")
_HELP = """A query ends with `;`. \\q leaves, \\? shows this, \\d lists views, \\d NAME its columns,
\\e lists questions; ask one by \\e NAME param=value ...
"""


def history_file() -> Path:
    """Return where the prompt's history is kept; its folder is made."""
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    path = state / "presswatch" / "sql_history"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def read_names(con: DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the names that queries use: views, with their columns; macros under ""."""
    names: dict[str, list[str]] = {"": []}
    for view, column in ask(
        con,
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index",
    ).rows:
        names.setdefault(view, []).append(column)
    for (macro,) in ask(
        con,
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal "
        "AND schema_name = 'main'",
    ).rows:
        names[""].append(f"{macro}(")
    return names


def completions(names: dict[str, list[str]], before: str) -> Iterator[tuple[str, int]]:
    """Yield what may follow `before` the cursor: (text, how many characters it replaces).

    After `view.` its columns come; else columns of the views that the text names come first.
    """
    match = _LAST_WORD.search(before)
    typed = match[0] if match else ""
    if "." in typed:
        owner, _, start = typed.rpartition(".")
        for column in names.get(owner, []):
            if column.startswith(start.lower()):
                yield column, len(start)
        return
    if not typed:
        return
    used = [view for view in names if view and re.search(rf"\b{re.escape(view)}\b", before)]
    ordered = [column for view in used for column in names[view]]
    ordered += [view for view in names if view] + names[""]
    ordered += [column for view in names if view for column in names[view]] + list(WORDS)
    for word in dict.fromkeys(ordered):
        if word.lower().startswith(typed.lower()) and word.lower() != typed.lower():
            yield word, len(typed)


def make_completer(names: dict[str, list[str]]) -> Completer:
    """Return the prompt's completer."""
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    class SqlCompleter(Completer):
        def get_completions(
            self, document: Document, complete_event: CompleteEvent
        ) -> Iterable[Completion]:
            for text, back in completions(names, document.text_before_cursor):
                yield Completion(text, start_position=-back)

    return SqlCompleter()


def prompt(con: DuckDBPyConnection, *, timeout_s: float, rows: int = 200) -> None:
    """Read queries until end of input; a query ends with `;` or an empty line."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.history import FileHistory

    names = read_names(con)
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(history_file())),
        completer=make_completer(names),
        auto_suggest=AutoSuggestFromHistory(),
        complete_while_typing=False,
    )
    click.echo("Read-only. A query ends with `;`. \\? for help. Try: from articles limit 5;")
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
        if text.startswith("\\") or text.endswith(";") or not line.strip():
            lines = []
            if text.rstrip("; ").lower() in ("quit", "exit", "\\q"):
                return
            if text:
                click.echo(answer_line(con, text, names, timeout_s=timeout_s, rows=rows), nl=False)


def answer_line(
    con: DuckDBPyConnection,
    text: str,
    names: dict[str, list[str]],
    *,
    timeout_s: float,
    rows: int,
) -> str:
    """Return what the prompt answers to a query or a backslash command; errors as a line."""
    word, *arguments = text.split()
    try:
        if word == "\\?":
            return _HELP
        if word == "\\d" and not arguments:
            return "\n".join(name for name in names if name) + "\n"
        if word == "\\d":
            text = (
                "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE "
                "schema_name = 'main' AND table_name = $name ORDER BY column_index"
            )
            answer = ask(con, text, {"name": arguments[0]}, timeout_s=timeout_s)
            return table_text(answer)
        if word == "\\e" and not arguments:
            return "".join(f"{query.name}: {query.question}\n" for query in named_queries())
        values: dict[str, str] = {}
        if word == "\\e":
            query = get_named_query(arguments[0])
            pairs = [argument.partition("=") for argument in arguments[1:]]
            text, values = query.sql, fill_params(query, {name: v for name, _, v in pairs})
        return table_text(ask(con, text, values, timeout_s=timeout_s, limit=rows))
    except UsageError as error:
        return f"{error}\n"
    except KeyboardInterrupt:
        con.interrupt()
        return "stopped\n"
