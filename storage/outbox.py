"""The outbox: which message is owed to whom, in which state, and what people did with it.

Writing a row belongs to the transaction of the article that caused it (`enqueue`). Sending is a
loop of short transactions (`claim` before the network call, `record` after it); `StoreOutbox`
is that loop's view of a store. Rows are unique by `alert_key`, so nothing is owed twice.

States: pending → sending → sent | unknown | failed | withdrawn | printed; unknown → sent | pending
after a look-up; failed → pending by `retry`. This module sends nothing and decides nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from alerts.intents import (
    EVIDENCE_GONE,
    STORY_MERGED,
    AlertContext,
    AlertIntent,
    OutboxItem,
    ParentState,
    StoryState,
)
from alerts.outcomes import Claimed, Outcome
from storage.alert_actions import active_mutes
from storage.database import FileLock
from storage.errors import StoreLocked
from storage.rows import clean_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Store, Transaction

REOPENED_BY_NEWS = (EVIDENCE_GONE, STORY_MERGED)
RECENT_WINDOW = timedelta(hours=1)
LOOK_UP_SOONEST = timedelta(minutes=1)
"""How soon after a message was claimed a person may have it looked up: by then a batch has left,
every time-out is over, and Slack has stored what it was going to store (`Pace.settle_s`)."""

_RANK = """CASE kind WHEN 'ops' THEN 0 WHEN 'alert' THEN 1 WHEN 'reply' THEN 2 WHEN 'edit' THEN 3
           ELSE 4 END,
           CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'low' THEN 3 ELSE 2 END"""

_ITEM_COLUMNS = """a.alert_key, a.kind, a.state, a.channel, a.payload, a.created_at, a.sending_at,
    a.attempts, coalesce(p.slack_channel, a.slack_channel) AS slack_channel, a.parent_key,
    p.slack_ts AS parent_ts, p.created_at AS parent_created_at, p.payload AS parent_payload,
    a.wanted, a.topic, a.story_id"""

_SENDABLE = """a.state = 'pending' AND a.kind <> 'item'
    AND (a.kind NOT IN ('reply', 'edit') OR p.state IN ('sent', 'printed'))"""


# ---------------------------------------------------------------------- writing what is owed
def alert_context(
    con: DuckDBPyConnection, story_ids: Collection[int], *, now: datetime
) -> AlertContext:
    """Return what `plan_alerts` must know of the past: stories, last hour's counts, mutes.

    Call it in the article's own transaction, after the stories were written.
    """
    recent = con.execute(
        "SELECT topic, channel, count(*) FROM core.alert WHERE kind = 'alert' "
        "AND state <> 'withdrawn' AND coalesce(not_before, created_at) > ? GROUP BY ALL",
        [now - RECENT_WINDOW],
    ).fetchall()
    return AlertContext(
        stories=story_state(con, story_ids),
        recent={(topic, channel): int(n) for topic, channel, n in recent},
        mutes=active_mutes(con, now=now),
    )


def story_state(con: DuckDBPyConnection, story_ids: Collection[int]) -> dict[int, StoryState]:
    """Return the stories with the alerts that each has already."""
    ids = sorted(set(story_ids))
    if not ids:
        return {}
    stories = con.execute(
        "SELECT story_id, title, n_outlets, n_origins FROM core.story "
        "WHERE story_id IN (SELECT unnest(?::BIGINT[]))",
        [ids],
    ).fetchall()
    rows = con.execute(
        """
        SELECT a.alert_key, a.kind, a.story_id, a.topic, a.channel, a.state, a.created_at,
               a.payload, a.reason, max(r.created_at) AS last_reply_at
        FROM core.alert a
        LEFT JOIN core.alert r ON r.parent_key = a.alert_key AND r.kind = 'reply'
        WHERE a.kind IN ('alert', 'item') AND a.story_id IN (SELECT unnest(?::BIGINT[]))
        GROUP BY ALL
        """,
        [ids],
    ).fetchall()
    rows.sort(key=lambda row: (row[5] == "withdrawn", row[6], row[0]))
    parents: dict[int, dict[tuple[str, str], ParentState]] = {i: {} for i in ids}
    items: dict[int, set[tuple[str, str]]] = {i: set() for i in ids}
    for key, kind, story_id, topic, channel, state, created_at, payload, reason, last_reply in rows:
        if kind == "item":
            items[story_id].add((topic, channel))
            continue
        # A merged story may hold several: the oldest that was not withdrawn is the one to go on.
        parent = ParentState(
            alert_key=key,
            topic=topic,
            channel=channel,
            state=state,
            created_at=created_at,
            last_post_at=last_reply or created_at,
            payload=json.loads(payload or "{}"),
            can_reopen=state == "withdrawn" and (reason or "").startswith(REOPENED_BY_NEWS),
        )
        parents[story_id].setdefault((topic, channel), parent)
    known = {row[0]: row for row in stories}
    return {
        i: StoryState(
            story_id=i,
            title=(known[i][1] or "") if i in known else "",
            n_outlets=known[i][2] if i in known else 1,
            n_origins=known[i][3] if i in known else 1,
            parents=parents[i],
            items=frozenset(items[i]),
        )
        for i in ids
    }


def enqueue(tx: Transaction, intents: Sequence[AlertIntent]) -> int:
    """Write intents and return how many rows are new or owed again.

    An `alert_key` that exists is left alone, unless it was withdrawn before it left and news has
    come since. An edit is one row a parent, armed again by each change; with its intent comes the
    parent's new payload.
    """
    new = _insert(tx, [intent for intent in intents if intent.kind != "edit"])
    for intent in intents:
        if intent.new_parent_payload is not None:
            tx.con.execute(
                "UPDATE core.alert SET payload = ?, rev = ? WHERE alert_key = ?",
                [payload_json(intent.new_parent_payload), tx.rev, intent.parent_key],
            )
        if intent.kind == "edit" and intent.state == "pending":
            new += _arm_edit(tx, intent)
    return new


def _insert(tx: Transaction, intents: Sequence[AlertIntent]) -> int:
    """Insert rows, all in one statement; the table is small, so its key may be an index."""
    if not intents:
        return 0
    rows = tx.con.execute(
        """
        INSERT INTO core.alert (alert_key, story_id, article_id, topic, channel, kind, state,
            severity, attempts, created_at, not_before, payload, rev, parent_key, reason, wanted)
        SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]),
            unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]),
            unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), 0, ?, unnest(?::TIMESTAMPTZ[]),
            unnest(?::JSON[]), ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), 1
        ON CONFLICT (alert_key) DO UPDATE SET
            state = excluded.state, article_id = excluded.article_id, payload = excluded.payload,
            severity = excluded.severity, not_before = excluded.not_before,
            reason = excluded.reason, last_error = NULL, rev = excluded.rev
        WHERE kind = 'alert' AND excluded.kind = 'alert' AND state = 'withdrawn'
            AND regexp_matches(reason, ?)
        RETURNING alert_key
        """,
        [
            [clean_text(i.alert_key) for i in intents],
            [i.story_id for i in intents],
            [i.article_id for i in intents],
            [i.topic for i in intents],
            [i.channel for i in intents],
            [i.kind for i in intents],
            [i.state for i in intents],
            [i.severity for i in intents],
            tx.now,
            [i.not_before for i in intents],
            [payload_json(i.payload) for i in intents],
            tx.rev,
            [i.parent_key for i in intents],
            [i.reason or None for i in intents],
            f"^({'|'.join(REOPENED_BY_NEWS)})",
        ],
    ).fetchall()
    return len(rows)


def _arm_edit(tx: Transaction, intent: AlertIntent) -> int:
    armed = tx.con.execute(
        """
        UPDATE core.alert SET wanted = wanted + 1, rev = ?, article_id = ?,
            state = CASE WHEN state = 'sending' THEN state ELSE 'pending' END,
            attempts = CASE WHEN state = 'sending' THEN attempts ELSE 0 END,
            not_before = NULL, last_error = NULL
        WHERE alert_key = ? RETURNING alert_key
        """,
        [tx.rev, intent.article_id, intent.alert_key],
    ).fetchone()
    if armed is not None:
        return 0
    tx.con.execute(
        """
        INSERT INTO core.alert (alert_key, story_id, article_id, topic, channel, kind, state,
            severity, attempts, created_at, payload, rev, parent_key, wanted)
        VALUES (?, ?, ?, ?, ?, 'edit', 'pending', ?, 0, ?, '{}', ?, ?, 1)
        """,
        [
            intent.alert_key,
            intent.story_id,
            intent.article_id,
            intent.topic,
            intent.channel,
            intent.severity,
            tx.now,
            tx.rev,
            intent.parent_key,
        ],
    )
    return 1


def arm_edit(tx: Transaction, alert_key: str) -> None:
    """Have a parent's message edited, because what it shows has changed (its state, say)."""
    row = tx.con.execute(
        "SELECT story_id, article_id, topic, channel, severity, state FROM core.alert "
        "WHERE alert_key = ? AND kind = 'alert'",
        [alert_key],
    ).fetchone()
    if row is None or row[5] in ("pending", "failed", "withdrawn", "printed"):
        return
    _arm_edit(
        tx,
        AlertIntent(
            alert_key=f"{alert_key}/edit",
            kind="edit",
            story_id=row[0],
            article_id=row[1],
            topic=row[2],
            channel=row[3],
            severity=row[4] or "normal",
            parent_key=alert_key,
        ),
    )


