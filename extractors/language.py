"""Which language a text is in: BCP 47 tag, share of the winning script, letters counted, method.

In: text of any kind, and a hint (the feed's language) that decides ties only.  Out: a `Tag`;
`und` where nothing can be told.  Never raises, gives the same answer in every run, thread and
order of calls.  It does not decide what a foreign line is worth (see `boilerplate`).

The hybrid was measured on 4,700 texts in 17 languages against fifteen engines
(research/language-and-boilerplate.md section 1): a script histogram answers for every script with
one language; Chinese characters alone are told apart by what the codecs of the standard library
can encode; only Latin letters, and Devanagari, need words.  There, function words answer first
(microseconds), langdetect with a factory of our own after that.  Bare `langdetect.detect` calls
Traditional Chinese Korean, raises on numbers, and fails in threads; it is never called.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from extractors.function_words import LETTERS, WORDS
from extractors.language_engines import (
    DEVANAGARI_PROFILES,
    SAMPLE_CHARS,
    default_engine,
    detect,
)
from extractors.scripts import EAST_ASIAN, SCRIPT_OF, SCRIPT_SAMPLE_CHARS, script_counts

UND: Final = "und"

SHORT_LATIN_LETTERS: Final = 25
"""Below this a correct hint beats detection: .979 -> .988 on 1,082 lines (research, feed hints)."""

KANA_SHARE: Final = 0.04
"""Share of kana among kana and Han that makes a text Japanese (research, recommended tagger)."""

HANGUL_SHARE: Final = 0.30
"""Share of hangul among East Asian letters that makes a text Korean; hanja rarely exceed it."""

HAN_MARGIN: Final = 0.8
"""Difference of codec scores below which the hint decides: 8 of 9 misses had a margin of 0."""

CJK_WEIGHT: Final = 2.5
"""One East Asian sign carries as much text as 2-3 Latin letters."""

OPENING_WIDTH: Final = 240
"""Width of unquoted prose that settles an article's language (287 of 288 mixed texts right)."""

OPENING_SHARE: Final = 0.22
"""The opening's language must keep this share of the whole, else the heaviest one wins."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Language of a text. `share` (0-1) is the winning script's, not a probability."""

    lang: str
    share: float = 0.0
    letters: int = 0
    method: str = "none"


NOTHING: Final = Tag(UND)

# --------------------------------------------------------------------------- hints
_HINT_ALIASES: Final = {
    "zh": "zh", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-my": "zh-Hans", "zh-hans": "zh-Hans",
    "zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "zh-mo": "zh-Hant", "zh-hant": "zh-Hant",
    "cn": "zh-Hans", "tw": "zh-Hant", "hk": "zh-Hant", "chi": "zh", "zho": "zh", "cmn": "zh",
    "yue": "zh-Hant", "jp": "ja", "jpn": "ja", "kr": "ko", "kor": "ko", "eng": "en", "iw": "he",
    "in": "id", "nb": "no", "nn": "no", "ukr": "uk", "rus": "ru",
}  # fmt: skip


@lru_cache(maxsize=512)
def normalize_language(tag: str | None) -> str | None:
    """Return `tag` (`zh_TW`, `ja-JP`, `kr` ...) in our spelling, or None when it says nothing."""
    if not tag:
        return None
    low = tag.strip().replace("_", "-").lower()
    parts = low.split("-")
    for size in (len(parts), 2, 1):
        known = _HINT_ALIASES.get("-".join(parts[:size]))
        if known and known != "zh":
            return known
    if parts[0] == "zh":
        region = next((_HINT_ALIASES.get(f"zh-{p}") for p in parts[1:]), None)
        return region or "zh"
    base = _HINT_ALIASES.get(parts[0], parts[0])
    if base == UND or not (2 <= len(base) <= 3 and base.isascii() and base.isalpha()):
        return None
    return base


def base_language(tag: str) -> str:
    """Return the primary subtag: `zh-Hant` -> `zh`."""
    return tag.split("-", 1)[0]


