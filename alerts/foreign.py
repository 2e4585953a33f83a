"""Text that others wrote, made safe to show: one line, no hidden marks, cut where it may be cut."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

MAX_LINK = 2900
"""Slack takes 3,000 characters of link; a longer one is left out, the title stays."""

# Bidirectional overrides and embeddings can turn the reading order of what follows; a title has
# no need of them, since each right-to-left text is isolated as a whole (`isolate`).
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])
_FIRST_STRONG_ISOLATE = "\u2068"
_POP_ISOLATE = "\u2069"
_JOINER = "\u200d"
_MAX_MARKS = 6  # combining marks in a row; real scripts need fewer, "zalgo" text has dozens


def clean(text: str, *, strip: bool = True) -> str:
    """Return the text on one line without control characters and bidirectional tricks."""
    text = text.translate(_BIDI)
    kept = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        if category in ("Mn", "Me"):
            marks += 1
            if marks > _MAX_MARKS:
                continue
        else:
            marks = 0
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category in ("Cs", "Cn", "Co"):
            kept.append("\N{REPLACEMENT CHARACTER}")
        elif char not in "\u200b\ufeff\u00ad\u2060":
            kept.append(char)
    text = re.sub(r"\s+", " ", "".join(kept))
    return text.strip() if strip else text


def slack_length(text: str) -> int:
    """Return the length as Slack may count it at worst: UTF-16 units, `& < >` escaped."""
    extra = text.count("&") * 4 + text.count("<") * 3 + text.count(">") * 3
    return len(text.encode("utf-16-le", "surrogatepass")) // 2 + extra


def cut(text: str, limit: int) -> str:
    """Return the text, cut to `limit` (as `slack_length` counts) with an ellipsis when longer.

    Never cuts inside an emoji sequence or between a letter and its marks; prefers a space when
    one is near.
    """
    if slack_length(text) <= limit:
        return text
    end = 0
    used = 1  # the ellipsis
    for char in text:
        used += slack_length(char)
        if used > limit:
            break
        end += 1
    while 0 < end < len(text) and (_extends(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    if _is_flag_half(text, end):
        end -= 1
    space = text.rfind(" ", 0, end)
    if space > end - 15 and space > 0:
        end = space
    return text[:end].rstrip() + "…"


def isolate(text: str) -> str:
    """Return the text, wrapped so that right-to-left parts do not reorder what stands beside."""
    if any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text):
        return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"
    return text


def web_link(url: str | None) -> str | None:
    """Return the address when it is a plain web address that Slack takes as a link, else None."""
    if not url:
        return None
    url = url.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or parts.username is not None:
        return None
    url = quote(url, safe="%/:=&?~#+!$,;'@()*[]._-")
    return url if len(url) <= MAX_LINK else None


def _extends(char: str) -> bool:
    """Tell if a character belongs to the one before it."""
    code = ord(char)
    return (
        unicodedata.combining(char) != 0
        or unicodedata.category(char) in ("Mn", "Me", "Mc")
        or char == _JOINER
        or 0xFE00 <= code <= 0xFE0F  # variation selectors
        or 0x1F3FB <= code <= 0x1F3FF  # skin tones
        or 0xE0020 <= code <= 0xE007F  # tags (flags of regions)
    )


def _is_flag_half(text: str, end: int) -> bool:
    """Tell if a cut at `end` would part the two letters of a flag."""
    count = 0
    while count < end and 0x1F1E6 <= ord(text[end - 1 - count]) <= 0x1F1FF:
        count += 1
    return count % 2 == 1 and end < len(text) and 0x1F1E6 <= ord(text[end]) <= 0x1F1FF
