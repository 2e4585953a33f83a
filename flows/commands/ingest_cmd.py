"""`presswatch ingest`: documents from files through the same pipeline as a run."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extractors.errors import UsageError
from flows.context import AppContext, common_options, example, pass_app

if TYPE_CHECKING:
    from extractors.models import Outcome


@click.command(
    "ingest",
    epilog=example("presswatch ingest articles/", "presswatch ingest old-news.jsonl.gz --jobs 2"),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--alert", is_flag=True, help="Write alerts too, as a run does.")
@click.option("--jobs", type=int, default=None, help="Worker processes (default: setting `jobs`).")
@common_options
@pass_app
def ingest(app: AppContext, paths: tuple[Path, ...], alert: bool, jobs: int | None) -> int:
    """Load documents: .html, .txt, .jsonl, .jsonl.gz, WARC, or folders of them.

    They are cleaned, tagged, folded and matched as articles of a run are. Nothing is alerted
    unless --alert is given. A document that is already stored is left alone.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist: name a file or folder to load")
    from flows.loading import load_documents

    notice = app.store.check_writable()
    if notice:
        app.say(notice)
    counts, failed, seconds = load_documents(
        app, list(paths), alert=alert, jobs=jobs, now=datetime.now(UTC)
    )
    total = sum(counts.values()) + failed
    if app.as_json:
        app.emit_json({"documents": total, "unreadable": failed, **_plain(counts)})
    else:
        detail = ", ".join(f"{count} {name}" for name, count in _plain(counts).items())
        click.echo(
            f"{total} document{'' if total == 1 else 's'} in {seconds:.1f} s: {detail or 'none'}"
            + (f", {failed} unreadable" if failed else "")
        )
    if total == 0:
        app.say("nothing to load there: .html, .txt, .jsonl, .jsonl.gz, .warc, .warc.gz are read")
    return 1 if failed else 0


def _plain(counts: Counter[Outcome]) -> dict[str, int]:
    return {str(outcome): count for outcome, count in sorted(counts.items())}