# --------------------------------------------------------------------------- Han only
@lru_cache(maxsize=30_000)
def _codec_weights(char: str) -> tuple[float, float, float]:
    """Weights of one character for Japanese, Simplified and Traditional Chinese.

    0 when it is in the first level of the national character set, -1.5 in the second, -4 when
    absent: .983 right on 542 lines without kana, where bare langdetect has .507 (research).
    """
    out = []
    for codec, first, last in (("shift_jis", 0x889F, 0x9872), ("gb2312", 0xB0A1, 0xD7F9),
                               ("big5", 0xA440, 0xC67E)):  # fmt: skip
        try:
            raw = char.encode(codec)
        except UnicodeEncodeError:
            out.append(-4.0)
            continue
        code = int.from_bytes(raw, "big")
        out.append(0.0 if first <= code <= last else -1.5)
    return out[0], out[1], out[2]


# Everyday Chinese grammar that Japanese headlines do not use, and the other way round.
_CHINESE_CHARS: Final = frozenset(
    "的了是这這们們你他她它吗嗎呢吧就说說没沒很把被让讓给給和与與在也都"
)
_CHINESE_WEIGHT: Final = 1.0
_JAPANESE_CHARS: Final = frozenset("々〆氏円県区駅戦図覧")
_JAPANESE_WEIGHT: Final = 1.0
# Words of headlines whose characters both languages write alike: only one of them says it so.
_CHINESE_WORDS: Final = re.compile(
    "表示|国防部|國防部|外交部|公司|目前|美国|美國|美军|美軍|方面|今日|以及|其中"
)
_JAPANESE_WORDS: Final = re.compile(
    "米[国韓中軍朝]|[日訪対反親在駐]米|首相|外相|防衛|逮捕|容疑|被告|開始|会見|要請|決定|株価|"
    "[一-鿿]氏|選手|優勝|死去|延期|検討|予定|合意"
)


def _han_language(text: str, hint: str | None, kana: int) -> tuple[str, str]:
    """Tell Japanese, Simplified and Traditional Chinese apart in a text of Han characters."""
    ja = hans = hant = 0.0
    seen = 0
    for char in text[:SAMPLE_CHARS]:
        if SCRIPT_OF[char] != "han":
            continue
        seen += 1
        j, s, t = _codec_weights(char)
        if char in _CHINESE_CHARS:
            j -= _CHINESE_WEIGHT
        elif char in _JAPANESE_CHARS:
            j += _JAPANESE_WEIGHT
        ja, hans, hant = ja + j, hans + s, hant + t
    sample = text[:SAMPLE_CHARS]
    if "，" in sample or _CHINESE_WORDS.search(sample):
        ja -= _CHINESE_WEIGHT
    if _JAPANESE_WORDS.search(sample):
        ja += _JAPANESE_WEIGHT
    scores = {"ja": ja, "zh-Hans": hans, "zh-Hant": hant}
    best = max(scores, key=lambda k: scores[k])
    close = [k for k, v in scores.items() if scores[best] - v < HAN_MARGIN]
    if len(close) > 1 and hint:
        for k in close:
            if k == hint or base_language(k) == base_language(hint):
                return k, "hint"
    if len(close) > 1 and kana == 0 and "ja" in close and not hint:
        # Japan's set holds nearly all Traditional forms, so a tie says less for Japanese.
        return ("zh-Hant" if "zh-Hant" in close and "zh-Hans" not in close else best), "codecs"
    return best, "codecs"


def _chinese_variant(text: str, hint: str | None) -> str:
    """Simplified or Traditional, for a text known to be Chinese."""
    hans = hant = 0.0
    for char in text[:SAMPLE_CHARS]:
        if SCRIPT_OF[char] == "han":
            _, s, t = _codec_weights(char)
            hans, hant = hans + s, hant + t
    if abs(hans - hant) < HAN_MARGIN and hint in ("zh-Hans", "zh-Hant"):
        return hint
    return "zh-Hans" if hans >= hant else "zh-Hant"


