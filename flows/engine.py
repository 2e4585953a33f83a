"""Makes Prefect available to one process, or to a schedule, at the lowest cost that was measured.

In: a data folder and the user's environment.  Out: a Prefect API that flow runs in this process
can use (`embedded`), or a loop that runs one flow on a schedule (`serve_schedule`).  This module
knows nothing of feeds, articles or alerts, and importing it does not import Prefect.

How it works, and why (measurements: docs/adr/0005-prefect-modes.md):

* The server is a child process started *before* Prefect is imported here, so that its imports
  (most of its start) run on the other core.  Prefect's own temporary server imports the whole
  server twice, once in the parent only to start the child.
* The child gets an open listening socket (no port can be lost in between), reports readiness
  through a pipe, and watches its standard input: when the last process that holds the other end
  is gone, also by kill -9, it stops.  Its output goes to `<data>/prefect/server.log`.
* The empty database after Prefect's migrations (about ten seconds of CPU) is kept in the user's
  cache folder, one file a Prefect version, and copied instead of migrated the next time.
* `serve_schedule` imports the flow once and forks a child per run: no import per run, memory is
  returned, a crash or a hang of a run cannot harm the schedule.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import gc
import importlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
import traceback
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from uuid import UUID

    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import OrchestrationResult

STARTUP_TIMEOUT_S = 300  # the slowest cold start seen on a loaded machine was 90 s
SIGN_OF_LIFE_S = 5.0  # nobody should look at a silent terminal for longer
STOP_TIMEOUT_S = 10.0  # a clean stop takes 0.2 s; after this the server is killed
DRAIN_TIMEOUT_S = 10.0  # events and log lines still on their way at the end of a run
POLL_S = 5.0  # how soon a run asked for in Prefect's UI starts
MAX_RUN_S = 3600.0  # a run that takes longer hangs; it is killed and marked Crashed
ORPHAN_GRACE_S = 60.0  # time given to a run whose serving process was killed
MAX_LOG_BYTES = 1_000_000

DATABASE_URL_NAMES = (
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
)

# Set in this process and inherited by the server.  Never overrides what the user has set.
CLIENT_ENVIRONMENT: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(STARTUP_TIMEOUT_S),
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}

# Set for our own server only: loops that poll its database every 5 to 20 s by default.
SERVER_ENVIRONMENT: Mapping[str, str] = {
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 86_400),
    # Default "memory": a slot taken before a restart would not be given back by its lease.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",  # we have no work pools
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",  # we never pause a run
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_ENABLED": "false",  # only for work pools
}

# A single run needs no schedule, no triggers, no UI, no block types.
RUN_ENVIRONMENT: Mapping[str, str] = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
}

SERVE_ENVIRONMENT: Mapping[str, str] = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "10",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
}


def prepare_environment(data_dir: Path, *, quiet: bool) -> None:
    """Sets Prefect's environment variables for this process; call it before Prefect is imported.

    A variable that is already set stays as it is.  `PREFECT_HOME` is set to `<data_dir>/prefect`
    unless the user chose one or has configured a Prefect API.

    Args:
        data_dir: folder for runtime files; created when missing.
        quiet: keep Prefect's own lines and stack traces off the terminal (the API still receives
            them, and the caller says in one line what failed).
    """
    for name, value in CLIENT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if quiet:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    if configured_api_url() is None:
        if "PREFECT_HOME" not in os.environ:
            os.environ["PREFECT_HOME"] = str((data_dir / "prefect").absolute())
        Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
        # httpx would send requests for 127.0.0.1 through HTTP_PROXY.
        for name in ("NO_PROXY", "no_proxy"):
            hosts = [host for host in os.environ.get(name, "").split(",") if host]
            if "127.0.0.1" not in hosts and "*" not in hosts:
                os.environ[name] = ",".join([*hosts, "127.0.0.1"])


def configured_api_url() -> str | None:
    """Finds the Prefect API that the user configured, without importing Prefect.

    Looks where Prefect looks: the environment, `.env` and `prefect.toml` in the working folder,
    `[tool.prefect]` in `pyproject.toml`, the active profile.  Returns None when there is none.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    with contextlib.suppress(OSError):
        for line in Path(".env").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip().removeprefix("export ").upper() == "PREFECT_API_URL" and value.strip():
                return value.strip().strip("'\"")
    url = _lookup(_read_toml(Path("prefect.toml")), "api", "url") or _lookup(
        _read_toml(Path("pyproject.toml")), "tool", "prefect", "api", "url"
    )
    if url:
        return url
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    profiles_path = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    profiles = _read_toml(profiles_path)
    active = os.environ.get("PREFECT_PROFILE") or _lookup(profiles, "active")
    return _lookup(profiles, "profiles", active, "PREFECT_API_URL") if active else None


