"""Vectors of stored tellings: packed, centred per language, compared.

In: an encoder (extractors/vectors.py) and the articles of a batch. Out: packed vectors to store
beside the sketches, and the likeness of two of them. The mean of each language is kept as a
running total in the database, on top of shipped means.
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Sequence
from operator import mul
from typing import TYPE_CHECKING

from extractors.stories import Day, has_enough
from extractors.vectors import shipped_means
from storage.rows import insert_rows

if TYPE_CHECKING:
    from extractors.stories import Likeness
    from extractors.vectors import Encoder
    from storage.database import Transaction
    from storage.folding import FoldInput
    from storage.linking import Telling

# When two tellings are of one event by the cosine of their centred vectors and what they share in
# names, terms and amounts (weight, share: extractors/stories.py). Vectors alone tell subjects from
# each other, not events: of the pairs of one subject in tests/quality/newsroom (two earthquakes,
# two central banks) the cosine reaches .63, of daily templates in two languages .74; cosine plus
# share reaches .79. True pairs lie above .8, but for texts without any name in common (.57-.65).
NEAR, NEAR_SUM, NEAR_WEIGHT = 0.25, 0.8, 3.0  # across languages: cosine, cosine + share, weight
ALONE = 0.6  # cosine across languages where they share next to nothing that could be compared
# The same where neither has an amount, so that it is no template of figures: of 10,595 such pairs
# of different texts in our and the development data the nearest have .54.
ALONE_WORDS = 0.56
WITHIN, WITHIN_SHARE, WITHIN_CLASH = 0.5, 0.33, 1  # within a language, where templates reach .97
CLASHING, CLASHING_SHARE = 0.45, 0.6  # where amounts or days speak against one event
# Where both begin with the same day and no amounts speak against it: of the pairs of different
# events in four sets written blind and two of our own, many of them siblings of one subject, the
# nearest across languages have a cosine of .23, within a language .31. With an amount against it
# (two earthquakes, two ferries of one day) the sum of cosine and share reaches .85.
SAME_DAY, SAME_DAY_WITHIN, SAME_DAY_SUM = 0.3, 0.4, 0.55
SAME_DAY_CLASHING = 0.95
FAR = 0.15  # below this, clues alone link no more
SHIPPED_WEIGHT = 40  # the shipped mean counts as so many articles
MEAN_OF = 500  # articles that the running mean looks back on


class VectorBook:
    """The vectors of one batch, and the means of the languages."""

    def __init__(self, tx: Transaction, encoder: Encoder) -> None:
        self._tx = tx
        self._encoder = encoder
        self._means = dict(self._read_means())
        self._centred: dict[int, tuple[float, ...]] = {}

    def encode(self, items: Sequence[FoldInput]) -> list[bytes | None]:
        """Return packed vectors of the items that are to be linked by them; None for others."""
        wanted = [
            n
            for n, item in enumerate(items)
            if item.topics or (self._encoder.everything and has_enough(item.sketch.clues))
        ]
        vectors = self._encoder.encode([items[n].sketch.opening for n in wanted])
        packed: list[bytes | None] = [None] * len(items)
        sums: defaultdict[str, list[tuple[float, ...]]] = defaultdict(list)
        for n, vector in zip(wanted, vectors, strict=True):
            packed[n] = struct.pack(f"<{len(vector)}e", *vector)
            sums[_base(items[n].language)].append(vector)
        self._learn(sums)
        return packed

    def cosine(self, a: Telling, b: Telling) -> float:
        """Return the cosine of two tellings' vectors, each without its language's mean."""
        return math.fsum(map(mul, self._unit(a), self._unit(b)))

    def is_link(self, a: Telling, b: Telling, cosine: float, likeness: Likeness) -> bool:
        """Tell whether two tellings are of one event."""
        if likeness.is_link:
            return cosine >= FAR
        within = _base(a.language) == _base(b.language)
        if likeness.day is Day.SAME and cosine >= (SAME_DAY_WITHIN if within else SAME_DAY):
            least = SAME_DAY_CLASHING if likeness.clash else SAME_DAY_SUM
            if cosine + likeness.share >= least:
                return True
        is_named = likeness.weight >= NEAR_WEIGHT
        if within:
            alike = cosine >= WITHIN and likeness.share >= WITHIN_SHARE
            alike = alike and likeness.clash <= WITHIN_CLASH and likeness.day is not Day.OTHER
            return alike and is_named
        if likeness.clash or likeness.day is Day.OTHER:
            return is_named and cosine >= CLASHING and likeness.share >= CLASHING_SHARE
        if is_named:
            return cosine >= NEAR and cosine + likeness.share >= NEAR_SUM
        return cosine >= (ALONE if likeness.has_amounts else ALONE_WORDS)

    def _unit(self, telling: Telling) -> tuple[float, ...]:
        found = self._centred.get(telling.article_id)
        if found is None:
            packed = telling.vector or b""
            vector = struct.unpack(f"<{len(packed) // 2}e", packed)
            mean = self._mean(_base(telling.language), len(vector))
            moved = [value - middle for value, middle in zip(vector, mean, strict=True)]
            size = math.sqrt(sum(map(mul, moved, moved))) or 1.0
            found = self._centred[telling.article_id] = tuple(value / size for value in moved)
        return found

    def _mean(self, language: str, size: int) -> list[float]:
        n, total = self._means.get(language, (0, [0.0] * size))
        shipped = shipped_means().get((language, self._encoder.model), (0.0,) * size)
        weight = SHIPPED_WEIGHT if any(shipped) else 0
        return [
            (own + weight * first) / max(1, n + weight)
            for own, first in zip(total, shipped, strict=True)
        ]

    def _read_means(self) -> list[tuple[str, tuple[int, list[float]]]]:
        rows = self._tx.con.execute(
            "SELECT language, n, total FROM core.vector_mean WHERE model = ?",
            [self._encoder.model],
        ).fetchall()
        return [(language, (n, list(total))) for language, n, total in rows]

    def _learn(self, vectors: dict[str, list[tuple[float, ...]]]) -> None:
        for language, rows in vectors.items():
            n, total = self._means.get(language, (0, [0.0] * len(rows[0])))
            for row in rows:
                if n >= MEAN_OF:  # forget slowly: the mean of about the last MEAN_OF
                    total = [value * (MEAN_OF - 1) / MEAN_OF for value in total]
                    n = MEAN_OF - 1
                total = [a + b for a, b in zip(total, row, strict=True)]
                n += 1
            self._means[language] = (n, total)
            self._tx.con.execute(
                "DELETE FROM core.vector_mean WHERE language = ? AND model = ?",
                [language, self._encoder.model],
            )
            insert_rows(
                self._tx,
                "core.vector_mean",
                [{"language": language, "model": self._encoder.model, "n": n, "total": total}],
            )


def _base(language: str) -> str:
    return language.split("-")[0]
