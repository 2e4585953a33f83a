"""Fit the weights of extractors/likelihood.py to labelled reports, and say what they are worth.

    python benchmarks/fit_stories.py dev.jsonl first.jsonl,first_short.jsonl second.jsonl

Each argument is a set; files joined by commas belong to one set. Lines are as in
shared/data/stories_dev.jsonl: id, lang, story, date, title, lead. Our own newsroom
(tests/quality/newsroom), with its daily templates, is added. Prints the weights as they stand in
the module, and per set precision, recall and F1 over pairs of different languages when the set is
left out of the fit. Needs the extra `vectors` (and its NumPy).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "tests")]

# ruff: noqa: E402 - our own packages are found by the line above
from support.newsroom import Told, held_out, newsroom

from extractors.clusters import Text, cluster
from extractors.language import base_language
from extractors.likelihood import LINK, LINK_VECTORS, evidence, likelihood, margin
from extractors.sketch import are_issues, make_sketch
from extractors.stories import Likeness, are_one_language, compare, days_ahead, key_clues
from extractors.vectors import load_encoder, shipped_means
from storage.linking import DAY_S, ISSUE_S, REACH_S
from storage.vectors import SHIPPED_WEIGHT

RIDGE = 1.0  # penalty on the weights (not on the first one), in units of one pair
ROUNDS = 60  # of Newton's method; it has settled after about ten


@dataclass(frozen=True, slots=True)
class Report:
    """One labelled report, with its sketch's clues and its centred vector."""

    id: str
    story: str
    lang: str
    topic: str
    at: float
    clues: tuple[str, ...]
    features: bytes
    vector: Any


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reports within reach of each other. `found`: the search would bring them together."""

    a: int
    b: int
    same: bool
    found: bool
    likeness: tuple[Likeness, Likeness]  # without vectors, with them (as storage/linking.py)
    days: float
    across: bool
    cosine: float
    on_topic: bool

    def evidence(self, *, vectors: bool) -> tuple[float, ...]:
        cosine = self.cosine if vectors else None
        likeness = self.likeness[vectors]
        return evidence(likeness, days=self.days, across=self.across, cosine=cosine)

    def likelihood(self, weights: Sequence[float], *, vectors: bool) -> float:
        return likelihood(
            self.likeness[vectors], days=self.days, across=self.across,
            cosine=self.cosine if vectors else None, on_topic=self.on_topic, weights=weights,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", metavar="FILE[,FILE]")
    names = parser.parse_args().sets
    groups = [[read(Path(file)) for file in name.split(",")] for name in names]
    groups += [[told(newsroom())], [told(held_out())]]
    names = [Path(name.split(",")[0]).stem for name in names] + ["newsroom", "newsroom, held out"]
    pairs = [[pairs_of(reports) for reports in group] for group in groups]
    for vectors in (False, True):
        weights = fit([found for group in pairs for found in group], vectors)
        print(f"\n{'with' if vectors else 'without'} vectors, all sets:")
        print("(" + ", ".join(f"{weight:.3f}" for weight in weights) + ")")
        bar = LINK_VECTORS if vectors else LINK
        print(f"{'left out':24} precision recall F1 at {bar}")
        for n, name in enumerate(names):
            own = fit([f for m, group in enumerate(pairs) if m != n for f in group], vectors)
            for reports, found in zip(groups[n], pairs[n], strict=True):
                scores = score(reports, found, own, vectors)
                print(f"{name:24} " + " ".join(f"{value:9.3f}" for value in scores))


def read(path: Path) -> list[Report]:
    """Return the reports of a file."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return reports_of(
        [
            (
                row["id"], row["story"], row["lang"], row.get("family", ""), row["title"],
                row["lead"],
                datetime.fromisoformat(row["date"]).replace(tzinfo=UTC),
            )
            for row in rows
        ],
        dated=True,
    )  # fmt: skip


def told(articles: Sequence[Told]) -> list[Report]:
    """Return the events, first texts, follow-ups and daily templates of our newsroom."""
    kept = [
        one
        for one in articles
        if one.kind in ("event", "base", "followup") or one.kind.startswith("template")
    ]
    rows = [(one.id, one.story, one.lang, one.family, one.title, one.text, one.at) for one in kept]
    return reports_of(rows, dated=False)


