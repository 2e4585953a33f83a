"""Sends what the outbox holds: claimed rows in, outcomes out, never faster than Slack allows.

The loop claims a few rows (committed), talks to Slack without holding the database, and records.
A row whose answer never came is `unknown`: it is looked up, and posted again only when a complete
look-up, made late enough, did not find it. Waiting is short and bounded; what is not due before
the deadline is left to the next run. Time comes from a `Clock`, so that tests need not wait.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from alerts.intents import OutboxItem
from alerts.message import MessageOptions, SlackMessage, message_for
from alerts.outcomes import Claimed, LookUp, Outcome, Verdict, advice
from alerts.plain import edit_text, render_text

log = logging.getLogger(__name__)

FIRST_BACKOFF_S = 5.0
MAX_BACKOFF_S = 900.0
CLOCK_BACK = timedelta(seconds=1)  # a clock that goes back further was set


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Times of sending, in seconds.

    interval_s: between two messages to one channel. Slack allows one a second; the tenth on top
        keeps a jittering network from pushing two into one second.
    settle_s: how long after a lost answer a look-up is believed. Longer than Slack takes to store
        what it has received, by all we know.
    window_s: how far before the try a look-up begins; covers clocks that differ.
    recheck_s: how soon a row that cannot be looked up is tried to be looked up again.
    first_backoff_s: the wait after a first failed try; it doubles up to 15 minutes.
    per_channel: rows claimed for one channel at once. A kill leaves at most that many to look up.
    """

    interval_s: float = 1.1
    settle_s: float = 15.0
    window_s: float = 15.0
    per_channel: int = 4
    recheck_s: float = 3600.0
    first_backoff_s: float = FIRST_BACKOFF_S


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the time, aware."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The computer's clock."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(0.0, seconds))


class Poster(Protocol):
    """What `alerts/slack.py` offers, see there."""

    can_thread: bool
    can_edit: bool

    @property
    def can_look_up(self) -> bool:
        """Say whether `find` may work."""

    def bucket(self, channel: str) -> str:
        """Return what shares one rate limit."""

    def post(
        self, channel: str, message: SlackMessage, *, message_id: str, thread_ts: str | None = None
    ) -> Verdict:
        """Post a message."""

    def edit(self, channel: str, ts: str, message: SlackMessage) -> Verdict:
        """Replace a message."""

    def find(
        self,
        channel: str,
        wanted: Collection[str],
        *,
        oldest: datetime,
        thread_ts: str | None = None,
    ) -> LookUp:
        """Look messages up."""


class Outbox(Protocol):
    """The outbox as the loop sees it; each call is one short transaction (storage/outbox.py)."""

    def recover(self, now: datetime, settle_s: float) -> Mapping[str, datetime]:
        """Turn rows left in `sending` into `unknown`; return the last sending per channel."""

    def step(
        self,
        outcomes: Sequence[Outcome],
        now: datetime,
        *,
        closed: Collection[str],
        per_channel: int,
    ) -> Claimed:
        """Record outcomes and claim what is due in channels that are not `closed`."""


