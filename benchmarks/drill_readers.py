"""Readers and the writer never block each other.

    python benchmarks/drill_readers.py [--seconds 60] [--cli duckdb]
    python benchmarks/drill_readers.py --minutes 60 [--pause 15] [--cli duckdb]

At the same time: runs in a loop, an analyst that opens the published file and queries it without
pause, a notebook that opened it once and keeps asking, and the `duckdb` command line (or, without
one, `presswatch sql` alone) on the same path. Nobody may fail; nobody may see half a transaction;
the notebook's answers never change; what the analyst opens is never older than the last run that
ended before. Exit code 1 otherwise.

With `--seconds` a run is a process that stores and publishes small batches, as fast as it can.
With `--minutes` it is a whole `presswatch run` (Prefect included) over six outlets on loopback
that publish, edit and break things; the notebook keeps its connection for all that time. Needs
time-machine (see drill_soak.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from drill_durability import ROOT, worker

QUERY = (
    "SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM core.block), "
    "(SELECT count(*) FROM topic_hits), (SELECT max(rev) FROM core.revision)"
)
ANALYST = f"""
import sys, time, duckdb
end = time.monotonic() + float(sys.argv[2])
n, last, slowest = 0, 0, 0.0
while time.monotonic() < end:
    began = time.monotonic()
    con = duckdb.connect(sys.argv[1], read_only=True)
    row = con.execute({QUERY!r}).fetchone()
    con.close()
    slowest = max(slowest, time.monotonic() - began)
    assert row[0] == row[1] == row[2] and row[0] % 8 == 0, row
    assert row[3] >= last, (row, last)
    n, last = n + 1, row[3]
print(n, last, round(slowest, 3))
"""
NOTEBOOK = f"""
import sys, time, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
end = time.monotonic() + float(sys.argv[2])
first = con.execute({QUERY!r}).fetchone()
n = 0
while time.monotonic() < end:
    assert con.execute({QUERY!r}).fetchone() == first
    n += 1
    time.sleep(0.1)
print(n, first[3])
"""
# What holds in a file that was published after a whole run, and never in the middle of one.
WHOLE_RUN = """
    SELECT (SELECT count(*) FROM runs WHERE state <> 'running'),
           (SELECT count(*) FROM runs WHERE state = 'running'),
           (SELECT count(*) FROM articles),
           (SELECT count(*) FROM blocks b ANTI JOIN articles USING (article_id)),
           (SELECT count(*) FROM topic_hits ANTI JOIN articles USING (article_id)),
           (SELECT count(*) FROM articles a ANTI JOIN core.story s ON s.story_id = a.story_id
            WHERE a.story_id IS NOT NULL)
"""
# Arguments: the published file, a file that says how many runs have ended, seconds, pause.
REOPENING = f"""
import sys, time, duckdb
path, ended, seconds, pause = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
end = time.monotonic() + seconds
n, slowest, behind, grown = 0, 0.0, 0, set()
while time.monotonic() < end:
    before = int(open(ended).read() or 0)
    began = time.monotonic()
    con = duckdb.connect(path, read_only=True)
    runs, running, articles, *orphans = con.execute({WHOLE_RUN!r}).fetchone()
    con.close()
    slowest = max(slowest, time.monotonic() - began)
    assert not running and not any(orphans), (running, orphans)
    behind = max(behind, before - runs)
    grown.add(articles)
    n += 1
    time.sleep(pause)
assert behind <= 0, f"{{behind}} runs behind"
print(f"{{n}} times opened, slowest {{slowest:.2f}} s, never behind the last run that had ended; "
      f"saw {{len(grown)}} states, {{min(grown)}} to {{max(grown)}} articles")
"""
KEPT_OPEN = f"""
import sys, time, duckdb
path, seconds, pause = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
con = duckdb.connect(path, read_only=True)
began = time.monotonic()
first = con.execute({WHOLE_RUN!r}).fetchone()
text = "SELECT count(*), sum(length(body)), max(fetched_at)::VARCHAR FROM articles"
body = con.execute(text).fetchone()
n, slowest = 0, 0.0
while time.monotonic() < began + seconds:
    asked = time.monotonic()
    assert con.execute({WHOLE_RUN!r}).fetchone() == first
    assert con.execute(text).fetchone() == body
    slowest = max(slowest, time.monotonic() - asked)
    n += 1
    time.sleep(pause)
print(f"one connection for {{(time.monotonic() - began) / 60:.1f}} minutes, {{n}} times asked, "
      f"always the same answer, slowest {{slowest:.2f}} s")
