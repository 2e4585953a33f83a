"""Runs a flow on a schedule, one run at a time, until told to stop.

In: the entry point of a flow and an interval or a cron expression.  Out: a Prefect deployment with
that schedule, and a child process for each run that falls due.  The flow is imported once and
forked for each run: no import per run, memory is returned, a crash or a hang of a run cannot harm
the schedule.  A process that forks should have one thread, so nothing here starts another.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from zoneinfo import ZoneInfo

from flows.prefect_client import (
    client_settings,
    crash_zombies,
    drain,
    import_modules,
    repair_deployment,
)
from flows.prefect_environment import (
    HISTORY,
    SERVE_ENVIRONMENT,
    configured_api_url,
    history_environment,
    prepare_environment,
)
from flows.prefect_server import STOP_TIMEOUT_S, local_server, restart_when_dead
from flows.processes import owner_lock, process_name, serve_lock, start_of, write_state

if TYPE_CHECKING:
    from uuid import UUID

    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import OrchestrationResult

_LOG = logging.getLogger(__name__)

POLL_S = 5.0  # how soon a run asked for in Prefect's UI starts
AT_START = "at-start"  # tag of the run that `serve` asks for when it starts
MAX_RUN_S = 3600.0  # a run that takes longer hangs; it is killed and marked Crashed


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
    history: timedelta = HISTORY,
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
        history: as in `embedded`.

    Returns:
        The number of runs executed.

    Raises:
        ValueError: not exactly one of `every` and `cron`, or no such cron expression or time zone;
            said before Prefect's server is started.
        RuntimeError: another `serve` uses this data folder, or the server did not start.
    """
    if (every is None) == (cron is None):
        raise ValueError("give either an interval or a cron expression")
    prepare_environment(data_dir, quiet=quiet)
    if cron is not None:
        _check_cron(cron, timezone)
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_stop_on_signals(stop))
        state_path = stack.enter_context(serve_lock(data_dir, progress))
        module, _, function = entrypoint.partition(":")
        url = configured_api_url()
        keep_alive: Callable[[], None] = _nothing
        local = url is None
        if url is None:
            share = stack.enter_context(owner_lock())
            server, url = stack.enter_context(
                local_server(
                    {**SERVE_ENVIRONMENT, **history_environment(history)},
                    progress,
                    preload=(module,),
                )
            )
            keep_alive = functools.partial(restart_when_dead, server, progress)
            stack.enter_context(client_settings(url, heartbeat=False))
            if share is not None:
                crash_zombies(progress)
                share()
        else:
            progress(f"Prefect: using {url}")
            import_modules((module,))
        write_state(state_path, {"url": url if local else None})
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
                repair_deployment, client, progress, deployment_id, ours_alone=local
            )
            sweep()
            if run_now:
                client.create_flow_run_from_deployment(deployment_id, tags=[AT_START])
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


def _check_cron(cron: str, timezone: str | None) -> None:
    """Raises ValueError, in one line, for what Prefect would refuse later."""
    from prefect.client.schemas.schedules import CronSchedule

    try:
        ZoneInfo(timezone or "UTC")
    except (KeyError, ValueError, OSError):  # not found is a KeyError
        raise ValueError(f"there is no time zone {timezone!r}: write e.g. Asia/Seoul") from None
    try:
        CronSchedule(cron=cron, timezone=timezone or "UTC")
    except ValueError:
        raise ValueError(
            f"{cron!r} is no cron expression: write five fields, e.g. '*/10 * * * *'"
        ) from None


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
                        keep_alive=keep_alive,
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
    """Cancels all scheduled runs but the newest; returns the ids to run, oldest first.

    The run at the start makes up for those missed before it.
    """
    from prefect.states import Cancelled

    due = sorted(due, key=lambda run: run.expected_start_time)
    missed = [run for run in due if run.auto_scheduled or AT_START in run.tags][:-1]
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
    keep_alive: Callable[[], None],
    state_path: Path,
    max_run_s: float,
) -> None:
    """Forks a child that executes the run, waits for it, and marks the run Crashed if it died.

    The child inherits the lock of this process and the server's standard input: when this
    process is killed, the child finishes its run, and only then does the server stop and may
    another `serve` begin.  A server that dies meanwhile is started again at once: the run's
    client tries for minutes to reach it.
    """
    from prefect.states import Crashed

    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _child_main(flow, run_id)
    write_state(state_path, {"run_pid": pid, "run_start": start_of(pid)})
    with contextlib.suppress(Exception):  # whatever the API says: this child must be waited for
        client.update_flow_run(run_id, infrastructure_pid=process_name(pid))
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
        elif not stop.is_set():
            with contextlib.suppress(Exception):  # `_serve_loop` tells, once the child has ended
                keep_alive()
        time.sleep(0.05)
    write_state(state_path, {"run_pid": None, "run_start": None})
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
        logging.raiseExceptions = False  # "--- Error logging to API ---" and a stack trace
        from prefect.client.orchestration import get_client
        from prefect.flow_engine import run_flow

        with get_client(sync_client=True) as client:
            flow_run = client.read_flow_run(run_id)
        state: Any = run_flow(flow, flow_run=flow_run, return_type="state")
        drain()
        code = 0 if state is not None and state.is_completed() else 1
    except BaseException as error:
        text = str(error).partition("\n")[0]
        sys.stderr.write(f"The run broke off: {type(error).__name__}: {text}\n")
        _LOG.exception("the run broke off")
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


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
