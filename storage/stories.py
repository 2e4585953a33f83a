"""Stories: what a batch of new articles makes of them.

In: the members that a batch adds, stories that become one, and texts that go to another story.
Out: the rows of these stories (storage/story_rows.py), their articles, hits and sketches, their
alerts, and the record of what became of stories that existed before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from storage.alert_stories import move_alerts
from storage.story_events import PROGRAM, read_apart, record_event
from storage.story_rows import (
    StoryMember,
    StoryRow,
    count_anew,
    is_agency,
    read_rows,
    write_rows,
)

if TYPE_CHECKING:
    from storage.database import Transaction
    from storage.lineage import Kin

_IDS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Step:
    """A change to the row of the story that holds a text; `root` is the first of its copies."""

    story_id: int
    root: int
    change: Callable[[StoryRow], None]
    member: StoryMember | None = None


@dataclass(frozen=True, slots=True)
class _Merging:
    """A story that becomes part of another one."""

    keep: int
    gone: int
    reason: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Leaving:
    """Texts, by the first of their copies, that leave a story for another one."""

    texts: tuple[int, ...]
    source: int
    target: int
    kind: str
    reason: dict[str, Any]


class StoryBook:
    """The stories that a batch touches: read once, written once.

    What is noted is carried out by `write`: texts leave first, then comes what the batch adds, then
    stories become one, and at last lines of versions are looked at again.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._free: list[int] = []
        self._new: set[int] = set()
        self._steps: list[_Step] = []
        self._last: list[_Step] = []
        self._leaving: list[_Leaving] = []
        self._merging: list[_Merging] = []
        self._merged: dict[int, int] = {}
        self._apart: set[frozenset[int]] | None = None

    def new_id(self) -> int:
        """Take a new story number (some at a time from the sequence; gaps do no harm)."""
        if not self._free:
            rows = self._tx.con.execute(
                "SELECT nextval('core.story_id') FROM range(?)", [_IDS_AT_ONCE]
            ).fetchall()
            self._free = sorted((int(row[0]) for row in rows), reverse=True)
        story_id = self._free.pop()
        self._new.add(story_id)
        return story_id

    def add(self, member: StoryMember) -> None:
        """Note that an article joins its story."""
        step = _Step(member.story_id, member.root, lambda row: row.add(member), member)
        self._steps.append(step)

    def look_again(self, story_id: int, line: Sequence[Kin]) -> None:
        """Note that a line of copies and versions of the story was judged anew."""
        step = _Step(story_id, line[0].text.root, lambda row: row.look_again(line))
        self._last.append(step)

    def move_texts(
        self,
        texts: Sequence[int],
        source: int,
        target: int,
        *,
        kind: str,
        reason: dict[str, Any],
    ) -> None:
        """Note that texts, with their copies, leave a story; `texts` are their first copies."""
        self._leaving.append(_Leaving(tuple(texts), source, target, kind, reason))

    def merge(self, keep: int, gone: int, *, reason: dict[str, Any]) -> None:
        """Note that the story `gone` becomes part of `keep`."""
        self._merging.append(_Merging(keep, gone, reason))
        self._merged[gone] = keep

    def current(self, story_id: int) -> int:
        """Return the story that a story of this batch ended in."""
        while story_id in self._merged:
            story_id = self._merged[story_id]
        return story_id

    def may_merge(self, a: int, b: int) -> bool:
        """Tell whether no user ever told these stories apart."""
        if self._apart is None:
            self._apart = read_apart(self._tx.con)
        return a == b or frozenset((a, b)) not in self._apart

    def write(self, roots: Mapping[int, int] | None = None) -> None:
        """Write the touched rows, and the record of what became of stories that existed before.

        `roots` says which first copies gave their copies to which others in this batch.
        """
        firsts = roots or {}
        mentioned = {step.story_id for step in (*self._steps, *self._last)}
        mentioned |= {story for one in self._leaving for story in (one.source, one.target)}
        mentioned |= {story for one in self._merging for story in (one.keep, one.gone)}
        rows = read_rows(self._tx.con, sorted(mentioned - self._new))
        stored = sorted(rows)
        for one in self._leaving:
            self._move_out(rows, one, firsts)
        left = {(text, one.source): one.target for one in self._leaving for text in one.texts}

        def place_of(step: _Step) -> int:
            root = firsts.get(step.root, step.root)
            return left.get((root, step.story_id), step.story_id)

        for step in self._steps:
            story_id = place_of(step)
            row = rows.get(story_id)
            if row is None and step.member is not None:
                member = replace(step.member, story_id=story_id)
                row = rows[story_id] = StoryRow.begin(member)
            if row is not None:
                step.change(row)
        for merging in self._merging:
            self._merge_rows(rows, merging)
        for row in rows.values():
            row.move_origins(firsts)
        for step in self._last:
            if row := rows.get(self.current(place_of(step))):
                step.change(row)
        write_rows(self._tx, list(rows.values()), replace=stored)

    def _move_out(self, rows: dict[int, StoryRow], one: _Leaving, roots: Mapping[int, int]) -> None:
        """Move stored articles from story to story and count both anew."""
        found = self._tx.con.execute(
            "SELECT article_id FROM core.article WHERE story_id = ? "
            "AND coalesce(duplicate_of, article_id) IN (SELECT unnest(?::BIGINT[])) "
            "ORDER BY article_id",
            [one.source, list(one.texts)],
        ).fetchall()
        articles = [int(row[0]) for row in found]
        if not articles:
            return  # all of them are of this batch
        give_articles(self._tx, articles, one.target)
        both = (one.source, one.target)
        known: dict[int, str] = {}
        for story_id in both:
            for root, name in (rows[story_id].origins if story_id in rows else {}).items():
                first = roots.get(root, root)
                if first not in known or is_agency(name):
                    known[first] = name
        for story_id in both:
            counted = count_anew(self._tx.con, story_id, known)
            if counted is not None:
                before = rows.get(story_id)
                counted.merged_into = before.merged_into if before is not None else None
                rows[story_id] = counted
        record_event(
            self._tx, kind=one.kind, story_id=one.source, other_story=one.target,
            articles=articles, made_by=PROGRAM, reason=one.reason,
        )  # fmt: skip

    def _merge_rows(self, rows: dict[int, StoryRow], merging: _Merging) -> None:
        keep, gone = merging.keep, merging.gone
        rows[keep].absorb(rows[gone])
        if gone in self._new:
            del rows[gone]  # it began in this batch: nobody ever saw it
            return
        moved = move_story(self._tx, gone, keep)
        rows[gone].merged_into = keep
        record_event(
            self._tx, kind="merge", story_id=keep, other_story=gone, articles=moved,
            made_by=PROGRAM, reason=merging.reason,
        )  # fmt: skip


def move_story(tx: Transaction, story_id: int, into: int) -> list[int]:
    """Give everything stored of one story to another; returns the moved articles.

    Its alerts stand for the other from now on (storage/alert_stories.py), so that nothing is
    alerted twice and later articles find the thread.
    """
    con = tx.con
    moved = con.execute(
        "SELECT article_id FROM core.article WHERE story_id = ? ORDER BY article_id", [story_id]
    ).fetchall()
    for table in ("core.article", "core.topic_hit", "core.sketch"):
        con.execute(
            f"UPDATE {table} SET story_id = ?, rev = ? WHERE story_id = ?", [into, tx.rev, story_id]
        )
    move_alerts(tx, story_id, into)
    return [int(row[0]) for row in moved]


def give_articles(tx: Transaction, articles: Sequence[int], story_id: int) -> None:
    """Give stored articles to a story, without their alerts; the rows of stories stay as they are.

    A thread stays with the story in which it began.
    """
    for table in ("core.article", "core.topic_hit", "core.sketch"):
        tx.con.execute(
            f"UPDATE {table} SET story_id = ?, rev = ? "
            "WHERE article_id IN (SELECT unnest(?::BIGINT[]))",
            [story_id, tx.rev, list(articles)],
        )
