"""A newsroom of our own: labelled articles as an examiner would make them, from `tests/quality`.

In: the texts in `tests/quality/newsroom/*.toml`, all written for this. Out: articles with the copy
cluster and the story that they belong to. Copies are cut, excerpted, put under other headlines and
datelines, given other forms of numbers, lengthened, corrected; templates come on several days;
events are told independently in up to four languages.
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "quality" / "newsroom"
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
ISSUES = 4  # of each template
FULL_WIDTH = str.maketrans("0123456789.%", "０１２３４５６７８９．％")
HALF_WIDTH = {wide: narrow for narrow, wide in FULL_WIDTH.items()}
_PLACES = {
    "en": ("MELBROOK, March {} (Reuters) - ", "CARRICK (AP) — ", "By a staff reporter\n"),
    "ko": ("(서울=연합뉴스) 한지민 기자 = ", "[서울=뉴시스] 오세인 기자 = ", "디지털뉴스팀\n"),
    "ja": ("【東京共同】", "（東京　{}日　時事）", "編集部\n"),
    "zh": ("新华社北京3月{}日电 ", "中新社北京3月{}日电 ", "本报讯 "),
}
_HEADS = {
    "en": ("{}: what we know", "Report: {}", "{} | National desk"),
    "ko": ("[종합] {}", "{}(사진)", '"{}" 전국이 주목'),
    "ja": ("{}＝関係者", "【社会】{}", "{}　地元に波紋"),
    "zh": ("{}_国内新闻", "快讯：{}", "{}（图）"),
}
_TAILS = {
    "en": (
        "Sign up for our morning letter and never miss a story.",
        "The full report is on our partner's site.",
    ),
    "ko": (
        "제보는 카카오톡 채널에서 받습니다. 무단 전재 및 재배포 금지",
        "기사 전문은 제휴사 누리집에서 볼 수 있습니다.",
    ),
    "ja": ("記事の続きは会員の方がご覧になれます。", "全文は提携社のサイトで読めます。"),
    "zh": ("责任编辑：本站综合。更多内容请下载客户端。", "全文请见合作媒体网站。"),
}
_NOTES = {
    "en": "Correction: an earlier version of this article gave a wrong figure.",
    "ko": "[정정] 본문 둘째 단락의 수치를 바로잡습니다.",
    "ja": "【訂正】２段落目の数字に誤りがありました。",
    "zh": "更正：本文第二段数字有误，现已改正。",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One article. `copy` and `story` are the labels; `kind` says how it was made.

    `family` is the subject of an event, as a desk's topic would be.
    """

    id: str
    lang: str
    outlet: str
    title: str
    text: str
    at: datetime
    copy: str
    story: str
    kind: str
    family: str = ""

    def row(self) -> dict[str, str]:
        """The article as a line of JSONL for `presswatch ingest`."""
        host = re.sub(r"[^a-z0-9]+", "-", self.outlet.lower())
        return {
            "id": self.id, "source": self.outlet, "title": self.title, "text": self.text,
            "lang": self.lang, "published": self.at.isoformat(),
            "url": f"https://{host}.example/{self.id}",
        }  # fmt: skip


@lru_cache(maxsize=1)
def newsroom() -> tuple[Told, ...]:
    """All articles but the held-out ones, in the order of their time."""
    told = [*_copies(), *_followups(), *_issues(), *_events("events")]
    return tuple(sorted(told, key=lambda one: (one.at, one.id)))


@lru_cache(maxsize=1)
def held_out() -> tuple[Told, ...]:
    """The events that were written after the rules, in the order of their time."""
    return tuple(sorted(_events("events_held"), key=lambda one: (one.at, one.id)))


def _read(name: str, file: str | None = None) -> list[dict[str, Any]]:
    data = tomllib.loads((FOLDER / f"{file or name + 's'}.toml").read_text("utf-8"))
    entries: list[dict[str, Any]] = data[name]
    return entries


