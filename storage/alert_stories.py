"""What becomes of alerts when two stories turn out to be one, and when that is undone.

A message keeps its key and its number in Slack; only the story that it stands for changes. So a
merged story is alerted on nothing twice, later articles find the thread, and a message whose
answer never came is still looked up under the id that it was sent with.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from alerts.intents import STORY_MERGED
from storage.alert_queue import enqueue_note
from storage.outbox import payload_json, withdraw

if TYPE_CHECKING:
    from storage.database import Transaction

UNSENT = ("pending", "failed")


def move_alerts(tx: Transaction, story_id: int, into: int) -> None:
    """Let the alerts of a story stand for the story that it went into.

    Where both have a parent for a topic and channel, one that has not left yet is withdrawn; when
    both are in Slack, the moved one stays as it is, and its thread says that it goes on elsewhere.
    """
    rows = tx.con.execute(
        "SELECT alert_key, story_id, topic, channel, state FROM core.alert "
        "WHERE kind = 'alert' AND story_id IN (?, ?) AND state <> 'withdrawn' "
        "ORDER BY created_at, alert_key",
        [story_id, into],
    ).fetchall()
    kept = {(topic, channel): (key, state) for key, s, topic, channel, state in rows if s == into}
    for key, story, topic, channel, state in rows:
        if story != story_id:
            continue
        there = kept.get((topic, channel))
        if there is None:
            _stand_for(tx, key, into)
        elif state in UNSENT:
            withdraw(tx, [key], f"{STORY_MERGED} into {into}, which has the alert {there[0]}")
        elif there[1] in UNSENT:
            withdraw(tx, [there[0]], f"{STORY_MERGED} with {story_id}, which has the alert {key}")
            _stand_for(tx, key, into)
            kept[(topic, channel)] = (key, state)
        else:
            _say_where_it_goes_on(tx, key, there[0])


def return_alerts(tx: Transaction, story_id: int) -> None:
    """Give a story its own alerts back: its number is in their keys."""
    tx.con.execute(
        "UPDATE core.alert SET story_id = ?, rev = ? "
        "WHERE story_id <> ? AND starts_with(alert_key, ?)",
        [story_id, tx.rev, story_id, f"s{story_id}/"],
    )


def _stand_for(tx: Transaction, alert_key: str, story_id: int) -> None:
    """Let a parent, its replies and its edit stand for a story."""
    tx.con.execute(
        "UPDATE core.alert SET story_id = ?, rev = ? WHERE alert_key = ? OR parent_key = ?",
        [story_id, tx.rev, alert_key, alert_key],
    )
    row = tx.con.execute(
        "SELECT payload FROM core.alert WHERE alert_key = ?", [alert_key]
    ).fetchone()
    if row is not None and row[0]:
        payload = {**json.loads(row[0]), "story_id": story_id}
        tx.con.execute(
            "UPDATE core.alert SET payload = ? WHERE alert_key = ?",
            [payload_json(payload), alert_key],
        )


def _say_where_it_goes_on(tx: Transaction, alert_key: str, other: str) -> None:
    row = tx.con.execute(
        "SELECT payload ->> '$.article.title' FROM core.alert WHERE alert_key = ?", [other]
    ).fetchone()
    if row is not None:
        where = row[0] or other
        text = f"The same story as another alert. Later reports are in its thread: {where}"
        enqueue_note(tx, alert_key, "merged", text)