@contextlib.contextmanager
def embedded(
    data_dir: Path,
    progress: Callable[[str], None],
    *,
    quiet: bool = True,
    preload: Sequence[str] = (),
) -> Iterator[None]:
    """Makes a Prefect API available to the flows that run in this process inside the block.

    Uses, in this order: the API that the user configured; the server of a running
    `presswatch serve` on the same data folder; a server of our own, stopped at the end.
    Call it from the main thread and as early as possible: the server starts while Prefect and
    the modules named in `preload` are imported.

    Args:
        data_dir: folder for runtime files.
        progress: receives one line of text for every sign of life.
        quiet: as in `prepare_environment`.
        preload: modules to import while the server starts, for example `("flows.monitor",)`.

    Raises:
        RuntimeError: the server did not start; the text holds the end of its log.
    """
    prepare_environment(data_dir, quiet=quiet)
    with contextlib.ExitStack() as stack:
        url = configured_api_url()
        if url is not None:
            progress(f"Prefect: using {url}")
            _import_modules(preload)
        elif (url := _find_running_server(data_dir)) is not None:
            progress(f"Prefect: using the running server at {url}")
            _import_modules(preload)
            stack.enter_context(_client_settings(url, heartbeat=False))
        else:
            share = stack.enter_context(_owner_lock())
            server, url = stack.enter_context(
                _local_server(RUN_ENVIRONMENT, progress, preload=preload)
            )
            stack.enter_context(_client_settings(url, heartbeat=False))
            stack.enter_context(_unless_dead(server, progress))
            if share is not None:
                _crash_zombies(progress)
                share()
        stack.callback(_drain)
        yield


def serve_schedule(
    entrypoint: str,
    *,
    name: str,
    data_dir: Path,
    progress: Callable[[str], None],
    every: timedelta | None = None,
    cron: str | None = None,
    timezone: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    run_now: bool = True,
    quiet: bool = True,
    poll_s: float = POLL_S,
    max_run_s: float = MAX_RUN_S,
    max_runs: int | None = None,
) -> int:
    """Runs a flow on a schedule until it is told to stop (SIGINT, SIGTERM), one run at a time.

    The schedule is a Prefect deployment with a concurrency limit of 1 and CANCEL_NEW, so it can
    be seen, paused and started by hand, with parameters, in Prefect's UI.  Scheduled runs that
    were missed collapse into the newest one; runs asked for by hand are all run, in order.
    At the start, runs left `Running` by a killed process are marked Crashed.

    Args:
        entrypoint: `module:function` of the flow, for example `flows.monitor:monitor`.
        name: name of the deployment.
        data_dir: folder for runtime files; one `serve` a folder.
        progress: receives one line of text per event.
        every: time between two runs; exactly one of `every` and `cron` is given.
        cron: a cron expression.
        timezone: IANA name for `cron`; UTC when not given.
        parameters: default parameters of the flow.
        run_now: also run once at the start.
        quiet: as in `prepare_environment`.
        poll_s: seconds between two questions to Prefect for due runs.
        max_run_s: seconds after which a run is killed and marked Crashed.
        max_runs: return after so many runs (for tests and drills).

    Returns:
        The number of runs executed.

    Raises:
        ValueError: not exactly one of `every` and `cron`.
        RuntimeError: another `serve` uses this data folder, or the server did not start.
    """
    if (every is None) == (cron is None):
        raise ValueError("give either an interval or a cron expression")
    prepare_environment(data_dir, quiet=quiet)
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stop_on_signals(stop))
        state_path = stack.enter_context(_serve_lock(data_dir, progress))
        module, _, function = entrypoint.partition(":")
        url = configured_api_url()
        keep_alive: Callable[[], None] = _nothing
        local = url is None
        if url is None:
            share = stack.enter_context(_owner_lock())
            server, url = stack.enter_context(
                _local_server(SERVE_ENVIRONMENT, progress, preload=(module,))
            )
            keep_alive = functools.partial(_restart_when_dead, server, progress)
            stack.enter_context(_client_settings(url, heartbeat=False))
            if share is not None:
                _crash_zombies(progress)
                share()
        else:
            progress(f"Prefect: using {url}")
            _import_modules((module,))
        _write_state(state_path, {"url": url if local else None})
        flow: Flow[..., Any] = getattr(importlib.import_module(module), function)
        deployment_id = _deploy(
            flow,
            entrypoint=f"{module}.{function}",
            name=name,
            every=every,
            cron=cron,
            timezone=timezone,
            parameters=dict(parameters or {}),
        )
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            sweep = functools.partial(
                _repair_deployment, client, progress, deployment_id, ours_alone=local
            )
            sweep()
            if run_now:
                client.create_flow_run_from_deployment(deployment_id, tags=["at-start"])
            when = f"every {every}" if every else f"at cron {cron!r} ({timezone or 'UTC'})"
            progress(f"Serving {name!r} {when}; stop with Ctrl-C")
            return _serve_loop(
                client,
                flow,
                deployment_id,
                stop=stop,
                progress=progress,
                keep_alive=keep_alive,
                sweep=sweep,
                state_path=state_path,
                poll_s=poll_s,
                max_run_s=max_run_s,
                max_runs=max_runs,
            )


