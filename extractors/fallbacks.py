"""Other places where a page keeps its text, for when the main extractor finds none or junk.

In: the parsed page, its JSON-LD, the markup. Out: candidates as lists of `Line`, each with the name
of the method, from the most to the least trusted. The caller judges them (sanity.py) and takes the
first that is an article.

Text may sit in JSON-LD (`articleBody`), in an `<article>` the main extractor rejects, in data
that a script turns into the page (Next.js `__next_f` and `__NEXT_DATA__`, `content_elements`,
initial state objects), or behind markup that is nested too deeply for a parser.
"""

from __future__ import annotations

import html as html_module
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from extractors.json_ld import StructuredArticle
from extractors.models import Line
from extractors.sanity import MAX_PAGE_CHARS, text_weight

MAX_SCRIPT_CHARS: Final = 4_000_000
MAX_STRINGS: Final = 60_000
"""Values of script data looked at; the largest state object seen had 31,000."""

MIN_PARAGRAPH: Final = 25
"""Weight from which a string of script data may be a paragraph."""

_BLOCK_TAGS_WORDS: Final = """
    p h1 h2 h3 h4 h5 h6 li blockquote pre td th dd dt figcaption div section article
"""
_BLOCK_TAGS: Final = frozenset(_BLOCK_TAGS_WORDS.split())
_SKIP_TAGS_WORDS: Final = """
    script style noscript template svg iframe form nav aside footer button select figure
    video audio object head header
"""
_SKIP_TAGS: Final = frozenset(_SKIP_TAGS_WORDS.split())
_BREAK: Final = re.compile(
    r"(?i)<(?:br|/p|/div|/li|/h[1-6]|/tr|/blockquote|/section)\b[^<>]{0,200}>|\n"
)
_TAG: Final = re.compile(r"<[!/a-zA-Z][^<>]{0,4000}>")
_PLACEHOLDER: Final = re.compile(r"\$\$[A-Z_]{2,30}\$\$|\{\{[^{}]{1,80}\}\}")
_CAPTION: Final = re.compile(
    r"(?:^|[\s_-])(?:caption|figcaption|img-?desc|photo-?desc)(?:$|[\s_-])", re.I
)
_DROPPED: Final = re.compile(
    r"(?is)<(script|style|noscript|template|svg)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)"
)


Candidate = tuple[str, Callable[[], list[Line]]]
"""The name of a method, and the function that makes its lines."""


def candidates(
    tree: Any, structured: StructuredArticle, html: str, scripts: Sequence[Any]
) -> Iterator[Candidate]:
    """Yield the other places, from the most to the least trusted. `scripts` are the page's."""
    if structured.body:
        body = structured.body
        yield "json-ld", lambda: lines_of_fragment(body)
    yield "script-data", lambda: lines_of_scripts(scripts)
    yield "article-element", lambda: lines_of_element(tree)
    yield "densest", lambda: lines_of_densest(tree)
    yield "plain", lambda: lines_of_plain(html)


def lines_of_fragment(text: str) -> list[Line]:
    """Lines of a piece of HTML or plain text (JSON values hold either)."""
    if "&lt;" in text and "<" not in text:
        text = html_module.unescape(text)
    text = _PLACEHOLDER.sub("\n", text)
    if "</p>" in text or "</div>" in text:
        return _lines_of_markup(text)
    if "<" in text:
        text = _DROPPED.sub(" ", text)
        text = _TAG.sub("", _BREAK.sub("\n", text))
    text = html_module.unescape(text)
    pieces = (" ".join(piece.split()) for piece in re.split(r"\r?\n|\u2028|\u2029", text))
    return [Line(text=piece, tag="p") for piece in pieces if piece]


