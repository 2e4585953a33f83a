"""Drill: presswatch on a Prefect server of its owner, as deploy/prefect.yaml says.

    python benchmarks/drill_prefect.py [--keep FOLDER]

In: `prefect server start`, a work pool, `prefect deploy`, `prefect worker start`, all of them real
processes on loopback, and the bundled news site with three broken feeds beside it.  Then, each with
a line that says ok or what was seen instead:

* a run with parameters from the command line (feeds, topics, dry run): its name, tasks, artifacts;
* a run with three broken feeds is Completed, one in which no feed can be read is Failed;
* deploy/automation.py loads, twice, and is there once;
* Prefect's server is killed while the worker runs: nothing is lost, the next run runs;
* worker and run are killed: the run is marked Crashed by the automation, the next run runs;
* no process asked for a name or a host but loopback (one known exception, told at the end).

Prints `N passed, M failed`; exit code 1 when something failed.  Takes five to ten minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))

from bench_prefect_modes import call, tree  # noqa: E402
from support.desk import Desk  # noqa: E402

from flows.demo_site import DemoSite  # noqa: E402

PATIENCE_S = 400.0
GOOD_FEED, SLOW_FEED, SLOW_S = "capital-all", "prism-all", 20.0
# Prefect's own server reads its list of worker types there when a work pool is made; it has no
# setting for that, and falls back to the list it came with.  The embedded server has no pools.
PREFECTS_OWN = "raw.githubusercontent.com"
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Drill:
    """The server, the worker and what was found."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        self.folder, self.desk = folder, desk
        self.passed = self.failed = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        self.env = {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(HERE / "net_watch"), str(ROOT)]),
            "NET_WATCH": str(folder / "network.log"),
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": self.url,
            "PRESSWATCH_HOME": str(desk.folder),
            # What docs/operations.md asks of a server of one's own:
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
                "prefect.server.concurrency.lease_storage.filesystem"
            ),
        }

    def check(self, what: str, seen: object, expected: object) -> None:
        """Count and tell."""
        good = seen == expected
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print(
            f"{'ok   ' if good else 'WRONG'} {what}: {seen}" + ("" if good else f", not {expected}")
        )
        sys.stdout.flush()

    def prefect(self, *arguments: str) -> str:
        """Run Prefect's command line in the desk's folder."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=self.desk.folder,
            env=self.env,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"prefect {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, name: str, *arguments: str) -> None:
        """Start a process of Prefect that stays."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=self.desk.folder,
                env={
                    k: v for k, v in self.env.items() if name != "server" or k != "PREFECT_API_URL"
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_server(self) -> None:
        """Start Prefect's server and wait for it."""
        self.start("server", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        self.wait(lambda: self.ask("health") is True, "Prefect's server")

    def start_worker(self) -> None:
        """Start a worker of the pool."""
        self.start("worker", "worker", "start", "--pool", "presswatch", "--limit", "1")

    def kill(self, name: str) -> None:
        """Kill a process and all below it, without a word."""
        for pid in reversed(tree(self.processes[name].pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.processes.pop(name).wait()

    def ask(self, path: str, body: object = None) -> Any:
        """Ask Prefect's API; None when it does not answer."""
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            return call(f"{self.url}/{path}", body)
        return None

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for something that is no longer false."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise SystemExit(f"still waiting for {what}; logs in {self.folder}")
            time.sleep(1)
        return value

    def trigger(self, **parameters: Any) -> str:
        """Ask for a run on the command line; return its id."""
        given = [f"--param={name}={json.dumps(value)}" for name, value in parameters.items()]
        out = self.prefect("deployment", "run", "monitor/presswatch", *given)
        return next(w for w in out.split() if len(w) == 36 and w.count("-") == 4)

    def state(self, run: str) -> str:
        """Return a run's state."""
        return str((self.ask(f"flow_runs/{run}") or {}).get("state_type"))

    def ended(self, run: str) -> dict[str, Any]:
        """Wait for the end of a run; return what Prefect knows of it."""
        self.wait(lambda: self.state(run) in FINAL, f"run {run}")
        value: dict[str, Any] = self.ask(f"flow_runs/{run}")
        return value


def look_at_a_run(drill: Drill) -> None:
    """Parameters, name, tasks, artifacts."""
    run = drill.ended(drill.trigger(feeds=[GOOD_FEED], topics=["opcon"], dry_run=True))
    drill.check("a dry run of one feed and one topic", run["state_name"], "Completed")
    drill.check("its name", run["name"].rpartition(", ")[0], f"{GOOD_FEED} (dry run)")
    drill.check("nothing was stored", stored(drill), 0)
    run = drill.ended(drill.trigger(feeds=[GOOD_FEED]))
    drill.check("a run of one feed", run["state_name"], "Completed")
    tasks = drill.ask("task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    drill.check(
        "its tasks",
        sorted(task["name"].partition(",")[0] for task in tasks),
        ["extract articles", "fetch pages", "poll feeds", "send alerts", "store articles"],
    )
    artifacts = drill.ask("artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    drill.check(
        "its artifacts",
        sorted(artifact["key"] for artifact in artifacts),
        ["alerts-sent", "feed-health", "run-summary"],
    )
    drill.check("articles were stored", stored(drill) > 0, True)


def broken_feeds(drill: Drill) -> None:
    """States that tell the truth."""
    broken = ["gone", "refused", "no-feed"]
    run = drill.ended(drill.trigger(feeds=[GOOD_FEED, *broken]))
    drill.check("a run with three broken feeds", run["state_name"], "Completed")
    drill.check("says so", "(3 with errors)" in run["state"]["message"], True)
    run = drill.ended(drill.trigger(feeds=broken))
    drill.check("a run in which no feed can be read", run["state_name"], "Failed")


def automations(drill: Drill) -> None:
    """deploy/automation.py against this server."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(ROOT / "deploy" / "automation.py"), "--silent-for", "60"],
            env={**drill.env, "SLACK_WEBHOOK_URL": "https://hooks.example/services/secret"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
    found = drill.ask("automations/filter", {})
    drill.check(
        "the automations, installed twice",
        sorted((a["name"], a["enabled"]) for a in found),
        [("presswatch: a run was lost", True), ("presswatch: no run succeeded", True)],
    )
    drill.check("the address is not in their text", "secret" in json.dumps(found), False)


def server_dies(drill: Drill) -> None:
    """Prefect's server is killed while a run is at a slow feed."""
    before = stored(drill)
    run = drill.trigger()
    drill.wait(lambda: drill.state(run) == "RUNNING", "the run")
    drill.kill("server")
    drill.wait(lambda: stored(drill) > before, "the run without a server")
    drill.check("the run stored articles while no server was there", stored(drill) > before, True)
    drill.start_server()
    first = drill.ended(run)["state_name"]
    drill.check("the run ended", first in ("Completed", "Crashed", "Failed"), True)
    drill.check("the next run", next_run(drill), "Completed")


def worker_dies(drill: Drill) -> None:
    """The worker and its run are killed in the middle: a zombie."""
    run = drill.trigger(feeds=[SLOW_FEED])  # asked for by name: also when it is not due yet
    drill.wait(lambda: drill.state(run) == "RUNNING", "the run")
    time.sleep(5)
    drill.kill("worker")
    began = time.monotonic()
    drill.check("a killed run is found dead", drill.ended(run)["state_name"], "Crashed")
    print(f"      after {time.monotonic() - began:.0f} s")
    drill.start_worker()
    drill.check("the next run", next_run(drill), "Completed")
    repaired = drill.desk.sql("SELECT count(*) FROM runs WHERE state = 'running'")[0][0]
    drill.check("runs open in the ledger", repaired, 0)


def next_run(drill: Drill) -> str:
    """Ask for runs until one is let in (a slot may be held for a while); return its state."""
    began = time.monotonic()
    while True:
        run = drill.ended(drill.trigger(feeds=[GOOD_FEED]))
        if run["state_name"] != "Cancelled" or time.monotonic() - began > PATIENCE_S:
            print(f"      after {time.monotonic() - began:.0f} s")
            return str(run["state_name"])
        time.sleep(10)


def network(drill: Drill) -> None:
    """Nobody was asked but loopback."""
    strangers, own = set(), 0
    for line in (drill.folder / "network.log").read_text("utf-8").splitlines():
        _, target, *_ = line.split(" ")
        host = target.strip("'\"b")
        if host == PREFECTS_OWN:
            own += 1
        elif not host.startswith(("127.", "/", "\\x00")) and host not in (
            "None",
            "localhost",
            "::1",
            "",
        ):
            strangers.add(line)
    drill.check("hosts and names outside that were asked for", sorted(strangers), [])
    print(
        f"      besides {own} look-ups of {PREFECTS_OWN} by Prefect's server (list of worker types)"
    )


def stored(drill: Drill) -> int:
    """Return how many articles people can see."""
    if not drill.desk.db.exists():
        return 0
    return int(drill.desk.sql("SELECT count(*) FROM articles")[0][0])


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Drill]:
    """The site, the desk, the server and the worker."""
    with DemoSite(slow_s=SLOW_S) as site, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        rows = site.feeds()
        page = next(row["url"] for row in rows if row["name"] == GOOD_FEED)
        base = "/".join(page.split("/")[:3])
        desk = Desk(folder / "desk", allow_addresses=[*site.address.split(","), address], jobs=1)
        desk.write_feeds(
            [
                *rows,
                {"name": "gone", "outlet": "Gone", "url": f"{base}/no-such-feed.xml"},
                {"name": "refused", "outlet": "Refused", "url": f"http://{address}/feed.xml"},
                {"name": "no-feed", "outlet": "No feed", "url": f"{base}/"},
            ]
        )
        drill = Drill(folder, desk)
        try:
            drill.start_server()
            drill.prefect("work-pool", "create", "presswatch", "--type", "process")
            drill.prefect(
                "deploy", "--prefect-file", str(ROOT / "deploy" / "prefect.yaml"),
                "--name", "presswatch",
            )  # fmt: skip
            drill.start_worker()
            yield drill
        finally:
            for name in list(drill.processes):
                drill.kill(name)


def main() -> int:
    """Run the drill."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep all files here")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        drill = stack.enter_context(running(folder))
        for step in (look_at_a_run, broken_feeds, automations, server_dies, worker_dies, network):
            print(f"-- {step.__name__.replace('_', ' ')}")
            step(drill)
        print(f"{drill.passed} passed, {drill.failed} failed")
        return 1 if drill.failed else 0


if __name__ == "__main__":
    sys.exit(main())
