"""What happened to stories, and what of it binds the program.

In: merges, splits, moves, and people's corrections. Out: rows of `core.story_event`, and, from
those that people made, which stories never meet and which are not taken apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from storage.rows import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction

PROGRAM, USER = "presswatch", "user"
MAX_HOPS = 100  # a chain of merges; a longer one would be a circle


def record_event(
    tx: Transaction,
    *,
    kind: str,
    story_id: int,
    other_story: int | None = None,
    articles: Sequence[int] = (),
    made_by: str,
    reason: dict[str, Any] | None = None,
    undoes: int | None = None,
) -> int:
    """Write what happened to a story; returns the event's number."""
    found = tx.con.execute("SELECT nextval('core.story_event_id')").fetchone()
    event_id = int(found[0]) if found else 0
    insert_rows(
        tx,
        "core.story_event",
        [
            {
                "event_id": event_id,
                "kind": kind,
                "story_id": story_id,
                "other_story": other_story,
                "articles": list(articles),
                "happened_at": tx.now,
                "made_by": made_by,
                "reason": reason,
                "undoes": undoes,
            }
        ],
    )
    return event_id


def read_apart(con: DuckDBPyConnection) -> set[frozenset[int]]:
    """Return the pairs of stories that a user told apart: by a split, or by undoing a merge."""
    rows = con.execute(
        """
        SELECT e.story_id, e.other_story FROM core.story_event e
        WHERE e.made_by = ? AND e.other_story IS NOT NULL
          AND (e.kind = 'split'
               OR (e.kind = 'undo' AND e.reason->>'of' IN ('merge', 'move')))
          AND NOT EXISTS (SELECT 1 FROM core.story_event u WHERE u.undoes = e.event_id)
        """,
        [USER],
    ).fetchall()
    now = _stories_now(con, [story for pair in rows for story in pair])
    return {frozenset((now[a], now[b])) for a, b in rows if now[a] != now[b]}


def read_held(con: DuckDBPyConnection) -> set[int]:
    """Return the stories that a user corrected: the program takes no text out of them."""
    rows = con.execute(
        "SELECT DISTINCT unnest([story_id, other_story]) FROM core.story_event WHERE made_by = ?",
        [USER],
    ).fetchall()
    return set(_stories_now(con, [row[0] for row in rows if row[0] is not None]).values())


def story_id_of(con: DuckDBPyConnection, story_id: int) -> int | None:
    """Return the story that `story_id` is part of now (itself, unless merged); None if unknown."""
    row = con.execute("SELECT 1 FROM core.story WHERE story_id = ?", [story_id]).fetchone()
    return None if row is None else _stories_now(con, [story_id])[story_id]


def _stories_now(con: DuckDBPyConnection, story_ids: Sequence[int]) -> dict[int, int]:
    """Return which story each of these is part of now: itself, unless merged."""
    if not story_ids:
        return {}
    rows = con.execute(
        """
        WITH RECURSIVE now AS (
            SELECT was, was AS story_id, 0 AS hops
            FROM (SELECT DISTINCT unnest(?::BIGINT[]) AS was)
            UNION ALL
            SELECT n.was, s.merged_into, n.hops + 1
            FROM now n JOIN core.story s USING (story_id)
            WHERE s.merged_into IS NOT NULL AND n.hops < ?
        )
        SELECT was, arg_max(story_id, hops) FROM now GROUP BY 1
        """,
        [list(story_ids), MAX_HOPS],
    ).fetchall()
    return {int(was): int(story_id) for was, story_id in rows}
