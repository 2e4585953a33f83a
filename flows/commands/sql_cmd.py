"""`presswatch sql`: ad hoc questions to the published database, also while a run writes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from extractors.errors import UsageError
from flows.context import AppContext, common_options, example, pass_app
from flows.sql_output import csv_text, json_text, table_text
from storage.query import (
    MEMORY,
    NamedQuery,
    ask,
    fill_params,
    get_named_query,
    named_queries,
    sandbox,
    stream,
)

FORMATS = ("table", "csv", "json", "parquet")
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


@click.command(
    "sql",
    epilog=example(
        'presswatch sql "select outlet, count(*) from articles group by all order by 2 desc"',
        "presswatch sql --examples",
        "presswatch sql first_reports -p topic=opcon --format csv --out first.csv",
    ),
)
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default=None, help="Output format.")
@click.option("--out", metavar="FILE", help="Write to a file instead of standard output.")
@click.option("--examples", is_flag=True, help="List the questions that can be asked by name.")
@click.option("--param", "-p", multiple=True, metavar="NAME=VALUE", help="A value for $NAME.")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Most rows of a table.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=86_400),
    default=60.0,
    show_default=True,
    help="Seconds a query may take.",
)
@click.option("--memory", default=MEMORY, show_default=True, help="Memory a query may use.")
@click.option("--allow-files", is_flag=True, help="Let the query use files and the network.")
@common_options
@pass_app
def sql(
    app: AppContext,
    query: str | None,
    form: str | None,
    out: str | None,
    examples: bool,
    param: tuple[str, ...],
    rows: int,
    timeout: float,
    memory: str,
    allow_files: bool,
) -> None:
    """Ask the database a question: SQL, or the name of one that --examples lists.

    Without QUERY an interactive prompt opens; `-` reads SQL from standard input. Queries cannot
    change the database, and reach neither files nor the network.
    """
    if examples:
        _list_examples(app)
        return
    form = form or ("json" if app.as_json else "table")
    if form == "parquet" and out is None:
        raise UsageError("--format parquet needs --out FILE")
    part = Path(out + ".part") if out is not None and form == "parquet" else None
    if out is not None and not Path(out).absolute().parent.is_dir():
        raise UsageError(f"{out} cannot be written (no such folder): choose --out")
    given = _params(param)
    with sandbox(app.store, allow_files=allow_files, write_to=part, memory=memory) as con:
        if query is None and sys.stdin.isatty():
            from flows.sql_prompt import prompt

            prompt(con, timeout_s=timeout, rows=rows)
            return
        text = sys.stdin.read() if query in (None, "-") else query or ""
        values: Mapping[str, str] = given
        if _NAME.match(text.strip()):
            named = get_named_query(text.strip())
            text, values = named.sql, fill_params(named, given)
        if not text.strip():
            raise UsageError("the query is empty: give it as an argument or on standard input")
        if part is not None and out is not None:
            from storage.exports import write_query

            try:
                count = write_query(con, text, values, part, timeout_s=timeout)
                part.replace(out)
            finally:
                part.unlink(missing_ok=True)
            app.say(f"wrote {count} rows to {out}")
        elif form == "table":
            answer = ask(con, text, values, timeout_s=timeout, limit=rows)
            _put([table_text(answer)], out)
        else:
            with stream(con, text, values, timeout_s=timeout) as running:
                _put(csv_text(running) if form == "csv" else json_text(running), out)


def _params(given: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"-p {text!r} is not of the form NAME=VALUE")
        values[name] = value
    return values


def _put(pieces: Iterable[str], out: str | None) -> None:
    if out is None:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    part = Path(out + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            for piece in pieces:
                file.write(piece)
        part.replace(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}): choose --out") from None
    finally:
        part.unlink(missing_ok=True)


def _list_examples(app: AppContext) -> None:
    known = named_queries()
    if app.as_json:
        app.emit_json(
            [
                {
                    "name": query.name,
                    "question": query.question,
                    "params": {name: default for name, default, _ in query.params},
                    "sql": query.sql,
                }
                for query in known
            ]
        )
        return
    for query in known:
        click.secho(f"presswatch sql {query.name}{_usage(query)}", bold=True)
        click.echo(f"    {query.question}")


def _usage(query: NamedQuery) -> str:
    return "".join(
        f" -p {name}={'...' if default is None else default}" for name, default, _ in query.params
    )
