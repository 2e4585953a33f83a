"""People's corrections to stories, and reading a story as a timeline.

In: story and article numbers. Out: stories merged, split or restored, each with a row in
`story_events`, so that it can be undone and is never done again by the program against the
user's word. Corrections never alert: alerts are made of new articles only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extractors.errors import UsageError
from extractors.sketch import make_sketch
from storage.alert_stories import return_alerts
from storage.rows import insert_rows
from storage.stories import give_articles, move_story
from storage.story_events import USER, record_event, story_id_of
from storage.story_rows import write_recount

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One article in a story's timeline. `reason` is what the fold recorded."""

    article_id: int
    at: datetime
    outlet: str
    language: str
    title: str | None
    url: str | None
    body: str
    duplicate_of: int | None
    duplicate_level: str | None
    reason: dict[str, Any]
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryTimeline:
    """A story with its members in the order of their time, and what happened to it."""

    story_id: int
    title: str | None
    first_seen: datetime
    last_seen: datetime
    n_articles: int
    n_outlets: int
    n_origins: int
    languages: tuple[str, ...]
    current_article: int | None
    members: tuple[Member, ...]
    events: tuple[dict[str, Any], ...] = field(default=())


def read_story(con: DuckDBPyConnection, story_id: int) -> StoryTimeline:
    """Return a story; one that was merged leads to the one it went into.

    Raises:
        UsageError: there is no such story.
    """
    current = story_id_of(con, story_id)
    if current is None:
        raise UsageError(
            f"there is no story {story_id}: "
            '`presswatch sql "select story_id, title from stories"` lists them'
        )
    row = con.execute(
        """
        SELECT title, first_seen, last_seen, n_articles, n_outlets, n_origins, languages,
               current_article, origin_roots, origins
        FROM core.story WHERE story_id = ?
        """,
        [current],
    ).fetchone()
    assert row is not None
    origins = dict(zip(row[8] or (), row[9] or (), strict=True))
    found = con.execute(
        """
        SELECT article_id, coalesce(published_at, fetched_at) AS seen, coalesce(outlet, host, ''),
               language, title, coalesce(canonical_url, url), body, duplicate_of, duplicate_level,
               fold_reason
        FROM core.article WHERE story_id = ? ORDER BY seen, article_id
        """,
        [current],
    ).fetchall()
    members = tuple(
        Member(
            article_id=m[0], at=m[1], outlet=m[2], language=m[3], title=m[4], url=m[5],
            body=m[6] or "", duplicate_of=m[7], duplicate_level=m[8],
            reason=json.loads(m[9]) if m[9] else {},
            origin=_origin_name(origins.get(m[7] or m[0], origins.get(m[0], m[2]))),
        )
        for m in found
    )  # fmt: skip
    return StoryTimeline(
        story_id=current, title=row[0], first_seen=row[1], last_seen=row[2], n_articles=row[3],
        n_outlets=row[4], n_origins=row[5], languages=tuple(row[6] or ()),
        current_article=row[7], members=members, events=tuple(_events(con, current)),
    )  # fmt: skip


def merge_stories(tx: Transaction, keep: int, gone: int) -> int:
    """Put all of the story `gone` into `keep`; returns the number of articles moved.

    Raises:
        UsageError: one of them does not exist, or they are one already.
    """
    first, second = _existing(tx.con, keep), _existing(tx.con, gone)
    if first == second:
        raise UsageError(f"stories {keep} and {gone} are one story already ({first})")
    moved = move_story(tx, second, first)
    tx.con.execute(
        "UPDATE core.story SET merged_into = ?, rev = ? WHERE story_id = ?", [first, tx.rev, second]
    )
    write_recount(tx, [first], sources=[first, second])
    record_event(
        tx, kind="merge", story_id=first, other_story=second, articles=moved, made_by=USER,
        reason={"rule": "a user said so"},
    )  # fmt: skip
    return len(moved)


def split_story(tx: Transaction, story_id: int, articles: Sequence[int]) -> int:
    """Take articles, with their copies, out of a story into a new one; returns its number.

    Raises:
        UsageError: no such story, an article is not in it, or nothing would be left of it.
    """
    source = _existing(tx.con, story_id)
    members = _members(tx.con, source)
    strangers = [a for a in articles if a not in members]
    if strangers:
        raise UsageError(
            f"article {strangers[0]} is not in story {source}: `presswatch story {source}` "
            "lists its articles"
        )
    taken = set(articles)
    taken |= {a for a, root in members.items() if root in taken and a not in taken}
    if len(taken) == len(members):
        raise UsageError(f"that is the whole of story {source}: leave at least one article in it")
    row = tx.con.execute("SELECT nextval('core.story_id')").fetchone()
    assert row is not None
    new = int(row[0])
    detached = _move_articles(tx, sorted(taken), new)
    write_recount(tx, [source, new], sources=[source])
    record_event(
        tx, kind="split", story_id=source, other_story=new, articles=sorted(taken), made_by=USER,
        reason={"rule": "a user said so", "detached": detached},
    )  # fmt: skip
    return new


