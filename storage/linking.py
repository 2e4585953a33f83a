"""Linking: which story retells the same event as a new text, in any of the languages.

In: a batch of texts that are no copies. Out: for each the stored or earlier text that it retells,
and why. By clues (extractors/stories.py), and, for articles on a topic and when the extra is
installed, by sentence vectors. Texts within 72 hours of each other are compared; the cost is one
join a batch on telling clues and one on topics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extractors.language import base_language
from extractors.likelihood import AKIN, is_link, likelihood
from extractors.sketch import are_issues
from extractors.stories import Likeness, are_one_language, compare, days_ahead, key_clues, weight_of
from extractors.urls import key_of

if TYPE_CHECKING:
    from extractors.sketch import Sketch
    from storage.database import Transaction
    from storage.vectors import VectorBook

DAY_S = 24 * 3_600
REACH_S = 72 * 3_600  # a retelling comes within three days (research/duplicates-and-stories.md §3)
ISSUE_S = 12 * 3_600  # a template is issued once a day; within half a day it may be an update
MAX_CANDIDATES = 24  # texts compared with one article, those with the most in common
MAX_AKIN = 24  # latest tellings of a story that are compared with those of another


@dataclass(slots=True, eq=False)
class Telling:
    """A text as a telling of an event."""

    article_id: int
    story_id: int
    at: int
    language: str
    clues: tuple[str, ...]
    topics: tuple[str, ...]
    vector: bytes | None = None
    outlet: str | None = None
    features: bytes = b""

    def shares_topic(self, other: Telling) -> bool:
        """Tell whether both are on one of the desk's topics."""
        return not set(self.topics).isdisjoint(other.topics)


@dataclass(frozen=True, slots=True)
class Link:
    """A telling of the same event, and how that is known."""

    telling: Telling
    score: float
    shared: tuple[str, ...]
    reason: dict[str, Any]
    words: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """A telling beside another one, and how likely the two tell of one event."""

    other: Telling
    likeness: Likeness
    cosine: float | None
    probability: float
    is_link: bool

    def link(self) -> Link:
        likeness, other = self.likeness, self.other
        reason: dict[str, Any] = {
            "to": other.article_id,
            "rule": "clues" if self.cosine is None else "clues and vectors",
            "likelihood": round(self.probability, 3),
            "shared": list(likeness.shared[:12]),
            "weight": likeness.weight,
            "share": likeness.share,
        }
        told = f"likelihood {min(self.probability, 0.999):.3f}"
        if self.cosine is not None:
            reason["cosine"] = round(self.cosine, 3)
            told += f", vectors {self.cosine:.2f}"
        shared = f": both have {likeness.in_words}" if likeness.in_words else ""
        words = f"retells article {other.article_id} ({told}){shared}"
        return Link(other, self.probability, likeness.shared, reason, words)