@dataclass(slots=True)
class DrainReport:
    """What a drain did. `problems`: one line per channel or account that is stopped."""

    sent: int = 0
    printed: int = 0
    looked_up: int = 0
    unknown: int = 0
    failed: int = 0
    withdrawn: int = 0
    left: int = 0
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether nothing needs a person."""
        return not self.problems and not self.failed


def drain(
    outbox: Outbox,
    poster: Poster | None,
    clock: Clock,
    *,
    options: MessageOptions | None = None,
    pace: Pace | None = None,
    deadline_s: float = 60.0,
    show: Callable[[str], None] | None = None,
    progress: Callable[[DrainReport], None] | None = None,
) -> DrainReport:
    """Send what is due, waiting for due times up to `deadline_s` seconds.

    Args:
        outbox: where rows come from and outcomes go to.
        poster: Slack; None prints every message through `show` instead.
        clock: time.
        options: how messages look.
        pace: times of sending.
        deadline_s: nothing new is begun later than this.
        show: takes each message as text (only without a poster).
        progress: called after each round with the report so far.
    """
    run = _Run(poster, clock, options or MessageOptions(), pace or Pace(), show)
    start = run.now()
    run.end = start + timedelta(seconds=deadline_s)
    run.remember(outbox.recover(start, run.pace.settle_s))
    outcomes: list[Outcome] = []
    while True:
        now = run.now()
        over = now > run.end
        outcomes = [_not_ahead(outcome, now) for outcome in outcomes]
        claimed = outbox.step(
            outcomes,
            now,
            closed=run.closed(now),
            per_channel=0 if over or run.account_problem else run.batch_size(),
        )
        run.count(outcomes)
        if progress is not None and outcomes:
            progress(run.report)
        outcomes = []
        if claimed.items or claimed.lookups:
            outcomes = [*run.look_up(claimed.lookups), *run.deliver(claimed.items)]
            continue
        wait_until = run.next_time(claimed.next_due)
        run.report.left = claimed.waiting
        if over or run.account_problem or wait_until is None or wait_until > run.end:
            return run.report
        clock.sleep(max(0.01, (wait_until - now).total_seconds()))


class _Run:
    """State of one drain: the pace of each channel, what is stopped, what was done."""

    def __init__(
        self,
        poster: Poster | None,
        clock: Clock,
        options: MessageOptions,
        pace: Pace,
        show: Callable[[str], None] | None,
    ) -> None:
        self.poster = poster
        self.clock = clock
        self.options = options
        self.pace = pace
        self.report = DrainReport()
        self.account_problem = ""
        self._latest = clock.now()
        self.end = self._latest
        self._show = show or (lambda text: None)
        self._free_at: dict[str, datetime] = {}
        self._stopped: dict[str, str] = {}
        self._channels: dict[str, set[str]] = defaultdict(set)

    # ------------------------------------------------------------------ pace
    def now(self) -> datetime:
        """Return the time. After a clock that was set back, nothing waits for the time before."""
        now = self.clock.now()
        if now < self._latest - CLOCK_BACK:
            self.end -= self._latest - now
            self._free_at.clear()
        self._latest = now
        return now

    def remember(self, last_sent: Mapping[str, datetime]) -> None:
        for channel, moment in last_sent.items():
            self._used(channel, moment)

    def batch_size(self) -> int:
        if self.poster is None:
            return 10_000
        return self.pace.per_channel if self.poster.can_look_up else 1

    def closed(self, now: datetime) -> set[str]:
        busy = {bucket for bucket, free_at in self._free_at.items() if free_at > now}
        return set(self._stopped) | {c for bucket in busy for c in self._channels[bucket]}

    def next_time(self, next_due: Mapping[str, datetime]) -> datetime | None:
        times = [
            max(due, self._free_at.get(self._bucket(channel), due))
            for channel, due in next_due.items()
            if channel not in self._stopped
        ]
        return min(times, default=None)

    def _bucket(self, channel: str) -> str:
        bucket = self.poster.bucket(channel) if self.poster is not None else channel
        self._channels[bucket].add(channel)
        return bucket

    def _used(self, channel: str, moment: datetime) -> None:
        if self.poster is not None:
            free_at = moment + timedelta(seconds=self.pace.interval_s)
            bucket = self._bucket(channel)
            self._free_at[bucket] = max(free_at, self._free_at.get(bucket, free_at))

    # ------------------------------------------------------------------ sending
    def deliver(self, items: Sequence[OutboxItem]) -> list[Outcome]:
        outcomes = []
        for item in _interleaved(items):
            bucket = self._bucket(item.channel)
            now = self.now()
            free_at = self._free_at.get(bucket)
            held = self._stopped.get(item.channel) or self.account_problem
            limited = free_at is not None and free_at > now + timedelta(
                seconds=self.pace.interval_s
            )
            if held or limited or now > self.end:
                outcomes.append(_returned(item, now, held, free_at if limited else None))
                continue
            if free_at is not None and free_at > now:
                self.clock.sleep((free_at - now).total_seconds())
            outcomes.append(self._one(item))
        return outcomes

    def _one(self, item: OutboxItem) -> Outcome:
        if self.poster is None:
            return self._print(item)
        now = self.now()
        child = item.kind in ("reply", "edit")
        if child and not (self.poster.can_thread and item.parent_ts):
            if item.kind == "reply" and not self.poster.can_thread and _must_be_told(item):
                child = False
            else:
                why = "no threads or edits here: the parent is not a message of the Slack app"
                return _outcome(item, "withdrawn", now, attempted=False, error=why)
        verdict = self._send(item, child)
        if verdict.meaning == "message" and item.kind != "edit":
            verdict = self._plainly(item, child, verdict)
        return self._judge(item, verdict)

    def _send(self, item: OutboxItem, child: bool) -> Verdict:
        assert self.poster is not None
        message = message_for(item.kind, item.payload, self.options, message_id=item.message_id)
        place = item.slack_channel or item.channel
        try:
            if item.kind == "edit":
                return self.poster.edit(place, item.parent_ts or "", message)
            thread = item.parent_ts if child else None
            return self.poster.post(
                place if child else item.channel,
                message,
                message_id=item.message_id,
                thread_ts=thread,
            )
        finally:
            self._used(item.channel, self.now())

    def _plainly(self, item: OutboxItem, child: bool, refused: Verdict) -> Verdict:
        """Send the bare text of a message whose blocks Slack refused; an alert must not be lost."""
        assert self.poster is not None
        full = message_for(item.kind, item.payload, self.options, message_id=item.message_id)
        self.clock.sleep(self.pace.interval_s)
        try:
            verdict = self.poster.post(
                item.channel,
                replace(full, blocks=[]),
                message_id=item.message_id,
                thread_ts=item.parent_ts if child else None,
            )
        finally:
            self._used(item.channel, self.now())
        return refused if verdict.meaning == "message" else verdict

    def _judge(self, item: OutboxItem, verdict: Verdict) -> Outcome:
        now = self.now()
        line = advice(verdict, item.channel)
        match verdict.meaning:
            case "ok":
                return _outcome(
                    item, "sent", now, slack_channel=verdict.channel, slack_ts=verdict.ts
                )
            case "rate_limited":
                wait = verdict.retry_after_s or self.pace.interval_s
                until = now + timedelta(seconds=wait)
                bucket = self._bucket(item.channel)
                self._free_at[bucket] = max(until, self._free_at.get(bucket, until))
                return _outcome(item, "pending", now, attempted=False, error=line, not_before=until)
            case "not_sent":
                until = now + timedelta(seconds=self._backoff(item.attempts + 1, item))
                # The others of this channel would meet the same: give the network a moment.
                self._free_at[self._bucket(item.channel)] = until
                return _outcome(item, "pending", now, error=line, not_before=until)
            case "unclear" if item.kind == "edit":
                until = now + timedelta(seconds=self._backoff(item.attempts + 1, item))
                return _outcome(item, "pending", now, error=line, not_before=until)
            case "unclear":
                until = now + timedelta(seconds=self.pace.settle_s)
                return _outcome(item, "unknown", now, error=line, not_before=until)
            case "account":
                self.account_problem = line
                self.report.problems["account"] = line
                return _outcome(item, "failed", now, error=line, error_kind="channel")
            case "channel":
                self._stopped[item.channel] = line
                self.report.problems[item.channel] = line
                return _outcome(item, "failed", now, error=line, error_kind="channel")
            case "gone":
                why = f"the message it belongs to is not there any more ({verdict.error})"
                return _outcome(item, "withdrawn", now, error=why)
            case _:
                return _outcome(item, "failed", now, error=line, error_kind="message")

    def _print(self, item: OutboxItem) -> Outcome:
        if item.kind == "edit":
            self._show(edit_text(item.payload, self.options))
        else:
            self._show(render_text(item.kind, item.payload, self.options))
        return _outcome(item, "printed", self.now())

    # ------------------------------------------------------------------ looking up
    def look_up(self, items: Sequence[OutboxItem]) -> list[Outcome]:
        """Find out what became of rows whose answer never came: one search for each channel."""
        groups: dict[tuple[str, str | None], list[OutboxItem]] = defaultdict(list)
        for item in items:
            thread = item.parent_ts if item.kind == "reply" else None
            groups[(item.channel, thread)].append(item)
        outcomes = []
        for (channel, thread), group in groups.items():
            outcomes += self._look_up_one(channel, thread, group)
        return outcomes

    def _look_up_one(
        self, channel: str, thread: str | None, group: Sequence[OutboxItem]
    ) -> list[Outcome]:
        now = self.now()
        if self.poster is None:
            until = now + timedelta(seconds=self.pace.recheck_s)
            why = "no clear answer from Slack, and no token to look it up: set SLACK_BOT_TOKEN"
            return [_still_unknown(item, now, until, why) for item in group]
        oldest = min(item.sending_at or item.created_at for item in group) - timedelta(
            seconds=self.pace.window_s
        )
        place = next((item.slack_channel for item in group if item.slack_channel), channel)
        result = self.poster.find(
            place, {item.message_id for item in group}, oldest=oldest, thread_ts=thread
        )
        now = self.now()
        self.report.looked_up += 1
        outcomes = []
        for item in group:
            ts = result.found.get(item.message_id) or result.found.get(item.alert_key)
            if ts is not None:
                outcomes.append(
                    _outcome(
                        item,
                        "sent",
                        now,
                        attempted=False,
                        slack_channel=result.channel,
                        slack_ts=ts,
                    )
                )
            elif result.complete:
                until = now + timedelta(seconds=self._backoff(item.attempts, item))
                why = "looked up: Slack does not have it, so it is sent again"
                outcomes.append(
                    _outcome(item, "pending", now, attempted=False, error=why, not_before=until)
                )
            else:
                wait = result.retry_after_s or (
                    self._backoff(item.attempts, item) if result.possible else self.pace.recheck_s
                )
                why = f"no clear answer from Slack, and it cannot be looked up ({result.error})"
                if not result.possible:
                    why += ": give the app the scope channels:history, or look for yourself"
                until = now + timedelta(seconds=wait)
                outcomes.append(_still_unknown(item, now, until, why))
        return outcomes

    def _backoff(self, attempts: int, item: OutboxItem) -> float:
        return backoff_s(attempts, item.alert_key, first_s=self.pace.first_backoff_s)

    # ------------------------------------------------------------------ counting
    def count(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            log.info(
                "alert state=%s key=%s ts=%s error=%s",
                outcome.state,
                outcome.alert_key,
                outcome.slack_ts or "-",
                outcome.error or "-",
                extra={
                    "event": "alert",
                    "fields": {
                        "key": outcome.alert_key,
                        "state": outcome.state,
                        "ts": outcome.slack_ts,
                        "error": outcome.error,
                    },
                },
            )
            match outcome.state:
                case "sent":
                    self.report.sent += 1
                case "printed":
                    self.report.printed += 1
                case "unknown":
                    self.report.unknown += 1
                case "failed":
                    self.report.failed += 1
                case "withdrawn":
                    self.report.withdrawn += 1
                case _:
                    continue


def backoff_s(attempts: int, key: str, *, first_s: float = FIRST_BACKOFF_S) -> float:
    """Return the wait after a number of failed tries: doubling, spread by the row's key."""
    base = min(MAX_BACKOFF_S, first_s * 2.0 ** max(0, min(attempts - 1, 10)))
    spread = (sum(key.encode("utf-8", "replace")) % 100) / 400  # up to a quarter more
    return float(base * (1 + spread))


