"""When to poll a feed next: a pure function of what its polls have shown so far.

In: how often the feed has news, what it and its server ask for, how it failed. Out: seconds.
Nothing here knows the clock or draws random numbers: both are passed in.

Source: research/fetching.md A3 rows 8-20 (rss-fetcher's failure weights and linear back-off,
Miniflux's use of ttl and Cache-Control, the feed reader score pages of rachelbythebay).
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0

FIRST_INTERVAL_S = HOUR
MAX_INTERVAL_S = DAY
MAX_BACKOFF_S = 30 * DAY  # "a surprising number come back" (rss-fetcher): never switched off
JITTER = 0.1  # share of the interval by which polls are spread, so that they do not clump
# A feed whose last news is this old is asked at least this often, whatever its own rhythm.
_CEILINGS = ((2 * DAY, HOUR), (14 * DAY, 3 * HOUR), (60 * DAY, 12 * HOUR))
_NO_VALIDATOR_FACTOR = 2.0  # a feed that cannot say 304 costs its server the whole body each time
# Two on-time successes before the rhythm is judged (rss-fetcher): the first poll sees old items.
JUDGE_AFTER = 2

# Weight of one failure by its outcome. Hard: the server says it will not be; soft: servers that
# live do this; temporary: may be ours.
_WEIGHTS = {
    "gone": 1.0,
    "forbidden_address": 1.0,
    "too_large": 1.0,
    "decoy": 1.0,
    "parse": 1.0,
    "parse_timeout": 1.0,
    "too_many_redirects": 1.0,
    "bad_redirect": 1.0,
    "not_found": 0.5,
    "forbidden": 0.5,
    "challenge": 0.5,
    "rate_limited": 0.5,
    "server_error": 0.5,
    "client_error": 0.5,
    "tls": 0.5,
    "bad_http": 0.5,
    "bad_status": 0.5,
    "bad_encoding": 0.5,
    "unsupported_encoding": 0.5,
    "truncated": 0.5,
    "dns": 0.25,
    "connect": 0.25,
    "timeout": 0.25,
}
# Outcomes that may be our own network's fault when all feeds show them together.
NETWORK_OUTCOMES = frozenset({"dns", "connect", "timeout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """What decides the next poll of a feed that answered well. Durations in seconds.

    `gap_s` is the median time between its items, `span_s` the time that its listed items cover,
    `asked_s` the longest wait that feed or server asks for (ttl, Cache-Control, Expires,
    sy:updatePeriod), `newest_age_s` the age of its newest item. `listed` and `fresh` count the
    items of this poll and those of them that were new.
    """

    interval_s: float
    streak: int
    listed: int
    fresh: int
    gap_s: float | None = None
    span_s: float | None = None
    asked_s: float | None = None
    newest_age_s: float | None = None
    conditional: bool = True


def next_interval(rhythm: Rhythm, *, floor_s: float, every_s: float | None = None) -> float:
    """Return the interval until the next poll after a success, without jitter.

    News within it should be few (half of its own rhythm), and never so many that the feed drops
    items unseen (a third of the time that it covers). It moves by steps, faster down than up.

    Args:
        rhythm: what is known of the feed.
        floor_s: least interval, from the settings.
        every_s: fixed interval from feeds.toml; it wins over everything but the floor.
    """
    if every_s is not None:
        return max(every_s, min(floor_s, every_s) if every_s < MINUTE else MINUTE)
    floor = floor_s if rhythm.conditional else floor_s * _NO_VALIDATOR_FACTOR
    interval = rhythm.interval_s
    if rhythm.streak >= JUDGE_AFTER and rhythm.listed:
        share = rhythm.fresh / rhythm.listed
        if share >= 2 / 3:
            interval *= 0.5
        elif share >= 1 / 3:
            interval *= 0.75
        elif rhythm.fresh == 0:
            interval *= 1.25
    ceiling = MAX_INTERVAL_S
    if rhythm.newest_age_s is not None:
        for age, limit in _CEILINGS:
            if rhythm.newest_age_s <= age:
                ceiling = limit
                break
    if rhythm.gap_s is not None and rhythm.newest_age_s is not None:
        ceiling = min(ceiling, max(rhythm.gap_s / 2, rhythm.newest_age_s / 4, floor))
    interval = min(interval, ceiling)
    if rhythm.asked_s is not None:
        interval = max(interval, min(rhythm.asked_s, MAX_INTERVAL_S))
    if rhythm.span_s is not None and rhythm.span_s > 0:
        interval = min(interval, rhythm.span_s / 3)
    return min(max(interval, floor), MAX_INTERVAL_S)


def failure_weight(outcome: str) -> float:
    """Return how much one failure counts: hard 1, soft 0.5, temporary 0.25."""
    return _WEIGHTS.get(outcome, 0.5)


def retry_interval(
    interval_s: float, failures: float, *, outcome: str, retry_after_s: float | None, spread: float
) -> float:
    """Return the seconds until a failing feed is asked again.

    Args:
        interval_s: the feed's ordinary interval.
        failures: weighted failures in a row, this one included.
        outcome: how this poll failed; `deferred` was no poll at all.
        retry_after_s: what the server asked for, already capped at a day.
        spread: random number between 0 and 1; spreads feeds that were refused together.
    """
    if outcome == "deferred":
        return 0.0
    if outcome == "gone":
        return MAX_BACKOFF_S
    if failures <= 3:
        wait = max(interval_s, 10 * MINUTE) * (1 + failures)
    else:
        wait = max((failures - 2) * 12 * HOUR, interval_s)
    if retry_after_s is not None:
        wait = max(wait, retry_after_s)
        if outcome == "rate_limited":
            wait += spread * min(retry_after_s, HOUR)
    return min(wait, MAX_BACKOFF_S)


def with_jitter(interval_s: float, spread: float) -> float:
    """Spread an interval by up to 10 % either way; `spread` is random between 0 and 1."""
    return interval_s * (1 + JITTER * (2 * spread - 1))


def median_gap(moments: Iterable[datetime]) -> float | None:
    """Return the median time between items in seconds; None below three dated items."""
    ordered = sorted(moments)
    if len(ordered) < 3:
        return None
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(ordered)]
    return max(statistics.median(gaps), 1.0)


def longest_pause(moments: Iterable[datetime], old_s: float | None, since_s: float) -> float | None:
    """Return the longest time between items in seconds, an older one fading by half in 14 days.

    Args:
        moments: dates of items, the newest seen before included.
        old_s: the longest pause so far.
        since_s: seconds since it was last judged.
    """
    ordered = sorted(moments)
    pauses = [(b - a).total_seconds() for a, b in itertools.pairwise(ordered)]
    if old_s is not None:
        pauses.append(old_s * 0.5 ** (since_s / (14 * DAY)))
    return max(pauses, default=None)


def blend_gap(old_s: float | None, new_s: float | None) -> float | None:
    """Carry a feed's rhythm forward: a quarter of the new estimate, as one poll sees few items."""
    if old_s is None or new_s is None:
        return new_s if old_s is None else old_s
    return 0.75 * old_s + 0.25 * new_s


def is_own_outage(outcomes: Iterable[str]) -> bool:
    """Tell whether the polls of one run failed together, as when our own network is down."""
    rows = [o for o in outcomes if o != "deferred"]
    if len(rows) < 5:
        return False
    return sum(o in NETWORK_OUTCOMES for o in rows) >= 0.9 * len(rows)
