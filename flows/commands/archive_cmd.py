"""`presswatch backup` and `prune`: keep a copy, drop what is old."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import click

from flows.commands.search_cmd import parse_time
from flows.context import AppContext, common_options, example, pass_app


@click.command(
    "backup",
    epilog=example(
        "presswatch backup /backups --keep 14", "presswatch backup before-upgrade.duckdb"
    ),
)
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), help="In a folder: remove all but so many.")
@common_options
@pass_app
def backup(app: AppContext, target: Path, keep: int | None) -> None:
    """Copy the database to a new file, or as a dated file into a folder.

    Works while a run writes; the copy is of one moment, and is read back. To restore it, put it
    where the database was and remove the folder `presswatch.duckdb.d` beside it.
    """
    from storage.backup import back_up

    done = back_up(app.store, target, now=datetime.now(UTC), keep=keep)
    if app.as_json:
        app.emit_json(dataclasses.asdict(done))
        return
    app.say(
        f"wrote {done.path} ({done.size_bytes / 1e6:.1f} MB, {done.articles:,} articles)"
        + ("" if done.fresh else "; a long write was under way: as of the last run")
        + (f"; removed {len(done.removed)} older" if done.removed else "")
    )


@click.command(
    "prune",
    epilog=example(
        "presswatch prune --older-than 365d --dry-run", "presswatch prune --older-than 2y"
    ),
)
@click.option("--older-than", required=True, metavar="SPAN", help="365d, 18m, 2y, or a date.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--no-compact", is_flag=True, help="Do not write the file anew (it stays as large).")
@common_options
@pass_app
def prune(app: AppContext, older_than: str, dry_run: bool, no_compact: bool) -> None:
    """Drop old stories that nobody was alerted to, and give their space back.

    Stories with an alert or with a mark or edit by a person are kept with all their articles.
    No run can start meanwhile.
    """
    from storage.prune import compact
    from storage.prune import prune as drop

    before = parse_time(older_than, datetime.now(UTC), "--older-than")
    assert before is not None
    with app.store.run_lock():
        with app.store.write() as tx:
            done = drop(tx, before, dry_run=dry_run)
        sizes: tuple[int, int] | None = None
        if not dry_run:
            if not no_compact:
                sizes = compact(app.store)
            app.store.publish()
    if app.as_json:
        app.emit_json({**dataclasses.asdict(done), "before": before, "bytes": sizes})
        return
    app.say(
        f"{'would drop' if dry_run else 'dropped'} {done.articles:,} articles in {done.stories:,} "
        f"stories, {done.polls:,} polls, {done.runs:,} runs from before {before:%Y-%m-%d}"
        + (f"; {sizes[0] / 1e6:.1f} MB → {sizes[1] / 1e6:.1f} MB" if sizes else "")
    )
