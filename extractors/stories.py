"""Clues: what two reports of one event have in common, in one language or across four.

In: headline and beginning of a text. Out: a set of clues that read the same in every language
(names and terms of a small shipped lexicon, amounts, acronyms, names by their sound) and words of
the text's own language; and how much of them two texts share. No model, no store, no time.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from importlib.resources import files

from extractors.days import days_of
from extractors.genre import is_comment
from extractors.language import base_language
from extractors.sounds import sound_of

LEAD_CHARS = 420  # of the body: two or three sentences, where an event is named
WORD_PREFIX = "="  # before clues that are words of one language
AMOUNT = "n."  # before amounts
DAY, FIRST_DAY = "d.", "d1."  # before the days of the month that a text names, and the first one
HEADLINE = "h."  # before clues that the headline has
COMMENT = "v.comment"  # the headline calls its text comment or background (extractors/genre.py)
_MARKS = (DAY, FIRST_DAY, HEADLINE, COMMENT)  # say something of a text; not counted as shared
_MONTH, _SHORTEST_MONTH = 31, 28
EASTERN = frozenset({"ko", "ja", "zh"})  # languages whose papers are dated in UTC+8 and UTC+9

# How much a shared clue says, by kind. A country says little, a name or an amount much; found by
# looking at pairs of the same family in stories_dev and at unrelated pairs in topics_dev; a place
# (c) of .8, 1.2, 1.6 and 2.0 by the F1 of benchmarks/stories.
WEIGHTS = {
    "g": 0.6, "t": 1.0, "a": 0.9, "o": 1.1, "y": 0.8, "p": 2.2, "w": 2.0, "n": 2.4, "l": 1.6,
    "s": 1.6, "c": 1.6, WORD_PREFIX: 0.35, "d": 0.0, "h": 0.0, "v": 0.0,
}  # fmt: skip

UNSAID = 2.0  # weight that every text is taken to have besides its clues; 1 to 4 score alike
MIN_WEIGHT = 4.0  # a text with less says too little to be linked by clues
KEY_WEIGHT = 1.0  # a name, term or figure: two stories share one with the text that joins them
SEARCH_WEIGHT = 0.8  # clues from this weight on are searched by: all but countries and plain words.
# (From 1.0 on, without the actions and years, .03 of F1 is lost; countries add .001.)

MIN_SENTENCE_CHARS = 12  # shorter ones ("He said.") are shared by chance
_SENTENCE = re.compile(r"[^\n。！？!?.]+(?:\.(?=\S)[^\n。！？!?.]*)*[。！？!?.]?")
_SPAN = re.compile(r"[A-Za-zÀ-ɏ0-9$][A-Za-zÀ-ɏ0-9.$'’&-]*")
_FOREIGN = re.compile(r"[\u1100-\u11ff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3０-９Ａ-Ｚａ-ｚ]")
_TENS = {"천": 1e3, "千": 1e3, "백": 1e2, "百": 1e2}
_MYRIADS = {
    "조": 1e12, "兆": 1e12, "万亿": 1e12, "萬億": 1e12, "万億": 1e12, "萬亿": 1e12,
    "억": 1e8, "億": 1e8, "亿": 1e8, "만": 1e4, "万": 1e4, "萬": 1e4,
}  # fmt: skip
_SCALES = {"trillion": 1e12, "billion": 1e9, "bn": 1e9, "million": 1e6, "thousand": 1e3}
# 3조2천억, 1만1천, 9870万, 12.5: parts that follow each other, each with its own scale.
_PART = (
    r"\d[\d,]*(?:\.\d+)?(?:[천千백百](?:\d{1,3}(?!\d))?)?"
    r"(?:\s?(?:[万萬][亿億]|[조兆억億亿만万萬]))?"
)
_PARTS = re.compile(
    r"(?P<n>\d[\d,]*(?:\.\d+)?)(?:(?P<ten>[천千백百])(?P<rest>\d{1,3}(?!\d))?)?"
    r"\s?(?P<scale>[万萬][亿億]|[조兆억億亿만万萬])?"
)
_NUMBER = re.compile(
    rf"(?<![\d:.])(?P<n>{_PART}(?:(?<=[조兆억億亿만万萬])\s?{_PART})*)(?![\d:])"
    r"(?:\s?(?P<scale>trillion|billion|million|thousand|bn\b))?(?P<more>여|余|多)?\s?-?"
    r"(?P<unit>%|％|percent|pct|퍼센트|프로|일|日|号|號|시|時|时|點|点|월|月|년|年|주|살|세|歳|岁)?"
)
_DECIMAL_DOT = re.compile(r"(?<=\d)[・·](?=\d)")  # ０・７５ in Japanese and older Korean print
_SMALL = re.compile(r"n\.\d{1,2}")
_ACRONYM = re.compile(r"(?<![A-Za-z0-9])[A-Z][A-Z0-9]{1,7}(?![A-Za-z])")
_MIN_AMOUNT = 32  # smaller bare numbers are days, hours and counts that any text may have
_YEARS = range(1990, 2060)
_WORD = re.compile(r"[a-z][a-z'’]{3,}|[\uac00-\ud7a3]{2,}|[\u30a1-\u30ff]{3,}|[\u3400-\u9fff]{2,}")
_HANGUL = re.compile("[가-힣]")
_NO_NAME = "-"
_KANJI = re.compile(r"[\u3400-\u9fff]")
# What may stand beside the one-sign name of a country (訪米, 対中, 北側), and what offices and
# forces may follow it (米大統領, 美防长, 韩海军); 東北, 中央, 中核 and 28日 name none.
_SIGN_NEIGHBOURS = "与與及向赴在駐驻訪访對対对反抗親亲軍军側侧製产産発系籍首間间両两"
_OF_A_COUNTRY = re.compile(
    r"大統領|[总總][统統]|副?[总總]理|首[脑脳腦]|政府|政[権权]|高官|官[员員]|兵士|大使"
    r"|[外防][长長相]|[外防国國][务務衛卫交防会會]|[国國財财商防][务務]?[卿长長]"
    r"|議[会員員]|议[会员]|議會|[上下]院|[海空陸陆][軍军]|[艦舰潜潛]|原潜|核[武問问能電电]"
    r"|企業|企业|经[贸济]|経済|經[濟貿]|[关関關][税稅]|同盟|联合|聯合"
)
_STOP_LIST = """
    that this with from have will said says after over more than about into would could been were
    their they which when also first year years week month new news government president
    minister official officials report reports according people country between against under
