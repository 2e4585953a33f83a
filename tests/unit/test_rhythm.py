"""When a feed is polled next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from extractors.rhythm import (
    DAY,
    HOUR,
    MAX_BACKOFF_S,
    Rhythm,
    failure_weight,
    is_own_outage,
    median_gap,
    next_interval,
    retry_interval,
    with_jitter,
)


def rhythm(**changes: object) -> Rhythm:
    values: dict[str, object] = {
        "interval_s": HOUR,
        "streak": 5,
        "listed": 20,
        "fresh": 1,
        "gap_s": 2 * HOUR,
        "span_s": 2 * DAY,
        "newest_age_s": HOUR,
    }
    return Rhythm(**{**values, **changes})  # type: ignore[arg-type]


def test_a_feed_full_of_news_is_asked_sooner() -> None:
    assert next_interval(rhythm(fresh=15), floor_s=600) == HOUR / 2


def test_a_feed_without_news_is_asked_later_but_within_its_own_rhythm() -> None:
    quiet = rhythm(interval_s=1_800, fresh=0)

    assert next_interval(quiet, floor_s=600) == 1_800 * 1.25
    assert next_interval(rhythm(fresh=0), floor_s=600) == HOUR


def test_the_first_poll_is_not_judged() -> None:
    assert next_interval(rhythm(fresh=20, streak=1), floor_s=600) == HOUR


def test_a_feed_that_holds_few_hours_is_asked_before_items_fall_out() -> None:
    assert next_interval(rhythm(span_s=3_000), floor_s=600) == 1_000


def test_never_below_the_floor_and_twice_that_without_validators() -> None:
    busy = rhythm(span_s=60)

    assert next_interval(busy, floor_s=600) == 600
    assert next_interval(rhythm(span_s=60, conditional=False), floor_s=600) == 1_200


def test_what_feed_or_server_ask_for_lengthens_the_interval_up_to_a_day() -> None:
    assert next_interval(rhythm(asked_s=5 * HOUR), floor_s=600) == 5 * HOUR
    assert next_interval(rhythm(asked_s=90 * DAY, span_s=90 * DAY), floor_s=600) == DAY


def test_an_old_feed_is_asked_rarely_and_a_young_one_every_hour() -> None:
    old = rhythm(interval_s=DAY, newest_age_s=90 * DAY, gap_s=30 * DAY, span_s=300 * DAY)
    young = rhythm(interval_s=DAY, newest_age_s=HOUR, span_s=30 * DAY)

    assert next_interval(old, floor_s=600) == DAY
    assert next_interval(young, floor_s=600) == HOUR


def test_a_fixed_interval_wins() -> None:
    assert next_interval(rhythm(fresh=20), floor_s=600, every_s=7_200) == 7_200


@pytest.mark.parametrize(
    ("outcome", "weight"), [("gone", 1.0), ("not_found", 0.5), ("dns", 0.25), ("unheard-of", 0.5)]
)
def test_failures_weigh_by_what_they_say(outcome: str, weight: float) -> None:
    assert failure_weight(outcome) == weight


def test_back_off_grows_and_ends_at_thirty_days() -> None:
    waits = [
        retry_interval(HOUR, n, outcome="server_error", retry_after_s=None, spread=0.5)
        for n in (0.5, 1, 2, 3, 4, 8, 30, 60, 1_000)
    ]

    assert waits == sorted(waits)
    assert waits[0] == 1.5 * HOUR
    assert waits[-1] == MAX_BACKOFF_S


def test_retry_after_is_a_least_wait_and_refused_feeds_are_spread() -> None:
    early = retry_interval(HOUR, 0.5, outcome="rate_limited", retry_after_s=7_200, spread=0.0)
    late = retry_interval(HOUR, 0.5, outcome="rate_limited", retry_after_s=7_200, spread=1.0)

    assert (early, late) == (7_200, 7_200 + HOUR)


def test_gone_is_asked_once_in_thirty_days() -> None:
    assert retry_interval(600, 1, outcome="gone", retry_after_s=None, spread=0) == MAX_BACKOFF_S


def test_jitter_stays_within_a_tenth() -> None:
    assert with_jitter(1_000, 0.0) == 900
    assert with_jitter(1_000, 1.0) == 1_100


def test_the_rhythm_of_items_is_the_median_of_their_gaps() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    times = [start + timedelta(hours=h) for h in (0, 1, 2, 50)]

    assert median_gap(times) == HOUR
    assert median_gap(times[:2]) is None


def test_our_own_outage_is_told_from_single_failures() -> None:
    assert is_own_outage(["dns"] * 10)
    assert not is_own_outage(["dns"] * 8 + ["ok"] * 2)
    assert not is_own_outage(["dns"] * 4)
    assert not is_own_outage(["server_error"] * 10)
