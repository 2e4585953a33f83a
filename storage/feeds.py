"""Feeds and the entries they owe us: what is polled when, what came, what must still be fetched.

In: the configured feeds, poll results, page results, inside the writer's transaction. Out: due
feeds and owed entries as records of `extractors.feed_state`. It fetches nothing.

The order that loses nothing and storms nobody: `reserve_polls` writes the next poll before any
fetching; `save_polls` writes entries, validators and health of a batch in one transaction, so a
validator is never newer than the entries that it stands for; an owed entry leaves
`core.pending_entry` in the transaction that stores its article.
"""

from __future__ import annotations

import dataclasses
import random
import struct
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from extractors.feed_cut import pack, unpack
from extractors.feed_list import FeedConfig
from extractors.feed_state import (
    Applied,
    FeedState,
    ItemMemory,
    OwedEntry,
    PollResult,
    apply_poll,
    is_last_attempt,
    retry_wait,
)
from extractors.feeds import entry_key, guid_key
from extractors.models import FeedEntry, Outcome
from extractors.rhythm import FIRST_INTERVAL_S, is_own_outage, with_jitter
from extractors.urls import url_key
from storage.identity import find_keys
from storage.rows import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from extractors.catch_up import GapFill, OpenGap
    from extractors.polling import PageResult
    from extractors.robots import RobotsText
    from storage.database import Transaction

# Closed rows stay this long, so that an entry that the feed still lists is not asked for again.
KEEP_POLLS = timedelta(days=30)
KEEP_CLOSED = timedelta(days=60)
GAP_TRIES_EVERY = timedelta(minutes=30)
_ITEM = struct.Struct("<QQQQqq")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A feed whose health state changed, for the operations channel."""

    feed: str
    outlet: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """Counts of one `queue_entries`: they add up to the entries given."""

    new: int = 0
    updated: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPolls:
    """What `save_polls` wrote: items by fate (they add up to those listed), state changes, gaps.

    `queued` counts new items, `updated` edited ones, `known` the rest of what the feeds listed.
    """

    queued: int
    updated: int
    known: int
    changes: tuple[StateChange, ...]
    gaps: tuple[str, ...]
    own_outage: bool


def sync_feeds(tx: Transaction, feeds: Sequence[FeedConfig]) -> tuple[int, int]:
    """Bring `core.feed` in line with feeds.toml; return (added, switched off).

    A feed that left the file is kept with `active = false`, its history stays. A changed URL
    starts the feed's memory anew.
    """
    known = {
        row[0]: row[1:]
        for row in tx.con.execute(
            "SELECT feed, url, outlet, lang, country, tier, active, fetch_mode, every_s "
            "FROM core.feed"
        ).fetchall()
    }
    added = [feed for feed in feeds if feed.name not in known]
    insert_rows(
        tx,
        "core.feed",
        [{**_config_columns(feed), "feed": feed.name, "state": "NEW"} for feed in added],
    )
    changed = [
        feed
        for feed in feeds
        if feed.name in known and known[feed.name] != tuple(_config_columns(feed).values())
    ]
    if changed:
        columns = list(_config_columns(changed[0]))
        sets = ", ".join(f"{name} = n.{name}" for name in columns)
        tx.con.execute(
            f"""
            UPDATE core.feed SET {sets}, rev = {int(tx.rev)}
            FROM (SELECT unnest(?::VARCHAR[]) AS feed, unnest(?::VARCHAR[]) AS url,
                         unnest(?::VARCHAR[]) AS outlet, unnest(?::VARCHAR[]) AS lang,
                         unnest(?::VARCHAR[]) AS country, unnest(?::INTEGER[]) AS tier,
                         unnest(?::BOOLEAN[]) AS active, unnest(?::VARCHAR[]) AS fetch_mode,
                         unnest(?::DOUBLE[]) AS every_s) n
            WHERE core.feed.feed = n.feed
            """,
            [
                [f.name for f in changed],
                *([_config_columns(f)[name] for f in changed] for name in columns),
            ],
        )
        moved = [f.name for f in changed if known[f.name][0] != f.url]
        if moved:
            tx.con.execute(
                "UPDATE core.feed SET etag = NULL, last_modified = NULL, body_hash = NULL, "
                "failures = 0, next_poll_at = NULL, last_error = NULL "
                "WHERE feed IN (SELECT unnest(?::VARCHAR[]))",
                [moved],
            )
            tx.con.execute(
                "DELETE FROM core.feed_memory WHERE feed IN (SELECT unnest(?::VARCHAR[]))", [moved]
            )
    gone = [
        name for name, row in known.items() if row[5] and name not in {feed.name for feed in feeds}
    ]
    if gone:
        tx.con.execute(
            f"UPDATE core.feed SET active = false, rev = {int(tx.rev)} "
            "WHERE feed IN (SELECT unnest(?::VARCHAR[]))",
            [gone],
        )
    return len(added), len(gone)


def _config_columns(feed: FeedConfig) -> dict[str, Any]:
    return {
        "url": feed.url,
        "outlet": feed.outlet,
        "lang": feed.lang,
        "country": feed.country,
        "tier": feed.tier,
        "active": feed.enabled,
        "fetch_mode": feed.fetch,
        "every_s": feed.every_s,
    }


def _connection(source: Transaction | DuckDBPyConnection) -> DuckDBPyConnection:
    con = getattr(source, "con", source)
    return cast("DuckDBPyConnection", con)


_STATE_COLUMNS = """
    f.feed, f.url, f.outlet, f.lang, f.country, f.tier, f.fetch_mode, f.every_s,
    m.url, f.etag, f.last_modified, f.body_hash, f.first_poll_at, f.last_poll_at, f.last_ok,
    m.last_full_at, m.last_new_at, f.newest_item_at, f.next_poll_at, f.failures,
    m.last_outcome, f.last_error, m.interval_s, m.streak, m.gap_s, m.gap_at, m.gap_reason,
    m.listed, m.moved_to, m.moves_seen, m.kind, m.site_url, f.state, f.state_reason, m.raw_hashes,
    m.pause_s