def warm_cache(progress: Callable[[str], None]) -> None:
    """Creates the cached empty database of the installed Prefect when it is missing.

    Takes about 15 s once for every Prefect version; meant for `make` after an installation.
    """
    if _template_path().exists():
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        os.environ["PREFECT_HOME"] = folder
        os.environ.pop("PREFECT_API_URL", None)
        for key, value in CLIENT_ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        with _local_server(RUN_ENVIRONMENT, progress, preload=()):
            pass


# --- our own server ------------------------------------------------------------------------------


@contextlib.contextmanager
def _local_server(
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
            _import_modules(preload)
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
                    *(sys.executable, "-P", __file__, "server"),
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


def _restart_when_dead(server: dict[str, Any], progress: Callable[[str], None]) -> None:
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
def _unless_dead(server: dict[str, Any], progress: Callable[[str], None]) -> Iterator[None]:
    """Says so when the server died during the block (the flow's own error is not clear then)."""
    try:
        yield
    finally:
        if server["process"].poll() is not None:
            progress(f"Prefect: the server ended early; see {server['log']}")


def _serve_api(listener_fd: int, ready_fd: int) -> None:
    """Runs Prefect's API until standard input ends (main function of the server process)."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    gc.disable()  # collecting among a million new, permanent objects costs a tenth of the start
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(final=True)
    gc.freeze()
    gc.enable()
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=3)
    )

    def report() -> None:
        while not server.started:
            time.sleep(0.01)
        os.write(ready_fd, b"1")
        os.close(ready_fd)

    threading.Thread(target=report, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=listener_fd)])


def _end_with_stdin() -> None:
    """Stops this process when no other process holds the write end of its standard input."""
    watch = select.poll()
    watch.register(0, 0)  # only errors and hang-up
    watch.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_TIMEOUT_S)
    os._exit(1)


# --- the cached database -------------------------------------------------------------------------


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


# --- Prefect's client in this process -------------------------------------------------------------


def _import_modules(names: Sequence[str]) -> None:
    """Imports Prefect's client and the modules named, without collecting garbage meanwhile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        for name in ("prefect", "prefect.flow_engine", "prefect.task_engine", *names):
            importlib.import_module(name)
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def _client_settings(url: str, *, heartbeat: bool) -> Iterator[None]:
    """Points this process, its threads and its children to `url`.

    Without heartbeats a synchronous flow ends a second earlier (its thread sleeps in whole
    seconds); they serve to find crashed runs, which `_crash_zombies` does here.
    """
    import prefect.context
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    updates: dict[Any, Any] = {PREFECT_API_URL: url}
    if not heartbeat and "PREFECT_FLOWS_HEARTBEAT_FREQUENCY" not in os.environ:
        updates[PREFECT_FLOWS_HEARTBEAT_FREQUENCY] = None
    before = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = url
    try:
        with (
            temporary_settings(updates=updates),
            prefect.context._temporary_global_settings_context(
                prefect.context.get_settings_context()
            ),
        ):
            yield
    finally:
        if before is None:
            os.environ.pop("PREFECT_API_URL", None)
        else:
            os.environ["PREFECT_API_URL"] = before


def _drain() -> None:
    """Sends what is still queued; otherwise it is lost, with tracebacks, when the server stops."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        # "Still processing items" after a second or so: true, and nobody's concern.
        logging.getLogger(worker.__name__).setLevel(logging.ERROR)
        with contextlib.suppress(Exception):
            worker.drain_all(timeout=DRAIN_TIMEOUT_S)


def _crash_zombies(
    progress: Callable[[str], None],
    *,
    deployment_id: UUID | None = None,
    all_hosts: bool = True,
) -> int:
    """Marks runs Crashed that are `Running` although the process that ran them is gone.

    Args:
        progress: receives one line per run.
        deployment_id: only runs of this deployment.
        all_hosts: True when the caller holds the lock that every process using this server
            holds, so that no such run can be alive; otherwise only runs whose recorded
            process belonged to this host and no longer exists.

    Returns:
        How many runs were marked.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    marked = 0
    states = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": states}}}),
            deployment_filter=(
                DeploymentFilter.model_validate({"id": {"any_": [deployment_id]}})
                if deployment_id
                else None
            ),
        )
        for run in runs:
            if all_hosts or _is_dead_here(run.infrastructure_pid):
                client.set_flow_run_state(
                    run.id,
                    Crashed(message="The process that ran it was killed; found at the next start."),
                    force=True,
                )
                progress(f"Prefect: run {run.name!r} had been killed; marked Crashed")
                marked += 1
    return marked


