"""The sender when somebody sets the clock while it sends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.intents import OutboxItem
from alerts.outcomes import Claimed, Outcome, Verdict
from alerts.sender import Pace, drain

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    """Goes on while it is slept on, and jumps by `jump` at the call number `at`."""

    def __init__(self, jump: timedelta, at: int) -> None:
        self.moment = NOW
        self.slept = 0.0
        self._jump, self._at, self._calls = jump, at, 0

    def now(self) -> datetime:
        self._calls += 1
        if self._calls == self._at:
            self.moment += self._jump
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.moment += timedelta(seconds=seconds)


class Outbox:
    """Four messages to one channel, two handed out at a time."""

    def __init__(self) -> None:
        self.pending = [f"ops/{n}" for n in range(4)]
        self.done: list[Outcome] = []
        self.late: list[timedelta] = []

    def recover(self, now: datetime, settle_s: float) -> Mapping[str, datetime]:
        return {}

    def step(
        self,
        outcomes: Sequence[Outcome],
        now: datetime,
        *,
        closed: Collection[str],
        per_channel: int,
    ) -> Claimed:
        self.done += [o for o in outcomes if o.state == "sent"]
        self.pending += [o.alert_key for o in outcomes if o.state == "pending"]
        self.late += [o.at - now for o in outcomes]
        self.late += [o.not_before - now for o in outcomes if o.not_before]
        count = 0 if "#c" in closed else min(2, per_channel)
        keys, self.pending = self.pending[:count], self.pending[count:]
        items = tuple(
            OutboxItem(
                alert_key=key, kind="ops", state="sending", channel="#c", created_at=NOW,
                payload={"alert_key": key, "text": "x", "good": False}, sending_at=now, attempts=0,
            )
            for key in keys
        )  # fmt: skip
        due = {"#c": now} if self.pending else {}
        return Claimed(items=items, lookups=(), next_due=due, waiting=len(self.pending))


class Poster:
    can_thread = can_edit = can_look_up = True

    def bucket(self, channel: str) -> str:
        return channel

    def post(self, channel: str, message: Any, **more: Any) -> Verdict:
        return Verdict(meaning="ok", channel="C1", ts="1.0")

    def edit(self, *args: Any) -> Verdict:
        raise AssertionError

    def find(self, *args: Any, **more: Any) -> Any:
        raise AssertionError


@pytest.mark.parametrize("at", range(2, 14))
@pytest.mark.parametrize("jump", [-DAY, -timedelta(hours=1), -timedelta(seconds=30)])
def test_a_clock_that_goes_back_holds_no_message_up(jump: timedelta, at: int) -> None:
    clock, outbox = Clock(jump, at), Outbox()
    drain(outbox, Poster(), clock, pace=Pace(), deadline_s=60)
    assert sorted(o.alert_key for o in outbox.done) == [f"ops/{n}" for n in range(4)]
    assert clock.slept < 30
    assert max(outbox.late) <= timedelta(seconds=60)


@pytest.mark.parametrize("at", range(2, 14))
def test_a_clock_that_goes_forward_leaves_the_rest_to_the_next_run(at: int) -> None:
    clock, outbox = Clock(DAY, at), Outbox()
    drain(outbox, Poster(), clock, pace=Pace(), deadline_s=60)
    assert clock.slept < 30
    assert len(outbox.done) + len(outbox.pending) == 4
    drain(outbox, Poster(), clock, pace=Pace(), deadline_s=60)
    assert len(outbox.done) == 4
