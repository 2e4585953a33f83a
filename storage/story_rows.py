"""The rows of stories: what a story's articles add up to.

In: the articles of a story, as they come or as they are stored. Out: rows of `core.story` that say
how many articles, outlets and origins it has, and which text is its current one. A row carries the
sets behind its counts, so adding an article never reads the story's other articles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storage.rows import clean_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction
    from storage.lineage import Kin


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


@dataclass(frozen=True, slots=True)
class StoryText:
    """A text that may be the one by which a story is known."""

    article_id: int
    at: datetime
    title: str | None
    is_version: bool

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Versions before others, the newest first; of others the oldest."""
        sign = 1 if self.is_version else -1
        return self.is_version, sign * self.at.timestamp(), sign * self.article_id


@dataclass(slots=True)
class StoryRow:
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
    merged_into: int | None = None
    current_at: datetime | None = None
    current_is_version: bool = False

    @classmethod
    def begin(cls, member: StoryMember) -> StoryRow:
        """Return the row of a story that begins with an article, which is yet to be added."""
        return cls(
            member.story_id, member.title, member.at, member.at, 0, [], [], {}, [],
            member.article_id, None, member.at, member.is_current,
        )  # fmt: skip

    def absorb(self, other: StoryRow) -> None:
        """Take in all that another story has."""
        self.n_articles += other.n_articles
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        for mine, its in (
            (self.languages, other.languages),
            (self.outlets, other.outlets),
            (self.topics, other.topics),
        ):
            for value in its:
                _add(mine, value)
        for root, name in other.origins.items():
            self._note_origin(root, name)
        self._offer(other._current())

    def _current(self) -> StoryText:
        at = self.current_at or self.first_seen
        return StoryText(self.current_article, at, self.title, self.current_is_version)

    def _offer(self, text: StoryText) -> None:
        """Let a text be the story's current one: the newest version, else the first text."""
        mine = self._current()
        if text.rank > mine.rank or not self.title:
            self._take(text)

    def _take(self, text: StoryText) -> None:
        self.current_article, self.current_at = text.article_id, text.at
        self.current_is_version = text.is_version
        self.title = text.title or self.title

    def look_again(self, line: Sequence[Kin]) -> None:
        """Choose the current text anew after a line of copies and versions was judged anew."""
        texts = [
            StoryText(kin.text.article_id, kin.at, kin.title, kin.level == "version")
            for kin in line
        ]
        best = max(texts, key=lambda text: text.rank)
        if any(text.article_id == self.current_article for text in texts):
            self._take(best)
        else:
            self._offer(best)

    def move_origins(self, firsts: Mapping[int, int]) -> None:
        """Let the copies of texts be those of others: one origin less, agencies stay.

        `firsts` maps former first copies to those that took their place.
        """
        for root in [root for root in self.origins if root in firsts]:
            self._note_origin(firsts[root], self.origins.pop(root))

    def _note_origin(self, root: int, name: str) -> None:
        """Note who wrote a text: an agency that it credits counts more than who printed it."""
        mine = self.origins.get(root)
        if mine is None or (is_agency(name) and not is_agency(mine)):
            self.origins[root] = name

    def add(self, member: StoryMember) -> None:
        """Count an article."""
        self.n_articles += 1
        self.first_seen = min(self.first_seen, member.at)
        self.last_seen = max(self.last_seen, member.at)
        self._offer(StoryText(member.article_id, member.at, member.title, member.is_current))
        _add(self.languages, member.language)
        _add(self.outlets, member.outlet)
        for topic in member.topics:
            _add(self.topics, topic)
        is_first = member.root == member.article_id
        if is_first and not member.agency and not is_agency(self.origins.get(member.root)):
            self.origins[member.root] = member.outlet or ""  # the first text's outlet wrote it
        elif is_first and member.agency:
            self.origins[member.root] = AGENCY_MARK + member.agency
        elif member.agency:
            self._note_origin(member.root, AGENCY_MARK + member.agency)
        else:
            self.origins.setdefault(member.root, member.outlet or "")

    def n_origins(self) -> int:
        """Different writers among the story's texts."""
        return max(1, len(set(self.origins.values())))


AGENCY_MARK = "agency:"


def is_agency(origin: str | None) -> bool:
    """Tell whether an agency wrote a text, as `StoryRow.origins` has it."""
    return origin is not None and origin.startswith(AGENCY_MARK)


