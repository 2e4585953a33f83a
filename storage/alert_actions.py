"""What people did with alerts (acknowledge, not relevant, mute), and which mutes are in force.

Actions are only ever added; the newest one about a story or topic decides.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from alerts.intents import Mute
from storage.rows import clean_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction


def add_action(
    tx: Transaction,
    *,
    action_id: str,
    action: str,
    actor: str,
    at: datetime,
    source: str,
    alert_key: str | None = None,
    story_id: int | None = None,
    topic: str | None = None,
    reason: str = "",
    until: datetime | None = None,
) -> bool:
    """Write down an action once; False when its `action_id` is known already (a replay)."""
    row = tx.con.execute(
        "INSERT INTO core.alert_action VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING action_id",
        [
            action_id,
            action,
            alert_key,
            story_id,
            topic,
            clean_text(actor),
            clean_text(reason) or None,
            at,
            until,
            source,
            tx.rev,
        ],
    ).fetchone()
    return row is not None


def active_mutes(con: DuckDBPyConnection, *, now: datetime) -> tuple[Mute, ...]:
    """Return the mutes in force: the newest mute or unmute of a story or topic decides."""
    rows = con.execute(
        """
        SELECT action, story_id, topic, muted_until, actor FROM core.alert_action
        WHERE action IN ('mute_story', 'mute_topic', 'unmute_story', 'unmute_topic')
        QUALIFY row_number() OVER (
            PARTITION BY action LIKE '%story', CASE WHEN action LIKE '%story' THEN story_id END,
                CASE WHEN action LIKE '%topic' THEN topic END
            ORDER BY acted_at DESC, action_id DESC) = 1
        """
    ).fetchall()
    mutes = []
    for action, story_id, topic, until, actor in rows:
        if action.startswith("unmute") or (until is not None and until <= now):
            continue
        story = action == "mute_story"
        mutes.append(
            Mute(
                story_id=story_id if story else None,
                topic=None if story else topic,
                until=until,
                by=actor or "",
            )
        )
    return tuple(mutes)
