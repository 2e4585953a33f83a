"""Measures what one small flow run costs in every way of running Prefect, and prints one table.

Run: `python benchmarks/bench_prefect_modes.py [--quick]` (about four minutes; needs /proc).
Each mode runs in a process of its own with a flow of two tasks; CPU is that of the process and
all its children, RSS the highest sum over the tree (shared pages count more than once).
Trust ratios, not absolute numbers: the machine's speed varies by half between runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")

CORE = "def one(x):\n    return x + 1\n"
FLOW = CORE + (
    "from prefect import flow, task\n"
    "one_task = task(one)\n"
    "@flow\n"
    "def tiny(x: int = 1) -> int:\n"
    "    return one_task(one_task(x))\n"
)
RUN_TWICE = (
    "import time\nt = time.time()\ntiny()\nt2 = time.time()\ntiny()\n"
    "print('SECOND', time.time() - t2, flush=True)\n"
)
IN_PROCESS = """
import os, socket, threading, time
listener = socket.socket(); listener.bind(("127.0.0.1", 0))
os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
import uvicorn
from prefect.server.api.server import create_app
server = uvicorn.Server(uvicorn.Config(create_app(final=True), log_level="error", lifespan="on"))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
thread.start()
while not server.started:
    time.sleep(0.01)
"""
IN_PROCESS_END = """
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
EventsWorker.drain_all(timeout=10); APILogWorker.drain_all(timeout=10)
server.should_exit = True; thread.join()
"""
EMBEDDED = """
from pathlib import Path
from flows import engine
with engine.embedded(Path({data!r}), lambda line: None):
"""
SERVE = """
from datetime import timedelta
from pathlib import Path
from flows import engine
engine.serve_schedule("tinybench:tiny", name="bench", data_dir=Path({data!r}), progress=print,
                      every=timedelta(hours=5), run_now=False, poll_s=5)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out the cold starts")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tinybench.py").write_text(FLOW)
        rows = [("mode", "wall s", "CPU s", "RSS MB", "2nd call s")]
        base = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
        }
        for variable in ("PREFECT_API_URL", "PREFECT_HOME"):
            base.pop(variable, None)
        quiet = {**base, **trimmed()}
        default_home = {"PREFECT_HOME": str(folder / "default")}

        def add(label: str, code: str, environment: dict[str, str]) -> None:
            rows.append((label, *measure(code, environment)))
            print(".", end="", file=sys.stderr, flush=True)

        add("plain call of the core", CORE + "one(one(1))", base)
        add("import prefect, nothing else", "import prefect", base)
        default = FLOW + RUN_TWICE
        label = "Prefect's temporary server, new home"
        if quick:
            measure(default, {**base, **default_home})
        else:
            add(label, default, {**base, **default_home})
        add("Prefect's temporary server, used home", default, {**base, **default_home})
        add("the same, services trimmed", default, {**quiet, **default_home})
        add(
            "server on a thread, used home",
            IN_PROCESS + default + IN_PROCESS_END,
            {**quiet, **default_home},
        )
        data = str(folder / "data")
        indented = "".join(f"    {line}\n" for line in default.splitlines())
        if not quick:
            add("embedded(), first ever (migrates)", EMBEDDED.format(data=data) + indented, base)
        else:
            measure(EMBEDDED.format(data=data) + indented, base)
        data = str(folder / "data2")
        add("embedded(), new folder", EMBEDDED.format(data=data) + indented, base)
        add("embedded(), used folder", EMBEDDED.format(data=data) + indented, base)
        rows += serve_rows(str(folder / "data3"), base, indented)
        print(file=sys.stderr)
    for row in rows:
        print(
            "| "
            + " | ".join(f"{cell:<42}" if i == 0 else f"{cell:>10}" for i, cell in enumerate(row))
            + " |"
        )
        if row is rows[0]:
            print("|" + "-" * 44 + "|" + ("-" * 11 + ":|") * 4)


def trimmed() -> dict[str, str]:
    sys.path.insert(0, str(ROOT))
    from flows import engine

    return {
        **engine.CLIENT_ENVIRONMENT,
        **engine.SERVER_ENVIRONMENT,
        **engine.RUN_ENVIRONMENT,
    }


def measure(code: str, environment: dict[str, str]) -> tuple[str, str, str, str]:
    """Runs `code` in a new process and returns wall, CPU, peak RSS and its second call's time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(rss_mb(pid) for pid in tree(process.pid)))
        time.sleep(0.1)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    output = process.communicate()[0]
    second = [line.split()[1] for line in output.splitlines() if line.startswith("SECOND")]
    failed = " FAILED" if process.returncode else ""
    return (
        f"{wall:.1f}{failed}",
        f"{cpu:.1f}",
        f"{peak:.0f}",
        f"{float(second[0]):.2f}" if second else "",
    )


def serve_rows(
    data: str, environment: dict[str, str], run_code: str
) -> list[tuple[str, str, str, str, str]]:
    """Measures a running `serve`: idle, one scheduled run, and `run` using its server."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE.format(data=data)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Serving"):
            break
    url = json.loads((Path(data) / "serve.json").read_text())["url"]
    time.sleep(12)  # the first round of every service
    idle_s = 20.0
    before = tree_cpu_s(process.pid)
    time.sleep(idle_s)
    idle = (tree_cpu_s(process.pid) - before) / idle_s * 60
    rss = sum(rss_mb(pid) for pid in tree(process.pid))
    deployment = call(f"{url}/deployments/name/tiny/bench")["id"]
    count = 5
    wall = 0.0
    before = tree_cpu_s(process.pid)
    for _ in range(count):
        run = call(f"{url}/deployments/{deployment}/create_flow_run", {})["id"]
        while (state := call(f"{url}/flow_runs/{run}"))["state_type"] != "COMPLETED":
            time.sleep(0.2)
        wall += float(state["total_run_time"])
    cpu = (tree_cpu_s(process.pid) - before) / count
    shared = (
        "embedded() beside serve",
        *measure(EMBEDDED.format(data=data) + run_code, environment),
    )
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    return [
        ("serve, idle, per minute", "", f"{idle:.1f}", f"{rss:.0f}", ""),
        ("serve, one run (with the polling)", f"{wall / count:.2f}", f"{cpu:.1f}", "", ""),
        shared,
    ]


def call(url: str, body: object = None) -> dict[str, str]:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    for _ in range(20):  # SQLite busy: Prefect answers 503 and its own client tries again
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                result: dict[str, str] = json.load(response)
            return result
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(1)
    raise RuntimeError(url)


def tree(pid: int) -> Sequence[int]:
    pids = [pid]
    for current in pids:
        for children in Path(f"/proc/{current}/task").glob("*/children"):
            try:
                pids += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return pids


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of the tree, with children that were waited for."""
    total = 0
    for current in tree(pid):
        try:
            fields = Path(f"/proc/{current}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11:15])
    return total / TICKS


def rss_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
