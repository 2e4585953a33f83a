"""HTML → the lines of its article, with metadata and a verdict whether it is one.

In: decoded HTML, the page's address, what the feed said. Out: an `Extraction`. The page is parsed
once and the tree handed to trafilatura; when that yields nothing or junk, the fallbacks of
fallbacks.py are tried, the feed's own content last. Nothing is fetched, and nothing is cleaned: the
lines still hold boilerplate, which the cleaner marks with reasons.

Settings of trafilatura as measured best (research/extraction.md): comments off, tables on, no
formatting, no links. Links are read from the page itself: the share of link text of a line is
looked up by the line's letters in the blocks that hold links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from lxml.etree import XPath

from extractors.decode import clean_text
from extractors.fallbacks import Candidate, candidates, lines_of_fragment
from extractors.json_ld import StructuredArticle, read_json_ld
from extractors.layout import open_layout_tables, restore_headings, unwrap_lines
from extractors.metadata import Metadata, read_metadata
from extractors.models import Line, Status
from extractors.page_tree import lighten, parse_page
from extractors.sanity import has_too_many_tags, judge_text, tame_markup, text_weight

MAX_LINES: Final = 3_000
MAX_LINE_CHARS: Final = 100_000
"""Bounds of what is kept of one page; the longest article seen has 1,900 lines."""

FEED_GAIN: Final = 1.3
"""The feed's text replaces a page's stub when it is this much longer."""

FULL_TEXT_WEIGHT: Final = 420
FULL_TEXT_SENTENCES: Final = 3
"""What a feed gives of a blocked page is its text from here on, and a summary below: about 500
characters of Latin or 180 of East Asian script."""

_BLOCKED: Final = (Status.CHALLENGE, Status.COOKIE_WALL, Status.PAYWALL)
_SENTENCE_END: Final = re.compile(r"[.!?][\"'”’)]*(?=\s|$)|[。！？]")

_MARKER: Final = re.compile(r"^\s*(?:[-–•]\s+|\|\s*)")
_TABLE_RULE: Final = re.compile(r"^[|\s-]+$")
_ANCHORS: Final = XPath("descendant::a[@href]")
_STRING: Final = XPath("string()", smart_strings=False)
_LINE_TAGS_WORDS: Final = "p li h1 h2 h3 h4 h5 h6 td th dd dt div figcaption blockquote"
_LINE_TAGS: Final = frozenset(_LINE_TAGS_WORDS.split())
MAX_BLOCK_CHARS: Final = 5_000
"""Blocks with more text than this are containers, not lines."""
_TAG_OF: Final = {"head": "h2", "item": "li", "cell": "td", "quote": "blockquote", "row": "td"}
_TAGS_OF_TREE: Final = ("head", "item", "cell", "quote")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """The lines of a page's article and what the page says of itself.

    `reason` says in words why `status` is not OK. `titles` are all headlines of the page, so that
    the cleaner can know a repeated one. `published_at` keeps the page's own offset.
    """

    lines: tuple[Line, ...] = ()
    title: str | None = None
    titles: tuple[str, ...] = ()
    author: str | None = None
    published_at: datetime | None = None
    canonical_url: str | None = None
    outlet: str | None = None
    section: str | None = None
    lang_hint: str | None = None
    status: Status = Status.OK
    reason: str = ""
    method: str = ""
    provenance: tuple[str, ...] = field(default=())


def extract_page(
    html: str,
    *,
    url: str | None = None,
    feed_title: str | None = None,
    feed_content: str | None = None,
    now: datetime | None = None,
    search_date: bool = True,
) -> Extraction:
    """Extract the article of a page. `feed_content` stands in for a page that shows none.

    Without `search_date` a page whose metadata name no date is not searched for one (the feed
    told it): the search costs as much as all other metadata.
    """
    html = tame_markup(html)
    tree = parse_page(html)
    if tree is None:
        status, reason = judge_text([], html=html)
        return use_feed_content(
            Extraction(status=status, reason=reason, method="none"), feed_content
        )
    structured = read_json_ld(tree)
    meta = read_metadata(
        tree, structured, url=url, feed_title=feed_title, now=now, search_date=search_date
    )
    scripts = lighten(tree)
    lines: list[Line] = []
    method = "none"
    if not has_too_many_tags(html):
        open_layout_tables(tree)
        unwrap_lines(tree)
        lines, method = _extract_lines(tree, url)
    status, reason = judge_text(lines, html=html, free=meta.free)
    if status is not Status.OK or _is_thin(lines, structured):
        lines, method, status, reason = _fall_back(
            candidates(tree, structured, html, scripts), meta, html, (lines, method, status, reason)
        )
    found = Extraction(
        lines=_bounded(lines),
        title=meta.title or feed_title,
        titles=meta.titles,
        author=meta.author,
        published_at=meta.published_at,
        canonical_url=meta.canonical_url,
        outlet=meta.outlet,
        section=meta.section,
        lang_hint=meta.lang_hint,
        status=status,
        reason=reason,
        method=method,
        provenance=_provenance(structured, meta, status),
    )
    return use_feed_content(found, feed_content)


def _extract_lines(tree: Any, url: str | None) -> tuple[list[Line], str]:
    from trafilatura import bare_extraction

    try:
        document: Any = bare_extraction(tree, url=url, include_comments=False)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError):
        document = None  # faults of the library on odd pages: the fallbacks remain
    if document is None or not document.text:
        return [], "trafilatura"
    texts = [t for t in map(str.strip, document.text.split("\n")) if t]
    tags = _tags(document.body)
    found: list[tuple[str, str, str]] = []
    for raw in texts:
        if _TABLE_RULE.match(raw):
            continue
        marked = _MARKER.match(raw)
        text = clean_text(_strip_row(raw[marked.end() :]) if marked else raw)
        if text:
            key = _key(text)
            found.append((text, key, tags.get(key) or ("li" if marked else "p")))
    links = _LinkText(tree, {key for _, key, _ in found})
    lines = [
        Line(text=text, link_share=links.share(text, key), tag=tag) for text, key, tag in found
    ]
    return restore_headings(tree, lines, [key for _, key, _ in found]), "trafilatura"


def _strip_row(text: str) -> str:
    """A table row without its outer bars."""
    return text.strip().strip("|").strip() if "|" in text else text.strip()


def _key(text: str) -> str:
    """The characters of a text without its blanks: the extractor changes nothing else of a line."""
    return "".join(text.split())


def _is_blank(text: str | None) -> bool:
    return not text or text.isspace()


def _tags(body: Any) -> dict[str, str]:
    """Tag by text, for the lines that are not paragraphs."""
    out: dict[str, str] = {}
    if body is None:
        return out
    for element in body.iter(*_TAGS_OF_TREE):
        text = "".join(element.itertext())
        if len(text) < 2000:
            out.setdefault(_key(text), _TAG_OF.get(element.tag, "p"))
    return out


class _LinkText:
    """How much of a line is link text, looked up in the page by the line's characters.

    Only blocks that hold a link and read like one of the lines are looked at: most links of a page
    are in menus that the extractor left out.
    """

    def __init__(self, tree: Any, wanted: set[str]) -> None:
        self._whole: set[str] = set()
        self._partial: dict[str, float] = {}
        starts = {key[:4] for key in wanted}
        last = None
        blocks = []
        for anchor in _ANCHORS(tree):
            text = anchor.text if not len(anchor) else _STRING(anchor)
            if text:
                self._whole.add("".join(text.split()))
            block = anchor.getparent()
            while block is not None and block.tag not in _LINE_TAGS:
                block = block.getparent()
            if block is None or block is last:
                continue
            last = block
            blank = len(block) == 1 and _is_blank(block.text) and _is_blank(anchor.tail)
            if blank and (anchor.getparent() is block or not (block.text or anchor.tail)):
                continue  # the link is the line
            blocks.append(block)
        self._whole.discard("")
        for block in blocks:
            text = _STRING(block)
            if len(text) > MAX_BLOCK_CHARS or _key(text[:40])[:4] not in starts:
                continue
            key = _key(text)
            if key in wanted and key not in self._whole:
                linked = sum(len(_key(_STRING(a))) for a in block.iter("a") if a.get("href"))
                self._partial[key] = max(self._partial.get(key, 0.0), linked / len(key))

    def share(self, text: str, key: str) -> float:
        """Share 0-1 of the line's letters that are link text."""
        if key in self._whole:
            return 1.0
        share = self._partial.get(key)
        if share is not None:
            return round(min(share, 1.0), 3)
        if "|" in text or " · " in text:
            cells = [k for k in (_key(c) for c in re.split(r"\s*[|·]\s*", text)) if k]
            linked = sum(len(k) for k in cells if k in self._whole)
            return round(linked / max(sum(map(len, cells)), 1), 3)
        return 0.0


