"""An article as the matcher sees it: one normal form, zones, occurrences, distances.

In: a `MatchInput`. Title and body are one stream with a mark between them, so that a context may
stand in the lead while the hit stands in the title, and no phrase reaches across the mark. All
spans here are positions in the Latin key unless named `raw`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from alerts.models import MatchInput
from alerts.normalise import CJK, CJK_RANGES, HAN, HANGUL, KANA, NormalText
from alerts.topic_model import Phrase
from alerts.zones import Ignored, blank_out, find_ignored

MARK = "\n\x00\n"
# How much of a body is its lead (research/topics-and-alerts.md: two or three sentences).
LEAD_LATIN_CHARS, LEAD_CJK_CHARS = 420, 160
_TOKEN = re.compile(f"[^\\W_{CJK_RANGES}]+|[\uac00-\ud7a3]+|[{CJK_RANGES}]{{1,2}}")
_AFTER_WORD = re.compile(r"(?:es|s)?(?:'s?(?![^\W_]))?", re.IGNORECASE)
# Chinese text may quote a Japanese name, Japanese text is never almost free of kana: up to 5 %
# kana among the Han is still Chinese, from 2 % on it may be Japanese.
_ZH_MAX_KANA_ONE_IN, _JA_MIN_KANA_ONE_IN = 20, 50

# A Korean phrase of up to three syllables may not be broken by a space: 원잠 is not in
# "100원 잠정", 전작권 not in "전작 권상우". Longer ones may (핵추진 잠수함, 핵추진잠수함).
NO_GAP_UP_TO_SYLLABLES = 3

Span = tuple[int, int]


def join_raw(item: MatchInput) -> str:
    """Return title and body in one string, with the mark between them."""
    return item.title.replace("\x00", " ") + MARK + item.body.replace("\x00", " ")


def _is_word_char(char: str) -> bool:
    return char.isalnum() and not CJK.match(char)


class Document:
    """One article, made when the screen saw a candidate in it."""

    def __init__(self, item: MatchInput) -> None:
        self.item = item
        body = item.body.replace("\x00", " ")
        self.ignored: list[Ignored] = find_ignored(body, item.title)
        raw_title = item.title.replace("\x00", " ")
        self.raw = raw_title + MARK + blank_out(body, self.ignored)
        self.text = NormalText(self.raw)
        self._raw_body_start = len(raw_title) + len(MARK)
        self._body_start = self.text.latin.index("\x00")
        self._occurrences: dict[tuple[str, bool, bool, bool, bool], list[Span]] = {}

    # ------------------------------------------------------------------ zones
    @cached_property
    def _lead_end(self) -> int:
        sample = self.text.latin[self._body_start : self._body_start + 2 * LEAD_LATIN_CHARS]
        share = len(CJK.findall(sample)) * 2 > sum(c.isalpha() for c in sample)
        return self._body_start + (LEAD_CJK_CHARS if share else LEAD_LATIN_CHARS)

    def zone(self, start: int) -> str:
        """Return "title", "lead" or "body" for a position."""
        if start < self._body_start:
            return "title"
        return "lead" if start < self._lead_end else "body"

    def raw_span(self, span: Span) -> tuple[str, int, int]:
        """Return ("title" or "body", start, end) in the item's own title or body."""
        start, end = self.text.raw_span(*span)
        if span[0] < self._body_start:
            return "title", start, end
        return "body", start - self._raw_body_start, end - self._raw_body_start

    def whole_words(self, span: Span) -> tuple[str, int, int]:
        """Return `raw_span`, on to the end of a word in a spaced alphabet: for people to read.

        A phrase ends before its plural's `s`, or where its `*` begins.
        """
        where, start, end = self.raw_span(span)
        source = self.item.title if where == "title" else self.item.body
        while (
            end < len(source)
            and _is_word_char(source[end])
            and _is_word_char(source[end - 1])
            and not CJK.match(source[end])
            and not CJK.match(source[end - 1])
        ):
            end += 1
        return where, start, end

    def found(self, span: Span) -> str:
        """Return what stands at a position, in the text's own words."""
        where, start, end = self.whole_words(span)
        source = self.item.title if where == "title" else self.item.body
        return " ".join(source[start:end].split())

    # ------------------------------------------------------------------ scripts
    @cached_property
    def _counts(self) -> tuple[int, int, int]:
        cjk = self.text.cjk
        return len(HANGUL.findall(cjk)), len(KANA.findall(cjk)), len(HAN.findall(cjk))

    def allows(self, lang: str) -> bool:
        """Tell whether phrases of a language count in this text, by its script alone.

        Only a Japanese text without any kana (a headline) needs the feed's word for it.
        """
        hangul, kana, han = self._counts
        base = lang.split("-")[0]
        if base == "ko":
            return hangul > 0
        if base == "ja":
            if kana:
                return kana * _JA_MIN_KANA_ONE_IN >= han
            said = self.item.language.split("-")[0] == "ja"
            return han > 0 and not hangul and (said or (self.item.country or "").lower() == "jp")
        if base == "zh":
            return han > 0 and kana * _ZH_MAX_KANA_ONE_IN <= han
        return True

    # ------------------------------------------------------------------ occurrences
    def occurrences(self, phrase: Phrase, *, case: bool, whole: bool = True) -> list[Span]:
        """Return where a phrase stands. `whole`: a Korean phrase must begin a word."""
        cache_key = (phrase.key, phrase.is_cjk, phrase.prefix, case, whole and not phrase.inside)
        if cache_key not in self._occurrences:
            if phrase.is_cjk:
                spans = self._find_cjk(phrase, whole=whole and not phrase.inside)
            else:
                spans = self._find_latin(phrase, case=case)
            self._occurrences[cache_key] = spans
        return self._occurrences[cache_key]

    def _find_latin(self, phrase: Phrase, *, case: bool) -> list[Span]:
        text = self.text.cased if case else self.text.latin
        key = phrase.cased if case else phrase.key
        found: list[Span] = []
        at = text.find(key)
        while at >= 0:
            end = at + len(key)
            if self._begins_word(at, key[0]) and self._ends_word(end, key[-1], phrase.prefix):
                found.append((at, end))
            at = text.find(key, at + 1)
        return found

    def _begins_word(self, at: int, first: str) -> bool:
        latin = self.text.latin
        return at == 0 or not (_is_word_char(first) and _is_word_char(latin[at - 1]))

    def _ends_word(self, end: int, last: str, prefix: bool) -> bool:
        latin = self.text.latin
        if prefix or end >= len(latin) or not _is_word_char(last):
            return True
        match = _AFTER_WORD.match(latin, end)
        after = match.end() if match else end
        return any(stop >= len(latin) or not _is_word_char(latin[stop]) for stop in (end, after))

    def _find_cjk(self, phrase: Phrase, *, whole: bool) -> list[Span]:
        text, key = self.text.cjk, phrase.key
        korean = bool(HANGUL.match(key))
        solid = korean and len(key) <= NO_GAP_UP_TO_SYLLABLES and " " not in phrase.text.strip()
        dashed = solid and " " in phrase.cased  # 한-미: the normal form of a dash is a space
        found: list[Span] = []
        at = text.find(key)
        while at >= 0:
            start, end = self.text.cjk_to_latin(at, at + len(key))
            before = self.text.latin[start - 1] if start else " "
            if (
                not (korean and whole and HANGUL.match(before))
                and not (
                    solid
                    and " " in self.text.latin[start:end]
                    and not (dashed and self._is_joined(start, end))
                )
                and self._begins_word(start, key[0])
                and self._ends_word(end, key[-1], phrase.prefix)
            ):
                found.append((start, end))
            at = text.find(key, at + 1)
        return found

    def _is_joined(self, start: int, end: int) -> bool:
        """Tell whether a gap of the normal form is a dash, no white space, in the text itself."""
        left, right = self.text.raw_span(start, end)
        return not any(char.isspace() for char in self.text.raw[left:right])

    # ------------------------------------------------------------------ distances
    @cached_property
    def _tokens(self) -> list[int]:
        return [m.start() for m in _TOKEN.finditer(self.text.latin)]

    def words_between(self, left: Span, right: Span) -> int:
        """Return the distance in words; next to each other is 1, overlapping 0.

        An English or Korean word is one word; in Japanese and Chinese two characters are.
        """
        if left[0] > right[0]:
            left, right = right, left
        if right[0] < left[1]:
            return 0
        last = bisect_right(self._tokens, left[1] - 1)
        return max(0, bisect_right(self._tokens, right[0]) - last)