def _lines_of_markup(text: str) -> list[Line]:
    from lxml import etree
    from lxml.html import fragment_fromstring

    try:
        root = fragment_fromstring(text, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return []
    return _block_lines(root)


def lines_of_element(tree: Any) -> list[Line]:
    """Paragraphs of the element that carries the article by its markup."""
    best: list[Line] = []
    found = tree.xpath(
        ".//*[@itemprop='articleBody'] | .//article | .//*[@role='article'] | .//main"
    )
    for element in found[:20]:
        lines = _block_lines(element)
        weigh = sum(len(line.text) for line in lines)
        if weigh > 1.1 * sum(len(line.text) for line in best):
            best = lines
    return best


def lines_of_densest(tree: Any) -> list[Line]:
    """Paragraphs of the element that directly holds most of them."""
    scores: dict[Any, float] = {}
    for paragraph in tree.iter("p"):
        parent = paragraph.getparent()
        size = len("".join(paragraph.itertext()).strip())
        if parent is None or size < MIN_PARAGRAPH:
            continue
        scores[parent] = scores.get(parent, 0.0) + size
        above = parent.getparent()
        if above is not None:
            scores[above] = scores.get(above, 0.0) + 0.5 * size
    return _block_lines(max(scores, key=lambda e: scores[e])) if scores else []


def _block_lines(root: Any) -> list[Line]:
    """Text of the blocks below `root` in order; menus, forms and scripts left out."""
    lines: list[Line] = []
    buffer: list[str] = []
    tag = "p"

    def flush() -> None:
        text = " ".join("".join(buffer).split())
        buffer.clear()
        if text:
            lines.append(Line(text=text, tag=tag))

    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        element, closing = stack.pop()
        name = element.tag
        if closing:
            if name in _BLOCK_TAGS:
                flush()
            if element is not root and element.tail:
                buffer.append(element.tail)
            continue
        if (
            not isinstance(name, str)
            or name in _SKIP_TAGS
            or _CAPTION.search(element.get("class") or "")
        ):
            if element.tail and element is not root:
                buffer.append(element.tail)
            continue
        if name in _BLOCK_TAGS:
            flush()
            tag = name
        elif name == "br":
            flush()
        if element.text:
            buffer.append(element.text)
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))
    flush()
    return lines


# ---------------------------------------------------------------- data in scripts

_NEXT_PUSH: Final = re.compile(r"self\.__next_f\.push\(\s*(\[.*\])\s*\)\s*;?\s*$", re.DOTALL)
_ASSIGNED: Final = re.compile(
    r"(?:window|self|globalThis|var|let|const)?[.\s]*[\w$.\[\]\"']{2,60}\s*=\s*(?=[{\[])"
)
_PARAGRAPHS: Final = re.compile(
    r"(?is)(?:<p\b[^<>]{0,400}>.*?</p>\s*(?:<(?!p\b)[^<>]{0,400}>\s*){0,12}){2,}"
)
_TEXT_ROW: Final = re.compile(rb"(?:^|[\n\]}\"])[0-9a-f]{1,6}:T([0-9a-f]{1,6}),")
_TEXT_KEYS: Final = (
    "articlebody", "body", "content", "html", "text", "contenthtml", "bodyhtml", "articlecontent",
    "contents", "articletext", "paragraph", "value", "children", "fulltext", "description_full",
)  # fmt: skip


def lines_of_scripts(scripts: Iterable[Any]) -> list[Line]:
    """The longest article text in data that scripts carry."""
    best: list[Line] = []
    best_weight = 0.0
    flight: list[str] = []
    for script in scripts:
        text = script.text or ""
        kind = (script.get("type") or "").lower()
        if len(text) > MAX_SCRIPT_CHARS or "ld+json" in kind:
            continue
        pushed = _NEXT_PUSH.search(text) if "__next_f" in text[:60] else None
        if pushed:
            value = _loads(pushed[1])
            if isinstance(value, list) and len(value) > 1 and isinstance(value[1], str):
                flight.append(value[1])
            continue
        if len(text) < 200:
            continue
        for data in _data_of(text, kind):
            lines = _best_of(data)
            weight = _prose_weight(lines)
            if weight > best_weight:
                best, best_weight = lines, weight
    if flight:
        lines = _lines_of_flight("".join(flight))
        if _prose_weight(lines) > best_weight:
            best = lines
    return best


def _loads(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _data_of(text: str, kind: str) -> Iterator[Any]:
    stripped = text.strip()
    if "json" in kind or stripped[:1] in "{[":
        value = _loads(stripped.rstrip(";"))
        if value is not None:
            yield value
        return
    decoder = json.JSONDecoder(strict=False)
    for found in list(_ASSIGNED.finditer(text))[:40]:
        try:
            value, _ = decoder.raw_decode(text, found.end())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict | list) and value:
            yield value