"""
_STOP = frozenset(_STOP_LIST.split())


class Day(Enum):
    """What the days of the month that two texts name say about them."""

    UNKNOWN = 0
    SAME = 1
    OTHER = 2


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much two texts share: the clues, and what the names, terms and amounts among them weigh.

    `weight` is their sum, `share` its part of the geometric mean of what both texts have (and a
    little more: one clue of one is not everything); `words` is the share of plain words, 0 for
    texts in two languages. `clash` is the number of amounts in
    the text with fewer of them when none is in common, else 0: two launches of a week have the
    same words and names, and other figures. `is_enough` is False when a text says too little to be
    linked by clues. `day` tells whether both begin with the same day, or with days too far apart.
    `headlines` is the share of what the two headlines name, `told` the part of what each headline
    names that the other text has too, on average; `comment` tells that one of the two at least is
    comment or background by its headline.
    """

    shared: tuple[str, ...]
    weight: float
    share: float
    words: float = 0.0
    clash: int = 0
    is_enough: bool = True
    day: Day = Day.UNKNOWN
    headlines: float = 0.0
    told: float = 0.0
    comment: bool = False

    @property
    def in_words(self) -> str:
        """The shared clues for people, the telling ones first."""
        told = dict.fromkeys(_in_words(clue) for clue in self.shared)
        if self.day is Day.SAME:
            told["the same day"] = None
        return ", ".join([words for words in told if words][:8])


def _in_words(clue: str) -> str:
    """A clue as people would say it; "" for the sound of a name, which says nothing to them."""
    kind, name = clue[0], clue.removeprefix(WORD_PREFIX).partition(".")[2] or clue
    if clue.startswith(WORD_PREFIX):
        return clue.removeprefix(WORD_PREFIX)
    if kind == "s":
        return ""
    if kind == "n" and not name.endswith("%"):
        value = float(name)
        for scale, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
            if value >= scale:
                return f"{value / scale:g} {word}"
        return f"{value:,.10g}"
    return _lexicon().names.get(clue, name)