class Linker:
    """Finds tellings for a batch; later texts of the batch see the earlier ones."""

    def __init__(
        self,
        tx: Transaction,
        sketches: Sequence[Sketch],
        times: Sequence[int],
        topics: Sequence[tuple[str, ...]],
        vectors: VectorBook | None = None,
    ) -> None:
        self._vectors = vectors
        self._keys = [self._keys_of(sketch.clues) for sketch in sketches]
        self._own: list[Telling] = []
        self._own_keys: defaultdict[int, list[Telling]] = defaultdict(list)
        self._stored: dict[int, Telling] = {}
        self._candidates: list[set[int]] = [set() for _ in sketches]
        self._n_found = [0] * len(sketches)  # by clues, in the store
        self._crowded = False  # around the text of the last `find`
        reach = [n for n, keys in enumerate(self._keys) if keys or topics[n]]
        if not reach:
            return
        low, high = min(times[n] for n in reach) - REACH_S, max(times[n] for n in reach) + REACH_S
        wanted = self._search(tx, times, low, high)
        wanted |= self._search_topics(tx, times, topics, low, high)
        if wanted:
            self._load(tx, sorted(wanted))

    def _keys_of(self, clues: tuple[str, ...]) -> dict[int, float]:
        """What a text is searched by: hashes of clues, and what each of them weighs."""
        return {key_of(clue): weight_of(clue) for clue in key_clues(clues)}

    def _search(self, tx: Transaction, times: Sequence[int], low: int, high: int) -> set[int]:
        numbers = [n for n, keys in enumerate(self._keys) for _ in keys]
        hashes = [h for keys in self._keys for h in keys]
        weights = [weight for keys in self._keys for weight in keys.values()]
        rows = tx.con.execute(
            """
            SELECT b.n, c.article_id
            FROM (SELECT unnest(?::INTEGER[]) AS n, unnest(?::UBIGINT[]) AS h,
                         unnest(?::DOUBLE[]) AS weight) b
            JOIN (SELECT unnest(?::INTEGER[]) AS n, unnest(?::BIGINT[]) AS at_s) i USING (n)
            JOIN core.clue c ON c.h = b.h AND c.at_s BETWEEN i.at_s - ? AND i.at_s + ?
            WHERE c.at_s BETWEEN ? AND ?
            GROUP BY b.n, c.article_id
            QUALIFY row_number() OVER
                (PARTITION BY b.n ORDER BY round(sum(b.weight), 6) DESC, c.article_id) <= ?
            """,
            [numbers, hashes, weights, list(range(len(times))), list(times), REACH_S, REACH_S, low,
             high, MAX_CANDIDATES],
        ).fetchall()  # fmt: skip
        for n, article_id in rows:
            self._candidates[n].add(article_id)
            self._n_found[n] += 1
        return {article_id for _, article_id in rows}

    def _search_topics(
        self,
        tx: Transaction,
        times: Sequence[int],
        topics: Sequence[tuple[str, ...]],
        low: int,
        high: int,
    ) -> set[int]:
        """Texts on the same topic: few a day, so all of them are compared."""
        pairs = [(n, topic) for n, own in enumerate(topics) for topic in own]
        if not pairs:
            return set()
        rows = tx.con.execute(
            """
            SELECT DISTINCT b.n, s.article_id
            FROM (SELECT unnest(?::INTEGER[]) AS n, unnest(?::VARCHAR[]) AS topic,
                         unnest(?::BIGINT[]) AS at_s) b
            JOIN (SELECT article_id, at_s, unnest(topics) AS topic FROM core.sketch
                  WHERE at_s BETWEEN ? AND ? AND topics IS NOT NULL) s
              ON s.topic = b.topic AND s.at_s BETWEEN b.at_s - ? AND b.at_s + ?
            """,
            [[n for n, _ in pairs], [topic for _, topic in pairs], [times[n] for n, _ in pairs],
             low, high, REACH_S, REACH_S],
        ).fetchall()  # fmt: skip
        for n, article_id in rows:
            self._candidates[n].add(article_id)
        return {article_id for _, article_id in rows}

    def _load(self, tx: Transaction, wanted: list[int]) -> None:
        rows = tx.con.execute(
            """
            SELECT article_id, story_id, at_s, language, clues, topics, vector, outlet, features
            FROM core.sketch
            WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?
            """,
            [wanted, wanted[0], wanted[-1]],
        ).fetchall()
        for article_id, story_id, at, language, clues, topics, vector, outlet, features in rows:
            self._stored[article_id] = Telling(
                article_id, story_id, at, language, tuple((clues or "").split()),
                tuple(topics or ()), bytes(vector) if vector is not None else None,
                outlet, bytes(features),
            )  # fmt: skip

    def add(self, n: int, telling: Telling) -> None:
        """Let the later articles of the batch find this text."""
        self._own.append(telling)
        for h in self._keys[n]:
            self._own_keys[h].append(telling)

    def move(self, story_id: int, into: int) -> None:
        """Let the tellings of a merged story belong to the story that it went into."""
        for telling in (*self._stored.values(), *self._own):
            if telling.story_id == story_id:
                telling.story_id = into

    def are_akin(self, first: int, second: int, *, but: int) -> bool:
        """Tell whether two stories may be of one event when a text retells both.

        Any telling of the one that resembles one of the other will do, whether or not the text
        retells these two: which tellings came before it hangs on the order of arrival. `but` is the
        text itself.
        """
        ones, others = self._tellings(first), self._tellings(second)
        return any(
            self._akin(one, other)
            for one in ones
            for other in others
            if but not in (one.article_id, other.article_id)
        )

    def find(self, n: int, telling: Telling) -> tuple[list[Link], list[Telling]]:
        """Return the tellings of the same event, the best one of each story, best first.

        And the tellings that resemble this one without being linked to it.
        """
        found = [self._stored[a] for a in sorted(self._candidates[n]) if a in self._stored]
        shared: defaultdict[int, list[float]] = defaultdict(list)
        near: dict[int, Telling] = {}
        for h, weight in self._keys[n].items():
            for other in self._own_keys.get(h, ()):
                if abs(other.at - telling.at) <= REACH_S:
                    shared[other.article_id].append(weight)
                    near[other.article_id] = other
        ranked = sorted(shared, key=lambda a: (-round(sum(shared[a]), 6), a))
        picked = set(ranked[:MAX_CANDIDATES])
        self._crowded = self._n_found[n] + len(picked) >= MAX_CANDIDATES
        for other in self._own:  # as in `_search_topics`: all on its topics
            if telling.shares_topic(other) and abs(other.at - telling.at) <= REACH_S:
                near[other.article_id] = other
                picked.add(other.article_id)
        found += [near[a] for a in sorted(picked)]
        stories: defaultdict[int, list[Link]] = defaultdict(list)
        akin = []
        for other in found:
            pair = self._compare(telling, other)
            if pair is None:
                continue
            if pair.is_link:
                stories[other.story_id].append(pair.link())
            elif pair.probability >= AKIN:
                akin.append(other)
        return sorted((min(links, key=_rank) for links in stories.values()), key=_rank), akin

    def bridge(self, first: int, second: int) -> Link | None:
        """Return a link between a telling of the one story and one of the other."""
        keyed = [(other, self._keys_of(other.clues)) for other in self._tellings(second)]
        for one in self._tellings(first):
            keys = self._keys_of(one.clues)
            for other, known in keyed:
                if self._compared(one, other, bool(keys.keys() & known.keys())):
                    pair = self._compare(one, other)
                    if pair is not None and pair.is_link:
                        return pair.link()
        return None

    def _tellings(self, story_id: int) -> list[Telling]:
        known = (*self._stored.values(), *self._own)
        return [telling for telling in known if telling.story_id == story_id][-MAX_AKIN:]

    def _compared(self, a: Telling, b: Telling, has_keys: bool) -> bool:
        """Tell whether the search would bring together tellings, with keys in common or without."""
        return abs(a.at - b.at) <= REACH_S and (has_keys or a.shares_topic(b))

    def _akin(self, telling: Telling, other: Telling) -> bool:
        pair = self._compare(telling, other)
        return pair is not None and pair.probability >= AKIN

    def _compare(self, telling: Telling, other: Telling) -> _Pair | None:
        """How likely the two tell of one event; None for what cannot."""
        if telling.article_id == other.article_id:
            return None
        on_topic = telling.shares_topic(other)
        if telling.topics and other.topics and not on_topic:
            return None  # each is on topics that the other is not
        cosine = None
        if self._vectors is not None and telling.vector and other.vector:
            cosine = self._vectors.cosine(telling, other)
        words = are_one_language(telling.language, other.language)
        # Vectors tell most events of neighbouring days apart; without them a day must say it.
        ahead = days_ahead(telling.language, other.language) if self._vectors is not None else 0
        likeness = compare(telling.clues, other.clues, words=words, ahead=ahead)
        probability = likelihood(
            likeness,
            days=abs(telling.at - other.at) / DAY_S,
            across=base_language(telling.language) != base_language(other.language),
            cosine=cosine,
            on_topic=on_topic,
            crowded=self._crowded,
        )
        mixed = bool(telling.topics) != bool(other.topics)
        linked = is_link(probability, likeness, vectors=self._vectors is not None, mixed=mixed)
        if linked and _are_issues(telling, other):
            return None
        return _Pair(other, likeness, cosine, probability, linked)


def _are_issues(a: Telling, b: Telling) -> bool:
    """Tell whether two texts are yesterday's and today's issue of a template, maybe reprinted."""
    return abs(a.at - b.at) >= ISSUE_S and are_issues(a.features, b.features)


def _rank(link: Link) -> tuple[float, int]:
    return -link.score, link.telling.article_id
