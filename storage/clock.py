"""A clock that goes back: what was put off by the wrong time is due by the right one.

Every write transaction leaves its time behind; one that finds a later time than its own knows that
the clock was ahead. Stamps of queues and rhythms that lie in the future then would stop feeds,
pages and messages for as long as the clock was wrong. Here they are pulled back by what it was
wrong by. What articles and polls say of their own time stays as it was recorded.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.database import Transaction

_LOG = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=10)  # less than the window of a look-up (`alerts.sender.Pace`)
LOOK_UP_FROM = timedelta(days=7)
"""How far back a message is looked for whose time of sending cannot be trusted: the channel's
history of a week, once a jump, against posting twice."""

# Table: columns that say when something will be, and columns that say when it was.
_PLANS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("feed", ("next_poll_at",), ("first_poll_at", "last_poll_at", "last_ok")),
    ("feed_memory", (), ("last_full_at", "last_new_at", "gap_at")),
    ("pending_entry", ("not_before",), ("first_seen", "closed_at")),
    ("robots", (), ("fetched_at",)),
    ("run", (), ("started_at", "ended_at")),
    ("ops_state", (), ("changed_at",)),
)


def settle_clock(tx: Transaction, before: datetime | None) -> timedelta | None:
    """Pull stamps back when the clock has gone back since the last transaction.

    Args:
        tx: the open transaction; its `now` is what the clock says.
        before: when the last transaction began; None when that is not known.

    Returns:
        By how much the clock has gone back, at least; None when it has not.
    """
    if before is None or before <= tx.now + TOLERANCE:
        return None
    back = before - tx.now
    _LOG.warning("the clock went back by %s: what was put off is due again", back)
    for table, ahead, behind in _PLANS:
        sets = [f"{c} = CASE WHEN {c} > $now THEN greatest($now, {c} - $back) ELSE {c} END"
                for c in ahead]  # fmt: skip
        sets += [f"{c} = CASE WHEN {c} > $now THEN $now ELSE {c} END" for c in behind]
        some = " OR ".join(f"{c} > $now" for c in (*ahead, *behind))
        given = {"now": tx.now, "rev": tx.rev} | ({"back": back} if ahead else {})
        tx.con.execute(f"UPDATE core.{table} SET {', '.join(sets)}, rev = $rev WHERE {some}", given)
    _settle_messages(tx, back)
    return back


def _settle_messages(tx: Transaction, back: timedelta) -> None:
    """Quiet hours that were planned by the right clock stay; all else is due as it should be."""
    tx.con.execute(
        """
        UPDATE core.alert SET
            not_before = CASE
                WHEN not_before > $now AND (created_at > $now OR reason IS DISTINCT FROM
                     'quiet hours') THEN greatest($now, not_before - $back)
                ELSE not_before END,
            sending_at = CASE
                WHEN sending_at > $now AND state IN ('sending', 'unknown') THEN $from
                WHEN sending_at > $now THEN $now ELSE sending_at END,
            created_at = CASE WHEN created_at > $now THEN $now ELSE created_at END,
            sent_at = CASE WHEN sent_at > $now THEN $now ELSE sent_at END,
            rev = $rev
        WHERE not_before > $now OR sending_at > $now OR created_at > $now OR sent_at > $now
        """,
        {"now": tx.now, "back": back, "rev": tx.rev, "from": tx.now - LOOK_UP_FROM},
    )
    tx.con.execute(
        """
        UPDATE core.alert_action SET acted_at = $now, muted_until = muted_until - $back, rev = $rev
        WHERE acted_at > $now
        """,
        {"now": tx.now, "back": back, "rev": tx.rev},
    )
