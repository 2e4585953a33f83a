"""Folding: which new articles are copies or versions of stored ones, and to which story each goes.

In: a batch of new articles with their sketches, inside the writer's transaction and before their
rows are written. Out: one `Fold` each; sketches and story rows are written here. One join a batch
against the hashes of 14 days around each article's own time (published, else fetched), so the
cost does not grow with the archive and there is nothing to rebuild after a kill. Articles are
decided one after the other, and later ones of a batch see the earlier ones as if those were
stored: the size of a batch changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from extractors.sketch import SHORT_SHINGLES, Sketch, Verdict, are_akin, verify
from extractors.stories import key_clues
from extractors.urls import key_of
from storage.identity import TITLE_DAYS, normalise_title, title_key
from storage.linking import Link, Linker, Telling
from storage.linking import are_akin as are_akin_tellings
from storage.rows import insert_rows
from storage.stories import StoryBook, StoryMember
from storage.vectors import VectorBook

if TYPE_CHECKING:
    from extractors.vectors import Encoder
    from storage.database import Transaction

DAY_S = 86_400
WINDOW_S = 14 * DAY_S  # copies of a text appear within days; swept 3-30 days in the research
MIN_SHARED = 2  # sampled hashes in common before two texts are compared
STOP_AT = 4  # a hash that so many different texts have is a stock phrase
MAX_POSTINGS = 32  # texts taken from one hash (several versions of few texts)
MAX_CANDIDATES = 8  # texts compared with one article, those with most hashes in common
NEARLY_SAME = 0.8  # Jaccard above which a copy is not searched for by its own hashes
LONGER = 1.3  # a copy so much longer is a version
OTHER_LANGUAGE_SHARE = 0.8  # of the text and its beginning, when the languages are said to differ
FIRST_TEXT_SHARE = 0.04  # of the first text's shingles; unrelated texts share .02 at most
HEADLINE_ONLY = 8  # shingles below which a text is a headline or a teaser
_FUTURE = timedelta(days=1)  # a publication date further ahead of the fetch is an error


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldInput:
    """One new article. Times are aware; `agency` is the credited agency (extractors/origins.py).

    `version_of` is the stored article with the same identity (address or id), when its text
    differed.
    """

    article_id: int
    sketch: Sketch
    fetched_at: datetime
    published_at: datetime | None = None
    external_id: str | None = None
    url: str | None = None
    canonical_url: str | None = None
    host: str | None = None
    outlet: str | None = None
    title: str | None = None
    language: str = "und"
    body_hash: int | None = None
    topics: tuple[str, ...] = ()
    words: int = 0
    provenance: tuple[str, ...] = ()
    agency: str | None = None
    version_of: int | None = None

    @property
    def at(self) -> datetime:
        """The article's own time: when it was published, or fetched if that is not credible."""
        if self.published_at is not None and self.published_at <= self.fetched_at + _FUTURE:
            return self.published_at
        return self.fetched_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What became of one article.

    `duplicate_level` is `exact`, `copy` or `version` (materially different, or a later edition:
    topics are to be matched again) when `duplicate_of` names an article. `reason` says why, with
    the article compared with and the scores; `link_reason` why it joined its story, in words.
    """

    article_id: int
    story_id: int
    duplicate_of: int | None = None
    duplicate_level: str | None = None
    reason: dict[str, Any] = field(default_factory=dict)
    is_new_story: bool = False
    link_reason: str = ""


@dataclass(slots=True)
class _Text:
    """A representative: a text that others may be copies of."""

    article_id: int
    root: int
    story_id: int
    at: int
    outlet: str | None
    language: str
    shingles: int
    features: bytes


def fold_batch(
    tx: Transaction, items: Sequence[FoldInput], *, encoder: Encoder | None = None
) -> list[Fold]:
    """Fold a batch of new articles and return one decision each, in their order.

    Writes sketches and story rows in the open transaction; the caller writes the article rows
    with what the folds say. `encoder` (extractors/vectors.py) also links by sentence vectors.
    """
    if not items:
        return []
    index = _Index(tx, items)
    book = StoryBook(tx)
    times = [_seconds(item.at) for item in items]
    vectors = VectorBook(tx, encoder) if encoder is not None else None
    encoded = vectors.encode(items) if vectors is not None else [None] * len(items)
    linker = Linker(tx, [i.sketch for i in items], times, [i.topics for i in items], vectors)
    folds: list[Fold] = []
    new_texts: list[tuple[FoldInput, _Text, bytes | None]] = []
    for n, item in enumerate(items):
        hit = index.find(n, item)
        if hit is None:
            telling = Telling(
                item.article_id, 0, times[n], item.language, item.sketch.clues, item.topics,
                encoded[n], item.outlet, item.sketch.features,
            )  # fmt: skip
            links = linker.find(n, telling)
            telling.story_id = links[0].telling.story_id if links else book.new_id()
            text = _text_of(item, root=item.article_id, story_id=telling.story_id)
            fold = _retelling(item, text, links)
            linker.add(n, telling)
        else:
            text = hit.text
            fold = _copy(item, hit)
        if hit is None:
            index.add(item, text)
            new_texts.append((item, text, encoded[n]))
        elif hit.jac < NEARLY_SAME and not hit.is_composite:
            own = _text_of(item, root=text.root, story_id=text.story_id)
            index.add(item, own)
            new_texts.append((item, own, None))
        else:
            index.note_copy(item, text)
        folds.append(fold)
        book.add(_member(item, fold))
        if hit is not None:
            for other in hit.bridged:
                _join_texts(index, linker, book, folds, item, hit.text, other)
        else:
            for link in links[1:]:
                _join_stories(index, linker, book, item, links[0], link)
    book.write()
    _write(tx, new_texts)
    index.write_joined(tx)
    return [replace(fold, story_id=book.current(fold.story_id)) for fold in folds]


def _text_of(item: FoldInput, *, root: int, story_id: int) -> _Text:
    return _Text(
        article_id=item.article_id,
        root=root,
        story_id=story_id,
        at=_seconds(item.at),
        outlet=item.outlet,
        language=item.language,
        shingles=item.sketch.shingles,
        features=item.sketch.features,
    )


def _join_stories(
    index: _Index, linker: Linker, book: StoryBook, item: FoldInput, a: Link, b: Link
) -> None:
    """Make two stories one when an article retells both and they resemble each other."""
    keep, gone = sorted((a.telling.story_id, b.telling.story_id))
    if (
        keep == gone
        or not book.may_merge(keep, gone)
        or not are_akin_tellings(a.telling, b.telling)
    ):
        return
    reason = {
        "rule": "an article retells both",
        "by": item.article_id,
        "a": a.reason,
        "b": b.reason,
    }
    book.merge(keep, gone, reason=reason)
    index.move(gone, keep)
    linker.move(gone, keep)


def _join_texts(
    index: _Index,
    linker: Linker,
    book: StoryBook,
    folds: list[Fold],
    item: FoldInput,
    a: _Text,
    b: _Text,
) -> None:
    """Join two texts that a third one shows to be versions of one; their stories become one.

    The older text stays the one that copies name. Not done where a user told the stories apart.
    """
    keep, gone = (a, b) if a.root < b.root else (b, a)
    if keep.root == gone.root or not book.may_merge(keep.story_id, gone.story_id):
        return
    reason = {"rule": "an article is a version of both texts", "by": item.article_id}
    if keep.story_id != gone.story_id:
        book.merge(keep.story_id, gone.story_id, reason=reason)
    root, story = gone.root, gone.story_id
    index.join(root, keep.root)
    index.move(story, keep.story_id)
    linker.move(story, keep.story_id)
    for at, fold in enumerate(folds):
        if fold.article_id == root:
            folds[at] = replace(
                fold,
                duplicate_of=keep.root,
                duplicate_level="version",
                is_new_story=False,
                reason={**reason, "to": keep.root},
                link_reason=f"version of article {keep.root}: {reason['rule']}",
            )


@dataclass(frozen=True, slots=True)
class _Hit:
    text: _Text
    level: str
    reason: dict[str, Any]
    jac: float = 1.0
    bridged: tuple[_Text, ...] = ()  # other texts that it is a version of, and that are alike
    is_composite: bool = False  # it contains texts that have nothing in common: a round-up


class _Index:
    """Postings and representatives that a batch may need: the stored ones and its own."""

    def __init__(self, tx: Transaction, items: Sequence[FoldInput]) -> None:
        self._keys = [_special_keys(item) for item in items]
        self._stored: list[dict[int, tuple[list[int], list[int]]]] = [{} for _ in items]
        self._own: defaultdict[int, list[_Text]] = defaultdict(list)
        self._texts: dict[int, _Text] = {}
        self._joined: list[tuple[int, int]] = []
        at = [_seconds(item.at) for item in items]
        low, high = min(at) - WINDOW_S, max(at) + WINDOW_S
        numbers: list[int] = []
        hashes: list[int] = []
        for n, item in enumerate(items):
            own = (*item.sketch.hashes, *self._keys[n])
            numbers += [n] * len(own)
            hashes += own
        rows = tx.con.execute(
            """
            SELECT b.n, b.h, list(DISTINCT s.root)[1:?],
                   list(s.article_id ORDER BY s.article_id)[1:?]
            FROM (SELECT unnest(?::INTEGER[]) AS n, unnest(?::UBIGINT[]) AS h) b
            JOIN (SELECT unnest(?::INTEGER[]) AS n, unnest(?::BIGINT[]) AS at_s) i USING (n)
            JOIN core.sketch_hash s ON s.h = b.h AND s.at_s BETWEEN i.at_s - ? AND i.at_s + ?
            WHERE s.at_s BETWEEN ? AND ?
            GROUP BY b.n, b.h
            """,
            [
                STOP_AT,
                MAX_POSTINGS,
                numbers,
                hashes,
                list(range(len(at))),
                at,
                WINDOW_S,
                WINDOW_S,
                low,
                high,
            ],
        ).fetchall()
        self._versions_of = {item.version_of for item in items if item.version_of is not None}
        wanted: set[int] = set(self._versions_of)
        votes: list[Counter[int]] = [Counter() for _ in items]
        for n, h, roots, articles in rows:
            self._stored[n][h] = (roots, articles)
            if h in self._keys[n]:
                wanted.update(articles)
            elif len(roots) < STOP_AT:
                votes[n].update(articles)
        for counter in votes:
            wanted.update(article for article, count in counter.items() if count >= MIN_SHARED)
        if wanted:
            self._load(tx, sorted(wanted))

    def _load(self, tx: Transaction, wanted: list[int]) -> None:
        self._read(tx, wanted)
        roots = {text.root for text in self._texts.values()} - set(self._texts)
        if roots:
            self._read(tx, sorted(roots))
        self._load_copies(tx, sorted(self._versions_of - set(self._texts)))

    def _read(self, tx: Transaction, wanted: list[int]) -> None:
        rows = tx.con.execute(
            """
            SELECT article_id, root, story_id, at_s, outlet, language, shingles, features
            FROM core.sketch
            WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?
            """,
            [wanted, wanted[0], wanted[-1]],
        ).fetchall()
        for article_id, root, story_id, at, outlet, language, shingles, features in rows:
            self._texts[article_id] = _Text(
                article_id, root, story_id, at, outlet, language, shingles, bytes(features)
            )

    def _load_copies(self, tx: Transaction, wanted: list[int]) -> None:
        """Load articles that are no texts of their own, of which an article is a version."""
        if not wanted:
            return
        rows = tx.con.execute(
            """
            SELECT article_id, coalesce(duplicate_of, article_id), story_id,
                   epoch(coalesce(published_at, fetched_at))::BIGINT, outlet, language
            FROM core.article
            WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?
              AND story_id IS NOT NULL
            """,
            [wanted, wanted[0], wanted[-1]],
        ).fetchall()
        for article_id, root, story_id, at, outlet, language in rows:
            self._texts[article_id] = _Text(
                article_id, root, story_id, at, outlet, language, 0, b""
            )

    def note_copy(self, item: FoldInput, text: _Text) -> None:
        """Let a later version of this copy find it by its number."""
        self._texts.setdefault(item.article_id, replace(text, article_id=item.article_id))

    def add(self, item: FoldInput, text: _Text) -> None:
        """Let the later articles of the batch find this text."""
        self._texts[text.article_id] = text
        for h in (*item.sketch.hashes, *_special_keys(item)):
            self._own[h].append(text)

    def find(self, n: int, item: FoldInput) -> _Hit | None:
        """Return the text that this article is a copy or version of, the best one."""
        same = self._same_identity(n, item)
        if same:
            return same
        at = _seconds(item.at)
        votes: Counter[int] = Counter()
        for h in item.sketch.hashes:
            roots, articles = self._stored[n].get(h, ([], []))
            near = [t for t in self._own.get(h, ()) if abs(t.at - at) <= WINDOW_S]
            stored_roots = set(roots)
            if len(stored_roots | {t.root for t in near}) < STOP_AT:
                votes.update(articles)
                votes.update(t.article_id for t in near)
        ranked = sorted(votes.items(), key=lambda pair: (-pair[1], pair[0]))
        hits: list[tuple[tuple[bool, float, int], _Text, Verdict]] = []
        for article_id, count in ranked[:MAX_CANDIDATES]:
            text = self._texts.get(article_id)
            if count < MIN_SHARED or text is None or article_id == item.article_id:
                continue
            same_outlet = item.outlet is not None and item.outlet == text.outlet
            verdict = verify(item.sketch, text.features, same_outlet=same_outlet)
            if verdict.level is not None and self._is_credible(item, text, verdict):
                score = verdict.con + verdict.lead + verdict.jac
                hits.append(((verdict.level == "copy", score, -text.root), text, verdict))
        if not hits:
            return None
        _, text, verdict = max(hits, key=lambda hit: hit[0])
        others = {hit[1].root: hit[1] for hit in hits if hit[1].root != text.root}
        bridged = tuple(
            other
            for other in others.values()
            if min(text.shingles, other.shingles) >= SHORT_SHINGLES
            and are_akin(text.features, other.features)
        )
        return _Hit(
            text=text,
            level="version" if verdict.level == "thread" else "copy",
            reason={**verdict.reason, "to": text.article_id},
            jac=verdict.jac,
            bridged=bridged,
            is_composite=len(bridged) < len(others),
        )

    def _is_credible(self, item: FoldInput, text: _Text, verdict: Verdict) -> bool:
        """Tell whether it is the text that is shared, and not the page around it.

        Articles in two languages share a site's boilerplate only, unless a language was taken
        for another; and a version resembles the first text too, not just another version.
        """
        alike = min(verdict.con, verdict.lead) >= OTHER_LANGUAGE_SHARE
        if not alike and _base(item.language) != _base(text.language):
            return False
        first = self._texts.get(text.root)
        if first is None or first is text:
            return True
        return verify(item.sketch, first.features).con >= FIRST_TEXT_SHARE

    def join(self, root: int, into: int) -> None:
        """Give the copies of one text to another."""
        self._joined.append((root, into))
        for text in self._texts.values():
            if text.root == root:
                text.root = into

    def move(self, story_id: int, into: int) -> None:
        """Let the texts of a merged story belong to the story that it went into."""
        for text in self._texts.values():
            if text.story_id == story_id:
                text.story_id = into

    def write_joined(self, tx: Transaction) -> None:
        """Write what was joined to the stored texts and articles."""
        for root, into in self._joined:
            for table in ("core.sketch", "core.sketch_hash"):
                tx.con.execute(
                    f"UPDATE {table} SET root = ?, rev = ? WHERE root = ?", [into, tx.rev, root]
                )
            tx.con.execute(
                "UPDATE core.article SET duplicate_of = ?, duplicate_level = 'version', rev = ? "
                "WHERE article_id = ?",
                [into, tx.rev, root],
            )

    def _same_identity(self, n: int, item: FoldInput) -> _Hit | None:
        """The same text, the same address, or the same headline where there is no text."""
        exact, title = self._keys[n]
        for text in self._with_key(n, item, exact):
            return _Hit(text, "exact", {"rule": "the same text", "to": text.article_id})
        if item.version_of is not None and item.version_of in self._texts:
            text = self._texts[item.version_of]
            reason = {"rule": "the same address, another text", "to": text.article_id}
            scores = verify(item.sketch, text.features).reason
            return _Hit(text, "version", {**scores, **reason})
        reach = TITLE_DAYS * DAY_S
        for text in self._with_key(n, item, title):
            near = abs(text.at - _seconds(item.at)) <= reach
            if near and min(text.shingles, item.sketch.shingles) < HEADLINE_ONLY:
                rule = "the same headline in the same outlet, one of them without text"
                return _Hit(text, "copy", {"rule": rule, "to": text.article_id})
        return None

    def _with_key(self, n: int, item: FoldInput, key: int) -> list[_Text]:
        if not key:
            return []
        stored = [self._texts[a] for a in self._stored[n].get(key, ([], []))[1] if a in self._texts]
        at = _seconds(item.at)
        own = [text for text in self._own.get(key, ()) if abs(text.at - at) <= WINDOW_S]
        return [text for text in (*stored, *own) if text.article_id != item.article_id]


def _special_keys(item: FoldInput) -> tuple[int, int]:
    """Hashes that identify a text by themselves: of the whole text, of headline and outlet."""
    bare = normalise_title(item.title)
    return item.sketch.exact, title_key(item.outlet, bare) if bare and item.outlet else 0


def _retelling(item: FoldInput, text: _Text, links: Sequence[Link]) -> Fold:
    """The fold of a text that is no copy: it joins the story of the best link, or begins one."""
    if not links:
        return Fold(article_id=item.article_id, story_id=text.story_id, is_new_story=True)
    best = links[0]
    return Fold(
        article_id=item.article_id,
        story_id=text.story_id,
        reason=best.reason,
        link_reason=best.words,
    )


def _copy(item: FoldInput, hit: _Hit) -> Fold:
    """The fold of a copy or version."""
    level, text = hit.level, hit.text
    longer = item.sketch.shingles > LONGER * max(1, text.shingles)
    if level == "copy" and (longer or item.sketch.revised):
        level = "version"
    return Fold(
        article_id=item.article_id,
        story_id=text.story_id,
        duplicate_of=text.root,
        duplicate_level=level,
        reason=hit.reason,
        link_reason=f"{level} of article {text.article_id}: {hit.reason['rule']}",
    )


def _member(item: FoldInput, fold: Fold) -> StoryMember:
    return StoryMember(
        article_id=item.article_id,
        story_id=fold.story_id,
        root=fold.duplicate_of or item.article_id,
        at=item.at,
        title=item.title,
        outlet=item.outlet or item.host,
        language=item.language,
        agency=item.agency,
        topics=item.topics,
        is_new_story=fold.is_new_story,
        is_current=fold.duplicate_level == "version",
    )


def _base(language: str) -> str:
    return language.split("-")[0]


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _write(tx: Transaction, texts: Sequence[tuple[FoldInput, _Text, bytes | None]]) -> None:
    """Append the sketches of new representatives: two inserts, nothing is looked up."""
    if not texts:
        return
    hashes, ids, roots, times = [], [], [], []
    for item, text, _ in texts:
        own = [h for h in dict.fromkeys((*item.sketch.hashes, *_special_keys(item))) if h]
        hashes += own
        ids += [text.article_id] * len(own)
        roots += [text.root] * len(own)
        times += [text.at] * len(own)
    tx.con.execute(
        "INSERT INTO core.sketch_hash (h, article_id, root, at_s, rev) SELECT "
        "unnest(?::UBIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), ?",
        [hashes, ids, roots, times, tx.rev],
    )
    insert_rows(
        tx,
        "core.sketch",
        [
            {
                "article_id": text.article_id,
                "root": text.root,
                "story_id": text.story_id,
                "at_s": text.at,
                "outlet": text.outlet,
                "language": item.language,
                "shingles": text.shingles,
                "features": text.features,
                "clues": " ".join(item.sketch.clues) or None,
                "topics": list(item.topics) or None,
                "vector": vector,
            }
            for item, text, vector in texts
        ],
    )
    clues = [
        (key_of(clue), text.article_id, text.at)
        for item, text, _ in texts
        if text.root == text.article_id
        for clue in key_clues(item.sketch.clues)
    ]
    if clues:
        hashes, ids, times = (list(column) for column in zip(*clues, strict=True))
        tx.con.execute(
            "INSERT INTO core.clue (h, article_id, at_s, rev) "
            "SELECT unnest(?::UBIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), ?",
            [hashes, ids, times, tx.rev],
        )
