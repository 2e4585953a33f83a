"""Shapes: menus, labels, titles, pull quotes and whole-line links, told by form and place.

In: the rows of a page, the bounds of its prose.  Out: rows marked as boilerplate; tables, lists of
results and numbered points of the article are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from extractors.page_rows import LABEL_WIDTH, LINK_SHARE, PageRow, live_prose
from extractors.rule_hits import prose_bounds

DATA_SHARE: Final = 0.5
"""A run of short lines half of which hold figures is a list of results, no menu."""

POINT_SHARE: Final = 0.4
"""Share of numbered lines that makes a run the points of a release: each may have a line below."""

DATA_RUN: Final = 4
TABLE_SHARE: Final = 0.8
"""So many lines right behind the last sentence, most with figures, are a table of the article; one
in five may be a heading of it."""

MENU_RUN: Final = 8
"""Short lines in a row, without a sentence among them, that make a menu (research, rule 7)."""

NAV_SHARE: Final = 0.3
"""Share of links or known section names that makes a run of short lines inside the text a menu."""

MENU_NAMES: Final = 4
MENU_KNOWN: Final = 0.6
"""So many names in one line, most of them of sections or buttons, are a menu."""

PULL_WIDTH: Final = 36
"""A phrase at least this wide (seven English words) is repeated on purpose."""

PULL_LINES: Final = 500
"""Pages with more paragraphs have no such boxes, and each row is looked for in each of them."""

HEAD_LABEL_WIDTH: Final = 18
"""Labels up to this width before the first sentence are navigation, wider ones titles."""

_QUOTE_MARKS: Final = "\"'“”‘’「」『』《》 "
_BETWEEN_NAMES: Final = re.compile(r"[\s|·•/>»,]+")


_SITE_NAME = (
    r"[^\W\d][\w .&'-]{0,20}(?:신문|뉴스|일보|방송|통신|투데이|타임스|닷컴|경제|저널|"
    r"新聞|ニュース|オンライン|"
    r"プレス|デジタル|通信|テレビ|新闻网?|新聞網?|日[报報]|晚[报報]|[在线網网]|News|Times|Post|Herald|Daily|"
    r"Journal|Tribune|Press|Online|Gazette|Today)"
)
_TITLE_OF_PAGE: Final = re.compile(
    rf"^[^|_]{{8,110}}(?:\s?[|_]\s?[^|_.!?。]{{2,20}}|\s[-–—]\s{_SITE_NAME})$"
)
"""A title as the browser's window shows it: the headline and the name of the site."""


def take_titles(rows: list[PageRow], title_key: str, bounds: tuple[int, int] | None) -> None:
    """The title of the page with the name of the site, and the headline said again."""
    if bounds is None:
        return
    first, last = bounds
    top = next((r for r in rows[:first] if r.live and not r.keep), None)
    if top is not None and not top.shape.sentence and _TITLE_OF_PAGE.match(top.shape.norm):
        top.drop("general:page-title", "the page's title with the name of the site")
    if not title_key:
        return
    for i, row in enumerate(rows):
        if row.live and row.shape.key == title_key and (i < first or i > last):
            row.drop("general:headline", "the title again")


def take_menu_rows(rows: list[PageRow], bounds: tuple[int, int], known: frozenset[str]) -> None:
    """Names of sections or buttons in a row, beside the article."""
    first, last = bounds
    for i, row in enumerate(rows):
        if not row.live or row.keep or row.shape.sentence or first <= i <= last:
            continue
        names = [name for name in _BETWEEN_NAMES.split(row.shape.low) if name]
        held = sum(name in known for name in names)
        if len(names) >= MENU_NAMES and held >= MENU_KNOWN * len(names):
            row.drop("general:menu-row", "names of sections or buttons in a row")


def take_pull_quotes(rows: list[PageRow]) -> None:
    """A phrase that stands in a longer paragraph word for word, printed once more as a box."""
    prose = [r.shape.low for r in rows if r.live and r.shape.prose]
    if len(prose) > PULL_LINES or len(rows) > 2 * PULL_LINES:
        return
    page = "\n".join(prose)
    for row in rows:
        shape = row.shape
        if not row.live or row.keep or not PULL_WIDTH <= shape.width <= 200:
            continue
        phrase = shape.low.strip(_QUOTE_MARKS)
        if page.count(phrase) <= shape.prose:  # nowhere but in its own paragraph
            continue
        if any(phrase in text and len(text) > 1.3 * len(phrase) for text in prose):
            row.drop("general:pull-quote", "a phrase of the article printed once more")


def take_links(rows: list[PageRow], family: str) -> None:
    """Whole-line links: teasers, wherever they stand; sentences only outside the article."""
    prose = [
        i for i, r in enumerate(rows) if live_prose(r, family) and r.shape.link_share < LINK_SHARE
    ]
    if not prose:
        return
    for i, row in enumerate(rows):
        shape = row.shape
        if not row.live or row.keep or shape.link_share < LINK_SHARE or not shape.letters:
            continue
        if i < prose[0] or i > prose[-1] or not shape.sentence:
            row.drop("general:link-line", "the whole line is a link")


# --------------------------------------------------------------------------- shape
def _is_label(row: PageRow) -> bool:
    s = row.shape
    return s.width <= LABEL_WIDTH and not s.sentence and not s.prose and "|" not in s.text