def undo_event(tx: Transaction, event_id: int) -> dict[str, Any]:
    """Undo a merge, a split or a move; returns what was undone.

    Raises:
        UsageError: no such event, or it is none that can be undone, or can be no more.
    """
    row = tx.con.execute(
        """
        SELECT kind, story_id, other_story, articles,
               EXISTS (SELECT 1 FROM core.story_event u WHERE u.undoes = e.event_id)
        FROM core.story_event e WHERE event_id = ?
        """,
        [event_id],
    ).fetchone()
    if row is None or row[0] not in ("merge", "split", "move") or row[4]:
        raise UsageError(
            f"event {event_id} cannot be undone: `presswatch story ID` lists a story's events; "
            "merges, splits and moves that were not undone yet can be"
        )
    kind, story_id, other, articles, _ = row
    keep = story_id_of(tx.con, story_id) or story_id
    if kind == "merge":
        _give_back(tx, event_id, articles, keep, other)
        return_alerts(tx, other)
    elif kind == "move":
        _give_back(tx, event_id, articles, story_id_of(tx.con, other) or other, keep)
    else:
        if story_id_of(tx.con, other) != other:
            raise _changed_since(event_id)
        move_story(tx, other, keep)
        tx.con.execute(
            "UPDATE core.story SET merged_into = ?, rev = ? WHERE story_id = ?",
            [keep, tx.rev, other],
        )
        write_recount(tx, [keep], sources=[keep, other])
    record_event(
        tx, kind="undo", story_id=keep, other_story=other, articles=articles, made_by=USER,
        reason={"of": kind}, undoes=event_id,
    )  # fmt: skip
    return {"event_id": event_id, "kind": kind, "story_id": keep, "other_story": other}


def _give_back(
    tx: Transaction, event_id: int, articles: Sequence[int], source: int, target: int
) -> None:
    """Move articles, with the copies that came since, back to the story that they came from.

    Raises:
        UsageError: none of them is where the event had put them.
    """
    members = _members(tx.con, source)
    taken = {a for a, root in members.items() if a in articles or root in articles}
    if source == target or not taken:
        raise _changed_since(event_id)
    tx.con.execute(
        "UPDATE core.story SET merged_into = NULL, rev = ? WHERE story_id = ?", [tx.rev, target]
    )
    if len(taken) < len(members):
        _move_articles(tx, sorted(taken), target)
    else:  # nothing else is left there
        move_story(tx, source, target)
        tx.con.execute(
            "UPDATE core.story SET merged_into = ?, rev = ? WHERE story_id = ?",
            [target, tx.rev, source],
        )
    write_recount(tx, [source, target], sources=[source, target])


def _changed_since(event_id: int) -> UsageError:
    return UsageError(
        f"event {event_id} cannot be undone any more: its stories have changed since; "
        "`presswatch story split` and `story merge` put articles where you want them"
    )


def _move_articles(tx: Transaction, articles: list[int], story_id: int) -> dict[str, int]:
    """Give articles to a story. Copies whose text stays behind become texts of their own.

    Returns the former `duplicate_of` of those, by article.
    """
    con = tx.con
    give_articles(tx, articles, story_id)
    loose = con.execute(
        """
        SELECT article_id, duplicate_of, title, body, language, outlet,
               epoch(coalesce(published_at, fetched_at))::BIGINT
        FROM core.article
        WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND duplicate_of IS NOT NULL
          AND duplicate_of NOT IN (SELECT unnest(?::BIGINT[]))
          AND article_id BETWEEN ? AND ?
        """,
        [articles, articles, min(articles, default=0), max(articles, default=0)],
    ).fetchall()
    if not loose:
        return {}
    ids = [row[0] for row in loose]
    con.execute(
        "UPDATE core.article SET duplicate_of = NULL, duplicate_level = NULL, rev = ? "
        "WHERE article_id IN (SELECT unnest(?::BIGINT[]))",
        [tx.rev, ids],
    )
    for table in ("core.sketch", "core.sketch_hash"):
        con.execute(f"DELETE FROM {table} WHERE article_id IN (SELECT unnest(?::BIGINT[]))", [ids])
    hashes: list[dict[str, Any]] = []
    sketches: list[dict[str, Any]] = []
    for article_id, _, title, body, language, outlet, at in loose:
        sketch = make_sketch(body or "", title, language, datetime.fromtimestamp(at, UTC))
        own = [h for h in dict.fromkeys((*sketch.hashes, sketch.exact)) if h]
        place = {"article_id": article_id, "root": article_id, "at_s": at}
        hashes += [{**place, "h": h} for h in own]
        sketches.append(
            {
                **place,
                "story_id": story_id,
                "outlet": outlet,
                "language": language,
                "shingles": sketch.shingles,
                "features": sketch.features,
                "clues": " ".join(sketch.clues) or None,
            }
        )
    insert_rows(tx, "core.sketch_hash", hashes)
    insert_rows(tx, "core.sketch", sketches)
    return {str(row[0]): row[1] for row in loose}


def _existing(con: DuckDBPyConnection, story_id: int) -> int:
    current = story_id_of(con, story_id)
    if current is None:
        raise UsageError(
            f"there is no story {story_id}: "
            '`presswatch sql "select story_id, title from stories"` lists them'
        )
    return current


def _members(con: DuckDBPyConnection, story_id: int) -> dict[int, int]:
    rows = con.execute(
        "SELECT article_id, coalesce(duplicate_of, article_id) FROM core.article "
        "WHERE story_id = ?",
        [story_id],
    ).fetchall()
    return {int(article): int(root) for article, root in rows}


def _events(con: DuckDBPyConnection, story_id: int) -> list[dict[str, Any]]:
    rows = con.execute(
        """
        SELECT event_id, kind, story_id, other_story, articles, happened_at, made_by, reason, undoes
        FROM core.story_event WHERE story_id = ? OR other_story = ? ORDER BY event_id
        """,
        [story_id, story_id],
    ).fetchall()
    names = ("event_id", "kind", "story_id", "other_story", "articles", "happened_at", "made_by",
             "reason", "undoes")  # fmt: skip
    events = [dict(zip(names, row, strict=True)) for row in rows]
    for event in events:
        event["reason"] = json.loads(event["reason"]) if event["reason"] else {}
    return events


def _origin_name(origin: str) -> str:
    return origin.removeprefix("agency:")