def withdraw(tx: Transaction, keys: Collection[str], reason: str) -> int:
    """Take rows back that were not sent yet; return how many."""
    rows = tx.con.execute(
        "UPDATE core.alert SET state = 'withdrawn', reason = ?, rev = ? "
        "WHERE alert_key IN (SELECT unnest(?::VARCHAR[])) "
        "AND state IN ('pending', 'failed', 'unknown') RETURNING alert_key",
        [reason, tx.rev, sorted(keys)],
    ).fetchall()
    return len(rows)


# ---------------------------------------------------------------------- events for operators
def ops_event(
    tx: Transaction, key: str, text: str, state: str, *, channel: str, good: bool = False
) -> bool:
    """Tell the operators when the state of a thing changes, at most once a change.

    Args:
        tx: the open write transaction.
        key: the thing, e.g. `feed:Example Times`.
        text: what to say, one line.
        state: its state now, e.g. `dead`; the same state again says nothing.
        channel: where to; empty keeps only the state.
        good: the state is the normal one. The first news of a thing is not told when it is good,
            and a trouble whose message has not left yet is taken back instead.

    Returns:
        Whether the state changed.
    """
    row = tx.con.execute(
        "SELECT state, changes FROM core.ops_state WHERE key = ?", [key]
    ).fetchone()
    if row is not None and row[0] == state:
        return False
    changes = int(row[1]) + 1 if row is not None else 1
    if row is None:
        tx.con.execute(
            "INSERT INTO core.ops_state VALUES (?, ?, ?, ?, ?)",
            [key, state, tx.now, changes, tx.rev],
        )
    else:
        tx.con.execute(
            "UPDATE core.ops_state SET state = ?, changed_at = ?, changes = ?, rev = ? "
            "WHERE key = ?",
            [state, tx.now, changes, tx.rev, key],
        )
    if not channel or (row is None and good):
        return True
    unsent = tx.con.execute(
        "SELECT alert_key FROM core.alert WHERE alert_key = ? AND state IN ('pending', 'failed')",
        [f"ops/{key}/{changes - 1}"],
    ).fetchone()
    if good and unsent is not None:
        withdraw(tx, [unsent[0]], "over before it was told")
        return True
    alert_key = f"ops/{key}/{changes}"
    intent = AlertIntent(
        alert_key=alert_key,
        kind="ops",
        story_id=None,
        article_id=None,
        topic=None,
        channel=channel,
        payload={"alert_key": alert_key, "text": text, "good": good},
    )
    enqueue(tx, [intent])
    return True


