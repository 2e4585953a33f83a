"""The changing news site of `drill_soak.py`: outlets that publish, edit, break and come back.

In: a seed and a step a cycle.  Out: HTTP answers, and what was published and served, for the
accounts.  Nothing here knows presswatch, except that its server is the demo's.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from typing import Any

from flows.demo_server import Answer

OUTLETS = 6
LISTED = 160  # items in a feed: more than a day's outage and the wait after it can bring
OUTAGE = (2, 12)  # cycles that a feed or a page is broken
DEAD_CYCLES = 72  # one feed is gone for a day (404), then comes back
_WORDS = """
    the a of to in and for with after before under over council harbour ministry bridge river
    school budget engineer harvest market railway festival storm doctor museum library teacher
    inquiry tender contract pilot island valley workshop survey permit station captain orchard
    opened closed delayed reviewed repaired announced measured counted promised refused planted
""".split()  # noqa: SIM905
# Words, not numbers: presswatch takes numbers that change in a feed for counters.
_EDITIONS = ("first", "second", "third", "fourth", "fifth", "last")
_TOPIC_LINE = (
    "The two defence ministers discussed the transfer of wartime operational control (OPCON) to "
    "South Korea and the conditions that must be met before the date is set."
)


@dataclass
class Item:
    """One article of an outlet; `text` counts its versions."""

    n: int
    at: datetime
    text: int = 0
    on_topic: bool = False
    broken_until: int = 0
    edits_seen: set[int] = field(default_factory=set)


@dataclass
class Outlet:
    """One outlet: what it has published, and until which cycle its feed is broken, and how."""

    items: list[Item] = field(default_factory=list)
    broken_until: int = 0
    fault: int = 503


class World:
    """The changing site. One call of `step` a cycle."""

    def __init__(self, seed: int, *, dies_at: int) -> None:
        self.dies_at = dies_at
        self.rng = random.Random(seed)
        self.outlets = [Outlet() for _ in range(OUTLETS)]
        self.cycle = 0
        self.lock = threading.Lock()
        self.events: Counter[str] = Counter()
        self.servers: dict[str, Any] = {}

    def step(self, now: datetime) -> None:
        """Publish, edit and break things, as chance will have it."""
        with self.lock:
            self.cycle += 1
            for outlet in self.outlets:
                for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
                    item = Item(n=len(outlet.items), at=now - timedelta(minutes=2))
                    item.on_topic = self.rng.random() < 0.06
                    if self.rng.random() < 0.04:
                        item.broken_until = self.cycle + self.rng.randint(*OUTAGE)
                        self.events["pages broken"] += 1
                    outlet.items.append(item)
                    self.events["items"] += 1
                if outlet.items and self.rng.random() < 0.05:
                    self.rng.choice(outlet.items[-10:]).text += 1
                    self.events["edits"] += 1
                if outlet is self.outlets[2] and self.cycle == self.dies_at:
                    outlet.broken_until, outlet.fault = self.cycle + DEAD_CYCLES, 404
                    self.events["feeds gone for a day"] += 1
                if outlet.broken_until < self.cycle and self.rng.random() < 0.02:
                    outlet.broken_until = self.cycle + self.rng.randint(*OUTAGE)
                    outlet.fault = self.rng.choice((503, 404, 200))  # 200: a web page
                    self.events[f"feeds broken ({outlet.fault})"] += 1

    def heal(self) -> None:
        """Make everything well."""
        with self.lock:
            for outlet in self.outlets:
                outlet.broken_until = 0
                for item in outlet.items:
                    item.broken_until = 0

    def base(self, n: int) -> str:
        ip, port = self.servers[f"o{n}"].server_address[:2]
        return f"http://{ip}:{port}"

    def answer(self, n: int, path: str, headers: Mapping[str, str]) -> Answer:
        with self.lock:
            outlet = self.outlets[n]
            if path == "/feed.xml":
                if outlet.broken_until >= self.cycle:
                    return _answer(outlet.fault, "text/html", "<html><body>sorry</body></html>")
                return _answer(200, "application/rss+xml", self.feed(n, outlet))
            if path.startswith("/news/"):
                item = outlet.items[int(path[6:])]
                if item.broken_until >= self.cycle:
                    return _answer(503, "text/plain", "busy")
                item.edits_seen.add(item.text)
                return _answer(200, "text/html; charset=utf-8", self.page(n, item))
        return _answer(404, "text/plain", "no such page")

    def title(self, n: int, item: Item) -> str:
        rng = random.Random(f"title {n} {item.n}")
        return " ".join(rng.choice(_WORDS) for _ in range(8)).capitalize() + f" {n}-{item.n}"

    def feed(self, n: int, outlet: Outlet) -> str:
        items = "".join(
            f"<item><title>{escape(self.title(n, item))}</title>"
            f"<guid isPermaLink='false'>{n}-{item.n}</guid>"
            f"<link>{self.base(n)}/news/{item.n}</link>"
            f"<description>Report, {_EDITIONS[min(item.text, 5)]} edition.</description>"
            f"<pubDate>{format_datetime(item.at)}</pubDate></item>"
            for item in reversed(outlet.items[-LISTED:])
        )
        return (
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>Outlet {n}</title>'
            f"<link>{self.base(n)}</link>{items}</channel></rss>"
        )

    def page(self, n: int, item: Item) -> str:
        rng = random.Random(f"page {n} {item.n}")
        lines = []
        for _ in range(6):
            words = [
                " ".join(rng.choice(_WORDS) for _ in range(rng.randint(9, 20))).capitalize() + "."
                for _ in range(3)
            ]
            lines.append(" ".join(words))
        if item.on_topic:
            lines.insert(1, _TOPIC_LINE)
        for version in range(item.text):
            extra = random.Random(f"edit {n} {item.n} {version}")
            lines.append(" ".join(extra.choice(_WORDS) for _ in range(40)).capitalize() + ".")
        body = "".join(f"<p>{line}</p>" for line in lines)
        return (
            f'<!doctype html><html lang="en"><head><title>{self.title(n, item)}</title></head>'
            f"<body><article><h1>{self.title(n, item)}</h1>{body}</article></body></html>"
        )


def _answer(status: int, kind: str, text: str) -> Answer:
    return Answer(status=status, headers={"Content-Type": kind}, body=text.encode("utf-8"))
