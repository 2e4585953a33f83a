"""The health of a feed as a state with a reason in words. Pure: `now` is passed in.

NEW      never polled
OK       answers, and news comes at its own rhythm
FAILING  the last polls failed
DEAD     failing for long, or the server says it is gone; still asked once in 30 days
DECOY    answers 200 with something that is no feed: a web page, a challenge, a consent page
EMPTY    a good feed without a single item
GAP      items fell out of the feed before we saw them: its oldest is newer than our newest
SILENT   no new item for three times its own rhythm, nor for its longest pause
STALE    its newest item is older than 30 days although polls succeed
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

STATES = ("NEW", "OK", "FAILING", "DEAD", "DECOY", "EMPTY", "GAP", "SILENT", "STALE")
DEAD_FAILURES = 10.0
DEAD_AFTER = timedelta(days=14)
SILENT_FACTOR = 3.0
# Nights and weekends are no silence: the longest pause seen of this feed, and a quarter more.
PAUSE_FACTOR = 1.25
SILENT_LEAST = timedelta(hours=3)
SILENT_UNKNOWN_RHYTHM = timedelta(days=14)
STALE_AFTER = timedelta(days=30)
GAP_SHOWN_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFacts:
    """What the state is judged by. `outcome` is the last poll's; `failures` are weighted.

    `gap_s` is the median time between items, `pause_s` the longest of late, in seconds.
    """

    outcome: str
    error: str | None = None
    failures: float = 0.0
    first_poll_at: datetime | None = None
    last_ok: datetime | None = None
    newest_item_at: datetime | None = None
    last_new_at: datetime | None = None
    gap_s: float | None = None
    pause_s: float | None = None
    listed: int = 0
    gap_at: datetime | None = None
    gap_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A state and the reason for it in words."""

    state: str
    reason: str


def judge(facts: FeedFacts, now: datetime) -> Health:
    """Return the state of a feed and why."""
    if facts.first_poll_at is None:
        return Health(state="NEW", reason="not polled yet")
    error = facts.error or facts.outcome
    if facts.outcome == "gone":
        return Health(state="DEAD", reason="the server says it is gone for good (HTTP 410)")
    if facts.failures > 0:
        since = facts.last_ok or facts.first_poll_at
        if facts.failures >= DEAD_FAILURES and now - since >= DEAD_AFTER:
            return Health(
                state="DEAD", reason=f"no good answer for {words(now - since)}; last: {error}"
            )
        if facts.outcome == "decoy":
            return Health(state="DECOY", reason=error)
        good = (
            f"last good answer {words(now - facts.last_ok)} ago"
            if facts.last_ok
            else "never a good answer"
        )
        return Health(state="FAILING", reason=f"{error}; {good}")
    if facts.listed == 0:
        had = facts.newest_item_at is not None or facts.last_new_at is not None
        return Health(
            state="EMPTY",
            reason="a readable feed without items" + ("; it had some before" if had else ""),
        )
    if facts.gap_at is not None and now - facts.gap_at < GAP_SHOWN_FOR:
        return Health(state="GAP", reason=facts.gap_reason or "items fell out unseen")
    newest = facts.newest_item_at or facts.last_new_at
    if newest is not None:
        age = now - newest
        limit = SILENT_UNKNOWN_RHYTHM
        if facts.gap_s is not None:
            usual = max(SILENT_FACTOR * facts.gap_s, PAUSE_FACTOR * (facts.pause_s or 0.0))
            limit = max(timedelta(seconds=usual), SILENT_LEAST)
        if age > limit:
            if age > STALE_AFTER:
                return Health(
                    state="STALE", reason=f"polls succeed, but its newest item is {words(age)} old"
                )
            rhythm = (
                f"usually one in {words(timedelta(seconds=facts.gap_s))}"
                if facts.gap_s
                else "its rhythm is not known"
            )
            return Health(state="SILENT", reason=f"no new item for {words(age)}; {rhythm}")
    return Health(state="OK", reason="")


def words(span: timedelta) -> str:
    """Return a duration for people: `40 minutes`, `5 hours`, `12 days`."""
    seconds = max(span.total_seconds(), 0.0)
    for size, name in ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute")):
        if seconds >= 2 * size or (size == 60.0 and seconds >= 60):
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{int(seconds)} seconds"
