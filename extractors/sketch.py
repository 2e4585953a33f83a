"""Sketches of texts: what is kept of an article so that its copies and versions are recognised.

In: cleaned body text. Out: a `Sketch` (about 1 kB: sampled shingle hashes for the search, and
features for the exact check) and the verdict on two sketches. Pure and deterministic, the same on
every machine and in every process; it knows no store, no time and no source.

The rule (measured in docs/adr/0030-stories.md): texts are normalised (NFKC, casefold) and cut
into runs of words and runs of Han and kana characters; a shingle is 3 words or 5 characters of
one run. Two texts are copies when their shingles overlap enough, when they also begin alike, and
when the numbers in them follow each other alike: daily templates (market, weather, launches)
share most words and differ in the numbers.
"""

from __future__ import annotations

import re
import struct
import sys
import unicodedata
from array import array
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import islice, pairwise
from typing import Any

from extractors.stories import make_clues

WORD_SHINGLE = 3  # words; swept 2-5 on the syndication set (research/duplicates-and-stories.md §2)
CJK_SHINGLE = 5  # characters; swept 3-8
LEAD_WORD_SHINGLE = 2
LEAD_CJK_SHINGLE = 4
LEAD_WORDS = 110  # the lead's reach: one word counts 1, one Han or kana character 1/2
LEAD_UNITS = 2 * LEAD_WORDS
OPENING_UNITS = 60  # the first 30 words, or 60 characters: the sentence that carries the news
MAX_CHARS = 200_000  # of a body; what lies behind says nothing new about its being a copy
OPENING_CHARS = 300  # kept for sentence vectors (research/duplicates-and-stories.md §3)
MAX_FEATURES = 256  # kept shingles, beyond it every 2nd, 4th … by hash; 192 to 512 score the same

# Sampling of the hashes that go to the index: 25-45 rows a text, whatever its length.
_INDEX_STEPS = ((48, 1), (192, 4), (640, 8))
_INDEX_LAST_STEP = 16

COPY_CONTAINMENT = 0.5  # "the same text": nothing in it is news
COPY_LEAD = 0.5
THREAD_CONTAINMENT = 0.3  # "a version of it": belongs to the same article, differs materially
THREAD_LEAD = 0.4
# A follow-up begins with what is new and repeats yesterday's paragraphs below; a text that was
# edited, cut or put under another lead still has one opening within the other's beginning. Share
# of the opening found there, the better of the two directions: versions >= .37, copies >= .17;
# follow-ups <= .10, also in unseen texts (tests/quality/newsroom).
COPY_OPENING = 0.15
THREAD_OPENING = 0.3
ESCAPE_JACCARD = 0.6  # so alike as a whole that a changed beginning does not matter
# The number veto: daily templates share their words and differ in their figures. Over all pairs
# of copies the share of number pairs is >= .33 or all numbers are there in another order; over
# templates it is <= .25 with at most .73 of the numbers. Within one outlet, where templates come
# from and where copies keep their numbers, the bar is higher.
MIN_NUMBER_PAIRS = 0.3
MIN_NUMBERS_ALIKE = 0.9
MIN_NUMBER_PAIRS_SAME_OUTLET = 0.5
FEW_NUMBERS = 2  # so many and fewer than four: too few for pairs, compared one by one
MIN_FEW_ALIKE = 0.5
TEMPLATE_SHINGLES = 160  # a template with so few numbers is short: a dozen lines of characters
MIN_NUMBERS = 3  # pairs of numbers needed in both texts before the veto may speak
SHORT_SHINGLES = 50  # texts shorter than this must be nearly equal
SHORT_CONTAINMENT = 0.9
SHORT_LEAD = 0.9
TINY_SHINGLES = 15  # a line or two: being found inside another text says nothing

# Two issues of an outlet's daily template: a sixth of the words at the least, more in the opening,
# and hardly a pair of figures in common. Unrelated texts share .02 of the words.
TEMPLATE_CONTAINMENT = 0.15
TEMPLATE_LEAD = 0.25

AKIN_CONTAINMENT = 0.1  # two texts that both have 30 % of the words of a third changed: .12

NUMBERS_DIFFER = "the numbers differ"

_MASK = (1 << 64) - 1
_MIX_A, _MIX_B = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9  # of splitmix64
_FEATURE_BITS = 24  # chance that a foreign shingle seems shared: 256 / 2**24
_FEATURE_MASK = (1 << _FEATURE_BITS) - 1
_HEADER = struct.Struct("<BBIQHHHHH")
_FORMAT = 2
_OLD_HEADER, _OLD_FORMAT = struct.Struct("<BBIQHHHH"), 1  # before the opening was kept

_CJK = (
    "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f"
)
_TOKEN = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<num>\d+(?:[.,:]\d+)*)|(?P<word>[^\W{_CJK}\d]+)")
_DIGITS_ONLY = re.compile(r"[.,:]")

