"""Prefect's client in this process: imports, address, queues, and runs that were killed.

In: the address of an API.  Out: a process whose flows report there.  Importing this module does
not import Prefect.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flows.processes import is_dead_here

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

DRAIN_TIMEOUT_S = 10.0  # events and log lines still on their way at the end of a run


def import_modules(names: Sequence[str]) -> None:
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
def client_settings(url: str, *, heartbeat: bool) -> Iterator[None]:
    """Points this process, its threads and its children to `url`.

    Without heartbeats a synchronous flow ends a second earlier (its thread sleeps in whole
    seconds); they serve to find crashed runs, which `crash_zombies` does here.
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


def drain() -> None:
    """Sends what is still queued; otherwise it is lost, with tracebacks, when the server stops."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        # "Still processing items" after a second or so: true, and nobody's concern.
        logging.getLogger(worker.__name__).setLevel(logging.ERROR)
        with contextlib.suppress(Exception):
            worker.drain_all(timeout=DRAIN_TIMEOUT_S)


def crash_zombies(
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
            if all_hosts or is_dead_here(run.infrastructure_pid):
                client.set_flow_run_state(
                    run.id,
                    Crashed(message="The process that ran it was killed; found at the next start."),
                    force=True,
                )
                progress(f"Prefect: run {run.name!r} had been killed; marked Crashed")
                marked += 1
    return marked


def repair_deployment(
    client: SyncPrefectClient,
    progress: Callable[[str], None],
    deployment_id: UUID,
    *,
    ours_alone: bool,
) -> None:
    """Marks the deployment's dead runs Crashed and gives back a slot that nobody holds."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    crash_zombies(progress, deployment_id=deployment_id, all_hosts=ours_alone)
    limit = client.read_deployment(deployment_id).global_concurrency_limit
    if ours_alone and limit is not None and limit.active_slots:
        client.update_global_concurrency_limit(
            limit.name, GlobalConcurrencyLimitUpdate(active_slots=0)
        )