def _must_be_told(item: OutboxItem) -> bool:
    """Tell if a reply is worth a message of its own where there are no threads."""
    return item.payload.get("change") in ("correction", "retraction") or bool(
        item.payload.get("broadcast")
    )


def _interleaved(items: Sequence[OutboxItem]) -> list[OutboxItem]:
    """Return the rows so that channels take turns: less waiting for the pace of each."""
    queues: dict[str, list[OutboxItem]] = defaultdict(list)
    for item in items:
        queues[item.channel].append(item)
    ordered = []
    while queues:
        for channel in list(queues):
            ordered.append(queues[channel].pop(0))
            if not queues[channel]:
                del queues[channel]
    return ordered


def _outcome(
    item: OutboxItem,
    state: str,
    now: datetime,
    *,
    attempted: bool = True,
    slack_channel: str | None = None,
    slack_ts: str | None = None,
    error: str = "",
    error_kind: str = "",
    not_before: datetime | None = None,
) -> Outcome:
    return Outcome(
        alert_key=item.alert_key,
        state=state,  # type: ignore[arg-type]
        at=now,
        attempted=attempted,
        wanted=item.wanted,
        slack_channel=slack_channel,
        slack_ts=slack_ts,
        error=error,
        error_kind=error_kind,
        not_before=not_before,
    )


def _not_ahead(outcome: Outcome, now: datetime) -> Outcome:
    """Return an outcome by the present clock, if that was set back meanwhile."""
    ahead = outcome.at - now
    if ahead <= CLOCK_BACK:
        return outcome
    later = outcome.not_before
    return replace(outcome, at=now, not_before=later - ahead if later is not None else None)


def _returned(item: OutboxItem, now: datetime, held: str, not_before: datetime | None) -> Outcome:
    return _outcome(item, "pending", now, attempted=False, error=held, not_before=not_before)


def _still_unknown(item: OutboxItem, now: datetime, until: datetime, why: str) -> Outcome:
    return _outcome(item, "unknown", now, attempted=False, error=why, not_before=until)
