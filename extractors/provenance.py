"""Where a text comes from: which news agency's copy it is.

In: the shapes of the body's lines.  Out: an agency's name or None.  Other provenance (AI-written,
translated, opinion ...) is said by rules with a `provenance` key (docs/boilerplate-rules.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from extractors.lines import Shape

_AGENCIES: Final = {
    "reuters": "reuters", "ap": "ap", "associated press": "ap", "afp": "afp", "yonhap": "yonhap",
    "연합뉴스": "yonhap", "聯合ニュース": "yonhap", "聯合": "yonhap", "韩联社": "yonhap",
    "xinhua": "xinhua", "新华社": "xinhua", "新華社": "xinhua", "kyodo": "kyodo",
    "共同": "kyodo", "時事": "jiji", "jiji": "jiji", "中央社": "cna", "cna": "cna",
    "dpa": "dpa", "upi": "upi", "tass": "tass", "뉴시스": "newsis", "뉴스1": "news1",
    "中新社": "cns", "中新网": "cns", "efe": "efe", "ansa": "ansa", "pti": "pti", "ani": "ani",
    "bernama": "bernama", "antara": "antara", "anadolu": "anadolu", "kcna": "kcna",
    "conversation": "", "canadian press": "canadian-press", "bloomberg": "bloomberg",
    "cnn": "", "ロイター": "reuters", "路透社": "reuters", "法新社": "afp", "美联社": "ap",
    "美聯社": "ap", "共同社": "kyodo", "時事通信": "jiji", "共同通信": "kyodo",
}  # fmt: skip

_DATELINE: Final = re.compile(
    r"^[A-Z][\w .,'/-]{1,60}\((?P<a>[A-Za-z ]{2,20})\)\s?(?:-{1,2}|–|—)"
    r"|^\([^()=]{1,20}=(?P<b>[^()=\s]{2,8})\)"
    r"|^【[^】]{0,12}?(?P<c>聯合ニュース|共同|時事|ロイター)】"
    r"|^(?P<d>新华社|新華社|中新社|中新网|中央社)[^ ]{1,20}[电電]"
    r"|^[（(](?P<e>中央社)[^）)]{1,30}[）)]"
)
_CREDIT: Final = re.compile(
    r"[（(](?P<a>共同|時事|ロイター|Reuters|AP|AFP|Yonhap|Kyodo|Xinhua)[)）]$"
    r"|^\(?Reporting by [A-Z][\w .,'-]{2,200}; ?[Ee]diting by (?P<b>\w)"
)


def wire_agency(shapes: Sequence[Shape]) -> str | None:
    """Return the agency whose copy this is, by dateline (first lines) or signature (last)."""
    for shape in shapes[:4]:
        found = _DATELINE.match(shape.norm)
        if found:
            name = next((g for g in found.groups() if g), "").strip().lower()
            if _AGENCIES.get(name):
                return _AGENCIES[name]
    for shape in shapes[-3:]:
        found = _CREDIT.search(shape.norm[-300:])
        if found:
            if found.group("b"):
                return "reuters"
            return _AGENCIES.get(found.group("a").lower()) or None
    return None
