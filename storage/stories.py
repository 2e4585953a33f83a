"""Stories: their rows, and how they are merged, split and read.

In: the members that a batch adds, or a user's correction. Out: rows of `core.story` that say how
many articles, outlets and origins a story has. A story's row carries the sets behind its counts,
so adding an article never reads the story's other articles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from storage.alert_stories import move_alerts
from storage.rows import clean_text, insert_rows

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
class _Text:
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
    merged_into: int | None = None
    current_at: datetime | None = None
    current_is_version: bool = False

    @classmethod
    def begin(cls, member: StoryMember) -> _Row:
        return cls(
            member.story_id, member.title, member.at, member.at, 0, [], [], {}, [],
            member.article_id, None, member.at, member.is_current,
        )  # fmt: skip

    def absorb(self, other: _Row) -> None:
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

    def _current(self) -> _Text:
        at = self.current_at or self.first_seen
        return _Text(self.current_article, at, self.title, self.current_is_version)

    def _offer(self, text: _Text) -> None:
        """Let a text be the story's current one: the newest version, else the first text."""
        mine = self._current()
        if text.rank > mine.rank or not self.title:
            self._take(text)

    def _take(self, text: _Text) -> None:
        self.current_article, self.current_at = text.article_id, text.at
        self.current_is_version = text.is_version
        self.title = text.title or self.title

    def look_again(self, line: Sequence[Kin]) -> None:
        """Choose the current text anew after a line of copies and versions was judged anew."""
        texts = [
            _Text(kin.text.article_id, kin.at, kin.title, kin.level == "version") for kin in line
        ]
        best = max(texts, key=lambda text: text.rank)
        if any(text.article_id == self.current_article for text in texts):
            self._take(best)
        else:
            self._offer(best)

    def move_origin(self, root: int, into: int) -> None:
        """Let the copies of one text be those of another: one origin less, agencies stay."""
        name = self.origins.pop(root, None)
        if name is not None and (_is_agency(name) or into in self.origins):
            self._note_origin(into, name)

    def _note_origin(self, root: int, name: str) -> None:
        """Note who wrote a text: an agency that it credits counts more than who printed it."""
        mine = self.origins.get(root)
        if mine is None or (_is_agency(name) and not _is_agency(mine)):
            self.origins[root] = name

    def add(self, member: StoryMember) -> None:
        self.n_articles += 1
        self.first_seen = min(self.first_seen, member.at)
        self.last_seen = max(self.last_seen, member.at)
        self._offer(_Text(member.article_id, member.at, member.title, member.is_current))
        _add(self.languages, member.language)
        _add(self.outlets, member.outlet)
        for topic in member.topics:
            _add(self.topics, topic)
        is_first = member.root == member.article_id
        if is_first and not member.agency and not _is_agency(self.origins.get(member.root)):
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


def _is_agency(origin: str | None) -> bool:
    return origin is not None and origin.startswith(AGENCY_MARK)


_COLUMNS = (
    "story_id, title, first_seen, last_seen, n_articles, n_outlets, n_origins, languages, "
    "current_article, outlets, origin_roots, origins, topics, merged_into, current_at, "
    "current_is_version, rev"
)
_IDS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing to do to a story's row: a change to it, or another story that becomes part."""

    story_id: int
    change: Callable[[_Row], None] | None
    member: StoryMember | None = None
    gone: int | None = None
    reason: dict[str, Any] = field(default_factory=dict)
    root: int | None = None  # the first copy of the text that it is about
    moved: list[int] | None = None  # the stored articles of `gone`, once they have moved


@dataclass(frozen=True, slots=True)
class _Leaving:
    """Texts, by the first of their copies, that leave a story for another one."""

    texts: tuple[int, ...]
    source: int
    target: int
    kind: str
    reason: dict[str, Any]