"""


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def small_batches(path: Path, seconds: float, cli: str | None) -> list[str]:
    """Let readers look on while small batches are stored and published; return what went wrong."""
    from storage.database import Store

    wrong: list[str] = []
    worker(path, 0, 3).communicate()
    Store(path).publish()
    readers = {
        "analyst": python(ANALYST, path, seconds),
        "notebook": python(NOTEBOOK, path, seconds),
        "second analyst": python(ANALYST, path, seconds),
    }
    end = time.monotonic() + seconds
    runs = cli_calls = 0
    while time.monotonic() < end:
        process = worker(path, 1000 * (runs + 1), 6)
        if cli:
            cli_calls += 1
            wrong += ask_command_line(cli, path, QUERY)
        _, errors = process.communicate()
        runs += 1
        if process.returncode:
            wrong.append(f"run {runs}: {errors.strip().splitlines()[-1]}")
    wrong += collect(readers)
    print(f"{runs} runs of 6 transactions; {cli_calls} calls of {cli}")
    return wrong


def whole_runs(folder: Path, seconds: float, pause: float, cli: str | None) -> list[str]:
    """Let readers look on while `presswatch run` works in a loop; return what went wrong."""
    sys.path.insert(0, str(ROOT / "tests"))
    from drill_soak import OUTLETS, World
    from support.desk import Desk

    from flows.demo_server import Listener, bind_all

    world = World(seed=8)
    world.servers = bind_all({f"o{n}": (n + 1, partial(world.answer, n)) for n in range(OUTLETS)})
    listener = Listener(world.servers.values())
    desk = Desk(
        folder,
        allow_addresses=["{}:{}".format(*s.server_address[:2]) for s in world.servers.values()],
        story_vectors="off",
        jobs=1,
    )
    desk.write_feeds(
        {"name": f"outlet-{n}", "url": f"{world.base(n)}/feed.xml", "outlet": f"Outlet {n}"}
        for n in range(OUTLETS)
    )
    wrong: list[str] = []
    codes: Counter[int] = Counter()
    ended = folder / "ended"
    taken: list[float] = []

    def one_run() -> None:
        world.step(datetime.now(UTC))
        began = time.monotonic()
        process = desk.start("run", "--json")
        out, err = process.communicate()
        taken.append(time.monotonic() - began)
        codes[process.returncode] += 1
        summary = json.loads(out) if out.strip().startswith("{") else {}
        # Exit code 1 with an account: a feed of this site is broken just now, as it should be.
        if process.returncode not in (0, 1) or not summary or summary.get("errors"):
            wrong.append(f"run {sum(codes.values())}: {(err.strip() or out).splitlines()[-1:]}")
        part = ended.with_suffix(".part")
        part.write_text(str(sum(codes.values())))
        part.replace(ended)

    for _ in range(3):
        one_run()
    readers = {
        "notebook": python(KEPT_OPEN, desk.db, seconds, 3),
        "analyst": python(REOPENING, desk.db, ended, seconds, 0.5),
        "second analyst": python(REOPENING, desk.db, ended, seconds, 7),
    }
    calls: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        one_run()
        if cli:
            calls["command line"] += 1
            wrong += ask_command_line(cli, desk.db, "SELECT count(*) FROM articles")
        if sum(codes.values()) % 5 == 0:
            calls["presswatch sql"] += 1
            done = desk.run("sql", "SELECT count(*) FROM articles", code=None)
            if done.returncode:
                wrong.append(f"presswatch sql: {done.stderr.strip()[:200]}")
        time.sleep(pause)
    wrong += collect(readers)
    listener.close()
    median = sorted(taken)[len(taken) // 2]
    print(
        f"{sum(codes.values())} runs (exit codes {dict(codes)}), median {median:.1f} s, "
        f"longest {max(taken):.1f} s; calls: {dict(calls)}; site: {dict(world.events)}"
    )
    return wrong + desk.app().store.examine()


def ask_command_line(cli: str, path: Path, query: str) -> list[str]:
    done = subprocess.run(
        [cli, "-readonly", "-csv", str(path), query], capture_output=True, text=True
    )
    return [f"command line: {done.stderr.strip()[:200]}"] if done.returncode else []


def collect(readers: dict[str, subprocess.Popen[str]]) -> list[str]:
    wrong = []
    for name, reader in readers.items():
        output, errors = reader.communicate()
        print(f"{name}: {output.strip()}")
        if reader.returncode:
            wrong.append(f"{name}: {errors.strip().splitlines()[-1]}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--minutes", type=float, help="whole runs for so long")
    parser.add_argument("--pause", type=float, default=15, help="seconds between whole runs")
    parser.add_argument("--cli", default=shutil.which("duckdb"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="presswatch-readers-") as folder:
        if options.minutes:
            wrong = whole_runs(Path(folder), options.minutes * 60, options.pause, options.cli)
        else:
            wrong = small_batches(Path(folder) / "p.duckdb", options.seconds, options.cli)
    for line in wrong:
        print("WRONG", line)
    print("failed" if wrong else "nobody failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
