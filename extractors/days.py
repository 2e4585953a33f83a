"""Which day a report says something happened on, as day of the month.

In: the beginning of a text, its language, and when it was published. Out: days of the month, in
the order of the text. Papers name the day in its local form (`13일`, `13日`, `Tuesday`) and leave
the month away, so that the day of the month is what the languages have in common.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

_DURATION_KO = (
    r"간(?!담)|째|치|분|정|차|씩|여|짜리|내|후|전(?!국|작)|부터|까지|동안|만에|이내|이후|연속"
    r"|\s(?:동안|만에|이내|이후|연속|(?:전|뒤|후|내|간)(?:에|부터|까지|만|의|\W|$))"
)
_DURATION_HAN = "間|间|目|ぶり|後|后|前|以内|內|内|連続|连续|分|付|数|至|起|から|まで|本|元"
_NOT_IN_RANGE = r"(?<![\d.,~∼～\-–−])"
_KO: Final = re.compile(rf"{_NOT_IN_RANGE}(\d{{1,2}})일(?!{_DURATION_KO})")
_HAN: Final = re.compile(
    rf"{_NOT_IN_RANGE}(\d{{1,2}})日(?!\s?(?:{_DURATION_HAN}))|\d月(\d{{1,2}})[号號]"
)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}\.?"
_EN: Final = re.compile(
    rf"\b(?P<weekday>(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b"
    rf"|\b{_MONTH}\s(?P<after>\d{{1,2}})\b(?![\d,]*\d{{3}})|\b(?P<before>\d{{1,2}})\s{_MONTH}\b"
)


def days_of(text: str, language: str, published: datetime | date | None = None) -> tuple[int, ...]:
    """Return the days of the month that a text names, the first one first, each once.

    A weekday is the nearest such day from five days before `published` to the day after it: a
    report names the day just gone, and may be dated in another time zone. Without `published`
    weekdays are left out.
    """
    base = language.split("-")[0]
    found: list[int] = []
    if base == "ko":
        found = [int(m[1]) for m in _KO.finditer(text)]
    elif base in ("ja", "zh"):
        found = [int(m[1] or m[2]) for m in _HAN.finditer(text)]
    elif base == "en":
        for match in _EN.finditer(text):
            if match["weekday"]:
                if published is not None:
                    found.append(_nearest(match["weekday"].lower(), published))
            else:
                found.append(int(match["after"] or match["before"]))
    return tuple(dict.fromkeys(day for day in found if 1 <= day <= 31))


def _nearest(weekday: str, published: datetime | date) -> int:
    back = (published.weekday() - _WEEKDAYS.index(weekday)) % 7
    return (published + timedelta(days=1 if back == 6 else -back)).day
