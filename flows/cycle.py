"""One cycle, stage by stage, without Prefect: poll → fetch → extract → store → send.

`Cycle` is what the flow's tasks call; each public method is one stage of one batch and can be
called again after a failure, because the store decides what is still owed:

* what a feed listed is durable (`core.pending_entry`) before its validators are saved;
* a page that was not stored stays owed, and later runs fetch it again;
* articles, stories, hits and outbox rows of a batch are one transaction;
* an alert is claimed in one transaction, sent, and recorded in another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from extractors.catch_up import GapFill, fill_gaps
from extractors.errors import PresswatchError, UsageError
from extractors.feed_list import load_feeds
from extractors.feed_parser import SafeParser
from extractors.feed_state import FeedState, OwedEntry, PollResult
from extractors.fetch import Fetcher
from extractors.models import Outcome, RawDocument
from extractors.polling import PageResult, fetch_batch, poll_stream
from extractors.robots import RobotsCache
from extractors.urls import host_of
from flows.alerting import alert_settings
from flows.cleaning import prepare_cleaning
from flows.context import AppContext
from flows.event_log import log_batch, log_event, log_pages, log_polls, log_run
from flows.fetching import address_guard, fetch_settings
from flows.operations import report_feeds, report_gaps, report_runs
from flows.pipeline import Judged, judge, store_batch
from flows.rematching import rematch_all
from flows.settings import Settings
from flows.sites import learn_sites, load_sites, look_back
from flows.summary import RunSummary, gaps_in_words
from storage.database import Store
from storage.errors import StoreLocked
from storage.feeds import (
    close_gaps,
    due_entries,
    due_feeds,
    finish_entries,
    load_robots,
    open_gaps,
    prune_entries,
    prune_polls,
    reserve_polls,
    save_polls,
    save_robots,
    spare_first_polls,
    sync_feeds,
)
from storage.owed import still_owed
from storage.runs import end_run, last_end, start_run
from storage.search import catch_up as catch_up_index
from storage.site_memory import load_memory

if TYPE_CHECKING:
    from alerts.topics import TopicSet
    from extractors.robots import RobotsText
    from extractors.site_memory import Lesson
    from extractors.vectors import Encoder, Mode
    from extractors.workers import WorkerPool
    from flows.exchange import WorkResult
    from flows.remote import Remote

SERVING = "PRESSWATCH_SERVING"  # set by `presswatch serve` for the runs it starts
FEED_BATCH = 2500  # feeds per task: a batch waits for its slowest feed, so few and large
POLL_SLICE = 200  # polls per transaction
POLL_SLICE_BYTES = 50_000_000  # fewer when they are large: what they list is held in memory
MOST_GAPS = 100  # gaps that one run tries to fill; the next run goes on
REMATCH_BATCHES = 50  # work that a changed topic may cost one run; the next run goes on
PAGE_BATCH = 200  # pages per task and transaction
FIRST_POLL_ALERTS = 20  # more matching articles in feeds' first polls become one summary


class Cycle:
    """The state of one run between its stages."""

    def __init__(
        self,
        *,
        settings: Settings,
        app: AppContext,
        store: Store,
        topics: TopicSet,
        alerting_topics: frozenset[str] | None,
        feeds: Sequence[str] | None,
        dry_run: bool,
    ) -> None:
        self.settings = settings
        self.store = store
        self.topics = topics
        self._began = time.monotonic()
        self._alerting_topics = alerting_topics
        self.summary = RunSummary(
            run_id=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}",
            started_at=datetime.now(UTC),
            dry_run=dry_run,
        )
        self._app = app
        self._names = list(feeds) if feeds else None
        self._dry_run = dry_run
        self._feed_batches: list[list[FeedState]] = []
        self._entry_batches: list[list[OwedEntry]] = []
        self._pages: dict[int, list[PageResult]] = {}
        self._judged: dict[int, list[tuple[OwedEntry, Judged]]] = {}
        self._robots: RobotsCache | None = None
        self._pool: WorkerPool | None = None
        self._touched_hosts: set[str] = set()
        self._parser = SafeParser()
        self._flood = settings.first_poll == "summary"
        self._first_poll_hits = 0
        self._guard = address_guard(settings)
        self._encoder = story_encoder(settings)
        self._fetch_settings = fetch_settings(settings)

    # ------------------------------------------------------------------ stages
    def begin(self) -> int:
        """Open the run, read the list of feeds; return the number of feed batches."""
        with self._stage("begin"):
            configs = load_feeds(self.settings.path(self.settings.feeds))
            unknown = set(self._names or ()) - {config.name for config in configs}
            if unknown:
                raise UsageError(
                    f"no feed named {', '.join(sorted(unknown))} in {self.settings.feeds}: "
                    "`presswatch feeds list` shows the names"
                )
            with self.store.write() as tx:
                before = last_end(tx.con, "monitor")
                self.summary.repaired = start_run(tx, self.summary.run_id, "monitor")
                report_runs(
                    tx,
                    last_end=before,
                    repaired=self.summary.repaired,
                    settings=alert_settings(self.settings),
                )
                sync_feeds(tx, configs)
                due = due_feeds(tx, tx.now, self._names)
                robots = load_robots(tx, tx.now)
            if self.settings.respect_robots:
                self._robots = RobotsCache(robots)
            self.summary.feeds_due = len(due)
            self._feed_batches = [due[i : i + FEED_BATCH] for i in range(0, len(due), FEED_BATCH)]
            self._say(f"{len(due)} of {len(configs)} feeds are due")
        if not self._dry_run:
            with self._stage("rematch"):
                behind = rematch_all(self.store, self.topics, max_batches=REMATCH_BATCHES)
            if behind:
                self._say(f"topics matched over the stored articles: {', '.join(behind)}")
        return len(self._feed_batches)

    def poll(self, number: int) -> dict[str, int]:
        """Poll one batch of feeds and make durable what they list.

        Answers are stored in slices as they come, so that a slow server holds up nobody's news.
        """
        feeds = self._feed_batches[number]
        with self._stage("poll"):
            with self.store.write() as tx:
                reserve_polls(tx, feeds)
            counts = asyncio.run(self._poll_in_slices(feeds))
        self._say(
            f"polled {counts['polled']} feeds: {counts['new']} new items, "
            f"{counts['updated']} edited, {counts['errors']} feeds with errors"
        )
        return counts

    async def _poll_in_slices(self, feeds: Sequence[FeedState]) -> dict[str, int]:
        states = {feed.name: feed for feed in feeds}
        counts: Counter[str] = Counter()
        waiting: list[PollResult] = []
        held = 0
        async with Fetcher(self._fetch_settings, self._guard) as fetcher:
            async for result in poll_stream(feeds, fetcher, self._parser):
                waiting.append(result)
                held += result.size_bytes
                if len(waiting) >= POLL_SLICE or held >= POLL_SLICE_BYTES:
                    counts += self._save_polls(states, waiting)
                    waiting, held = [], 0
                    self._say(f"polled {counts['polled']} of {len(feeds)} feeds")
        if waiting:
            counts += self._save_polls(states, waiting)
        return {key: counts[key] for key in ("polled", "new", "updated", "errors")}

    def _save_polls(
        self, states: Mapping[str, FeedState], results: Sequence[PollResult]
    ) -> Counter[str]:
        with self.store.write() as tx:
            saved = save_polls(
                tx,
                [states[result.feed] for result in results],
                results,
                run_id=self.summary.run_id,
                floor_s=self.settings.min_poll_interval_s,
            )
            report_feeds(tx, saved.changes, alert_settings(self.settings))
        summary = self.summary
        log_polls(summary.run_id, results)
        asked = [result for result in results if result.outcome != "deferred"]
        failed = [result for result in asked if not result.is_good]
        summary.feeds_polled += len(asked)
        summary.feeds_ok += len(asked) - len(failed)
        summary.feeds_unchanged += sum(r.is_good and r.outcome != "ok" for r in asked)
        summary.feed_errors.update({r.feed: r.error or r.outcome for r in failed})
        summary.count(Outcome.KNOWN, saved.known)
        return Counter(
            polled=len(asked), new=saved.queued, updated=saved.updated, errors=len(failed)
        )

    def catch_up(self) -> dict[str, int]:
        """Look for items that fell out of a feed unseen; they are stored and never alert.

        Gaps that a killed run left, or whose sources did not answer, are tried again.
        """
        with self._stage("catch up"), self.store.write() as tx:
            gaps = open_gaps(tx, tx.now, feeds=self._names)[:MOST_GAPS]
        if not gaps:
            return {}
        with self._stage("catch up"):

            async def run() -> list[GapFill]:
                async with Fetcher(self._fetch_settings, self._guard) as fetcher:
                    return await fill_gaps(gaps, fetcher, self._parser, datetime.now(UTC))

            fills = asyncio.run(run())
            with self.store.write() as tx:
                counts = close_gaps(tx, fills)
                report_gaps(tx, self.summary.run_id, fills, counts, alert_settings(self.settings))
        self.summary.gaps = counts
        self._say(gaps_in_words(counts))
        return counts

    def plan_pages(self) -> int:
        """Read which articles are owed now; return the number of page batches."""
        with self._stage("begin"), self.store.write() as tx:
            owed = due_entries(tx, tx.now, self.settings.max_pages_per_run, feeds=self._names)
        self._entry_batches = [owed[i : i + PAGE_BATCH] for i in range(0, len(owed), PAGE_BATCH)]
        if owed:
            self._say(f"{len(owed)} articles to fetch")
        return len(self._entry_batches)

    def fetch(self, number: int) -> int:
        """Fetch the article pages of one batch."""
        entries = self._entry_batches[number]
        with self._stage("fetch"):
            done = 0

            def shown(result: PageResult) -> None:
                nonlocal done
                done += 1
                if done % 25 == 0:
                    self._say(f"fetched {done} of {len(entries)} pages")

            async def run() -> list[PageResult]:
                async with Fetcher(self._fetch_settings, self._guard) as fetcher:
                    return await fetch_batch(entries, fetcher, self._robots, on_result=shown)

            self._pages[number] = asyncio.run(run())
        log_pages(self.summary.run_id, self._pages[number])
        return sum(page.outcome == "page" for page in self._pages[number])

    def extract(self, number: int) -> int:
        """Extract, clean, tag and match the pages of one batch, in killable workers."""
        with self._stage("extract"):
            ready = [p for p in self._pages[number] if p.outcome in ("page", "feed_content")]
            documents = [raw_document(page) for page in ready]
            memory = load_sites(self.store, documents)
            articles = self._workers().map_documents(documents, memory=memory)
            self._judged[number] = [
                (page.owed, judge(article, self.topics, backfill=page.owed.backfill))
                for page, article in zip(ready, articles, strict=True)
            ]
        return len(self._judged[number])

    def save(self, number: int) -> dict[str, int]:
        """Store one batch: articles, stories, hits, outbox and queue in one transaction."""
        with self._stage("store"):
            judged = self._as_backfill(self._judged[number])
            pages = self._pages[number]
            with self.store.write() as tx:
                if self._flood:
                    spare_first_polls(tx)  # also what later runs will fetch
                result = store_batch(
                    tx,
                    [item for _, item in judged],
                    topics=self.topics,
                    alerting=alert_settings(self.settings),
                    alerting_topics=self._alerting_topics,
                    encoder=self._encoder,
                )
                left = finish_entries(tx, pages, stored={owed.entry_key for owed, _ in judged})
                learn_sites(tx, [item for _, item in judged], result)
                if self._robots is not None:
                    save_robots(tx, self._robots.fetched)
            del self._judged[number], self._pages[number]
        log_batch(self.summary.run_id, [item for _, item in judged], result, number=number)
        for outcome, count in result.outcomes().items():
            self.summary.count(outcome, count)
        for outcome, count in left.items():
            self.summary.count(outcome, count)
        if self._robots is not None:
            self._robots.fetched.clear()
        self._touched_hosts |= {item.host for _, item in judged if item.host}
        self._say(f"stored {len(result.items)} articles, {result.alerts} messages are owed")
        return {str(outcome): count for outcome, count in result.outcomes().items()}

    def look_back(self) -> int:
        """Clean stored articles again whose site's boilerplate is known better now."""
        if not self._touched_hosts:
            return 0
        with self._stage("look back"):
            changed = look_back(self.store, sorted(self._touched_hosts), self.topics)
        if changed:
            self._say(f"cleaned {changed} stored articles again")
        return changed

    def send(self) -> dict[str, int]:
        """Send what the outbox owes, within Slack's limits and the allowed waiting time."""
        from flows.sending import send_due, sent_so_far

        with self._stage("send"):
            try:
                report = send_due(
                    self.store,
                    self.settings,
                    self._app.secrets,
                    show=self._app.show_alert,
                    progress=lambda r: self._say(sent_so_far(r)),
                )
            except StoreLocked as error:  # another process is at it, and nothing is lost
                self.summary.alert_problems["sending"] = str(error)
                return {}
        states = {
            "sent": report.sent,
            "printed": report.printed,
            "unknown": report.unknown,
            "failed": report.failed,
            "withdrawn": report.withdrawn,
            "waiting": report.left,
        }
        self.summary.alerts = {state: count for state, count in states.items() if count}
        self.summary.alert_problems = dict(report.problems)
        return self.summary.alerts

    def finish(self) -> RunSummary:
        """Close the run in the ledger, publish the database, return the account."""
        summary = self.summary
        with self._stage("publish"):
            # By a clock that nobody sets: a run's length must not be negative, or a day too long.
            summary.ended_at = summary.started_at + timedelta(
                seconds=time.monotonic() - self._began
            )
            with self.store.write() as tx:
                end_run(
                    tx,
                    summary.run_id,
                    state=summary.state,
                    counts=summary.counts(),
                    stages=summary.stages,
                    error="; ".join(summary.errors) or None,
                    ended_at=summary.ended_at,
                )
                prune_entries(tx)
                prune_polls(tx)
                catch_up_index(tx)
            try:
                self.store.publish()
            except StoreLocked as error:  # what was stored is safe; the next run publishes it
                self._say(str(error))
        log_run(summary)
        if os.environ.get(SERVING):  # a child of `presswatch serve`: one line a run
            line = f"{summary.ended_at:%Y-%m-%d %H:%M:%S} UTC  {summary.as_line()}"
            with contextlib.suppress(OSError):  # as `AppContext.say`
                print(line, file=sys.stderr, flush=True)
        return summary

    def fail(self, error: BaseException) -> None:
        """Record that a stage broke; what was stored stays."""
        self.summary.errors.append(str(error) or type(error).__name__)

    def close(self) -> None:
        """Stop the workers."""
        self._parser.__exit__(None, None, None)
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    # ------------------------------------------------------------------ helpers
    def split_batches(
        self, split: Callable[[Sequence[OwedEntry]], list[list[OwedEntry]]]
    ) -> list[list[OwedEntry]]:
        """Cut the planned entries anew and return the batches."""
        everything = [owed for batch in self._entry_batches for owed in batch]
        self._entry_batches = split(everything) if everything else []
        return self._entry_batches

    def add_batch(self) -> int:
        """Make room for a batch that this run did not plan; return its number."""
        self._entry_batches.append([])
        return len(self._entry_batches) - 1

    def known_of_hosts(self, urls: set[str]) -> tuple[tuple[RobotsText, ...], tuple[Lesson, ...]]:
        """Return what a worker should know of the hosts of these addresses."""
        hosts = sorted({host for url in urls if (host := host_of(url))})
        with self.store.write() as tx:
            lessons = [
                lesson
                for memory in load_memory(tx.con, hosts).values()
                for lesson in memory.lessons
            ]
            origins = {"/".join(url.split("/", 3)[:3]) for url in urls}
            robots = [row for row in load_robots(tx, tx.now) if row.origin in origins]
        return tuple(robots), tuple(lessons)

    def accept(self, number: int, result: WorkResult) -> None:
        """Take what a worker made of a batch; entries that are not owed any more are dropped."""
        with self._stage("judge"):
            with self.store.write() as tx:
                owed = still_owed(tx.con, [item.result.owed for item in result.items])
            items = [item for item in result.items if item.result.owed.entry_key in owed]
            self._pages[number] = [item.result for item in items]
            self._judged[number] = [
                (
                    item.result.owed,
                    judge(item.article, self.topics, backfill=item.result.owed.backfill),
                )
                for item in items
                if item.article is not None
            ]
            if self._robots is not None:
                self._robots.fetched.extend(result.robots)

    def note(self, problem: str) -> None:
        """Record a problem that leaves the run's other work as it is."""
        self.summary.errors.append(problem)

    def _as_backfill(
        self, judged: list[tuple[OwedEntry, Judged]]
    ) -> list[tuple[OwedEntry, Judged]]:
        """Mark what feeds listed in their first poll, when it would be a flood of alerts."""
        if self.settings.first_poll == "alert":
            return judged
        self._first_poll_hits += sum(bool(item.hits) for owed, item in judged if owed.first_poll)
        if self._first_poll_hits > FIRST_POLL_ALERTS:
            self._flood = True
        if not self._flood:
            return judged
        return [
            (owed, replace(item, backfill=True) if owed.first_poll else item)
            for owed, item in judged
        ]

    def _workers(self) -> WorkerPool:
        from extractors.workers import WorkerPool

        if self._pool is None:
            self._pool = WorkerPool(
                jobs=self.settings.jobs or os.cpu_count() or 1,
                timeout_s=self.settings.document_timeout_s,
            )
        return self._pool

    @contextlib.contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - begin
            self.summary.stages[name] = self.summary.stages.get(name, 0.0) + spent
            log_event("stage", run=self.summary.run_id, stage=name, seconds=spent)

    def _say(self, text: str) -> None:
        self._app.say(text)


