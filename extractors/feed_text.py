"""From a feed's bytes to clean UTF-8 text that no parser chokes on.

In: the body as served, its Content-Type. Out: text without illegal characters and without the
constructions that cost a parser minutes. It parses no feed; `extractors.feeds` does.

Source of the limits: research/fetching.md A2 (ReDoS in feedparser 6.0.14: an author of 60,000
letters, 200,000 attributes, a million nested tags, 50,000 unclosed items: each more than 10 s of
CPU). Each limit is an order of magnitude above what a real feed has.
"""

from __future__ import annotations

import codecs
import re

from extractors.errors import ParseError

MAX_ITEMS = 2_000  # items read of one document; rss-fetcher's cap, the rest is counted as tossed
MAX_FIELD_CHARS = 65_536  # a text field beyond this is cut
MAX_NAME_CHARS = 1_000  # author, creator, e-mail: short by nature; feedparser is quadratic there
MAX_ATTRIBUTES = 1_000
MAX_DEPTH = 200
_LONG_TAG = 16_384  # only tags longer than this are looked at for the number of attributes

_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}?\?>", re.IGNORECASE)
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._\-]{2,40})[\"']")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._\-]{2,40})", re.IGNORECASE)
# Not allowed in XML 1.0, and never meant: C0 without tab and line ends, C1, surrogates, U+FFFE/F.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BAD_REFERENCE = re.compile(r"&#(?:[0-9]{1,12}|x[0-9a-fA-F]{1,12});")
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]{0,1000}(\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)
_ELEMENT = re.compile(r"<[A-Za-z]")
_NAME_FIELD = re.compile(
    r"(<(?:[A-Za-z0-9_.\-]{1,40}:)?(?:author|creator|managingEditor|webMaster|name|email|owner"
    r"|contributor|publisher|rights|copyright|credit)\b[^<>]{0,500}>\s*(?:<!\[CDATA\[)?)"
    rf"([^<]{{{MAX_NAME_CHARS}}})[^<]+",
    re.IGNORECASE,
)
_BIG_TAG = re.compile(rf"<[A-Za-z][^<>]{{{_LONG_TAG},}}>")
_ITEM_START = re.compile(r"<(?:[A-Za-z0-9_\-]{1,40}:)?(?:item|entry)[\s>]", re.IGNORECASE)
_TAG = re.compile(
    r"<(/?)([A-Za-z_][^\s<>/]{0,80})(?:[^<>]*?)(/?)>|<!\[CDATA\[.*?\]\]>|<!--.*?-->", re.DOTALL
)
_CJK = ("cp949", "cp932", "euc-jp", "gb18030", "big5")


def decode_feed(content: bytes, content_type: str | None) -> tuple[str, str]:
    """Return (text, name of the encoding). Never raises; the last resort replaces bad bytes.

    The order is: byte order mark, UTF-8 if all bytes are valid (labels lie more often than a
    whole text is valid UTF-8 by chance), the XML declaration, the header, the encodings of our
    desk's countries by strict decoding, and UTF-8 with replacements.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(name, "replace"), name
    if content[:4] in (b"<\0?\0", b"<\0r\0", b"<\0f\0"):
        return content.decode("utf-16-le", "replace"), "utf-16-le"
    if content[:4] in (b"\0<\0?", b"\0<\0r", b"\0<\0f"):
        return content.decode("utf-16-be", "replace"), "utf-16-be"
    labels = []
    found = _DECLARED.match(content[:400])
    if found:
        labels.append(found.group(1).decode("ascii"))
    header = _CHARSET.search(content_type or "")
    if header:
        labels.append(header.group(1))
    if b"\x1b$" in content and any("2022" in label for label in labels):
        labels.insert(0, "iso-2022-jp")
    else:
        labels.insert(0, "utf-8")
    best: tuple[float, str, str] | None = None
    for name in dict.fromkeys([*labels, *_CJK]):
        text = _strictly(content, name)
        if text is None:
            continue
        if name in ("utf-8", "iso-2022-jp"):
            return text, name
        score = _script_share(text, name) + (0.2 if name in labels else 0.0)
        if best is None or score > best[0]:
            best = (score, text, name)
    broken = content.decode("utf-8", "replace")
    # A few bad bytes (a cut character) in text that is UTF-8 else: keep the text.
    if broken.count("\ufffd") * 50 < sum(1 for c in broken if ord(c) > 127):
        return broken, "utf-8"
    if best is not None:
        return best[1], best[2]
    return broken, "utf-8"


def _strictly(content: bytes, name: str) -> str | None:
    aliases = {
        "euc-kr": "cp949",
        "ks_c_5601-1987": "cp949",
        "shift_jis": "cp932",
        "shift-jis": "cp932",
        "x-sjis": "cp932",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "iso-8859-1": "cp1252",
        "latin1": "cp1252",
        "us-ascii": "cp1252",
    }
    name = aliases.get(name.lower(), name)
    try:
        info = codecs.lookup(name)
        if not info._is_text_encoding or info.name in (
            "punycode",
            "idna",
            "utf-7",
            "unicode_escape",
            "raw_unicode_escape",
        ):
            return None
        return content.decode(info.name)
    except (LookupError, UnicodeError, ValueError):
        return None


def _script_share(text: str, name: str) -> float:
    """How much of the text beyond ASCII looks like the encoding's own language, 0 to 1."""
    sample = [c for c in text[:20_000] if ord(c) > 127]
    if not sample:
        return 0.5

    def share(*ranges: tuple[int, int]) -> float:
        return sum(any(a <= ord(c) <= b for a, b in ranges) for c in sample) / len(sample)

    wide = ((0x3000, 0x303F), (0xFF00, 0xFFEF), (0x2010, 0x2030))
    key = name.lower()
    if key in ("cp949", "euc-kr", "ks_c_5601-1987"):
        return share((0xAC00, 0xD7A3), *wide)
    if key in ("cp932", "shift_jis", "shift-jis", "x-sjis", "euc-jp"):
        kana = share((0x3041, 0x30FF))
        return share((0x3041, 0x30FF), (0x4E00, 0x9FFF), *wide) if kana > 0.15 else 0.3 * kana
    if key in ("gb18030", "gb2312", "gbk", "big5"):
        return 0.7 * share((0x4E00, 0x9FFF), *wide)
    letters = sum(c.isalpha() for c in sample) / len(sample)
    return 0.6 * letters if max(map(ord, sample)) < 0x2100 else 0.3


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
    text = _NAME_FIELD.sub(r"\1\2", text)
    for tag in _BIG_TAG.finditer(text):
        if tag.group().count("=") > MAX_ATTRIBUTES:
            raise ParseError(f"an element has more than {MAX_ATTRIBUTES} attributes")
    text, tossed = _first_items(text)
    if text.count("<") > 2 * MAX_DEPTH:
        _check_depth(text)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + text, tossed


def _legal_reference(match: re.Match[str]) -> str:
    body = match.group()[2:-1]
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


def _check_depth(text: str) -> None:
    depth = 0
    for match in _TAG.finditer(text):
        name = match.group(2)
        if name is None or match.group(3):
            continue
        if match.group(1):
            depth = max(depth - 1, 0)
        else:
            depth += 1
            if depth > MAX_DEPTH + MAX_ITEMS:
                raise ParseError(f"elements are nested deeper than {MAX_DEPTH}")
