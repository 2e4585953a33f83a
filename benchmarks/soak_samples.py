"""What a soak leaves behind after each cycle: memory, open files, threads, and the databases.

In: the processes that stay (`presswatch serve`, Prefect's server) and the folder.  Out: one flat
record a cycle, and the complaint when one of its figures grows.  Reads /proc and the files only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

MB = 1e6
Sample = dict[str, float]
# Growth between two windows that is called flat: a tenth, and what the figures swing by at rest.
# 20 MB: what the allocator and DuckDB's buffers swing by between two equal cycles.
SLACK = {"rss": 20.0, "files": 3.0, "threads": 2.0, "prefect_db": 2.0, "rows": 50.0}


def process_figures(name: str, pid: int) -> Sample:
    """Return resident MB, open files and threads of a process."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return {
        f"rss {name}": int(status["VmRSS"].split()[0]) / 1024,
        f"files {name}": len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208
        f"threads {name}": int(status["Threads"]),
    }


def named_processes(serve_pid: int) -> dict[str, int]:
    """Return the processes that live as long as `serve`: itself, Prefect's server, others."""
    found = {"serve": serve_pid}
    for text in Path(f"/proc/{serve_pid}/task/{serve_pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{text}/cmdline").read_bytes()
            if b"prefect_server_process" in command:
                found["prefect"] = int(text)
            elif b"flows.service_metrics" in command:
                found["metrics"] = int(text)
    return found


def prefect_figures(home: Path) -> Sample:
    """Return size, used pages and the rows of every table of Prefect's SQLite database."""
    path = home / "prefect.db"
    figures: Sample = {"prefect_db file": path.stat().st_size / MB}
    wal = path.with_name("prefect.db-wal")
    figures["prefect_wal"] = wal.stat().st_size / MB if wal.exists() else 0.0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as con:
        con.execute("BEGIN")
        page = con.execute("PRAGMA page_size").fetchone()[0]
        pages = con.execute("PRAGMA page_count").fetchone()[0]
        free = con.execute("PRAGMA freelist_count").fetchone()[0]
        figures["prefect_db used"] = (pages - free) * page / MB
        tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            figures[f"rows {table}"] = con.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
    return figures


def folder_figures(folder: Path) -> Sample:
    """Return the sizes of presswatch's files and the number of all files, in MB."""
    figures: Sample = {"duckdb main": 0.0, "duckdb wal": 0.0, "duckdb published": 0.0}
    number = total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if not path.is_file():
                continue
            size = path.stat().st_size
            number, total = number + 1, total + size
            if path.name.endswith(".wal"):
                figures["duckdb wal"] += size / MB
            elif path.name == "main.duckdb":
                figures["duckdb main"] = size / MB
            elif path.name == "presswatch.duckdb":
                figures["duckdb published"] = size / MB
    return figures | {"disk": total / MB, "files on disk": number}


def grown(samples: Sequence[Mapping[str, float]], *, settled: int, cycles: int) -> list[str]:
    """Return what grew between the samples after `settled` and the last ones before `cycles`.

    Medians of two windows of a tenth of all cycles, the first beginning at `settled`.
    """
    width = max(3, cycles // 10)
    early, late = samples[settled : settled + width], samples[cycles - width : cycles]
    found = []
    for name in samples[cycles - 1]:
        kind = name.split()[0]
        if kind not in SLACK:
            continue
        before, after = (
            statistics.median(sample.get(name, 0.0) for sample in window)
            for window in (early, late)
        )
        if after > before * 1.1 + SLACK[kind]:
            found.append(f"{name} grew from {before:.1f} to {after:.1f}")
    return found
