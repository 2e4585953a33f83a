"""Choose the weights of extractors/likelihood.py by labelled reports, and say what they are worth.

    python benchmarks/fit_stories.py [FILE ...] [--check FILE ...]
    python benchmarks/fit_stories.py --search 500 --seed 0

A file is a set: a report a line, as in shared/data/stories_dev.jsonl (id, lang, story, date,
title, lead); without any, the sets of benchmarks/stories are taken. Our own newsroom
(tests/quality/newsroom), with its daily templates, is added. Prints per set precision, recall and
F1 over pairs of different languages: with the shipped weights, and with weights fitted to the pairs
of the other sets. Sets named behind --check are in no fit.

`--search` takes so many seconds of CPU to better the shipped weights: a random step is kept when
the stories of all sets become better (`worth`). Prints the weights as they stand in the module. The
shipped ones come from such a search of 17 minutes, from weights fitted to pairs of older sets, with
siblings counted 1.2, busy .8 and big .5 times; of two seeds the one that was better on four sets
besides (docs/adr/0030-stories.md). Needs the extra `vectors`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "tests")]

# ruff: noqa: E402 - our own packages are found by the line above
from support.newsroom import Told, held_out, newsroom

from alerts.match import match_topics
from alerts.models import MatchInput
from alerts.topics import load_topics
from extractors.clusters import LEAST, LENIENCE, Text, cluster, lenience
from extractors.language import base_language
from extractors.likelihood import (
    _BASE,
    _VECTORS,
    EVIDENCE,
    EVIDENCE_VECTORS,
    evidence,
    likelihood,
    margin,
)
from extractors.sketch import are_issues, make_sketch
from extractors.stories import Likeness, are_one_language, compare, days_ahead, key_clues
from extractors.vectors import load_encoder, shipped_means
from storage.linking import DAY_S, ISSUE_S, REACH_S
from storage.vectors import SHIPPED_WEIGHT

SETS = Path(__file__).parent / "stories"
TOPICS = Path(__file__).parent.parent / "seeds" / "topics"
STEPS = (0.08, 0.3, 0.5)  # of the search: smallest, first, largest; in deviations of the evidence
# What is left alone: pairs of one language, of which the sets have few, would decide these.
KEPT = frozenset({"words", "two languages", "cosine within a language"})
HARD = ("busy", "big")  # sets written to confuse: of them less is asked
RIDGE = 1.0  # penalty on the weights (not on the first one), in units of one pair
ROUNDS = 60  # of Newton's method; it has settled after about ten

Row = tuple[str, str, str, str, str, datetime, datetime | None, frozenset[str] | None]


@dataclass(frozen=True, slots=True)
class Report:
    """One labelled report, with its sketch's clues, its topics and its centred vector.

    As in a run, only a report on a topic has a vector.
    """

    id: str
    story: str
    lang: str
    at: float
    topics: frozenset[str]
    clues: tuple[str, ...]
    features: bytes
    vector: Any


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reports that a run would compare, as storage/linking.py does it.

    `likeness` is without vectors, and with them; `few` tells how few others are around, 0 to 1.
    """

    a: int
    b: int
    same: bool
    likeness: tuple[Likeness, Likeness]
    days: float
    across: bool
    cosine: float | None
    on_topic: bool
    mixed: bool
    few: float = 0.0

    def evidence(self, cosine: float | None) -> tuple[float, ...]:
        likeness = self.likeness[cosine is not None]
        return evidence(likeness, days=self.days, across=self.across, cosine=cosine)

    def margin(self, weights: Weights, *, vectors: bool) -> float:
        cosine = self.cosine if vectors else None
        probability = likelihood(
            self.likeness[vectors], days=self.days, across=self.across, cosine=cosine,
            on_topic=self.on_topic, weights=weights[cosine is not None],
        )  # fmt: skip
        return margin(
            probability,
            self.likeness[vectors],
            vectors=vectors,
            across=self.across,
            on_topic=self.on_topic,
            mixed=self.mixed,
        )


