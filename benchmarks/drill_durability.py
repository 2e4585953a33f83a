"""Kills, full disks, broken files: does the store keep what it acknowledged?

    python benchmarks/drill_durability.py [--kills 200] [--only kill,wal,...]

Each drill uses real processes and real files in a temporary folder. A worker stores articles,
hits and owed alerts in small transactions, publishes now and then, and prints a line after each
commit: what is printed counts as acknowledged. After every blow the next worker must finish, and
then: everything acknowledged is there, ids are used once, nothing is an orphan, every alert is
owed once, people can open the published file, and it holds what the writer's file holds.
Exit code 1 when anything is amiss.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

WORKER = """
import os, sys
sys.path[:0] = [{root!r}, {tests!r}]
from support.archive import Piece, add_pieces
from storage.database import Store
from storage.rows import insert_rows
store = Store(sys.argv[1])
first, count = int(sys.argv[2]), int(sys.argv[3])
for n in range(first, first + count):
    with store.write(wait_s=60) as tx:
        ids = add_pieces(tx, [
            Piece(title=f"t{{n}} {{i}}", body=f"body {{n}} {{i}} " * 60, topic="opcon")
            for i in range(8)])
        insert_rows(tx, "core.alert", [{{
            "alert_key": f"s{{ids[0]}}/opcon/c", "story_id": ids[0], "kind": "alert",
            "state": "pending", "created_at": tx.now}}])
    print(n, ids[0], flush=True)
    if n % 3 == 0:
        store.publish()
        print("published", flush=True)
"""


def worker(store: Path, first: int, count: int, **more: object) -> subprocess.Popen[str]:
    code = WORKER.format(root=str(ROOT), tests=str(ROOT / "tests"))
    return subprocess.Popen(
        [sys.executable, "-c", code, str(store), str(first), str(count)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,  # type: ignore[call-overload]
    )  # fmt: skip


def acknowledged(output: str) -> list[int]:
    """Return the numbers of the batches whose commit was reported (whole lines only)."""
    lines = output.split("\n")[:-1]
    return [int(line.split()[0]) for line in lines if line[:1].isdigit()]


def check(path: Path, batches: set[int]) -> list[str]:
    """Return what is wrong with the store, given the acknowledged batches."""
    from storage.database import Store

    wrong: list[str] = []
    store = Store(path)
    wrong += store.examine()
    store.publish()
    with store.read() as con:
        titles = con.execute("SELECT title, count(*) FROM articles GROUP BY 1").fetchall()
        there = {title for title, _ in titles}
        wrong += [f"{title} is there {n} times" for title, n in titles if n != 1]
        lost = [f"t{n} {i}" for n in batches for i in range(8) if f"t{n} {i}" not in there]
        if lost:
            wrong.append(f"{len(lost)} acknowledged articles lost, first {lost[0]}")
        row = con.execute(
            "SELECT (SELECT count(*) FROM articles) - 8 * (SELECT count(*) FROM alerts), "
            "(SELECT count(*) FROM articles) - (SELECT count(*) FROM core.block), "
            "(SELECT count(*) FROM articles) - (SELECT count(*) FROM stories), "
            "(SELECT count(*) FROM articles) - (SELECT count(*) FROM topic_hits), "
            "(SELECT count(*) FROM articles) - (SELECT count(DISTINCT article_id) FROM "
            "(SELECT article_id FROM core.search_recent UNION ALL "
            "SELECT article_id FROM core.search_posting))"
        ).fetchone()
        if row is None or any(row):
            wrong.append(f"counts do not add up: {row}")
    return wrong


def drill_kill(folder: Path, kills: int, rng: random.Random) -> list[str]:
    """`kill -9` at random moments, of a worker and of whatever it was doing."""
    path = folder / "p.duckdb"
    done: set[int] = set()
    longest = 0.0
    at_work = 0
    for n in range(kills):
        process = worker(path, n * 1000, 1000)
        assert process.stdout is not None
        process.stdout.readline()  # it is at work
        wait = rng.expovariate(1 / 0.25)
        time.sleep(min(wait, 2))
        process.send_signal(signal.SIGKILL)
        rest, errors = process.communicate()
        if errors.strip():
            return [f"kill {n}: {errors.strip().splitlines()[-1]}"]
        done |= {n * 1000} | set(acknowledged(rest))
        at_work += 1
        if n % 10 == 9 or n == kills - 1:
            began = time.monotonic()
            if wrong := check(path, done):
                return [f"after kill {n}: {line}" for line in wrong]
            longest = max(longest, time.monotonic() - began)
    print(f"  {at_work} kills, {len(done)} acknowledged batches, longest check {longest:.1f} s")
    return []


def drill_disk(folder: Path, rng: random.Random) -> list[str]:
    """A disk that is full: a small tmpfs (needs the right to mount)."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        print("  skipped: no right to mount a small disk")
        return []
    try:
        path = disk / "p.duckdb"
        process = worker(path, 0, 6)
        output, _ = process.communicate()
        done = set(acknowledged(output))
        filler = disk / "filler"
        free = shutil.disk_usage(disk).free
        filler.write_bytes(b"x" * max(0, free - 300_000))
        process = worker(path, 100, 200)
        output, errors = process.communicate()
        done |= set(acknowledged(output))
        filled = len(done)
        if process.returncode == 0:
            return ["the disk did not fill"]
        print(f"  full after {filled} batches: {errors.strip().splitlines()[-1][:140]}")
        filler.unlink()
        process = worker(path, 1000, 3)
        output, errors = process.communicate()
        if process.returncode:
            return [f"the next run failed: {errors.strip().splitlines()[-1]}"]
        return check(path, done | set(acknowledged(output)))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def drill_readonly(folder: Path, rng: random.Random) -> list[str]:
    """Files that cannot be written: a sentence, and nothing lost when they can be again."""
    path = folder / "p.duckdb"
    output, _ = worker(path, 0, 4).communicate()
    done = set(acknowledged(output))
    main = folder / "p.duckdb.d" / "main.duckdb"
    if os.geteuid() == 0:  # root writes in spite of permissions; an immutable file it does not
        locked = subprocess.run(["chattr", "+i", str(main)], capture_output=True)
        if locked.returncode:
            print("  skipped: root, and no chattr")
            return []
    else:
        main.chmod(0o444)
    process = worker(path, 100, 3)
    output, errors = process.communicate()
    if os.geteuid() == 0:
        subprocess.run(["chattr", "-i", str(main)], check=True)
    else:
        main.chmod(0o644)
    if process.returncode == 0:
        return ["a read-only file was written"]
    print(f"  {errors.strip().splitlines()[-1][:160]}")
    output, _ = worker(path, 200, 3).communicate()
    return check(path, done | set(acknowledged(output)))


