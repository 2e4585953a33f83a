"""Parsing feeds, and other foreign documents, where a hang or a crash costs one document.

In: bytes. Out: a `ParsedFeed`, or `ParseError`. When feedparser is too slow or falls over, the
fallback parser still reads title, link and date, so that one hostile field does not hide the news.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from extractors.errors import ParseError
from extractors.feeds import ParsedFeed, parse_for_worker

if TYPE_CHECKING:
    from extractors.workers import WorkerPool

T = TypeVar("T")

# A feed may cost 10 s of processor time in all (design.md §6.5): feedparser gets the most of it,
# the fallback parser, which takes a tenth of the time for the same feed, what is left.
PARSE_TIMEOUT_S = 7.0
ROUGH_TIMEOUT_S = 3.0
# By the clock, for what hangs without working. On a busy machine a worker takes long to start and
# a feed that is not to blame waits for the processor.
WALL_S = 60.0


class Parser(Protocol):
    """Something that parses a feed without ever hanging its caller."""

    async def parse(
        self, content: bytes, content_type: str | None, url: str, name: str, country: str | None
    ) -> ParsedFeed:
        """Return the parsed feed; raises ParseError."""
        ...

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function where it cannot hang or crash the caller; raises ParseError."""
        ...


class SafeParser:
    """Parses feeds in worker processes that are killed at 7 s of CPU and 2 GB.

    Use as `with SafeParser() as parser`. Workers start with the first feed that needs them, and
    are the same kind as those of the extraction (`extractors.workers`).
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        timeout_s: float = PARSE_TIMEOUT_S,
        rough_timeout_s: float = ROUGH_TIMEOUT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._rough_timeout_s = rough_timeout_s
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="presswatch-parse")
        self._idle: dict[float, queue.SimpleQueue[WorkerPool]] = {}
        self._pools: list[WorkerPool] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        for pool in self._pools:
            pool.close()

    async def parse(
        self, content: bytes, content_type: str | None, url: str, name: str, country: str | None
    ) -> ParsedFeed:
        """Parse a feed; on a hang or crash of feedparser, read title, link and date only.

        Raises:
            ParseError: it is no feed, or neither parser survived it.
        """
        from extractors.workers import WorkerFailure

        args = (content, content_type, url, name, country)
        try:
            outcome = await self._run(self._timeout_s, parse_for_worker, *args, False)
        except WorkerFailure as exc:
            why = str(exc)
        else:
            return _feed_or_error(outcome)
        try:
            outcome = await self._run(self._rough_timeout_s, parse_for_worker, *args, True)
        except WorkerFailure as exc:
            raise ParseError(f"parse_timeout: neither parser survived this feed ({why})") from exc
        rough = _feed_or_error(outcome)
        return replace(rough, problem=f"title, link and date only, because feedparser: {why}")

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call an importable function in a worker and return its result.

        Raises:
            ParseError: it took too long or too much memory, or it raised.
        """
        from extractors.workers import WorkerFailure

        try:
            return await self._run(self._timeout_s, function, *args)
        except WorkerFailure as exc:
            raise ParseError(f"parse_timeout: {exc}") from exc

    async def _run(self, timeout_s: float, function: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, partial(self._call, timeout_s, function, args)
        )

    def _call(self, timeout_s: float, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        """Run in one of the threads; each call has a pool of one worker to itself."""
        idle = self._idle.setdefault(timeout_s, queue.SimpleQueue())
        try:
            pool = idle.get_nowait()
        except queue.Empty:
            from extractors.workers import WorkerPool

            pool = WorkerPool(1, timeout_s=timeout_s, wall_s=WALL_S)
            self._pools.append(pool)
        try:
            value: T = pool.call(function, *args)
            return value
        finally:
            idle.put(pool)


def _feed_or_error(outcome: ParsedFeed | str) -> ParsedFeed:
    if isinstance(outcome, str):
        raise ParseError(outcome)
    return outcome
