"""Markup that the main extractor misreads: tables used as page layout, headings it drops.

In: the parsed page, before and after the main extraction. Out: the tree with layout tables turned
into plain containers, and lines with the page's own headings back in their places. Which headings
are boilerplate is for the cleaner to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from lxml.etree import XPath

from extractors.decode import clean_text
from extractors.metadata import plain
from extractors.models import Line
from extractors.sanity import text_weight

LAYOUT_CELL_WEIGHT: Final = 200
LAYOUT_CELL_BREAKS: Final = 3
"""A cell with this much text in this many blocks is a column of a page; cells of data tables hold
one paragraph at most. On 750 news pages of today no table of figures reaches both."""

MAX_TABLES: Final = 500
MAX_READ_CHARS: Final = 5_000_000
"""Bounds of the search: text of nested tables is read once a level."""

MAX_HEADING_CHARS: Final = 120
MAX_LABEL_CHARS: Final = 30
"""Longest label that is no heading by its tag ("Related stories" in a `div`)."""

_STRING: Final = XPath("string()", smart_strings=False)
_WRAP: Final = re.compile(r"(?<=\S)[^\S\n]*\n\s*(?=\S)")
_CONTAINER_NAMES: Final = frozenset(["post", "entry", "article", "story", "content", "text"])
_CONTAINER: Final = re.compile(
    r"(?:entry|page|text|article|art)-content|article(?:-|__)?body|articleBody|article-?text|"
    r"articleText|body-text|story-?(?:body|content)|post(?:-?entry|-body|[-_]?content|[-_]text)|"
    r"articleContent|main-content|content-(?:main|body)|contentBody|fulltext|^(?:main|primary)"
)
"""The names of containers that trafilatura 2.3 looks for, so that no better one is overridden."""

_INNER_BLOCKS: Final = ("p", "div", "li", "table", "h1", "h2", "h3", "h4", "blockquote")
_BREAKS: Final = ("br", "tr", *_INNER_BLOCKS)
_LINKED: Final = XPath("boolean(descendant::a[@href] or ancestor::a[@href])")
_CELLS: Final = XPath(
    "./tr/td | ./tr/th | ./tbody/tr/td | ./tbody/tr/th | ./thead/tr/td | ./thead/tr/th"
)
_INSIDE: Final = XPath("./thead | ./tbody | ./tfoot | ./colgroup | ./tr | ./*/tr")
_BLOCKS_WORDS: Final = """
    p div h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre form section article figure hr center
"""
_BLOCKS: Final = frozenset(_BLOCKS_WORDS.split())
_NO_TEXT: Final = frozenset(["script", "style", "noscript", "template", "br", "hr", "img"])
_HEADINGS: Final = ("h2", "h3", "h4", "h5", "h6")
_LABELS: Final = frozenset(["div", "strong", "b", "span", "dt", "caption"])


def open_layout_tables(tree: Any) -> None:
    """Turn tables that lay out the page into containers, so that their paragraphs stay apart.

    The innermost cell with most of the text becomes the page's `<article>` when it has none.
    """
    best, best_weight = None, 0.0
    outer: list[Any] = []
    read = 0
    for table in list(tree.iter("table"))[:MAX_TABLES]:
        if read > MAX_READ_CHARS:
            break
        layout = []
        for cell in _CELLS(table):
            text = _STRING(cell)
            read += len(text)
            if len(text) * 2.5 < LAYOUT_CELL_WEIGHT or _breaks(cell) < LAYOUT_CELL_BREAKS:
                continue
            weight = text_weight(text)
            if weight >= LAYOUT_CELL_WEIGHT:
                layout.append((cell, weight))
        if not layout:
            continue
        cells = _CELLS(table)
        for part in (table, *_INSIDE(table)):
            part.tag = "div"
        for cell in cells:
            cell.tag = "div" if next(cell.iter(*_INNER_BLOCKS), None) is not None else "p"
        outer.extend(cell for cell, _ in layout if not any(_is_within(cell, o) for o in outer))
        for cell, weight in layout:
            # An inner cell with most of an outer one's text is the column; the rest is its frame.
            if weight > best_weight or (weight > 0.5 * best_weight and _is_within(cell, best)):
                best, best_weight = cell, weight
    if best is None:
        return
    for cell in outer:
        _unwrap_text(cell)
    for box in list(tree.iter("div")):
        _wrap_loose_text(box)
    if not _has_container(tree, 0.5 * best_weight):
        best.tag = "article"


def _unwrap_text(cell: Any) -> None:
    for element in cell.iter():
        if not isinstance(element.tag, str) or element.tag in _NO_TEXT or element.tag == "pre":
            continue
        if element.text and "\n" in element.text:
            element.text = _WRAP.sub(" ", element.text)
        if element.tail and "\n" in element.tail:
            element.tail = _WRAP.sub(" ", element.tail)


def _wrap_loose_text(box: Any) -> None:
    """Give text that stands beside blocks a paragraph: the extractor drops it or glues it."""
    children = list(box)
    if not any(child.tag in _BLOCKS or child.tag == "br" for child in children):
        return
    run = None
    if box.text and box.text.strip():
        run = box.makeelement("p")
        run.text, box.text = box.text, None
        box.insert(0, run)
    for child in children:
        if child.tag in _BLOCKS:
            run, tail = None, child.tail
            if tail and tail.strip():
                run = box.makeelement("p")
                run.text, child.tail = tail, None
                child.addnext(run)
        else:
            if run is None:
                run = box.makeelement("p")
                child.addprevious(run)
            run.append(child)


def _has_container(tree: Any, weight: float) -> bool:
    """Tell whether the main extractor knows by its own rules where the text is."""
    for element in tree.iter("article", "main", "div", "section"):
        ident, words = element.get("id") or "", element.get("class") or ""
        if (
            element.tag in ("article", "main")
            or element.get("itemprop") == "articleBody"
            or element.get("role") == "article"
            or ident in _CONTAINER_NAMES
            or words in _CONTAINER_NAMES
            or _CONTAINER.search(ident)
            or _CONTAINER.search(words)
        ) and text_weight(_STRING(element)) >= weight:
            return True
    return False


def unwrap_lines(tree: Any) -> None:
    """Join the lines of text behind a `<br>` that only the page's source breaks."""
    for br in tree.iter("br"):
        tail = br.tail
        if tail and "\n" in tail:
            br.tail = _WRAP.sub(" ", tail)


