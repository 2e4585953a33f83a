"""Grouping: which story the texts of a batch belong to, and which stories change because of them.

In: the new texts that are no copies, and the pairs that the linker found. Out: stories that became
one, and texts that moved to another story, for the caller to carry out. The texts around the new
ones, as far as they may be one story with them, are put in groups anew (extractors/clusters.py):
what is one story does not hang on what came first. What a person corrected stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from extractors.clusters import LEAST, Text, cluster, lenience
from storage.linking import REACH_S
from storage.rows import insert_rows
from storage.story_events import read_apart, read_held

if TYPE_CHECKING:
    from storage.database import Transaction
    from storage.fold_index import FoldedText
    from storage.linking import Linker, Pair

SPAN_S = 14 * 86_400  # texts further from those that a batch is about stay where they are
MAX_TEXTS = 400  # more of them that hang together are taken story by story

# What events say of why they happened.
APART = "nearer to each other than to the story's other reports"
NEARER = "nearer to that story's reports"
BOTH = "reports of both retell each other"
BRIDGE = "an article is a version of texts of both"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: the first of its copies, its story, its time in seconds."""

    root: int
    story_id: int
    at: int


@dataclass(frozen=True, slots=True)
class Move:
    """Texts, by the first of their copies, that leave a story for another one.

    `is_split` tells that they begin the other one.
    """

    texts: tuple[int, ...]
    source: int
    target: int
    reason: dict[str, Any]
    is_split: bool


@dataclass(frozen=True, slots=True)
class Merge:
    """A story that becomes part of another one."""

    keep: int
    gone: int
    reason: dict[str, Any]


@dataclass(slots=True)
class Changes:
    """What the groups mean for the stories; `reasons` are those of texts, by the first copy.

    A text that begins its story has an empty reason. Moves come before merges.
    """

    moves: list[Move] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    reasons: dict[int, dict[str, Any]] = field(default_factory=dict)


