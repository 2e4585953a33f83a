"""Drill: a week of `presswatch serve` over a site that never stands still, then the invariants.

    python benchmarks/drill_soak.py [--cycles 504] [--minutes 240] [--without-prefect] [--jobs 1]

In: six outlets on loopback that publish, edit, break and come back (one is gone for a whole day),
and a Slack of our own that is down for a day.  The real command `presswatch serve --every 20m` runs
in a process of its own, with the embedded Prefect and its SQLite database; each cycle is a Prefect
flow run over HTTP, DuckDB and Slack.  The wall clock of all processes jumps 20 minutes between the
cycles (shifted_clock.py; needs a C compiler), so that 504 of them make up a week, whatever they
cost.  The one thing that is not as delivered: `serve` asks for due runs every half second instead
of every five.  `--without-prefect` runs the same cycles as plain calls in this process.
(No feed answers 410: that is a farewell, asked again once in 30 days.)

Afterwards everything is made well, and a few quiet cycles run.  Then this must hold:

* nothing lost: every item is stored, nothing is owed, every message has left;
* nothing doubled: one article an item, one more for each text that was edited, one message a key;
* no run left open, no message that breaks Slack's rules, no orphan in the database;
* flat, once Prefect's history (`--history-days 2`) is full: memory, open files and threads of
  `serve` and of Prefect's server, Prefect's database and each of its tables; files over the quiet
  cycles.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from shifted_clock import Clock, own_clock
from soak_samples import (
    Sample,
    folder_figures,
    grown,
    named_processes,
    prefect_figures,
    process_figures,
)
from soak_world import OUTLETS, World

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.desk import Desk
from support.slack_server import TOKEN, Rules, SlackServer

from flows.demo_server import Listener, bind_all

STEP = timedelta(minutes=20)  # 504 cycles are a week
DAY = timedelta(days=1) // STEP
QUIET_CYCLES = 12
# From one cycle to the next; a retry after a failure waits for minutes to hours.
QUIET_STEP = timedelta(hours=8)
RUN_TIMEOUT_S = 300  # a cycle that takes longer hangs
SHOWN_EVERY = 50
# The command line, asking for due runs more often: 504 waits of up to 5 s would be 40 minutes.
SERVE = """
import sys
from flows import engine
engine.serve_schedule.__kwdefaults__["poll_s"] = 0.5
from flows.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Serving:
    """`presswatch serve` in a process of its own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._state = desk.folder / "serve.json"
        self.lines: list[str] = []
        self._ended = 0  # runs that said how they ended
        self._seen = threading.Condition()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--every", "20m", "--config", str(desk.config)],
            cwd=desk.folder,
            env={**environment, **desk.env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._seen:
                self.lines.append(line.rstrip())
                self._ended += " UTC  " in line
                self._seen.notify_all()

    def cycle(self, number: int) -> None:
        """Wait until run `number` (from 1) has ended and its process is gone."""
        deadline = time.monotonic() + RUN_TIMEOUT_S
        with self._seen:
            while self._ended < number:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    last = "\n".join(self.lines[-20:])
                    raise SystemExit(f"run {number} did not end; serve said last:\n{last}")
                self._seen.wait(1)
        while json.loads(self._state.read_text("utf-8")).get("run_pid"):
            if time.monotonic() > deadline:
                raise SystemExit(f"the process of run {number} did not end")
            time.sleep(0.05)

    def wait_for_schedule(self) -> None:
        """Wait until Prefect has planned the next run: a clock that jumps past it skips it."""
        url = json.loads(self._state.read_text("utf-8"))["url"]
        limits = {"before_": (datetime.now(UTC) + STEP).isoformat()}
        planned = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": limits}
        question = json.dumps({"flow_runs": planned}).encode()
        deadline = time.monotonic() + RUN_TIMEOUT_S
        while True:
            request = urllib.request.Request(
                f"{url}/flow_runs/count", question, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                if json.load(answer):
                    return
            if time.monotonic() > deadline:
                raise SystemExit("Prefect planned no next run")
            time.sleep(0.1)

    def sample(self) -> Sample:
        """Return the figures of the processes that stay, and of Prefect's database."""
        figures: Sample = {}
        for name, pid in named_processes(self._process.pid).items():
            figures |= process_figures(name, pid)
        return figures | prefect_figures(self._desk.folder / "prefect")

    def kill(self) -> None:
        """Stop it, whatever it does."""
        self._process.kill()

    def close(self) -> list[str]:
        """Stop it as a service manager does; return complaints."""
        self._process.terminate()
        code = self._process.wait(60)
        found = [f"serve ended with code {code}"] if code else []
        return found + [f"serve said: {line}" for line in self.lines if "Traceback" in line]


