"""A Prefect server of our own: started beside us, stopped with us, its empty database cached.

In: `PREFECT_HOME` and settings.  Out: the address of an API on loopback.  The server is a child
process (`prefect_server_process`) that gets an open listening socket (no port can be lost in
between), reports readiness through a pipe, and watches its standard input: when the last process
that holds the other end is gone, also by kill -9, it stops.  Its output goes to
`<PREFECT_HOME>/server.log`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flows.prefect_client import import_modules
from flows.prefect_environment import (
    CLIENT_ENVIRONMENT,
    DATABASE_URL_NAMES,
    RUN_ENVIRONMENT,
    SERVER_ENVIRONMENT,
    STARTUP_TIMEOUT_S,
)

SIGN_OF_LIFE_S = 5.0  # nobody should look at a silent terminal for longer
STOP_TIMEOUT_S = 10.0  # a clean stop takes 0.2 s; after this the server is killed
MAX_LOG_BYTES = 1_000_000
_PROCESS = Path(__file__).with_name("prefect_server_process.py")


@contextlib.contextmanager
def local_server(
    extra: Mapping[str, str], progress: Callable[[str], None], *, preload: Sequence[str]
) -> Iterator[tuple[dict[str, Any], str]]:
    """Starts the server, imports `preload` meanwhile, waits until it answers, stops it at the end.

    Yields the handle (a dictionary, so that a restarted process can replace the first one) and
    the URL of the API.
    """
    home = Path(os.environ["PREFECT_HOME"]).expanduser()
    home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (home / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts would migrate one file at once
        fresh = _place_template(home)
        server = _spawn_server(extra, home, port=0)
        progress("Prefect: starting" + (" (first start: building its database)" if fresh else ""))
        try:
            import_modules(preload)
            _wait_ready(server, progress, began)
            if fresh:
                _save_template(home)
        except BaseException:
            _stop_server(server)
            raise
    progress(f"Prefect: ready after {time.monotonic() - began:.1f} s")
    try:
        yield server, f"http://127.0.0.1:{server['port']}/api"
    finally:
        _stop_server(server)


def _spawn_server(extra: Mapping[str, str], home: Path, *, port: int) -> dict[str, Any]:
    """Starts the server process on a listening socket that is opened here."""
    log_path = home / "server.log"
    too_long = log_path.exists() and log_path.stat().st_size > MAX_LOG_BYTES
    environment = {**SERVER_ENVIRONMENT, **extra, **os.environ}
    environment.pop("PREFECT_API_URL", None)  # it is the API
    with (
        socket.socket() as listener,
        log_path.open("w" if too_long else "a", encoding="utf-8") as log,
    ):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        ready_read, ready_write = os.pipe()
        try:
            process = subprocess.Popen(
                # -P and the file's path: sys.path does not get this folder, whose module names
                # could hide others, and the package need not be importable.
                [
                    *(sys.executable, "-P", str(_PROCESS)),
                    *(str(listener.fileno()), str(ready_write)),
                ],
                stdin=subprocess.PIPE,  # never written to: its end tells the child to stop
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=(listener.fileno(), ready_write),
                start_new_session=True,  # Ctrl-C must stop us first, then we stop the server
            )
        except BaseException:
            os.close(ready_read)
            raise
        finally:
            os.close(ready_write)
        return {
            "process": process,
            "ready": ready_read,
            "port": listener.getsockname()[1],
            "log": log_path,
            "home": home,
            "extra": extra,
        }


def _wait_ready(server: dict[str, Any], progress: Callable[[str], None], began: float) -> None:
    """Blocks until the server answers; raises RuntimeError when it ends or takes too long."""
    deadline = began + STARTUP_TIMEOUT_S
    try:
        while True:
            if select.select([server["ready"]], [], [], SIGN_OF_LIFE_S)[0]:
                if os.read(server["ready"], 1):
                    return
                reason = "Prefect's server ended while it started"
                break
            if time.monotonic() > deadline:
                reason = f"Prefect's server did not answer within {STARTUP_TIMEOUT_S} s"
                break
            progress(f"Prefect: still starting ({time.monotonic() - began:.0f} s)")
    finally:
        os.close(server["ready"])
    with contextlib.suppress(OSError):
        tail = server["log"].read_text(encoding="utf-8", errors="replace").splitlines()[-4:]
        reason += "\n".join([f"; end of {server['log']}:", *tail])
    raise RuntimeError(reason)


def _stop_server(server: dict[str, Any]) -> None:
    """Stops the server process and waits for its end."""
    process: subprocess.Popen[bytes] = server["process"]
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def restart_when_dead(server: dict[str, Any], progress: Callable[[str], None]) -> None:
    """Starts the server again, on the same port, when its process has ended."""
    process: subprocess.Popen[bytes] = server["process"]
    if process.poll() is None:
        return
    progress(f"Prefect: the server ended (code {process.returncode}); starting it again")
    if process.stdin is not None:
        process.stdin.close()
    server.update(_spawn_server(server["extra"], server["home"], port=server["port"]))
    _wait_ready(server, progress, time.monotonic())


@contextlib.contextmanager
def unless_dead(server: dict[str, Any], progress: Callable[[str], None]) -> Iterator[None]:
    """Says so when the server died during the block (the flow's own error is not clear then)."""
    try:
        yield
    finally:
        if server["process"].poll() is not None:
            progress(f"Prefect: the server ended early; see {server['log']}")


def warm_cache(progress: Callable[[str], None]) -> None:
    """Creates the cached empty database of the installed Prefect when it is missing.

    Takes about 15 s once for every Prefect version; meant for `make` after an installation.
    """
    if _template_path().exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PREFECT_HOME"] = folder
        os.environ.pop("PREFECT_API_URL", None)
        for key, value in CLIENT_ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        with local_server(RUN_ENVIRONMENT, progress, preload=()):
            pass


def _template_path() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "presswatch" / f"prefect-{version('prefect')}.db"


def _place_template(home: Path) -> bool:
    """Copies the cached database into a new `PREFECT_HOME`; True when it must be built instead."""
    database = home / "prefect.db"
    if database.exists() or any(name in os.environ for name in DATABASE_URL_NAMES):
        return False
    try:
        part = home / "prefect.db.part"
        shutil.copyfile(_template_path(), part)
        part.replace(database)
    except OSError:
        return True
    return False


def _save_template(home: Path) -> None:
    """Keeps the new, still empty database for later starts; not being able to is no error."""
    target = _template_path()
    part = target.with_name(f"{target.name}.{os.getpid()}")
    with contextlib.suppress(OSError, sqlite3.Error):
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(home / "prefect.db")) as connection:
            connection.execute("VACUUM INTO ?", (str(part),))
        part.replace(target)
    part.unlink(missing_ok=True)