# How agencies and papers mark a later version: in the headline, or at either end of the text.
_NOTE_CHARS = 300
_REVISED_TITLE = re.compile(
    r"^\W{0,2}(?:update\s?\d+|(?:\d+(?:st|nd|rd|th)\s)?ld\b|(?:\d+(?:st|nd|rd|th)\s)?lead\)|"
    r"correct(?:ed|ion)\b|refile\b|정정|수정|종합|訂正|修正|更正|更新)|"
    r"\[(?:정정|수정|종합\d?보?|\d보)\]|[(（【](?:訂正|更正|更新|第\d報)[)）】]|\((?:종합\d?보?|정정|\d보)\)",
    re.IGNORECASE,
)
_REVISED_NOTE = re.compile(
    r"\b(?:correction|corrected version|this (?:story|article) (?:has been|was) (?:corrected|"
    r"updated|amended)|an earlier version of this|corrects (?:figure|name|date|headline))|"
    r"\[정정\]|【訂正】|【更正】|〈訂正〉|<정정>|바로잡습니다|정정합니다|訂正します|お詫びして訂正|更正[:：]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What is kept of one text. `hashes` go to the index, `features` answer `verify`.

    `exact` stands for the whole normalised text (0 when it has no words); `shingles` is the
    number of distinct shingles; `revised` tells that the text calls itself a correction or a
    later version. `clues` (extractors/stories.py) serve to link retellings; `opening` is the
    headline and the first sentences.
    """

    hashes: tuple[int, ...]
    features: bytes
    exact: int
    shingles: int
    revised: bool = False
    clues: tuple[str, ...] = ()
    opening: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of comparing two texts, each share within 0-1.

    `level` is `copy` (the same text), `thread` (a version of it) or None; `con` the share of the
    shorter text's shingles found in the other, `lead` the same of their beginnings, `jac` the
    Jaccard index, `num` the share of number pairs in common (1 when there are too few).
    """

    level: str | None
    con: float
    lead: float
    jac: float
    num: float
    reason: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Features:
    step: int  # shingles whose hash is a multiple of it are kept
    shingles: int
    exact: int
    body: frozenset[int]
    lead: frozenset[int]
    opening: frozenset[int] | None  # part of the lead; None in features of the first format
    pairs: frozenset[int]  # of numbers that follow each other
    numbers: frozenset[int]  # each with its count so far, so that repeats tell


def make_sketch(
    body: str,
    title: str | None = None,
    language: str = "und",
    published: datetime | None = None,
) -> Sketch:
    """Sketch a body text.

    Headlines are rewritten, so `title` serves `revised`, `clues` and `opening` only. A text
    without words gives a sketch without hashes that equals nothing.
    """
    revised = is_revised(body, title)
    clues = make_clues(title, body, language, published)
    opening = f"{title or ''}\n{body[:OPENING_CHARS]}".strip()
    body_set: set[int] = set()
    lead_set: set[int] = set()
    opening_set: set[int] = set()
    numbers: list[str] = []
    exact = blake2b(digest_size=8)
    units = 0
    any_token = False
    for is_cjk, run in _runs(unicodedata.normalize("NFKC", body[:MAX_CHARS]).casefold(), numbers):
        any_token = True
        exact.update(("".join(run) if is_cjk else " ".join(run)).encode("utf-8", "replace"))
        n, lead_n, weight = (
            (CJK_SHINGLE, LEAD_CJK_SHINGLE, 1) if is_cjk else (WORD_SHINGLE, LEAD_WORD_SHINGLE, 2)
        )
        _add_shingles(run, n, body_set)
        if units < LEAD_UNITS:
            if units < OPENING_UNITS:
                _add_shingles(run[: (OPENING_UNITS - units) // weight + 1], lead_n, opening_set)
            _add_shingles(run[: (LEAD_UNITS - units) // weight + 1], lead_n, lead_set)
            units += len(run) * weight
    if not any_token:
        return Sketch(
            hashes=(), features=b"", exact=0, shingles=0, revised=revised, clues=clues,
            opening=opening,
        )  # fmt: skip
    count = len(body_set)
    step = next((step for below, step in _INDEX_STEPS if count < below), _INDEX_LAST_STEP)
    hashes = tuple(sorted(h for h in body_set if h % step == 0))
    exact_hash = int.from_bytes(exact.digest(), "big") or 1
    features = _pack(body_set, lead_set, opening_set, numbers, exact_hash)
    return Sketch(
        hashes=hashes, features=features, exact=exact_hash, shingles=count, revised=revised,
        clues=clues, opening=opening,
    )  # fmt: skip


def is_revised(body: str, title: str | None) -> bool:
    """Tell whether a text calls itself a correction or a later version of one."""
    if title and _REVISED_TITLE.search(title):
        return True
    return bool(
        _REVISED_NOTE.search(body[:_NOTE_CHARS]) or _REVISED_NOTE.search(body[-_NOTE_CHARS:])
    )


def verify(a: Sketch | bytes, b: Sketch | bytes, *, same_outlet: bool = False) -> Verdict:
    """Compare two texts by their sketches (or stored features). Symmetric.

    `same_outlet` asks for more agreement of the numbers, since daily templates repeat there.
    Returns a verdict with level None when they are different texts, also when one is empty.
    """
    first, second = _features(a), _features(b)
    if not first.shingles or not second.shingles:
        return _verdict(None, 0.0, 0.0, 0.0, 0.0, "empty")
    if first.exact == second.exact:
        return _verdict("copy", 1.0, 1.0, 1.0, 1.0, "the same text")
    mine, its = first.body, second.body
    step = max(first.step, second.step)
    if first.step != second.step:  # compare at the coarser sample
        mine, its = _thinned(first, step), _thinned(second, step)
    shared = len(mine & its)
    union = len(mine) + len(its) - shared
    con = shared / max(1, min(len(mine), len(its)))
    jac = shared / max(1, union)
    lead = _containment(first.lead, second.lead)
    num, same_numbers = 1.0, True
    if len(first.pairs) >= MIN_NUMBERS and len(second.pairs) >= MIN_NUMBERS:
        num = _containment(first.pairs, second.pairs)
        floor = MIN_NUMBER_PAIRS_SAME_OUTLET if same_outlet else MIN_NUMBER_PAIRS
        alike = _containment(first.numbers, second.numbers)
        same_numbers = num >= floor or alike >= MIN_NUMBERS_ALIKE
    elif (
        min(len(first.numbers), len(second.numbers)) >= FEW_NUMBERS
        and max(first.shingles, second.shingles) < TEMPLATE_SHINGLES
    ):
        num = _containment(first.numbers, second.numbers)
        same_numbers = num >= (MIN_NUMBERS_ALIKE if same_outlet else MIN_FEW_ALIKE)
    if not same_numbers:
        return _verdict(None, con, lead, jac, num, NUMBERS_DIFFER)
    if min(first.shingles, second.shingles) < SHORT_SHINGLES:
        whole = min(first.shingles, second.shingles) >= TINY_SHINGLES or jac >= ESCAPE_JACCARD
        same = con >= SHORT_CONTAINMENT and lead >= SHORT_LEAD and whole
        return _verdict("copy" if same else None, con, lead, jac, num, "short texts")
    if jac >= ESCAPE_JACCARD:
        return _verdict("copy", con, lead, jac, num, "nearly the whole text is shared")
    opening = _opening_share(first, second)
    if con >= COPY_CONTAINMENT and lead >= COPY_LEAD and opening >= COPY_OPENING:
        return _verdict(
            "copy", con, lead, jac, num, "most of the text and its beginning are shared"
        )
    if con >= THREAD_CONTAINMENT and lead >= THREAD_LEAD and opening >= THREAD_OPENING:
        return _verdict(
            "thread", con, lead, jac, num, "much of the text and its beginning are shared"
        )
    if con >= THREAD_CONTAINMENT and lead >= THREAD_LEAD:
        return _verdict(None, con, lead, jac, num, "the opening is another")
    return _verdict(None, con, lead, jac, num, "too little is shared")


def are_akin(a: Sketch | bytes, b: Sketch | bytes) -> bool:
    """Tell whether two texts may be versions of a third one that is a version of both.

    Much less than for a verdict is asked, just more than unrelated texts ever share, so that a
    round-up of two articles does not make them one. Numbers are not asked for: the third text
    has those of both.
    """
    return verify(a, b).con >= AKIN_CONTAINMENT


def are_issues(a: Sketch | bytes, b: Sketch | bytes) -> bool:
    """Tell whether two texts of one outlet are issues of its daily template (weather, markets).

    They share wording from the opening on, and hardly a figure. A later telling of the same event
    keeps some of its figures, or is written anew.
    """
    verdict = verify(a, b, same_outlet=True)
    return (
        verdict.reason["rule"] == NUMBERS_DIFFER
        and verdict.con >= TEMPLATE_CONTAINMENT
        and verdict.lead >= TEMPLATE_LEAD
        and verdict.num < MIN_NUMBER_PAIRS
    )


def _verdict(
    level: str | None, con: float, lead: float, jac: float, num: float, rule: str
) -> Verdict:
    scores = {"con": round(con, 3), "lead": round(lead, 3), "jac": round(jac, 3)}
    reason: dict[str, Any] = {"rule": rule, **scores, "num": round(num, 3)}
    return Verdict(level=level, con=con, lead=lead, jac=jac, num=num, reason=reason)


def _runs(text: str, numbers: list[str]) -> list[tuple[bool, list[str]]]:
    """Cut a text into runs of one script: (is it Han or kana, its tokens). Collects the numbers.

    A number belongs to the run it stands in: in Japanese and Chinese its digits are characters.
    """
    runs: list[tuple[bool, list[str]]] = []
    current: list[str] = []
    cjk = False
    for found in _TOKEN.finditer(text):
        token = found[0]
        kind = found.lastgroup
        if kind == "num":
            token = _DIGITS_ONLY.sub("", token)
            numbers.append(token)
            if cjk and current:
                current.extend(token)
            else:
                current.append(token)
            continue
        is_cjk = kind == "cjk"
        if is_cjk != cjk and current:
            runs.append((cjk, current))
            current = []
        cjk = is_cjk
        if is_cjk:
            current.extend(token)
        else:
            current.append(token)
    if current:
        runs.append((cjk, current))
    return runs


def _add_shingles(run: list[str], n: int, into: set[int]) -> None:
    """Add the hashes of a run's shingles; a run shorter than n gives one shingle, if over half."""
    ids = [_token_hash(token) for token in run]
    if len(ids) < n:
        if 2 * len(ids) > n:
            into.add(_mix(sum(ids) + len(ids)))
        return
    if n == 3:
        for a, b, c in zip(ids, ids[1:], ids[2:], strict=False):
            into.add(_mix(a + b * _MIX_A + c * _MIX_B))
        return
    for at in range(len(ids) - n + 1):
        value = 0
        for token in ids[at : at + n]:
            value = (value * _MIX_A + token) & _MASK
        into.add(_mix(value))


def _mix(value: int) -> int:
    """Finish a hash (the end of splitmix64), so that its low bits are as good as its high ones."""
    value &= _MASK
    value = ((value ^ (value >> 30)) * _MIX_B) & _MASK
    return value ^ (value >> 31)


@lru_cache(maxsize=65_536)
def _token_hash(token: str) -> int:
    return _text_hash(token)


def _text_hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _containment(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / max(1, min(len(a), len(b)))


def _opening_share(a: _Features, b: _Features) -> float:
    """Share of one opening that the other's beginning has; of the two the better one."""
    if a.opening is None or b.opening is None:
        return 1.0
    return max(
        len(a.opening & b.lead) / max(1, len(a.opening)),
        len(b.opening & a.lead) / max(1, len(b.opening)),
    )


def _thinned(features: _Features, step: int) -> frozenset[int]:
    if features.step == step:
        return features.body
    return frozenset(value for value in features.body if value % step == 0)


def _pack(
    body: set[int], lead: set[int], opening: set[int], numbers: list[str], exact: int
) -> bytes:
    shift = 0
    while len(body) > MAX_FEATURES << shift:
        shift += 1
    counted: Counter[str] = Counter()
    singles = set()
    for number in numbers[:MAX_FEATURES]:
        counted[number] += 1
        singles.add(_text_hash(f"{number}#{counted[number]}"))
    pairs = {_text_hash(f"{a} {b}") for a, b in pairwise(numbers[:MAX_FEATURES])}
    kept = {value for value in body if value % (1 << shift) == 0}
    parts = [
        sorted({value & _FEATURE_MASK for value in part})
        for part in (kept, lead, opening, pairs, singles)
    ]
    header = _HEADER.pack(_FORMAT, shift, len(body), exact, *(len(part) for part in parts))
    return header + b"".join(value.to_bytes(3, "little") for part in parts for value in part)


def _features(sketch: Sketch | bytes) -> _Features:
    return _unpack(sketch if isinstance(sketch, bytes) else sketch.features)


@lru_cache(maxsize=2_048)
def _unpack(blob: bytes) -> _Features:
    if len(blob) < _OLD_HEADER.size:
        empty: frozenset[int] = frozenset()
        return _Features(1, 0, 0, empty, empty, empty, empty, empty)
    is_old = blob[0] == _OLD_FORMAT
    header = _OLD_HEADER if is_old else _HEADER
    _, shift, shingles, exact, *sizes = header.unpack_from(blob)
    raw = blob[header.size :]
    wide = bytearray(len(raw) // 3 * 4)  # three bytes to four, so that one call reads them all
    wide[0::4], wide[1::4], wide[2::4] = raw[0::3], raw[1::3], raw[2::3]
    values = array("I")
    values.frombytes(bytes(wide))
    if sys.byteorder == "big":
        values.byteswap()
    parts = iter(values)
    body, lead, *opening, pairs, numbers = (frozenset(islice(parts, size)) for size in sizes)
    return _Features(
        1 << shift, shingles, exact, body, lead, opening[0] if opening else None, pairs, numbers
    )