def _lines_of_flight(payload: str) -> list[Line]:
    """React's flight rows: raw text rows, HTML inside strings, or elements as nested arrays.

    A row is `id:JSON` and a line end, or `id:T<bytes in hex>,<text>` (react-server protocol).
    """
    best: list[Line] = []
    for text in _flight_texts(payload):
        lines = lines_of_fragment(text)
        if _prose_weight(lines) > _prose_weight(best):
            best = lines
    for row in payload.split("\n"):
        _, colon, data = row.partition(":")
        if not colon or data[:1] not in "[{":
            continue
        value = _loads(data)
        if value is not None:
            lines = _best_of(value)
            if _prose_weight(lines) > 1.2 * _prose_weight(best):
                best = lines
    return best or _paragraph_runs(payload)


def _flight_texts(payload: str) -> Iterator[str]:
    """Text rows of a flight payload, cut by their length in bytes."""
    raw = payload.encode("utf-8", "surrogatepass")
    for found in _TEXT_ROW.finditer(raw):
        size = int(found[1], 16)
        if size > 150:
            yield raw[found.end() : found.end() + size].decode("utf-8", "replace")


def _paragraph_runs(text: str) -> list[Line]:
    """The longest run of `<p>` elements, escaped once or twice."""
    best: list[Line] = []
    for form in (text, text.replace("\\u003c", "<").replace("\\u003e", ">").replace('\\"', '"')):
        if "<p" not in form:
            continue
        for found in _PARAGRAPHS.finditer(form):
            lines = lines_of_fragment(found[0])
            if _prose_weight(lines) > _prose_weight(best):
                best = lines
    return best


def _best_of(data: Any) -> list[Line]:
    """The string, or the list of pieces, in `data` that reads most like an article."""
    best: list[Line] = []
    best_weight = 0.0
    seen = 0
    stack: list[Any] = [data]
    while stack and seen < MAX_STRINGS:
        value = stack.pop()
        seen += 1
        if isinstance(value, dict):
            for key, inner in value.items():
                if isinstance(inner, dict | list):
                    stack.append(inner)
                elif isinstance(inner, str) and len(inner) > 150:
                    lines = lines_of_fragment(inner)
                    named = str(key).lower().replace("_", "") in _TEXT_KEYS
                    weight = _prose_weight(lines) * (1.5 if named else 1.0)
                    if weight > best_weight:
                        best, best_weight = lines, weight
        elif isinstance(value, list):
            lines = _pieces(value)
            weight = _prose_weight(lines)
            if weight > best_weight:
                best, best_weight = lines, weight
            stack.extend(v for v in value if isinstance(v, dict | list))
            for inner in value:
                if isinstance(inner, str) and "<p" in inner:
                    found = lines_of_fragment(inner)
                    if _prose_weight(found) > best_weight:
                        best, best_weight = found, _prose_weight(found)
    return best


def _pieces(values: list[Any]) -> list[Line]:
    """Paragraphs given one by one: strings, or objects with the text under a usual key."""
    lines: list[Line] = []
    for value in values[:2000]:
        text: Any = value
        if isinstance(value, dict):
            if str(value.get("type", "")).lower() in ("image", "video", "ad", "interstitial_link"):
                continue
            text = next(
                (
                    value[k]
                    for k in value
                    if str(k).lower() in _TEXT_KEYS and isinstance(value[k], str)
                ),
                None,
            )
        if isinstance(text, str) and len(text) > 20:
            lines.extend(lines_of_fragment(text))
    return lines


def _prose_weight(lines: list[Line]) -> float:
    """Weight of the lines that read as sentences, so that lists of names and code count nothing."""
    total = 0.0
    for line in lines:
        text = line.text
        weight = text_weight(text)
        if weight < MIN_PARAGRAPH or weight < 0.6 * len(text):
            continue
        if text.isascii() and " " not in text:
            continue
        if "{" in text or "function(" in text or "://" in text[:12]:
            continue
        total += weight
    return total


def lines_of_plain(html: str) -> list[Line]:
    """Text without a parser: for markup nested deeper than parsers go. Bounded as pages are."""
    text = _DROPPED.sub(" ", html[:MAX_PAGE_CHARS])
    return [
        line
        for line in lines_of_fragment(_TAG.sub(_break_at_block, text))
        if text_weight(line.text) >= MIN_PARAGRAPH
    ]


def _break_at_block(found: re.Match[str]) -> str:
    name = re.match(r"</?([a-zA-Z0-9]+)", found[0])
    return "\n" if name and name[1].lower() in _BLOCK_TAGS | {"br", "tr"} else ""
