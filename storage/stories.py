"""Stories: their rows, and how they are merged, split and read.

In: the members that a batch adds, or a user's correction. Out: rows of `core.story` that say how
many articles, outlets and origins a story has. A story's row carries the sets behind its counts,
so adding an article never reads the story's other articles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storage.rows import clean_text

if TYPE_CHECKING:
    from storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryMember:
    """One article as its story sees it. `root` is the article whose text it is, maybe itself."""

    article_id: int
    story_id: int
    root: int
    at: datetime
    title: str | None
    outlet: str | None
    language: str
    agency: str | None = None
    topics: tuple[str, ...] = ()
    is_new_story: bool = False
    is_current: bool = False


@dataclass(slots=True)
class _Row:
    """A row of `core.story`. `origins` maps each text (root) to who wrote it."""

    story_id: int
    title: str | None
    first_seen: datetime
    last_seen: datetime
    n_articles: int
    languages: list[str]
    outlets: list[str]
    origins: dict[int, str]
    topics: list[str]
    current_article: int

    def add(self, member: StoryMember) -> None:
        self.n_articles += 1
        self.first_seen = min(self.first_seen, member.at)
        self.last_seen = max(self.last_seen, member.at)
        if member.is_current or self.title is None:
            self.current_article = member.article_id
            self.title = member.title or self.title
        _add(self.languages, member.language)
        _add(self.outlets, member.outlet)
        for topic in member.topics:
            _add(self.topics, topic)
        if member.agency:
            self.origins[member.root] = AGENCY_MARK + member.agency
        else:
            self.origins.setdefault(member.root, member.outlet or "")

    def n_origins(self) -> int:
        """Different writers among the story's texts."""
        return max(1, len(set(self.origins.values())))


AGENCY_MARK = "agency:"
_COLUMNS = (
    "story_id, title, first_seen, last_seen, n_articles, n_outlets, n_origins, languages, "
    "current_article, outlets, origin_roots, origins, topics, rev"
)


class StoryBook:
    """The story rows that a batch touches: read once, written once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._free: list[int] = []

    def new_id(self) -> int:
        """Take a new story number (a few at a time from the sequence; gaps do no harm)."""
        if not self._free:
            rows = self._tx.con.execute(
                "SELECT nextval('core.story_id') FROM range(?)", [_IDS_AT_ONCE]
            ).fetchall()
            self._free = sorted((int(row[0]) for row in rows), reverse=True)
        return self._free.pop()

    def grow(self, members: Sequence[StoryMember]) -> None:
        """Add articles to their stories, in the order given."""
        new = {member.story_id for member in members if member.is_new_story}
        rows = self._read(sorted({member.story_id for member in members} - new))
        for member in members:
            row = rows.get(member.story_id)
            if row is None:
                rows[member.story_id] = row = _Row(
                    member.story_id, member.title, member.at, member.at, 0, [], [], {}, [],
                    member.article_id,
                )  # fmt: skip
            row.add(member)
        self._write(list(rows.values()), replace=sorted(set(rows) - new))

    def _read(self, ids: list[int]) -> dict[int, _Row]:
        if not ids:
            return {}
        found = self._tx.con.execute(
            """
            SELECT story_id, title, epoch_us(first_seen), epoch_us(last_seen), n_articles,
                   languages, outlets, origin_roots, origins, topics, current_article
            FROM core.story
            WHERE story_id IN (SELECT unnest(?::BIGINT[])) AND story_id BETWEEN ? AND ?
            """,
            [ids, ids[0], ids[-1]],
        ).fetchall()
        rows = {}
        for row in found:
            (story_id, title, first, last, n, langs, outlets, roots, origins, topics, current) = row
            rows[story_id] = _Row(
                story_id, title, _time(first), _time(last), n, list(langs or ()),
                list(outlets or ()), dict(zip(roots or (), origins or (), strict=True)),
                list(topics or ()), current,
            )  # fmt: skip
        return rows

    def _write(self, rows: list[_Row], replace: list[int]) -> None:
        con = self._tx.con
        if replace:
            con.execute(
                "DELETE FROM core.story WHERE story_id IN (SELECT unnest(?::BIGINT[])) "
                "AND story_id BETWEEN ? AND ?",
                [replace, replace[0], replace[-1]],
            )
        con.execute(
            f"""
            INSERT INTO core.story ({_COLUMNS})
            SELECT unnest(?::BIGINT[]), unnest(?::VARCHAR[]),
                   make_timestamptz(unnest(?::BIGINT[])), make_timestamptz(unnest(?::BIGINT[])),
                   unnest(?::INTEGER[]), unnest(?::INTEGER[]), unnest(?::INTEGER[]),
                   unnest(?::VARCHAR[][]), unnest(?::BIGINT[]), unnest(?::VARCHAR[][]),
                   unnest(?::BIGINT[][]), unnest(?::VARCHAR[][]), unnest(?::VARCHAR[][]), ?
            """,
            [
                [row.story_id for row in rows],
                [clean_text(row.title) if row.title else None for row in rows],
                [_micros(row.first_seen) for row in rows],
                [_micros(row.last_seen) for row in rows],
                [row.n_articles for row in rows],
                [max(1, len(row.outlets)) for row in rows],
                [row.n_origins() for row in rows],
                [row.languages for row in rows],
                [row.current_article for row in rows],
                [row.outlets for row in rows],
                [list(row.origins) for row in rows],
                [list(row.origins.values()) for row in rows],
                [row.topics for row in rows],
                self._tx.rev,
            ],
        )


_IDS_AT_ONCE = 64


def _add(values: list[str], value: str | None) -> None:
    if value and value not in values:
        values.append(value)


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
