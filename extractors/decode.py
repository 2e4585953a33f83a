"""Bytes as served → text, whatever the labels say.

In: the bytes of a page or feed, its `Content-Type` header if any, and an encoding that the caller
was told. Out: text in NFC without NULs and lone surrogates, and the name of the encoding used.
It never fails: bytes that are no text at all come out as windows-1252 or with U+FFFD.

How it decides: a byte order mark; then UTF-8, which other encodings' text practically never is by
accident; then the escape sequences of ISO-2022; then a contest between the encodings that were
declared (header, `<meta>`, XML declaration, caller) and the legacy encodings of East Asia, judged
by what the decoded text looks like. A label only adds weight, because servers send wrong ones:
`iso-8859-1` on EUC-KR pages, `utf-8` on CP949 pages, `gb2312` on Big5 pages. Labels are read as
browsers read them (WHATWG Encoding Standard: gb2312 means GB18030, euc-kr means CP949 ...).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Final

from extractors.legacy_text import most_plausible, plausibility

HEAD_BYTES: Final = 4096
"""Where a page may declare its encoding. HTML says 1,024; pages put scripts before the meta tag."""

SAMPLE_BYTES: Final = 200_000
"""The contest judges this many bytes; more does not change a verdict and costs time."""

MAX_BAD_SHARE: Final = 0.02
"""Broken multi-byte characters that an encoding may have (cut pages, advertisements in another
encoding) and still be believed. Wrong East Asian encodings fail on 5 % and more."""

DECLARED_BONUS: Final = 0.15
"""What one label is worth on the 0-1 scale of plausibility. Two labels that agree add twice."""

# WHATWG labels that Python would read otherwise, and Python's own names.
_LABELS: Final[dict[str, str]] = {
    "ascii": "windows-1252",
    "us-ascii": "windows-1252",
    "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252",
    "latin1": "windows-1252",
    "latin-1": "windows-1252",
    "iso-8859-9": "windows-1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "euc-kr": "cp949",
    "euckr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksc5601": "cp949",
    "ksc_5601": "cp949",
    "uhc": "cp949",
    "ms949": "cp949",
    "x-windows-949": "cp949",
    "windows-949": "cp949",
    "johab": "johab",
    "gb2312": "gb18030",
    "gb_2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "big-5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "big5hkscs": "big5hkscs",
    "cp950": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "ms932": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "euc-jp": "euc-jp",
    "eucjp": "euc-jp",
    "x-euc-jp": "euc-jp",
    "iso-2022-jp": "iso-2022-jp",
    "utf8": "utf-8",
    "utf-8": "utf-8",
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "unicode": "utf-16-le",
}

# Codecs to try under one name, widest last: JIS X 0213 adds the NEC row, cp950 Microsoft's cells.
_CODECS: Final[dict[str, tuple[str, ...]]] = {
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "big5hkscs": ("big5hkscs", "cp950"),
    "iso-2022-jp": ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_3"),
}
_EAST_ASIAN: Final = ("cp949", "cp932", "euc-jp", "gb18030", "big5hkscs")
_SINGLE_BYTE: Final = (
    "windows-1252",
    "windows-1251",
    "koi8-r",
    "windows-1250",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "cp874",
)

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_META: Final = re.compile(
    rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE
)
_XML: Final = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{2,40})")
_HEADER: Final = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_ISO_2022: Final = re.compile(rb"\x1b(?:\$[@B]|\$\([DOPQ]|\([JI])")
_ISO_2022_KR: Final = b"\x1b$)C"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
MAX_MARKS: Final = 30
# Combining marks are no word characters; what else such a run holds is looked at one by one.
_MARKS: Final = re.compile(r"[^\w\s\x00-\x7f]{31,}")


def decode_page(
    content: bytes, content_type: str | None = None, declared: str | None = None
) -> tuple[str, str]:
    """Return the text of `content` and the encoding it was read as.

    `content_type` is the HTTP header; `declared` what the caller knows (a JSONL's `encoding`).
    """
    text, encoding = decode_raw(content, content_type, declared)
    return clean_text(text), encoding


def decode_raw(
    content: bytes, content_type: str | None = None, declared: str | None = None
) -> tuple[str, str]:
    """As `decode_page`, but the text as it is: for markup, of which little is kept in the end."""
    for bom, name in _BOMS:
        if content.startswith(bom):
            return content[len(bom) :].decode(name, "replace"), name
    wide = find_utf16(content)
    if wide is not None:
        return content.decode(wide, "replace"), wide
    if b"\x1b" in content:
        if _ISO_2022.search(content):
            return _decode_lenient(content, "iso-2022-jp"), "iso-2022-jp"
        if _ISO_2022_KR in content:
            return content.decode("iso2022_kr", "replace"), "iso2022_kr"
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    encoding = _contest(content, _declared(content, content_type, declared))
    return _decode_lenient(content, encoding), encoding


def clean_text(text: str) -> str:
    """Return text in NFC without NULs and lone surrogates; most text comes back as it is."""
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = _join_surrogates(text)
    return compose(text)


def compose(text: str) -> str:
    """Return text in NFC; of a run of combining marks at most 30 stay.

    Putting marks into their canonical order takes quadratic time, so that a page of accents would
    take minutes. No language stacks more than 30 (Unicode UAX #15, Stream-Safe Text Format).
    """
    if _MARKS.search(text):
        text = _MARKS.sub(_stream_safe, text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _stream_safe(match: re.Match[str]) -> str:
    out: list[str] = []
    marks = 0
    for char in match.group():
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MAX_MARKS:
            out.append(char)
    return "".join(out)


def _join_surrogates(text: str) -> str:
    """Join surrogate pairs (JSON and JavaScript escapes have them), drop single halves."""
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _SURROGATE.sub("", joined).replace("\ufffd", "") if "\ufffd" not in text else joined


def canonical_label(label: str | None) -> str | None:
    """Return our name for an encoding label as browsers understand it, None for an unknown one."""
    if not label:
        return None
    name = label.strip().strip("\"'").lower()
    if name in _LABELS:
        return _LABELS[name]
    try:
        return _LABELS.get(codecs.lookup(name).name, codecs.lookup(name).name)
    except (LookupError, ValueError, UnicodeError):
        return None


def _declared(content: bytes, content_type: str | None, declared: str | None) -> list[str]:
    """All labels, the strongest first; a label may come twice."""
    head = content[:HEAD_BYTES]
    labels: list[str | None] = [declared]
    header = _HEADER.search(content_type or "")
    labels.append(header[1] if header else None)
    for pattern in (_META, _XML):
        found = pattern.search(head)
        labels.append(found[1].decode("ascii", "replace") if found else None)
    names = (canonical_label(label) for label in labels)
    # A label that could be read is in ASCII, so the page is not UTF-16.
    return [n for n in names if n and not n.startswith(("utf-16", "utf-32")) and _is_text(n)]


def _is_text(name: str) -> bool:
    try:
        return isinstance(b"a".decode(_codec_names(name)[0]), str)
    except (LookupError, UnicodeError, AssertionError):
        return False


def find_utf16(content: bytes) -> str | None:
    """Tell UTF-16 without a byte order mark by the NULs of its ASCII markup; else None.

    East Asian characters bring no NULs but a few in the other half (U+3000, U+4E00).
    """
    head = content[:400]
    if len(head) < 8 or b"\x00" not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    few = 0.2 * (len(head) // 2)
    if odd > few and odd > 6 * even:
        return "utf-16-le"
    if even > few and even > 6 * odd:
        return "utf-16-be"
    return None


def _contest(content: bytes, labels: list[str]) -> str:
    """Return the encoding in which the non-ASCII text looks most like a language."""
    sample = _sample(content)
    if not sample:
        return "utf-8"
    best, best_score = "windows-1252", 0.0
    names = dict.fromkeys([*labels, "utf-8", *_EAST_ASIAN, *_SINGLE_BYTE])
    for name in names:
        bonus = DECLARED_BONUS * min(labels.count(name), 2)
        if most_plausible(name) + bonus <= best_score:
            continue  # it cannot win
        score = _judge(sample, name)
        if score is None:
            continue
        score += bonus
        if score > best_score:
            best, best_score = name, score
    return best


def _sample(content: bytes) -> bytes:
    """The lines that have non-ASCII bytes, so that scripts and markup do not fill the sample."""
    lines = (line for line in re.split(rb"[\r\n]+", content) if not line.isascii())
    out = bytearray()
    for line in lines:
        out += line[:20_000] + b"\n"
        if len(out) >= SAMPLE_BYTES:
            break
    return bytes(out)


def _judge(sample: bytes, name: str) -> float | None:
    """Plausibility 0-1 of the sample read as `name`; None when too much of it is broken."""
    text = _decode_lenient(sample, name)
    bad = text.count("\ufffd")
    non_ascii = len(text) - len(text.encode("ascii", "ignore"))
    if name == "utf-8":
        # Strict UTF-8 failed already; nearly whole UTF-8 (a cut page) is still nothing else.
        return 1.0 if non_ascii > 4 * bad else None
    if bad > max(2, MAX_BAD_SHARE * non_ascii):
        return None
    return plausibility(text, name) - 5.0 * bad / max(non_ascii, 1)


def _codec_names(name: str) -> tuple[str, ...]:
    return _CODECS.get(name, (name,))


def _decode_lenient(content: bytes, name: str) -> str:
    """Decode with the first codec of the family that takes all of it, else mark what is broken."""
    codec_names = _codec_names(name)
    for codec in codec_names:
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    texts = (content.decode(codec, "replace") for codec in codec_names)
    return min(texts, key=lambda text: text.count("\ufffd"))
