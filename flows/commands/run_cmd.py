"""`presswatch run` and `presswatch serve`: one cycle as a Prefect flow run, or a schedule."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any

import click

from extractors.errors import PresswatchError, UsageError
from extractors.suggest import did_you_mean
from flows.context import AppContext, common_options, example, pass_app

_INTERVAL = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LEAST_INTERVAL_S = 10


@click.command(
    "run",
    epilog=example("presswatch run", "presswatch run --feed yonhap-en --dry-run"),
)
@click.option("--feed", "feeds", multiple=True, metavar="NAME", help="Poll this feed now (again).")
@click.option("--topic", "topics", multiple=True, metavar="ID", help="Alert on this topic only.")
@click.option("--dry-run", is_flag=True, help="Work on a throw-away copy, send nothing.")
@common_options
@pass_app
def run(app: AppContext, feeds: tuple[str, ...], topics: tuple[str, ...], dry_run: bool) -> int:
    """Run one cycle over the feeds that are due, as a Prefect flow run.

    Exit code 1 when a feed or an alert failed; the summary says which.
    """
    check_before_run(app, topics, feeds)
    summary = run_flow(app, feeds=list(feeds) or None, topics=list(topics) or None, dry_run=dry_run)
    if app.as_json:
        app.emit_json(summary.as_dict())
    else:
        click.echo(summary.as_text())
    return 0 if summary.state == "ok" else 1


def check_before_run(
    app: AppContext, topics: tuple[str, ...] = (), feeds: tuple[str, ...] = ()
) -> None:
    """Find wrong settings before Prefect is started: that takes seconds.

    Raises:
        UsageError: settings, feeds or topics are wrong.
        StoreError: the database cannot be written.
    """
    from extractors.feed_list import load_feeds
    from flows.alerting import alert_settings, make_poster
    from flows.engine import configured_api_url

    settings = app.settings
    known = {feed.name for feed in load_feeds(settings.path(settings.feeds))}
    if not known:
        raise UsageError(
            f"{settings.path(settings.feeds)} lists no feed: `presswatch feeds add URL`"
        )
    strangers = sorted(set(feeds) - known)
    if strangers:
        raise UsageError(
            f"no feed {', '.join(strangers)} in {settings.path(settings.feeds)}: "
            "`presswatch feeds list` shows the names" + did_you_mean(strangers[0], known)
        )
    unknown = sorted(set(topics) - set(app.topics.infos))
    if unknown:
        raise UsageError(
            f"no topic {', '.join(unknown)}: `presswatch topics list` shows the ids"
            + did_you_mean(unknown[0], app.topics.infos)
        )
    if settings.workers == "prefect" and configured_api_url() is None:
        raise UsageError(
            'workers = "prefect" needs a Prefect server that all hosts reach: set PREFECT_API_URL'
        )
    alert_settings(settings)
    make_poster(settings, app.secrets)
    notice = app.store.check_writable()
    if notice:
        app.say(notice)


def run_flow(
    app: AppContext,
    *,
    feeds: list[str] | None = None,
    topics: list[str] | None = None,
    dry_run: bool = False,
) -> Any:
    """Run the flow `monitor` in this process and return its `RunSummary`."""
    from flows.engine import embedded

    try:
        with embedded(
            app.settings.data_dir,
            app.say,
            preload=("flows.monitor", "flows.cycle"),
            history=timedelta(days=app.settings.prefect_history_d),
        ):
            return run_flow_here(app, feeds=feeds, topics=topics, dry_run=dry_run)
    except RuntimeError as error:
        raise PresswatchError(str(error)) from error


def run_flow_here(
    app: AppContext,
    *,
    feeds: list[str] | None = None,
    topics: list[str] | None = None,
    dry_run: bool = False,
) -> Any:
    """Run the flow where a Prefect API is available already."""
    from flows.cycle import using_app
    from flows.monitor import monitor

    with using_app(app) as kept:
        state: Any = monitor(
            config=app.config,
            db=app.db,
            feeds=feeds,
            topics=topics,
            dry_run=dry_run,
            return_state=True,
        )
    if kept.summary is not None and kept.summary.ended_at is not None:
        return kept.summary
    if kept.error is not None:
        raise kept.error
    raise PresswatchError(f"the run did not end as it should: {state.message}")


@click.command(
    "serve",
    epilog=example("presswatch serve --every 10m", 'presswatch serve --cron "*/10 * * * *"'),
)
@click.option("--every", metavar="10m", help="Time between two runs: 30s, 10m, 2h, 1d.")
@click.option("--cron", metavar="EXPR", help='Cron expression, e.g. "*/10 * * * *".')
@click.option("--timezone", metavar="ZONE", help="Time zone of --cron (default: setting).")
@common_options
@pass_app
def serve(app: AppContext, every: str | None, cron: str | None, timezone: str | None) -> int:
    """Run cycles on a schedule until stopped. Two runs never overlap.

    Runs that were missed while the machine was down collapse into one.
    """
    from flows.engine import serve_schedule
    from flows.sending import clicks_if_wanted
    from flows.service_metrics import metrics_served

    if every and cron:
        raise UsageError("give either --every or --cron, not both")
    if timezone and not cron:
        raise UsageError("--timezone is for --cron; an interval has none")
    check_before_run(app)
    span = None if cron else parse_interval(every or app.settings.schedule)
    if not app.quiet:
        os.environ["PRESSWATCH_SERVING"] = "1"
    try:
        with (
            metrics_served(
                app.settings.metrics_address, app.settings.db_path, interval=span, say=app.say
            ),
            clicks_if_wanted(app.store, app.settings, app.secrets, say=app.say),
        ):
            serve_schedule(
                "flows.monitor:monitor",
                name="presswatch",
                data_dir=app.settings.data_dir,
                progress=app.say,
                every=span,
                cron=cron,
                timezone=timezone or app.settings.timezone,
                parameters={"config": app.config, "db": app.db},
                history=timedelta(days=app.settings.prefect_history_d),
            )
    except ValueError as error:
        raise UsageError(f"the schedule is wrong: {error}") from None
    except RuntimeError as error:
        raise PresswatchError(str(error)) from error
    return 0


def parse_interval(text: str) -> timedelta:
    """Read `30s`, `10m`, `2h` or `1d`.

    Raises:
        UsageError: it is none of these, or less than ten seconds.
    """
    match = _INTERVAL.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no interval: write 30s, 10m, 2h or 1d")
    span = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if span.total_seconds() < LEAST_INTERVAL_S:
        raise UsageError(f"{text!r} is too often: at least {LEAST_INTERVAL_S}s")
    return span
