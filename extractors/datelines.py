"""Dates and times as news pages print them, in English, Korean, Japanese and Chinese.

In: a line that holds a date.  Out: an aware UTC time and whether the line named its zone, or None.
It does not decide which line holds the publication date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

_MONTHS: Final = {
    name: i + 1
    for i, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    )
}
_ZONES: Final = {
    "utc": 0, "gmt": 0, "z": 0, "bst": 60, "cet": 60, "cest": 120, "est": -300, "edt": -240,
    "et": -300, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
    "pt": -480, "kst": 540, "jst": 540, "hkt": 480, "sgt": 480, "ist": 330, "aest": 600,
    "aedt": 660,
}  # fmt: skip
"""Minutes east of UTC. CST and IST are read as America's and India's, as English pages do."""

_NAME: Final = r"(?P<mon>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{0,6}\.?"
_DATES: Final = tuple(
    re.compile(p, re.I)
    for p in (
        r"(?<!\d)(?P<y>(?:19|20)\d\d)\s?[-/.年년]\s?(?P<m>\d{1,2})\s?[-/.月월]\s?(?P<d>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<d>\d{1,2})(?:st|nd|rd|th)?\s{1,3}" + _NAME + r",?\s{1,3}(?P<y>(?:19|20)\d\d)",
        r"\b" + _NAME + r"\s{1,3}(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s{1,3}(?P<y>(?:19|20)\d\d)",
    )
)
_TIME: Final = re.compile(
    r"(?P<pre>오전|오후|午前|午後|上午|下午)?\s?(?<!\d)(?P<h>\d{1,2})\s?[:：時时시]\s?(?P<min>\d{2})"
    r"(?:[:：分분]\s?(?P<s>\d{2}))?(?!\d)\s?[分분]?\s?(?P<post>[ap]\.?m\.?)?",
    re.I,
)
_OFFSET: Final = re.compile(r"(?:utc|gmt)?\s?(?P<sign>[+-])(?P<h>\d{2}):?(?P<m>\d{2})\b", re.I)
_ZONE: Final = re.compile(r"\b(" + "|".join(sorted(_ZONES, key=len, reverse=True)) + r")\b", re.I)


def parse_timestamp(text: str, zone: tzinfo = UTC) -> tuple[datetime, bool] | None:
    """Return the first date in the line as UTC, and whether it named a zone (`zone` otherwise)."""
    text = text[:200]
    for pattern in _DATES:
        found = pattern.search(text)
        if found:
            break
    else:
        return None
    parts = found.groupdict()
    month = _MONTHS[parts["mon"][:3].lower()] if parts.get("mon") else int(parts["m"])
    rest = text[found.end() :]
    hour, minute, second = 0, 0, 0
    clock = _TIME.search(rest) or _TIME.search(text[: found.start()])
    if clock:
        hour, minute = int(clock["h"]), int(clock["min"])
        second = int(clock["s"] or 0)
        half = (clock["post"] or "").lower()
        pre = clock["pre"] or ""
        if (half.startswith("p") or pre in ("오후", "午後", "下午")) and hour < 12:
            hour += 12
        elif (half.startswith("a") or pre in ("오전", "午前", "上午")) and hour == 12:
            hour = 0
    where, zoned = _zone(text if not clock else text.replace(found.group(), " "))
    try:
        moment = datetime(
            int(parts["y"]), month, int(parts["d"]), hour, minute, second, tzinfo=where or zone
        )
        return moment.astimezone(UTC), zoned
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> tuple[tzinfo | None, bool]:
    offset = _OFFSET.search(text)
    if offset and int(offset["h"]) <= 14:
        minutes = int(offset["h"]) * 60 + int(offset["m"])
        return timezone(timedelta(minutes=minutes if offset["sign"] == "+" else -minutes)), True
    named = _ZONE.search(text)
    if named:
        return timezone(timedelta(minutes=_ZONES[named.group(1).lower()])), True
    return None, False
