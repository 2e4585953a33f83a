"""Loading documents from files: what `presswatch ingest` does."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from extractors.models import Outcome, RawDocument
from flows.alerting import alert_settings
from flows.cleaning import prepare_cleaning
from flows.cycle import story_encoder
from flows.event_log import log_batch
from flows.pipeline import BATCH, batches, judge, store_batch
from flows.rematching import rematch_all
from flows.sites import learn_sites, load_sites, look_back

if TYPE_CHECKING:
    from flows.context import AppContext


def load_documents(
    app: AppContext, paths: list[Path], *, alert: bool, jobs: int | None, now: datetime
) -> tuple[Counter[Outcome], int, float]:
    """Process and store every document found under `paths`, in batches.

    Args:
        app: settings, store, topics.
        paths: files and folders.
        alert: write alerts too; they are sent by the next run or `presswatch alerts retry`.
        jobs: worker processes; None takes the setting.
        now: when documents without a time of their own count as fetched.

    Returns:
        Outcomes of the documents, the number of unreadable ones, seconds spent.
    """
    from extractors.readers import read_documents
    from extractors.workers import WorkerPool

    prepare_cleaning(app.settings)
    counts: Counter[Outcome] = Counter()
    unreadable = 0
    began = time.monotonic()
    alerting = alert_settings(app.settings) if alert else None
    topics = app.topics

    def readable() -> Iterator[RawDocument]:
        nonlocal unreadable
        for document in read_documents(paths):
            if isinstance(document, RawDocument):
                yield document
            else:
                unreadable += 1
                app.say(f"{document.where}: {document.error}")

    workers = jobs or app.settings.jobs or os.cpu_count() or 1
    encoder = story_encoder(app.settings)
    hosts: set[str] = set()
    with WorkerPool(jobs=workers, timeout_s=app.settings.document_timeout_s) as pool:
        for batch in batches(readable(), BATCH):
            memory = load_sites(app.store, batch)
            articles = list(pool.map_documents(batch, memory=memory))
            judged = [judge(article, topics, now=now) for article in articles]
            with app.store.write() as tx:
                result = store_batch(tx, judged, topics=topics, alerting=alerting, encoder=encoder)
                learn_sites(tx, judged, result)
            log_batch("ingest", judged, result)
            counts += result.outcomes()
            hosts |= {item.host for item in judged if item.host}
            done = sum(counts.values())
            took = f"{time.monotonic() - began:.0f} s"
            app.say(f"{done} document{'' if done == 1 else 's'} processed, {took}")
    look_back(app.store, sorted(hosts), topics)
    rematch_all(app.store, topics)
    app.store.publish()
    return counts, unreadable, time.monotonic() - began
