"""Rules of some files, arranged so that a line touches few of them.

In: rules, the shape of a line.  Out: the rules that fire on it.  Each rule costs a line next to
nothing unless the line holds something of it, so that adding rules stays cheap:

- rules are kept apart by the width up to which they apply: most of them see short lines only;
- a phrase, or a word that a pattern needs, hangs on one of its words; a line looks its own words
  up in a table that is filled as words come along.  Phrases of other scripts hang on a pair of
  signs;
- patterns without such words lie under the letters that can stand first in a line they match.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from operator import concat
from typing import Final

from extractors.lines import Shape
from extractors.rules.first_letters import first_letter, first_letters
from extractors.rules.model import Hit, Rule

TIERS: Final = (60, 120, 260, 420)
"""Widths at which rules are told apart; an index of each tier holds those for wider lines too."""

MAX_WORDS: Final = 30_000
"""Words that a table remembers, 3 MB of them: the vocabulary of some hundred pages; then it begins
anew."""

_WORD: Final = re.compile("[a-z0-9]+")
_BULLETS: Final = " -–—•·・*▶▷►▸▹◀◁▲△▼▽■□▪▫◆◇●○◎★☆※✔→›»>|#+[【(<〈《「“\"'"
_CLOSERS: Final = " .!。！…>»›→▶▸+]】)>〉》」”\"'"
_OPEN: Final = "“「『"
_CLOSE: Final = "”」』"

Clue = tuple[str, Rule, bool]
"""A phrase, its rule, and whether finding it is a hit (else the rule's pattern is to be tried)."""


class _WordTable(dict[str, tuple[int, ...]]):
    """Numbers of the clues that hang on a word of a line; worked out when a word first comes."""

    def __init__(self, hooks: Iterable[tuple[int, str, bool]]) -> None:
        """`hooks`: number of the clue, its word, and whether the line must have just that word."""
        self._equal: dict[str, list[int]] = {}
        self._within: dict[str, list[tuple[str, int]]] = {}
        for number, word, whole in hooks:
            if whole:
                self._equal.setdefault(word, []).append(number)
            else:
                self._within.setdefault(word[:3], []).append((word, number))

    def __missing__(self, word: str) -> tuple[int, ...]:
        found = set(self._equal.get(word, ()))
        for size in (1, 2, 3):
            for at in range(len(word) - size + 1):
                for part, number in self._within.get(word[at : at + size], ()):
                    if word.startswith(part, at):
                        found.add(number)
        if len(self) >= MAX_WORDS:
            self.clear()
        self[word] = numbers = tuple(found)
        return numbers


class _Tier:
    """The rules that apply to lines up to some width."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.starts: dict[str, list[tuple[str, Rule]]] = {}
        self.ends: list[tuple[str, Rule]] = []
        self._patterns: list[tuple[Rule, frozenset[str] | None]] = []
        self._by_letter: dict[str, list[Rule]] = {}
        self._clues: list[Clue] = []
        for rule in rules:
            for phrase in rule.starts:
                self.starts.setdefault(phrase[:2], []).append((phrase, rule))
            self.ends += [(phrase, rule) for phrase in rule.ends]
            self._clues += [(phrase, rule, True) for phrase in rule.contains]
            if rule.pattern is not None:
                if not rule.needs:
                    self._patterns.append((rule, first_letters(rule.pattern)))
                self._clues += [(phrase, rule, False) for phrase in rule.needs]
        hooks, self._signs = [], []
        self._pairs: dict[str, list[int]] = {}
        for number, (phrase, _, whole) in enumerate(self._clues):
            hook = _hook(phrase, whole)
            if hook is not None:
                hooks.append((number, *hook))
            elif phrase.isascii() or len(phrase) < 2:
                self._signs.append(number)
            else:
                self._pairs.setdefault(_pair(phrase), []).append(number)
        self._pair_set = frozenset(self._pairs)
        self._words = _WordTable(hooks)

    def patterns_for(self, low: str) -> list[Rule]:
        """Patterns without words of their own that may match the line, by its first letter."""
        if not self._patterns:
            return []
        letter = first_letter(low)
        known = self._by_letter.get(letter)
        if known is None:
            # `\d` takes the digits of other scripts too, and `re` some letters for others
            sure = letter.isascii() or (letter.isalpha() and letter.lower() == letter.upper())
            known = [
                r for r, firsts in self._patterns if not sure or firsts is None or letter in firsts
            ]
            if len(self._by_letter) < MAX_WORDS:
                self._by_letter[letter] = known
        return known

    def clues_in(self, low: str) -> list[Clue]:
        """The phrases that stand in the line."""
        numbers = set(self._signs)
        numbers.update(*map(self._words.__getitem__, _WORD.findall(low)))
        if self._pairs and not low.isascii():
            for pair in self._pair_set.intersection(map(concat, low, low[1:])):
                numbers.update(self._pairs[pair])
        clues = map(self._clues.__getitem__, numbers)
        return [clue for clue in clues if clue[0] in low]


@lru_cache(maxsize=20_000)
def _hook(phrase: str, starts_word: bool) -> tuple[str, bool] | None:
    """The word on which a phrase hangs, and whether lines that hold the phrase have it whole.

    The phrase's first word may be the end of a longer one in the line unless `starts_word`, its
    last word always the beginning of one.
    """
    best: tuple[bool, int, str] | None = None
    for found in _WORD.finditer(phrase):
        whole = found.end() < len(phrase) and (starts_word or found.start() > 0)
        best = max(best or (False, 0, ""), (whole, len(found[0]), found[0]))
    return (best[2], best[0]) if best else None


def _pair(phrase: str) -> str:
    """Two neighbours in a phrase of which other texts hold few: the farthest beyond ASCII."""
    return min((a + b for a, b in pairwise(phrase)), key=lambda p: (p[0].isascii(), p[1].isascii()))


class RuleIndex:
    """Finds the rules that fire on a line. Safe to share by threads."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._cuts: list[Rule] = []
        self._exact: dict[str, list[Rule]] = {}
        rest: list[Rule] = []
        for rule in rules:
            if rule.action == "cut":
                self._cuts.append(rule)
                continue
            for phrase in rule.lines:
                self._exact.setdefault(phrase, []).append(rule)
            if rule.pattern is not None or rule.starts or rule.ends or rule.contains:
                rest.append(rule)
        self._limit = max((rule.max_width for rule in rest), default=-1)
        self._rules = rest
        self._tiers: dict[int, _Tier] = {}

    def _tier(self, width: int) -> _Tier:
        """The tier of a line; built when the first such line comes."""
        at = bisect_left(TIERS, width)
        tier = self._tiers.get(at)
        if tier is None:
            below = TIERS[at - 1] if at else -1
            tier = _Tier(rule for rule in self._rules if rule.max_width > below)
            self._tiers[at] = tier
        return tier

    def cuts_for(self, low: str) -> list[Rule]:
        """Return the `cut` rules to be tried on the end of a line."""
        holds = low.__contains__
        return [rule for rule in self._cuts if not rule.needs or any(map(holds, rule.needs))]

    def hits(self, shape: Shape) -> list[Hit]:
        """Return the rules that fire on the line, `cut` rules aside, in no particular order."""
        low, width = shape.low, shape.width
        found: list[Hit] = []
        if shape.key in self._exact:
            found += [Hit(rule=r, start=0, end=len(low)) for r in self._exact[shape.key]]
        if width > self._limit:
            return found
        tier = self._tier(width)
        if tier.starts or tier.ends:
            _edge_hits(tier, low, width, found)
        tried = {id(rule): rule for rule in tier.patterns_for(low)}
        for phrase, rule, whole in tier.clues_in(low):
            if width > rule.max_width:
                continue
            if not whole:
                tried[id(rule)] = rule
                continue
            at = _word_start(low, phrase)
            if at >= 0 and not inside_quotes(low, at):
                found.append(Hit(rule=rule, start=at, end=at + len(phrase), phrase=True))
        for rule in tried.values():
            if width > rule.max_width or rule.pattern is None:
                continue
            place = rule.pattern.search(shape.norm)
            if place and not inside_quotes(shape.norm, place.start()):
                found.append(Hit(rule=rule, start=place.start(), end=place.end()))
        return found


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
