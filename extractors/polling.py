"""Polling feeds and fetching article pages, many at once: the network stage of a run.

In: feed states or owed entries, an open `Fetcher`. Out: one result each, never an exception for
a single feed or page. No database, no schedule: the caller stores what comes back.

A changed body is parsed in a worker that can be killed (`SafeParser`); when feedparser is too
slow or falls over, the fallback parser still reads title, link and date, so that one hostile
field does not hide the news.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from extractors.errors import FetchError, ParseError
from extractors.feed_cut import Cut, cut_seen
from extractors.feed_parser import Parser
from extractors.feed_state import FeedState, OwedEntry, PollResult, is_last_attempt, wants_probe
from extractors.feeds import clean_line, describe_html
from extractors.fetch import Fetched, Fetcher, to_page
from extractors.http_body import gunzip_bounded
from extractors.http_status import parse_http_date
from extractors.models import Page

if TYPE_CHECKING:
    from extractors.robots import RobotsCache

T = TypeVar("T")

# A larger document is cut up in the worker: it would keep the loop from its other connections.
CUT_HERE_BYTES = 500_000
# Feeds and pages that are in hand at once; ordinary ones of a whole batch take a tenth of it.
# Those on their way come on top: 64 connections of 16 MB at most.
MAX_HELD_BYTES = 300_000_000
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
# What a body that came with 200 turned out to be; these names make the state DECOY.
_DECOYS = frozenset({"challenge", "consent", "login", "html", "not_a_feed"})


class Backlog:
    """Bytes of bodies that are held until somebody has read them; newcomers wait for room.

    A few hundred large feeds that answer at once would fill the memory while they wait for the
    two parsers.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._room = asyncio.Event()
        self._room.set()

    @property
    def is_full(self) -> bool:
        """Whether no more should be fetched now."""
        return self._held >= self._limit

    async def room(self) -> None:
        """Wait until less than the limit is held."""
        await self._room.wait()

    @contextlib.contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Count bytes as held until the block is left."""
        self.keep(size)
        try:
            yield
        finally:
            self.keep(-size)

    def keep(self, size: int) -> None:
        """Count bytes as held."""
        self._held += size
        if self.is_full:
            self._room.clear()
        else:
            self._room.set()


async def poll_feed(
    state: FeedState, fetcher: Fetcher, parser: Parser, backlog: Backlog | None = None
) -> PollResult:
    """Poll one feed and return what came of it; raises nothing but programming errors."""
    backlog = backlog or Backlog(MAX_HELD_BYTES)
    await backlog.room()
    started = datetime.now(UTC)
    full = wants_probe(state, started)
    result = PollResult(feed=state.name, polled_at=started, outcome="error", url=state.url)
    try:
        fetched = await fetcher.get(
            state.url,
            etag=None if full else state.etag,
            last_modified=None if full else state.last_modified,
            kind="feed",
        )
    except FetchError as exc:
        return replace(
            result,
            outcome=exc.outcome,
            status=exc.status,
            error=clean_line(str(exc), 300),
            retry_after_s=exc.retry_after_s,
            full=full,
        )
    result = replace(
        result,
        polled_at=fetched.fetched_at,
        status=fetched.status,
        duration_s=fetched.duration_s,
        permanent_url=fetched.permanent_url,
        size_bytes=len(fetched.content),
        max_age_s=_max_age(fetched),
        full=full,
    )
    if fetched.not_modified:
        return replace(result, outcome="not_modified")
    with backlog.hold(len(fetched.content)):
        return await _read_body(state, fetched, result, fetcher, parser)


async def _read_body(
    state: FeedState, fetched: Fetched, result: PollResult, fetcher: Fetcher, parser: Parser
) -> PollResult:
    if fetched.content[:2] == b"\x1f\x8b":  # a file that is gzip itself, `feed.xml.gz`
        try:
            limit = fetcher.settings.max_bytes["feed"]
            fetched = replace(fetched, content=gunzip_bounded(fetched.content, limit, fetched.url))
        except FetchError as exc:
            return replace(result, outcome=exc.outcome, error=clean_line(str(exc), 300))
    body_hash = int.from_bytes(hashlib.blake2b(fetched.content, digest_size=8).digest(), "big")
    good = replace(
        result,
        body_hash=body_hash,
        etag=fetched.headers.get("etag"),
        last_modified=fetched.headers.get("last-modified"),
    )
    # `kind` is set by the first good parse: only then is an equal body known to be a good one.
    if state.kind and body_hash == state.body_hash:
        return replace(good, outcome="unchanged")
    start = fetched.content[:2_000].lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower()
    if start.startswith((b"<!doctype html", b"<html")):  # no need to start a worker for this
        text = fetched.content[:200_000].decode("utf-8", "replace")
        return replace(result, outcome="decoy", error=clean_line(describe_html(text), 300))
    seen = frozenset(state.raw_hashes) if state.kind else frozenset()
    try:
        cut = (
            cut_seen(fetched.content, seen)
            if len(fetched.content) <= CUT_HERE_BYTES
            else await parser.call(cut_seen, fetched.content, seen)
        )
    except ParseError:  # cutting saves work, nothing depends on it
        cut = Cut(content=fetched.content, hashes=(), kept=0, dropped=0)
    if cut.dropped and not cut.kept:
        return replace(
            good,
            outcome="unchanged",
            raw_hashes=cut.hashes,
            listed=cut.dropped,
            dropped=cut.dropped,
        )
    try:
        parsed = await parser.parse(
            cut.content, fetched.content_type, fetched.url, state.name, state.config.country
        )
    except ParseError as exc:
        name = str(exc).partition(":")[0]
        outcome = "decoy" if name in _DECOYS else name if name == "parse_timeout" else "parse"
        return replace(result, outcome=outcome, error=clean_line(str(exc), 300))
    if not parsed.complete:
        # The document broke off without the transfer showing it. What it lists is taken, but a
        # validator for the whole of it would hide the rest.
        good = replace(result, body_hash=None, etag=None, last_modified=None)
    return replace(
        good,
        outcome="ok",
        parsed=parsed,
        raw_hashes=cut.hashes,
        dropped=cut.dropped,
        listed=len(parsed.entries) + cut.dropped,
    )


def _max_age(fetched: Fetched) -> float | None:
    """Return how long the server says that its answer stays fresh, in seconds."""
    control = fetched.headers.get("cache-control", "")
    if "no-cache" in control or "no-store" in control:
        return None
    match = _MAX_AGE.search(control)
    if match:
        return float(match.group(1))
    expires = parse_http_date(fetched.headers.get("expires"))
    if expires is None:
        return None
    return max((expires - fetched.fetched_at).total_seconds(), 0.0) or None


async def poll_batch(
    feeds: Sequence[FeedState],
    fetcher: Fetcher,
    parser: Parser,
    *,
    on_result: Callable[[PollResult], None] | None = None,
) -> list[PollResult]:
    """Poll feeds concurrently and return their results in the order of `feeds`.

    Args:
        feeds: what to poll.
        fetcher: an open fetcher; it paces hosts and limits connections.
        parser: an open `SafeParser`.
        on_result: called with each result as it comes, for progress.
    """
    backlog = Backlog(MAX_HELD_BYTES)

    async def one(state: FeedState) -> PollResult:
        result = await poll_feed(state, fetcher, parser, backlog)
        if on_result is not None:
            on_result(result)
        return result

    return await _gather([partial(one, state) for state in feeds], fetcher)


async def _gather(
    jobs: Sequence[Callable[[], Coroutine[Any, Any, T]]], fetcher: Fetcher
) -> list[T]:
    """Run jobs and return their results in order; only so many at once as the fetcher can use."""
    results: dict[int, T] = {}
    queue = iter(enumerate(jobs))

    async def worker() -> None:
        for index, job in queue:
            results[index] = await job()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(fetcher.settings.concurrency * 8, len(jobs))):
            group.create_task(worker())
    return [results[index] for index in range(len(jobs))]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """What became of one owed entry.

    `outcome`: `page` (there is a page to extract), `feed_content` (use the entry's own text, see
    `error` for why there is no page), `retry` (a later run tries again), `deferred` (not asked in
    this run, does not count as an attempt), `failed` (never to be had, and no text in the feed).
    """

    owed: OwedEntry
    outcome: str
    page: Page | None = None
    error: str | None = None
    reason: str = ""  # the fetch's named outcome
    status: int | None = None
    retry_after_s: float | None = None


async def fetch_entry(
    owed: OwedEntry,
    fetcher: Fetcher,
    robots: RobotsCache | None,
    backlog: Backlog | None = None,
) -> PageResult:
    """Fetch the page of one owed entry, or say what takes its place.

    `backlog` counts the pages of the batch; when it is full, the entry is left to a later run.
    """
    entry = owed.entry
    if owed.fetch == "feed":
        return PageResult(owed=owed, outcome="feed_content", reason="by_choice")
    if entry.url is None:
        return _without_page(owed, "no_link", "the entry has no link", None)

    if backlog is not None and backlog.is_full:
        text = "the pages of this batch are very large; a later run will ask"
        return PageResult(owed=owed, outcome="deferred", error=text, reason="deferred")

    async def allowed(url: str) -> None:
        if robots is not None:
            await robots.check(url, fetcher)

    # The normal form has lost tracking parameters; a few servers know only the address as given.
    given = urljoin(entry.feed_url, entry.raw_url or "")
    try:
        await allowed(entry.url)
        try:
            fetched = await fetcher.get(entry.url, kind="page", on_hop=allowed)
        except FetchError as exc:
            if exc.status not in (400, 404) or given in ("", entry.url):
                raise
            fetched = await fetcher.get(given, kind="page", on_hop=allowed)
    except FetchError as exc:
        text = clean_line(str(exc), 300)
        if exc.outcome == "deferred":
            return PageResult(owed=owed, outcome="deferred", error=text, reason=exc.outcome)
        blocked = exc.outcome in ("challenge", "forbidden", "robots")
        if exc.retryable and not blocked and not is_last_attempt(owed, datetime.now(UTC)):
            return PageResult(
                owed=owed,
                outcome="retry",
                error=text,
                reason=exc.outcome,
                status=exc.status,
                retry_after_s=exc.retry_after_s,
            )
        return _without_page(owed, exc.outcome, text, exc.status)
    if backlog is not None:
        backlog.keep(len(fetched.content))
    return PageResult(owed=owed, outcome="page", page=to_page(fetched), status=fetched.status)


def _without_page(owed: OwedEntry, reason: str, text: str, status: int | None) -> PageResult:
    has_text = bool(owed.entry.content or owed.entry.summary or owed.entry.title)
    return PageResult(
        owed=owed,
        outcome="feed_content" if has_text else "failed",
        error=text,
        reason=reason,
        status=status,
    )


async def fetch_batch(
    entries: Sequence[OwedEntry],
    fetcher: Fetcher,
    robots: RobotsCache | None,
    *,
    on_result: Callable[[PageResult], None] | None = None,
) -> list[PageResult]:
    """Fetch the pages of owed entries concurrently; results in the order of `entries`."""
    backlog = Backlog(MAX_HELD_BYTES)

    async def one(owed: OwedEntry) -> PageResult:
        result = await fetch_entry(owed, fetcher, robots, backlog)
        if on_result is not None:
            on_result(result)
        return result

    return await _gather([partial(one, owed) for owed in entries], fetcher)


async def poll_stream(
    feeds: Sequence[FeedState], fetcher: Fetcher, parser: Parser
) -> AsyncIterator[PollResult]:
    """Poll feeds as `poll_batch`, yielding each result as it comes.

    So that a caller can save the quick ones in slices while slow servers use up their deadline.
    """
    backlog = Backlog(MAX_HELD_BYTES)
    jobs = [partial(poll_feed, state, fetcher, parser, backlog) for state in feeds]
    async for result in _stream(jobs, fetcher.settings.concurrency * 8):
        yield result


async def _stream(
    jobs: Sequence[Callable[[], Coroutine[Any, Any, T]]], width: int
) -> AsyncIterator[T]:
    """Run jobs, at most `width` started at once, and yield their results as they come."""
    waiting = iter(jobs)
    running = {asyncio.ensure_future(job()) for job in itertools.islice(waiting, width)}
    try:
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running |= {
                asyncio.ensure_future(job()) for job in itertools.islice(waiting, len(done))
            }
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
