"""Drill: a week of cycles over a site that never stands still, then the invariants.

    python benchmarks/drill_soak.py [--cycles 500] [--seed 1]

In: six outlets on loopback that publish, edit, break and come back, and a Slack of our own that is
down for a seventh of the time.  Each cycle is a whole one (poll to publish, without Prefect).  The
clock jumps 20 minutes between cycles (time-machine), so that 500 of them make up a week, whatever
they cost.  (No feed answers 410: that is a farewell, asked again once in 30 days.)

Afterwards everything is made well, and a few quiet cycles run.  Then this must hold:

* nothing lost: every item is stored, nothing is owed, every message has left;
* nothing doubled: one article an item, one more for each text that was edited, one message a key;
* no run left open, no message that breaks Slack's rules, no orphan in the database;
* flat: memory, open files and threads over the second half, files over the quiet cycles.

The needed package time-machine is not one of presswatch's own: pip install time-machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import time_machine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.desk import Desk
from support.slack_server import TOKEN, Rules, SlackServer

from flows.demo_server import Answer, Listener, bind_all

OUTLETS = 6
STEP = timedelta(minutes=20)  # 500 cycles are a week
LISTED = 80  # items in a feed: more than an outage of `OUTAGE` cycles can bring
OUTAGE = (2, 12)  # cycles that a feed or a page is broken
QUIET_CYCLES = 12
# From one cycle to the next; a retry after a failure waits for minutes to hours.
QUIET_STEP = timedelta(hours=8)
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

    def __init__(self, seed: int) -> None:
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


@dataclass(frozen=True)
class Sample:
    """What one cycle left behind."""

    rss_mb: float
    files: int
    threads: int
    disk_mb: float
    seconds: float


def sample(folder: Path, seconds: float) -> Sample:
    status = Path("/proc/self/status").read_text()
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    disk = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            disk += path.stat().st_size if path.is_file() else 0
    return Sample(
        rss_mb=int(rss.split()[1]) / 1024,
        files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        threads=threading.active_count(),
        disk_mb=disk / 1e6,
        seconds=seconds,
    )


def soak(cycles: int, seed: int, folder: Path) -> dict[str, Any]:
    """Run the drill; return figures and complaints."""
    world = World(seed)
    world.servers = bind_all({f"o{n}": (n + 1, partial(world.answer, n)) for n in range(OUTLETS)})
    listener = Listener(world.servers.values())
    desk = Desk(
        folder,
        allow_addresses=["{}:{}".format(*s.server_address[:2]) for s in world.servers.values()],
        story_vectors="off",
        send_wait_s=3,
        hourly_cap=1000,
        jobs=1,
    )
    desk.write_feeds(
        [
            {"name": f"outlet-{n}", "url": f"{world.base(n)}/feed.xml", "outlet": f"Outlet {n}"}
            for n in range(OUTLETS)
        ]
    )
    slack_down = range(cycles // 3, cycles // 3 + max(1, cycles // 7))
    samples: list[Sample] = []
    states: Counter[str] = Counter()
    # All of it lies in the past, so that no process, on whatever clock, sees a future.
    start = datetime.now(UTC) - cycles * STEP - QUIET_CYCLES * QUIET_STEP - timedelta(days=1)
    with SlackServer(Rules(per_second=1000)) as slack, time_machine.travel(start) as clock:
        desk.env["SLACK_BOT_TOKEN"] = TOKEN
        desk.env["PRESSWATCH_SLACK_BASE_URL"] = slack.base_url
        for number in range(cycles + QUIET_CYCLES):
            if number < cycles:
                world.step(datetime.now(UTC))
                clock.shift(STEP)
            else:
                world.heal()
                clock.shift(QUIET_STEP)
            down = number in slack_down
            slack.choose_fault = lambda down=down: "503_before" if down else None  # type: ignore[misc]
            began = time.perf_counter()
            states[desk.cycle().state] += 1
            samples.append(sample(folder, time.perf_counter() - began))
            if (number + 1) % 25 == 0:
                last = samples[-1]
                print(
                    f"{number + 1} cycles, {last.seconds:.1f} s, {last.rss_mb:.0f} MB, "
                    f"{last.files} files, {last.disk_mb:.1f} MB on disk",
                    file=sys.stderr,
                    flush=True,
                )
        complaints = check(desk, world, slack, cycles) + flat(samples, cycles)
        sent = len(slack.state.messages)
    listener.close()
    half = samples[len(samples) // 2]
    return {
        "cycles": cycles,
        "seed": seed,
        "events": dict(world.events),
        "slack_down_cycles": len(slack_down),
        "run_states": dict(states),
        "messages": sent,
        "articles": desk.sql("SELECT count(*) FROM articles")[0][0],
        "seconds_per_cycle": round(statistics.median(s.seconds for s in samples), 2),
        "half_way": half.__dict__,
        "at_the_end": samples[-1].__dict__,
        "complaints": complaints,
    }


def check(desk: Desk, world: World, slack: SlackServer, cycles: int) -> list[str]:
    """Return what was lost, doubled or left open."""
    found = []
    stored = Counter(
        {(feed, guid): n for feed, guid, n in desk.sql(
            "SELECT feed, guid, count(*) FROM articles GROUP BY ALL"
        )}
    )  # fmt: skip
    for n, outlet in enumerate(world.outlets):
        for item in outlet.items:
            count = stored.pop((f"outlet-{n}", f"{n}-{item.n}"), 0)
            if count != len(item.edits_seen):
                found.append(
                    f"item {n}-{item.n}: {count} rows for {len(item.edits_seen)} texts served"
                )
            if item.text not in item.edits_seen:
                found.append(f"item {n}-{item.n}: its last edit was never fetched")
    found += [f"stored but never published: {key}" for key in stored]
    for sql, what in (
        ("SELECT count(*) FROM owed_entries WHERE state = 'pending'", "entries still owed"),
        ("SELECT count(*) FROM owed_entries WHERE state = 'gave_up'", "entries given up"),
        ("SELECT count(*) FROM runs WHERE state IN ('running', 'crashed')", "runs not ended"),
        (f"SELECT count(*) - {cycles + QUIET_CYCLES} FROM runs", "runs too many"),
        (
            "SELECT count(*) FROM alerts WHERE state NOT IN ('sent', 'withdrawn', 'digested')",
            "messages that did not leave",
        ),
    ):
        count = desk.sql(sql)[0][0]
        if count:
            found.append(f"{count} {what}")
    keys = Counter(m.alert_key for m in slack.state.messages if m.alert_key)
    found += [f"message sent {n} times: {key}" for key, n in keys.items() if n > 1]
    rows = {row[0] for row in desk.sql("SELECT alert_key FROM alerts WHERE state = 'sent'")}
    found += [f"never arrived: {key}" for key in rows - set(keys)]
    found += slack.state.violations
    return found + desk.app().store.examine()


def flat(samples: list[Sample], cycles: int) -> list[str]:
    """Return what grew: medians of the last fifth against the one that begins half-way."""
    fifth = max(3, cycles // 5)
    middle, late = samples[cycles // 2 : cycles // 2 + fifth], samples[cycles - fifth : cycles]
    found = []

    def median(of: list[Sample], name: str) -> float:
        return float(statistics.median(getattr(s, name) for s in of))

    # 20 MB: what the allocator and DuckDB's buffers swing by between two equal cycles here.
    for name, slack in (("rss_mb", 20.0), ("files", 2.0), ("threads", 1.0)):
        before, after = median(middle, name), median(late, name)
        if after > before * 1.1 + slack:
            found.append(f"{name} grew from {before:.0f} to {after:.0f}")
    quiet = samples[cycles + 2 :]
    if quiet[-1].disk_mb > quiet[0].disk_mb * 1.1 + 2:
        found.append(f"files grew while idle: {quiet[0].disk_mb:.1f} to {quiet[-1].disk_mb:.1f} MB")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cycles", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="presswatch-soak-") as folder:
        report = soak(args.cycles, args.seed, Path(folder))
    print(json.dumps(report, indent=2))
    return 1 if report["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