def _copies() -> list[Told]:
    told: list[Told] = []
    bases = _read("base")
    for n, base in enumerate(bases):
        lang, title = base["lang"], base["title"]
        parts = base["text"].strip().split("\n")
        day = 2 + n
        begin = START + timedelta(days=day - 1, hours=n % 5)
        places, heads, tails = _PLACES[lang], _HEADS[lang], _TAILS[lang]
        first, second = base["inserts"]
        longer = [*parts[:2], first, *parts[2:4], second, *parts[4:]]
        led = places[0].format(day) + parts[0]
        cut = [places[1].format(day) + parts[0], *parts[1 : len(parts) * 3 // 5]]
        edited = [*swapped(parts, base["swaps"])[:-1], first]
        report, aside, patched = heads[1].format(title), heads[2].format(title), miscounted(parts)
        made: list[tuple[str, str, str, list[str], float]] = [
            ("first", "Wire", title, [led, parts[1]], -1.5),
            ("base", "Wire", title, [led, *parts[1:]], 0),
            ("wire", "Courier", heads[0].format(title), [*parts, tails[0]], 0.6),
            ("cut", "Gazette", report, cut, 1.3),
            ("excerpt", "Portal", title, [*parts[:3], tails[1]], 2.1),
            ("dateline", "Tribune", aside, [places[2] + parts[0], *parts[1:-1]], 2.9),
            ("numbers", "Herald", title, [renumbered(part, lang) for part in parts], 4.2),
            ("inserted", "Observer", report, longer, 5.5),
            ("edited", "Evening Post", aside, edited, 7.0),
            ("corrected", "Wire", title, [*patched, _NOTES[lang]], 9.0),
            ("reordered", "Digest", report, [*parts[:2], *reversed(parts[2:])], 11.0),
        ]
        told += [
            Told(
                id=f"{base['id']}-{kind}", lang=lang, outlet=f"{lang} {outlet}", title=head,
                text="\n".join(lines), at=begin + timedelta(hours=hours), copy=base["id"],
                story=base["id"], kind=kind,
            )
            for kind, outlet, head, lines, hours in made
        ]  # fmt: skip
    return told + _roundups(bases)


def _roundups(bases: list[dict[str, Any]]) -> list[Told]:
    """Of each language one page that carries two whole articles and the lead of a third."""
    told = []
    for lang in ("en", "ko", "ja", "zh"):
        own = [base for base in bases if base["lang"] == lang][:3]
        parts = [base["text"].strip() for base in own]
        text = "\n".join([parts[0], parts[1], parts[2].split("\n")[0]])
        last = max(START + timedelta(days=1 + bases.index(base)) for base in own)
        told.append(
            Told(
                id=f"roundup-{lang}", lang=lang, outlet=f"{lang} Digest",
                title=own[0]["title"][:12] + " …", text=text, at=last + timedelta(hours=20),
                copy=f"roundup-{lang}", story=f"roundup-{lang}", kind="roundup",
            )
        )  # fmt: skip
    return told


def _followups() -> list[Told]:
    bases = {base["id"]: (n, base) for n, base in enumerate(_read("base"))}
    told = []
    for follow in _read("followup"):
        n, base = bases[follow["base"]]
        parts = base["text"].strip().split("\n")
        text = "\n".join([follow["text"].strip(), *(parts[at] for at in follow["background"])])
        told.append(
            Told(
                id=f"{base['id']}-next", lang=base["lang"], outlet=f"{base['lang']} Wire",
                title=follow["title"], text=text,
                at=START + timedelta(days=2 + n, hours=n % 5 + 1), copy=f"{base['id']}-next",
                story=base["id"], kind="followup",
            )
        )  # fmt: skip
    return told


def _issues() -> list[Told]:
    told = []
    for n, template in enumerate(_read("template")):
        for issue in range(ISSUES):
            rng = random.Random(f"{n}/{issue}")
            name = f"{template['kind']}-{template['lang']}-{issue}"
            fill = {"day": str(3 + issue)}
            told.append(
                Told(
                    id=name, lang=template["lang"], outlet=f"{template['lang']} Wire",
                    title=filled(template["title"], rng, fill),
                    text=filled(template["text"].strip(), rng, fill),
                    at=START + timedelta(days=2 + issue, hours=n % 7), copy=name, story=name,
                    kind=f"template {template['kind']}",
                )
            )  # fmt: skip
    return told


def _events(file: str) -> list[Told]:
    told = []
    for n, event in enumerate(_read("event", file)):
        begin = START + timedelta(days=event["day"] - 1, hours=n % 9)
        for k, (key, telling) in enumerate((k, v) for k, v in event.items() if isinstance(v, dict)):
            lang, _, later = key.partition("_")
            name = f"{event['id']}-{key}"
            told.append(
                Told(
                    id=name, lang=lang, outlet=f"{lang} {'Courier' if later else 'Wire'}",
                    title=telling["title"], text=telling["text"],
                    at=begin + timedelta(hours=24 if later == "next" else 1.7 * k), copy=name,
                    story=event["id"], kind="event", family=event["family"],
                )
            )  # fmt: skip
    return told


_SLOT = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"(-?\d+)(\.\d+)?-(\d+)(\.\d+)?$")


def filled(text: str, rng: random.Random, names: dict[str, str]) -> str:
    """A template with its slots filled."""

    def fill(slot: re.Match[str]) -> str:
        inner = slot[1]
        if inner in names:
            return names[inner]
        if found := _RANGE.match(inner):
            digits = len(found[2]) - 1 if found[2] else 0
            low, high = float(found[1] + (found[2] or "")), float(found[3] + (found[4] or ""))
            return (
                f"{rng.uniform(low, high):.{digits}f}"
                if digits
                else str(rng.randint(int(low), int(high)))
            )
        return rng.choice(inner.split("|"))

    return _SLOT.sub(fill, text)


def renumbered(text: str, lang: str) -> str:
    """The same numbers as another paper writes them."""
    if lang == "en":
        text = re.sub(r"(\d) percent", r"\1%", text)
        return re.sub(r"(?<=\d),(?=\d{3})", "", text)
    if lang == "ko":
        text = re.sub(r"(\d)천(\d{3})", r"\1,\2", text).replace("여명", "여 명")
        return re.sub(r"(\d+)(명|곳|척|개|대|억원|만원)", r"\1 \2", text)
    if lang == "ja":
        return text.replace("・", ".").translate(HALF_WIDTH)
    return re.sub(r"(?<=\d)(?=\d{3}(?!\d))", ",", text).replace("%", "％")


def swapped(parts: list[str], swaps: dict[str, str]) -> list[str]:
    """The text with an editor's other words."""
    text = "\n".join(parts)
    for old, new in swaps.items():
        if old not in text:
            raise ValueError(f"not in the text: {old}")
        text = text.replace(old, new)
    return text.split("\n")


def miscounted(parts: list[str]) -> list[str]:
    """The text with one figure of the second paragraph set right."""
    return [
        parts[0],
        re.sub(r"[1-8１-８]", lambda d: chr(ord(d[0]) + 1), parts[1], count=1),
        *parts[2:],
    ]