def _is_thin(lines: Iterable[Line], structured: StructuredArticle) -> bool:
    """The extractor found much less than the page's own structured text holds."""
    if not structured.body or len(structured.body) < 400:
        return False
    return sum(len(line.text) for line in lines) < 0.5 * len(structured.body)


_MARKUP_METHODS: Final = ("article-element", "densest", "plain")
_Attempt = tuple[list[Line], str, Status, str]


def _fall_back(others: Iterable[Candidate], meta: Metadata, html: str, first: _Attempt) -> _Attempt:
    """Try the other places; keep the first extraction when none of them is better."""
    best = first
    for method, make in others:
        if method == "plain" and best[0]:
            break
        if first[2] is Status.PAYWALL and method in _MARKUP_METHODS:
            break  # the same page's markup holds the same teaser, and more of its surroundings
        if first[2] is Status.OK and method in _MARKUP_METHODS:
            break
        lines = make()
        status, reason = judge_text(lines, html=html, free=meta.free)
        better = _weight(lines) > 1.5 * _weight(best[0])
        if status is Status.OK and (best[2] is not Status.OK or better):
            return lines, method, status, reason
        if status is Status.PAYWALL and better and best[2] in (Status.EMPTY, Status.TOO_SHORT):
            best = (lines, method, status, reason)
    return best