_COLUMNS = (
    "story_id, title, first_seen, last_seen, n_articles, n_outlets, n_origins, languages, "
    "current_article, outlets, origin_roots, origins, topics, merged_into, current_at, "
    "current_is_version, rev"
)


def read_rows(con: DuckDBPyConnection, ids: list[int]) -> dict[int, StoryRow]:
    """Return the stored rows of stories, by number; unknown ones are left out."""
    if not ids:
        return {}
    found = con.execute(
        """
        SELECT story_id, title, epoch_us(first_seen), epoch_us(last_seen), n_articles,
               languages, outlets, origin_roots, origins, topics, current_article,
               merged_into, epoch_us(current_at), current_is_version
        FROM core.story
        WHERE story_id IN (SELECT unnest(?::BIGINT[])) AND story_id BETWEEN ? AND ?
        """,
        [ids, ids[0], ids[-1]],
    ).fetchall()
    rows = {}
    for row in found:
        (
            story_id,
            title,
            first,
            last,
            n,
            langs,
            outlets,
            roots,
            origins,
            topics,
            current,
            merged,
            current_at,
            is_version,
        ) = row
        rows[story_id] = StoryRow(
            story_id, title, _time(first), _time(last), n, list(langs or ()),
            list(outlets or ()), dict(zip(roots or (), origins or (), strict=True)),
            list(topics or ()), current, merged,
            None if current_at is None else _time(current_at), bool(is_version),
        )  # fmt: skip
    return rows


def write_rows(tx: Transaction, rows: Sequence[StoryRow], *, replace: Sequence[int]) -> None:
    """Write rows, in place of the stored ones of `replace` (in ascending order)."""
    con = tx.con
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
               unnest(?::BIGINT[][]), unnest(?::VARCHAR[][]), unnest(?::VARCHAR[][]),
               unnest(?::BIGINT[]), make_timestamptz(unnest(?::BIGINT[])),
               unnest(?::BOOLEAN[]), ?
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
            [row.merged_into for row in rows],
            [_micros(row.current_at or row.first_seen) for row in rows],
            [row.current_is_version for row in rows],
            tx.rev,
        ],
    )


def write_recount(tx: Transaction, story_ids: Sequence[int], *, sources: Sequence[int]) -> None:
    """Count stories anew from their articles; `sources` are stories that know who wrote what."""
    before = read_rows(tx.con, sorted({*story_ids, *sources}))
    known = {root: name for row in before.values() for root, name in row.origins.items()}
    for story_id in story_ids:
        counted = count_anew(tx.con, story_id, known)
        if counted is None:
            continue
        counted.merged_into = before[story_id].merged_into if story_id in before else None
        write_rows(tx, [counted], replace=[story_id])


def count_anew(con: DuckDBPyConnection, story_id: int, known: Mapping[int, str]) -> StoryRow | None:
    """Return a story's row as its stored articles have it; None when it has none.

    `known` says who wrote a text, by the first of its copies.
    """
    rows = con.execute(
        """
        SELECT article_id, coalesce(duplicate_of, article_id),
               epoch_us(coalesce(published_at, fetched_at)), title, coalesce(outlet, host),
               language, duplicate_level
        FROM core.article WHERE story_id = ? ORDER BY article_id
        """,
        [story_id],
    ).fetchall()
    counted: StoryRow | None = None
    for article_id, root, at, title, outlet, language, level in rows:
        origin = known.get(root, "")
        member = StoryMember(
            article_id=article_id, story_id=story_id, root=root, at=_time(at), title=title,
            outlet=outlet, language=language, is_current=level == "version",
            agency=origin.removeprefix(AGENCY_MARK) if origin.startswith(AGENCY_MARK) else None,
        )  # fmt: skip
        counted = counted or StoryRow.begin(member)
        counted.add(member)
    if counted is not None:
        counted.topics = _topics_of(con, story_id)
    return counted


def _topics_of(con: DuckDBPyConnection, story_id: int) -> list[str]:
    rows = con.execute(
        "SELECT topic FROM core.topic_hit WHERE story_id = ? GROUP BY topic "
        "ORDER BY min(article_id), topic",
        [story_id],
    ).fetchall()
    return [str(row[0]) for row in rows]


def _add(values: list[str], value: str | None) -> None:
    if value and value not in values:
        values.append(value)


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
