"""The cheap first look: which phrases of any topic may be in a text at all.

In: all topics' phrases once, then one `NormalText` per article. Out: the indexes of the
(topic, rule, phrase) entries whose key occurs in the text. Word boundaries and contexts are not
judged here; a phrase may be reported that does not count, none that counts is left out.

The standard library is enough for some thousands of phrases: a text's words select the Latin
phrases by their first word, its characters the CJK ones by all their characters, and only those
left are searched for. With `ahocorasick_rs` installed (extra `fast`) and many phrases, one
automaton does the same; a test holds the two to the same answers.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from alerts.normalise import CJK_RANGES, NormalText
from alerts.topic_model import Phrase, Rule, Topic
from extractors.errors import UsageError

# Below this the standard library is as fast (benchmarks/bench_matching.py).
AUTOMATON_FROM_PHRASES = 500
PLURALS = ("s", "es")
_WORD = re.compile(f"[^\\W_{CJK_RANGES}]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One phrase of one rule of one topic."""

    topic: Topic
    rule: Rule
    phrase: Phrase


class Screen(Protocol):
    """Finds candidate entries in a text."""

    entries: tuple[Entry, ...]
    name: str

    def find(self, text: NormalText) -> list[int]:
        """Return the indexes into `entries` of the phrases whose key occurs, ascending."""
        ...


class IndexScreen:
    """Screen of the standard library."""

    name = "standard library"

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = tuple(entries)
        self._latin: dict[str, dict[str, list[int]]] = {}
        self._stems: dict[str, list[int]] = {}
        self._cjk: dict[str, dict[str, tuple[frozenset[str], list[int]]]] = {}
        for index, entry in enumerate(self.entries):
            phrase = entry.phrase
            if phrase.is_cjk:
                bucket = self._cjk.setdefault(phrase.key[0], {})
                bucket.setdefault(phrase.key, (frozenset(phrase.key), []))[1].append(index)
                continue
            words = _WORD.findall(phrase.key)
            if not words or not phrase.key.startswith(words[0]):
                self._stems.setdefault(phrase.key, []).append(index)
            elif len(words) > 1:
                self._latin.setdefault(words[0], {}).setdefault(phrase.key, []).append(index)
            elif phrase.prefix:
                self._stems.setdefault(phrase.key, []).append(index)
            else:  # one whole word: it may stand in the text with a plural's ending
                for ending in ("", *PLURALS):
                    word = words[0] + ending
                    self._latin.setdefault(word, {}).setdefault(phrase.key, []).append(index)
        self._latin_firsts = frozenset(self._latin)
        self._cjk_firsts = frozenset(self._cjk)

    def find(self, text: NormalText) -> list[int]:
        """Return the indexes into `entries` of the phrases whose key occurs, ascending."""
        found: list[int] = []
        latin = text.latin
        for word in self._latin_firsts.intersection(_WORD.findall(latin)):
            for key, indexes in self._latin[word].items():
                if key in latin:
                    found += indexes
        for key, indexes in self._stems.items():
            if key in latin:
                found += indexes
        if text.cjk:
            cjk = text.cjk
            chars = frozenset(cjk)
            for first in self._cjk_firsts & chars:
                for key, (needed, indexes) in self._cjk[first].items():
                    if needed <= chars and key in cjk:
                        found += indexes
        return sorted(set(found))


class AutomatonScreen:
    """Screen with `ahocorasick_rs`, flat in the number of phrases."""

    name = "ahocorasick_rs"

    def __init__(self, entries: Sequence[Entry]) -> None:
        import ahocorasick_rs

        self.entries = tuple(entries)
        self._keys: dict[bool, list[list[int]]] = {}
        self._automaton: dict[bool, Any] = {}
        for is_cjk in (False, True):
            by_key: dict[str, list[int]] = {}
            for index, entry in enumerate(self.entries):
                if entry.phrase.is_cjk is is_cjk:
                    by_key.setdefault(entry.phrase.key, []).append(index)
            self._keys[is_cjk] = list(by_key.values())
            self._automaton[is_cjk] = ahocorasick_rs.AhoCorasick(list(by_key)) if by_key else None

    def find(self, text: NormalText) -> list[int]:
        """Return the indexes into `entries` of the phrases whose key occurs, ascending."""
        found: list[int] = []
        for is_cjk, key in ((False, text.latin), (True, text.cjk)):
            automaton = self._automaton[is_cjk]
            if automaton is not None and key:
                hits = automaton.find_matches_as_indexes(key, overlapping=True)
                for number in {hit[0] for hit in hits}:
                    found += self._keys[is_cjk][number]
        found.sort()
        return found


def make_screen(topics: Sequence[Topic], *, engine: str = "auto") -> Screen:
    """Compile the screen. `engine`: "auto", "standard" or "ahocorasick".

    Raises:
        UsageError: "ahocorasick" is asked for and not installed.
    """
    entries = [
        Entry(topic, rule, phrase)
        for topic in topics
        for rule in topic.rules
        for phrase in rule.phrases
    ]
    installed = importlib.util.find_spec("ahocorasick_rs") is not None
    if engine == "ahocorasick" and not installed:
        raise UsageError("ahocorasick_rs is not installed: pip install 'presswatch[fast]'")
    many = len(entries) > AUTOMATON_FROM_PHRASES
    if engine == "ahocorasick" or (engine == "auto" and installed and many):
        return AutomatonScreen(entries)
    return IndexScreen(entries)