def _weight(lines: Iterable[Line]) -> float:
    return text_weight("\n".join(line.text for line in lines))


def use_feed_content(found: Extraction, feed_content: str | None) -> Extraction:
    """Use the feed's text for a page that shows no article, when the feed has one.

    A page that bars the reader keeps its verdict when the feed only has a summary.
    """
    if found.status is Status.OK or not feed_content or not feed_content.strip():
        return found
    lines = lines_of_fragment(feed_content)
    status, _ = judge_text(lines)
    if status is not Status.OK or (found.status in _BLOCKED and not _is_full_text(lines)):
        return found
    if found.status is Status.PAYWALL and _weight(lines) < FEED_GAIN * _weight(found.lines):
        return found
    reason = f"text from the feed; the page: {found.reason}"
    return replace(
        found, lines=_bounded(lines), status=Status.FEED_CONTENT, reason=reason, method="feed"
    )


def _is_full_text(lines: Sequence[Line]) -> bool:
    if _weight(lines) < FULL_TEXT_WEIGHT:
        return False
    ends = sum(len(_SENTENCE_END.findall(line.text)) for line in lines)
    return ends >= FULL_TEXT_SENTENCES


def _bounded(lines: list[Line]) -> tuple[Line, ...]:
    return tuple(
        line if len(line.text) <= MAX_LINE_CHARS else replace(line, text=line.text[:MAX_LINE_CHARS])
        for line in lines[:MAX_LINES]
    )


def _provenance(structured: StructuredArticle, meta: Metadata, status: Status) -> tuple[str, ...]:
    """What the metadata says of the kind of text."""
    out = []
    kinds = set(structured.types)
    section = (meta.section or "").strip().lower()
    if "opinionnewsarticle" in kinds or section in _OPINION:
        out.append("opinion")
    if "liveblogposting" in kinds:
        out.append("live-blog")
    if section in _PRESS_RELEASE or "advertisercontentarticle" in kinds:
        out.append("press-release")
    if status is Status.PAYWALL or meta.free is False:
        out.append("paywalled")
    return tuple(out)


_OPINION_WORDS: Final = """
    opinion opinions commentary comment editorial editorials columns column op-ed oped
    오피니언 사설 칼럼 社説 オピニオン コラム 评论 評論 社论 社評
    meinung kommentar opinión tribune
"""
_OPINION: Final = frozenset(_OPINION_WORDS.split())
_PRESS_RELEASE: Final = frozenset(
    [
        "press release",
        "press releases",
        "press-release",
        "보도자료",
        "プレスリリース",
        "新闻稿",
        "新聞稿",
    ]
)
