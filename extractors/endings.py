"""Endings: where the article is over and what the page goes on with begins, and boxes inside it.

In: the rows of a page.  Out: rows behind a heading, a notice or an end mark marked as boilerplate.
Most headings of links end the article; some stand between its paragraphs (ADR 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from extractors.page_rows import LABEL_WIDTH, PageRow, live_prose, own_script
from extractors.subject import SAME_SUBJECT, shared_words

RELATED_AFTER: Final = 0.3
"""A related heading ends the article only behind 30 % of its prose (research, rule 1)."""

RELATED_DIRECT: Final = 0.6
"""... or 60 % when sentences follow it at once: extractors drop lists of links and leave their
headings between the article's paragraphs."""

RELATED_PROSE: Final = 2
"""... and with at most this many long paragraphs in the body's language behind it."""

LONG_PARAGRAPH: Final = 100
"""Width of a paragraph that counts as long behind a related heading."""

RELATED_REST: Final = 0.25
"""... or when what follows is lighter than this share of the prose before it."""

TEASERS_TOGETHER: Final = 0.4
"""In a list of teasers at most this share of sentence lines follows another one; in articles with
sub-headings more than half do."""

TEASERS_AFTER: Final = 0.2
"""Teasers may well outweigh a short article; their shape is the surer sign."""

CLOSING: Final = frozenset({"copyright", "endmark", "disclaimer"})
CLOSING_AFTER: Final = 0.6
CLOSING_WIDTH: Final = 400
"""A copyright notice, end mark or disclaimer up to this width closes the article behind 60 % of
its prose, when what follows weighs little or has the shape of teasers."""

BOX_ITEMS: Final = 4
RESUMED_PROSE: Final = 2
"""A box inside the article has up to so many titles, and so many paragraphs behind it in a row."""

BLURB_WIDTH: Final = 420
"""Blurbs of a list are narrower: the widest of 60 in the development data has 371."""

MAX_HEADINGS: Final = 40
"""Headings looked at on one page: bounds the work on a page that is nothing but headings."""

BOX_LINES: Final = 8
"""Lines behind the heading of a box that may be its items."""


def take_ending(rows: list[PageRow], family: str) -> None:
    """A heading that ends the article takes everything behind it along; a box only its items."""
    total = sum(r.shape.weight for r in rows if live_prose(r, family))
    before = 0.0
    tried = 0
    for i, row in enumerate(rows):
        if live_prose(row, family):
            before += row.shape.weight
            continue
        rule = next((h.rule for h in row.hits if h.rule.action in ("ends", "box")), None)
        if rule is None and not row.live and row.shape.width <= CLOSING_WIDTH:
            closing = next((h.rule for h in row.hits if h.rule.category in CLOSING), None)
            if closing is not None and total and _closes(rows, i, before, total, family):
                for r in rows[i + 1 :]:
                    r.drop(closing.name, "behind the line that closes the article")
                return
        if rule is None or row.live:
            continue
        tried += 1
        if tried > MAX_HEADINGS:
            return
        rest = rows[i + 1 :]
        long_after = [r for r in rest if live_prose(r, family) and r.shape.width >= LONG_PARAGRAPH]
        weight = sum(r.shape.weight for r in rest if live_prose(r, family))
        # A heading in another language ends nothing that goes on in the article's own.
        goes_on = weight > 0 and bool(row.shape.family) and not own_script(row.shape, family)
        if goes_on:
            for r in rest:
                if r.live and r.shape.letters and own_script(r.shape, family):
                    break
                r.drop(rule.name, "behind a heading of links in another language")
            continue
        if (
            rule.action == "ends"
            and total
            and not _resumes(rows, i, family)
            and (
                (
                    before >= _related_after(rows, i, family) * total
                    and (len(long_after) <= RELATED_PROSE or weight <= RELATED_REST * before)
                )
                or (before >= TEASERS_AFTER * total and _teasers(rest))
            )
        ):
            for r in rest:
                r.drop(rule.name, "after a heading that ends the article")
            return
        _box(rest, rule.name)


def _related_after(rows: Sequence[PageRow], at: int, family: str) -> float:
    """The share of the prose that must stand before a heading for it to end the article."""
    following = [r for r in rows[at + 1 :] if r.live and r.shape.letters][:2]
    direct = len(following) == 2 and all(live_prose(r, family) and not r.hits for r in following)
    return RELATED_DIRECT if direct and _same_subject(rows, at, following) else RELATED_AFTER


def _same_subject(rows: Sequence[PageRow], at: int, passage: Sequence[PageRow]) -> bool:
    told = (r.line.text for r in rows[:at] if r.live and r.shape.prose)
    return shared_words((r.line.text for r in passage), told) >= SAME_SUBJECT


def _resumes(rows: Sequence[PageRow], at: int, family: str) -> bool:
    """A box inside the article: a title or some, then paragraphs in a row.

    Long ones in a row that go on about the same, wherever they stand, since most blurbs of a list
    stand each under its own headline; else a box of few titles with paragraphs up to the end.
    """
    rest = rows[at + 1 :]
    run = _paragraphs_in_a_row(rest, family)
    if run and (run[-1].shape.width >= BLURB_WIDTH or _same_subject(rows, at, run)):
        return True
    live = [r for r in rest if r.live and r.shape.letters and not r.hits]
    prose = [i for i, r in enumerate(live) if live_prose(r, family)]
    if len(prose) < RESUMED_PROSE or not 1 <= prose[0] <= BOX_ITEMS:
        return False
    return prose[-1] - prose[0] + 1 == len(prose)


def _paragraphs_in_a_row(rest: Sequence[PageRow], family: str) -> list[PageRow]:
    """The longest run of them, or one wider than blurbs are; empty when they may be blurbs."""
    run: list[PageRow] = []
    longest: list[PageRow] = []
    for row in rest:
        if not row.live:
            if any(h.rule.category == "related" for h in row.hits):
                run = []
            continue  # an advertisement between two paragraphs
        shape = row.shape
        article = live_prose(row, family) and shape.sentence and shape.width >= LONG_PARAGRAPH
        run = [*run, row] if article and not row.hits else []
        if run and shape.width >= BLURB_WIDTH:
            return [row]
        if len(run) > len(longest):
            longest = run
    if len(longest) > RESUMED_PROSE:
        return longest
    return longest if len(longest) == RESUMED_PROSE and not _teasers(rest) else []


def _closes(rows: Sequence[PageRow], at: int, before: float, total: float, family: str) -> bool:
    """Behind a notice or an end mark, with most of the text before it, the site goes on."""
    if before < CLOSING_AFTER * total or _resumes(rows, at, family):
        return False
    rest = rows[at + 1 :]
    weight = sum(r.shape.weight for r in rest if live_prose(r, family))
    return weight <= RELATED_REST * before or _teasers(rest)


def _teasers(rows: Sequence[PageRow]) -> bool:
    """Headline and blurb in turn: sentences stand alone, each under a label of its own."""
    live = [r for r in rows if r.live and r.shape.letters]
    prose = [i for i, r in enumerate(live) if r.shape.prose]
    together = sum(1 for i in prose if i and live[i - 1].shape.prose)
    return len(prose) >= 2 and together <= TEASERS_TOGETHER * len(prose)


def _box(rest: Sequence[PageRow], rule: str) -> None:
    """Items of a box inside the article: short lines until a sentence resumes."""
    for row in rest[:BOX_LINES]:
        if row.live and (row.shape.prose or row.shape.sentence or row.keep):
            return
        if row.live and row.shape.width > 2 * LABEL_WIDTH:
            return
        row.drop(rule, "item of a box of links")
