"""Passages in another language than the article's: which belong to it.

In: the rows of a page, its language.  Out: rows marked as boilerplate or quarantined.
A foreign line is not boilerplate because it is foreign: quoted, introduced, embedded, bilingual
and full-text passages stay.  A foreign tail that carries a mark (a cue fired in it) goes; one
without any mark is quarantined: not read for topics, kept for people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

from extractors.language import base_language, tag_language, word_scores
from extractors.lines import Shape
from extractors.models import BlockKind, Line

OWN_SHARE: Final = 0.25
"""A line is foreign when less than this share of its weight is in the body's scripts."""

HEAD_WIDTH: Final = 60
"""A foreign label of this width before the article is a site's kicker or menu."""

TAIL_WEIGHT: Final = 20.0
"""Weight (Latin letters) from which an unmarked foreign tail is quarantined: a few letters are a
signature, a unit, a name."""

BILINGUAL_RUNS: Final = 3
BILINGUAL_SHARE: Final = 0.25
"""That many separate foreign runs with this share of the weight make a page bilingual."""

LATIN_WIDTH: Final = 60
"""Latin lines shorter than this are never told apart by words."""


class Row(Protocol):
    """What this module needs of a row."""

    line: Line
    shape: Shape
    keep: bool
    lang: str

    @property
    def live(self) -> bool:
        """Still body."""

    def drop(self, rule: str, reason: str, kind: BlockKind = ...) -> None:
        """Mark as not body."""


_INTRODUCED: Final = re.compile(
    r"(?:[:：]|以下の(?:通り|とおり)[。]?|次の(?:通り|とおり)[。]?|述べた[。]?|"
    r"다음과 같[^\n]{0,12}|"
    r"밝혔다\.?|如下[。]?|read(?:s)? as follows\.?|said\.?|表示[。]?|说道[。]?)$"
)
_FULL_TEXT: Final = re.compile(
    r"full text|full statement|text of the|transcript|原文|全文|声明文|성명 ?전문|전문은|"
    r"발언 ?전문|original text|joint statement|"
    r"\b(?:english|korean|japanese|chinese|russian|french|german|spanish|arabic)"
    r" (?:text|version|original|translation|transcript|statement|edition)\b|"
    r"[日中英韓独仏露]文|(?:英語|日本語|中国語|韓国語|한국어|영어|일본어|중국어)"
    r"(?:版|訳|本| ?번역| ?전문)|"
    r"국문|영문|번역본|译文|譯文|中譯|中译|中文版|英文版|韩文版|日文版",
    re.I,
)
_QUOTES: Final = re.compile(r"^[^\W\d_][^:：\"“「『]{1,28}[:：,，]\s?[\"“「『]")
"""A line that says who speaks and then quotes, in whatever languages."""
_QUOTE_OPEN: Final = "“\"「『«‘'"


def judge_foreign(rows: Sequence[Row], language: str, family: str) -> None:
    """Mark foreign runs of lines; the rules in the order of the module's research note."""
    if base_language(language) == "und":
        return
    foreign = [_is_foreign(r.shape, language, family) for r in rows]
    runs = _runs(rows, foreign)
    if not runs:
        return
    weight_all = sum(r.shape.weight for r in rows if r.live) or 1.0
    weight_foreign = sum(r.shape.weight for r, f in zip(rows, foreign, strict=True) if r.live and f)
    live_runs = [run for run in runs if any(rows[i].live for i in run)]
    if len(live_runs) >= BILINGUAL_RUNS and weight_foreign >= BILINGUAL_SHARE * weight_all:
        return
    own = [i for i, r in enumerate(rows) if r.live and not foreign[i] and r.shape.prose]
    if not own:
        return
    for run in live_runs:
        _judge_run(rows, run, own[0], own[-1])


def _judge_run(rows: Sequence[Row], run: list[int], first_own: int, last_own: int) -> None:
    live = [rows[i] for i in run if rows[i].live and not rows[i].keep]
    if not live:
        return
    marked = any(not rows[i].live for i in run)
    weight = sum(r.shape.weight for r in live)
    if run[0] > last_own or (marked and run[-1] > last_own):
        if _quoted(live) or _introduced(rows, run[0]):
            return
        if marked:
            for row in live:
                row.drop("language:marked-tail", "foreign tail with a boilerplate mark in it")
        elif weight >= TAIL_WEIGHT:
            for row in live:
                row.drop(
                    "language:foreign-tail",
                    "tail in another language without any mark",
                    BlockKind.QUARANTINE,
                )
    elif run[-1] < first_own:
        for row in live:
            if marked or (row.shape.width <= HEAD_WIDTH and not row.shape.sentence):
                row.drop("language:foreign-head", "label in another language before the article")


def _runs(rows: Sequence[Row], foreign: Sequence[bool]) -> list[list[int]]:
    """Contiguous foreign lines; removed lines and lines without letters do not part them."""
    runs: list[list[int]] = []
    current: list[int] = []
    for i, row in enumerate(rows):
        if foreign[i]:
            current.append(i)
        elif row.live and row.shape.letters:
            if current:
                runs.append(current)
            current = []
    if current:
        runs.append(current)
    return runs


def _quoted(rows: Sequence[Row]) -> bool:
    return all(r.shape.norm[:1] in _QUOTE_OPEN or _QUOTES.search(r.shape.norm) for r in rows)


def _introduced(rows: Sequence[Row], at: int) -> bool:
    for row in reversed(rows[max(0, at - 2) : at + 1]):
        if not row.live:
            continue
        if row.shape.width <= 80 and _FULL_TEXT.search(row.shape.norm):
            row.keep = True  # the label of a full text stays with it
            return True
        if row is not rows[at]:
            introduced = bool(_INTRODUCED.search(row.shape.text.strip()[-30:]))
            row.keep = row.keep or introduced
            return introduced
    return False


def _is_foreign(shape: Shape, language: str, family: str) -> bool:
    if shape.weight < 2 or not shape.family:
        return False
    base = base_language(language)
    if shape.family != family:
        if {shape.family, family} == {"kana", "han"}:
            if family == "kana":  # Han-only line in Japanese: Chinese only if clearly so
                return (
                    shape.width >= 20 and base_language(tag_language(shape.text, "ja").lang) == "zh"
                )
            return True  # kana in Chinese
        if family == "hangul" and shape.family == "han":
            return shape.width >= 8  # a few hanja are Korean
        if {shape.family, family} <= {"hangul", "kana", "han"}:
            return True
        return _own_weight(shape, family) < OWN_SHARE * _full_weight(shape)
    if family == "latin" and shape.width >= LATIN_WIDTH:
        return _other_latin(shape.text, base)
    return False


def _own_weight(shape: Shape, family: str) -> float:
    if family == "latin":
        return float(shape.latin)
    if family in ("hangul", "kana", "han"):
        return shape.east * 2.5
    return float(shape.letters - shape.latin - shape.east)


def _full_weight(shape: Shape) -> float:
    return shape.letters + 1.5 * shape.east


def _other_latin(text: str, base: str) -> bool:
    """A sentence whose function words are those of another language, and not of this one."""
    scores, n = word_scores(text)
    if n < 8 or not scores:
        return False
    top = max(scores.values())
    if top < 3.0 or top < 4.0 * scores.get(base, 0.0):
        return False
    return base_language(tag_language(text).lang) not in (base, "und")
