"""Names by their sound: Brunson, 브런슨 and ブランソン give the same key.

In: text in any script. Out: consonant keys of what may be a foreign name: capitalised Latin words,
words in katakana, and Korean words with syllables that only loan words have. Vowels, voicing and
the difference of l and r are left out, as the scripts do.
"""

from __future__ import annotations

import re
import unicodedata

MIN_SOUNDS = 4  # shorter keys are shared by chance too often
_LATIN = re.compile(r"(?<![A-Za-z])[A-Z][a-z]{4,}(?:-?[a-z]+)*")
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}")
_HANGUL = re.compile(r"[\uac00-\ud7a3]{3,}")
_LOAN = frozenset(
    "브스트크프즈르츠드그컨런턴슨톤튼든쿠큐퍼커터헤케페티디니피코토포로쿼뷰픽릭킨틴핀"
)
_PARTICLE = re.compile(
    r"(?:으로|에서|에게|까지|부터|라고|이라|은|는|이|가|을|를|의|에|와|과|도|로)$"
)
_INITIALS = "KKNTTRMPPSS-SSSKTPH"  # the nineteen initial consonants of Hangul, in code order
_FINALS = ("", *"KKKNNNTRRRRRRRRNPPSS", "N", *"SSKTPH")
_KANA_ROWS = {
    "K": "カキクケコガギグゲゴ", "S": "サシスセソザジズゼゾチツヂヅ", "T": "タテトダデド",
    "N": "ナニヌネノマミムメモン", "H": "ハヒヘホ", "P": "フバビブベボパピプペポヴ",
    "R": "ラリルレロ",
}  # fmt: skip
_KANA = {kana: sound for sound, row in _KANA_ROWS.items() for kana in row}
_LATIN_RULES = (
    (re.compile(r"sch|sh|ch|tch|th|ce|ci|ge|gi|j|z|x"), "S"),
    (re.compile(r"ph|f|v|b|p"), "P"),
    (re.compile(r"ck|q|k|c|g"), "K"),
    (re.compile(r"(?<=[aeiou])r(?![aeiour])"), ""),
    (re.compile(r"ll|l|rr|r"), "R"),
    (re.compile(r"dd|tt|d|t"), "T"),
    (re.compile(r"mm|nn|m|n"), "N"),
    (re.compile(r"ss|s"), "S"),
    (re.compile(r"^h"), "H"),
    (re.compile(r"[a-z'-]"), ""),
)


def sound_of(text: str, known: frozenset[str] = frozenset()) -> set[str]:
    """Return the keys of possible names in a text; `known` words (lower case) are left out."""
    keys = set()
    for match in _LATIN.finditer(text):
        if match[0].lower() not in known:
            keys.add(_of_latin(match[0]))
    for match in _KATAKANA.finditer(text):
        if match[0] not in known:
            keys.add("".join(_KANA.get(kana, "") for kana in match[0]))
    for match in _HANGUL.finditer(text):
        word = _PARTICLE.sub("", match[0])
        if len(word) >= 3 and word not in known and sum(c in _LOAN for c in word) >= 2:
            keys.add(_of_hangul(word))
    return {key for key in keys if len(key) >= MIN_SOUNDS}


def _of_latin(word: str) -> str:
    text = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    for pattern, sound in _LATIN_RULES:
        text = pattern.sub(sound, text)
    return text.upper()


def _of_hangul(word: str) -> str:
    sounds = []
    for char in word:
        code = ord(char) - 0xAC00
        initial, final = _INITIALS[code // 588], _FINALS[code % 28]
        sounds.append(("" if initial == "-" else initial) + final)
    key = "".join(sounds).replace("M", "N")
    return key.replace("RR", "R")
