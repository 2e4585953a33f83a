"""Linking: which texts may tell of the same event as a new one, in any of the languages.

In: a batch of texts that are no copies. Out: for each the stored or earlier texts that resemble it,
by how much, and why. By clues (extractors/stories.py), and, for articles on a topic and when the
extra is installed, by sentence vectors. Texts within 72 hours of each other are compared; the cost
is one join a batch on telling clues and one on topics. What becomes of it: storage/grouping.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from extractors.clusters import LEAST
from extractors.language import base_language
from extractors.likelihood import likelihood, margin
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


@dataclass(slots=True, eq=False)
class Telling:
    """A text as a telling of an event."""

    article_id: int
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
class Pair:
    """Two tellings, how likely they tell of one event, and by how much more than is asked."""

    telling: Telling
    other: Telling
    likeness: Likeness
    cosine: float | None
    probability: float
    margin: float

    @property
    def rank(self) -> tuple[float, int]:
        """What orders the pairs of a text, the best one first."""
        return -self.probability, self.other.article_id

    def turned(self) -> Pair:
        """The same, told of the other one."""
        return replace(self, telling=self.other, other=self.telling)

    def reason(self) -> dict[str, Any]:
        """Why the telling retells the other one, as JSON; in words under `link`."""
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
        return {**reason, "link": f"retells article {other.article_id} ({told}){shared}"}


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
            SELECT article_id, at_s, language, clues, topics, vector, outlet, features
            FROM core.sketch
            WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?
            """,
            [wanted, wanted[0], wanted[-1]],
        ).fetchall()
        for article_id, at, language, clues, topics, vector, outlet, features in rows:
            self._stored[article_id] = Telling(
                article_id, at, language, tuple((clues or "").split()), tuple(topics or ()),
                bytes(vector) if vector is not None else None, outlet, bytes(features),
            )  # fmt: skip

    def add(self, n: int, telling: Telling) -> None:
        """Let the later articles of the batch find this text."""
        self._own.append(telling)
        for h in self._keys[n]:
            self._own_keys[h].append(telling)

    def find(self, n: int, telling: Telling) -> list[Pair]:
        """Return the tellings that resemble this one, the likeliest to tell of its event first."""
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
        crowded = self._n_found[n] + len(picked) >= MAX_CANDIDATES
        for other in self._own:  # as in `_search_topics`: all on its topics
            if telling.shares_topic(other) and abs(other.at - telling.at) <= REACH_S:
                near[other.article_id] = other
                picked.add(other.article_id)
        found += [near[a] for a in sorted(picked)]
        pairs = [self._compare(telling, other, crowded=crowded) for other in found]
        return sorted((pair for pair in pairs if pair is not None), key=lambda pair: pair.rank)

    def load(self, tx: Transaction, article_ids: Iterable[int]) -> None:
        """Read stored texts, so that `compare` and `have_common` know them."""
        wanted = set(article_ids) - self._stored.keys() - {own.article_id for own in self._own}
        if wanted:
            self._load(tx, sorted(wanted))

    def _known(self) -> dict[int, Telling]:
        return {**self._stored, **{telling.article_id: telling for telling in self._own}}

    def compare(self, article_id: int, others: Sequence[int]) -> list[Pair]:
        """Compare a known text with other known ones; in the order of `find`."""
        known = self._known()
        if article_id not in known:
            return []
        pairs = [
            self._compare(known[article_id], known[other])
            for other in others
            if other in known and abs(known[other].at - known[article_id].at) <= REACH_S
        ]
        return sorted((pair for pair in pairs if pair is not None), key=lambda pair: pair.rank)

    def have_common(self, article_ids: Sequence[int]) -> list[tuple[int, int]]:
        """Return the pairs of known texts that share a topic or a clue that is searched by."""
        known = self._known()
        texts = [known[article_id] for article_id in article_ids if article_id in known]
        keyed = [(text, frozenset(key_clues(text.clues))) for text in texts]
        return [
            (a.article_id, b.article_id)
            for (a, ours), (b, theirs) in combinations(keyed, 2)
            if abs(a.at - b.at) <= REACH_S
            and (a.shares_topic(b) or not ((a.topics and b.topics) or ours.isdisjoint(theirs)))
        ]

    def _compare(self, telling: Telling, other: Telling, *, crowded: bool = False) -> Pair | None:
        """How likely the two tell of one event; None for what resembles each other too little."""
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
        across = base_language(telling.language) != base_language(other.language)
        probability = likelihood(
            likeness,
            days=abs(telling.at - other.at) / DAY_S,
            across=across,
            cosine=cosine,
            on_topic=on_topic,
            crowded=crowded,
        )
        mixed = bool(telling.topics) != bool(other.topics)
        above = margin(
            probability, likeness, vectors=self._vectors is not None, across=across,
            on_topic=on_topic, mixed=mixed,
        )  # fmt: skip
        if above <= LEAST or _are_issues(telling, other):
            return None
        return Pair(telling, other, likeness, cosine, probability, above)


def _are_issues(a: Telling, b: Telling) -> bool:
    """Tell whether two texts are yesterday's and today's issue of a template, maybe reprinted."""
    return abs(a.at - b.at) >= ISSUE_S and are_issues(a.features, b.features)
