"""What else goes into the outbox: digests of waiting lines, notes, and what a parent shows.

Nothing here sends; `storage/outbox.py` holds the rows and hands them out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from alerts.intents import AlertIntent
from storage.outbox import enqueue, payload_json

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction


# ---------------------------------------------------------------------- digests
def waiting_items(con: DuckDBPyConnection) -> list[tuple[str, str, datetime, str, dict[str, Any]]]:
    """Return the lines that no digest has taken: key, channel, since when, reason, payload."""
    rows = con.execute(
        "SELECT alert_key, channel, created_at, coalesce(reason, ''), payload FROM core.alert "
        "WHERE kind = 'item' AND state = 'pending' AND parent_key IS NULL "
        "ORDER BY created_at, alert_key"
    ).fetchall()
    return [(key, place, at, why, json.loads(payload)) for key, place, at, why, payload in rows]


def last_digests(con: DuckDBPyConnection) -> dict[tuple[str, str], datetime]:
    """Return when the newest digest and summary of each channel was made."""
    rows = con.execute(
        "SELECT kind, channel, max(created_at) FROM core.alert "
        "WHERE kind IN ('digest', 'summary') AND state <> 'withdrawn' GROUP BY kind, channel"
    ).fetchall()
    return {(kind, channel): moment for kind, channel, moment in rows}


def enqueue_digest(tx: Transaction, intent: AlertIntent, item_keys: Collection[str]) -> None:
    """Write a digest and note in its lines that they are in it, in one transaction."""
    enqueue(tx, [intent])
    tx.con.execute(
        "UPDATE core.alert SET parent_key = ?, rev = ? "
        "WHERE kind = 'item' AND alert_key IN (SELECT unnest(?::VARCHAR[]))",
        [intent.alert_key, tx.rev, sorted(item_keys)],
    )


# ---------------------------------------------------------------------- parents
def find_parent(con: DuckDBPyConnection, alert_key: str) -> tuple[int, str, dict[str, Any]] | None:
    """Return story, topic and payload of a parent alert, or None."""
    row = con.execute(
        "SELECT story_id, topic, payload FROM core.alert WHERE alert_key = ? AND kind = 'alert'",
        [alert_key],
    ).fetchone()
    return None if row is None else (row[0], row[1], json.loads(row[2]))


def save_payload(tx: Transaction, alert_key: str, payload: Mapping[str, Any]) -> None:
    """Replace what a row shows."""
    tx.con.execute(
        "UPDATE core.alert SET payload = ?, rev = ? WHERE alert_key = ?",
        [payload_json(payload), tx.rev, alert_key],
    )


def unsent_keys(
    con: DuckDBPyConnection, *, story_id: int | None = None, topic: str | None = None
) -> list[str]:
    """Return the parents and replies of a story or topic that have not left yet."""
    rows = con.execute(
        "SELECT alert_key FROM core.alert WHERE state = 'pending' AND kind IN ('alert', 'reply') "
        "AND (story_id = ? OR topic = ?)",
        [story_id, topic],
    ).fetchall()
    return [row[0] for row in rows]


def enqueue_note(tx: Transaction, parent_key: str, note_id: str, text: str) -> None:
    """Owe a note in a parent's thread: one for each `note_id`."""
    row = tx.con.execute(
        "SELECT story_id, article_id, topic, channel FROM core.alert WHERE alert_key = ?",
        [parent_key],
    ).fetchone()
    if row is None:
        return
    key = f"{parent_key}/note/{note_id}"
    intent = AlertIntent(
        alert_key=key,
        kind="reply",
        story_id=row[0],
        article_id=row[1],
        topic=row[2],
        channel=row[3],
        payload={"alert_key": key, "text": text},
        parent_key=parent_key,
    )
    enqueue(tx, [intent])


# ---------------------------------------------------------------------- health
def channels_without_failure(con: DuckDBPyConnection) -> list[str]:
    """Return the channels once reported as stopped in which nothing is stopped now."""
    rows = con.execute(
        "SELECT substring(key, 9) FROM core.ops_state "
        "WHERE key LIKE 'channel:%' AND state = 'stopped' AND substring(key, 9) NOT IN ("
        "SELECT channel FROM core.alert WHERE state = 'failed' AND error_kind = 'channel')"
    ).fetchall()
    return [row[0] for row in rows]


def unclear_before(con: DuckDBPyConnection, moment: datetime) -> int:
    """Return how many messages have been unclear since before a time."""
    row = con.execute(
        "SELECT count(*) FROM core.alert WHERE state = 'unknown' AND sending_at < ?", [moment]
    ).fetchone()
    return int(row[0]) if row is not None else 0


def parents_of_story(con: DuckDBPyConnection, story_id: int) -> list[str]:
    """Return the keys of a story's parent alerts."""
    rows = con.execute(
        "SELECT alert_key FROM core.alert WHERE kind = 'alert' AND story_id = ? ORDER BY alert_key",
        [story_id],
    ).fetchall()
    return [row[0] for row in rows]