# ---------------------------------------------------------------------- sending
def recover(tx: Transaction, now: datetime, settle_s: float) -> dict[str, datetime]:
    """Take over from a sender that died: its rows in `sending` become `unknown`.

    Only for the holder of the sender's lock. Rows that failed because their channel or token was
    refused are pending again: one of them is the probe of whether that was put right.
    Returns the time of the last sending per channel, for the pace.
    """
    left = tx.con.execute(
        "UPDATE core.alert SET state = CASE WHEN kind = 'edit' THEN 'pending' ELSE 'unknown' END, "
        "attempts = attempts + 1, not_before = ?, rev = ?, "
        "last_error = 'the sender was stopped while it was sending: it is looked up' "
        "WHERE state = 'sending' RETURNING channel",
        [now + timedelta(seconds=settle_s), tx.rev],
    ).fetchall()
    tx.con.execute(
        "UPDATE core.alert SET state = 'pending', not_before = NULL, rev = ? "
        "WHERE state = 'failed' AND error_kind = 'channel'",
        [tx.rev],
    )
    rows = tx.con.execute(
        "SELECT channel, max(greatest(sent_at, sending_at)) FROM core.alert "
        "WHERE greatest(sent_at, sending_at) > ? GROUP BY channel",
        [now - timedelta(minutes=5)],
    ).fetchall()
    last: dict[str, datetime] = dict(rows)
    for (channel,) in left:
        last[channel] = now
    return {channel: min(moment, now) for channel, moment in last.items()}


