"""Telling the operations channel about the pipeline's own troubles: one message a state change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.summary import gaps_in_words
from storage.outbox import ops_event

if TYPE_CHECKING:
    from alerts.policy import AlertSettings
    from extractors.catch_up import GapFill
    from storage.database import Transaction
    from storage.feeds import StateChange

GOOD_STATES = frozenset({"OK", "NEW"})
GAPS_NAMED = 5  # feeds named in a message
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
        # After a pause of our own many feeds have gaps at once: `report_gaps` tells them together.
        state = "OK" if change.new == "GAP" else change.new
        good = state in GOOD_STATES
        text = f"Feed {change.feed} ({change.outlet}): {state}. {'' if good else change.reason}"
        told += ops_event(
            tx,
            f"feed:{change.feed}",
            text.strip(),
            state,
            channel=settings.ops_channel,
            good=good,
        )
    return told


def report_gaps(
    tx: Transaction,
    run_id: str,
    fills: Sequence[GapFill],
    counts: Mapping[str, int],
    settings: AlertSettings,
) -> int:
    """Owe the operations channel one line for all that a run caught up with; return how many.

    Gaps that will be tried again are told when they are closed.

    Args:
        tx: the open write transaction.
        run_id: the run.
        fills: what became of each gap.
        counts: what `storage.feeds.close_gaps` returned for them.
        settings: names the channel; without one nothing is written.
    """
    closed = [fill for fill in fills if fill.state != "open"]
    if not settings.ops_channel or not closed:
        return 0
    text = f"Caught up: {gaps_in_words(counts)}."
    missing = [fill.gap.feed.name for fill in closed if fill.state != "filled"]
    if missing:
        shown = ", ".join(missing[:GAPS_NAMED])
        more = f" and {len(missing) - GAPS_NAMED} more" if len(missing) > GAPS_NAMED else ""
        text += f" Not everything could be had from {shown}{more}: see the view feed_gaps."
    return int(ops_event(tx, f"gaps:{run_id}", text, "told", channel=settings.ops_channel))


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