def story_encoder(settings: Settings) -> Encoder | None:
    """Return the sentence encoder that the settings ask for.

    Raises:
        UsageError: `story_vectors = "on"` and the extra is not installed.
    """
    from extractors.vectors import load_encoder

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads only spin (research)
    return load_encoder(cast("Mode", settings.story_vectors))


def raw_document(result: PageResult) -> RawDocument:
    """Return what is to be processed for one fetched page, or for an entry without a page."""
    owed, page = result.owed, result.page
    entry = owed.entry
    text = "\n".join(part for part in (entry.content or entry.summary,) if part)
    return RawDocument(
        doc_id=entry.guid,
        url=(page.url if page else None) or entry.url,
        html=page.content if page else None,
        content_type=page.content_type if page else None,
        title=entry.title or None,
        author=entry.author,
        outlet=owed.outlet,
        country=owed.country,
        tier=owed.tier,
        lang_hint=owed.lang,
        published_at=entry.published_at or entry.updated_at,
        fetched_at=page.fetched_at if page else datetime.now(UTC),
        feed=entry.feed,
        guid=entry.guid,
        feed_content=text or entry.title,
        metadata={"no_page": result.error or result.reason} if page is None else {},
    )


@contextlib.contextmanager
def open_cycle(
    *,
    config: str | None = None,
    db: str | None = None,
    feeds: Sequence[str] | None = None,
    topics: Sequence[str] | None = None,
    dry_run: bool = False,
) -> Iterator[Cycle]:
    """Prepare a cycle; close the run in the ledger and the workers, whatever happens.

    Raises:
        UsageError: wrong settings, topic files or names.
        StoreLocked: another run is under way, or another program holds the database.
    """
    kept = _caller(config, db)
    app = kept.app
    with contextlib.ExitStack() as stack:
        try:
            settings = app.settings
            prepare_cleaning(settings)
            chosen = frozenset(app.topics.only(topics).infos) if topics else None
            store = app.store
            if dry_run:
                store = Store(_throw_away_copy(store, stack))
            stack.enter_context(store.run_lock())
            store.check_writable()
            cycle = Cycle(
                settings=settings,
                app=app,
                store=store,
                topics=app.topics,
                alerting_topics=chosen,
                feeds=feeds,
                dry_run=dry_run,
            )
            kept.summary = cycle.summary
            stack.callback(cycle.close)
            try:
                yield cycle
            except Exception as error:
                cycle.fail(error)
                with contextlib.suppress(PresswatchError):
                    cycle.finish()
                raise
        except PresswatchError as error:
            kept.error = error
            raise


