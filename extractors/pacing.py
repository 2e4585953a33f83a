"""When a host may be asked: so many at once, so far apart, and longer pauses when it asks for them.

In: names of hosts and a clock. Out: turns. It opens no connection.
Source: rss-fetcher (2 at once, 5 s per source); research/fetching.md A3 row 18.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from extractors.errors import FetchError
from extractors.guard import CheckedUrl

REFUSALS_IN_ROW = 5
RATE_LIMIT_PAUSE_S = 60.0  # after a 429 that does not say how long


class Pace:
    """When a host may be asked next, and the delay that its robots.txt asks for."""

    __slots__ = ("delay_s", "next_start", "refusals")

    def __init__(self) -> None:
        self.refusals = 0  # 429 in a row
        self.next_start = 0.0
        self.delay_s = 0.0


# One for the process: a run has several fetchers after each other (one for each batch), and a
# host must not be asked sooner because a new one begins.
PACES: dict[str, Pace] = {}


class _Host:
    """One host's queue in one fetcher: places, the order of starts, and its pace."""

    __slots__ = ("pace", "places", "starting", "waiting")

    def __init__(self, per_host: int, pace: Pace) -> None:
        self.places = asyncio.Semaphore(per_host)
        self.starting = asyncio.Lock()
        self.pace = pace
        self.waiting = 0


class HostPacer:
    """Keeps to at most `per_host` fetches at once and `delay_s` between starts at each host.

    Waiters are served in their order at constant cost each.
    Source: rss-fetcher (2 at once, 5 s per source); research/fetching.md A3 row 18.
    """

    def __init__(
        self,
        *,
        per_host: int,
        delay_s: float,
        clock: Callable[[], float],
        paces: dict[str, Pace] | None = None,
    ) -> None:
        self._paces = {} if paces is None else paces
        self._per_host = max(per_host, 1)
        self._delay_s = max(delay_s, 0.0)
        self._clock = clock
        self._hosts: dict[str, _Host] = {}

    def set_delay(self, host: str, delay_s: float) -> None:
        """Lengthen the delay of one host (robots.txt's Crawl-delay); never below the setting."""
        self._host(host).pace.delay_s = delay_s

    def answered(self, host: str) -> None:
        """Note that the host answered something else than 429."""
        self._host(host).pace.refusals = 0

    def refused(self, host: str, retry_after_s: float | None) -> None:
        """Note a 429; after several in a row nothing is started at this host for a while.

        One address that is refused says nothing about the others of its host; five do.
        """
        pace = self._host(host).pace
        pace.refusals += 1
        if pace.refusals >= REFUSALS_IN_ROW:
            wait = retry_after_s if retry_after_s is not None else RATE_LIMIT_PAUSE_S
            pace.next_start = max(pace.next_start, self._clock() + wait)

    def expected_wait(self, host: str) -> float:
        """Return the seconds until a newcomer to this host's queue could start at the earliest."""
        state = self._host(host)
        delay = max(self._delay_s, state.pace.delay_s)
        return max(state.pace.next_start - self._clock(), 0.0) + state.waiting * delay

    @contextlib.asynccontextmanager
    async def turn(
        self, host: str, max_wait_s: float, gate: asyncio.Semaphore
    ) -> AsyncIterator[None]:
        """Wait for the host's turn and a free place in `gate`, and hold both.

        The places at the host come first, so that those who wait for a slow host do not hold
        places of the gate and no host can starve the others.

        Raises:
            FetchError: `deferred`, when the queue is longer than `max_wait_s`.
        """
        state = self._host(host)
        if self.expected_wait(host) > max_wait_s:
            raise self._deferred(host, max_wait_s)
        state.waiting += 1
        started = False
        try:
            async with state.places:
                async with state.starting:
                    pause = max(state.pace.next_start - self._clock(), 0.0)
                    if pause > max_wait_s:  # the host asked for a longer pause meanwhile
                        raise self._deferred(host, max_wait_s)
                    await asyncio.sleep(pause)
                    await gate.acquire()
                    delay = max(self._delay_s, state.pace.delay_s)
                    state.pace.next_start = self._clock() + delay
                started = True
                state.waiting -= 1
                try:
                    yield
                finally:
                    gate.release()
        finally:
            if not started:
                state.waiting -= 1

    @staticmethod
    def _deferred(host: str, max_wait_s: float) -> FetchError:
        return FetchError(
            f"{host}: its queue is longer than {max_wait_s:.0f} s; a later run will ask",
            url=host,
            outcome="deferred",
        )

    def _host(self, host: str) -> _Host:
        state = self._hosts.get(host)
        if state is None:
            pace = self._paces.setdefault(host, Pace())
            state = self._hosts[host] = _Host(self._per_host, pace)
        return state


def pacing_key(place: CheckedUrl) -> str:
    """Return what is paced as one host: the name, with the port unless it is 80 or 443."""
    return place.host if place.port in (80, 443) else f"{place.host}:{place.port}"