# --------------------------------------------------------------------------- words
_WORD: Final = re.compile(r"[^\W\d_]+")
_WORD_LANGS: dict[str, tuple[str, ...]] = {}
for _lang, _words in WORDS.items():
    for _w in _words.split():
        _WORD_LANGS[_w] = (*_WORD_LANGS.get(_w, ()), _lang)

WORD_SCORE: Final = 1.6
"""Function words needed (shared ones count in part), and how far ahead of the second language."""
WORD_LEAD: Final = 2.0
FEW_WORDS: Final = 10
"""Lines of fewer words often hold no function word of their own language either: of 55 such
sentences on 750 real pages langdetect called 5 otherwise than their article, all 5 wrongly."""
WORD_SHARE: Final = 0.12
"""Share of words that must be function words: lists of names carry one or two by chance."""


@lru_cache(maxsize=4096)
def word_scores(text: str) -> tuple[Mapping[str, float], int]:
    """Score Latin-script languages by their function words; also return the number of words.

    Cached, as a line is asked about on several ways: the scores are not to be changed.
    """
    scores: dict[str, float] = {}
    words = _WORD.findall(text[:SAMPLE_CHARS].lower())
    for langs in filter(None, map(_WORD_LANGS.get, words)):
        if len(langs) == 1:
            lang = langs[0]
            scores[lang] = scores.get(lang, 0.0) + 1.0
            continue
        part = 1.0 / len(langs)
        for lang in langs:
            scores[lang] = scores.get(lang, 0.0) + part
    return scores, len(words)


def _scores_with_letters(text: str) -> tuple[Mapping[str, float], int]:
    """Scores by function words, and half a point for each letter that few languages write."""
    plain, n = word_scores(text)
    if not plain or text.isascii():
        return plain, n
    scores = dict(plain)
    for char in set(text[:SAMPLE_CHARS].lower()):
        for lang in LETTERS.get(char, ()):
            if lang in scores:
                scores[lang] += 0.5
    return scores, n


def _language_by_words(text: str) -> str | None:
    scores, n = _scores_with_letters(text)
    if not scores:
        return None
    top = min(scores, key=lambda k: (-scores[k], k))
    score = scores[top]
    second = max((v for k, v in scores.items() if k != top), default=0.0)
    if score >= WORD_SCORE and score >= WORD_LEAD * second and score >= WORD_SHARE * n:
        return top
    return None


def line_language(text: str, language: str) -> str:
    """Return the language of a line in Latin letters within an article in `language`.

    Where no other language has more function words in the line than the article's own, it is the
    article's: of 925 such lines that function words alone did not settle, langdetect called seven
    otherwise, all seven wrongly. The same holds for a few words that speak for no other language:
    labels, names and prices, on which langdetect guesses.
    """
    if _may_hold_noise(text):
        return tag_language(text, language).lang
    scores, words = _scores_with_letters(text)
    most = max(scores.values(), default=0.0)
    if most and scores.get(base_language(language), 0.0) >= most:
        return language
    told = most >= WORD_SCORE or not LETTERS.keys().isdisjoint(text.lower())
    if words < FEW_WORDS and not told:
        return language
    return tag_language(text, language).lang


# --------------------------------------------------------------------------- one text
_NOISE: Final = re.compile(
    r"(?:https?://|www\.)[!-~]{1,500}"  # URLs
    r"|(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}"  # e-mail addresses
    r"|[@#][A-Za-z0-9_]{1,64}"  # names and ASCII hashtags
)


def _may_hold_noise(text: str) -> bool:
    return "@" in text or "://" in text or "www." in text or "#" in text


def tag_language(text: str, hint: str | None = None, *, engine: str | None = None) -> Tag:
    """Tag one line, paragraph or article. Never raises; `und` when there is nothing to go by.

    `hint` (the feed's language, any spelling) decides ties and very short Latin lines only.
    """
    engine = engine or default_engine()
    if len(text) <= SAMPLE_CHARS:
        return _tag_cached(text, hint, engine)
    return _tag(text, hint, engine)