def _repair_deployment(
    client: SyncPrefectClient,
    progress: Callable[[str], None],
    deployment_id: UUID,
    *,
    ours_alone: bool,
) -> None:
    """Marks the deployment's dead runs Crashed and gives back a slot that nobody holds."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    _crash_zombies(progress, deployment_id=deployment_id, all_hosts=ours_alone)
    limit = client.read_deployment(deployment_id).global_concurrency_limit
    if ours_alone and limit is not None and limit.active_slots:
        client.update_global_concurrency_limit(
            limit.name, GlobalConcurrencyLimitUpdate(active_slots=0)
        )


# --- the schedule ---------------------------------------------------------------------------------


def _deploy(
    flow: Flow[..., Any],
    *,
    entrypoint: str,
    name: str,
    every: timedelta | None,
    cron: str | None,
    timezone: str | None,
    parameters: dict[str, Any],
) -> UUID:
    """Registers the flow with its schedule and returns the deployment's id."""
    from prefect.client.schemas.objects import (
        ConcurrencyLimitConfig,
        ConcurrencyLimitStrategy,
        VersionInfo,
    )
    from prefect.schedules import Cron, Interval
    from prefect.types.entrypoint import EntrypointType

    if cron is not None:
        schedule = Cron(cron, timezone=timezone or "UTC")
    else:
        assert every is not None
        schedule = Interval(every, anchor_date=datetime.now(UTC))
    deployment: Any = flow.to_deployment(
        name,
        schedule=schedule,
        parameters=parameters,
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    deployment.entrypoint = entrypoint
    # Without version_info Prefect asks git for it, on threads that would live on in this process,
    # and a process that forks should have one thread.
    identifier: UUID = deployment.apply(
        version_info=VersionInfo(type="prefect:simple", version=version("prefect"))
    )
    return identifier


def _serve_loop(
    client: SyncPrefectClient,
    flow: Flow[..., Any],
    deployment_id: UUID,
    *,
    stop: threading.Event,
    progress: Callable[[str], None],
    keep_alive: Callable[[], None],
    sweep: Callable[[], None],
    state_path: Path,
    poll_s: float,
    max_run_s: float,
    max_runs: int | None,
) -> int:
    """Runs what is due, one at a time, until `stop` is set; returns the number of runs."""
    done = 0
    complained = False
    while not stop.is_set():
        try:
            keep_alive()
            if complained:
                sweep()  # no child runs now: a run that looks alive could not report its end
                complained = False
            due = client.get_scheduled_flow_runs_for_deployments(
                [deployment_id], scheduled_before=datetime.now(UTC)
            )
            for run_id in _collapse(client, due, progress):
                if stop.is_set():
                    break
                if _claim(client, run_id, progress):
                    _run_in_child(
                        client,
                        flow,
                        run_id,
                        stop=stop,
                        progress=progress,
                        state_path=state_path,
                        max_run_s=max_run_s,
                    )
                    done += 1
                    if max_runs is not None and done >= max_runs:
                        return done
        except Exception as error:
            # The API is away or answers nonsense: the schedule must outlive that.
            if not complained:
                progress(f"Prefect does not answer ({error}); trying again every {poll_s:g} s")
                complained = True
        stop.wait(poll_s)
    return done


def _collapse(
    client: SyncPrefectClient, due: Sequence[Any], progress: Callable[[str], None]
) -> list[UUID]:
    """Cancels all scheduled runs but the newest; returns the ids to run, oldest first."""
    from prefect.states import Cancelled

    due = sorted(due, key=lambda run: run.expected_start_time)
    missed = [run for run in due if run.auto_scheduled][:-1]
    for run in missed:
        client.set_flow_run_state(
            run.id, Cancelled(name="Skipped", message="A later run was due too."), force=True
        )
    if missed:
        progress(f"{len(missed)} missed run(s) skipped; one run makes up for them")
    skipped = {run.id for run in missed}
    return [run.id for run in due if run.id not in skipped]


def _claim(client: SyncPrefectClient, run_id: UUID, progress: Callable[[str], None]) -> bool:
    """Moves the run to Pending, which takes the deployment's only slot; False when refused."""
    from prefect.states import Pending

    result: OrchestrationResult[Any] = client.set_flow_run_state(run_id, Pending())
    if result.state is not None and result.state.is_pending():
        return True
    progress(f"Run not started: {getattr(result.details, 'reason', None) or result.status.value}")
    return False


def _run_in_child(
    client: SyncPrefectClient,
    flow: Flow[..., Any],
    run_id: UUID,
    *,
    stop: threading.Event,
    progress: Callable[[str], None],
    state_path: Path,
    max_run_s: float,
) -> None:
    """Forks a child that executes the run, waits for it, and marks the run Crashed if it died.

    The child inherits the lock of this process and the server's standard input: when this
    process is killed, the child finishes its run, and only then does the server stop and may
    another `serve` begin.
    """
    from prefect.states import Crashed

    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _child_main(flow, run_id)
    _write_state(state_path, {"run_pid": pid, "run_start": _start_of(pid)})
    with contextlib.suppress(Exception):  # whatever the API says: this child must be waited for
        client.update_flow_run(run_id, infrastructure_pid=_process_name(pid))
    deadline = time.monotonic() + max_run_s
    told = False
    reason = ""
    while True:
        waited, status = os.waitpid(pid, os.WNOHANG)
        if waited:
            break
        if stop.is_set() and not told:
            told = True
            reason = "presswatch serve was stopped"
            deadline = min(deadline, time.monotonic() + STOP_TIMEOUT_S)
            os.kill(pid, signal.SIGTERM)
        elif time.monotonic() > deadline:
            reason = reason or f"it took longer than {max_run_s:g} s"
            os.kill(pid, signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.05)
    _write_state(state_path, {"run_pid": None, "run_start": None})
    run: FlowRun = client.read_flow_run(run_id)
    if run.state is None or not run.state.is_final():
        code = os.waitstatus_to_exitcode(status)
        reason = reason or (f"killed by signal {-code}" if code < 0 else f"exit code {code}")
        client.set_flow_run_state(run_id, Crashed(message=f"Its process ended: {reason}."), True)
        progress(f"Run {run.name!r} crashed: {reason}")


def _child_main(flow: Flow[..., Any], run_id: UUID) -> NoReturn:
    """Executes one flow run in a freshly forked process and ends the process."""
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        from prefect.client.orchestration import get_client
        from prefect.flow_engine import run_flow

        with get_client(sync_client=True) as client:
            flow_run = client.read_flow_run(run_id)
        state: Any = run_flow(flow, flow_run=flow_run, return_type="state")
        _drain()
        code = 0 if state is not None and state.is_completed() else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


# --- locks, state file, processes -----------------------------------------------------------------


@contextlib.contextmanager
def _owner_lock() -> Iterator[Callable[[], None] | None]:
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
def _serve_lock(data_dir: Path, progress: Callable[[str], None]) -> Iterator[Path]:
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
        _write_state(state_path, {"pid": os.getpid(), "start": _start_of(os.getpid())})
        try:
            yield state_path
        finally:
            state_path.unlink(missing_ok=True)


def _find_running_server(data_dir: Path) -> str | None:
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


def _write_state(path: Path, changes: Mapping[str, Any]) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps({**_read_state(path), **changes}), encoding="utf-8")
    part.replace(path)


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _start_of(pid: int) -> str | None:
    """Returns when the process started, in clock ticks since boot, where /proc tells it.

    With the process id it names a process for good: ids are used again.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _is_alive(pid: object, start: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return start is None or _start_of(pid) == start


def _process_name(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{_start_of(pid) or ''}"


def _is_dead_here(process_name: str | None) -> bool:
    """True when the name was given by this host and that process no longer exists."""
    host, _, rest = (process_name or "").partition(":")
    pid, _, start = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    return not _is_alive(int(pid), start or None)


@contextlib.contextmanager
def _stop_on_signals(stop: threading.Event) -> Iterator[None]:
    """Sets `stop` on SIGINT and SIGTERM instead of raising; needs the main thread."""

    def handle(number: int, frame: object) -> None:
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing() -> None:
    """Does nothing."""


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _lookup(table: Any, *keys: str) -> str | None:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, str) and table else None


if __name__ == "__main__":
    if sys.argv[1:2] == ["server"]:
        _serve_api(int(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["warm"]:
        warm_cache(print)
    else:
        raise SystemExit("usage: engine.py warm")
