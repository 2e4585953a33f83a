"""One measured run for `bench_pipeline.py`, in a process of its own: prints JSON to stdout.

    python benchmarks/pipeline_run.py CONFIG CORES

In: a settings file and the number of processor cores that the run may use.  Out: seconds and
processor seconds of the whole run and of each stage, worker processes included; articles stored.
Functions of the stages are wrapped from outside, so the program itself carries no clock.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")


def children_cpu_s() -> float:
    """Processor seconds of all processes below this one, those that ended included."""
    pids, total = [os.getpid()], 0
    for pid in pids:
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                pids += [int(child) for child in listed.read_text().split()]
            except OSError:
                continue
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11 if pid != os.getpid() else 13 : 15])
    return total / TICKS


class Clock:
    """Processor time by stage: what an inner stage takes is not its outer stage's."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = defaultdict(float)
        self.wall: dict[str, float] = defaultdict(float)
        self._open: list[list[float]] = []

    def wrap(self, owner: Any, name: str, stage: str, *, workers: bool = False) -> None:
        """Count the time inside `owner.name` as `stage`; `workers`: and that of processes below."""
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            below = children_cpu_s() if workers else 0.0
            begun, wall = time.process_time(), time.perf_counter()
            self._open.append([0.0, 0.0])
            try:
                return inner(*args, **kwargs)
            finally:
                spent, passed = time.process_time() - begun, time.perf_counter() - wall
                if workers:
                    spent += children_cpu_s() - below
                inside = self._open.pop()
                self.cpu[stage] += spent - inside[0]
                self.wall[stage] += passed - inside[1]
                if self._open:
                    self._open[-1][0] += spent
                    self._open[-1][1] += passed

        setattr(owner, name, timed)


def main() -> None:
    """Run one cycle and print what it took."""
    config, cores = sys.argv[1], int(sys.argv[2])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    clock = Clock()
    begun, wall = time.process_time() + children_cpu_s(), time.perf_counter()
    from extractors import workers
    from flows import cycle as cycles
    from flows import pipeline
    from flows.context import AppContext

    clock.wrap(workers.WorkerPool, "_start", "start of workers", workers=True)
    clock.wrap(cycles.Cycle, "poll", "poll", workers=True)
    clock.wrap(cycles.Cycle, "fetch", "fetch", workers=True)
    clock.wrap(cycles.Cycle, "extract", "extract", workers=True)
    clock.wrap(cycles, "judge", "keys and sketch")
    clock.wrap(pipeline, "match_topics", "match")
    clock.wrap(cycles.Cycle, "save", "store")
    clock.wrap(pipeline, "fold_batch", "fold")
    clock.wrap(pipeline, "index_articles", "search index")
    clock.wrap(cycles, "learn_sites", "site memory")
    clock.wrap(cycles.Cycle, "look_back", "site memory", workers=True)
    clock.wrap(cycles.Cycle, "send", "send")
    clock.wrap(cycles.Cycle, "finish", "publish")
    app = AppContext(config=config, quiet=True, collect_alerts=True)
    with cycles.using_app(app), cycles.open_cycle(config=config) as cycle:
        stages = cycles.Cycle  # the wrapped ones; the defaults of `drive` are not
        summary = cycles.drive(
            cycle,
            poll=stages.poll,
            fetch=stages.fetch,
            extract=stages.extract,
            store=stages.save,
            send=stages.send,
        )
    whole, passed = time.process_time() + children_cpu_s() - begun, time.perf_counter() - wall
    with app.store.read() as con:
        stored = con.execute("SELECT count(*) FROM articles").fetchone()[0]
    clock.cpu["rest"] = whole - sum(clock.cpu.values())
    clock.wall["rest"] = passed - sum(clock.wall.values())
    print(
        json.dumps(
            {
                "state": summary.state,
                "articles": stored,
                "outcomes": {str(k): v for k, v in summary.outcomes.items() if v},
                "cpu_s": whole,
                "wall_s": passed,
                "cpu": clock.cpu,
                "wall": clock.wall,
                "errors": [*summary.errors, *summary.feed_errors.values()][:3],
            }
        )
    )


if __name__ == "__main__":
    main()