def _throw_away_copy(store: Store, stack: contextlib.ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="presswatch-dry-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    target = folder / "dry.duckdb"
    if store.path.exists() or store.main.exists():
        with store.read():
            shutil.copyfile(store.path, target)
    return target


def drive(
    cycle: Cycle,
    *,
    poll: Callable[[Cycle, int], object] = Cycle.poll,
    fetch: Callable[[Cycle, int], object] = Cycle.fetch,
    extract: Callable[[Cycle, int], object] = Cycle.extract,
    store: Callable[[Cycle, int], object] = Cycle.save,
    send: Callable[[Cycle], object] = Cycle.send,
    remote: Remote | None = None,
) -> RunSummary:
    """Run the stages in their order; the flow passes its tasks in the stages' places.

    With `remote`, workers elsewhere fetch and extract; everything else is the same.
    """
    for number in range(cycle.begin()):
        poll(cycle, number)
    cycle.catch_up()
    if remote is None:
        for number in range(cycle.plan_pages()):
            fetch(cycle, number)
            extract(cycle, number)
            store(cycle, number)
    else:
        remote.load_late(cycle, store)
        cycle.plan_pages()
        remote.run(cycle, store)
    cycle.look_back()
    if not cycle.summary.dry_run:
        send(cycle)
    return cycle.finish()


@dataclass(slots=True)
class Kept:
    """What the caller of a flow run in this process gets to see of it."""

    app: AppContext
    summary: RunSummary | None = None
    error: PresswatchError | None = None


_CURRENT: list[Kept] = []


@contextlib.contextmanager
def using_app(app: AppContext) -> Iterator[Kept]:
    """Let a cycle opened in this process share the caller's context (console, quiet)."""
    kept = Kept(app=app)
    _CURRENT.append(kept)
    try:
        yield kept
    finally:
        _CURRENT.remove(kept)


def _caller(config: str | None, db: str | None) -> Kept:
    """Return the caller's context when its options are the same, else a new, quiet one."""
    for kept in reversed(_CURRENT):
        if kept.app.config == config and kept.app.db == db:
            return kept
    return Kept(app=AppContext(config=config, db=db, quiet=True))
