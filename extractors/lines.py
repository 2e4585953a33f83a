"""What a line of text looks like: the facts that the rules and the cleaner ask about.

In: a `Line`.  Out: a `Shape` (spellings to match against, width, script, sentence or not).
It judges nothing.  Every fact is worked out once and in time linear in the line's length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from extractors.models import Line
from extractors.scripts import EAST_ASIAN, script_counts

MATCH_CHARS: Final = 400
"""Characters of a line that rules look at (start; `cut` rules see the end): bounds hostile input.
The longest cue line in the development data has 210."""

_ZERO_WIDTH: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"))
_SIGNS: Final = {
    **_ZERO_WIDTH,
    ord("ⓒ"): "©",
    ord("Ⓒ"): "©",
    ord("\u00a0"): " ",
    ord("’"): "'",
    ord("‘"): "'",
}
_SIGN: Final = re.compile("[" + "".join(map(chr, _SIGNS)) + "]")
_EDGE: Final = (
    " \t-–—−‐•·・‧*▶▷►▸▹◀◁◄▲△▼▽■□▪▫◼◆◇●○◎★☆※✔✓→⇒←↓↑↗»«›‹<>|/\\:;,.!?~_=+#^"
    "【】[](){}「」『』〈〉《》“”\"'…。、，：；！？（）〔〕＞＜"
)
_DIGITS: Final = re.compile(r"\d+")
_WIDE: Final = re.compile("[\u2e80-\U0010ffff]+")
_ASCII_DIGIT: Final = re.compile("[0-9]")
_SENTENCE_END: Final = re.compile(r"(?:[.!?。！？…‼⁉][\"'”’」』】）)\]》〉]{0,3}|[」』”])$")
_SIGNED: Final = re.compile(r"(?<=[。！？」』])[（(][^（）()。]{2,30}[）)]$")
"""Who wrote it, behind the last full stop: Japanese and Chinese papers sign so."""
_END_MARK: Final = re.compile(r"\s?[(（<【\[]\s?(?:完|了|終|끝|END|End|end|以上)\s?[)）>】\]]\s*$")
_END_MARK_CLOSERS: Final = (")", "）", ">", "】", "]")
_CUT_OFF: Final = re.compile(r"(?:\.\.|…)$")
"""A headline that a list cut short; a paragraph rarely ends so."""
_CLOSE_ABBREVIATION: Final = re.compile(
    r"\b(?:Inc|Ltd|Co|Corp|LLC|Jr|Sr|No|Vol|a\.m|p\.m)\.$", re.I
)
_PLAIN_WORD: Final = re.compile(r"(?<!\S)[a-z]{2,}(?=[\s,;:]|$)")
SENTENCE_WORDS: Final = 5
"""Words in small letters from which a line that ends in an abbreviation is a sentence: names of
firms, stamps and bylines have at most three or four (`updated on ... at 5 p.m.`)."""

PROSE_WIDTH: Final = 40
"""A sentence of this width (units of a Latin letter) is prose; shorter ones may be labels."""

LONG_WIDTH: Final = 120
"""A line this wide is prose whether or not it ends like a sentence (menus come one a line)."""


@dataclass(slots=True)
class Shape:
    """One line and what is known of it.

    `norm` is NFKC with single blanks; `low` that in lower case; `key` lower case without edge
    signs, digits as 0.
    """

    text: str
    norm: str
    low: str
    key: str
    width: int
    family: str  # "latin", "hangul", "kana", "han", another script's name, "" without letters
    weight: float  # letters, East Asian ones counted 2.5 times
    letters: int
    latin: int
    east: int
    has_kana: bool
    has_hangul: bool
    has_han: bool
    sentence: bool  # ends as a sentence does
    prose: bool
    link_share: float
    tag: str

    @property
    def memory_key(self) -> str:
        """The spelling under which site memory keeps the line.

        Figures change from page to page in a label or counter; in a sentence they are its news:
        `1日午前7時2分ごろ、地震がありました。` stands in one story only.
        """
        return self.low.strip(_EDGE) if self.sentence or self.prose else self.key


def normalize(text: str) -> str:
    """NFKC, signs unified, runs of blanks made one; at most `MATCH_CHARS` characters long."""
    text = text[:MATCH_CHARS]
    if not text.isascii():
        if _SIGN.search(text):
            text = text.translate(_SIGNS)
        if "…" in text:
            text = text.replace("…", "\ue000")
            text = unicodedata.normalize("NFKC", text).replace("\ue000", "…")
        else:
            text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split())


def line_key(text: str) -> str:
    """The spelling under which lines are compared: lower case, digits 0, edge signs cut."""
    return _key(normalize(text).lower())


def _key(low: str) -> str:
    key = low.strip(_EDGE)
    if key.isascii() and not _ASCII_DIGIT.search(key):
        return key
    return _DIGITS.sub("0", key)


def shape_of(line: Line) -> Shape:
    """Work out the facts of one line."""
    return _shape(line.text, line.link_share, line.tag)


@lru_cache(maxsize=4096)
def _shape(text: str, link_share: float, tag: str) -> Shape:
    stripped = text.strip()
    norm = normalize(stripped)
    low = norm.lower()
    counts = script_counts(stripped)
    ascii_only = stripped.isascii()
    hangul, kana, han = counts.get("hangul", 0), counts.get("kana", 0), counts.get("han", 0)
    east = hangul + kana + han + counts.get("bopomofo", 0)
    width = len(stripped) + (0 if ascii_only else _wide(stripped))
    family, weight = _family_of(counts, hangul, kana, han, east)
    tail = stripped[-40:]
    if tail.endswith(_END_MARK_CLOSERS):
        tail = _SIGNED.sub("", _END_MARK.sub("", tail))
    tail = tail[-8:]
    sentence = (
        bool(_SENTENCE_END.search(tail))
        and not _ends_in_abbreviation(stripped)
        and not (width < LONG_WIDTH and _CUT_OFF.search(tail))
    )
    letters = sum(counts.values())
    return Shape(
        text=text,
        norm=norm,
        low=low,
        key=_key(low),
        width=width,
        family=family,
        weight=weight,
        letters=letters,
        latin=counts.get("latin", 0),
        east=east,
        has_kana=kana > 0,
        has_hangul=hangul > 0,
        has_han=han > 0,
        sentence=sentence,
        prose=letters > 0 and ((sentence and width >= PROSE_WIDTH) or width >= LONG_WIDTH),
        link_share=link_share,
        tag=tag,
    )


def _ends_in_abbreviation(stripped: str) -> bool:
    """Tell whether a line's full stop belongs to its last word, and no sentence ends there."""
    if not stripped.endswith(".") or not _CLOSE_ABBREVIATION.search(stripped[-12:]):
        return False
    return len(_PLAIN_WORD.findall(stripped[:MATCH_CHARS])) < SENTENCE_WORDS


def _wide(text: str) -> int:
    return sum(map(len, _WIDE.findall(text[:20_000])))


def _family_of(
    counts: Mapping[str, int], hangul: int, kana: int, han: int, east: int
) -> tuple[str, float]:
    best, weight = "", 0.0
    if east:
        if hangul and hangul >= 0.3 * east and hangul >= kana:
            best = "hangul"
        elif kana and kana >= 0.04 * (kana + han):
            best = "kana"
        else:
            best = "han" if han else "hangul"
        weight = east * 2.5
    for name, n in counts.items():
        if name not in EAST_ASIAN and n > weight:
            best, weight = name, float(n)
    return best, weight


def count_words(text: str) -> int:
    """Count words; each Han or Kana sign counts as half a word, rounded down."""
    cjk = sum(1 for char in text if "぀" <= char <= "ヿ" or "㐀" <= char <= "鿿")
    return len(text.split()) + cjk // 2
