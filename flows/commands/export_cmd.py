"""`presswatch export` and `import`: the archive as Parquet files, and back."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import click

from flows.context import AppContext, common_options, example, pass_app


@click.command("export", epilog=example("presswatch export archive-2026-11"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@common_options
@pass_app
def export(app: AppContext, folder: Path) -> None:
    """Write every table to a new FOLDER as Parquet, by month, with a manifest.

    Other tools read it as it is: `FROM 'FOLDER/article/*/*.parquet'` in DuckDB,
    `polars.scan_parquet('FOLDER/article/**/*.parquet')`. `presswatch import` restores it.
    """
    from storage.exports import export_archive

    with app.store.read() as con:
        done = export_archive(con, folder, now=datetime.now(UTC), progress=app.say)
    if app.as_json:
        app.emit_json(dataclasses.asdict(done))
        return
    app.say(
        f"wrote {sum(done.rows.values()):,} rows in {done.files} files "
        f"({done.size_bytes / 1e6:.1f} MB) to {folder}"
    )


@click.command(
    "import", epilog=example("presswatch import archive-2026-11 --db restored/presswatch.duckdb")
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@common_options
@pass_app
def import_(app: AppContext, folder: Path) -> None:
    """Make a new database from an export: the same rows, the same numbers.

    An export of an older presswatch is brought up to date. Nothing is overwritten.
    """
    from storage.exports import import_archive

    done = import_archive(app.store, folder, progress=app.say)
    if app.as_json:
        app.emit_json(dataclasses.asdict(done))
        return
    app.say(f"restored {sum(done.rows.values()):,} rows into {app.store.path}")
