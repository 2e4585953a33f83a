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

from extractors.language import base_language
from extractors.stories import key_clues
from extractors.vectors import shipped_means
from storage.rows import insert_rows

if TYPE_CHECKING:
    from extractors.vectors import Encoder
    from storage.database import Transaction
    from storage.folding import FoldInput
    from storage.linking import Telling

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
            if item.topics or (self._encoder.everything and key_clues(item.sketch.clues))
        ]
        vectors = self._encoder.encode([items[n].sketch.opening for n in wanted])
        packed: list[bytes | None] = [None] * len(items)
        sums: defaultdict[str, list[tuple[float, ...]]] = defaultdict(list)
        for n, vector in zip(wanted, vectors, strict=True):
            packed[n] = struct.pack(f"<{len(vector)}e", *vector)
            sums[base_language(items[n].language)].append(vector)
        self._learn(sums)
        return packed

    def cosine(self, a: Telling, b: Telling) -> float:
        """Return the cosine of two tellings' vectors, each without its language's mean."""
        return math.fsum(map(mul, self._unit(a), self._unit(b)))

    def _unit(self, telling: Telling) -> tuple[float, ...]:
        found = self._centred.get(telling.article_id)
        if found is None:
            packed = telling.vector or b""
            vector = struct.unpack(f"<{len(packed) // 2}e", packed)
            mean = self._mean(base_language(telling.language), len(vector))
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
