"""`presswatch sql`: ad hoc questions to the published database, also while a run writes."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import click

from extractors.errors import UsageError
from flows.context import AppContext, common_options, example, json_default, pass_app
from storage.query import Answer, ask, sandbox

FORMATS = ("table", "csv", "json", "parquet")


@click.command(
    "sql",
    epilog=example(
        'presswatch sql "select outlet, count(*) from articles group by all order by 2 desc"',
        'presswatch sql "from topic_hits" --format csv --out hits.csv',
    ),
)
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default=None, help="Output format.")
@click.option("--out", metavar="FILE", help="Write to a file instead of standard output.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds a query may take.")
@click.option("--allow-files", is_flag=True, help="Let the query read files and the network.")
@common_options
@pass_app
def sql(
    app: AppContext,
    query: str | None,
    form: str | None,
    out: str | None,
    timeout: float,
    allow_files: bool,
) -> None:
    """Ask the database a question. Without QUERY an interactive prompt opens."""
    form = form or ("json" if app.as_json else "table")
    with sandbox(app.store, allow_files=allow_files) as con:
        if query is None and sys.stdin.isatty():
            from flows.sql_prompt import prompt

            prompt(con, timeout_s=timeout)
            return
        text = sys.stdin.read() if query in (None, "-") else query
        if not text or not text.strip():
            raise UsageError("the query is empty: give it as an argument or on standard input")
        answer = ask(con, text, timeout_s=timeout)
    write_answer(answer, form, out)


def write_answer(answer: Answer, form: str, out: str | None) -> None:
    """Write rows in the wanted format to `out` or standard output."""
    if form == "parquet":
        if out is None:
            raise UsageError("--format parquet needs --out FILE")
        from storage.exports import write_parquet

        write_parquet(answer, Path(out))
        return
    text = {"table": _table, "csv": _csv, "json": _json}[form](answer)
    if out is None:
        click.echo(text, nl=False)
    else:
        Path(out).write_text(text, "utf-8")


def _json(answer: Answer) -> str:
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    rows = [
        {
            name: json.loads(value) if kind == "JSON" and isinstance(value, str) else value
            for (name, value), kind in zip(row.items(), answer.types, strict=True)
        }
        for row in rows
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1, default=json_default) + "\n"


def _csv(answer: Answer) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([_csv_cell(value) for value in row] for row in answer.rows)
    return buffer.getvalue()


def _csv_cell(value: object) -> object:
    """Keep spreadsheets from taking foreign text for a formula (OWASP, "CSV Injection")."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return "" if value is None else value


def _table(answer: Answer) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=False, expand=False)
    for name in answer.columns:
        table.add_column(Text(name), overflow="ellipsis")
    for row in answer.rows:
        table.add_row(*(Text("" if v is None else _short(v)) for v in row))
    buffer = io.StringIO()
    width = None if sys.stdout.isatty() else 160
    console = Console(file=buffer, width=width, color_system=None)
    console.print(table)
    console.print(f"{len(answer.rows)} row{'' if len(answer.rows) == 1 else 's'}")
    return buffer.getvalue()


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 500 else text[:499] + "…"
