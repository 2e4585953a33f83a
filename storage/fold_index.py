"""Where copies are looked for: the stored texts that a batch may need, and its own.

In: a batch of articles. Out: for each the text that it is a copy or version of, with the scores.
One join a batch against the hashes of 14 days around each article's own time. Which text of two
came first is decided by their times, not by their arrival.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from extractors.sketch import (
    AKIN_CONTAINMENT,
    SHORT_SHINGLES,
    TINY_SHINGLES,
    Verdict,
    verify,
)
from storage.identity import TITLE_DAYS, normalise_title, title_key

if TYPE_CHECKING:
    from storage.database import Transaction
    from storage.folding import FoldInput

DAY_S = 86_400
WINDOW_S = 14 * DAY_S  # copies of a text appear within days; swept 3-30 days in the research
MIN_SHARED = 2  # sampled hashes in common before two texts are compared
STOP_AT = 4  # a hash that so many different texts have is a stock phrase
MAX_POSTINGS = 32  # texts taken from one hash (several versions of few texts)
MAX_CANDIDATES = 8  # texts compared with one article, those with most hashes in common
OTHER_LANGUAGE_SHARE = 0.8  # of the text and its beginning, when the languages are said to differ
FIRST_TEXT_SHARE = 0.04  # of the first text's shingles; unrelated texts share .02 at most
AKIN_SHORT = 0.3  # as AKIN_CONTAINMENT, where one text is short and chance does more
LONGER = 1.3  # a copy so much longer is a version
HEADLINE_ONLY = 8  # shingles below which a text is a headline or a teaser
SAME_TEXT, SAME_ADDRESS = "the same text", "the same address, another text"
SAME_HEADLINE = "the same headline in the same outlet, one of them without text"


Rank = tuple[bool, bool, float, int, int]


@dataclass(slots=True)
class FoldedText:
    """A representative: a text that others may be copies of. `at` is in seconds."""

    article_id: int
    root: int
    story_id: int
    at: int
    outlet: str | None
    language: str
    shingles: int
    features: bytes

    @property
    def age(self) -> tuple[int, int]:
        """What orders texts: their time, and their arrival where that is the same."""
        return self.at, self.article_id


@dataclass(frozen=True, slots=True)
class Hit:
    """What an article is a copy or version of.

    `bridged` are other texts that it belongs to as well, and that are alike; `is_composite` tells
    of a round-up that contains texts with nothing in common; `is_late` that the article is older
    than a text that arrived before it.
    """

    text: FoldedText
    level: str
    reason: dict[str, Any]
    jac: float = 1.0
    bridged: tuple[FoldedText, ...] = ()
    is_composite: bool = False
    is_late: bool = False


class FoldIndex:
    """Postings and representatives that a batch may need: the stored ones and its own."""

    def __init__(self, tx: Transaction, items: Sequence[FoldInput]) -> None:
        self._keys = [special_keys(item) for item in items]
        self._stored: list[dict[int, tuple[list[int], list[int]]]] = [{} for _ in items]
        self._own: defaultdict[int, list[FoldedText]] = defaultdict(list)
        self._texts: dict[int, FoldedText] = {}
        self._moved: dict[int, int] = {}
        at = [item.at_s for item in items]
        self.low, self.high = min(at) - WINDOW_S, max(at) + WINDOW_S
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
            [STOP_AT, MAX_POSTINGS, numbers, hashes, list(range(len(at))), at, WINDOW_S, WINDOW_S,
             self.low, self.high],
        ).fetchall()  # fmt: skip
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
        self._load_copies(tx, sorted(self._versions_of - set(self._texts)))
        roots = {text.root for text in self._texts.values()} - set(self._texts)
        if roots:
            self._read(tx, sorted(roots))

    def _read(self, tx: Transaction, wanted: list[int]) -> None:
        for text in read_texts(
            tx, "article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?",
            [wanted, wanted[0], wanted[-1]],
        ):  # fmt: skip
            self._texts[text.article_id] = text

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
            self._texts[article_id] = FoldedText(
                article_id, root, story_id, at, outlet, language, 0, b""
            )

    def note_copy(self, item: FoldInput, text: FoldedText) -> None:
        """Let a later version of this copy find it by its number."""
        self._texts.setdefault(item.article_id, replace(text, article_id=item.article_id))

    def add(self, item: FoldInput, text: FoldedText) -> None:
        """Let the later articles of the batch find this text."""
        self._texts[text.article_id] = text
        for h in (*item.sketch.hashes, *special_keys(item)):
            self._own[h].append(text)

    def root_of(self, text: FoldedText) -> FoldedText:
        """The first text of a text's copies, as far as it is known here."""
        return self._texts.get(text.root, text)

    def find(self, n: int, item: FoldInput) -> Hit | None:
        """Return the text that this article is a copy or version of, the best one."""
        same = self._same_identity(n, item)
        if same:
            return same
        hits = self._verified(n, item)
        if not hits:
            return None
        at = item.at_s
        older = [hit for hit in hits if hit[1].at <= at]
        _, text, verdict = max(older or hits, key=lambda hit: hit[0])
        others: dict[int, FoldedText] = {}
        for _, other, _ in hits:
            if other.root != text.root:
                others.setdefault(other.root, other)
        bridged = tuple(o for o in others.values() if self._are_one(item, text, o, len(others)))
        roots = {text.root, *(other.root for other in bridged)}
        return Hit(
            text=text,
            level="version" if verdict.level == "thread" else "copy",
            reason={**verdict.reason, "to": text.article_id},
            jac=verdict.jac,
            bridged=bridged,
            is_composite=len(bridged) < len(others),
            is_late=any(hit[1].at > at and hit[1].root in roots for hit in hits),
        )

    def _verified(self, n: int, item: FoldInput) -> list[tuple[Rank, FoldedText, Verdict]]:
        """Texts that the article is a copy or version of, each with what ranks it."""
        at = item.at_s
        votes: Counter[int] = Counter()
        for h in item.sketch.hashes:
            roots, articles = self._stored[n].get(h, ([], []))
            near = [t for t in self._own.get(h, ()) if abs(t.at - at) <= WINDOW_S]
            distinct = {self._moved_to(root) for root in roots} | {t.root for t in near}
            if len(distinct) < STOP_AT:
                votes.update(articles)
                votes.update(t.article_id for t in near)
        ranked = sorted(votes.items(), key=lambda pair: (-pair[1], pair[0]))
        hits = []
        for article_id, count in ranked[:MAX_CANDIDATES]:
            text = self._texts.get(article_id)
            if count < MIN_SHARED or text is None or article_id == item.article_id:
                continue
            same_outlet = item.outlet is not None and item.outlet == text.outlet
            verdict = verify(item.sketch, text.features, same_outlet=same_outlet)
            if verdict.level is not None and self._is_credible(item, text, verdict):
                hits.append((rank_of(verdict, item.sketch.shingles, text), text, verdict))
        return hits

    def _is_credible(self, item: FoldInput, text: FoldedText, verdict: Verdict) -> bool:
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

    def _are_one(self, item: FoldInput, a: FoldedText, b: FoldedText, others: int) -> bool:
        """Tell whether two texts that the article belongs to are one text too.

        Asked of them and of their first texts: which of a text's versions arrived before must not
        matter. Less is asked of a text that the article would have been the first text of.
        """
        best = 0.0
        for mine in {id(t): t for t in (a, self.root_of(a))}.values():
            for its in {id(t): t for t in (b, self.root_of(b))}.values():
                con = verify(mine.features, its.features).con
                short = min(mine.shingles, its.shingles)
                if short >= SHORT_SHINGLES:
                    best = max(best, con)
                elif short >= TINY_SHINGLES and con >= AKIN_SHORT:
                    return True
        is_heir = others == 1 and b.article_id == b.root and b.at > item.at_s
        return best >= (FIRST_TEXT_SHARE if is_heir else AKIN_CONTAINMENT)

    def join(self, root: int, into: int) -> None:
        """Give the copies of one text to another."""
        self._moved[root] = into
        for text in self._texts.values():
            if text.root == root:
                text.root = into

    def moved(self) -> dict[int, int]:
        """Which first texts gave their copies to which others, in the end."""
        return {root: self._moved_to(root) for root in self._moved}

    def _moved_to(self, root: int) -> int:
        while root in self._moved:
            root = self._moved[root]
        return root

    def _same_identity(self, n: int, item: FoldInput) -> Hit | None:
        """The same text, the same address, or the same headline where there is no text."""
        exact, title = self._keys[n]
        at = item.at_s
        same = self._with_key(n, item, exact)
        if same:
            text = min(same, key=lambda one: one.age)
            reason = {"rule": SAME_TEXT, "to": text.article_id}
            return Hit(text, "exact", reason, is_late=text.at > at)
        if item.version_of is not None and item.version_of in self._texts:
            text = self._texts[item.version_of]
            scores = verify(item.sketch, text.features).reason
            return Hit(text, "version", {**scores, "rule": SAME_ADDRESS, "to": text.article_id})
        reach = TITLE_DAYS * DAY_S
        for text in self._with_key(n, item, title):
            near = abs(text.at - at) <= reach
            if near and min(text.shingles, item.sketch.shingles) < HEADLINE_ONLY:
                reason = {"rule": SAME_HEADLINE, "to": text.article_id}
                return Hit(text, "copy", reason, is_late=text.at > at)
        return None

    def _with_key(self, n: int, item: FoldInput, key: int) -> list[FoldedText]:
        if not key:
            return []
        stored = [self._texts[a] for a in self._stored[n].get(key, ([], []))[1] if a in self._texts]
        own = [t for t in self._own.get(key, ()) if abs(t.at - item.at_s) <= WINDOW_S]
        return [text for text in (*stored, *own) if text.article_id != item.article_id]


