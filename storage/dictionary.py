"""The data dictionary: what every table, view and column means, kept in the database itself.

In: `dictionary.toml` and comments of migrations. Out: `COMMENT ON ...` in the file, so that any
tool shows them (`FROM duckdb_columns()`), and `docs/data-model.md`:

    python -m storage.dictionary > docs/data-model.md
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# The table behind each view, where the view's column has no description of its own.
TABLE_OF = {
    "alert_actions": "alert_action",
    "alert_messages": "alert",
    "alerts": "alert",
    "articles": "article",
    "blocks": "block",
    "feed_gaps": "feed_gap",
    "feed_polls": "feed_poll",
    "feeds": "feed",
    "owed_entries": "pending_entry",
    "runs": "run",
    "site_memory": "site_lesson",
    "stories": "story",
    "story_events": "story_event",
    "topic_feedback": "topic_feedback",
    "topic_hits": "topic_hit",
    "topic_versions": "topic_version",
}
# What views mean that have the same columns, for columns that neither names.
_LIKE = {"alert_messages": "alerts"}

_COLUMNS = """
SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns()
WHERE schema_name IN ('core', 'main') AND NOT internal AND database_name = current_database()
ORDER BY schema_name DESC, table_name, column_index
"""
_RELATIONS = """
SELECT schema_name, table_name AS name, 'TABLE' AS kind, comment FROM duckdb_tables()
WHERE schema_name IN ('core', 'main') AND database_name = current_database()
UNION ALL
SELECT schema_name, view_name, 'VIEW', comment FROM duckdb_views()
WHERE schema_name IN ('core', 'main') AND NOT internal AND database_name = current_database()
ORDER BY ALL
"""


@cache
def _descriptions() -> dict[str, Any]:
    return tomllib.loads(files("storage").joinpath("dictionary.toml").read_text("utf-8"))


def describe(schema: str, name: str, column: str = "") -> str | None:
    """Return what a table, a view (`column` empty) or one of its columns means, if written down."""
    own = _descriptions()
    core = own["core"]
    places: list[dict[str, Any]]
    if schema == "main":
        places = [own.get(name, {}), own.get(_LIKE.get(name, ""), {})]
        if column:
            places.append(core.get(TABLE_OF.get(name, ""), {}))
    else:
        views = [view for view, table in TABLE_OF.items() if table == name] if column else []
        places = [core.get(name, {}), *(own.get(view, {}) for view in views)]
        if column == "rev":
            places.append(core)
    for place in places:
        if isinstance(text := place.get(column), str):
            return text
    return None


def apply_comments(con: DuckDBPyConnection) -> int:
    """Write the descriptions into the database where they differ; return how many changed.

    Called after migrations, since replacing a view drops its comments.
    """
    done = 0
    from_migrations: dict[tuple[str, str], str] = {}
    for schema, name, kind, comment in con.execute(_RELATIONS).fetchall():
        text = describe(schema, name)
        if text is not None and text != comment:
            con.execute(f"COMMENT ON {kind} {schema}.{name} IS {_quoted(text)}")
            done += 1
    columns = con.execute(_COLUMNS).fetchall()
    for schema, name, column, _, comment in columns:
        if schema == "core" and comment:
            from_migrations[name, column] = comment
    for schema, name, column, _, comment in columns:
        text = describe(schema, name, column)
        if text is None and schema == "main":
            text = from_migrations.get((TABLE_OF.get(name, ""), column))
        if text is not None and text != comment:
            con.execute(f'COMMENT ON COLUMN {schema}.{name}."{column}" IS {_quoted(text)}')
            done += 1
    return done


def undescribed(con: DuckDBPyConnection) -> list[str]:
    """Return what has no comment: `schema.table` or `schema.table.column`."""
    missing = [f"{s}.{n}" for s, n, _, comment in con.execute(_RELATIONS).fetchall() if not comment]
    missing += [
        f"{s}.{n}.{c}" for s, n, c, _, comment in con.execute(_COLUMNS).fetchall() if not comment
    ]
    return missing


def render_data_model(con: DuckDBPyConnection) -> str:
    """Return docs/data-model.md for the schema of `con`."""
    return "\n".join(_lines(con)) + "\n"


def _lines(con: DuckDBPyConnection) -> Iterator[str]:
    yield "# Data model"
    yield ""
    yield "Generated from the database: `python -m storage.dictionary > docs/data-model.md`."
    yield "Query the views; their names and columns stay."
    yield "The tables behind them, in the schema `core`, may change with every version."
    yield "All times are UTC."
    yield "The same text is in the database: `FROM duckdb_columns()`, `\\d articles` at the prompt."
    relations = con.execute(_RELATIONS).fetchall()
    columns = con.execute(_COLUMNS).fetchall()
    for schema, heading in (("main", "Views"), ("macros", "Macros"), ("core", "Tables")):
        yield ""
        yield f"## {heading}"
        if schema == "macros":
            yield ""
            yield from _macros()
        for own, name, _, comment in relations:
            if own != schema:
                continue
            yield ""
            yield f"### {name if own == 'main' else f'{own}.{name}'}"
            yield ""
            yield comment or ""
            yield ""
            yield "| column | type | meaning |"
            yield "|---|---|---|"
            for schema_of, table, column, kind, text in columns:
                if (schema_of, table) == (own, name):
                    yield f"| `{column}` | {kind} | {(text or '').replace('|', chr(92) + '|')} |"


def _macros() -> Iterator[str]:
    """Yield the macros of the migrations with the comment above each."""
    yield "| macro | what it gives |"
    yield "|---|---|"
    told: set[str] = (
        set()
    )  # a later migration may replace a macro; what it gives is told by the first
    for entry in sorted(files("storage").joinpath("migrations").iterdir(), key=lambda e: e.name):
        remark = ""
        for line in entry.read_text("utf-8").splitlines():
            if found := re.match(r"CREATE (?:OR REPLACE )?MACRO (\w+\([^)]*\))( AS TABLE)?", line):
                if found[1] in told:
                    continue
                told.add(found[1])
                shape = "rows" if found[2] else "value"
                yield f"| `{found[1]}` | {shape}: {remark or 'see its name'} |"
            remark = line.removeprefix("-- ") if line.startswith("-- ") else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def current_data_model() -> str:
    """Return docs/data-model.md for the newest schema."""
    from storage.database import Store

    with TemporaryDirectory() as folder, Store(Path(folder) / "a.duckdb").write() as tx:
        return render_data_model(tx.con)


if __name__ == "__main__":
    sys.stdout.write(current_data_model())