def reports_of(
    rows: Sequence[tuple[str, str, str, str, str, str, datetime]], *, dated: bool
) -> list[Report]:
    encoder = load_encoder("on")
    assert encoder is not None
    sketches = [
        make_sketch(text, title, lang, published=at if dated else None)
        for _, _, lang, _, title, text, at in rows
    ]
    vectors = np.array(encoder.encode([sketch.opening for sketch in sketches]))
    for lang in {base_language(row[2]) for row in rows}:
        own = [n for n, row in enumerate(rows) if base_language(row[2]) == lang]
        shipped = np.array(shipped_means().get((lang, encoder.model), [0.0] * vectors.shape[1]))
        weight = SHIPPED_WEIGHT if shipped.any() else 0
        vectors[own] -= (vectors[own].sum(0) + weight * shipped) / (len(own) + weight)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Report(*row[:4], row[6].timestamp(), sketch.clues, sketch.features, vector)
        for row, sketch, vector in zip(rows, sketches, vectors, strict=True)
    ]


def pairs_of(reports: Sequence[Report]) -> list[Pair]:
    """Return the pairs that the linker could compare."""
    keys = [{*key_clues(report.clues)} for report in reports]
    found = []
    for (n, a), (m, b) in combinations(enumerate(reports), 2):
        apart = abs(a.at - b.at)
        if apart > REACH_S or (apart >= ISSUE_S and are_issues(a.features, b.features)):
            continue
        words, on_topic = are_one_language(a.lang, b.lang), bool(a.topic) and a.topic == b.topic
        found.append(
            Pair(
                n, m, a.story == b.story, bool(keys[n] & keys[m]) or on_topic,
                (
                    compare(a.clues, b.clues, words=words),
                    compare(a.clues, b.clues, words=words, ahead=days_ahead(a.lang, b.lang)),
                ),
                days=apart / DAY_S,
                across=base_language(a.lang) != base_language(b.lang),
                cosine=float(a.vector @ b.vector),
                on_topic=on_topic,
            )
        )  # fmt: skip
    return found


def _matrix(pairs: Sequence[Pair], vectors: bool) -> Any:
    rows = np.array([pair.evidence(vectors=vectors) for pair in pairs])
    return np.hstack([np.ones((len(rows), 1)), rows])


def fit(sets: Sequence[Sequence[Pair]], vectors: bool) -> Any:
    """Fit a logistic model by Newton's method; a set of n pairs counts as its square root."""
    rows = np.vstack([_matrix(pairs, vectors) for pairs in sets])
    same = np.concatenate([[float(pair.same) for pair in pairs] for pairs in sets])
    counts = np.concatenate([np.full(len(pairs), len(pairs) ** -0.5) for pairs in sets])
    counts /= counts.mean()
    penalty = np.diag([0.0] + [RIDGE] * (rows.shape[1] - 1))
    weights = np.zeros(rows.shape[1])
    for _ in range(ROUNDS):
        probable = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (counts * (probable - same)) + penalty @ weights
        curve = (rows * (counts * probable * (1 - probable))[:, None]).T @ rows + penalty
        weights -= np.linalg.solve(curve, slope)
    return weights


def score(
    reports: Sequence[Report], pairs: Sequence[Pair], weights: Any, vectors: bool
) -> tuple[float, float, float]:
    """Return precision, recall and F1 over pairs of different languages, stories as shipped."""
    margins = {
        (pair.a, pair.b): margin(
            pair.likelihood(weights, vectors=vectors), pair.likeness[vectors], vectors=vectors
        )
        for pair in pairs
        if pair.found
    }
    texts = [Text(n, int(report.at)) for n, report in enumerate(reports)]
    groups = cluster(texts, margins, reach=REACH_S)
    story = {n: key for key, group in enumerate(groups) for n in group}
    return across(reports, story.__getitem__)


def across(reports: Sequence[Report], found: Callable[[int], int]) -> tuple[float, float, float]:
    right = wrong = missed = 0
    for (n, a), (m, b) in combinations(enumerate(reports), 2):
        if base_language(a.lang) != base_language(b.lang):
            same, together = a.story == b.story, found(n) == found(m)
            right += same and together
            wrong += together and not same
            missed += same and not together
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


if __name__ == "__main__":
    main()