def drill_wal(folder: Path, rng: random.Random) -> list[str]:
    """A log cut short, at ten places: what was checkpointed stays, nothing is half there."""
    for cut in range(10):
        path = folder / f"w{cut}" / "p.duckdb"
        path.parent.mkdir()
        output, _ = worker(path, 0, 4).communicate()
        kept = set(acknowledged(output))
        # Commits that are in the log only: no checkpoint, killed before closing.
        holder = subprocess.run(
            [
                sys.executable, "-c",
                f"import sys, os; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\n"
                "from support.archive import Piece, add_pieces\n"
                "from storage.database import Store, connect_writer\n"
                "s = Store(sys.argv[1]); con = connect_writer(s.main)\n"
                "from storage.database import Transaction, _next_rev\n"
                "from datetime import datetime, UTC\n"
                "con.execute(\"SET checkpoint_threshold = '1GB'\")\n"
                "for n in range(50, 60):\n"
                "    con.execute('BEGIN')\n"
                "    now = datetime.now(UTC)\n"
                "    tx = Transaction(con=con, rev=_next_rev(con, now), now=now)\n"
                "    add_pieces(tx, [Piece(title=f'w{n} {i}', body='b', topic='x') "
                "for i in range(8)])\n"
                "    con.execute('COMMIT')\n"
                "os.kill(os.getpid(), 9)\n",
                str(path),
            ],
            capture_output=True, text=True,
        )  # fmt: skip
        if holder.stderr.strip():
            return [holder.stderr.strip().splitlines()[-1]]
        wal = path.parent / "p.duckdb.d" / "main.duckdb.wal"
        if not wal.exists():
            return ["no log was left to cut"]
        size = wal.stat().st_size
        with wal.open("r+b") as file:
            file.truncate(rng.randrange(1, size))
        process = worker(path, 100, 2)
        output, errors = process.communicate()
        if process.returncode:
            return [f"cut {cut}: the next run failed: {errors.strip().splitlines()[-1]}"]
        from storage.database import Store

        store = Store(path)
        wrong = store.examine()
        store.publish()
        with store.read() as con:
            rows = con.execute(
                "SELECT split_part(title, ' ', 1), count(*) FROM articles GROUP BY 1"
            ).fetchall()
        wrong += [f"cut {cut}: {name} is there by {n} of 8" for name, n in rows if n != 8]
        names = {name for name, _ in rows}
        wanted = {f"t{n}" for n in kept | set(acknowledged(output))}
        wrong += [f"cut {cut}: {name} is lost" for name in wanted - names]
        if wrong:
            return wrong
    return []


def drill_two(folder: Path, rng: random.Random) -> list[str]:
    """Six writers started at once: they take turns."""
    path = folder / "p.duckdb"
    processes = [worker(path, n * 1000, 5) for n in range(6)]
    done: set[int] = set()
    for process in processes:
        output, errors = process.communicate()
        if process.returncode:
            return [errors.strip().splitlines()[-1]]
        done |= set(acknowledged(output))
    if len(done) != 30:
        return [f"{len(done)} of 30 batches acknowledged"]
    return check(path, done)


def drill_clock(folder: Path, rng: random.Random) -> list[str]:
    """A clock that jumps a year back and forth between runs (files' times too)."""
    path = folder / "p.duckdb"
    done: set[int] = set()
    for n, jump in enumerate((0, -365, 0, 365, 0)):
        output, _ = worker(path, n * 1000, 4).communicate()
        done |= set(acknowledged(output))
        moment = time.time() + jump * 86_400
        for file in (path, *sorted((folder / "p.duckdb.d").iterdir())):
            os.utime(file, (moment, moment))
        if wrong := check(path, done):
            return [f"jump {jump}: {line}" for line in wrong]
    return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--only", default="kill,disk,readonly,wal,two,clock")
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    drills: dict[str, Callable[[Path], list[str]]] = {
        "kill": lambda folder: drill_kill(folder, options.kills, rng),
        "disk": lambda folder: drill_disk(folder, rng),
        "readonly": lambda folder: drill_readonly(folder, rng),
        "wal": lambda folder: drill_wal(folder, rng),
        "two": lambda folder: drill_two(folder, rng),
        "clock": lambda folder: drill_clock(folder, rng),
    }
    results = {}
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="presswatch-drill-") as folder:
            began = time.monotonic()
            results[name] = drills[name](Path(folder))
            took = time.monotonic() - began
            print(f"{name}: {'; '.join(results[name]) or 'ok'} ({took:.0f} s)", flush=True)
    print(json.dumps({name: not wrong for name, wrong in results.items()}))
    return 1 if any(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