def take_menus(rows: list[PageRow], bounds: tuple[int, int]) -> None:
    """Runs of short lines: menus beside the article, lists (winners, dishes) inside it."""
    first, last = bounds
    run: list[PageRow] = []
    start = 0
    for i, row in enumerate([*rows, None]):
        if row is not None and row.live and _is_label(row) and not row.keep:
            start = start if run else i
            run.append(row)
            continue
        if row is not None and not row.live:
            continue
        if len(run) >= MENU_RUN and not _is_data(run) and not _is_outline(run):
            inside = first < start and i <= last
            if not inside or _is_nav(rows[start:i]):
                for r in run:
                    r.drop("general:menu", "many short lines in a row")
        run = []


_POINT: Final = re.compile(
    r"\(?(?P<n>\d{1,2})(?:[.)]\s?|\s|(?=[^\d\s.,:/%年月日년월일]))(?=[^\W\d])"
    r"|(?P<c>[一二三四五六七八九十]{1,2})、"
)


_NUMERALS: Final = "一二三四五六七八九十"


class _Outline:
    """Counts the numbered points of a run of rows, a row at a time."""

    def __init__(self) -> None:
        self.rows = self.points = self.steps = 0
        self._last = 0

    def add(self, row: PageRow) -> None:
        """Count one more row."""
        self.rows += 1
        found = _POINT.match(row.shape.norm)
        if found:
            number = int(found["n"]) if found["n"] else 1 + _NUMERALS.find(found["c"][-1])
            self.steps += self.points > 0 and number - self._last == 1
            self.points += 1
            self._last = number

    def holds(self) -> bool:
        """Tell whether the points of a release are numbered so far: 1, 2, 3 in their order."""
        return self.points >= POINT_SHARE * self.rows and 2 * self.steps >= self.points - 1 >= 2


def _is_outline(run: Sequence[PageRow]) -> bool:
    outline = _Outline()
    for row in run:
        outline.add(row)
    return outline.holds()


def _is_nav(rows: Sequence[PageRow]) -> bool:
    """Many lines of the run are links, or names of sections, or went by a rule."""
    marked = sum(1 for r in rows if not r.live or r.hits or r.shape.link_share >= LINK_SHARE)
    return marked >= NAV_SHARE * len(rows)


# What lists of headlines carry besides: a rank in front, a date or a number of readers behind.
_LIST_FIGURES: Final = re.compile(
    r"^\W{0,3}\d{1,2}(?!\d|[.:]\d)"
    r"|[\s(]{0,3}(?:\d{2,4}[/.-])?\d{1,2}[/.-]\d{1,2}(?:\s\d{1,2}:\d{2})?\)?$"
    r"|[\s(]{1,2}\d{1,2}:\d{2}\)?$"
    r"|(?<=[一-鿿가-힣ぁ-ヶ)])\(?\d{1,8}\)?$"
)


def _is_data(run: Sequence[PageRow]) -> bool:
    """Lists of figures (scores, dates, quake readings) are the article; menus hold few digits."""
    return sum(map(_has_figures, run)) >= DATA_SHARE * len(run)


def _has_figures(row: PageRow) -> bool:
    return any(map(str.isdigit, _LIST_FIGURES.sub("", row.shape.norm)))


_RESULT: Final = re.compile(
    r"(?<![\d.:/-])\d{1,3}\s?(?:[-–:対對]\s?|,\s[^\W\d][\w .'&-]{1,30}\s)\d{1,3}(?![\d:/-])"
)
"""Two figures against each other: `5-4`, `Town 34, Village 21`."""


def _table_length(tail: Sequence[PageRow]) -> int:
    """How many lines from the first on are a table of the article, 0 when that is none."""
    best = figures = 0
    outline = _Outline()
    for n, row in enumerate(tail, 1):
        held = _has_figures(row)
        figures += held
        outline.add(row)
        if n >= DATA_RUN and ((held and figures >= TABLE_SHARE * n) or outline.holds()):
            best = n
    return best


_INTRODUCES: Final = re.compile(
    r"(?:[:：]|次の通り|次のとおり|以下の通り|以下のとおり|如下|다음과 같다)[。.]?$"
)


def take_labels(rows: list[PageRow], family: str, title_key: str) -> None:
    """Labels before the first sentence and short lines behind the last are not the article."""
    bounds = prose_bounds(rows, family)
    if bounds is None:
        return
    first, last = bounds
    head = [r for r in rows[:first] if r.live]
    for n, row in enumerate(head):
        heads_results = n + 1 < len(head) and _RESULT.search(head[n + 1].shape.norm)
        if row.keep or heads_results or not _is_label(row) or row.shape.width > HEAD_LABEL_WIDTH:
            continue
        row.drop("general:head-label", "short label before the first sentence")
    tail = [r for r in rows[last + 1 :] if r.live]
    if not tail or _INTRODUCES.search(rows[last].line.text.strip()[-20:]):
        return
    for row in tail[_table_length(tail) :]:
        s = row.shape
        if row.keep or s.sentence or "|" in s.text or s.width > 2 * LABEL_WIDTH:
            continue
        row.drop("general:tail-label", "short line behind the last sentence")
