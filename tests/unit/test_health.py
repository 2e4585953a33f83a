"""Each health state, with its reason in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from extractors.health import STATES, FeedFacts, judge, words

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def facts(**changes: object) -> FeedFacts:
    values: dict[str, object] = {
        "outcome": "ok",
        "first_poll_at": ago(days=90),
        "last_ok": NOW,
        "listed": 20,
        "newest_item_at": ago(hours=1),
        "last_new_at": ago(hours=1),
        "gap_s": 7_200.0,
    }
    return FeedFacts(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "why", "given"),
    [
        ("NEW", "not polled", facts(first_poll_at=None)),
        ("OK", "", facts()),
        (
            "FAILING",
            "last good answer 3 hours ago",
            facts(outcome="timeout", error="no answer", failures=0.25, last_ok=ago(hours=3)),
        ),
        ("FAILING", "never a good answer", facts(outcome="dns", failures=0.25, last_ok=None)),
        (
            "DEAD",
            "no good answer for 20 days",
            facts(outcome="not_found", failures=11.0, last_ok=ago(days=20)),
        ),
        ("FAILING", "", facts(outcome="not_found", failures=11.0, last_ok=ago(days=2))),
        ("DEAD", "410", facts(outcome="gone", failures=1.0)),
        (
            "DECOY",
            "a cookie consent page",
            facts(outcome="decoy", failures=1.0, error="consent: a cookie consent page came"),
        ),
        ("EMPTY", "without items", facts(listed=0, newest_item_at=None, last_new_at=None)),
        ("GAP", "items fell out", facts(gap_at=ago(hours=2), gap_reason="items fell out")),
        ("OK", "", facts(gap_at=ago(hours=25))),
        (
            "SILENT",
            "no new item for 2 days; usually one in 2 hours",
            facts(newest_item_at=ago(days=2)),
        ),
        ("OK", "", facts(newest_item_at=ago(hours=35), pause_s=86_400 * 1.2)),
        ("OK", "", facts(newest_item_at=ago(days=60), gap_s=86_400 * 30.0)),
        ("STALE", "newest item is 81 days old", facts(newest_item_at=ago(days=81))),
        (
            "SILENT",
            "rhythm is not known",
            facts(newest_item_at=None, last_new_at=ago(days=15), gap_s=None),
        ),
    ],
)
def test_each_state_has_its_reason(state: str, why: str, given: FeedFacts) -> None:
    health = judge(given, NOW)

    assert health.state == state
    assert why in health.reason
    assert state in STATES


def test_a_night_is_no_silence_for_a_feed_that_sleeps_at_night() -> None:
    nightly = facts(gap_s=600.0, pause_s=9 * 3_600.0, newest_item_at=ago(hours=10))

    assert judge(nightly, NOW).state == "OK"
    assert judge(replace(nightly, pause_s=3_600.0), NOW).state == "SILENT"


def test_a_feed_that_suddenly_lists_nothing_is_empty_at_once() -> None:
    assert judge(facts(listed=0), NOW).state == "EMPTY"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5 seconds"),
        (60, "1 minute"),
        (7_199, "119 minutes"),
        (7_200, "2 hours"),
        (86_400 * 2, "2 days"),
        (-5, "0 seconds"),
    ],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert words(timedelta(seconds=seconds)) == text
