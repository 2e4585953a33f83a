"""`presswatch report`: a self-contained page to look at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from extractors.errors import UsageError
from flows.context import AppContext, common_options, example, pass_app


@click.command("report", epilog=example("presswatch report --days 7 --out report.html"))
@click.option("--out", default="report.html", show_default=True, metavar="FILE", help="The page.")
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 366))
@common_options
@pass_app
def report(app: AppContext, out: str, days: int) -> None:
    """Write one HTML file: topics, stories, alerts, feeds, cleaning, runs.

    It opens without network, on a phone too, and can be printed or mailed.
    """
    from flows.report import render_report
    from flows.report_data import read_report

    with app.store.read() as con:
        data = read_report(con, now=datetime.now(UTC), days=days)
    page = render_report(data)
    path = Path(out)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(page, "utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): choose --out") from None
    if app.as_json:
        app.emit_json({"out": str(path), "bytes": path.stat().st_size})
        return
    app.say(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB): open it in a browser")