def _tag(text: str, hint: str | None, engine: str) -> Tag:
    hint = normalize_language(hint)
    text = text[:SCRIPT_SAMPLE_CHARS]
    if _may_hold_noise(text):
        text = _NOISE.sub(" ", text)
    counts = script_counts(text)
    letters = sum(counts.values())
    if not letters:
        return NOTHING
    if len(counts) == 1 and "latin" in counts:
        lang, method = _latin(text, letters, hint, engine)
        return Tag(lang, 1.0 if lang != UND else 0.0, letters, method)
    weights: dict[str, float] = {}
    for name, n in counts.items():
        family = "east-asian" if name in EAST_ASIAN else name
        weights[family] = weights.get(family, 0.0) + n * (CJK_WEIGHT if name in EAST_ASIAN else 1)
    total = sum(weights.values())
    family = max(weights, key=lambda k: (weights[k], k))
    share = weights[family] / total
    if family == "east-asian":
        lang, method = _east_asian(text, counts, hint)
    elif family == "latin":
        lang, method = _latin(text, counts["latin"], hint, engine)
    elif family == "cyrillic":
        lang, method = _cyrillic(text, hint, engine)
    elif family == "arabic":
        lang, method = _arabic(text, hint)
    elif family == "devanagari":
        lang, method = _devanagari(text, hint, engine)
    elif family == "other":
        return NOTHING
    else:
        lang, method = family, "script"
    return Tag(lang, round(share, 4), letters, method)


_tag_cached = lru_cache(maxsize=8192)(_tag)


def _east_asian(text: str, counts: Mapping[str, int], hint: str | None) -> tuple[str, str]:
    hangul, kana = counts.get("hangul", 0), counts.get("kana", 0)
    han = counts.get("han", 0)
    total = hangul + kana + han + counts.get("bopomofo", 0)
    if hangul and hangul >= HANGUL_SHARE * total and hangul >= kana:
        return "ko", "script"
    if kana and kana >= KANA_SHARE * (kana + han):
        if kana == 1 and "の" in text and han >= 3:  # Chinese brands and menus write の for 的
            lang, method = _han_language(text, hint, kana)
            if lang != "ja" and method == "codecs" and any(c in _CHINESE_CHARS for c in text):
                return lang, method
        return "ja", "script"
    if han >= hangul and han:
        lang, method = _han_language(text, hint, kana)
        return lang, method
    if hangul:
        return "ko", "script"
    return ("zh-Hant", "script") if counts.get("bopomofo") else (UND, "none")


def _latin(text: str, letters: int, hint: str | None, engine: str) -> tuple[str, str]:
    latin_hint = hint if hint and hint not in _NON_LATIN else None
    if letters < 2:
        return UND, "none"
    if not text.isascii() and (lang := _vietnamese(text, letters)):
        return lang, "letters"
    by_words = _language_by_words(text)
    if by_words:
        return by_words, "words"
    if letters < SHORT_LATIN_LETTERS:
        if latin_hint:
            return latin_hint, "hint"
        scores, n = word_scores(text)
        if scores and n >= 2:
            ranked = sorted(scores.items(), key=lambda kv: (-kv[1], kv[0] != "en", kv[0]))
            second = ranked[1][1] if len(ranked) > 1 else 0.0
            if ranked[0][1] >= 0.5 and ranked[0][1] >= 1.5 * second:
                return ranked[0][0], "words"
        if letters <= 12 and text.isascii() and text.upper() == text:
            return UND, "none"  # OPCON, SSN, NATO: belongs to every language
        if letters < 4 or (n == 1 and letters < 9 and text.isascii()):
            return UND, "none"  # one short word: a name more often than not
    found = detect("latin", text, engine)
    if not found:
        return latin_hint or UND, "hint" if latin_hint else "none"
    return found, engine if engine == "py3langid" else "langdetect"