def rank_of(verdict: Verdict, shingles: int, text: FoldedText) -> Rank:
    """What ranks the texts that an article may be a copy of: one that has all of it comes first."""
    is_copy = verdict.level == "copy"
    adds_little = is_copy and shingles <= LONGER * max(1, text.shingles)
    score = round(verdict.con + verdict.lead + verdict.jac, 6)
    return adds_little, is_copy, score, -text.at, -text.article_id


def read_texts(tx: Transaction, where: str, values: list[Any]) -> list[FoldedText]:
    """Read stored representatives; `where` is ours, never foreign text."""
    rows = tx.con.execute(
        "SELECT article_id, root, story_id, at_s, outlet, language, shingles, features "
        f"FROM core.sketch WHERE {where}",
        values,
    ).fetchall()
    return [
        FoldedText(article_id, root, story_id, at, outlet, language, shingles, bytes(features))
        for article_id, root, story_id, at, outlet, language, shingles, features in rows
    ]


def special_keys(item: FoldInput) -> tuple[int, int]:
    """Hashes that identify a text by themselves: of the whole text, of headline and outlet."""
    bare = normalise_title(item.title)
    return item.sketch.exact, title_key(item.outlet, bare) if bare and item.outlet else 0


def _base(language: str) -> str:
    return language.split("-")[0]