Weights = tuple[Sequence[float] | None, Sequence[float] | None]  # without a cosine, with one
SHIPPED: Weights = (None, None)


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Reports, and the pairs of them that are compared."""

    name: str
    reports: list[Report]
    pairs: list[Pair] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--check", nargs="*", type=Path, default=[], metavar="FILE")
    parser.add_argument("--search", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    files = given.files or sorted(SETS.glob("*.jsonl"))
    sets = [read(file) for file in files]
    sets += [told("newsroom", newsroom()), told("newsroom, held out", held_out())]
    checks = [read(file) for file in given.check]
    if given.search:
        found = search(sets, given.search, given.seed)
        for name, own in zip(("_BASE", "_VECTORS"), found, strict=True):
            print(f"{name} = (" + ", ".join(f"{weight:.3f}" for weight in own or ()) + ")")
    for vectors in (True, False):
        kind = "with vectors" if vectors else "without vectors"
        other_weights = "found" if given.search else "fitted to pairs, set left out"
        print(f"\n{kind:20} shipped weights     {other_weights}")
        for one in (*sets, *checks):
            own = found if given.search else fit_both([other for other in sets if other is not one])
            show(one, own, vectors=vectors)


def show(one: LabelledSet, own: Weights, *, vectors: bool) -> None:
    scores = [score(one, weights, vectors=vectors) for weights in (SHIPPED, own)]
    print(f"{one.name:20} " + "   ".join(" ".join(f"{x:5.3f}" for x in row) for row in scores))


def read(path: Path) -> LabelledSet:
    """Return the reports of a file."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    dated: list[Row] = []
    for row in rows:
        at = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC)
        dated.append(
            (row["id"], row["story"], row["lang"], row["title"], row["lead"], at, at, None)
        )
    return labelled(path.stem, dated)


def told(name: str, articles: Sequence[Told]) -> LabelledSet:
    """Return the events, first texts, follow-ups and daily templates of our newsroom."""
    kept = [
        one
        for one in articles
        if one.kind in ("event", "base", "followup") or one.kind.startswith("template")
    ]
    return labelled(
        name,
        [
            (
                one.id, one.story, one.lang, one.title, one.text, one.at, None,
                frozenset({one.family} if one.family else ()),
            )
            for one in kept
        ],
    )  # fmt: skip


def labelled(name: str, rows: Sequence[Row]) -> LabelledSet:
    """Return a set of rows: sketched, matched with the shipped topics unless theirs are given."""
    encoder = load_encoder("on")
    assert encoder is not None
    shipped_topics = load_topics([TOPICS])
    sketches = [
        make_sketch(text, title, lang, published=published)
        for _, _, lang, title, text, _, published, _ in rows
    ]
    topics = [
        own if own is not None else frozenset(
            hit.topic
            for hit in match_topics(
                shipped_topics, MatchInput(title=title, body=text, language=lang)
            )
        )
        for _, _, lang, title, text, _, _, own in rows
    ]  # fmt: skip
    vectors = np.array(encoder.encode([sketch.opening for sketch in sketches]))
    for lang in {base_language(row[2]) for row in rows}:
        own = [n for n, row in enumerate(rows) if base_language(row[2]) == lang and topics[n]]
        shipped = np.array(shipped_means().get((lang, encoder.model), [0.0] * vectors.shape[1]))
        weight = SHIPPED_WEIGHT if shipped.any() else 0
        vectors[own] -= (vectors[own].sum(0) + weight * shipped) / max(1, len(own) + weight)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    reports = [
        Report(
            row[0], row[1], row[2], row[5].timestamp(), own, sketch.clues, sketch.features,
            vector if own else None,
        )
        for row, own, sketch, vector in zip(rows, topics, sketches, vectors, strict=True)
    ]  # fmt: skip
    return LabelledSet(name, reports, pairs_of(reports))


def pairs_of(reports: Sequence[Report]) -> list[Pair]:
    """Return the pairs that the linker would compare."""
    keys = [{*key_clues(report.clues)} for report in reports]
    near: defaultdict[int, set[int]] = defaultdict(set)
    found: list[Pair] = []
    for (n, a), (m, b) in combinations(enumerate(reports), 2):
        apart = abs(a.at - b.at)
        on_topic = bool(a.topics & b.topics)
        if apart > REACH_S or (apart >= ISSUE_S and are_issues(a.features, b.features)):
            continue
        if not on_topic and (keys[n].isdisjoint(keys[m]) or (a.topics and b.topics)):
            continue
        words = are_one_language(a.lang, b.lang)
        pair = Pair(
            n, m, a.story == b.story,
            (
                compare(a.clues, b.clues, words=words),
                compare(a.clues, b.clues, words=words, ahead=days_ahead(a.lang, b.lang)),
            ),
            days=apart / DAY_S,
            across=base_language(a.lang) != base_language(b.lang),
            cosine=float(a.vector @ b.vector) if a.topics and b.topics else None,
            on_topic=on_topic,
            mixed=bool(a.topics) != bool(b.topics),
        )  # fmt: skip
        found.append(pair)
        if pair.margin(SHIPPED, vectors=True) > LEAST:
            near[n].add(m)
            near[m].add(n)
    few = [lenience(max(0, len(near[p.a] | near[p.b]) - 2)) / LENIENCE for p in found]
    return [replace(pair, few=share) for pair, share in zip(found, few, strict=True)]


