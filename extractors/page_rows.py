"""Rows: the lines of one page on their way through the passes of cleaning.

In: lines.  Out: rows that the judges (rule_hits, endings, page_shapes, known_lines, passages) mark.
"""

from __future__ import annotations

from typing import Final

from extractors.lines import Shape, shape_of
from extractors.models import BlockKind, Line
from extractors.rules import Hit

LINK_SHARE: Final = 0.85
"""Share of link text from which a line is a whole-line link."""


LABEL_WIDTH: Final = 60
"""A line up to this width that is no sentence may be a label."""


class PageRow:
    """A line on its way through the passes."""

    __slots__ = ("hits", "keep", "kind", "lang", "line", "live", "reason", "rule", "shape")

    def __init__(self, line: Line) -> None:
        self.line = line
        self.shape: Shape = shape_of(line)
        self.hits: list[Hit] = []
        self.kind = BlockKind.BODY
        self.live = True  # still taken for body
        self.reason = ""
        self.rule = ""
        self.keep = False
        self.lang = ""

    def drop(self, rule: str, reason: str, kind: BlockKind = BlockKind.BOILERPLATE) -> None:
        """Take the row out of the body; the first to do so gives rule and reason."""
        if self.live:
            self.kind, self.rule, self.reason = kind, rule, reason
            self.live = kind is BlockKind.BODY


def own_script(shape: Shape, family: str) -> bool:
    """Tell whether a line is in the script of the article; Kana and Han are one here."""
    if shape.family == family:
        return True
    return family in ("kana", "han") and shape.family in ("kana", "han")


def live_prose(row: PageRow, family: str) -> bool:
    """Tell whether a row is a sentence of the body in the article's script."""
    return row.live and row.shape.prose and own_script(row.shape, family)
