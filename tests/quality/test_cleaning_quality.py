"""Quality gate of the cleaner: pages of our own (pages.toml), floors pinned.

The floors are what the pages reach, less a line or two; a change that lowers one has to say why.
Figures on real pages are in docs/adr/0010-cleaning.md.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from extractors.boilerplate import Cleaned, clean_lines
from extractors.models import BlockKind, Line
from extractors.site_memory import learn_batch, lesson_of_blocks

FLOOR_PRECISION = 0.99
FLOOR_RECALL = 0.98
FLOOR_RECALL_OF_A_LANGUAGE = 0.97
FLOOR_RECALL_BY_MEMORY_ALONE = 0.40
MOST_BODY_LOST = 0.003
FURNISHED = frozenset(["hangang-ilbo.example", "minato-shimbun.example", "haigang-wang.example"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its lines, and which of them are boilerplate."""

    name: str
    host: str
    lang: str
    lines: tuple[str, ...]
    boilerplate: frozenset[int]


@cache
def pages() -> tuple[Page, ...]:
    """Every frame around every story of its language."""
    data = tomllib.loads((Path(__file__).parent / "pages.toml").read_text("utf-8"))
    found = []
    for n, frame in enumerate(data["frame"]):
        for m, story in enumerate(data["stories"][frame["lang"]]):
            lines = [(t, True) for t in frame["head"]] + [(t, False) for t in story[:2]]
            lines += [(t, True) for t in frame.get("inside", ())]
            lines += [(t, False) for t in (*frame.get("stays", ()), *story[2:])]
            lines += [(t, True) for t in frame["tail"]]
            found.append(
                Page(
                    name=f"{frame['host']}-{n}-{m}",
                    host=frame["host"],
                    lang=frame["lang"],
                    lines=tuple(text for text, _ in lines),
                    boilerplate=frozenset(i for i, (_, bad) in enumerate(lines) if bad),
                )
            )
    return tuple(found)


def verdicts(page: Page, cleaned: Cleaned) -> list[bool]:
    """For each line, whether most of it was removed."""
    blocks = list(cleaned.blocks)
    result = []
    for line in page.lines:
        need, got, gone = len("".join(line.split())), 0, 0
        while got < need:
            block = blocks.pop(0)
            size = len("".join(block.text.split()))
            got += size
            gone += size * (block.kind is not BlockKind.BODY)
        result.append(2 * gone >= need)
    return result


def lines_of(page: Page) -> list[Line]:
    return [Line(text=text) for text in page.lines]


@cache
def judged() -> tuple[tuple[Page, Cleaned, tuple[bool, ...]], ...]:
    found = []
    for page in pages():
        cleaned = clean_lines(lines_of(page), host=page.host)
        found.append((page, cleaned, tuple(verdicts(page, cleaned))))
    return tuple(found)


def score(
    results: tuple[tuple[Page, Cleaned, tuple[bool, ...]], ...],
) -> tuple[float, float, float]:
    """Precision, recall, share of body characters lost."""
    hit = wrong = missed = lost = body = 0
    for page, _, removed in results:
        for i, (text, gone) in enumerate(zip(page.lines, removed, strict=True)):
            bad = i in page.boilerplate
            hit, wrong, missed = hit + (bad and gone), wrong + (gone and not bad), missed + (
                bad and not gone
            )  # fmt: skip
            body += 0 if bad else len(text)
            lost += len(text) if gone and not bad else 0
    return hit / (hit + wrong), hit / (hit + missed), lost / body


def mistakes() -> list[str]:
    return [
        f"{page.name} {'kept' if i in page.boilerplate else 'lost'}: {text}"
        for page, _, removed in judged()
        for i, (text, gone) in enumerate(zip(page.lines, removed, strict=True))
        if gone != (i in page.boilerplate)
    ]


def test_there_are_a_few_dozen_pages_in_four_languages() -> None:
    assert len(pages()) >= 36
    assert {page.lang for page in pages()} == {"en", "ko", "ja", "zh"}


def test_precision_recall_and_body_lost_keep_their_floors() -> None:
    precision, recall, lost = score(judged())
    assert precision >= FLOOR_PRECISION, mistakes()
    assert recall >= FLOOR_RECALL, mistakes()
    assert lost <= MOST_BODY_LOST, mistakes()


@pytest.mark.parametrize("lang", ["en", "ko", "ja", "zh"])
def test_no_language_lags_behind(lang: str) -> None:
    _, recall, _ = score(tuple(row for row in judged() if row[0].lang == lang))
    assert recall >= FLOOR_RECALL_OF_A_LANGUAGE, mistakes()


def test_every_page_has_its_language() -> None:
    wrong = [(p.name, c.language) for p, c, _ in judged() if not c.language.startswith(p.lang)]
    assert wrong == []


def test_memory_alone_finds_the_furniture_of_a_host_and_takes_no_story() -> None:
    """Without any rule: the lines that pages of one host share are found all the same."""
    from extractors.rules import RuleSet

    nothing = RuleSet({})
    # sub-headings of a frame stand in each of its stories here: on real sites they do not
    some = [page for page in pages() if page.host in FURNISHED]
    plain = {page.name: clean_lines(lines_of(page), host=page.host, rules=nothing) for page in some}
    memory = learn_batch(lesson_of_blocks(plain[page.name].blocks, host=page.host) for page in some)
    results = []
    for page in some:
        cleaned = clean_lines(
            lines_of(page), host=page.host, memory=memory.get(page.host), rules=nothing
        )
        results.append((page, cleaned, tuple(verdicts(page, cleaned))))
    precision, recall, lost = score(tuple(results))
    assert precision >= FLOOR_PRECISION
    assert recall >= FLOOR_RECALL_BY_MEMORY_ALONE
    assert lost <= MOST_BODY_LOST


@pytest.mark.parametrize(
    ("host", "mark"),
    [
        ("bilingual-post.example", "ai-translated"),
        ("umi-news.example", "ai-generated"),
        ("island-daily.example", "ai-generated"),
        ("minato-shimbun.example", "paywalled"),
    ],
)
def test_provenance_is_kept_when_its_line_goes(host: str, mark: str) -> None:
    assert all(mark in c.provenance for p, c, _ in judged() if p.host == host)


def test_wire_copy_names_its_agency() -> None:
    firsts = {p.lang: c.provenance for p, c, _ in judged() if p.name.endswith("-0")}
    agencies = {lang: [m for m in marks if m.startswith("wire:")] for lang, marks in firsts.items()}
    assert agencies == {
        "en": ["wire:ap"],
        "ko": ["wire:yonhap"],
        "ja": ["wire:kyodo"],
        "zh": ["wire:xinhua"],
    }
