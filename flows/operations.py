"""Telling the operations channel about the pipeline's own troubles: one message a state change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from storage.outbox import ops_event

if TYPE_CHECKING:
    from alerts.policy import AlertSettings
    from storage.database import Transaction
    from storage.feeds import StateChange

GOOD_STATES = frozenset({"OK", "NEW"})
MISSED_AFTER = timedelta(hours=1)  # a pause worth a word; a schedule has several runs an hour


def report_feeds(tx: Transaction, changes: Sequence[StateChange], settings: AlertSettings) -> int:
    """Owe the operations channel a line for each feed whose health changed; return how many.

    A new feed that is well says nothing; nothing is written when no channel is set.
    """
    if not settings.ops_channel:
        return 0
    told = 0
    for change in changes:
        if change.old == "NEW" and change.new in GOOD_STATES:
            continue
        good = change.new in GOOD_STATES
        text = f"Feed {change.feed} ({change.outlet}): {change.new}. {change.reason}"
        told += ops_event(
            tx, f"feed:{change.feed}", text, change.new, channel=settings.ops_channel, good=good
        )
    return told


def report_runs(
    tx: Transaction,
    *,
    last_end: datetime | None,
    repaired: int,
    settings: AlertSettings,
) -> int:
    """Owe the operations channel a line when runs were missed or killed; return how many.

    Args:
        tx: the open write transaction.
        last_end: when the newest earlier run ended; None for the first run.
        repaired: how many earlier runs were found killed half-way.
        settings: names the channel; without one nothing is written.
    """
    if not settings.ops_channel or last_end is None:
        return 0
    place = settings.ops_channel
    told = 0
    pause = tx.now - last_end
    missed = pause > MISSED_AFTER
    text = (
        f"No run between {last_end:%Y-%m-%d %H:%M} and {tx.now:%Y-%m-%d %H:%M} UTC. "
        "This run catches up with what the feeds still hold."
        if missed
        else "Runs are on time again."
    )
    told += ops_event(
        tx, "runs:missed", text, "missed" if missed else "on time", channel=place, good=not missed
    )
    count = f"{repaired} runs were" if repaired > 1 else "A run was"
    text = f"{count} killed half-way; this run repairs it." if repaired else "Runs end again."
    told += ops_event(
        tx, "runs:killed", text, "killed" if repaired else "fine", channel=place, good=not repaired
    )
    return told
