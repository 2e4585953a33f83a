"""Writing what a query yields, or the whole archive, to files that other tools read.

`write_query` lets DuckDB write one file without keeping its rows in memory. `export_archive`
writes every table as Parquet, those that grow in a folder a month (`article/month=2026-11/`),
with a manifest of row counts and checksums; `import_archive` makes an empty database equal to the
exported one again. DuckDB, pandas and Polars read the folders as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractors.errors import UsageError
from storage.database import SEQUENCES
from storage.errors import StoreDamaged, StoreTooNew
from storage.migrate import applied_versions, load_migrations
from storage.publish import LEDGER
from storage.query import stream
from storage.rebuild import build_database, core_tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Store

MANIFEST = "manifest.json"
FORMAT = 1
# The month a row is filed under; rows of an article go with the article.
_MONTH = {
    "article": "fetched_at",
    "article_key": "seen_at",
    "feed_poll": "polled_at",
}
_WITH_ARTICLE = ("block", "topic_hit")
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written or read: rows per table, files, bytes."""

    rows: dict[str, int]
    files: int
    size_bytes: int


def write_query(
    con: DuckDBPyConnection,
    sql: str,
    params: Mapping[str, Any],
    path: Path,
    *,
    timeout_s: float,
) -> int:
    """Write the rows of one query to a Parquet file; return how many.

    `con` must be a `sandbox` with `write_to=path`.

    Raises:
        UsageError: the query is wrong, is not a single one, or took too long.
    """
    target = str(path.absolute()).replace("'", "''")
    copy = (
        f"COPY (\n{sql.strip().rstrip(';')}\n) TO '{target}' "
        "(FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
    )
    with stream(con, copy, params, timeout_s=timeout_s) as running:
        return sum(int(row[0]) for chunk in running.chunks for row in chunk)


# ---------------------------------------------------------------------- the whole archive
def export_archive(
    con: DuckDBPyConnection,
    folder: Path,
    *,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write all tables to `folder`, which must be new or empty.

    Args:
        con: a connection to the published file: a state of one moment.
        folder: where to write.
        now: time for the manifest.
        progress: told the name of each table before it is written.

    Raises:
        UsageError: the folder holds something, or cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: name a new folder")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        tables: dict[str, Any] = {}
        for table in core_tables(con):
            progress(table)
            tables[table] = _export_table(con, table, part)
        manifest = {
            "format": FORMAT,
            "made_by": "presswatch",
            "made_at": now.isoformat(),
            "schema": sorted(applied_versions(con)),
            "next_ids": _next_ids(con),
            "tables": tables,
        }
        text = json.dumps(manifest, indent=1)
        (part / MANIFEST).write_text(text, "utf-8")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _summary(tables)


def _summary(tables: Mapping[str, Any]) -> Exported:
    parts = [part for table in tables.values() for part in table["files"]]
    return Exported(
        rows={name: sum(part["rows"] for part in t["files"]) for name, t in tables.items()},
        files=len(parts),
        size_bytes=sum(part["bytes"] for part in parts),
    )


def _next_ids(con: DuckDBPyConnection) -> dict[str, int]:
    """Return where numbering goes on: a published file's own sequences lag behind."""
    ids = {}
    for name, table, column in SEQUENCES:
        row = con.execute(f"SELECT coalesce(max({column}), 0) + 1 FROM {table}").fetchone()
        ids[name] = int(row[0]) if row else 1
    return ids


def _export_table(con: DuckDBPyConnection, table: str, folder: Path) -> dict[str, Any]:
    """Write one table; return its entry in the manifest."""
    if table in _WITH_ARTICLE:
        month = "strftime(a.fetched_at, '%Y-%m')"
        source = f"core.{table} t LEFT JOIN core.article a USING (article_id)"
        selected = "t.*"
    else:
        column = _MONTH.get(table)
        month = f"strftime({column}, '%Y-%m')" if column else "''"
        source = f"core.{table} t"
        selected = "t.*"
    months = [
        row[0]
        for row in con.execute(
            f"SELECT DISTINCT coalesce({month}, '{_UNKNOWN}') AS m FROM {source} ORDER BY m"
        ).fetchall()
    ]
    files = []
    for name in months or [""]:
        place = folder / table / (f"month={name}" if name else "")
        place.mkdir(parents=True, exist_ok=True)
        path = place / "rows.parquet"
        quoted = str(path.absolute()).replace("'", "''")
        where = f"WHERE coalesce({month}, '{_UNKNOWN}') = '{name}'" if name else ""
        row = con.execute(
            f"COPY (SELECT {selected} FROM {source} {where}) TO '{quoted}' "
            "(FORMAT parquet, COMPRESSION zstd, PRESERVE_ORDER true)"
        ).fetchone()
        files.append(
            {
                "file": path.relative_to(folder).as_posix(),
                "rows": int(row[0]) if row else 0,
                "bytes": path.stat().st_size,
                "sha256": _sha256(path),
            }
        )
    return {"files": files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return an export's manifest after checking every file against it.

    Raises:
        UsageError: this is no export, or a file is missing or was changed.
        StoreTooNew: it was made by a newer presswatch.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        schema, tables = set(manifest["schema"]), dict(manifest["tables"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{folder} is no export of presswatch: it has no {MANIFEST}") from None
    newer = schema - {migration.version for migration in load_migrations()}
    if manifest.get("format") != FORMAT or newer:
        raise StoreTooNew(f"{folder} was exported by a newer presswatch: upgrade presswatch")
    for table in tables.values():
        for part in table["files"]:
            path = folder / part["file"]
            if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
                raise UsageError(f"{folder} is not complete: {part['file']} is missing")
            if _sha256(path) != part["sha256"]:
                raise UsageError(f"{path} was changed since it was exported")
    return dict(manifest)


def import_archive(
    store: Store, folder: Path, *, progress: Callable[[str], None] = lambda _: None
) -> Exported:
    """Make the database of `store`, which must not exist yet, from an export, and publish it.

    Raises:
        UsageError: the database exists, or the export is damaged.
        StoreTooNew: the export was made by a newer presswatch.
        StoreDamaged: rows got lost on the way (never seen).
    """
    manifest = read_manifest(folder)
    if store.path.exists() or store.main.exists():
        raise UsageError(f"{store.path} exists already: import into a new one, named by --db")
    tables = manifest["tables"]

    def fill(con: DuckDBPyConnection, table: str) -> None:
        progress(table)
        for part in tables.get(table, {"files": []})["files"]:
            quoted = str((folder / part["file"]).absolute()).replace("'", "''")
            row = con.execute(
                f"INSERT INTO core.{table} BY NAME "
                f"FROM read_parquet('{quoted}', hive_partitioning = false)"
            ).fetchone()
            if not row or row[0] != part["rows"]:
                raise StoreDamaged(f"{part['file']} did not give its {part['rows']} rows")

    with store.exclusive() as main:
        part = main.with_name("import.part")
        part.unlink(missing_ok=True)
        try:
            build_database(
                part,
                versions=set(manifest["schema"]),
                starts=manifest["next_ids"],
                fill=fill,
            )
            part.replace(main)
        finally:
            part.unlink(missing_ok=True)
    store.publish()
    return _summary({name: table for name, table in tables.items() if name != LEDGER})