def _breaks(cell: Any) -> int:
    """Breaks and blocks in a cell, counted up to what a layout cell needs."""
    return sum(1 for _ in islice(cell.iter(*_BREAKS), LAYOUT_CELL_BREAKS))


def _is_within(element: Any, outer: Any) -> bool:
    return outer is not None and any(above is outer for above in element.iterancestors())


def restore_headings(tree: Any, lines: Sequence[Line], keys: Sequence[str]) -> list[Line]:
    """Put headings back that stand in the page right before an inner line and are missing.

    Where the extractor knows no container it keeps paragraphs only, and the text below "Related
    stories" reads like the article's. Then short labels between two lines are put back too.
    `keys` are the lines' texts without their blanks.
    """
    place: dict[str, int] = {}
    for number, key in enumerate(keys):
        place.setdefault(key, number)
    missing: dict[int, list[Line]] = {}
    for heading in tree.iter(*_HEADINGS):
        _note(heading, heading.tag, MAX_HEADING_CHARS, place, missing)
    if lines and all(line.tag == "p" for line in lines):
        for paragraph in tree.iter("p"):
            label = _before(paragraph)
            if label is not None and label.tag in _LABELS and not len(label):
                _note(label, "h3", MAX_LABEL_CHARS, place, missing)
    if not missing:
        return list(lines)
    out: list[Line] = []
    for number, line in enumerate(lines):
        above = plain(lines[number - 1].text) if number in missing else ""
        out.extend(h for h in missing.get(number, ()) if plain(h.text) != above)
        out.append(line)
    return out


def _note(
    element: Any,
    tag: str,
    limit: int,
    place: dict[str, int],
    missing: dict[int, list[Line]],
) -> None:
    text = " ".join(_STRING(element).split())
    if not 1 < len(text) <= limit or _key(text) in place:
        return
    if _LINKED(element):
        return  # the headline of another story
    number = _place_behind(element, place)
    if number:  # before the first line stand the headline and its kickers
        place[_key(text)] = number
        missing.setdefault(number, []).append(Line(text=clean_text(text), tag=tag))


def _key(text: str) -> str:
    return "".join(text.split())


def _before(element: Any) -> Any:
    """The element right before this one, unless text stands between them."""
    before = element.getprevious()
    if before is None or not isinstance(before.tag, str) or (before.tail or "").strip():
        return None
    return before


def _place_behind(element: Any, place: dict[str, int]) -> int | None:
    """Number of the line that the next block behind an element is."""
    behind = element.getnext()
    while behind is not None and (not isinstance(behind.tag, str) or behind.tag in _NO_TEXT):
        if (behind.tail or "").strip():
            return None
        behind = behind.getnext()
    for _ in range(3):
        if behind is None or not isinstance(behind.tag, str):
            return None
        number = place.get(_key(_STRING(behind)))
        if number is not None:
            return number
        behind = next(iter(behind), None)
    return None
