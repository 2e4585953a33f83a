"""Letters of which scripts a text holds: told by ranges of code points, counted in C.

In: text.  Out: letters by script ("latin", "hangul", "han" ...).  Scripts that only one language
writes bear its code ("el", "th").  It does not say in which language a text is (see `language`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

SCRIPT_SAMPLE_CHARS: Final = 20_000
"""Characters looked at for scripts; bounds the work on a line of a megabyte."""

_WORD: Final = re.compile(r"[^\W\d_]+")

_RANGES: Final[tuple[tuple[int, int, str], ...]] = (
    (0x0370, 0x03FF, "el"),
    (0x1F00, 0x1FFF, "el"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0531, 0x058F, "hy"),
    (0x0591, 0x05F4, "he"),
    (0x0600, 0x06FF, "arabic"),
    (0x0750, 0x077F, "arabic"),
    (0xFB50, 0xFDFF, "arabic"),
    (0xFE70, 0xFEFC, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0980, 0x09FF, "bn"),
    (0x0A00, 0x0A7F, "pa"),
    (0x0A80, 0x0AFF, "gu"),
    (0x0B00, 0x0B7F, "or"),
    (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"),
    (0x0C80, 0x0CFF, "kn"),
    (0x0D00, 0x0D7F, "ml"),
    (0x0D80, 0x0DFF, "si"),
    (0x0E00, 0x0E7F, "th"),
    (0x0E80, 0x0EFF, "lo"),
    (0x0F00, 0x0FFF, "bo"),
    (0x1000, 0x109F, "my"),
    (0x10A0, 0x10FF, "ka"),
    (0x1100, 0x11FF, "hangul"),
    (0x1200, 0x137F, "am"),
    (0x1780, 0x17FF, "km"),
    (0x3041, 0x3096, "kana"),
    (0x309D, 0x309F, "kana"),
    (0x30A1, 0x30FA, "kana"),
    (0x30FD, 0x30FF, "kana"),
    (0x31F0, 0x31FF, "kana"),
    (0xFF66, 0xFF6F, "kana"),
    (0xFF71, 0xFF9D, "kana"),
    (0x3105, 0x312F, "bopomofo"),
    (0x3131, 0x318E, "hangul"),
    (0xA960, 0xA97F, "hangul"),
    (0xAC00, 0xD7FB, "hangul"),
    (0x3005, 0x3007, "han"),
    (0x3400, 0x4DBF, "han"),
    (0x4E00, 0x9FFF, "han"),
    (0xF900, 0xFAFF, "han"),
    (0x20000, 0x323AF, "han"),
)
EAST_ASIAN: Final = frozenset({"kana", "hangul", "han", "bopomofo"})


class _ScriptTable(dict[str, str]):
    """Script of a character, worked out once: "" for what is not a letter."""

    def __missing__(self, char: str) -> str:
        found = _script(char)
        if len(self) < 100_000:
            self[char] = found
        return found


def _script(char: str) -> str:
    if not char.isalpha() and not unicodedata.category(char).startswith("M"):
        return "han" if char == "々" or char == "〇" else ""
    code = ord(char)
    for low, high, name in _RANGES:
        if low <= code <= high:
            return name
    if not char.isalpha():
        return ""
    if code < 0x0250 or 0x1E00 <= code <= 0x1EFF or 0xFF21 <= code <= 0xFF5A:
        return "latin"
    return "latin" if unicodedata.name(char, "").startswith("LATIN") else "other"


SCRIPT_OF: Final = _ScriptTable()


def script_counts(text: str) -> Mapping[str, int]:
    """Count the letters of each script in `text` (its first 20,000 characters)."""
    if len(text) <= CACHED_CHARS:
        return _script_counts(text)
    return _count_scripts(text[:SCRIPT_SAMPLE_CHARS])


def _count_scripts(text: str) -> Mapping[str, int]:
    if text.isascii():
        letters = len(text.encode().translate(None, _NO_ASCII_LETTERS))
        return {"latin": letters} if letters else {}
    counts: dict[str, int] = {}
    letters = len(text.encode("ascii", "ignore").translate(None, _NO_ASCII_LETTERS))
    first = _WORD.search(text)
    if letters and first and first[0][0].isascii():  # scripts in the order of their appearance
        counts["latin"] = 0
    for name, n in Counter(map(SCRIPT_OF.__getitem__, _BEYOND_ASCII.findall(text))).items():
        if name:
            counts[name] = counts.get(name, 0) + n
    if letters:
        counts["latin"] = counts.get("latin", 0) + letters
    return counts


_BEYOND_ASCII: Final = re.compile("[^\x00-\x7f]")
_NO_ASCII_LETTERS: Final = bytes(c for c in range(128) if not chr(c).isalpha())

CACHED_CHARS: Final = 1_000
"""Texts up to this length are asked about several times on their way through the cleaner."""
_script_counts = lru_cache(maxsize=4096)(_count_scripts)
