"""Waiting lines in, digests and summaries out. Pure: what is due is decided from given times.

A line waits in the outbox (kind `item`) because its article is old or from a backfill (those go
into one summary), or because it is a passing mention, of low severity, or over the hourly cap
(those go into the digest of their channel). Nothing that waits is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.intents import AlertIntent
from alerts.message import MAX_DIGEST_LINES
from alerts.policy import AlertSettings
from alerts.quiet import last_digest_time, quiet_until
from alerts.view import DigestLine, DigestView, to_payload

RUN_DIGEST_GAP = timedelta(minutes=30)
"""Least time between two digests of a channel when they go out with the runs: desks batch what is
not urgent for 15 to 30 minutes."""

SUMMARY_GAP = timedelta(hours=20)
"""Least time between two summaries of old articles: one a day, also when runs drift."""

CAUGHT_UP_GAP = timedelta(minutes=30)
"""The same when it holds articles that are young enough for an alert: those that a feed had dropped
while we were away, or listed at its first poll, are told with the run that found them."""

MAX_KEPT_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingItem:
    """A line that waits. `old`: from a backfill, or older than alerts may be."""

    alert_key: str
    channel: str
    created_at: datetime
    old: bool
    line: DigestLine


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPlan:
    """A digest to enqueue, and the lines that it takes along."""

    intent: AlertIntent
    item_keys: tuple[str, ...]


def is_old(reason: str) -> bool:
    """Tell from its reason if a line belongs to the summary of old articles."""
    return reason == "backfill" or reason.startswith("older than")


def plan_digests(
    items: Sequence[WaitingItem],
    last_sent: Mapping[tuple[str, str], datetime],
    settings: AlertSettings,
    now: datetime,
    *,
    force: bool = False,
) -> list[DigestPlan]:
    """Return the digests that are due.

    Args:
        items: all lines that wait.
        last_sent: (kind, channel) → when the last digest or summary was made.
        settings: digest time and quiet hours.
        now: the time.
        force: make them now, whatever the times say (`presswatch alerts digest --now`).
    """
    plans = []
    old = [item for item in items if item.old]
    # One summary, wherever its topics' channels are: it is about the archive, not about news.
    place = settings.ops_channel or settings.channel
    gap = CAUGHT_UP_GAP if any(_is_young(item, settings, now) for item in old) else SUMMARY_GAP
    if old and _may(last_sent.get(("summary", place)), gap, now, force):
        plans.append(_summary(old, place, settings, now))
    fresh = [item for item in items if not item.old]
    for channel in sorted({item.channel for item in fresh}):
        lines = [item for item in fresh if item.channel == channel]
        if force or _digest_due(lines, last_sent.get(("digest", channel)), channel, settings, now):
            plans.append(_digest(lines, channel, settings, now))
    return plans


def _may(last: datetime | None, gap: timedelta, now: datetime, force: bool) -> bool:
    return force or last is None or now - last >= gap


def _is_young(item: WaitingItem, settings: AlertSettings, now: datetime) -> bool:
    published = item.line.article.published_at
    return published is not None and now - published <= timedelta(hours=settings.max_age_h)


def _digest_due(
    lines: Sequence[WaitingItem],
    last: datetime | None,
    channel: str,
    settings: AlertSettings,
    now: datetime,
) -> bool:
    daily = last_digest_time(settings.digest, now)
    if daily is not None:
        return any(item.created_at <= daily for item in lines)
    if quiet_until(settings.quiet_hours, channel, now) is not None:
        return False
    return last is None or now - last >= RUN_DIGEST_GAP


def _digest(
    items: Sequence[WaitingItem], channel: str, settings: AlertSettings, now: datetime
) -> DigestPlan:
    reasons = Counter(item.line.reason for item in items)
    stories = "1 story" if len(items) == 1 else f"{len(items)} stories"
    return _plan(
        "digest",
        channel,
        items,
        heading=f"Digest: {stories} not alerted one by one",
        intro=" · ".join(f"{number} × {reason}" for reason, number in reasons.most_common()),
        shown=_ranked(items)[:MAX_KEPT_LINES],
        now=now,
    )


def _summary(
    items: Sequence[WaitingItem], channel: str, settings: AlertSettings, now: datetime
) -> DigestPlan:
    stories = "1 story matches" if len(items) == 1 else f"{len(items)} stories match"
    return _plan(
        "summary",
        channel,
        items,
        heading=f"{stories} a topic: stored, not alerted one by one",
        intro="From a feed's first poll, found again after a gap, or older than "
        f"{settings.max_age_h:g} h. The newest:",
        shown=_newest(items)[:MAX_DIGEST_LINES],
        now=now,
    )


def _plan(
    kind: str,
    channel: str,
    items: Sequence[WaitingItem],
    *,
    heading: str,
    intro: str,
    shown: Sequence[WaitingItem],
    now: datetime,
) -> DigestPlan:
    key = f"{kind}/{channel}/{now:%Y%m%dT%H%M%S%f}"
    counts = Counter(item.line.topic for item in items)
    summary = kind == "summary"
    view = DigestView(
        alert_key=key,
        heading=heading,
        intro=intro,
        lines=tuple(_shown(item.line, summary=summary) for item in shown),
        total=len(items),
        counts=tuple(counts.most_common(12)),
    )
    return DigestPlan(
        intent=AlertIntent(
            alert_key=key,
            kind="summary" if summary else "digest",
            story_id=None,
            article_id=None,
            topic=None,
            channel=channel,
            payload=to_payload(view),
        ),
        item_keys=tuple(item.alert_key for item in items),
    )


def _shown(line: DigestLine, *, summary: bool) -> DigestLine:
    """Return the line without what the heading says already, and without its sentence."""
    return DigestLine(
        topic=line.topic,
        topic_title=line.topic_title,
        article=line.article,
        reason="" if summary else line.reason,
        level=line.level,
    )


def _ranked(items: Sequence[WaitingItem]) -> list[WaitingItem]:
    """Main subjects before mentions, then the oldest first: the order in which it happened."""
    return sorted(items, key=lambda item: (item.line.level == "mention", item.created_at))


def _newest(items: Sequence[WaitingItem]) -> list[WaitingItem]:
    return sorted(
        items, key=lambda item: item.line.article.published_at or item.created_at, reverse=True
    )
