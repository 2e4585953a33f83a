"""`presswatch demo`: the whole pipeline on the bundled news site, served on loopback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extractors.errors import UsageError
from flows.context import AppContext, common_options, example, pass_app

if TYPE_CHECKING:
    from flows.demo_site import DemoSite

FOLDER = Path("data/demo")
_MARKER = "presswatch-demo"


@click.command("demo", epilog=example("presswatch demo", "presswatch demo --folder /tmp/demo"))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where the demo's settings and database go; made anew each time.",
)
@common_options
@pass_app
def demo(app: AppContext, folder: Path) -> int:
    """Run the whole pipeline on a bundled news site.

    Twelve invented outlets are served on loopback; feeds are polled, pages fetched, cleaned, folded
    and matched, and alerts printed (or posted, when a Slack token is set). Two cycles are run:
    between them the site publishes more.
    """
    from flows.commands.run_cmd import run_flow_here
    from flows.demo_site import DemoSite
    from flows.demo_story import closing_text
    from flows.engine import embedded

    make_folder(folder)
    with DemoSite() as site:
        desk = write_settings(folder, site)
        inner = AppContext(config=str(desk), quiet=app.quiet, collect_alerts=True)
        count = len(site.articles())
        app.say(
            f"{len(site.outlets)} invented outlets with {count} pages are on the air at "
            f"{site.base_url(site.outlets[0])} and beside it."
        )
        with embedded(folder, app.say, preload=("flows.monitor", "flows.cycle")):
            app.say("First cycle:")
            first = run_flow_here(inner)
            site.advance()
            app.say("The site publishes more. Second cycle:")
            second = run_flow_here(inner)
    if app.as_json:
        app.emit_json(
            {
                "first": first.as_dict(),
                "second": second.as_dict(),
                "db": str(inner.settings.db_path),
            }
        )
    else:
        click.echo("")
        click.echo(closing_text(inner, first, second, folder))
    return 1 if first.errors or second.errors or first.alert_problems else 0


def make_folder(folder: Path) -> None:
    """Make an empty folder; an earlier demo's is removed, anything else is left alone.

    Raises:
        UsageError: the folder holds something that is not an earlier demo.
    """
    marker = folder / _MARKER
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            raise UsageError(
                f"{folder} is not empty and no earlier demo: name another one with --folder"
            )
        prefect = folder / "prefect"
        for entry in folder.iterdir():
            if entry == prefect:
                continue  # its database takes seconds to make
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text("Made by `presswatch demo`, which deletes and remakes this folder.\n")


def write_settings(folder: Path, site: DemoSite) -> Path:
    """Write the demo's presswatch.toml and feeds.toml; return the path of the former."""
    from extractors.feed_list import FeedConfig, render_feed

    addresses = ", ".join(f'"{address}"' for address in site.address.split(","))
    path = folder / "presswatch.toml"
    path.write_text(
        "# Settings of the demo: only the bundled site may be reached, without waiting.\n"
        'db = "presswatch.duckdb"\n'
        f"allow_addresses = [{addresses}]\n"
        "host_delay_s = 0\nper_host = 8\nmin_poll_interval_s = 0\nfeed_timeout_s = 10\n"
        'page_timeout_s = 10\nfirst_poll = "alert"\n'
        f"jobs = {min(2, os.cpu_count() or 1)}\n",
        "utf-8",
    )
    rows: list[dict[str, Any]] = site.feeds()
    feeds = "\n".join(render_feed(FeedConfig(**row, every_s=1)) for row in rows)
    (folder / "feeds.toml").write_text(feeds, "utf-8")
    return path
