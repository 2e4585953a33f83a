"""How answers look: a table that fits the terminal, CSV, JSON lines of a list.

In: a stream or an answer of `storage.query`. Out: text, piece by piece. Text from outside is
shown without control characters, so that a title cannot steer the terminal.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from flows.context import json_default

if TYPE_CHECKING:
    from storage.query import Answer, Stream

PIPE_WIDTH = 160  # columns of a table that is not written to a terminal
_LEAST_WIDTH = 8  # columns narrower than this are shown one below the other
_LONGEST_CELL = 2_000


def csv_text(stream: Stream) -> Iterator[str]:
    """Yield RFC 4180 text, in pieces; cells that a spreadsheet would run are quoted with '."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(stream.columns)
    for chunk in stream.chunks:
        writer.writerows([_csv_cell(value) for value in row] for row in chunk)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def json_text(stream: Stream) -> Iterator[str]:
    """Yield a JSON list of objects, in pieces; JSON columns become objects too."""
    yield "["
    separator = "\n"
    for chunk in stream.chunks:
        parts = []
        for row in chunk:
            values = {
                name: json.loads(value) if kind == "JSON" and isinstance(value, str) else value
                for name, value, kind in zip(stream.columns, row, stream.types, strict=True)
            }
            parts.append(separator + json.dumps(values, ensure_ascii=False, default=json_default))
            separator = ",\n"
        yield "".join(parts)
    yield "\n]\n"


def table_text(answer: Answer, *, width: int | None = None) -> str:
    """Return the answer as a table, or one value a line when the columns do not fit.

    Args:
        answer: the rows.
        width: of the terminal, in cells (a CJK character takes two); found out if not given.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if answer.columns == ("explain_key", "explain_value"):
        return "".join(f"{plan}\n" for _, plan in answer.rows)
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None)
    if width < len(answer.columns) * (_LEAST_WIDTH + 3):
        for number, row in enumerate(answer.rows, 1):
            console.rule(f"row {number}", align="left", characters="-")
            for name, value in zip(answer.columns, row, strict=True):
                console.print(Text(f"{name}: ", end="") + Text(_cell(value)), soft_wrap=False)
    else:
        table = Table(show_lines=False, expand=False)
        for name, kind in zip(answer.columns, answer.types, strict=True):
            number_like = kind.split("(")[0] in _NUMBERS
            table.add_column(
                Text(name), overflow="fold", justify="right" if number_like else "left"
            )
        for row in answer.rows:
            table.add_row(*(Text(_cell(value)) for value in row))
        console.print(table)
    count = len(answer.rows)
    more = " shown, there are more: --rows or --format" if answer.more else ""
    console.print(f"{count} row{'' if count == 1 else 's'}{more}")
    return buffer.getvalue()


_NUMBERS = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        *("FLOAT", "DOUBLE", "DECIMAL"),
    }
)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.10g}"
    elif isinstance(value, datetime):
        text = f"{value:%Y-%m-%d %H:%M:%S}"
    elif isinstance(value, list):
        text = ", ".join(map(str, value))
    else:
        text = str(value)
    text = " ".join(text[: _LONGEST_CELL + 1].split())
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _csv_cell(value: object) -> object:
    """Keep spreadsheets from taking foreign text for a formula (OWASP, "CSV Injection")."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return "" if value is None else value
