"""Cleaning: which lines of a page are the article, and which came along with it.

In: lines in page order, from plain text or HTML.  Out: a `Cleaned` with one block a line (a line
cut in two gives two), nothing lost, nothing merged, each removed block with reason and rule.
It fetches nothing, stores nothing, and judges no topic.

How it decides (measured in docs/adr/0010-cleaning.md).  A pass over the lines marks, in this
order: lines on which a rule fires; everything behind a heading that ends the article; second
copies inside the page; lines the site's memory knows; whole-line links; passages in another
language; menus and labels around the prose, by shape.  Passes repeat on what is left until one
changes nothing, so that cleaning cleaned text changes nothing.  A page on which a pass would leave
no prose at all is not judged by shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from extractors.datelines import parse_timestamp
from extractors.endings import take_ending
from extractors.known_lines import judge_by_memory
from extractors.language import article_language, base_language, line_language, tag_language
from extractors.lines import PROSE_WIDTH, Shape, line_key
from extractors.models import Block, BlockKind, Line
from extractors.page_rows import PageRow, own_script
from extractors.page_shapes import (
    take_labels,
    take_links,
    take_menu_rows,
    take_menus,
    take_pull_quotes,
    take_titles,
)
from extractors.passages import judge_foreign
from extractors.provenance import wire_agency
from extractors.rule_hits import prose_bounds, take_by_place, take_by_rule
from extractors.rules import CUT_CHARS, Hit, RuleSet, builtin_rules
from extractors.site_memory import HostMemory

MIN_TOLD: Final = 2
"""Sentences before a heading of links that are a report, and no notice of the site."""

MAX_PASSES: Final = 50
"""Passes end by themselves, as each removes a line; this bounds a page made to need one a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Result of cleaning. `title`, `published`, `author` only when a line of the text said so.

    `published` is UTC; `published_zoned` tells whether the line named a time zone.
    """

    blocks: tuple[Block, ...]
    language: str
    provenance: tuple[str, ...] = ()
    title: str | None = None
    published: datetime | None = None
    author: str | None = None
    published_zoned: bool = False

    @property
    def body(self) -> str:
        """The body blocks joined by a newline."""
        return "\n".join(b.text for b in self.blocks if b.kind is BlockKind.BODY)


def clean_lines(
    lines: Sequence[Line],
    *,
    title: str | None = None,
    lang_hint: str | None = None,
    host: str | None = None,
    memory: HostMemory | None = None,
    rules: RuleSet | None = None,
    zone: tzinfo | None = None,
) -> Cleaned:
    """Sort the lines of one page into body, boilerplate and quarantine.

    Empty lines are left out. `zone` (the outlet's) is used for dates that name none, else UTC.
    """
    rules = rules or builtin_rules()
    meta = _Metadata(zone or UTC)
    rows = _rows(lines, rules, meta)
    for row in rows:
        row.hits = rules.hits(row.shape, host)
        row.keep = any(h.rule.action == "keep" for h in row.hits)
    title_key = line_key(title) if title else ""
    active, language = rows, "und"
    for _ in range(MAX_PASSES):
        language = _pass(active, title_key, lang_hint, memory, rules.row_names)
        left = [r for r in active if r.live]
        if len(left) == len(active):
            break
        active = left
    meta.collect(rows)
    return Cleaned(
        blocks=tuple(_block(row, language) for row in rows),
        language=language,
        provenance=meta.provenance,
        title=meta.title,
        published=meta.published,
        author=meta.author,
        published_zoned=meta.zoned,
    )


def _block(row: PageRow, language: str) -> Block:
    return Block(
        text=row.line.text.strip(),
        kind=row.kind,
        reason=row.reason,
        lang=row.lang or _line_language(row.shape, language),
        rule=row.rule,
        link_share=row.line.link_share,
        tag=row.line.tag,
    )


def _line_language(shape: Shape, language: str) -> str:
    """The line's own language; the article's where the line is too short to tell."""
    if not shape.letters:
        return "und"
    base = base_language(language)
    if shape.family == _FAMILY.get(base, "latin"):
        if shape.family != "latin" or shape.width < PROSE_WIDTH:
            return language if base != "und" else tag_language(shape.text).lang
        return line_language(shape.text, language) if shape.prose else language
    return tag_language(shape.text, language).lang


_FAMILY: Final = {
    "ko": "hangul", "ja": "kana", "zh": "han", "ru": "cyrillic", "uk": "cyrillic",
    "bg": "cyrillic", "mk": "cyrillic", "be": "cyrillic", "sr": "cyrillic", "ar": "arabic",
    "fa": "arabic", "ur": "arabic", "hi": "devanagari", "mr": "devanagari", "ne": "devanagari",
    **{k: k for k in ("el", "he", "th", "ka", "hy", "bn", "ta", "te", "kn", "ml", "si", "my",
                      "km", "lo", "am", "gu", "pa")},
}  # fmt: skip


# --------------------------------------------------------------------------- rows
_GLUED_HEAD: Final = re.compile(r"^\s?(date\s\d{4}-\d\d-\d\d)\s+(?=\S)")
_GLUED_MIDDLE: Final = re.compile(r"(?<=[.!?。])\s(?=date\s\d{4}-\d\d-\d\d\s+\S)")


def _rows(lines: Sequence[Line], rules: RuleSet, meta: _Metadata) -> list[PageRow]:
    rows: list[PageRow] = []
    for line in lines:
        if not line.text.strip():
            continue
        for piece in _split_glued(line):
            row = PageRow(piece)
            head = _GLUED_HEAD.match(piece.text)
            if head:
                # `date 2026-01-26 Title`: metadata that a text dump glued together
                date_row = PageRow(_part(piece, head.group(1)))
                title_row = PageRow(_part(piece, piece.text[head.end() :]))
                date_row.drop("general:glued-head", "date glued to the title at the head")
                title_row.drop("general:glued-head", "title glued to the date at the head")
                meta.head(date_row.shape.norm, title_row.line.text.strip())
                rows += [date_row, title_row]
                continue
            rows += _cut(row, rules)
    return rows


def _split_glued(line: Line) -> list[Line]:
    """A dump may glue the next page's head to a line: `... reserved. date 2026-01-26 Title`."""
    if "date " not in line.text:
        return [line]
    found = _GLUED_MIDDLE.search(line.text)
    if not found:
        return [line]
    return [_part(line, line.text[: found.start()]), _part(line, line.text[found.end() :])]


def _part(line: Line, text: str) -> Line:
    return Line(text=text.strip(), link_share=line.link_share, tag=line.tag)


CUT_WIDTH: Final = 60
"""Lines at least this wide are looked at for something glued to their end."""


def _cut(row: PageRow, rules: RuleSet) -> list[PageRow]:
    """Cut boilerplate off the end of a long line; the rest stays what it was."""
    ends: list[PageRow] = []
    while row.shape.width >= CUT_WIDTH and len(ends) < 4:
        hit = rules.cuts(row.shape)
        if hit is None or hit.rule.pattern is None:
            break
        text = row.line.text.rstrip()
        # the rule fired on the normalised end: find it again in the text as it stands
        found = hit.rule.pattern.search(text, max(0, len(text) - CUT_CHARS))
        if found is None or found.start() < 30:
            break
        end = PageRow(_part(row.line, text[found.start() :]))
        end.drop(hit.rule.name, hit.rule.reason)
        end.hits = [hit]
        ends.insert(0, end)
        row = PageRow(_part(row.line, text[: found.start()]))
    return [row, *ends]


# --------------------------------------------------------------------------- one pass
def _pass(
    rows: list[PageRow],
    title_key: str,
    lang_hint: str | None,
    memory: HostMemory | None,
    names: frozenset[str],
) -> str:
    """Mark the rows that are not body, judging only by these rows; return the language."""
    for row in rows:
        if row.live and not row.keep:
            take_by_rule(row, "any")
    told = _before_foreign_links(rows)
    language = article_language([r.line.text for r in told if r.live], lang_hint)
    family = _FAMILY.get(base_language(language), "latin")
    _second_copies(rows)
    take_ending(rows, family)
    take_by_place(rows, prose_bounds(rows, family, placed=True))
    bounds = prose_bounds(rows, family)
    take_titles(rows, title_key, bounds)
    if bounds is not None:
        take_menu_rows(rows, bounds, names)
    take_pull_quotes(rows)
    if memory is not None and bounds is not None:
        judge_by_memory(rows, memory, title_key)
    take_links(rows, family)
    judge_foreign(rows, language, family)
    bounds = prose_bounds(rows, family)
    if bounds is not None:
        take_menus(rows, bounds)
        take_labels(rows, family, title_key)
    return language


def _before_foreign_links(rows: list[PageRow]) -> list[PageRow]:
    """The rows that tell the article's language.

    Blurbs of other articles under a heading of links may outweigh a short report in another script:
    then what stands before the heading counts.
    """
    at = next((i for i, r in enumerate(rows) if any(map(_heads_links, r.hits))), None)
    if at is None:
        return rows
    told = [r.shape for r in rows[:at] if r.live and r.shape.prose]
    if len(told) < MIN_TOLD or not all(own_script(s, told[0].family) for s in told):
        return rows
    behind = [own_script(r.shape, told[0].family) for r in rows[at:] if r.live and r.shape.prose]
    return rows[:at] if behind and not any(behind) else rows


def _heads_links(hit: Hit) -> bool:
    return hit.rule.action == "ends" and hit.rule.category == "related"


def _second_copies(rows: list[PageRow]) -> None:
    """Some sites print the article twice: the second copy goes, short lines between with it."""
    seen: dict[str, int] = {}
    copies: list[int] = []
    for i, row in enumerate(rows):
        if not row.live or not row.shape.key:
            continue
        key = row.shape.norm
        if key in seen:
            copies.append(i)
        else:
            seen[key] = i
    sure = [i for i in copies if rows[i].shape.prose and not rows[i].keep]
    for i in sure:
        rows[i].drop("general:second-copy", "said already further up the page")
    marked = set(sure)
    for i in copies:
        near = any(k in marked for k in range(i - 3, i + 4))
        if near and not rows[i].shape.prose:
            rows[i].drop("general:second-copy", "short line between second copies")


# --------------------------------------------------------------------------- metadata
_CLOCK: Final = re.compile(r"\d\s?[:：時时시.]\s?\d\d")


class _Metadata:
    """What lines said about the article before they were taken away."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.title: str | None = None
        self.published: datetime | None = None
        self.zoned = False
        self._with_clock = False
        self.author: str | None = None
        self.provenance: tuple[str, ...] = ()

    def head(self, date: str, title: str) -> None:
        if self.title is None:
            self.title = title
            self._publish(date)

    def _publish(self, text: str) -> None:
        """Take the first date; a first one with a time of day is better."""
        with_clock = bool(_CLOCK.search(text))
        if self.published is not None and (self._with_clock or not with_clock):
            return
        found = parse_timestamp(text, self.zone)
        if found is not None:
            self.published, self.zoned = found
            self._with_clock = with_clock

    def collect(self, rows: list[PageRow]) -> None:
        marks: dict[str, None] = {}
        for row in rows:
            for hit in row.hits:
                rule = hit.rule
                if rule.provenance:
                    marks[rule.provenance] = None
                if rule.field == "published":
                    self._publish(row.shape.norm)
                elif rule.field == "author" and self.author is None and rule.pattern:
                    found = rule.pattern.search(row.shape.norm)
                    if found and found.groupdict().get("author"):
                        self.author = found.group("author").strip(" ,|/")
        agency = wire_agency([r.shape for r in rows if r.live])
        if agency:
            marks["wire"] = None
            marks[f"wire:{agency}"] = None
        self.provenance = tuple(marks)