class Plain:
    """The same cycles as plain calls in this process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        # Worker processes load the main module anew; this one drags the whole drill along.
        sys.modules["__main__"].__file__ = None

    def cycle(self, number: int) -> None:
        """Run one cycle."""
        self._desk.cycle()

    def wait_for_schedule(self) -> None:
        """Nothing is planned here."""

    def sample(self) -> Sample:
        """Return the figures of this process, which the site and Slack share."""
        return process_figures("here", os.getpid())

    def kill(self) -> None:
        """Nothing to stop."""

    def close(self) -> list[str]:
        """Nothing to stop."""
        return []


def soak(
    clock: Clock, args: argparse.Namespace, folder: Path, *, with_prefect: bool
) -> dict[str, Any]:
    """Run the drill; return figures and complaints."""
    cycles, ends = args.cycles, time.monotonic() + args.minutes * 60
    history = timedelta(days=args.history_days)
    world = World(args.seed, dies_at=min(2 * DAY, cycles // 2))
    world.servers = bind_all({f"o{n}": (n + 1, partial(world.answer, n)) for n in range(OUTLETS)})
    listener = Listener(world.servers.values())
    desk = Desk(
        folder,
        allow_addresses=["{}:{}".format(*s.server_address[:2]) for s in world.servers.values()],
        story_vectors="off",
        send_wait_s=3,
        hourly_cap=1000,
        jobs=args.jobs,
        prefect_history_d=args.history_days,
    )
    desk.write_feeds(
        [
            {"name": f"outlet-{n}", "url": f"{world.base(n)}/feed.xml", "outlet": f"Outlet {n}"}
            for n in range(OUTLETS)
        ]
    )
    slack_down = range(min(DAY, cycles // 4), min(2 * DAY, cycles // 2))
    samples: list[Sample] = []
    with SlackServer(Rules(per_second=1000)) as slack, contextlib.ExitStack() as stack:
        desk.env["SLACK_BOT_TOKEN"] = TOKEN
        desk.env["PRESSWATCH_SLACK_BASE_URL"] = slack.base_url
        world.step(datetime.now(UTC))
        runner = Serving(desk) if with_prefect else Plain(desk)
        stack.callback(runner.kill)
        print(heading(), file=sys.stderr)
        number = -1
        while (number := number + 1) < cycles + QUIET_CYCLES:
            if time.monotonic() > ends:
                cycles = min(cycles, max(number, 1))
            began = time.perf_counter()
            if number >= cycles:
                world.heal()
            elif number:
                world.step(datetime.now(UTC))
            down = number < cycles and number in slack_down
            slack.choose_fault = lambda down=down: "503_before" if down else None  # type: ignore[misc]
            if number:
                runner.wait_for_schedule()
                clock.shift(STEP if number < cycles else QUIET_STEP)
            runner.cycle(number + 1)
            seconds = time.perf_counter() - began
            samples.append({"seconds": seconds, **runner.sample(), **folder_figures(folder)})
            if number in (0, cycles - 1) or (number + 1) % SHOWN_EVERY == 0:
                print(row(number + 1, samples), file=sys.stderr, flush=True)
        complaints = runner.close()
        runs = dict(desk.sql("SELECT state, count(*) FROM runs GROUP BY ALL"))
        complaints += check(desk, world, slack, cycles)
        # Two days fill Prefect's history; without it, half of the time is taken for settled.
        settled = min(cycles // 2, history // STEP + 10) if with_prefect else cycles // 2
        complaints += grown(samples, settled=settled, cycles=cycles)
        quiet = [sample["disk"] for sample in samples[cycles + 2 :]]
        if quiet[-1] > quiet[0] * 1.1 + 2:
            complaints.append(f"files grew while idle: {quiet[0]:.1f} to {quiet[-1]:.1f} MB")
        sent = len(slack.state.messages)
    listener.close()
    return {
        "cycles": cycles,
        "quiet_cycles": QUIET_CYCLES,
        "through_prefect": with_prefect,
        "history_days": args.history_days,
        "seed": args.seed,
        "events": dict(world.events),
        "slack_down_cycles": len(slack_down),
        "run_states": runs,
        "messages": sent,
        "articles": desk.sql("SELECT count(*) FROM articles")[0][0],
        "seconds_per_cycle": round(statistics.median(s["seconds"] for s in samples), 2),
        "settled": rounded(samples[settled]),
        "at_the_end": rounded(samples[cycles - 1]),
        "complaints": complaints,
    }


COLUMNS: dict[str, Callable[[Sample], float]] = {
    "s/cycle": lambda s: s["seconds"],
    "RSS serve": lambda s: s.get("rss serve", s.get("rss here", 0)),
    "RSS Prefect": lambda s: s.get("rss prefect", 0),
    "files": lambda s: s.get("files serve", s.get("files here", 0)) + s.get("files prefect", 0),
    "threads": lambda s: sum(v for k, v in s.items() if k.startswith("threads")),
    "flow runs": lambda s: s.get("rows flow_run", 0),
    "task runs": lambda s: s.get("rows task_run", 0),
    "logs": lambda s: s.get("rows log", 0),
    "artifacts": lambda s: s.get("rows artifact", 0),
    "events": lambda s: s.get("rows events", 0),
    "prefect.db": lambda s: s.get("prefect_db file", 0),
    "its WAL": lambda s: s.get("prefect_wal", 0),
    "main.duckdb": lambda s: s["duckdb main"],
    "published": lambda s: s["duckdb published"],
    "WAL": lambda s: s["duckdb wal"],
}


def heading() -> str:
    """Return the two head lines of the table; sizes are MB."""
    names = ["cycles", *COLUMNS]
    return f"| {' | '.join(names)} |\n|{'|'.join('---:' for _ in names)}|"


def row(number: int, samples: list[Sample]) -> str:
    """Return one line of the table: the median seconds since the last line, else the last cycle."""
    last = dict(samples[-1])
    last["seconds"] = statistics.median(s["seconds"] for s in samples[-SHOWN_EVERY:])
    cells = [str(number)]
    for value in (column(last) for column in COLUMNS.values()):
        cells.append(f"{value:.1f}" if value % 1 else f"{value:.0f}")
    return f"| {' | '.join(cells)} |"


def rounded(sample: Sample) -> Sample:
    """Round for people; leave out empty tables."""
    return {key: round(value, 1) for key, value in sample.items() if value}


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


def main() -> int:
    """Read the arguments, run the drill, print its report as JSON and a last line in words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cycles", type=int, default=7 * DAY)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--history-days", type=float, default=2.0, help="what Prefect remembers")
    parser.add_argument("--minutes", type=float, default=240.0, help="then the quiet cycles begin")
    parser.add_argument("--without-prefect", action="store_true")
    args = parser.parse_args()
    clock = own_clock()
    with tempfile.TemporaryDirectory(prefix="presswatch-soak-") as folder:
        report = soak(clock, args, Path(folder), with_prefect=not args.without_prefect)
    print(json.dumps(report, indent=2))
    complaints = len(report["complaints"])
    print(
        f"{report['cycles']} cycles, {report['articles']} articles, {report['messages']} messages: "
        f"{complaints} complaints"
    )
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