def make_clues(
    title: str | None, body: str, language: str = "und", published: datetime | None = None
) -> tuple[str, ...]:
    """Return the clues of a text, sorted. `kind.name` for the lexicon, `=word` for plain words.

    What the headline names is there twice, once behind `HEADLINE`. `published` is needed for the
    days that English texts name.
    """
    head = _fold(title or "")
    lead = _fold(body[:LEAD_CHARS])
    text = f"{head}\n{lead}"
    signs = _lexicon().find_signs(head, language)
    clues = {*_named_in(text), *signs}
    clues.update(f"{HEADLINE}{clue}" for clue in {*_named_in(head), *signs})
    if is_comment(head):
        clues.add(COMMENT)
    base = language.split("-")[0]
    clues.update(f"{WORD_PREFIX}{word}" for word in _words(text, base))
    days = days_of(lead, language, published)
    clues.update(f"{DAY}{day}" for day in days)
    clues.update(f"{FIRST_DAY}{day}" for day in days[:1])
    return tuple(sorted(clues))


def _named_in(text: str) -> set[str]:
    """The names, terms and amounts in a text."""
    lexicon = _lexicon()
    clues = {*lexicon.find(text), *_amounts(text)}
    known = lexicon.covered(text)
    letters = [c for c in text if c.isalpha()]
    if sum(c.isupper() for c in letters) < len(letters) / 2:
        clues.update(f"l.{m[0]}" for m in _ACRONYM.finditer(text) if m[0].lower() not in known)
    clues.update(f"s.{sound}" for sound in sound_of(text, known))
    return clues


def are_one_language(a: str, b: str) -> bool:
    """Tell whether the plain words of texts in these languages can be compared.

    The two ways to write Chinese share few pairs of characters: two languages in this respect. An
    unknown language may be the other one.
    """
    known = {tag if tag.startswith("zh") else base_language(tag) for tag in (a, b)}
    return len(known - {"und", "mul"}) < 2


def days_ahead(a: str, b: str) -> int:
    """Return how many days a text in language `b` may be ahead of one in `a`: 1, 0 or -1.

    What happens on Tuesday in Washington or London happens on Wednesday in East Asia, and its
    papers say so; the other way round it does not happen. (Pairs of labelled reports that begin
    with days so apart, docs/adr/0030: 48 of 502 are of one event, the other way round 9 of 489.)
    """
    east = [base_language(tag) in EASTERN for tag in (a, b)]
    return east[1] - east[0]


def compare(
    a: tuple[str, ...], b: tuple[str, ...], *, words: bool = True, ahead: int = 0
) -> Likeness:
    """Compare the clues of two texts. Symmetric, with `ahead` turned round.

    `words` is False for texts of two languages: their plain words agree by chance at most (pairs
    of Chinese characters in Japanese and Chinese). Words are counted apart from names, terms and
    amounts: two newsrooms of one language choose their own. `ahead` is from `days_ahead`.
    """
    first, second = set(a), set(b)
    both = first & second
    shared = sorted(
        (c for c in both if not c.startswith(_MARKS) and (words or not c.startswith(WORD_PREFIX))),
        key=lambda clue: (-weight_of(clue), clue),
    )
    weight = total_weight(tuple(shared))
    plain = [sum(clue.startswith(WORD_PREFIX) for clue in clues) for clues in (a, b, shared)]
    headlines, told = _in_headlines(first, second)
    return Likeness(
        shared=tuple(shared),
        weight=round(weight, 2),
        share=_part(weight, total_weight(a) + UNSAID, total_weight(b) + UNSAID),
        words=_part(plain[2], plain[0], plain[1]),
        clash=_clash(first, second),
        is_enough=has_enough(a) and has_enough(b),
        day=_same_day(first, second, ahead),
        headlines=headlines,
        told=told,
        comment=COMMENT in first or COMMENT in second,
    )


def _in_headlines(a: set[str], b: set[str]) -> tuple[float, float]:
    """`Likeness.headlines` and `Likeness.told` of two texts' clues."""
    heads = [
        {c.removeprefix(HEADLINE) for c in clues if c.startswith(HEADLINE)} for clues in (a, b)
    ]
    first, second = (total_weight(tuple(head)) + UNSAID for head in heads)
    told = total_weight(tuple(heads[0] & b)) / first + total_weight(tuple(heads[1] & a)) / second
    return _part(total_weight(tuple(heads[0] & heads[1])), first, second), round(told / 2, 3)


def _part(shared: float, first: float, second: float) -> float:
    """What is shared as a part of the geometric mean of what both have."""
    return round(shared / max(1e-9, math.sqrt(first * second)), 3)


