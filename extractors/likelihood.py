"""How likely two reports tell of one event, from what they share.

In: the clues that two texts share (extractors/stories.py), the time between them, and the cosine
of their sentence vectors where there are any. Out: a probability. Pure arithmetic: a logistic
model whose few weights were fitted to labelled pairs (`benchmarks/fit_stories.py`,
docs/adr/0030-stories.md); no text, no store, no training at run time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from extractors.stories import Day

if TYPE_CHECKING:
    from extractors.stories import Likeness

MUCH = 10.0  # more shared weight than this says nothing more
CLASH = 2  # so many amounts in both texts, none of them in common: not the same event, unless …
CLASH_SHARE = 0.6  # … so much else is shared
APART = 0.2  # vectors nearer than this do not speak against one event
SURE = "pwtn"  # persons, programmes, terms and amounts; without one of them and without vectors …
WORDS_ALONE = 0.25  # … texts of one language must share so many of their words: names by their
# sound and acronyms alone would join the sports pages of a week

# What two texts must share in any case, in weight of names, terms and amounts: in one language a
# name, a term and a lesser clue, since reports on one subject have its words in common; in two
# languages a little less. Vectors replace it for texts on a common topic; texts on none are many,
# so theirs must share so much, or less with nearer vectors. (Costs .000 to .001 of F1 on the sets
# of docs/adr/0030; of 16,390 pairs of unrelated texts that share a clue 49 instead of 145 link.)
OWN_NAMED, NAMED = 4.4, 3.0
NEAR, NEAR_NAMED = 0.45, 1.5

# From these on two reports are of one event. Fitted to ten labelled sets, each left out in turn
# (benchmarks/fit_stories.py, docs/adr/0030-stories.md): precision .99 without vectors, .97 with.
LINK, LINK_VECTORS = 0.92, 0.9
AKIN = 0.1  # two stories may become one through a third text only when reports of both reach this

EVIDENCE = (
    "share", "weight", "words", "an amount differs", "amounts differ", "same day", "other day",
    "days apart", "two languages", "says little",
)  # fmt: skip
EVIDENCE_VECTORS = (*EVIDENCE, "cosine", "cosine within a language", "cosine lacking")
_BASE = (-4.043, 10.312, 0.599, 2.887, -0.679, -0.500, 1.044, -3.628, -1.651, 0.649, 1.409)
_VECTORS = (
    -3.865, 5.687, 0.532, -0.418, -1.037, -1.028, 1.102, -3.427, -1.790, 0.312, 1.466,
    6.889, -0.879, -5.780,
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
) -> float:
    """Return the probability that two texts tell of one event.

    Arguments as in `evidence`; `on_topic`: both are on one of the desk's topics.
    """
    if likeness.clash >= CLASH and likeness.share < CLASH_SHARE:
        return 0.0
    is_sure = across or cosine is not None or likeness.words >= WORDS_ALONE
    if not is_sure and not any(clue[0] in SURE for clue in likeness.shared):
        return 0.0
    if likeness.weight < _least_weight(across=across, cosine=cosine, on_topic=on_topic):
        return 0.0
    own = evidence(likeness, days=days, across=across, cosine=cosine)
    first, *weights = _BASE if cosine is None else _VECTORS
    total = first + sum(weight * value for weight, value in zip(weights, own, strict=True))
    return 1.0 / (1.0 + math.exp(-total))


def _least_weight(*, across: bool, cosine: float | None, on_topic: bool) -> float:
    if not across:
        return OWN_NAMED
    if cosine is None:
        return NAMED
    if on_topic:
        return 0.0
    return NEAR_NAMED if cosine >= NEAR else NAMED


def is_link(probability: float, *, vectors: bool) -> bool:
    """Tell whether two texts of this likelihood are taken to tell of one event."""
    return probability >= (LINK_VECTORS if vectors else LINK)
