"""The flow `monitor`: one cycle of presswatch, as Prefect sees it.

Each task is a line around a plain method of `flows.cycle.Cycle`; a task handles a batch, never a
single article (1,000 tasks take Prefect 20 s, one task with 1,000 items 2 s: research). Retries
sit on the network tasks. The file holds no class, because Prefect may load it twice under two
names (docs/adr/0001).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.cycle import Cycle, drive, open_cycle
from flows.event_log import told_to
from flows.remote import Remote
from flows.settings import Settings

# A network task is tried again when the machine itself had no network for a moment; single feeds
# and pages have their own retries over later runs.
NETWORK_RETRIES = 2
NETWORK_RETRY_DELAY_S = [2.0, 10.0]


@task(
    name="poll",
    task_run_name="poll feeds, batch {number}",
    retries=NETWORK_RETRIES,
    retry_delay_seconds=NETWORK_RETRY_DELAY_S,
    cache_policy=NO_CACHE,
)
def poll_task(cycle: Cycle, number: int) -> dict[str, int]:
    """Poll one batch of feeds; what they list is durable when this returns."""
    return cycle.poll(number)


@task(
    name="fetch",
    task_run_name="fetch pages, batch {number}",
    retries=NETWORK_RETRIES,
    retry_delay_seconds=NETWORK_RETRY_DELAY_S,
    cache_policy=NO_CACHE,
)
def fetch_task(cycle: Cycle, number: int) -> int:
    """Fetch the article pages of one batch of entries."""
    return cycle.fetch(number)


@task(name="extract", task_run_name="extract articles, batch {number}", cache_policy=NO_CACHE)
def extract_task(cycle: Cycle, number: int) -> int:
    """Extract, clean, tag and match one batch of pages."""
    return cycle.extract(number)


@task(name="store", task_run_name="store articles, batch {number}", cache_policy=NO_CACHE)
def store_task(cycle: Cycle, number: int) -> dict[str, int]:
    """Store one batch: articles, stories, topic hits and outbox rows in one transaction."""
    return cycle.save(number)


@task(name="send", task_run_name="send alerts", cache_policy=NO_CACHE)
def send_task(cycle: Cycle) -> dict[str, int]:
    """Send what the outbox owes, within Slack's limits; the rest goes out in the next run."""
    return cycle.send()


def remote_workers(settings: Settings) -> Remote | None:
    """Return the workers on other hosts, if the settings want them."""
    from flows.exchange import Exchange
    from flows.prefect_workers import PrefectDispatcher

    if settings.workers == "local":
        return None
    return Remote(
        Exchange(settings.path(settings.exchange)),
        PrefectDispatcher(),
        patience_s=settings.workers_wait_s,
    )


def run_name() -> str:
    """Name a run after its feeds and the time it starts (UTC)."""
    parameters = flow_run.parameters
    what = ", ".join(parameters.get("feeds") or []) or "all feeds"
    dry = " (dry run)" if parameters.get("dry_run") else ""
    return f"{what[:80]}{dry}, {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(
    name="monitor",
    flow_run_name=run_name,
    validate_parameters=True,
    persist_result=False,
    log_prints=False,
)
def monitor(
    config: str | None = None,
    db: str | None = None,
    feeds: list[str] | None = None,
    topics: list[str] | None = None,
    dry_run: bool = False,
) -> Any:
    """Run one cycle: poll, fetch, extract, store, send.

    Args:
        config: path of presswatch.toml; None looks in the working folder.
        db: path of the DuckDB file; None takes the setting.
        feeds: names of feeds to poll; None polls all that are due.
        topics: topics to match; None matches all.
        dry_run: work on a throw-away copy of the database and send nothing.
    """
    logger = get_run_logger()
    with (
        open_cycle(config=config, db=db, feeds=feeds, topics=topics, dry_run=dry_run) as cycle,
        told_to(logger),
    ):
        summary = drive(
            cycle,
            poll=poll_task,
            fetch=fetch_task,
            extract=extract_task,
            store=store_task,
            send=send_task,
            remote=remote_workers(cycle.settings) if not dry_run else None,
        )
    create_markdown_artifact(
        key="run-summary", markdown=summary.as_markdown(), description="What this run did"
    )
    create_markdown_artifact(
        key="feed-health", markdown=summary.feeds_as_markdown(), description="Feeds with troubles"
    )
    create_markdown_artifact(
        key="alerts-sent", markdown=summary.alerts_as_markdown(), description="Alerts of this run"
    )
    logger.info("%s", summary.as_line())
    if summary.state == "failed":
        return Failed(message=summary.as_line(), data=summary.as_dict())
    return Completed(message=summary.as_line(), data=summary.as_dict())