def _same_day(a: set[str], b: set[str], ahead: int) -> Day:
    """Compare the days.

    A later event's report may name the day of the one before: two reports that begin with days
    more than one apart, and do not name the same days, tell of different ones. A day that it may be
    in one place when it is the day before in the other says nothing.
    """
    first, second = (_days_in(clues, DAY) for clues in (a, b))
    if not first or not second:
        return Day.UNKNOWN
    begins = [next(iter(_days_in(clues, FIRST_DAY)), 0) for clues in (a, b)]
    if begins[0] == begins[1]:
        return Day.SAME
    if ahead and _is_next(*(begins if ahead > 0 else begins[::-1])):
        return Day.UNKNOWN
    apart = abs(begins[0] - begins[1])
    if not first & second or (first != second and min(apart, _MONTH - apart) > 1):
        return Day.OTHER
    return Day.UNKNOWN


def _is_next(day: int, next_day: int) -> bool:
    """Tell whether one day of the month may follow the other."""
    return next_day == day + 1 or (next_day == 1 and day >= _SHORTEST_MONTH)


def _days_in(clues: set[str], kind: str) -> set[int]:
    return {int(clue.removeprefix(kind)) for clue in clues if clue.startswith(kind)}


def _clash(a: set[str], b: set[str]) -> int:
    """The number of amounts that speak against one event; counts below 100 agree by chance."""
    first, second = ({clue for clue in clues if clue.startswith(AMOUNT)} for clues in (a, b))
    shared = first & second
    if shared and not (first <= shared or second <= shared) and all(map(_SMALL.fullmatch, shared)):
        shared = set()
    return 0 if shared else min(len(first), len(second))


def shared_sentences(a: str, b: str) -> tuple[str, ...]:
    """Return the sentences of `a` that `b` has too, in order; blanks and case do not count."""
    others = {_squeeze(sentence) for sentence in _SENTENCE.findall(b)}
    found: dict[str, str] = {}
    for sentence in _SENTENCE.findall(a):
        key = _squeeze(sentence)
        if len(key) >= MIN_SENTENCE_CHARS and key in others:
            found.setdefault(key, sentence.strip())
    return tuple(found.values())


def _squeeze(text: str) -> str:
    return "".join(char for char in _fold(text).casefold() if char.isalnum())


def weight_of(clue: str) -> float:
    """Return how much a shared clue says."""
    return WEIGHTS[clue[0]]


def key_clues(clues: tuple[str, ...]) -> tuple[str, ...]:
    """Return the clues worth searching by."""
    return tuple(clue for clue in clues if weight_of(clue) >= SEARCH_WEIGHT)


def has_enough(clues: tuple[str, ...]) -> bool:
    """Tell whether a text's clues say enough to link it by them."""
    return total_weight(clues) >= MIN_WEIGHT


def total_weight(clues: tuple[str, ...]) -> float:
    """Return what a text's clues weigh together, plain words left out."""
    return sum(weight_of(clue) for clue in clues if not clue.startswith(WORD_PREFIX))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("’", "'").replace("‑", "-")


def _amounts(text: str) -> set[str]:
    found = set()
    for match in _NUMBER.finditer(_DECIMAL_DOT.sub(".", text)):
        unit, digits = match["unit"] or "", match["n"].rstrip(",.")
        scaled = (
            match["scale"] is not None or not digits.replace(",", "").replace(".", "").isdigit()
        )
        value = _value_of(digits) * _SCALES.get(match["scale"] or "", 1)
        if unit in ("%", "％", "percent", "pct", "퍼센트", "프로"):
            found.add(f"n.{value:g}%")
        elif unit in ("년", "年"):
            if value in _YEARS:
                found.add(f"y.{value:.0f}")
            elif unit == "年" and 20 <= value <= 59 and len(digits) == 2:
                found.add(f"y.20{value:.0f}")
        elif unit:
            continue
        elif scaled:
            found.add(f"n.{value:.6g}")
        elif value in _YEARS and len(digits) == 4:
            found.add(f"y.{value:.0f}")
        elif value >= _MIN_AMOUNT or "." in digits:
            found.add(f"n.{value:.6g}")
    return found


def _value_of(digits: str) -> float:
    """The value of a number whose parts may have scales of their own (3조2천억)."""
    total = 0.0
    for part in _PARTS.finditer(digits):
        value = float(part["n"].replace(",", ""))
        if part["ten"]:
            value = value * _TENS[part["ten"]] + float(part["rest"] or 0)
        total += value * _MYRIADS.get(part["scale"] or "", 1)
    return total


