"""Linking: which story retells the same event as a new text, in any of the languages.

In: a batch of texts that are no copies. Out: for each the stored or earlier text that it retells,
and why. By clues (extractors/stories.py), and, for articles on a topic and when the extra is
installed, by sentence vectors. Texts within 72 hours of each other are compared; the cost is one
join a batch on telling clues.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extractors.sketch import are_issues
from extractors.stories import AKIN_SHARE, Likeness, compare, key_clues
from extractors.urls import key_of

if TYPE_CHECKING:
    from extractors.sketch import Sketch
    from storage.database import Transaction
    from storage.vectors import VectorBook

REACH_S = 72 * 3_600  # a retelling comes within three days (research/duplicates-and-stories.md §3)
ISSUE_S = 12 * 3_600  # a template is issued once a day; within half a day it may be an update
MIN_KEYS = 2  # telling clues in common before two texts are compared
MAX_CANDIDATES = 24  # texts compared with one article, those with most clues in common
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


@dataclass(frozen=True, slots=True)
class Link:
    """A telling of the same event, and how that is known."""

    telling: Telling
    score: float
    reason: dict[str, Any]
    words: str


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
        self._keys = [[key_of(clue) for clue in key_clues(s.clues)] for s in sketches]
        self._vectors = vectors
        self._own: list[Telling] = []
        self._own_keys: defaultdict[int, list[Telling]] = defaultdict(list)
        self._stored: dict[int, Telling] = {}
        self._candidates: list[dict[int, int]] = [{} for _ in sketches]
        if not any(self._keys):
            return
        reach = [n for n, keys in enumerate(self._keys) if keys]
        low, high = min(times[n] for n in reach) - REACH_S, max(times[n] for n in reach) + REACH_S
        wanted = self._search(tx, times, low, high)
        if vectors is not None:
            wanted |= self._search_topics(tx, times, topics, low, high)
        if wanted:
            self._load(tx, sorted(wanted))

    def _search(self, tx: Transaction, times: Sequence[int], low: int, high: int) -> set[int]:
        numbers = [n for n, keys in enumerate(self._keys) for _ in keys]
        hashes = [h for keys in self._keys for h in keys]
        rows = tx.con.execute(
            """
            SELECT b.n, c.article_id, count(*) AS shared
            FROM (SELECT unnest(?::INTEGER[]) AS n, unnest(?::UBIGINT[]) AS h) b
            JOIN (SELECT unnest(?::INTEGER[]) AS n, unnest(?::BIGINT[]) AS at_s) i USING (n)
            JOIN core.clue c ON c.h = b.h AND c.at_s BETWEEN i.at_s - ? AND i.at_s + ?
            WHERE c.at_s BETWEEN ? AND ?
            GROUP BY b.n, c.article_id
            HAVING count(*) >= ?
            QUALIFY row_number() OVER (PARTITION BY b.n ORDER BY count(*) DESC, c.article_id) <= ?
            """,
            [numbers, hashes, list(range(len(times))), list(times), REACH_S, REACH_S, low, high,
             MIN_KEYS, MAX_CANDIDATES],
        ).fetchall()  # fmt: skip
        for n, article_id, shared in rows:
            self._candidates[n][article_id] = shared
        return {article_id for _, article_id, _ in rows}

    def _search_topics(
        self,
        tx: Transaction,
        times: Sequence[int],
        topics: Sequence[tuple[str, ...]],
        low: int,
        high: int,
    ) -> set[int]:
        """Texts on the same topic: few a day, so all of them are compared by vector."""
        pairs = [(n, topic) for n, own in enumerate(topics) for topic in own]
        if not pairs:
            return set()
        rows = tx.con.execute(
            """
            SELECT DISTINCT b.n, s.article_id
            FROM (SELECT unnest(?::INTEGER[]) AS n, unnest(?::VARCHAR[]) AS topic,
                         unnest(?::BIGINT[]) AS at_s) b
            JOIN (SELECT article_id, at_s, unnest(topics) AS topic FROM core.sketch
                  WHERE at_s BETWEEN ? AND ? AND vector IS NOT NULL) s
              ON s.topic = b.topic AND s.at_s BETWEEN b.at_s - ? AND b.at_s + ?
            """,
            [[n for n, _ in pairs], [topic for _, topic in pairs], [times[n] for n, _ in pairs],
             low, high, REACH_S, REACH_S],
        ).fetchall()  # fmt: skip
        for n, article_id in rows:
            self._candidates[n].setdefault(article_id, 0)
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
            _likeness(one, other).share >= AKIN_SHARE
            for one in ones
            for other in others
            if but not in (one.article_id, other.article_id)
        )

    def find(self, n: int, telling: Telling) -> tuple[list[Link], list[Telling]]:
        """Return the tellings of the same event, the best one of each story, best first.

        And the tellings that resemble this one without being linked to it.
        """
        found = [self._stored[a] for a in self._candidates[n] if a in self._stored]
        counts: Counter[int] = Counter()
        near: dict[int, Telling] = {}
        for h in self._keys[n]:
            for other in self._own_keys.get(h, ()):
                if abs(other.at - telling.at) <= REACH_S:
                    counts[other.article_id] += 1
                    near[other.article_id] = other
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        picked = {a for a, count in ranked[:MAX_CANDIDATES] if count >= MIN_KEYS}
        if telling.vector is not None:  # as in `_search_topics`: all of its topics
            for other in self._own:
                on_topic = other.vector is not None and set(telling.topics) & set(other.topics)
                if on_topic and abs(other.at - telling.at) <= REACH_S:
                    near[other.article_id] = other
                    picked.add(other.article_id)
        found += [near[a] for a in sorted(picked)]
        stories: defaultdict[int, list[Link]] = defaultdict(list)
        akin = []
        for other in found:
            link, share = self._link(telling, other)
            if link:
                stories[other.story_id].append(link)
            elif share >= AKIN_SHARE:
                akin.append(other)
        return sorted((min(links, key=_rank) for links in stories.values()), key=_rank), akin

    def bridge(self, first: int, second: int) -> Link | None:
        """Return a link between a telling of the one story and one of the other."""
        keyed = [(other, {*key_clues(other.clues)}) for other in self._tellings(second)]
        for one in self._tellings(first):
            keys = {*key_clues(one.clues)}
            for other, known in keyed:
                if _compared(one, other, len(keys & known)):
                    link, _ = self._link(one, other)
                    if link is not None:
                        return link
        return None

    def _tellings(self, story_id: int) -> list[Telling]:
        known = (*self._stored.values(), *self._own)
        return [telling for telling in known if telling.story_id == story_id][-MAX_AKIN:]

    def _link(self, telling: Telling, other: Telling) -> tuple[Link | None, float]:
        """The link between two tellings, if there is one, and the share they have in common."""
        link, share = self._alike(telling, other)
        return (None, 0.0) if link is not None and _are_issues(telling, other) else (link, share)

    def _alike(self, telling: Telling, other: Telling) -> tuple[Link | None, float]:
        if other.article_id == telling.article_id:
            return None, 0.0
        if telling.topics and other.topics and not set(telling.topics) & set(other.topics):
            return None, 0.0
        likeness = _likeness(telling, other)
        reason: dict[str, Any] = {
            "to": other.article_id,
            "shared": list(likeness.shared[:12]),
            "weight": likeness.weight,
            "share": likeness.share,
        }
        score = likeness.share
        if self._vectors is not None and telling.vector and other.vector:
            cosine = self._vectors.cosine(telling, other)
            reason["cosine"] = round(cosine, 3)
            if not self._vectors.is_link(telling, other, cosine, likeness):
                return None, likeness.share
            if not likeness.is_link:
                words = f"retells article {other.article_id} (vectors {cosine:.2f}"
                shared = f"; both have {likeness.in_words}" if likeness.shared else ""
                reason["rule"] = "vectors"
                return Link(other, score + cosine, reason, words + shared + ")"), likeness.share
        if not likeness.is_link:
            return None, likeness.share
        words = f"retells article {other.article_id}: both have {likeness.in_words}"
        return Link(other, score, {**reason, "rule": "clues"}, words), likeness.share


def _compared(a: Telling, b: Telling, shared: int) -> bool:
    """Tell whether the search for candidates would bring together tellings with `shared` keys."""
    if abs(a.at - b.at) > REACH_S:
        return False
    if a.vector is not None and b.vector is not None and set(a.topics) & set(b.topics):
        return True
    return shared >= MIN_KEYS


def _are_issues(a: Telling, b: Telling) -> bool:
    """Tell whether two texts are yesterday's and today's issue of a template, maybe reprinted."""
    return abs(a.at - b.at) >= ISSUE_S and are_issues(a.features, b.features)


def _likeness(a: Telling, b: Telling) -> Likeness:
    # The two ways to write Chinese share few pairs of characters: two languages in this respect.
    known = {tag if tag.startswith("zh") else tag.split("-")[0] for tag in (a.language, b.language)}
    known -= {"und", "mul"}
    return compare(a.clues, b.clues, words=len(known) < 2)


def _rank(link: Link) -> tuple[float, int]:
    return -link.score, link.telling.article_id
