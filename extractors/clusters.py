"""Clusters: which texts are one story, when it is known how alike each two of them are.

In: texts with their times, and a margin for pairs of them: by how much they are likelier to tell of
one event than is asked of a pair (`extractors.likelihood.margin`). Out: the texts in groups.
Agglomerative clustering: the two groups that are most alike become one, again and again. How alike
two groups are is between single linkage, which chains what follows from day to day, and average
linkage (UPGMA; Sokal and Michener 1958), by which an event that many newsrooms tell falls apart:
each text of the smaller group is asked for the few texts of the other one that are nearest to it.
The same texts give the same groups, whichever came first.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

# In log-odds above the bar of a pair: two groups become one when their pairs reach the bar on
# average. A round-up is very like a report of each of its events, which have nothing in common.
# (docs/adr/0030-stories.md has the figures of other values.)
MOST = 2.5  # one pair says no more than this
LEAST = -1.5  # nor less, when it is compared
STRANGE = -4.0  # two texts of these days that have nothing in common
NEAREST = 4  # texts of the other group that a text is asked for

# Where few texts resemble two, it is likelier that these two tell of one event: on a quiet day of a
# desk there is often just one. A pair with FEW others or none around it is given LENIENCE, one with
# MANY nothing: with 8 for 4 siblings and busy days lose up to .02, with 12 up to .1 of F1.
# (A pair that is stored is above LEAST, so none is wanted that is not.)
LENIENCE = 1.5
FEW, MANY = 1, 4


@dataclass(frozen=True, slots=True)
class Text:
    """A text that tells of an event. `at` is in seconds; `labels` are kept apart from others."""

    number: int
    at: int
    labels: frozenset[int] = frozenset()


def lenience(others: int) -> float:
    """Return what a pair is given, in log-odds, when so many others resemble one of the two."""
    return LENIENCE * max(0.0, min(1.0, (MANY - others) / (MANY - FEW)))


_Entry = tuple[float, float, tuple[int, int], tuple[int, int], int, int]


@dataclass(slots=True, eq=False)
class _Group:
    """Texts that are one story so far, and the groups that one of them resembles."""

    texts: list[Text]
    labels: set[int]
    beside: set[int] = field(default_factory=set)

    @property
    def first(self) -> tuple[int, int]:
        return min((text.at, text.number) for text in self.texts)


def cluster(
    texts: Sequence[Text],
    margins: Mapping[tuple[int, int], float],
    *,
    reach: int,
    given: Mapping[tuple[int, int], float] | None = None,
    together: Iterable[Collection[int]] = (),
    apart: Collection[frozenset[int]] = (),
) -> list[list[int]]:
    """Return the texts' numbers in groups, the earliest first.

    Args:
        texts: any number of them; the cost grows with the pairs that have a margin.
        margins: of pairs of numbers, in any order; a pair that is missing has nothing in common.
        reach: seconds within which texts are compared at all; others say nothing of each other.
        given: what pairs are given (`lenience`): it counts when it is asked whether groups become
            one, not which of them do so first.
        together: numbers that are one group from the start.
        apart: pairs of labels that never meet in one group.
    """
    return _Clustering(texts, margins, reach, given or {}, together, apart).run()


class _Clustering:
    def __init__(
        self,
        texts: Sequence[Text],
        margins: Mapping[tuple[int, int], float],
        reach: int,
        given: Mapping[tuple[int, int], float],
        together: Iterable[Collection[int]],
        apart: Collection[frozenset[int]],
    ) -> None:
        self._reach = reach
        self._given: defaultdict[int, dict[int, float]] = defaultdict(dict)
        for (one, other), lent in given.items():
            self._given[one][other] = self._given[other][one] = lent
        self._apart = apart
        self._groups = dict(enumerate(_begin(texts, together)))
        self._known: defaultdict[int, dict[int, float]] = defaultdict(dict)
        where = {t.number: key for key, group in self._groups.items() for t in group.texts}
        for (a, b), margin in margins.items():
            if a in where and b in where:
                self._known[a][b] = self._known[b][a] = max(LEAST, margin)
                if margin > LEAST and where[a] != where[b]:
                    self._groups[where[a]].beside.add(where[b])
                    self._groups[where[b]].beside.add(where[a])

    def run(self) -> list[list[int]]:
        groups = self._groups
        heap: list[_Entry] = []
        for key, group in groups.items():
            for other in group.beside:
                if key < other:
                    self._offer(heap, key, other)
        free = len(groups)
        while heap:
            *_, one, other = heapq.heappop(heap)
            if one not in groups or other not in groups:
                continue
            joined = groups[free] = self._join(one, other)
            for key in joined.beside:
                groups[key].beside -= {one, other}
                groups[key].beside.add(free)
                self._offer(heap, key, free)
            free += 1
        found = sorted(groups.values(), key=lambda group: group.first)
        return [sorted(text.number for text in group.texts) for group in found]

    def _join(self, one: int, other: int) -> _Group:
        a, b = self._groups.pop(one), self._groups.pop(other)
        beside = (a.beside | b.beside) - {one, other}
        return _Group([*a.texts, *b.texts], a.labels | b.labels, beside)

    def _offer(self, heap: list[_Entry], one: int, other: int) -> None:
        """Put two groups on the heap, unless they are not to become one."""
        a, b = self._groups[one], self._groups[other]
        enough, alike, freely = self._alike(a, b)
        if enough >= 0 and not self._are_apart(a, b):
            first, second = sorted((a.first, b.first))
            heapq.heappush(heap, (-alike, -freely, first, second, one, other))

    def _alike(self, a: _Group, b: _Group) -> tuple[float, float, float]:
        """How alike two groups are: the mean over the texts of the smaller one.

        With what pairs are given; without that; and without `MOST` too, which decides between
        equals.
        """
        if len(a.texts) > len(b.texts):
            a, b = b, a
        sides = [(a, b), (b, a)] if len(a.texts) == len(b.texts) else [(a, b)]
        near = [self._nearest(text, its.texts) for mine, its in sides for text in mine.texts]
        near = [some for some in near if some]
        if not near:
            return -math.inf, -math.inf, -math.inf
        given = _mean(_mean(min(MOST, margin + lent) for margin, lent in some) for some in near)
        capped = _mean(_mean(min(MOST, margin) for margin, _ in some) for some in near)
        free = _mean(_mean(margin for margin, _ in some) for some in near)
        return round(given, 9), round(capped, 9), round(free, 9)

    def _nearest(self, text: Text, others: Sequence[Text]) -> list[tuple[float, float]]:
        """The margins of a text to those that are nearest to it, and what the pairs are given."""
        known, given = self._known[text.number], self._given[text.number]
        values = [
            (known.get(other.number, STRANGE), given.get(other.number, 0.0))
            for other in others
            if other.number in known or abs(other.at - text.at) <= self._reach
        ]
        return heapq.nlargest(NEAREST, values)

    def _are_apart(self, a: _Group, b: _Group) -> bool:
        return bool(self._apart) and any(
            frozenset((one, other)) in self._apart for one in a.labels for other in b.labels
        )


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return math.fsum(known) / len(known)


def _begin(texts: Sequence[Text], together: Iterable[Collection[int]]) -> list[_Group]:
    """The groups to begin with: a text each, or what belongs together."""
    root = {text.number: text.number for text in texts}

    def top(number: int) -> int:
        while root[number] != number:
            number = root[number]
        return number

    for block in together:
        known = [number for number in block if number in root]
        for number in known[1:]:
            first, second = sorted((top(known[0]), top(number)))
            root[second] = first
    blocks: defaultdict[int, list[Text]] = defaultdict(list)
    for text in texts:
        blocks[top(text.number)].append(text)
    return [
        _Group(block, {label for text in block for label in text.labels})
        for block in blocks.values()
    ]
