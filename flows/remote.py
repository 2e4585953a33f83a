"""The loader's side of scale-out: batches out, results in, one writer (docs/adr/0090).

In: the owed entries that a cycle has planned.  Out: stored batches, through the same
`Cycle.save` as on one machine.  Who runs the workers is a `Dispatcher`'s business; this module
knows nothing of Prefect.

All entries of a host stay in one batch, so that two workers never ask one host at once: pacing and
robots.txt hold as on one machine.  A batch whose worker fell silent is given out again; what the
lost one may still hand in is not owed any more and is dropped (`storage/owed.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from extractors.feed_state import OwedEntry
from extractors.urls import canonicalise, host_of
from flows.exchange import Exchange, WorkBatch, WorkResult

if TYPE_CHECKING:
    from flows.cycle import Cycle

PAGE_BATCH = 200  # as on one machine; a host with more entries makes a larger batch
MAX_ATTEMPTS = 3  # a batch that took three workers with it waits for the next run
State = Literal["waiting", "taken", "over"]
SILENT_S = 30.0  # six missed beats: a worker that is only slow beats from a thread of its own
START_S = 120.0  # from "taken" to the first beat: an interpreter starts and imports, 5 to 20 s here
ARRIVE_S = 5.0  # a result may be a little later than the news that its run is over
LOOK_S = 0.5  # a listing of one small folder


class Dispatcher(Protocol):
    """Hands batches to workers."""

    def dispatch(self, batch_id: str, attempt: int) -> None:
        """Have a worker work on a batch."""

    def states(self) -> Mapping[tuple[str, int], State]:
        """Return what is known of the attempts that are not dropped; asked every half second."""

    def drop(self, batch_id: str, attempt: int, reason: str) -> None:
        """Record that nobody waits for this attempt any more."""


@dataclass(slots=True)
class _Open:
    """A batch that is out."""

    number: int
    attempt: int = 1
    pulse: str | None = None
    pulse_at: float = 0.0
    taken_at: float | None = None
    over_at: float | None = None


def split_by_host(entries: Sequence[OwedEntry], size: int = PAGE_BATCH) -> list[list[OwedEntry]]:
    """Cut entries into batches of about `size` that share no host; their order is kept.

    The largest hosts are dealt first, each to the smallest batch.
    """
    groups: dict[str, list[int]] = {}
    for n, owed in enumerate(entries):
        groups.setdefault(_host(owed), []).append(n)
    bins: list[list[int]] = [[] for _ in range(min(-(-len(entries) // size), len(groups)))]
    for group in sorted(groups.values(), key=len, reverse=True):
        min(bins, key=len).extend(group)
    return [[entries[n] for n in sorted(numbers)] for numbers in bins]


def _host(owed: OwedEntry) -> str:
    url = owed.entry.url
    return (host_of(url) if url else None) or ""


class Remote:
    """Gives a cycle's batches to workers and stores what comes back."""

    def __init__(
        self,
        exchange: Exchange,
        dispatcher: Dispatcher,
        *,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = exchange
        self._dispatcher = dispatcher
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep

    def load_late(self, cycle: Cycle, save: Callable[[Cycle, int], object]) -> int:
        """Store results of earlier runs that nobody waited for; return their number."""
        late = self._exchange.results()
        for batch_id, attempt in late:
            result = self._exchange.read_result(batch_id, attempt)
            if result is not None:
                self._store(cycle, cycle.add_batch(), result, save)
            self._exchange.clear(batch_id)
        return len(late)

    def run(self, cycle: Cycle, save: Callable[[Cycle, int], object]) -> None:
        """Work through the planned batches; what no worker brought stays owed."""
        open_batches: dict[str, _Open] = {}
        for number, entries in enumerate(cycle.split_batches(split_by_host)):
            batch_id = f"{cycle.summary.run_id}-{number:04d}"
            robots, lessons = cycle.known_of_hosts(
                {url for e in entries if e.entry.url and (url := canonicalise(e.entry.url))}
            )
            self._exchange.write_batch(
                WorkBatch(batch_id=batch_id, entries=tuple(entries), robots=robots, lessons=lessons)
            )
            self._dispatcher.dispatch(batch_id, 1)
            open_batches[batch_id] = _Open(number=number)
        heard_at = self._clock()
        while open_batches:
            if self._collect(cycle, open_batches, save) or self._watch(open_batches):
                heard_at = self._clock()
            elif self._clock() - heard_at > self._patience_s or all(
                one.attempt > MAX_ATTEMPTS for one in open_batches.values()
            ):
                break
            if open_batches:
                self._sleep(LOOK_S)
        for batch_id, one in open_batches.items():
            if one.attempt <= MAX_ATTEMPTS:
                self._dispatcher.drop(batch_id, one.attempt, "no worker brought a result in time")
            self._exchange.clear(batch_id)
        if open_batches:
            cycle.note(
                f"{len(open_batches)} batches came back from no worker; their articles stay owed"
            )

    def _collect(
        self,
        cycle: Cycle,
        open_batches: dict[str, _Open],
        save: Callable[[Cycle, int], object],
    ) -> bool:
        """Store what has arrived; tell whether anything has."""
        any_came = False
        for batch_id, attempt in self._exchange.results():
            one = open_batches.get(batch_id)
            if one is None:
                continue  # of an earlier run: the next one's `load_late`
            result = self._exchange.read_result(batch_id, attempt)
            if result is None:
                continue  # put aside; the batch goes out again when its attempt has ended
            self._store(cycle, one.number, result, save)
            del open_batches[batch_id]
            self._exchange.clear(batch_id)
            any_came = True
        return any_came

    def _watch(self, open_batches: dict[str, _Open]) -> bool:
        """Give batches of lost workers out again; tell whether any worker showed life."""
        now = self._clock()
        states = self._dispatcher.states()
        alive = False
        for batch_id, one in open_batches.items():
            pulse = self._exchange.pulse(batch_id, one.attempt)
            if pulse != one.pulse:
                one.pulse, one.pulse_at, alive = pulse, now, True
            state = states.get((batch_id, one.attempt), "waiting")
            if state == "taken" and one.taken_at is None:
                one.taken_at, alive = now, True
            if state == "over" and one.over_at is None:
                one.over_at = now
            lost = _why_lost(one, now)
            if lost is None or one.attempt > MAX_ATTEMPTS:
                continue
            self._dispatcher.drop(batch_id, one.attempt, lost)
            one.attempt += 1
            one.pulse = one.taken_at = one.over_at = None
            if one.attempt <= MAX_ATTEMPTS:
                self._dispatcher.dispatch(batch_id, one.attempt)
                alive = True
        return alive

    @staticmethod
    def _store(
        cycle: Cycle, number: int, result: WorkResult, save: Callable[[Cycle, int], object]
    ) -> None:
        cycle.accept(number, result)
        save(cycle, number)


def _why_lost(one: _Open, now: float) -> str | None:
    """Return why a batch's worker counts as lost, or None."""
    if one.over_at is not None and now - one.over_at > ARRIVE_S:
        return "it ended without a result"
    if one.pulse is not None:
        return "its worker fell silent" if now - one.pulse_at > SILENT_S else None
    if one.taken_at is not None and now - one.taken_at > START_S:
        return "its worker never began"
    return None
