"""Rules of some files, arranged so that a line touches few of them.

In: rules, the shape of a line.  Out: the rules that fire on it.  Each rule costs a line next to
nothing unless the line holds something of it, so that adding rules stays cheap:

- rules are kept apart by the width up to which they apply: most of them see short lines only;
- phrases, and the words that a pattern needs, lie under their rarest pair of signs; a line looks
  its own pairs up, and of some 2,000 phrases compares itself with about three;
- patterns without such words lie under the letters that can stand first in a line they match.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from operator import concat
from typing import Final

from extractors.lines import Shape
from extractors.rules.first_letters import first_letter, first_letters
from extractors.rules.model import Hit, Rule

TIERS: Final = (60, 120, 260, 420)
"""Widths at which rules are told apart; an index of each tier holds those for wider lines too."""

FEW_PHRASES: Final = 40
"""Up to so many phrases, looking for each is cheaper than taking the line apart."""

_COMMON: Final = " etaoinsrhldcumfpgwybvk"
"""Signs of European text, the most frequent first (letter counts of English)."""

_BULLETS: Final = " -–—•·・*▶▷►▸▹◀◁▲△▼▽■□▪▫◆◇●○◎★☆※✔→›»>|#+[【(<〈《「“\"'"
_CLOSERS: Final = " .!。！…>»›→▶▸+]】)>〉》」”\"'"
_OPEN: Final = "“「『"
_CLOSE: Final = "”」』"

Clue = tuple[str, Rule, bool]
"""A phrase, its rule, and whether finding it is a hit (else the rule's pattern is to be tried)."""


@dataclass(slots=True)
class _Tier:
    """The rules that apply to lines up to some width."""

    starts: dict[str, list[tuple[str, Rule]]] = field(default_factory=dict)
    ends: list[tuple[str, Rule]] = field(default_factory=list)
    clues: list[Clue] = field(default_factory=list)
    grams: dict[str, list[Clue]] = field(default_factory=dict)
    gram_set: frozenset[str] = frozenset()
    signs: str = ""  # phrases of a single sign
    patterns: list[tuple[Rule, frozenset[str] | None]] = field(default_factory=list)
    by_letter: dict[str, list[Rule]] = field(default_factory=dict)

    def patterns_for(self, letter: str) -> list[Rule]:
        """Patterns that may match a line whose first letter or digit is this one."""
        known = self.by_letter.get(letter)
        if known is None:
            # `\d` takes the digits of other scripts too, and `re` some letters for others
            sure = letter.isascii() or (letter.isalpha() and letter.lower() == letter.upper())
            known = [
                r for r, firsts in self.patterns if not sure or firsts is None or letter in firsts
            ]
            if len(self.by_letter) < 4_000:
                self.by_letter[letter] = known
        return known


class RuleIndex:
    """Finds the rules that fire on a line. Safe to share by threads."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.cuts: list[Rule] = []
        self._exact: dict[str, list[Rule]] = {}
        rest: list[Rule] = []
        for rule in rules:
            if rule.action == "cut":
                self.cuts.append(rule)
                continue
            for phrase in rule.lines:
                self._exact.setdefault(phrase, []).append(rule)
            if rule.pattern is not None or rule.starts or rule.ends or rule.contains:
                rest.append(rule)
        self._limit = max((rule.max_width for rule in rest), default=-1)
        bounds = [-1, *TIERS]
        self._tiers = [_build_tier(r for r in rest if r.max_width > b) for b in bounds]

    def hits(self, shape: Shape) -> list[Hit]:
        """Return the rules that fire on the line, `cut` rules aside, in no particular order."""
        low, width = shape.low, shape.width
        found: list[Hit] = []
        if shape.key in self._exact:
            found += [Hit(rule=r, start=0, end=len(low)) for r in self._exact[shape.key]]
        if width > self._limit:
            return found
        tier = self._tiers[bisect_left(TIERS, width)]
        if tier.starts or tier.ends:
            _edge_hits(tier, low, width, found)
        tried = tier.patterns_for(first_letter(low)) if tier.patterns else []
        for phrase, rule, whole in _clues(tier, low):
            if width > rule.max_width:
                continue
            if not whole:
                if rule not in tried:
                    tried = [*tried, rule]
                continue
            at = _word_start(low, phrase)
            if at >= 0 and not inside_quotes(low, at):
                found.append(Hit(rule=rule, start=at, end=at + len(phrase), phrase=True))
        for rule in tried:
            if width > rule.max_width or rule.pattern is None:
                continue
            place = rule.pattern.search(shape.norm)
            if place and not inside_quotes(shape.norm, place.start()):
                found.append(Hit(rule=rule, start=place.start(), end=place.end()))
        return found


def _build_tier(rules: Iterable[Rule]) -> _Tier:
    tier = _Tier()
    for rule in rules:
        for phrase in rule.starts:
            tier.starts.setdefault(phrase[:2], []).append((phrase, rule))
        tier.ends += [(phrase, rule) for phrase in rule.ends]
        tier.clues += [(phrase, rule, True) for phrase in rule.contains]
        if rule.pattern is not None:
            if not rule.needs:
                tier.patterns.append((rule, first_letters(rule.pattern)))
            tier.clues += [(phrase, rule, False) for phrase in rule.needs]
    if len(tier.clues) > FEW_PHRASES:
        for clue in tier.clues:
            tier.grams.setdefault(_rarest(clue[0]), []).append(clue)
        tier.signs = "".join(gram for gram in tier.grams if len(gram) == 1)
        tier.gram_set = frozenset(tier.grams)
    return tier


def _rarest(phrase: str) -> str:
    """The pair of neighbours in a phrase that other texts hold least often."""
    pairs = [a + b for a, b in pairwise(phrase)] or [phrase]
    return min(pairs, key=lambda pair: (_frequency(pair[0]) * _frequency(pair[-1]), pair))


def _frequency(sign: str) -> int:
    at = _COMMON.find(sign)
    return len(_COMMON) + 1 - at if at >= 0 else 1


def _clues(tier: _Tier, low: str) -> Iterable[Clue]:
    """The phrases that stand in the line."""
    if not tier.grams:
        return [clue for clue in tier.clues if clue[0] in low]
    found = tier.gram_set.intersection(map(concat, low, low[1:]))
    if tier.signs:
        found |= {sign for sign in tier.signs if sign in low}
    return [clue for gram in found for clue in tier.grams[gram] if clue[0] in low]


def _edge_hits(tier: _Tier, low: str, width: int, found: list[Hit]) -> None:
    bare = low.lstrip(_BULLETS)
    for phrase, rule in tier.starts.get(bare[:2], ()):
        if width <= rule.max_width and bare.startswith(phrase):
            at = len(low) - len(bare)
            found.append(Hit(rule=rule, start=at, end=at + len(phrase)))
    if tier.ends:
        tail = low.rstrip(_CLOSERS)
        for phrase, rule in tier.ends:
            if width <= rule.max_width and tail.endswith(phrase):
                found.append(Hit(rule=rule, start=len(tail) - len(phrase), end=len(tail)))


def _word_start(low: str, phrase: str) -> int:
    """Where the phrase stands, -1 when only within words: `patreon` is not in `compatreon`."""
    at = low.find(phrase)
    if not phrase[0].isalnum():
        return at
    while at > 0 and low[at - 1].isascii() and low[at - 1].isalnum() and phrase[0].isascii():
        at = low.find(phrase, at + 1)
    return at


def inside_quotes(text: str, at: int) -> bool:
    """Tell whether position `at` lies inside an open quotation: then the cue is being quoted."""
    before = text[:at]
    opened = sum(before.count(c) for c in _OPEN) - sum(before.count(c) for c in _CLOSE)
    if opened > 0:
        return True
    return before.count('"') % 2 == 1 and '"' in text[at:]
