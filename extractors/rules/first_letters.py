r"""With which letters a line may begin for a pattern to match it.

In: a compiled pattern.  Out: letters and digits, or None when it cannot be told.  Most label
patterns read `^[\W_]{0,3}(?:live|advertisement|...)`: knowing their letters spares nearly every
line nearly all of them.  The answer comes from the standard library's own parse of the pattern;
where that is not to be had, or says nothing, every line is tried.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

_WORD_SIGN: Final = re.compile(r"[^\W_]")
_DIGITS: Final = frozenset("0123456789")
MAX_RANGE: Final = 1_000
"""Longest range of characters spelled out (`[ァ-ヶ]`); a longer one counts as any letter."""

NO_LETTER: Final = ""
"""Stands for a line without any letter or digit."""


class _Unknown(Exception):
    """Any letter may come first."""


def first_letter(low: str) -> str:
    """Return the first letter or digit of a line in lower case, "" when it has none."""
    found = _WORD_SIGN.search(low)
    return found[0] if found else NO_LETTER


@lru_cache(maxsize=4_000)
def first_letters(pattern: re.Pattern[str]) -> frozenset[str] | None:
    """Return the letters of which a line's first one must be one, None when any may be.

    Beyond ASCII, letters with capitals are never ruled out: `re` matches some of them to others.
    """
    try:
        from re import _constants, _parser  # type: ignore[attr-defined]

        parsed: Any = _parser.parse(pattern.pattern, pattern.flags)
        if pattern.flags & re.MULTILINE or not _anchored(parsed, _constants):
            return None
        letters, passes = _firsts(parsed, _constants)
    except (ImportError, AttributeError, _Unknown, RecursionError, re.error):
        return None
    if passes:
        return None  # it may match before any letter
    low = {form for letter in letters for form in (letter.lower()[:1], letter)}
    return frozenset(low)


def _anchored(sequence: Any, sre: Any) -> bool:
    """Every way through the sequence begins at the start of the text."""
    for op, value in sequence:
        if op is sre.AT:
            return value in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING)
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            continue
        if op is sre.SUBPATTERN:
            return _anchored(value[-1], sre)
        if op is sre.BRANCH:
            return all(_anchored(branch, sre) for branch in value[1])
        return False
    return False


def _firsts(sequence: Any, sre: Any) -> tuple[set[str], bool]:
    """Letters that the sequence may take first, and whether it may end without taking one."""
    letters: set[str] = set()
    for op, value in sequence:
        if op is sre.AT and value in (sre.AT_END, sre.AT_END_STRING):
            letters.add(NO_LETTER)
            return letters, False
        found, passes = _first_of(op, value, sre)
        letters |= found
        if not passes:
            return letters, False
    return letters, True


def _first_of(op: Any, value: Any, sre: Any) -> tuple[set[str], bool]:
    if op is sre.LITERAL:
        char = chr(value)
        return ({char}, False) if _WORD_SIGN.match(char) else (set(), True)
    if op is sre.IN:
        return _of_class(value, sre)
    if op is sre.BRANCH:
        ways = [_firsts(branch, sre) for branch in value[1]]
        return set().union(*(w[0] for w in ways)), any(w[1] for w in ways)
    if op is sre.SUBPATTERN:
        return _firsts(value[-1], sre)
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, getattr(sre, "POSSESSIVE_REPEAT", None)):
        letters, passes = _firsts(value[2], sre)
        return letters, passes or value[0] == 0
    if op is getattr(sre, "ATOMIC_GROUP", None):
        return _firsts(value, sre)
    if op in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
        return set(), True
    raise _Unknown


def _of_class(items: Sequence[tuple[Any, Any]], sre: Any) -> tuple[set[str], bool]:
    """A set of characters: its letters, and whether it holds signs that are none."""
    letters: set[str] = set()
    passes = False
    for op, value in items:
        if op is sre.LITERAL:
            low = high = value
        elif op is sre.RANGE:
            low, high = value
        elif op is sre.CATEGORY and value is sre.CATEGORY_DIGIT:
            letters |= _DIGITS
            continue
        elif op is sre.CATEGORY and value in (sre.CATEGORY_NOT_WORD, sre.CATEGORY_SPACE):
            passes = True
            continue
        else:
            raise _Unknown
        if high - low > MAX_RANGE:
            raise _Unknown
        for char in map(chr, range(low, high + 1)):
            if _WORD_SIGN.match(char):
                letters.add(char)
            else:
                passes = True
    return letters, passes