class StoryBook:
    """The story rows that a batch touches: read once, written once.

    Calls to `add` and `merge` are kept in their order and carried out by `write`.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._free: list[int] = []
        self._new: set[int] = set()
        self._steps: list[_Step] = []
        self._merged: dict[int, int] = {}
        self._leaving: list[_Leaving] = []
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
        self._steps.append(
            _Step(member.story_id, lambda row: row.add(member), member, root=member.root)
        )

    def move_origin(self, story_id: int, root: int, into: int) -> None:
        """Note that the copies of one text are those of another, of the same story."""
        self._steps.append(_Step(story_id, lambda row: row.move_origin(root, into), root=into))

    def look_again(self, story_id: int, line: Sequence[Kin]) -> None:
        """Note that a line of copies and versions of the story was judged anew."""
        self._steps.append(
            _Step(story_id, lambda row: row.look_again(line), root=line[0].text.root)
        )

    def merge(self, keep: int, gone: int, *, reason: dict[str, Any]) -> None:
        """Note that the story `gone` becomes part of `keep`."""
        self._steps.append(_Step(keep, None, None, gone, reason))
        self._merged[gone] = keep

    def move_merged(self) -> None:
        """Give the stored articles of merged stories to those that they are part of now.

        So that what is read from here on is as it will be; `write` does the rest.
        """
        for n, step in enumerate(self._steps):
            if step.gone is not None and step.gone not in self._new and step.moved is None:
                moved = move_story(self._tx, step.gone, step.story_id)
                self._steps[n] = replace(step, moved=moved)

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
        mentioned = {step.story_id for step in self._steps}
        mentioned |= {step.gone for step in self._steps if step.gone is not None}
        mentioned |= {story for one in self._leaving for story in (one.source, one.target)}
        rows = self.read(sorted(mentioned - self._new))
        stored = set(rows)
        counted: set[int] = set()
        for one in self._leaving:
            counted |= self._move_out(rows, one, roots or {})
        within = self._counted_within(counted)
        self.move_merged()
        left = {text: one.target for one in self._leaving for text in one.texts}
        for step in self._steps:
            if step.gone is not None:
                self._merge_rows(rows, stored, step, is_counted=step.gone in within)
                continue
            root = (roots or {}).get(step.root, step.root) if step.root is not None else None
            story_id = within.get(step.story_id, step.story_id)
            story_id = left.get(root, story_id) if root is not None else story_id
            row = rows.get(story_id)
            if row is None:
                if step.member is None:
                    continue
                rows[story_id] = row = _Row.begin(replace(step.member, story_id=story_id))
            if step.change is not None:
                step.change(row)
        self._write(list(rows.values()), replace=sorted(stored))

    def _counted_within(self, counted: set[int]) -> dict[int, int]:
        """Merged stories whose articles were counted as those of the story they went into."""
        went = {step.gone: step.story_id for step in self._steps
                if step.gone is not None and step.moved is not None}  # fmt: skip
        within = {}
        for gone in went:
            into = gone
            while into in went:
                into = went[into]
            if into in counted:
                within[gone] = into
        return within

    def _move_out(self, rows: dict[int, _Row], one: _Leaving, roots: Mapping[int, int]) -> set[int]:
        """Move stored articles from story to story, count both and return their numbers."""
        con = self._tx.con
        found = con.execute(
            "SELECT article_id FROM core.article WHERE story_id = ? "
            "AND coalesce(duplicate_of, article_id) IN (SELECT unnest(?::BIGINT[])) "
            "ORDER BY article_id",
            [one.source, list(one.texts)],
        ).fetchall()
        articles = [int(row[0]) for row in found]
        if not articles:
            return set()  # all of them are of this batch
        give_articles(self._tx, articles, one.target)
        known: dict[int, str] = {}
        for story_id in (one.source, one.target):
            for root, name in (rows[story_id].origins if story_id in rows else {}).items():
                first = roots.get(root, root)
                if first not in known or _is_agency(name):
                    known[first] = name
        for story_id in (one.source, one.target):
            counted = _count_anew(con, story_id, known)
            if counted is not None:
                counted.topics = _topics_of(con, story_id)
                before = rows.get(story_id)
                counted.merged_into = before.merged_into if before is not None else None
                rows[story_id] = counted
        record_event(
            self._tx, kind=one.kind, story_id=one.source, other_story=one.target,
            articles=articles, made_by=PROGRAM, reason=one.reason,
        )  # fmt: skip
        return {one.source, one.target}

    def replace(self, row: _Row) -> None:
        """Write one row in place of the stored one, if there is one."""
        self._write([row], replace=[row.story_id])

    def _merge_rows(
        self, rows: dict[int, _Row], stored: set[int], step: _Step, *, is_counted: bool
    ) -> None:
        keep, gone = step.story_id, step.gone
        assert gone is not None
        if not is_counted:
            rows[keep].absorb(rows[gone])
        if gone not in stored:
            del rows[gone]  # it began in this batch: nobody ever saw it
            return
        rows[gone].merged_into = keep
        record_event(
            self._tx, kind="merge", story_id=keep, other_story=gone, articles=step.moved or (),
            made_by=PROGRAM, reason=step.reason,
        )  # fmt: skip

    def read(self, ids: list[int]) -> dict[int, _Row]:
        """Return the stored rows of stories, by number; unknown ones are left out."""
        if not ids:
            return {}
        found = self._tx.con.execute(
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
            rows[story_id] = _Row(
                story_id, title, _time(first), _time(last), n, list(langs or ()),
                list(outlets or ()), dict(zip(roots or (), origins or (), strict=True)),
                list(topics or ()), current, merged,
                None if current_at is None else _time(current_at), bool(is_version),
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
                self._tx.rev,
            ],
        )


PROGRAM, USER = "presswatch", "user"


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
    now = _Now(con)
    return {frozenset((now.of(a), now.of(b))) for a, b in rows if now.of(a) != now.of(b)}


def read_held(con: DuckDBPyConnection) -> set[int]:
    """Return the stories that a user corrected: the program takes no text out of them."""
    rows = con.execute(
        "SELECT DISTINCT unnest([story_id, other_story]) FROM core.story_event WHERE made_by = ?",
        [USER],
    ).fetchall()
    now = _Now(con)
    return {now.of(row[0]) for row in rows if row[0] is not None}


class _Now:
    """The stories that corrected stories are part of now."""

    def __init__(self, con: DuckDBPyConnection) -> None:
        self._con = con
        self._known: dict[int, int] = {}

    def of(self, story_id: int) -> int:
        if story_id not in self._known:
            self._known[story_id] = story_id_of(self._con, story_id) or story_id
        return self._known[story_id]


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


def story_id_of(con: DuckDBPyConnection, story_id: int) -> int | None:
    """Return the story that `story_id` is part of now (itself, unless merged); None if unknown."""
    for _ in range(100):  # a chain of merges; longer ones would be a circle
        row = con.execute(
            "SELECT merged_into FROM core.story WHERE story_id = ?", [story_id]
        ).fetchone()
        if row is None:
            return None
        if row[0] is None:
            return story_id
        story_id = int(row[0])
    return story_id


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


def write_recount(tx: Transaction, story_ids: Sequence[int], *, sources: Sequence[int]) -> None:
    """Count stories anew from their articles; `sources` are stories that know who wrote what."""
    book = StoryBook(tx)
    before = book.read(sorted({*story_ids, *sources}))
    known = {root: name for row in before.values() for root, name in row.origins.items()}
    for story_id in story_ids:
        counted = _count_anew(tx.con, story_id, known)
        if counted is None:
            continue
        counted.topics = _topics_of(tx.con, story_id)
        counted.merged_into = before[story_id].merged_into if story_id in before else None
        book.replace(counted)


def _count_anew(con: DuckDBPyConnection, story_id: int, known: Mapping[int, str]) -> _Row | None:
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
    counted: _Row | None = None
    for article_id, root, at, title, outlet, language, level in rows:
        origin = known.get(root, "")
        member = StoryMember(
            article_id=article_id, story_id=story_id, root=root, at=_time(at), title=title,
            outlet=outlet, language=language, is_current=level == "version",
            agency=origin.removeprefix(AGENCY_MARK) if origin.startswith(AGENCY_MARK) else None,
        )  # fmt: skip
        counted = counted or _Row.begin(member)
        counted.add(member)
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
