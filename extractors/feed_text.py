"""A feed's text made harmless before a parser sees it.

In: decoded text (`extractors.decode` makes it). Out: text without illegal characters and without
the constructions that cost a parser minutes. It parses no feed; `extractors.feeds` does.

Source of the limits: research/fetching.md A2 (ReDoS in feedparser 6.0.14: an author of 60,000
letters, 200,000 attributes, a million nested tags, 50,000 unclosed items: each more than 10 s of
CPU). Each limit is an order of magnitude above what a real feed has.
"""

from __future__ import annotations

import re

from extractors.errors import ParseError

MAX_ITEMS = 2_000  # items read of one document; rss-fetcher's cap, the rest is counted as tossed
MAX_FIELD_CHARS = 65_536  # a text field beyond this is cut
MAX_NAME_CHARS = 300  # author, creator, e-mail: short by nature; feedparser is quadratic there
MAX_PREFIXES = 200  # namespace prefixes; feedparser is quadratic in them, WordPress declares 10
MAX_ATTRIBUTES = 1_000
MAX_DEPTH = 200  # beyond the items themselves, which broken feeds do not close
_LONG_TAG = 16_384  # only tags longer than this are looked at for the number of attributes

_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}?\?>", re.IGNORECASE)
# Not allowed in XML 1.0, and never meant: C0 without tab and line ends, C1, surrogates, U+FFFE/F.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BAD_REFERENCE = re.compile(r"&#(?:[0-9]+|[xX][0-9a-fA-F]+);?")
_MAX_REFERENCE = 10  # characters; "&#x10FFFF;" is the longest with a meaning
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]{0,1000}(\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)
_ELEMENT = re.compile(r"<[A-Za-z]")
_NAME_FIELD = re.compile(
    r"<((?:[A-Za-z0-9_.\-]{1,40}:)?(?:author|creator|managingEditor|webMaster|name|email|owner"
    r"|contributor|publisher|rights|copyright|credit))(?:\s[^<>]{0,500})?>",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<!\[CDATA\[|\]\]>|<[^<>]{0,2000}>|[<>]")
_PREFIX = re.compile(r"xmlns:([A-Za-z0-9_.\-]{1,60})")
_BIG_TAG = re.compile(rf"<[A-Za-z][^<>]{{{_LONG_TAG},}}>")
_ITEM_START = re.compile(r"<(?:[A-Za-z0-9_\-]{1,40}:)?(?:item|entry)[\s>/]", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z_][^\s<>/]{0,80})[^<>]*?(/?)>")


def clean_markup(text: str) -> tuple[str, int]:
    """Return the text made harmless, and how many items were cut off its end.

    Illegal characters, references to them, the internal DTD subset and the tail of over-long
    names go; what a parser cannot survive raises.

    Raises:
        ParseError: an element with more than 1,000 attributes, or nesting deeper than 200.
    """
    text = _ILLEGAL.sub("", text)
    text = _BAD_REFERENCE.sub(_legal_reference, text)
    text = _DECLARATION.sub("", text, count=1).lstrip("\ufeff \t\r\n")
    at = text[:200_000].lower().find("<!doctype")
    if at >= 0 and not _ELEMENT.search(text, 0, at):
        text = _without_dtd(text)
    text, markup = _without_open_sections(text)
    text = _shorten_names(text)
    if text.count("xmlns:") > MAX_PREFIXES and len(set(_PREFIX.findall(text))) > MAX_PREFIXES:
        raise ParseError(f"more than {MAX_PREFIXES} namespaces")
    for tag in _BIG_TAG.finditer(text):
        if tag.group().count("=") > MAX_ATTRIBUTES:
            raise ParseError(f"an element has more than {MAX_ATTRIBUTES} attributes")
    text, tossed = _first_items(text)
    if markup.count("<") > 2 * MAX_DEPTH:
        _check_depth(markup)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + text, tossed


def _legal_reference(match: re.Match[str]) -> str:
    body = match.group()[2:].rstrip(";")
    if len(body) > _MAX_REFERENCE:
        return ""
    number = int(body[1:], 16) if body[0] in "xX" else int(body)
    legal = (
        number in (9, 10, 13)
        or 0x20 <= number <= 0xD7FF
        or 0xE000 <= number <= 0xFFFD
        or 0x10000 <= number <= 0x10FFFF
    )
    return match.group() if legal else ""


def _without_dtd(text: str) -> str:
    """Drop the DTD: it can only define entities, and those only bombs need."""
    match = _DOCTYPE.search(text, 0, 2_000_000)
    if match is None:
        raise ParseError("the document type declaration does not end")
    return text[: match.start()] + text[match.end() :]


def _first_items(text: str) -> tuple[str, int]:
    if (
        text.count("<item") + text.count("<entry") + text.count(":item") + text.count(":entry")
        <= MAX_ITEMS
    ):
        return text, 0
    starts = [m.start() for m in _ITEM_START.finditer(text)]
    if len(starts) <= MAX_ITEMS:
        return text, 0
    return text[: starts[MAX_ITEMS]], len(starts) - MAX_ITEMS


def _shorten_names(text: str) -> str:
    """Cut the content of author and similar fields to 300 characters of text.

    Content that is short stays as it is, markup included; long content loses its markup, because
    comments and CDATA sections would put it together again.
    """
    parts: list[str] = []
    unclosed: set[str] = set()  # looked for once in vain: looking again would be quadratic
    at = 0
    for match in _NAME_FIELD.finditer(text):
        if match.start() < at or match.group(1) in unclosed:
            continue
        end = text.find(f"</{match.group(1)}", match.end())
        if end < 0:
            unclosed.add(match.group(1))
        if end - match.end() <= MAX_NAME_CHARS:
            continue
        content = text[match.end() : end]
        nested = "<name" in content[:MAX_NAME_CHARS].lower()
        short = " ".join(_MARKUP.sub(" ", content).split())[:MAX_NAME_CHARS]
        short = short.rpartition("&")[0] if "&" in short[-12:] else short  # no half reference
        parts += [text[at : match.end()], f"<name>{short}</name>" if nested else short]
        at = end
    parts.append(text[at:])
    return "".join(parts)


def _without_open_sections(text: str) -> tuple[str, str]:
    """Return (the text up to a section that never ends, the same without sections).

    Sections are CDATA and comments. Linear: the first one without an end is the last one seen.
    """
    parts: list[str] = []
    at = 0
    while True:
        start = text.find("<!", at)
        if start < 0:
            parts.append(text[at:])
            return text, "".join(parts)
        if text.startswith("<![CDATA[", start):
            end, size = text.find("]]>", start + 9), 3
        elif text.startswith("<!--", start):
            end, size = text.find("-->", start + 4), 3
        else:
            parts.append(text[at : start + 2])
            at = start + 2
            continue
        parts.append(text[at:start])
        if end < 0:
            return text[:start], "".join(parts)
        at = end + size


def _check_depth(text: str) -> None:
    depth = 0
    for match in _TAG.finditer(text):
        if match.group(3):
            continue
        if match.group(1):
            depth = max(depth - 1, 0)
        else:
            depth += 1
            if depth > MAX_DEPTH + MAX_ITEMS:
                raise ParseError(f"elements are nested deeper than {MAX_DEPTH}")