def claim(
    tx: Transaction, now: datetime, *, per_channel: int, closed: Collection[str] = ()
) -> Claimed:
    """Take rows that are due: pending ones become `sending`; unknown ones are handed out as such.

    Commit before the first request leaves: then no message is on its way whose row says pending.
    """
    where = "a.channel NOT IN (SELECT unnest(?::VARCHAR[]))"
    items: tuple[OutboxItem, ...] = ()
    lookups: tuple[OutboxItem, ...] = ()
    if per_channel > 0:
        items = _select_items(
            tx.con,
            f"{_SENDABLE} AND coalesce(a.not_before, a.created_at) <= ? AND {where} "
            f"QUALIFY row_number() OVER (PARTITION BY a.channel ORDER BY {_rank('a')}, "
            "a.created_at, a.alert_key) <= ?",
            [now, sorted(closed), per_channel],
        )
        tx.con.execute(
            "UPDATE core.alert SET state = 'sending', sending_at = ?, rev = ? "
            "WHERE alert_key IN (SELECT unnest(?::VARCHAR[]))",
            [now, tx.rev, [item.alert_key for item in items]],
        )
        lookups = _select_items(
            tx.con,
            "a.state = 'unknown' AND coalesce(a.not_before, a.created_at) <= ?",
            [now],
        )
    due = tx.con.execute(
        f"""
        SELECT a.channel,
               min(greatest(coalesce(a.not_before, a.created_at), a.created_at)), count(*)
        FROM core.alert a LEFT JOIN core.alert p ON p.alert_key = a.parent_key
        WHERE ({_SENDABLE}) OR a.state = 'unknown'
        GROUP BY a.channel
        """
    ).fetchall()
    return Claimed(
        items=items,
        lookups=lookups,
        next_due={channel: moment for channel, moment, _ in due},
        waiting=sum(int(number) for _, _, number in due),
    )


def _rank(alias: str) -> str:
    return _RANK.replace("CASE kind", f"CASE {alias}.kind").replace(
        "CASE severity", f"CASE {alias}.severity"
    )


def _select_items(con: DuckDBPyConnection, where: str, values: list[Any]) -> tuple[OutboxItem, ...]:
    cursor = con.execute(
        f"SELECT {_ITEM_COLUMNS} FROM core.alert a "
        f"LEFT JOIN core.alert p ON p.alert_key = a.parent_key WHERE {where}",
        values,
    )
    names = [column[0] for column in cursor.description or ()]
    items = []
    for row in cursor.fetchall():
        values_of = dict(zip(names, row, strict=True))
        parent_payload = values_of.pop("parent_payload")
        payload = parent_payload if values_of["kind"] == "edit" else values_of["payload"]
        values_of["payload"] = json.loads(payload or "{}")
        items.append(OutboxItem(**values_of))
    return tuple(items)


