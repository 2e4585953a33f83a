"""Readers and the writer never block each other.

    python benchmarks/drill_readers.py [--seconds 60] [--articles 0] [--cli duckdb]

At the same time: a process that stores and publishes in a loop (the runs), an analyst that opens
the published file and queries it without pause, a notebook that opened it once and keeps asking,
and the `duckdb` command line (or, without one, DuckDB's own module) on the same path. Nobody may
fail; nobody may see half a transaction; the notebook's answers never change; what the analyst
opens is never older than the run published before. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
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


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cli", default=shutil.which("duckdb"))
    options = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="presswatch-readers-") as folder:
        path = Path(folder) / "p.duckdb"
        worker(path, 0, 3).communicate()
        from storage.database import Store

        Store(path).publish()
        readers = {
            "analyst": python(ANALYST, path, options.seconds),
            "notebook": python(NOTEBOOK, path, options.seconds),
            "second analyst": python(ANALYST, path, options.seconds),
        }
        end = time.monotonic() + options.seconds
        runs = cli_calls = 0
        while time.monotonic() < end:
            process = worker(path, 1000 * (runs + 1), 6)
            if options.cli:
                done = subprocess.run(
                    [options.cli, "-readonly", "-csv", str(path), QUERY],
                    capture_output=True,
                    text=True,
                )
                cli_calls += 1
                if done.returncode:
                    wrong.append(f"command line: {done.stderr.strip()[:200]}")
            _, errors = process.communicate()
            runs += 1
            if process.returncode:
                wrong.append(f"run {runs}: {errors.strip().splitlines()[-1]}")
        for name, reader in readers.items():
            output, errors = reader.communicate()
            print(f"{name}: {output.strip()}")
            if reader.returncode:
                wrong.append(f"{name}: {errors.strip().splitlines()[-1]}")
        print(f"{runs} runs of 6 transactions; {cli_calls} calls of {options.cli}")
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
