"""One normal form for phrases and texts, and the way back to the original characters.

In: any text. Out: `NormalText` with two keys to search in: a Latin key (entities resolved,
invisible characters gone, NFKC, dashes and double quotes are spaces, dotted acronyms joined, one
space between words) and a CJK key (the Latin key without spaces, brackets and middle dots, Han
characters folded to one form between simplified, traditional, Japanese and Hanja). Offsets into a
key lead back to offsets into the original text; that map is made on first use only, since most
articles hit nothing. It does not judge languages and knows nothing of topics.

Source of the folding table: OpenCC (see the first line of han_fold.txt and ADR 0020).
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from importlib import resources

# Zero-width and bidi controls, soft hyphen, grapheme joiner, variation selectors, tags, BOM.
INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef"
)
# Hyphens and dashes of all kinds after NFKC; U+30FC, the Japanese long vowel, is a letter.
DASHES = "-‐‑‒–—―−⁃﹘﹣－⸺⸻"
QUOTES = '"“”„‟«»″〝〞〟＂'
APOSTROPHES = "‘’‚‛′＇`´ʼ"
# What Chinese, Japanese and Korean put between or around the parts of a name.
CJK_SEPARATORS = " ·・･‧•'「」『』〈〉《》【】〔〕‹›*_"

_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# The look-behinds stand after the first letter and dot, where few positions come (3 x faster).
_ACRONYM = re.compile(r"[A-Za-z]\.(?<![^\W_]..)(?<!\...)(?:[A-Za-z]\.)+(?:[A-Za-z](?![^\W_]))?")
_TO_SPACE = dict.fromkeys(DASHES + QUOTES, " ") | dict.fromkeys(APOSTROPHES, "'")
_PUNCTUATION = tuple(c for c in DASHES + QUOTES + APOSTROPHES)
# What ordinary Chinese, Japanese and Korean text has that NFKC changes: replaced first, since the
# full normalisation costs more than all other steps together.
_COMMON_WIDE = tuple(
    (c, unicodedata.normalize("NFKC", c)) for c in "，：；？！（）％　…～０１２３４５６７８９"
)
CJK_RANGES = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
CJK = re.compile(f"[{CJK_RANGES}]")
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# Few distinct characters to fold are replaced one by one, many in one pass (measured: the two
# cost the same at about 40 distinct characters in 1,500).
_FOLD_ONE_BY_ONE = 40


@functools.cache
def han_fold() -> dict[int, str]:
    """Return the table from a Han character's code point to the form that stands for its group."""
    text = resources.files("alerts").joinpath("han_fold.txt").read_text(encoding="utf-8")
    _, keys, values = text.splitlines()
    return dict(zip(map(ord, keys), values, strict=True))


@functools.cache
def _foldable() -> frozenset[str]:
    return frozenset(map(chr, han_fold()))


def _resolve_entities(text: str) -> str:
    return _ENTITY.sub(lambda m: html.unescape(m.group()), text) if "&" in text else text


def _clean(text: str) -> str:
    """Do all steps that work character by character; white space and acronyms come after."""
    text = _resolve_entities(text)
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        for char, plain in _COMMON_WIDE:
            if char in text:
                text = text.replace(char, plain)
        if not unicodedata.is_normalized("NFKC", text):
            text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
        present = [c for c in _PUNCTUATION if c in text]
    else:
        present = [c for c in '-"`' if c in text]
    for char in present:
        text = text.replace(char, _TO_SPACE[char])
    return text


def _join_acronyms(text: str) -> str:
    if "." not in text:
        return text
    return _ACRONYM.sub(lambda m: m.group().replace(".", ""), text)


def _lower(text: str) -> str:
    """Lower-case without changing the length (İ stays one character)."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def fold_cjk(latin_key: str) -> str:
    """Make the CJK key from a Latin key: no separators, Han folded."""
    text = latin_key
    for separator in CJK_SEPARATORS:
        if separator in text:
            text = text.replace(separator, "")
    if not HAN.search(text):
        return text
    hits = _foldable().intersection(text)
    if len(hits) > _FOLD_ONE_BY_ONE:
        return text.translate(han_fold())
    table = han_fold()
    for char in hits:
        text = text.replace(char, table[ord(char)])
    return text


class NormalText:
    """A text in normal form. `cased` and `latin` have the same length; `cjk` is "" without CJK.

    Positions of the Latin key (`cased`, `latin`) are the common measure; `cjk_to_latin` and
    `raw_span` translate.
    """

    __slots__ = ("_cjk_positions", "_raw_map", "cased", "cjk", "latin", "raw")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.cased = _join_acronyms(" ".join(_clean(raw).split()))
        self.latin = _lower(self.cased)
        has_cjk = not self.latin.isascii() and CJK.search(self.latin)
        self.cjk = fold_cjk(self.latin) if has_cjk else ""
        self._cjk_positions: list[int] | None = None
        self._raw_map: tuple[list[int], list[int]] | None = None

    def cjk_to_latin(self, start: int, end: int) -> tuple[int, int]:
        """Translate a span of the CJK key into a span of the Latin key."""
        if self._cjk_positions is None:
            separators = frozenset(CJK_SEPARATORS)
            self._cjk_positions = [i for i, c in enumerate(self.latin) if c not in separators]
        return self._cjk_positions[start], self._cjk_positions[end - 1] + 1

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Translate a span of the Latin key into a span of the original text."""
        if self._raw_map is None:
            self._raw_map = _map_to_raw(self.raw, self.cased)
        starts, ends = self._raw_map
        return starts[start], ends[end - 1]


@functools.cache
def _cluster() -> re.Pattern[str]:
    """Match what NFKC may melt into one: an entity, or a character and all that joins it."""
    joining = "".join(
        chr(point) for point in range(0x300, 0x1E950) if unicodedata.combining(chr(point))
    )
    # Hangul vowels and finals (conjoining, compatibility, half width), half-width kana marks.
    jamo = "\u1160-\u11ff\u314f-\u3163\uffc2-\uffdc\uff9e\uff9f"
    return re.compile(f"(?:{_ENTITY.pattern}|.)[{re.escape(joining)}{jamo}{INVISIBLE}]*", re.DOTALL)


def _map_to_raw(raw: str, cased: str) -> tuple[list[int], list[int]]:
    """Return for each position of the key where its original begins and ends.

    Cuts the original into clusters that normalise independently. Should a text exist for which
    this does not add up to the key, positions are spread evenly, so that a snippet still shows
    the neighbourhood; the property tests have found none.
    """
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _cluster().finditer(raw):
        for char in _clean(match.group()):
            if char.isspace():
                if chars and chars[-1] != " ":
                    chars.append(" ")
                else:
                    if chars:
                        ends[-1] = match.end()
                    continue
            else:
                chars.append(char)
            starts.append(match.start())
            ends.append(match.end())
    if chars and chars[-1] == " ":
        chars.pop()
    text = "".join(chars)
    dots = {i for m in _ACRONYM.finditer(text) for i in range(m.start(), m.end()) if text[i] == "."}
    keep = [i for i in range(len(text)) if i not in dots]
    if "".join(text[i] for i in keep) != cased:
        step = len(raw) / max(1, len(cased))
        return (
            [int(i * step) for i in range(len(cased))],
            [min(len(raw), int((i + 1) * step) + 1) for i in range(len(cased))],
        )
    return [starts[i] for i in keep], [ends[i] for i in keep]
