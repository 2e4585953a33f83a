"""A worker's side of a batch: read it, fetch its pages, extract them, hand in the result.

In: a batch file.  Out: a result file.  It needs no database, no topics, no Slack token: a host
that fetches strangers' pages holds nothing worth stealing.  Network settings are the worker's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

from extractors.fetch import Fetcher
from extractors.polling import PageResult, fetch_batch
from extractors.robots import RobotsCache
from extractors.site_memory import HostMemory, Lesson
from flows.cleaning import prepare_cleaning
from flows.cycle import raw_document
from flows.exchange import Exchange, WorkBatch, WorkResult, without_bytes
from flows.fetching import address_guard, fetch_settings
from flows.settings import Settings, load_settings

BEAT_S = 5.0  # a sixth of the silence after which the loader gives a batch to somebody else


def work_on(batch_id: str, attempt: int, *, config: str | None = None) -> str:
    """Work on one batch and hand in the result; return the account in one line.

    Raises:
        ExchangeError: the batch cannot be read or the result not written.
        UsageError: this host's settings are wrong.
    """
    settings = load_settings(config)
    prepare_cleaning(settings)
    exchange = Exchange(settings.path(settings.exchange))
    with _beating(exchange, batch_id, attempt):
        batch = exchange.read_batch(batch_id)
        result = process(batch, settings, attempt=attempt)
        exchange.write_result(result)
    articles = sum(item.article is not None for item in result.items)
    return (
        f"batch={batch_id} entries={len(result.items)} articles={articles} "
        f"fetch_s={result.fetch_s:.2f} extract_s={result.extract_s:.2f}"
    )


def process(batch: WorkBatch, settings: Settings, *, attempt: int) -> WorkResult:
    """Fetch and extract a batch."""
    from extractors.workers import WorkerPool

    robots = RobotsCache(batch.robots) if settings.respect_robots else None
    began = time.monotonic()

    async def run() -> list[PageResult]:
        async with Fetcher(fetch_settings(settings), address_guard(settings)) as fetcher:
            return await fetch_batch(batch.entries, fetcher, robots)

    pages = asyncio.run(run())
    fetched = time.monotonic()
    ready = [n for n, page in enumerate(pages) if page.outcome in ("page", "feed_content")]
    jobs = settings.jobs or os.cpu_count() or 1
    with WorkerPool(jobs=jobs, timeout_s=settings.document_timeout_s) as pool:
        documents = [raw_document(pages[n]) for n in ready]
        articles = dict(
            zip(ready, pool.map_documents(documents, memory=_memory(batch.lessons)), strict=True)
        )
    return WorkResult(
        batch_id=batch.batch_id,
        attempt=attempt,
        worker=f"{socket.gethostname()}:{os.getpid()}",
        items=tuple(without_bytes(page, articles.get(n)) for n, page in enumerate(pages)),
        robots=tuple(robots.fetched) if robots is not None else (),
        fetch_s=fetched - began,
        extract_s=time.monotonic() - fetched,
    )


def _memory(lessons: tuple[Lesson, ...]) -> dict[str, HostMemory]:
    by_host: dict[str, list[Lesson]] = {}
    for lesson in lessons:
        by_host.setdefault(lesson.host, []).append(lesson)
    return {host: HostMemory(host, rows) for host, rows in by_host.items()}


@contextlib.contextmanager
def _beating(exchange: Exchange, batch_id: str, attempt: int) -> Iterator[None]:
    """Raise the batch's counter while the block runs."""
    over = threading.Event()

    def beat() -> None:
        count = 1
        while not over.wait(BEAT_S):
            count += 1
            exchange.beat(batch_id, attempt, count)

    exchange.beat(batch_id, attempt, 1)
    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