_NON_LATIN: Final = frozenset(
    (
        *[
            "ko",
            "ja",
            "zh",
            "zh-Hans",
            "zh-Hant",
            "ru",
            "uk",
            "bg",
            "mk",
            "be",
            "sr",
            "ar",
            "fa",
            "ur",
            "he",
            "el",
            "th",
        ],
        "hi",
        "mr",
        "ne",
        "bn",
    )
)
_VI_LETTERS: Final = frozenset("ăđơưĂĐƠƯ") | {chr(c) for c in range(0x1EA0, 0x1EFA)}


def _vietnamese(text: str, letters: int) -> str | None:
    """Vietnamese writes letters nobody else uses, in nearly every second word."""
    sample = text[:SAMPLE_CHARS]
    n = sum(1 for c in sample if c in _VI_LETTERS)
    return "vi" if n >= 2 and n >= 0.05 * min(letters, SAMPLE_CHARS) else None


def _cyrillic(text: str, hint: str | None, engine: str) -> tuple[str, str]:
    chars = Counter(text[:2000].lower())
    ukrainian = chars["і"] + chars["ї"] + chars["є"] + chars["ґ"]
    russian = chars["ы"] + chars["э"] + chars["ё"]
    if chars["ў"]:
        return "be", "letters"
    if chars["ѓ"] or chars["ќ"] or chars["ѕ"]:
        return "mk", "letters"
    if chars["ђ"] or chars["ћ"] or (chars["ј"] and chars["љ"] + chars["њ"]):
        return "sr", "letters"
    if ukrainian or russian:
        return ("uk" if ukrainian > russian else "ru"), "letters"
    if hint in ("ru", "uk", "bg", "mk", "be", "sr") and sum(chars.values()) < SHORT_LATIN_LETTERS:
        return hint, "hint"
    found = detect("cyrillic", text, engine)
    return (found or hint or "ru"), "langdetect" if found else "script"


def _arabic(text: str, hint: str | None) -> tuple[str, str]:
    chars = set(text[:2000])
    if chars & set("ٹڈڑےںہ"):
        return "ur", "letters"
    if chars & set("پچژگیک"):
        return "fa", "letters"
    if chars & set("ةىأإ"):
        return "ar", "letters"
    return (hint, "hint") if hint in ("ar", "fa", "ur") else ("ar", "script")


def _devanagari(text: str, hint: str | None, engine: str) -> tuple[str, str]:
    if hint in DEVANAGARI_PROFILES and len(text) < SHORT_LATIN_LETTERS:
        return hint, "hint"
    found = detect("devanagari", text, engine)
    return found or "hi", "langdetect" if found else "script"


# --------------------------------------------------------------------------- articles
_QUOTED: Final = re.compile(
    r"“[^“”]{1,2000}”|「[^「」]{1,2000}」|『[^『』]{1,2000}』|«[^«»]{1,2000}»|\"[^\"]{1,2000}\""
)
QUOTED_CHARS: Final = 4_000
"""Quotations are left out of lines up to this length: bounds the search for their ends."""
_QUOTE_SIGNS: Final = '“「『«"'
_SENTENCE_END: Final = re.compile(r"[.!?。！？…」』”\"’')）]\s*$")


_WIDE: Final = re.compile("[\u2e80-\U0010ffff]+")


def text_width(text: str) -> int:
    """Width in units of a Latin letter: East Asian signs count 2."""
    if text.isascii():
        return len(text)
    return len(text) + sum(map(len, _WIDE.findall(text[:SCRIPT_SAMPLE_CHARS])))