class Grouping:
    """The pairs of a batch, and the stories around them."""

    def __init__(self, tx: Transaction, linker: Linker) -> None:
        self._tx = tx
        self._linker = linker
        self._pairs: list[Pair] = []
        self._places: dict[int, Place] = {}
        self._margins: dict[tuple[int, int], float] = {}
        self._given: dict[tuple[int, int], float] = {}
        self._bridges: Mapping[int, int] = {}

    def note(self, pairs: Iterable[Pair]) -> None:
        """Note how a new text resembles others."""
        self._pairs += pairs

    def write(self) -> None:
        """Store the pairs."""
        insert_rows(
            self._tx,
            "core.resemblance",
            [
                {
                    "article_id": max(pair.telling.article_id, pair.other.article_id),
                    "other_id": min(pair.telling.article_id, pair.other.article_id),
                    "at_s": max(pair.telling.at, pair.other.at),
                    "margin": pair.margin,
                }
                for pair in self._pairs
            ],
        )

    def run(
        self,
        own: Sequence[FoldedText],
        roots: Mapping[int, int],
        bridges: Mapping[int, int],
        new_id: Callable[[], int],
    ) -> Changes:
        """Put the texts around the batch in groups; return what changes.

        Args:
            own: the batch's representatives, with their first copies and stories as of now.
            roots: first copies of before that gave their copies to others in this batch.
            bridges: by the first copy, the article that showed two texts to be versions of one. The
                copies of both are one text now, in two stories until these are put right here.
            new_id: gives the number of a new story.
        """
        self._bridges = bridges
        seeds = {
            telling.article_id for pair in self._pairs for telling in (pair.telling, pair.other)
        }
        seeds |= {*roots, *bridges}
        if not seeds:
            return Changes()
        self._gather(seeds, {t.article_id: Place(t.root, t.story_id, t.at) for t in own})
        return self._compare(self._cluster(), new_id)

    def _gather(self, seeds: set[int], own: dict[int, Place]) -> None:
        """Read the texts that may be one story with the seeds: their stories, and so on."""
        of_story: defaultdict[int, list[int]] = defaultdict(list)
        for article_id, place in own.items():
            of_story[place.story_id].append(article_id)
        found: dict[tuple[int, int], float] = {}
        own_pairs: defaultdict[int, list[tuple[int, int, float]]] = defaultdict(list)
        for pair in self._pairs:
            ends = pair.telling.article_id, pair.other.article_id
            for end in ends:
                own_pairs[end].append((*ends, pair.margin))
        near: defaultdict[int, set[int]] = defaultdict(set)  # by first copy, those that resemble it
        roots: dict[int, int] = {article_id: place.root for article_id, place in own.items()}
        stories: set[int] = set()
        frontier = seeds
        span: tuple[int, int] | None = None
        while frontier:
            before = set(self._places)
            self._places.update({a: own[a] for a in frontier if a in own})
            self._read("article_id", frontier - self._places.keys(), own, span)
            if span is None:
                times = [self._places[a].at for a in seeds if a in self._places] or [0]
                span = min(times) - SPAN_S, max(times) + SPAN_S
            new = {self._places[a].story_id for a in frontier if a in self._places} - stories
            stories |= new
            self._read("story_id", new, own, span)
            self._places.update({a: own[a] for story in new for a in of_story[story]})
            ids = self._places.keys() - before
            pairs = self._read_pairs(ids)
            pairs += [pair for a in ids for pair in own_pairs.get(a, ())]
            self._read_roots({end for pair in pairs for end in pair[:2]}, roots)
            for a, b, margin in pairs:
                found[a, b] = margin
                near[roots[a]].add(roots[b])
                near[roots[b]].add(roots[a])
            # What one end has around it is known; with what the other has the pair gets no more.
            reached = {
                end
                for a, b, margin in pairs
                if margin + lenience(min(len(near[roots[e]]) - 1 for e in (a, b) if e in ids)) >= 0
                for end in (a, b)
            }
            frontier = reached - self._places.keys()
        for (a, b), margin in found.items():
            key = min(roots[a], roots[b]), max(roots[a], roots[b])
            if a in self._places and b in self._places and key[0] != key[1]:
                self._margins[key] = max(margin, self._margins.get(key, margin))
                self._given[key] = lenience(len((near[key[0]] | near[key[1]]) - {*key}))

    def _read_roots(self, wanted: Collection[int], roots: dict[int, int]) -> None:
        """Read the first copies of texts, as far as they are not known."""
        unknown = sorted({*wanted} - roots.keys())
        if unknown:
            rows = self._tx.con.execute(
                "SELECT article_id, root FROM core.sketch "
                "WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?",
                [unknown, unknown[0], unknown[-1]],
            ).fetchall()
            roots.update({article_id: article_id for article_id in unknown} | dict(rows))

    def _read(
        self,
        column: str,
        wanted: Collection[int],
        own: Mapping[int, Place],
        span: tuple[int, int] | None,
    ) -> None:
        if not wanted:
            return
        rows = self._tx.con.execute(
            f"SELECT article_id, root, story_id, at_s FROM core.sketch "
            f"WHERE {column} IN (SELECT unnest(?::BIGINT[])) AND {column} BETWEEN ? AND ?"
            + (" AND at_s BETWEEN ? AND ?" if span else ""),
            [sorted(wanted), min(wanted), max(wanted), *(span or ())],
        ).fetchall()
        for article_id, root, story_id, at in rows:
            self._places[article_id] = own.get(article_id) or Place(root, story_id, at)

    def _read_pairs(self, ids: Collection[int]) -> list[tuple[int, int, float]]:
        if not ids:
            return []
        times = [self._places[a].at for a in ids]
        return self._tx.con.execute(
            """
            SELECT article_id, other_id, margin FROM core.resemblance
            WHERE at_s BETWEEN ? AND ?
              AND (article_id IN (SELECT unnest(?::BIGINT[]))
                   OR other_id IN (SELECT unnest(?::BIGINT[])))
            """,
            [min(times), max(times) + REACH_S, sorted(ids), sorted(ids)],
        ).fetchall()

    def _cluster(self) -> list[list[int]]:
        apart, held = read_apart(self._tx.con), read_held(self._tx.con)
        parts = self._parts()
        where = {root: n for n, places in enumerate(parts) for root in places}
        margins: list[dict[tuple[int, int], float]] = [{} for _ in parts]
        for (a, b), margin in self._margins.items():
            if where[a] == where[b]:
                margins[where[a]][a, b] = margin
        groups: list[list[int]] = []
        for places, own in zip(parts, margins, strict=True):
            groups += self._cluster_part(places, own, apart, held)
        return groups

    def _parts(self) -> list[dict[int, list[Place]]]:
        """The texts, by the first copy, in parts that neither a pair nor a story connects."""
        places = self._places_of_texts()
        top: dict[int, int] = {root: root for root in places}

        def find(root: int) -> int:
            while top[root] != root:
                top[root] = top[top[root]]
                root = top[root]
            return root

        first_of: dict[int, int] = {}
        for root, own in places.items():
            for place in own:
                top[find(root)] = find(first_of.setdefault(place.story_id, root))
        for (a, b), margin in self._margins.items():
            if margin + self._given[a, b] >= 0:
                top[find(a)] = find(b)
        parts: defaultdict[int, dict[int, list[Place]]] = defaultdict(dict)
        for root in sorted(places):
            parts[find(root)][root] = places[root]
        return list(parts.values())

    def _cluster_part(
        self,
        places: Mapping[int, list[Place]],
        margins: dict[tuple[int, int], float],
        apart: set[frozenset[int]],
        held: set[int],
    ) -> list[list[int]]:
        stories: defaultdict[int, list[int]] = defaultdict(list)
        for root, own in places.items():
            for place in own:
                stories[place.story_id].append(root)
        self._linker.load(self._tx, places)
        is_crowd = len(places) > MAX_TEXTS
        if not is_crowd:
            for pair in self._linker.have_common(sorted(places)):
                margins.setdefault(pair, LEAST)
        given = {pair: self._given[pair] for pair in margins if pair in self._given}
        return cluster(
            [
                Text(root, own[0].at, frozenset(place.story_id for place in own))
                for root, own in places.items()
            ],
            margins,
            reach=REACH_S,
            given=given,
            apart=apart,
            together=[roots for story, roots in stories.items() if is_crowd or story in held],
        )

    def _places_of_texts(self) -> dict[int, list[Place]]:
        """The places of texts, by the first copy: its own comes first, then those of other stories.

        A text is in two stories only when a bridge has just made two texts one.
        """
        places: defaultdict[int, list[Place]] = defaultdict(list)
        entries = sorted(
            self._places.items(), key=lambda entry: (entry[0] != entry[1].root, entry[0])
        )
        for _, place in entries:
            own = places[place.root]
            if all(place.story_id != other.story_id for other in own):
                own.append(place)
        return places

    def _compare(self, groups: Sequence[Sequence[int]], new_id: Callable[[], int]) -> Changes:
        """Say what the groups mean for the stories as they are."""
        changes = Changes()
        stories_of = {
            root: {place.story_id for place in own} for root, own in self._places_of_texts().items()
        }
        anchors = self._anchors()
        for group in groups:
            near = {story for root in group for story in stories_of[root]}
            mine = sorted(story for story in near if anchors[story] in group)
            keep = mine[0] if mine else new_id()
            for n, source in enumerate(sorted(near - {*mine})):
                roots = [root for root in group if source in stories_of[root]]
                rest = [root for root in group if stories_of[root] != {source}]
                is_split = not mine and n == 0
                reason: dict[str, Any] = {"rule": APART}
                if not is_split:
                    reason = self._bridge(roots, rest) or {"rule": NEARER} | self._why(roots, rest)
                changes.moves.append(Move(tuple(roots), source, keep, reason, is_split))
            for gone in mine[1:]:
                roots = [root for root in group if gone in stories_of[root]]
                rest = [root for root in group if stories_of[root] != {gone}]
                reason = self._bridge(roots, rest) or {"rule": BOTH} | self._why(roots, rest)
                changes.merges.append(Merge(keep, gone, reason))
        self._give_reasons(groups, changes)
        return changes

    def _anchors(self) -> dict[int, int]:
        """The text by which each story is known: of its first alert, else the first to arrive."""
        anchors: dict[int, int] = {}
        for _, place in sorted(self._places.items()):
            anchors.setdefault(place.story_id, place.root)
        rows = self._tx.con.execute(
            """
            SELECT l.story_id, arg_min(coalesce(a.duplicate_of, a.article_id), l.created_at)
            FROM core.alert l JOIN core.article a USING (article_id)
            WHERE l.kind = 'alert' AND l.state <> 'withdrawn' AND a.story_id = l.story_id
              AND l.story_id IN (SELECT unnest(?::BIGINT[]))
            GROUP BY 1
            """,
            [sorted(anchors)],
        ).fetchall()
        roots = {(place.story_id, place.root) for place in self._places.values()}
        anchors.update({story: root for story, root in rows if (story, root) in roots})
        return anchors

    def _best(self, some: Collection[int], others: Collection[int]) -> Pair | None:
        """The likeliest pair of some texts and others."""
        some, others = set(some), set(others) - set(some)
        known = [
            (margin, key)
            for key, margin in self._margins.items()
            if (key[0] in some and key[1] in others) or (key[1] in some and key[0] in others)
        ]
        if not known:
            return None
        _, (a, b) = max(known)
        pairs = self._linker.compare(*((a, [b]) if a in some else (b, [a])))
        return pairs[0] if pairs else None

    def _why(self, some: Collection[int], others: Collection[int]) -> dict[str, Any]:
        pair = self._best(some, others)
        return {"by": pair.telling.article_id, "a": pair.reason()} if pair else {}

    def _bridge(self, some: Collection[int], others: Collection[int]) -> dict[str, Any]:
        """Why texts are in one story, where an article made a text of each one text."""
        by = [self._bridges[root] for root in some if root in others and root in self._bridges]
        return {"rule": BRIDGE, "by": min(by)} if by else {}

    def _give_reasons(self, groups: Sequence[Sequence[int]], changes: Changes) -> None:
        """Say of each new text what it retells, and of others when that is no longer with them."""
        new: defaultdict[int, list[Pair]] = defaultdict(list)
        for pair in self._pairs:
            new[self._root(pair.telling.article_id)].append(pair)
            new[self._root(pair.other.article_id)].append(pair.turned())
        own = {self._root(pair.telling.article_id) for pair in self._pairs}
        moved = {root for move in changes.moves for root in move.texts}
        touched = {move.source for move in changes.moves}
        touched_roots = {p.root for p in self._places.values() if p.story_id in touched}
        for group in groups:
            members = set(group)
            for root in group:
                if root not in own and (
                    root not in touched_roots or self._stays(root, members, root in moved)
                ):
                    continue
                others = [other for other in group if other != root]
                pairs = [
                    pair
                    for pair in new[root]
                    if self._root(pair.other.article_id) in members - {root}
                ]
                pairs = pairs or self._linker.compare(root, others)
                older = [p for p in pairs if self._root(p.other.article_id) < root]
                begins = root == group[0] or not pairs
                best = min(older or pairs, key=lambda p: p.rank, default=None)
                changes.reasons[root] = best.reason() if best and not begins else {}

    def _root(self, article_id: int) -> int:
        place = self._places.get(article_id)
        return place.root if place else article_id

    def _stays(self, root: int, members: set[int], has_moved: bool) -> bool:
        """Tell whether the text that a stored one retells is in its group."""
        row = self._tx.con.execute(
            "SELECT fold_reason ->> '$.to' FROM core.article WHERE article_id = ?", [root]
        ).fetchone()
        if row is None or row[0] is None:
            return not has_moved
        return self._root(int(row[0])) in members