"""


def due_feeds(
    source: Transaction | DuckDBPyConnection,
    now: datetime,
    names: Sequence[str] | None = None,
    *,
    limit: int | None = None,
) -> list[FeedState]:
    """Return the feeds to poll now, the longest overdue first.

    Args:
        source: the open transaction, or a reader's connection.
        now: the present moment.
        names: these feeds, due or not; None takes what is due.
        limit: at most so many.
    """
    where, values = "f.active AND (f.next_poll_at IS NULL OR f.next_poll_at <= ?)", [now]
    if names is not None:
        where, values = "f.feed IN (SELECT unnest(?::VARCHAR[]))", [list(names)]  # type: ignore[list-item]
    rows = (
        _connection(source)
        .execute(
            f"SELECT {_STATE_COLUMNS} FROM core.feed f LEFT JOIN core.feed_memory m USING (feed) "
            f"WHERE {where} ORDER BY f.next_poll_at NULLS FIRST, f.feed"
            + (f" LIMIT {int(limit)}" if limit is not None else ""),
            values,
        )
        .fetchall()
    )
    return [_state_of(row) for row in rows]


def _state_of(row: Sequence[Any]) -> FeedState:
    config = FeedConfig(
        name=row[0],
        url=row[1],
        outlet=row[2] or row[0],
        lang=row[3],
        country=row[4],
        tier=row[5],
        fetch=row[6] or "page",
        every_s=row[7],
    )
    return FeedState(
        config=config,
        url=row[8] or row[1],
        etag=row[9],
        last_modified=row[10],
        body_hash=row[11],
        first_poll_at=row[12],
        last_poll_at=row[13],
        last_ok=row[14],
        last_full_at=row[15],
        last_new_at=row[16],
        newest_item_at=row[17],
        next_poll_at=row[18],
        failures=row[19],
        last_outcome=row[20] or "",
        last_error=row[21],
        interval_s=row[22] if row[22] is not None else FIRST_INTERVAL_S,
        streak=row[23] or 0,
        gap_s=row[24],
        gap_at=row[25],
        gap_reason=row[26] or "",
        listed=row[27] or 0,
        moved_to=row[28],
        moves_seen=row[29] or 0,
        kind=row[30] or "",
        site_url=row[31],
        state=row[32],
        state_reason=row[33] or "",
        raw_hashes=unpack(row[34]),
        pause_s=row[35],
    )


def reserve_polls(tx: Transaction, feeds: Sequence[FeedState]) -> None:
    """Write the next poll of these feeds before they are fetched.

    A run that is killed in the middle must not ask them all again at once (Miniflux's rule).
    """
    if not feeds:
        return
    moments = [
        tx.now
        + timedelta(seconds=with_jitter(feed.config.every_s or feed.interval_s, random.random()))
        for feed in feeds
    ]
    tx.con.execute(
        f"UPDATE core.feed SET next_poll_at = n.at, rev = {int(tx.rev)} FROM "
        "(SELECT unnest(?::VARCHAR[]) AS feed, unnest(?::TIMESTAMPTZ[]) AS at) n "
        "WHERE core.feed.feed = n.feed",
        [[feed.name for feed in feeds], moments],
    )


def save_polls(
    tx: Transaction,
    states: Sequence[FeedState],
    results: Sequence[PollResult],
    *,
    run_id: str | None = None,
    floor_s: float = 600.0,
) -> SavedPolls:
    """Write a batch of polls: entries, then validators, rhythm, health, and one row a poll.

    Args:
        tx: the open transaction.
        states: the feeds as they were when polled.
        results: what `poll_batch` returned.
        run_id: the run that polled, for `feed_polls`.
        floor_s: least poll interval, from the settings.
    """
    before = {state.name: state for state in states}
    # A clock that was set back since the poll: no time of ours lies in the future.
    rows = [
        dataclasses.replace(result, polled_at=min(result.polled_at, tx.now))
        for result in results
        if result.feed in before
    ]
    outage = is_own_outage(result.outcome for result in rows)
    memory = _load_items(tx.con, [r.feed for r in rows if r.parsed is not None])
    applied: dict[str, Applied] = {}
    for result in rows:
        applied[result.feed] = apply_poll(
            before[result.feed],
            result,
            memory.get(result.feed, ()),
            floor_s=floor_s,
            spread=random.random(),
            own_outage=outage,
        )
    queued = queue_entries(
        tx,
        [entry for one in applied.values() for entry in one.fresh],
        updates=[entry for one in applied.values() for entry in one.updated],
        first_polls={name for name in applied if before[name].last_ok is None},
    )
    _write_states(tx, before, applied)
    insert_rows(
        tx,
        "core.feed_poll",
        [_poll_row(result, applied[result.feed], run_id) for result in rows],
    )
    _record_gaps(tx, before, applied)
    changes = tuple(
        StateChange(
            feed=name,
            outlet=one.state.config.outlet,
            old=before[name].state,
            new=one.state.state,
            reason=one.state.state_reason,
        )
        for name, one in applied.items()
        if one.state.state != before[name].state and not outage
    )
    listed = sum(r.listed or 0 for r in rows if r.outcome == "ok")
    return SavedPolls(
        queued=queued.new,
        updated=queued.updated,
        known=max(listed - queued.new - queued.updated, 0),
        changes=changes,
        gaps=tuple(name for name, one in applied.items() if one.gap),
        own_outage=outage,
    )


def _poll_row(result: PollResult, applied: Applied, run_id: str | None) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "feed": result.feed,
        "polled_at": result.polled_at,
        "outcome": result.outcome,
        "status": result.status,
        "bytes": result.size_bytes,
        "entries": result.listed,
        "new_entries": len(applied.fresh),
        "duration_s": result.duration_s,
        "error": result.error,
    }


def _load_items(con: DuckDBPyConnection, names: Sequence[str]) -> dict[str, tuple[ItemMemory, ...]]:
    if not names:
        return {}
    rows = con.execute(
        "SELECT feed, items FROM core.feed_memory WHERE items IS NOT NULL "
        "AND feed IN (SELECT unnest(?::VARCHAR[]))",
        [list(names)],
    ).fetchall()
    return {name: unpack_items(data) for name, data in rows}


def pack_items(items: Iterable[ItemMemory]) -> bytes:
    """Return remembered items as bytes, 48 each."""
    return b"".join(
        _ITEM.pack(i.id, i.fingerprint, i.url, i.title, i.seen_at, i.versions) for i in items
    )


def unpack_items(data: bytes | None) -> tuple[ItemMemory, ...]:
    """Return the items in `pack_items`' bytes; empty for None or bytes of another length."""
    if not data or len(data) % _ITEM.size:
        return ()
    return tuple(
        ItemMemory(id=a, fingerprint=b, url=c, title=d, seen_at=e, versions=f)
        for a, b, c, d, e, f in _ITEM.iter_unpack(data)
    )


def _write_states(
    tx: Transaction, before: dict[str, FeedState], applied: dict[str, Applied]
) -> None:
    if not applied:
        return
    states = [one.state for one in applied.values()]
    columns: dict[str, tuple[str, list[Any]]] = {
        "feed": ("VARCHAR", [s.name for s in states]),
        "state": ("VARCHAR", [s.state for s in states]),
        "state_reason": ("VARCHAR", [s.state_reason for s in states]),
        "etag": ("VARCHAR", [s.etag for s in states]),
        "last_modified": ("VARCHAR", [s.last_modified for s in states]),
        "body_hash": ("UBIGINT", [s.body_hash for s in states]),
        "first_poll_at": ("TIMESTAMPTZ", [s.first_poll_at for s in states]),
        "last_poll_at": ("TIMESTAMPTZ", [s.last_poll_at for s in states]),
        "last_ok": ("TIMESTAMPTZ", [s.last_ok for s in states]),
        "newest_item_at": ("TIMESTAMPTZ", [s.newest_item_at for s in states]),
        "next_poll_at": ("TIMESTAMPTZ", [s.next_poll_at for s in states]),
        "failures": ("DOUBLE", [s.failures for s in states]),
        "last_error": ("VARCHAR", [s.last_error for s in states]),
    }
    selected = ", ".join(f"unnest(?::{kind}[]) AS {name}" for name, (kind, _) in columns.items())
    sets = ", ".join(f"{name} = n.{name}" for name in columns if name != "feed")
    tx.con.execute(
        f"UPDATE core.feed SET {sets}, rev = {int(tx.rev)} FROM (SELECT {selected}) n "
        "WHERE core.feed.feed = n.feed",
        [values for _, values in columns.values()],
    )
    names = list(applied)
    kept = dict(
        tx.con.execute(
            "SELECT feed, items FROM core.feed_memory WHERE feed IN (SELECT unnest(?::VARCHAR[]))",
            [names],
        ).fetchall()
    )
    tx.con.execute(
        "DELETE FROM core.feed_memory WHERE feed IN (SELECT unnest(?::VARCHAR[]))", [names]
    )
    insert_rows(
        tx,
        "core.feed_memory",
        [
            {
                "feed": name,
                "url": s.url,
                "last_outcome": s.last_outcome,
                "last_full_at": s.last_full_at,
                "last_new_at": s.last_new_at,
                "interval_s": s.interval_s,
                "streak": s.streak,
                "gap_s": s.gap_s,
                "pause_s": s.pause_s,
                "gap_at": s.gap_at,
                "gap_reason": s.gap_reason or None,
                "listed": s.listed,
                "moved_to": s.moved_to,
                "moves_seen": s.moves_seen,
                "kind": s.kind or None,
                "site_url": s.site_url,
                "raw_hashes": pack(s.raw_hashes),
                "items": pack_items(one.items) if one.items is not None else kept.get(name),
            }
            for name, one in applied.items()
            for s in (one.state,)
        ],
    )


def _record_gaps(
    tx: Transaction, before: dict[str, FeedState], applied: dict[str, Applied]
) -> None:
    insert_rows(
        tx,
        "core.feed_gap",
        [
            {
                "feed": name,
                "noticed_at": one.state.gap_at,
                # A feed without dates: since it was last read.
                "from_at": before[name].newest_item_at or before[name].last_ok,
                "to_at": min(
                    (e.published_at for e in one.fresh if e.published_at),
                    default=one.state.gap_at,
                ),
                "reason": one.state.gap_reason,
                "state": "open",
                "filled": 0,
            }
            for name, one in applied.items()
            if one.gap
        ],
    )


def queue_entries(
    tx: Transaction,
    entries: Sequence[FeedEntry],
    *,
    updates: Sequence[FeedEntry] = (),
    backfill: bool = False,
    first_polls: Collection[str] = (),
) -> Queued:
    """Write entries whose article is not known as owed; one join for the whole batch.

    Args:
        tx: the open transaction.
        entries: entries that their feed lists for the first time.
        updates: entries that their feed has edited; owed when their article is stored.
        backfill: they were found by catch-up and never alert.
        first_polls: feeds that answered well for the first time.
    """
    rows = [(entry, False) for entry in entries] + [(entry, True) for entry in updates]
    if not rows:
        return Queued()
    guids = [guid_key(entry.feed, entry.guid) for entry, _ in rows]
    urls = [url_key(entry.url) if entry.url else None for entry, _ in rows]
    owed = [entry_key(entry) for entry, _ in rows]
    known = find_keys(
        tx, [("guid", k) for k in guids] + [("url", k) for k in urls if k is not None]
    )
    pending = {
        int(row[0])
        for row in tx.con.execute(
            """
            WITH b AS (SELECT unnest(?::INTEGER[]) AS n, unnest(?::UBIGINT[]) AS guid,
                              unnest(?::UBIGINT[]) AS owed)
            SELECT b.n FROM b JOIN core.pending_entry p ON p.entry_key = b.owed
            UNION ALL
            SELECT b.n FROM b JOIN core.pending_entry p ON p.guid_key = b.guid
            """,
            [list(range(len(rows))), guids, owed],
        ).fetchall()
    }
    fresh: list[dict[str, Any]] = []
    taken: set[int] = set()
    counts = {"new": 0, "updated": 0, "known": 0}
    for n, (entry, is_update) in enumerate(rows):
        article_id = known.get(("guid", guids[n]))
        url = urls[n]
        if article_id is None and url is not None:
            article_id = known.get(("url", url))
        wanted = (article_id is not None) if is_update else (article_id is None)
        if n in pending or not wanted or owed[n] in taken:
            counts["known"] += 1
            continue
        taken.add(owed[n])
        counts["updated" if is_update else "new"] += 1
        fresh.append(
            {
                "entry_key": owed[n],
                "feed": entry.feed,
                "guid": entry.guid,
                "url": entry.url,
                "entry": dataclasses.asdict(entry),
                "first_seen": tx.now,
                "attempts": 0,
                "not_before": None,
                "last_error": None,
                "state": "pending",
                "backfill": backfill,
                "guid_key": guids[n],
                "update_of": article_id if is_update else None,
                "closed_at": None,
                "first_poll": entry.feed in first_polls,
            }
        )
    insert_rows(tx, "core.pending_entry", fresh)
    return Queued(**counts)


def due_entries(
    source: Transaction | DuckDBPyConnection,
    now: datetime,
    limit: int,
    *,
    feeds: Sequence[str] | None = None,
) -> list[OwedEntry]:
    """Return owed entries to fetch now, at most `limit`, spread over the feeds.

    The first of each feed come before the second of any, so that no feed starves another; within
    a feed the newest come first, and backfilled ones last.
    """
    picked = "" if feeds is None else "AND p.feed IN (SELECT unnest(?::VARCHAR[]))"
    rows = (
        _connection(source)
        .execute(
            f"""
        SELECT p.entry_key, p.entry, p.first_seen, p.attempts, p.backfill, p.update_of,
               f.fetch_mode, f.outlet, f.lang, f.country, f.tier, coalesce(p.first_poll, false)
        FROM core.pending_entry p LEFT JOIN core.feed f USING (feed)
        WHERE p.state = 'pending' AND (p.not_before IS NULL OR p.not_before <= ?) {picked}
        ORDER BY p.backfill,
                 row_number() OVER (PARTITION BY p.feed ORDER BY p.backfill, p.attempts,
                                    p.first_seen DESC, p.entry_key),
                 p.first_seen
        LIMIT ?
        """,
            [now, *([] if feeds is None else [list(feeds)]), limit],
        )
        .fetchall()
    )
    return [
        OwedEntry(
            entry_key=row[0],
            entry=entry_from_json(row[1]),
            first_seen=row[2],
            attempts=row[3],
            backfill=row[4],
            update_of=row[5],
            fetch=row[6] or "page",
            outlet=row[7],
            lang=row[8],
            country=row[9],
            tier=row[10],
            first_poll=row[11],
        )
        for row in rows
    ]


def spare_first_polls(tx: Transaction) -> int:
    """Let no entry of a first poll that is still owed alert by itself; return how many."""
    rows = tx.con.execute(
        "UPDATE core.pending_entry SET backfill = true, rev = ? "
        "WHERE first_poll AND state = 'pending' AND NOT backfill RETURNING entry_key",
        [tx.rev],
    ).fetchall()
    return len(rows)


def entry_from_json(text: str) -> FeedEntry:
    """Read back an entry as `queue_entries` wrote it."""
    import json

    data = json.loads(text)
    for name in ("published_at", "updated_at"):
        if data.get(name):
            data[name] = datetime.fromisoformat(data[name]).astimezone(UTC)
    names = {field.name for field in dataclasses.fields(FeedEntry)}
    return FeedEntry(**{name: value for name, value in data.items() if name in names})


def finish_entries(
    tx: Transaction, results: Sequence[PageResult], *, stored: Collection[int]
) -> dict[Outcome, int]:
    """Write how attempts at owed entries ended; return the counts of those that were not stored.

    Stored entries leave the table: call it in the transaction that stores their articles.
    Temporary failures come back in a later run, for three days; then they are given up.

    Args:
        tx: the open transaction.
        results: what `fetch_batch` returned.
        stored: keys of the entries whose article (or its failure) is stored in this transaction.
    """
    done = [r.owed.entry_key for r in results if r.owed.entry_key in stored]
    if done:
        tx.con.execute(
            "DELETE FROM core.pending_entry WHERE entry_key IN (SELECT unnest(?::UBIGINT[]))",
            [done],
        )
    left = [r for r in results if r.owed.entry_key not in stored]
    tried = [r for r in left if r.outcome != "deferred"]
    keys, states, moments, errors = [], [], [], []
    for result in tried:
        owed = result.owed
        wait = max(
            with_jitter(retry_wait(owed.attempts), random.random()), result.retry_after_s or 0.0
        )
        over = result.outcome == "failed" or is_last_attempt(owed, tx.now)
        keys.append(owed.entry_key)
        states.append("gave_up" if over else "pending")
        moments.append(None if over else tx.now + timedelta(seconds=wait))
        errors.append(result.error)
    if keys:
        tx.con.execute(
            f"""
            UPDATE core.pending_entry SET attempts = attempts + 1, state = n.state,
                not_before = n.at, last_error = n.error, rev = {int(tx.rev)},
                closed_at = CASE WHEN n.state = 'gave_up' THEN ?::TIMESTAMPTZ END
            FROM (SELECT unnest(?::UBIGINT[]) AS k, unnest(?::VARCHAR[]) AS state,
                         unnest(?::TIMESTAMPTZ[]) AS at, unnest(?::VARCHAR[]) AS error) n
            WHERE core.pending_entry.entry_key = n.k
            """,
            [tx.now, keys, states, moments, errors],
        )
    gave_up = states.count("gave_up")
    counts = {Outcome.FETCH_FAILED: len(left) - gave_up, Outcome.GAVE_UP: gave_up}
    return {outcome: count for outcome, count in counts.items() if count}


def prune_entries(tx: Transaction) -> int:
    """Delete given-up entries older than 60 days; return their number."""
    row = tx.con.execute(
        "DELETE FROM core.pending_entry WHERE state = 'gave_up' AND closed_at < ? RETURNING 1",
        [tx.now - KEEP_CLOSED],
    ).fetchall()
    return len(row)


def prune_polls(tx: Transaction) -> int:
    """Delete polls older than 30 days, a week's worth at a time; return their number.

    10,000 feeds make 250,000 rows a day. Deleting rarely keeps publication cheap, which copies the
    whole file after a deletion.
    """
    row = tx.con.execute("SELECT min(polled_at) FROM core.feed_poll").fetchone()
    if row is None or row[0] is None or row[0] > tx.now - KEEP_POLLS - timedelta(days=7):
        return 0
    limit = tx.now - KEEP_POLLS
    gone = tx.con.execute(
        "SELECT count(*) FROM core.feed_poll WHERE polled_at < ?", [limit]
    ).fetchone()
    tx.con.execute("DELETE FROM core.feed_poll WHERE polled_at < ?", [limit])
    return int(gone[0]) if gone else 0


def feed_rows(con: DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return one dict per feed for `feeds list`: sick feeds first, then by name."""
    cursor = con.execute(
        """
        SELECT feed, outlet, state, state_reason, url, lang, country, tier, active, kind, items,
               interval_s, usual_gap_s, last_ok, newest_item_at, next_poll_at, failures, last_error
        FROM feeds
        ORDER BY active DESC, state IN ('OK', 'NEW'), state, feed
        """
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def load_robots(source: Transaction | DuckDBPyConnection, now: datetime) -> tuple[RobotsText, ...]:
    """Return the robots.txt files read within the last day: what `RobotsCache` starts with."""
    from extractors.robots import RobotsText

    rows = (
        _connection(source)
        .execute(
            "SELECT origin, text, epoch(fetched_at) FROM core.robots "
            "WHERE fetched_at > ? AND text IS NOT NULL",
            [now - timedelta(days=1)],
        )
        .fetchall()
    )
    return tuple(RobotsText(origin=o, text=t, fetched_at=float(at)) for o, t, at in rows)


def save_robots(tx: Transaction, rows: Sequence[RobotsText]) -> None:
    """Keep the robots.txt files that this run has read (`RobotsCache.fetched`)."""
    latest = {row.origin: row for row in rows}
    if not latest:
        return
    tx.con.execute(
        "DELETE FROM core.robots WHERE origin IN (SELECT unnest(?::VARCHAR[])) OR fetched_at < ?",
        [list(latest), tx.now - timedelta(days=7)],
    )
    insert_rows(
        tx,
        "core.robots",
        [
            {
                "origin": row.origin,
                "text": row.text,
                "error": row.error,
                "fetched_at": datetime.fromtimestamp(row.fetched_at, UTC),
            }
            for row in latest.values()
        ],
    )


def open_gaps(
    source: Transaction | DuckDBPyConnection,
    now: datetime,
    *,
    feeds: Sequence[str] | None = None,
) -> list[OpenGap]:
    """Return the gaps to fill now, the newest first: also those that a killed run left.

    Those whose sources did not answer are tried again each half an hour.
    """
    from extractors.catch_up import OpenGap

    rows = (
        _connection(source)
        .execute(
            f"""
        SELECT {_STATE_COLUMNS}, g.noticed_at, g.from_at, g.to_at
        FROM core.feed_gap g JOIN core.feed f USING (feed) LEFT JOIN core.feed_memory m USING (feed)
        WHERE g.state = 'open' AND g.from_at IS NOT NULL AND g.to_at IS NOT NULL
              AND (g.tried_at IS NULL OR g.tried_at <= ?)
        ORDER BY g.noticed_at DESC
        """,
            [now - GAP_TRIES_EVERY],
        )
        .fetchall()
    )
    gaps = []
    for row in rows:
        state = _state_of(row[:-3])
        if feeds is None or state.name in feeds:
            gaps.append(
                OpenGap(
                    feed=state.config,
                    url=state.url,
                    site_url=state.site_url,
                    noticed_at=row[-3],
                    from_at=row[-2],
                    to_at=row[-1],
                )
            )
    return gaps


def close_gaps(tx: Transaction, fills: Sequence[GapFill]) -> dict[str, int]:
    """Queue what was found for gaps, close them, and return counts for one summary line.

    Entries are queued as backfill: they are stored, and never alert one by one. The counts are
    `gaps`, `entries` (new ones queued), and the gaps by state: `filled`, `partly`, `lost`, `open`.
    A feed whose gap is filled is well again at its next poll.
    """
    counts = {"gaps": len(fills), "entries": 0, "filled": 0, "partly": 0, "lost": 0, "open": 0}
    for fill in fills:
        queued = queue_entries(tx, fill.entries, backfill=True)
        counts["entries"] += queued.new
        counts[fill.state] += 1
        name, noticed_at = fill.gap.feed.name, fill.gap.noticed_at
        tx.con.execute(
            "UPDATE core.feed_gap SET state = ?, filled = filled + ?, source = ?, closed_at = ?, "
            "tried_at = ?, rev = ? WHERE feed = ? AND noticed_at = ?",
            [
                fill.state,
                queued.new,
                fill.source,
                None if fill.state == "open" else tx.now,
                tx.now,
                tx.rev,
                name,
                noticed_at,
            ],
        )
        _tell_fill(tx, fill)
    return counts


def _tell_fill(tx: Transaction, fill: GapFill) -> None:
    """Write what became of a gap into its feed's reason, and forget a gap that is filled."""
    name, noticed_at = fill.gap.feed.name, fill.gap.noticed_at
    row = tx.con.execute(
        "SELECT g.reason, g.filled FROM core.feed_gap g JOIN core.feed_memory m USING (feed) "
        "WHERE g.feed = ? AND g.noticed_at = ? AND m.gap_at = g.noticed_at",
        [name, noticed_at],
    ).fetchone()
    if row is None:  # a later gap stands in the feed's state
        return
    found = f"{row[1]} found again ({fill.source})" if fill.source else "none found elsewhere"
    rest = {
        "filled": "",
        "partly": ", the rest could not be had",
        "open": "; a source did not answer and is asked again",
    }.get(fill.state, "")
    reason = f"{row[0]}; {found}{rest}"
    tx.con.execute(
        "UPDATE core.feed SET state_reason = ?, rev = ? WHERE feed = ? AND state = 'GAP'",
        [reason, tx.rev, name],
    )
    tx.con.execute(
        "UPDATE core.feed_memory SET gap_reason = ?, gap_at = ?, rev = ? WHERE feed = ?",
        [reason, None if fill.state == "filled" else noticed_at, tx.rev, name],
    )