def fit_both(sets: Sequence[LabelledSet]) -> Weights:
    """Fit the weights for pairs without a cosine (all of them) and for those with one."""
    return fit(sets, vectors=False), fit(sets, vectors=True)


def fit(sets: Sequence[LabelledSet], *, vectors: bool) -> list[float]:
    """Fit a logistic model by Newton's method; a set of n pairs counts as its square root.

    That few others are around makes one event likelier; stories allow for it elsewhere
    (`lenience`), so its weight is fitted too and left out.
    """
    kept = [[pair for pair in one.pairs if not vectors or pair.cosine is not None] for one in sets]
    kept = [pairs for pairs in kept if pairs]
    rows = np.array(
        [
            (1.0, *pair.evidence(pair.cosine if vectors else None), pair.few)
            for pairs in kept
            for pair in pairs
        ]
    )
    same = np.array([float(pair.same) for pairs in kept for pair in pairs])
    counts = np.concatenate([np.full(len(pairs), len(pairs) ** -0.5) for pairs in kept])
    counts /= counts.mean()
    penalty = np.diag([0.0] + [RIDGE] * (rows.shape[1] - 1))
    weights = np.zeros(rows.shape[1])
    for _ in range(ROUNDS):
        probable = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (counts * (probable - same)) + penalty @ weights
        curve = (rows * (counts * probable * (1 - probable))[:, None]).T @ rows + penalty
        weights -= np.linalg.solve(curve, slope)
    return [float(weight) for weight in weights[:-1]]


def search(sets: Sequence[LabelledSet], seconds: float, seed: int) -> Weights:
    """Better the shipped weights by random steps, for so many seconds of CPU."""
    rng = np.random.default_rng(seed)
    models = [list(_BASE), list(_VECTORS)]
    spread = [
        np.array([p.evidence(p.cosine if vectors else None) for one in sets for p in one.pairs
                  if not vectors or p.cosine is not None]).std(0)
        for vectors in (False, True)
    ]  # fmt: skip
    free = [
        [n for n, name in enumerate(names, 1) if name not in KEPT]
        for names in (EVIDENCE, EVIDENCE_VECTORS)
    ]
    best, step, until = worth(sets, (models[0], models[1])), STEPS[1], process_time() + seconds
    while process_time() < until:
        which = int(rng.integers(2))
        tried = [list(model) for model in models]
        for n in rng.choice([0, *free[which]], rng.integers(1, 4)):
            size = spread[which][n - 1] if n else 0.5
            tried[which][n] += float(rng.normal(0, step) / max(size, 1e-3))
        found = worth(sets, (tried[0], tried[1]))
        if found > best:
            best, models, step = found, tried, min(STEPS[2], step * 1.3)
        else:
            step = max(STEPS[0], step * 0.985)
    return models[0], models[1]


def worth(sets: Sequence[LabelledSet], weights: Weights) -> float:
    """Return what weights are worth: F1 of all sets, less for lost precision.

    Without vectors precision is promised; with them it is asked where events are reports alone.
    """
    total = 0.0
    for one in sets:
        is_hard = one.name.startswith(HARD)
        precision, _, f1 = score(one, weights, vectors=True)
        total += f1 - (
            0.5 * max(0.0, 0.6 - precision) if is_hard else 2 * max(0.0, 0.93 - precision)
        )
        precision, _, f1 = score(one, weights, vectors=False)
        total += 0.7 * f1 - (
            max(0.0, 0.9 - precision) if is_hard else 3 * max(0.0, 0.985 - precision)
        )
    return total


def score(one: LabelledSet, weights: Weights, *, vectors: bool) -> tuple[float, float, float]:
    """Return precision, recall and F1 over pairs of different languages, stories as in a run."""
    near: defaultdict[int, set[int]] = defaultdict(set)
    margins: dict[tuple[int, int], float] = {}
    for pair in one.pairs:
        margins[pair.a, pair.b] = above = pair.margin(weights, vectors=vectors)
        if above > LEAST:
            near[pair.a].add(pair.b)
            near[pair.b].add(pair.a)
    given = {
        (a, b): lenience(len(near[a] | near[b]) - 2)
        for (a, b), above in margins.items()
        if above > LEAST
    }
    texts = [Text(n, int(report.at)) for n, report in enumerate(one.reports)]
    groups = cluster(texts, margins, reach=REACH_S, given=given)
    story = {n: key for key, group in enumerate(groups) for n in group}
    return across(one.reports, story.__getitem__)


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
