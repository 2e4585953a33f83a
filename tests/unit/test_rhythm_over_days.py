"""A feed polled for days on a simulated clock: nothing falls out, and nobody is hammered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from extractors.feed_list import FeedConfig
from extractors.feed_state import FeedState, PollResult, apply_poll
from extractors.feeds import ParsedFeed
from extractors.models import FeedEntry

START = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday
URL = "https://f.example/rss"


def entry(number: int, at: datetime) -> FeedEntry:
    return FeedEntry(
        feed="f",
        feed_url=URL,
        guid=str(number),
        url=f"{URL}/{number}",
        raw_url=None,
        title=f"T{number}",
        published_at=at,
        fingerprint="1",
    )


def simulate(
    times: list[datetime], window: int, days: int
) -> tuple[int, int, list[str], list[bool]]:
    """Return (polls, items missed, states seen after the first day, gaps) of a feed."""
    everything = [entry(n, at) for n, at in enumerate(times)]
    state = FeedState(config=FeedConfig(url=URL, name="f", outlet="F"), url=URL, etag='"1"')
    items: tuple = ()
    now, polls, seen = START + timedelta(days=1), 0, set()
    states, gaps = [], []
    first = None
    while now < START + timedelta(days=days):
        listed = [e for e in everything if e.published_at <= now][-window:]
        dates = [e.published_at for e in listed]
        parsed = ParsedFeed(
            entries=tuple(listed),
            kind="rss20",
            newest_at=max(dates, default=None),
            oldest_at=min(dates, default=None),
        )
        result = PollResult(
            feed="f", polled_at=now, outcome="ok", parsed=parsed, etag='"1"', listed=len(listed)
        )
        applied = apply_poll(state, result, items, floor_s=600, spread=0.5)
        state, items = applied.state, applied.items or items
        polls += 1
        first = first or now
        seen |= {e.guid for e in listed}
        if now > START + timedelta(days=2):
            states.append(state.state)
            gaps.append(applied.gap)
        assert state.next_poll_at is not None
        now = state.next_poll_at
    due = {e.guid for e in everything if first <= e.published_at <= now - timedelta(days=1)}
    return polls, len(due - seen), states, gaps


def every(minutes: float, days: int) -> list[datetime]:
    step = timedelta(minutes=minutes)
    return [START + n * step for n in range(int(days * 1_440 / minutes))]


@pytest.mark.parametrize(
    ("minutes", "window", "most_polls_a_day"),
    [(1, 30, 144), (3, 20, 144), (10, 20, 144), (60, 10, 50), (360, 10, 30), (1_440, 10, 25)],
)
def test_a_steady_feed_loses_nothing_and_is_asked_in_measure(
    minutes: float, window: int, most_polls_a_day: int
) -> None:
    polls, missed, states, gaps = simulate(every(minutes, 10), window, 10)

    assert missed == 0
    assert polls / 9 <= most_polls_a_day
    assert set(states) == {"OK"} and not any(gaps)


def test_an_office_hours_feed_is_not_called_silent_at_night_or_on_its_second_weekend() -> None:
    times = [t for t in every(30, 21) if 8 <= t.hour < 19 and t.weekday() < 5]

    _, missed, states, _ = simulate(times, 30, 21)

    assert missed == 0
    assert states.count("SILENT") < 0.25 * len(states)
    assert states[-1] in ("OK", "SILENT")


def test_a_feed_that_stops_is_silent_and_then_stale() -> None:
    _, _, states, _ = simulate(every(60, 5), 20, 60)

    in_order = list(dict.fromkeys(states))
    assert in_order == ["OK", "SILENT", "STALE"]


def test_a_feed_that_bursts_beyond_its_window_shows_a_gap() -> None:
    times = every(120, 5) + [START + timedelta(days=5, seconds=n) for n in range(200)]

    _, missed, _, gaps = simulate(times, 20, 7)

    assert missed > 0 and any(gaps)
