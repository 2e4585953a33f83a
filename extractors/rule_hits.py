"""Rules on rows: which rule may take which line, by its place and by how the line speaks.

In: the rows of a page with the rules that fired on them.  Out: rows marked as boilerplate.
"""

from __future__ import annotations

import re
from typing import Final

from extractors.lines import Shape
from extractors.page_rows import PageRow, live_prose
from extractors.rules import Hit

INSIDE_LABEL_WIDTH: Final = 80
"""Lines up to this width that are no sentence go for an invitation between paragraphs too."""

CUE_SENTENCE_WIDTH: Final = 90
"""A sentence up to this width may go for a phrase somewhere in it; longer ones talk about it."""


def take_by_rule(row: PageRow, place: str, categories: frozenset[str] | None = None) -> None:
    """Take a row by the first rule of a place that may take it, of these categories if given."""
    for hit in row.hits:
        rule = hit.rule
        if rule.place != place or not _may_hit(hit, row.shape):
            continue
        if categories is not None and rule.category not in categories:
            continue
        if categories is _BOXED and (hit.phrase or hit.start > 0):
            continue
        row.drop(rule.name, rule.reason)
        return


def take_by_place(rows: list[PageRow], bounds: tuple[int, int] | None) -> None:
    """Take rows by the rules that hold before, behind or beside the prose only."""
    if bounds is None:
        return
    first, last = bounds
    for i, row in enumerate(rows):
        if not row.live or row.keep or not row.hits:
            continue
        if i < first:
            take_by_rule(row, "head")
            take_by_rule(row, "edge")
        elif i > last:
            take_by_rule(row, "tail")
            take_by_rule(row, "edge")
        elif _OF_ITSELF.match(row.shape.low):
            take_by_rule(row, "edge", _NOTICES)
            take_by_rule(row, "tail", _NOTICES)
        elif not row.shape.sentence and row.shape.width <= INSIDE_LABEL_WIDTH:
            take_by_rule(row, "edge", _BOXED)
            take_by_rule(row, "tail", _BOXED)


def prose_bounds(
    rows: list[PageRow], family: str, *, placed: bool = False
) -> tuple[int, int] | None:
    """Indexes of the first and last sentence of the body, None when there is none.

    With `placed`, sentences that a rule would take away at an edge of the page do not bound the
    body, unless there are no others.
    """
    prose = [i for i, row in enumerate(rows) if live_prose(row, family)]
    if placed:
        prose = [i for i in prose if rows[i].keep or not _edge_hit(rows[i])] or prose
    return (prose[0], prose[-1]) if prose else None


def _edge_hit(row: PageRow) -> bool:
    return any(h.rule.place != "any" and _may_hit(h, row.shape) for h in row.hits)


def _may_hit(hit: Hit, shape: Shape) -> bool:
    """Whether a rule may take the line: of sentences, only short ones by a phrase within them."""
    rule = hit.rule
    if rule.action not in ("remove", "ends", "box"):
        return False
    if shape.prose and not rule.prose:
        return False
    if hit.phrase and rule.category in _SPOKEN_TO_READERS and _plainly(_PLAIN, shape):
        return False
    if hit.phrase and rule.category == "copyright" and (_plainly(_TOLD, shape) or _quotes(shape)):
        return False
    if shape.norm.endswith("?") and (rule.category == "byline" or (hit.phrase and shape.prose)):
        return False  # an interviewer asks, or the article does
    if hit.phrase and rule.place != "any":
        return shape.width <= CUE_SENTENCE_WIDTH or (shape.prose and hit.start == 0)
    return True


_SPOKEN_TO_READERS: Final = frozenset(
    {"subscribe", "newsletter", "tipline", "share", "comment", "ui"}
)
_BOXED: Final = (_SPOKEN_TO_READERS - {"ui"}) | {"ad", "ai_disclaimer"}
"""What boxes between the paragraphs hold; names of sections may be sub-headings there."""

_NOTICES: Final = _BOXED | {"disclaimer", "copyright", "byline", "photo"}
_OF_ITSELF: Final = re.compile(
    r"(?:※|◎|\W{0,3}(?:(?:이|본|해당) ?(?:기사|콘텐츠|포스팅|글|뉴스|보도|칼럼|영상)|"
    r"(?:この|本)(?:記事|稿|コンテンツ|要約|サイト|ページ|企画|連載)|当(?:サイト|ページ)|"
    r"(?:本|该|該|以上)(?:文|稿|站|网|網|報|报|平台|內容|内容)|"
    r"this (?:article|story|content|post|report|page|site|piece|column|summary)\b))"
)
"""A line that talks about the article: between its paragraphs, edge rules hold for it too."""

# Papers report in the plain form and speak to their readers in the polite one.
_PLAIN: Final = re.compile(r"(?<!まし)(?<!でし)た。|という。|て(?:い|あ)る。|(?<!니)다\.")
_POLITE: Final = re.compile(r"です|ます|ました|ません|でした|ください|下さい|니다|세요|십시오|까요")

# What a court or a paper did about copyright; the notices ask in every other form.
_TOLD: Final = re.compile(
    r"(?<!まし)(?<!でし)た。|という。|てい(?:る|た)。"
    r"|[했였았었됐왔났갔졌렸쳤혔켰겼섰샀냈랐렀줬봤]다(?:\.|고 |며 |는 |면서 )"
)


def _plainly(form: re.Pattern[str], shape: Shape) -> bool:
    """Tell whether a Japanese or Korean sentence reports in this form, and is polite to nobody."""
    if not shape.prose or not (shape.has_kana or shape.has_hangul):
        return False
    return bool(form.search(shape.norm)) and not _POLITE.search(shape.norm)


_SAID_ZH: Final = re.compile(
    r"(?<!不)(?:表示|指出|强调|強調|敦促|呼吁|呼籲|批评|批評|判决|判決|起诉|起訴|提告|获悉|獲悉)"
)


def _quotes(shape: Shape) -> bool:
    """Tell whether a Chinese sentence tells what somebody said or a court did."""
    return shape.prose and shape.family == "han" and bool(_SAID_ZH.search(shape.norm))