def article_language(
    texts: Sequence[str], hint: str | None = None, *, engine: str | None = None
) -> str:
    """Return the language the article opens in (BCP 47), `und` when no line has one.

    Not a majority: the first 240 width units of unquoted prose decide if their language keeps at
    least 22 % of the text; else the heaviest language does; the hint breaks ties.
    """
    hint = normalize_language(hint)
    family_text: dict[str, list[str]] = {}
    family_weight: dict[str, float] = {}
    opening: dict[str, float] = {}
    opened = 0.0
    for text in texts:
        family, weight, opens = _line_facts(text)
        if not family:
            continue
        family_weight[family] = family_weight.get(family, 0.0) + weight
        family_text.setdefault(family, []).append(text)
        if opens and opened < OPENING_WIDTH:
            opening[family] = opening.get(family, 0.0) + weight
            opened += weight
    if not family_weight:
        return UND
    if "han" in family_weight and "kana" in family_weight:
        # Japanese headlines and lists without kana belong to the Japanese of the same page
        han, kana = family_weight["han"], family_weight["kana"]
        into, other = ("kana", "han") if kana >= 0.25 * (han + kana) else ("han", "kana")
        if into == "kana" or han > 3 * kana:
            prose = opening.get(other, 0.0)
            if prose < 0.5 * OPENING_WIDTH or opening.get(into, 0.0) > prose:
                _merge(family_weight, family_text, opening, into, other)
    total = sum(family_weight.values())
    heaviest = max(family_weight, key=lambda k: (family_weight[k], k))
    chosen = max(opening, key=lambda k: (opening[k], k)) if opening else heaviest
    if family_weight[chosen] < OPENING_SHARE * total:
        chosen = heaviest
    return _family_language(chosen, family_text[chosen], hint, engine)


@lru_cache(maxsize=4096)
def _line_facts(text: str) -> tuple[str, float, bool]:
    """Script family of a line ("" without letters), its weight, and whether it may open a text."""
    text = text[:SCRIPT_SAMPLE_CHARS]
    plain = _unquoted(text)
    quoted = len(plain) * 4 <= len(text)
    counts = script_counts(text if quoted else plain)
    if not counts:
        return "", 0.0, False
    family, weight = _family(counts)
    opens = not quoted and weight >= 40 and _SENTENCE_END.search(text[-8:]) is not None
    return family, weight, opens


def _unquoted(text: str) -> str:
    """A line without its quotations, when it is not too long to look for their ends."""
    if len(text) > QUOTED_CHARS or not any(sign in text for sign in _QUOTE_SIGNS):
        return text
    return _QUOTED.sub(" ", text)


def _merge(
    weight: dict[str, float],
    texts: dict[str, list[str]],
    opening: dict[str, float],
    into: str,
    other: str,
) -> None:
    weight[into] += weight.pop(other)
    texts[into] += texts.pop(other)
    if other in opening:
        opening[into] = opening.get(into, 0.0) + opening.pop(other)


def _family(counts: Mapping[str, int]) -> tuple[str, float]:
    """The heaviest script family of a line and its weight; kana makes its Han Japanese."""
    if len(counts) == 1 and "latin" in counts:
        return "latin", float(counts["latin"])
    weights: dict[str, float] = {}
    hangul, kana, han = counts.get("hangul", 0), counts.get("kana", 0), counts.get("han", 0)
    east = hangul + kana + han + counts.get("bopomofo", 0)
    if east:
        if hangul and hangul >= HANGUL_SHARE * east and hangul >= kana:
            name = "hangul"
        elif kana and kana >= KANA_SHARE * (kana + han):
            name = "kana"
        else:
            name = "han" if han or counts.get("bopomofo") else "hangul"
        weights[name] = east * CJK_WEIGHT
    for name, n in counts.items():
        if name not in EAST_ASIAN:
            weights[name] = float(n)
    best = max(weights, key=lambda k: (weights[k], k))
    return best, weights[best]


def _family_language(family: str, texts: list[str], hint: str | None, engine: str | None) -> str:
    if family == "hangul":
        return "ko"
    if family == "kana":
        return "ja"
    prose = [t for t in texts if len(t) >= 40 and _SENTENCE_END.search(t[-8:])] or texts
    if family == "han":
        sample = "".join(prose)[: SAMPLE_CHARS * 2]
        if len(sample) < 40:
            return tag_language(sample, hint, engine=engine).lang
        lang, _ = _han_language(sample, hint, 0)
        return lang
    parts, size = [], 0
    for text in prose:
        plain = _unquoted(text)
        parts.append(plain if plain.strip(" .,") else text)
        size += len(text)
        if size > SAMPLE_CHARS:
            break
    return tag_language(" ".join(parts)[: SAMPLE_CHARS * 2], hint, engine=engine).lang
