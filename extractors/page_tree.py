"""Markup → the tree that metadata and the main extractor read, parsed once.

In: decoded HTML. Out: the same tree that trafilatura would parse for itself, and that tree without
what the extractor would only carry along. Nothing of the text is touched.

It is parsed here because three things make it, and all that is done with the tree, cheaper than
`trafilatura.load_html`: UTF-8 bytes instead of a string that the parser has to convert, control
characters cut by a table, and one class for all elements, looked up in C (lxml.html asks a Python
function for each element it hands out: 6 % of the extractor's time).
"""

from __future__ import annotations

import re
from typing import Any, Final

from lxml import html as lxml_html
from lxml.etree import ElementDefaultClassLookup, HTMLParser, LxmlError

_CONTROL: Final = bytes(c for c in range(32) if c not in b"\t\n\r")
_NO_CHARACTERS: Final = ("\ufffe", "\uffff")
BEGINNING: Final = 50
FIRST_LINES: Final = 4
FIRST_CHARS: Final = 4096
"""Where trafilatura looks for a doctype and for `<html/>`, which mislead the parser."""

_CLOSED_DOCTYPE: Final = re.compile(r"< ?! ?doctype[^>]*/[^<>]*>", re.IGNORECASE)
_CLOSED_ROOT: Final = re.compile(r"(<html.*?)\s*/>", re.IGNORECASE)


def _make_parser() -> Any:
    parser = HTMLParser(
        collect_ids=False,
        default_doctype=False,
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
    )
    parser.set_element_class_lookup(
        ElementDefaultClassLookup(
            element=lxml_html.HtmlElement,
            comment=lxml_html.HtmlComment,
            pi=lxml_html.HtmlProcessingInstruction,
            entity=lxml_html.HtmlEntity,
        )
    )
    return parser


_PARSER: Final = _make_parser()


def parse_page(html: str) -> Any:
    """Parse a page as trafilatura would; a fragment gets a body around it. None: no markup."""
    if not html or html.isspace():
        return None
    tree = _load(html)
    if tree is None and "<" in html:
        tree = _load(f"<html><body>{html}</body></html>")
    return tree


def _load(html: str) -> Any:
    beginning = html[:BEGINNING].lower()
    html = _repaired(html, beginning)
    try:
        raw = html.encode()
    except UnicodeEncodeError:  # lone surrogates
        from trafilatura.utils import load_html

        return load_html(html)
    try:
        tree = lxml_html.fromstring(raw.translate(None, _CONTROL), parser=_PARSER)
    except (LxmlError, ValueError):
        return None
    if "html" not in beginning and len(tree) < 2:
        return None  # a single block
    return tree


def _repaired(html: str, beginning: str) -> str:
    """Take away what misleads the parser: the same that trafilatura takes away."""
    for sign in _NO_CHARACTERS:
        if sign in html:
            html = html.replace(sign, "")
    if "doctype" in beginning:
        end = html.find("\n", 0, FIRST_CHARS)
        found = _CLOSED_DOCTYPE.match(html, 0, end if end >= 0 else FIRST_CHARS)
        if found:
            html = html[found.end() :]
    for line in html[:FIRST_CHARS].splitlines()[:FIRST_LINES]:
        if "<html" in line and line.endswith("/>"):
            return _CLOSED_ROOT.sub(r"\1>", html, count=1)
    return html


def lighten(tree: Any) -> list[Any]:
    """Take out what the main extractor copies five times and never reads; return the scripts.

    That is scripts other than JSON-LD, styles, and the head's links and metadata. Text around
    them stays.
    """
    scripts = []
    for element in list(tree.iter("script", "style")):
        if element.tag == "script":
            if "ld+json" in (element.get("type") or "").lower():
                continue
            scripts.append(element)
        parent = element.getparent()
        if parent is None:
            continue
        if element.tail:
            before = element.getprevious()
            if before is None:
                parent.text = (parent.text or "") + element.tail
            else:
                before.tail = (before.tail or "") + element.tail
        parent.remove(element)
    head = tree.find("head")
    if head is not None:
        for element in list(head.iterchildren("meta", "link")):
            if not (element.tail or "").strip():
                head.remove(element)
    return scripts
