"""Who runs on a folder: locks that the kernel gives back, a state file, names of processes.

In: a folder.  Out: one `serve` a folder, the address of its server, and whether a process that was
recorded still lives.  Knows nothing of Prefect but the name of its folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ORPHAN_GRACE_S = 60.0  # time given to a run whose serving process was killed


@contextlib.contextmanager
def owner_lock() -> Iterator[Callable[[], None] | None]:
    """Registers this process as a user of `PREFECT_HOME`, so that nobody takes its runs for dead.

    Yields a function when no other process uses it: until that function is called, others wait
    (at most for the start of a server), and all runs that look alive are dead.  Yields None
    when there are others.
    """
    home = Path(os.environ["PREFECT_HOME"]).expanduser()
    with (home / "owners.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield None
        else:
            yield functools.partial(fcntl.flock, lock, fcntl.LOCK_SH)


@contextlib.contextmanager
def serve_lock(data_dir: Path, progress: Callable[[str], None]) -> Iterator[Path]:
    """Lets one `serve` at a time use the data folder; yields the path of its state file."""
    data_dir.mkdir(parents=True, exist_ok=True)
    state_path = data_dir / "serve.json"
    with (data_dir / "serve.lock").open("a") as lock:
        deadline = time.monotonic() + ORPHAN_GRACE_S
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                state = _read_state(state_path)
                if _is_alive(state.get("pid"), state.get("start")):
                    raise RuntimeError(
                        f"presswatch serve already runs on {data_dir} (process {state['pid']})"
                    ) from None
                if not told:
                    progress("Waiting for the run of a killed `presswatch serve` to end")
                    told = True
                run_pid, run_start = int(state.get("run_pid") or 0), state.get("run_start")
                if time.monotonic() > deadline and run_pid and _is_alive(run_pid, run_start):
                    os.kill(run_pid, signal.SIGKILL)
                time.sleep(0.2)
        state_path.unlink(missing_ok=True)
        write_state(state_path, {"pid": os.getpid(), "start": start_of(os.getpid())})
        try:
            yield state_path
        finally:
            state_path.unlink(missing_ok=True)


def find_running_server(data_dir: Path) -> str | None:
    """Returns the API URL of a `presswatch serve` on this folder that answers, or None."""
    state = _read_state(data_dir / "serve.json")
    url = state.get("url")
    if not url or not _is_alive(state.get("pid"), state.get("start")):
        return None
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/health", timeout=5) as response:
            return str(url) if response.status == 200 else None
    except OSError:
        return None


def write_state(path: Path, changes: Mapping[str, Any]) -> None:
    """Change some keys of a state file, atomically."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps({**_read_state(path), **changes}), encoding="utf-8")
    part.replace(path)


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def start_of(pid: int) -> str | None:
    """Returns when the process started, in clock ticks since boot, where /proc tells it.

    With the process id it names a process for good: ids are used again.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _is_alive(pid: object, start: object) -> bool:
    """True for a process that still runs; one that nobody has waited for yet is dead."""
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if _state_of(pid) == "Z":
        return False
    return start is None or start_of(pid) == start


def _state_of(pid: int) -> str | None:
    """Return the state letter of a process, where /proc tells it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return None


def process_name(pid: int) -> str:
    """Name a process for good: host, id and start (see `is_dead_here`)."""
    return f"{socket.gethostname()}:{pid}:{start_of(pid) or ''}"


def is_dead_here(process_name: str | None) -> bool:
    """True when the name was given by this host and that process no longer exists."""
    host, _, rest = (process_name or "").partition(":")
    pid, _, start = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    return not _is_alive(int(pid), start or None)