def _words(text: str, language: str) -> set[str]:
    """Plain words: English without endings, Korean by their first syllables, Han by pairs."""
    words: set[str] = set()
    for match in _WORD.finditer(text.lower()):
        word = match[0]
        if word[0] < "\u0250":
            word = word.split("'")[0]
            if word not in _STOP and len(word) > 3 and language == "en":
                words.add(re.sub(r"(?:ing|ed|es|s)$", "", word)[:8])
        elif "\uac00" <= word[0] <= "\ud7a3":
            words.add(word[:3] if len(word) > 3 else word[:2])
        elif _KANJI.match(word):
            words.update(word[at : at + 2] for at in range(len(word) - 1))
        else:
            words.add(word)
    return words


class _Lexicon:
    """The shipped names and terms, laid out for search."""

    def __init__(self, text: str) -> None:
        self.latin: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
        self.other: dict[str, list[tuple[str, bool, str]]] = {}
        self.signs: dict[str, dict[str, str]] = {"ko": {}, "ja": {}, "zh": {}}
        self.names: dict[str, str] = {}  # each clue's first English form, for people
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            clue, *columns = (part.strip() for part in line.split("|"))
            for language, column in zip(("en", "ko", "ja", "zh"), columns, strict=False):
                for form in (part.strip() for part in column.split(",")):
                    self._add(clue, language, _fold(form))
        for forms in self.latin.values():
            forms.sort(key=lambda entry: -len(entry[0]))
        for others in self.other.values():
            others.sort(key=lambda entry: -len(entry[0]))

    def _add(self, clue: str, language: str, form: str) -> None:
        if not form:
            return
        if language == "en":
            self.names.setdefault(clue, form)
        if not _FOREIGN.search(form):
            tokens = tuple(token.lower() for token in _tokens(form))
            exact = form if len(form) <= 4 and form.isupper() else ""
            self.latin.setdefault(tokens[0], []).append((tokens, exact, clue))
        elif len(form) == 1:
            self.signs[language][form] = clue
        else:
            starts = form.startswith("^")
            form = form.removeprefix("^")
            self.other.setdefault(form[:2], []).append((form, starts, clue))

    def find(self, text: str) -> list[str]:
        return [clue for _, _, clue in self._spans(text) if clue != _NO_NAME]

    def covered(self, text: str) -> frozenset[str]:
        """The words, in lower case, that belong to a found form."""
        words: set[str] = set()
        for start, end, _ in self._spans(text):
            words.update(token.lower() for token in _tokens(text[start:end]))
            words.add(text[start:end].lower())
        return frozenset(words)

    def find_signs(self, title: str, language: str) -> list[str]:
        signs = self.signs.get(language.split("-")[0], {})

        def beside(near: str) -> bool:
            return not _KANJI.match(near) or near in signs or near in _SIGN_NEIGHBOURS

        return [
            signs[char]
            for at, char in enumerate(title)
            if char in signs
            and not title[at - 1 : at].isdigit()
            and beside(title[at - 1 : at])
            and (beside(title[at + 1 : at + 2]) or _OF_A_COUNTRY.match(title, at + 1))
        ]

    @lru_cache(maxsize=64)  # noqa: B019 - one instance for the whole process
    def _spans(self, text: str) -> tuple[tuple[int, int, str], ...]:
        found: list[tuple[int, int, str]] = []
        matches = list(_SPAN.finditer(text))
        tokens = [_bare(match[0]) for match in matches]
        lower = [token.lower() for token in tokens]
        for at, token in enumerate(lower):
            for form, exact, clue in self.latin.get(token, ()):
                here = tuple(lower[at : at + len(form)])
                if here == form and (not exact or tokens[at] == exact):
                    found.append((matches[at].start(), matches[at + len(form) - 1].end(), clue))
                    break
        for at in range(len(text) - 1):
            for name, starts, clue in self.other.get(text[at : at + 2], ()):
                if text.startswith(name, at) and not (
                    starts and at and _HANGUL.match(text, at - 1)
                ):
                    found.append((at, at + len(name), clue))
                    break
        return tuple(
            span
            for span in found
            if not any(
                other[0] <= span[0]
                and span[1] <= other[1]
                and other[1] - other[0] > span[1] - span[0]
                for other in found
            )
        )


def _tokens(text: str) -> list[str]:
    return [_bare(match[0]) for match in _SPAN.finditer(text)]


def _bare(token: str) -> str:
    token = token.rstrip(".'’-&")
    return token[:-2] if token.endswith(("'s", "’s")) else token


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    return _Lexicon(files("extractors").joinpath("lexicon.txt").read_text("utf-8"))
