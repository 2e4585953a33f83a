"""How likely two reports tell of one event, from what they share.

In: the clues that two texts share (extractors/stories.py), the time between them, and the cosine
of their sentence vectors where there are any. Out: a probability. Pure arithmetic: a logistic
model whose few weights were chosen by what becomes of labelled stories (`benchmarks/fit_stories.py
--search`, docs/adr/0030-stories.md); no text, no store, no training at run time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from extractors.stories import Day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extractors.stories import Likeness

MUCH = 10.0  # more shared weight than this says nothing more (in the fit 8 to 12 are alike)
CLASH = 2  # so many amounts in both texts, none of them in common: not the same event, unless …
CLASH_SHARE = 0.6  # … so much else is shared (daily templates: precision .83 to .91 without this)
APART = 0.2  # vectors nearer than this do not speak against one event
SURE = "pwtn"  # persons, programmes, terms and amounts; without one of them and without vectors …
WORDS_ALONE = 0.25  # … texts of one language must share so many of their words: names by their
# sound and acronyms alone would join the sports pages of a week
ALONE = "pwt"  # kinds of clues of which a single one may join texts of two languages without
# vectors; a round number, a sound or a ministry is shared by chance
NAMING = "ponsl"  # names of persons and offices, amounts, names by their sound, acronyms

# What two texts must share in weight of names, terms and amounts, however likely the rest makes
# them. In one language a name, a term and a lesser clue, since reports on one subject have its
# words in common (costs no F1 on sets 5 to 8 of docs/adr/0030). In two languages nothing on a
# common topic or where few texts share clues; in a crowd as much as a name and a lesser clue, or
# less with nearer vectors (of 16,390 pairs of unrelated texts that share a clue 49 instead of 145).
OWN_NAMED, NAMED = 4.4, 3.0
NEAR, NEAR_NAMED = 0.45, 1.5
DIFFERING = 2.5  # the same where amounts differ: more than the one term that two earthquakes of a
# day share (our newsroom: precision .89 without, 1.00 with it; F1 of sets 5 to 8 .906 and .902)

# What is asked of a pair of reports; a story is what is enough alike on average
# (extractors/clusters.py). A desk without vectors is promised precision. One with them is promised
# F1 (docs/adr/0030-stories.md has the table).
LINK, LINK_VECTORS = 0.88, 0.36
LINK_ELSEWHERE = 0.6  # with vectors, for texts of two languages on no common topic, which have none
_TINY = 1e-6  # where log-odds end

EVIDENCE = (
    "share", "weight", "words", "an amount differs", "amounts differ", "same day", "other day",
    "days apart", "two languages", "says little", "headlines", "headlines told", "one is comment",
)  # fmt: skip
EVIDENCE_VECTORS = (*EVIDENCE, "cosine", "cosine within a language", "cosine lacking")
_BASE = (
    -5.065, 12.813, -0.031, 3.218, 0.128, -1.080, 1.623, -1.985, -1.060, 1.169, 1.914, 0.547,
    5.871, -5.557,
)  # fmt: skip
_VECTORS = (
    -5.845, 10.284, 0.075, 0.135, -0.515, -1.799, 1.163, -3.005, -1.533, 0.588, 1.003, -0.505,
    1.129, -4.989, 9.236, -1.417, -0.964,
)  # fmt: skip


def evidence(
    likeness: Likeness, *, days: float, across: bool, cosine: float | None = None
) -> tuple[float, ...]:
    """Return what speaks for and against one event, in the order of `EVIDENCE`.

    Args:
        likeness: what the texts share (`extractors.stories.compare`).
        days: time between the two texts, in days.
        across: the texts are in two languages.
        cosine: of their centred sentence vectors; with it, in the order of `EVIDENCE_VECTORS`.
    """
    base = (
        likeness.share,
        min(likeness.weight, MUCH),
        likeness.words,
        float(likeness.clash >= 1),
        float(likeness.clash >= CLASH),
        float(likeness.day is Day.SAME),
        float(likeness.day is Day.OTHER),
        days,
        float(across),
        float(not likeness.is_enough),
        likeness.headlines,
        likeness.told,
        float(likeness.comment),
    )
    if cosine is None:
        return base
    return (*base, cosine, 0.0 if across else cosine, max(0.0, APART - cosine))


def likelihood(
    likeness: Likeness,
    *,
    days: float,
    across: bool,
    cosine: float | None = None,
    on_topic: bool = False,
    crowded: bool = False,
    weights: Sequence[float] | None = None,
) -> float:
    """Return the probability that two texts tell of one event.

    Arguments as in `evidence`, and:
        on_topic: both are on one of the desk's topics.
        crowded: more texts of these days share clues with one of them than are compared.
        weights: others than the shipped ones, the constant first (for the fit).
    """
    if likeness.clash >= CLASH and likeness.share < CLASH_SHARE:
        return 0.0
    if cosine is None and not _is_sure(likeness, across=across, on_topic=on_topic):
        return 0.0
    least = _least_weight(across=across, cosine=cosine, on_topic=on_topic, crowded=crowded)
    if likeness.weight < (max(least, DIFFERING) if likeness.clash else least):
        return 0.0
    own = evidence(likeness, days=days, across=across, cosine=cosine)
    if weights is None:
        weights = _BASE if cosine is None else _VECTORS
    total = weights[0] + sum(weight * value for weight, value in zip(weights[1:], own, strict=True))
    return 1.0 / (1.0 + math.exp(-total))


def _is_sure(likeness: Likeness, *, across: bool, on_topic: bool) -> bool:
    """Tell whether what is shared could not as well be shared by chance."""
    if across:
        several = len(likeness.shared) > 1
        return on_topic or several or any(clue[0] in ALONE for clue in likeness.shared)
    return likeness.words >= WORDS_ALONE or any(clue[0] in SURE for clue in likeness.shared)


def _least_weight(*, across: bool, cosine: float | None, on_topic: bool, crowded: bool) -> float:
    if not across:
        return OWN_NAMED
    if on_topic or not crowded:
        return 0.0
    return NEAR_NAMED if cosine is not None and cosine >= NEAR else NAMED


def margin(
    probability: float,
    likeness: Likeness,
    *,
    vectors: bool,
    across: bool,
    on_topic: bool = False,
    mixed: bool = False,
) -> float:
    """Return by how much two texts are likelier to tell of one event than is asked of a pair.

    In log-odds: 0 is the bar. Minus infinity for two texts on no common topic that are below it: of
    the many that have little in common some do by chance, so nothing is lent to them
    (`extractors.clusters.lenience`).

    Args:
        probability: from `likelihood`.
        likeness: what the texts share.
        vectors: the desk has sentence vectors, whether or not these two texts have them.
        across: the texts are in two languages.
        on_topic: both are on one of the desk's topics.
        mixed: one of the two is on a topic, the other on none. Then words of the subject alone, in
            the text and not in both headlines, are not enough: a background piece has them too.
    """
    is_named = bool(likeness.headlines) or any(clue[0] in NAMING for clue in likeness.shared)
    bar = LINK
    if vectors and on_topic:
        bar = LINK_VECTORS
    elif vectors and across and (is_named or not mixed):
        bar = LINK_ELSEWHERE
    above = _log_odds(probability) - _log_odds(bar)
    return above if above >= 0 or on_topic else -math.inf


def _log_odds(probability: float) -> float:
    probability = min(1.0 - _TINY, max(_TINY, probability))
    return math.log(probability / (1.0 - probability))
