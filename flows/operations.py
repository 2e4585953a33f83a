"""Telling the operations channel about the pipeline's own troubles: one message a state change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.outbox import ops_event

if TYPE_CHECKING:
    from alerts.policy import AlertSettings
    from storage.database import Transaction
    from storage.feeds import StateChange

GOOD_STATES = frozenset({"OK", "NEW"})


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
