"""The checks of `presswatch doctor`: each returns what it found and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from extractors.errors import PresswatchError
from flows.context import AppContext

Verdict = Literal["ok", "warning", "error"]

# Prefect's API server breaks with these (docs/adr/0004-pinned-versions.md).
_UPPER_BOUNDS = {"fastapi": (0, 151), "sqlalchemy": (2, 1), "duckdb": (2, 1)}
_LEAST_FREE_BYTES = 500_000_000
_PROGRESS_STEP = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor: what was checked, how it stands, what to do."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def examine(app: AppContext, *, online: bool = True, deep: bool = True) -> Iterator[Finding]:
    """Run all checks in order. A check that fails never hides the next one.

    Args:
        app: settings and store of this call.
        online: also ask Slack whether it knows the token.
        deep: read every block of the database; else only count.
    """
    checks: list[tuple[str, Callable[[AppContext], Finding]]] = [
        ("Python and packages", _check_packages),
        ("settings", _check_settings),
        ("feeds", _check_feeds),
        ("topics", _check_topics),
        ("folder", _check_folder),
        ("database", _check_database if deep else _count_database),
        ("last run", _check_last_run),
        ("Prefect", _check_prefect),
        ("Slack", _check_slack if online else _check_slack_settings),
    ]
    for name, check in checks:
        try:
            yield check(app)
        except PresswatchError as error:
            yield Finding(check=name, verdict="error", found=str(error))
            if name == "settings":
                return  # every later check would say the same


def _check_packages(app: AppContext) -> Finding:
    wrong = []
    for package, bound in _UPPER_BOUNDS.items():
        version = importlib.metadata.version(package)
        if tuple(int(part) for part in version.split(".")[:2]) >= bound:
            wrong.append(f"{package} {version}")
    found = (
        f"Python {sys.version.split()[0]}, presswatch {importlib.metadata.version('presswatch')}"
    )
    if wrong:
        return Finding(
            check="Python and packages",
            verdict="error",
            found=f"{found}; untested: {', '.join(wrong)}",
            advice="pip install -r requirements.lock",
        )
    return Finding(check="Python and packages", verdict="ok", found=found)


def _check_settings(app: AppContext) -> Finding:
    from flows.alerting import alert_settings
    from flows.cleaning import prepare_cleaning
    from flows.commands.run_cmd import parse_interval
    from flows.fetching import address_guard

    source = app.settings.source
    alert_settings(app.settings)
    parse_interval(app.settings.schedule)
    address_guard(app.settings)
    prepare_cleaning(app.settings)
    if source is None:
        return Finding(
            check="settings",
            verdict="ok",
            found="defaults (no presswatch.toml here)",
            advice="`presswatch init` writes one to edit",
        )
    return Finding(check="settings", verdict="ok", found=source)


def _check_feeds(app: AppContext) -> Finding:
    from extractors.feed_list import load_feeds

    path = app.settings.path(app.settings.feeds)
    if not path.exists():
        return Finding(
            check="feeds",
            verdict="warning",
            found=f"{path} does not exist",
            advice="`presswatch init` writes a list for this desk",
        )
    return Finding(check="feeds", verdict="ok", found=f"{len(load_feeds(path))} in {path}")


def _check_topics(app: AppContext) -> Finding:
    names = sorted(app.topics.infos)
    where = ", ".join(str(path) for path in app.topic_paths())
    if not names:
        return Finding(
            check="topics", verdict="error", found=f"none in {where}", advice="`presswatch init`"
        )
    return Finding(check="topics", verdict="ok", found=f"{', '.join(names)} ({where})")


def _check_folder(app: AppContext) -> Finding:
    folder = app.settings.data_dir
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not os.access(existing, os.W_OK):
        return Finding(
            check="folder",
            verdict="error",
            found=f"{existing} is not writable",
            advice="change its owner, or name another database with --db",
        )
    free = shutil.disk_usage(existing).free
    return Finding(
        check="folder",
        verdict="ok" if free > _LEAST_FREE_BYTES else "warning",
        found=f"{folder}, {free / 1e9:.1f} GB free",
        advice="" if free > _LEAST_FREE_BYTES else "make room: a full disk stops every run",
    )


def _count_database(app: AppContext) -> Finding:
    return _check_database(app, deep=False)


def _check_database(app: AppContext, *, deep: bool = True) -> Finding:
    path = app.settings.db_path
    if not path.exists() and not app.store.main.exists():
        return Finding(check="database", verdict="ok", found=f"{path}: made by the first run")
    app.store.check_writable()
    shown = 0.0

    def progress(share: float) -> None:
        nonlocal shown
        if share >= shown + _PROGRESS_STEP and share < 1:
            shown = share
            app.say(f"database: {share:.0%} read")

    problems = app.store.examine(deep=deep, progress=progress)
    if problems:
        return Finding(
            check="database",
            verdict="error",
            found=f"{path}: {'; '.join(problems)}",
            advice="restore the newest backup (docs/operations.md)",
        )
    with app.store.read() as con:
        row = con.execute("SELECT count(*) FROM articles").fetchone()
    size = _size(app.store.main) / 1e6
    return Finding(
        check="database",
        verdict="ok",
        found=f"{path}: {row[0] if row else 0} articles, {size:.1f} MB"
        + ("" if deep else "; blocks not read (--quick)"),
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_last_run(app: AppContext) -> Finding:
    from storage.runs import last_runs

    if not app.settings.db_path.exists():
        return Finding(check="last run", verdict="ok", found="none yet")
    with app.store.read() as con:
        runs = last_runs(con, 1)
    if not runs:
        return Finding(check="last run", verdict="ok", found="none yet")
    run = runs[0]
    bad = run["state"] in ("crashed", "failed")
    return Finding(
        check="last run",
        verdict="warning" if bad else "ok",
        found=f"{run['state']} at {run['started_at']:%Y-%m-%d %H:%M} UTC"
        + (f": {run['error']}" if run["error"] else ""),
        advice="the next run repairs what it left" if run["state"] == "crashed" else "",
    )


def _check_prefect(app: AppContext) -> Finding:
    version = importlib.metadata.version("prefect")
    url = os.environ.get("PREFECT_API_URL")
    where = f"server at {url}" if url else "embedded"
    return Finding(check="Prefect", verdict="ok", found=f"{version}, {where}")


def _check_slack_settings(app: AppContext) -> Finding:
    secrets = app.secrets
    if secrets.bot_token:
        found = "bot token set"
    elif secrets.webhook_url:
        found = "webhook set (messages only: no threads, no edits)"
    else:
        return Finding(
            check="Slack",
            verdict="ok",
            found="no token: alerts are printed",
            advice="set SLACK_BOT_TOKEN to post them",
        )
    return Finding(check="Slack", verdict="ok", found=found)


def _check_slack(app: AppContext) -> Finding:
    from alerts.slack import check_token

    if not app.secrets.bot_token:
        return _check_slack_settings(app)
    who = check_token(app.secrets.bot_token, app.settings.slack_base_url)
    return Finding(check="Slack", verdict="ok", found=who)