def record(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Write what became of claimed or looked-up rows.

    An edit that was armed again while it was under way is pending again.
    """
    if not outcomes:
        return
    keys = [outcome.alert_key for outcome in outcomes]
    tx.con.execute(
        """
        UPDATE core.alert SET
            state = CASE WHEN core.alert.kind = 'edit' AND core.alert.wanted > o.wanted
                              AND o.state IN ('sent', 'printed') THEN 'pending' ELSE o.state END,
            attempts = core.alert.attempts + o.attempted,
            sent_at = CASE WHEN o.state IN ('sent', 'printed') THEN o.done_at
                           ELSE core.alert.sent_at END,
            slack_channel = coalesce(o.slack_channel, core.alert.slack_channel),
            slack_ts = coalesce(o.slack_ts, core.alert.slack_ts),
            not_before = o.not_before, last_error = o.error, error_kind = o.error_kind, rev = ?
        FROM (
            SELECT unnest(?::VARCHAR[]) AS alert_key, unnest(?::INTEGER[]) AS wanted,
                unnest(?::VARCHAR[]) AS state, unnest(?::INTEGER[]) AS attempted,
                unnest(?::TIMESTAMPTZ[]) AS done_at, unnest(?::VARCHAR[]) AS slack_channel,
                unnest(?::VARCHAR[]) AS slack_ts, unnest(?::TIMESTAMPTZ[]) AS not_before,
                unnest(?::VARCHAR[]) AS error, unnest(?::VARCHAR[]) AS error_kind
        ) o
        WHERE core.alert.alert_key = o.alert_key
        """,
        [
            tx.rev,
            keys,
            [o.wanted for o in outcomes],
            [o.state for o in outcomes],
            [int(o.attempted) for o in outcomes],
            [o.at for o in outcomes],
            [o.slack_channel for o in outcomes],
            [o.slack_ts for o in outcomes],
            [o.not_before for o in outcomes],
            [clean_text(o.error) or None for o in outcomes],
            [o.error_kind or None for o in outcomes],
        ],
    )
    tx.con.execute(
        """
        UPDATE core.alert SET thread_ts = p.slack_ts FROM core.alert p
        WHERE p.alert_key = core.alert.parent_key AND core.alert.kind IN ('reply', 'edit')
          AND core.alert.alert_key IN (SELECT unnest(?::VARCHAR[]))
        """,
        [keys],
    )
    finished = [o.alert_key for o in outcomes if o.state in ("sent", "printed")]
    if finished:
        tx.con.execute(
            """
            UPDATE core.alert SET state = d.state, sent_at = d.sent_at, slack_ts = d.slack_ts,
                slack_channel = d.slack_channel, rev = ?
            FROM core.alert d
            WHERE core.alert.kind = 'item' AND core.alert.parent_key = d.alert_key
              AND d.alert_key IN (SELECT unnest(?::VARCHAR[])) AND core.alert.state = 'pending'
            """,
            [tx.rev, finished],
        )


def retry(tx: Transaction, keys: Collection[str] | None = None, *, unclear: bool = False) -> int:
    """Make failed rows pending again, and unknown ones too when a person says so.

    Unknown rows are looked up at the next sending, however long that was put off, but not before
    a message under way has arrived.

    Args:
        tx: the open write transaction.
        keys: only these; None means all.
        unclear: also rows whose answer never came. They may be in the channel already.
    """
    states = ["failed", "unknown"] if unclear else ["failed"]
    tx.con.execute(
        "UPDATE core.alert SET not_before = least(not_before, sending_at + ?), rev = ? "
        "WHERE state = 'unknown'",
        [LOOK_UP_SOONEST, tx.rev],
    )
    sql = (
        "UPDATE core.alert SET state = 'pending', not_before = NULL, error_kind = NULL, rev = ? "
        "WHERE state IN (SELECT unnest(?::VARCHAR[]))"
    )
    values: list[Any] = [tx.rev, states]
    if keys is not None:
        sql += " AND alert_key IN (SELECT unnest(?::VARCHAR[]))"
        values.append(sorted(keys))
    return len(tx.con.execute(sql + " RETURNING alert_key", values).fetchall())


class StoreOutbox:
    """The outbox of a store as `alerts.sender.drain` wants it: each call one short transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def recover(self, now: datetime, settle_s: float) -> Mapping[str, datetime]:
        """See `recover`."""
        with self._store.write() as tx:
            return recover(tx, now, settle_s)

    def step(
        self,
        outcomes: Sequence[Outcome],
        now: datetime,
        *,
        closed: Collection[str],
        per_channel: int,
    ) -> Claimed:
        """Record outcomes and claim the next rows in one transaction."""
        with self._store.write() as tx:
            record(tx, outcomes)
            return claim(tx, now, per_channel=per_channel, closed=closed)


@contextlib.contextmanager
def sender_lock(store: Store, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the right to send; the kernel gives it back when the process dies.

    Raises:
        StoreLocked: another process is sending.
    """
    lock = FileLock(store.folder / "sender.lock")
    if not lock.acquire(wait_s=wait_s):
        raise StoreLocked(
            f"another presswatch is sending alerts (PID {lock.holder()}): wait for it to end; "
            "nothing is lost, what is due is sent by it or by the next run"
        )
    try:
        yield
    finally:
        lock.release()


# ---------------------------------------------------------------------- looking
def counts(con: DuckDBPyConnection) -> dict[str, int]:
    """Return how many messages are in each state; lines of digests are not counted."""
    rows = con.execute(
        "SELECT state, count(*) FROM core.alert WHERE kind NOT IN ('item', 'edit') GROUP BY state"
    ).fetchall()
    return {state: int(n) for state, n in rows}


def list_alerts(
    con: DuckDBPyConnection,
    *,
    states: Collection[str] = (),
    kinds: Collection[str] = (),
    topic: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return outbox rows, newest first, without payloads; no kinds means those of `alerts`."""
    where = ["true"]
    values: list[Any] = []
    if states:
        where.append("state IN (SELECT unnest(?::VARCHAR[]))")
        values.append(sorted(states))
    if kinds:
        where.append("kind IN (SELECT unnest(?::VARCHAR[]))")
        values.append(sorted(kinds))
    else:
        where.append("kind NOT IN ('reply', 'edit', 'item')")
    if topic:
        where.append("topic = ?")
        values.append(topic)
    if since:
        where.append("created_at >= ?")
        values.append(since)
    cursor = con.execute(
        "SELECT alert_key, kind, story_id, article_id, topic, channel, severity, state, reason, "
        "attempts, created_at, not_before, sent_at, slack_channel, slack_ts, "
        "coalesce(thread_ts, slack_ts) AS thread_ts, "
        # An edit shows its parent's; digests and notes have words of their own.
        "last_error, coalesce(payload ->> '$.article.title', payload ->> '$.heading', "
        "payload ->> '$.text', (SELECT p.payload ->> '$.article.title' FROM core.alert p "
        "WHERE p.alert_key = core.alert.parent_key)) AS title, "
        "payload ->> '$.article.outlet' AS outlet "
        f"FROM core.alert WHERE {' AND '.join(where)} "
        "ORDER BY created_at DESC, alert_key LIMIT ?",
        [*values, limit],
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def get_payload(con: DuckDBPyConnection, alert_key: str) -> tuple[str, dict[str, Any]] | None:
    """Return kind and payload of a row, or None when there is no such row."""
    row = con.execute(
        "SELECT kind, payload FROM core.alert WHERE alert_key = ?", [alert_key]
    ).fetchone()
    return None if row is None else (row[0], json.loads(row[1] or "{}"))


def channel_ids(con: DuckDBPyConnection) -> dict[str, str]:
    """Return the Slack ids of channels, learnt from messages that were sent."""
    rows = con.execute(
        "SELECT channel, arg_max(slack_channel, sent_at) FROM core.alert "
        "WHERE slack_channel IS NOT NULL AND sent_at IS NOT NULL AND kind <> 'item' "
        "GROUP BY channel"
    ).fetchall()
    return {channel: found for channel, found in rows if found}


def payload_json(payload: Mapping[str, Any]) -> str:
    """Return a payload as it is stored."""
    return clean_text(json.dumps(payload, ensure_ascii=False, default=str))
