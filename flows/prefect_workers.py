"""Workers that Prefect runs: one flow run of the deployment `process-batch/presswatch-worker` each.

In: names of batches.  Out: flow runs on whatever hosts have a worker on the work pool, and which
of them are over.  Prefect is imported when a dispatcher is made, never before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from extractors.errors import PresswatchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from flows.remote import State

DEPLOYMENT = "process-batch/presswatch-worker"
PAGE = 200  # the most that the API returns at once
ASK_S = 3.0  # how often the server is asked for the states of all open runs (one request)


class PrefectDispatcher:
    """Dispatches to Prefect workers. Use it inside a flow run or with PREFECT_API_URL set."""

    def __init__(self) -> None:
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        self._client = get_client(sync_client=True)
        try:
            self._deployment_id = self._client.read_deployment_by_name(DEPLOYMENT).id
        except ObjectNotFound:
            raise PresswatchError(
                f'workers = "prefect", but the Prefect server has no deployment {DEPLOYMENT}: '
                "deploy/README.md tells how to make it"
            ) from None
        self._runs: dict[UUID, tuple[str, int]] = {}
        self._states: dict[tuple[str, int], State] = {}
        self._asked_at = 0.0

    def dispatch(self, batch_id: str, attempt: int) -> None:
        """Create a flow run; asked twice for one attempt, Prefect creates one."""
        run = self._client.create_flow_run_from_deployment(
            self._deployment_id,
            parameters={"batch": batch_id, "attempt": attempt},
            idempotency_key=f"{batch_id}.{attempt}",
            tags=["presswatch-batch"],
        )
        self._runs[run.id] = (batch_id, attempt)

    def states(self) -> Mapping[tuple[str, int], State]:
        """Return how the flow runs stand; Prefect is asked every few seconds."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

        if time.monotonic() - self._asked_at < ASK_S:
            return self._states
        self._asked_at = time.monotonic()
        runs = [run for run, what in self._runs.items() if self._states.get(what) != "over"]
        for at in range(0, len(runs), PAGE):
            for run in self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=runs[at : at + PAGE])),
                limit=PAGE,
            ):
                if run.state is not None:
                    waiting = run.state.is_scheduled()
                    self._states[self._runs[run.id]] = (
                        "over" if run.state.is_final() else "waiting" if waiting else "taken"
                    )
        return self._states

    def drop(self, batch_id: str, attempt: int, reason: str) -> None:
        """Mark a flow run whose worker is lost Crashed, so that Prefect tells the truth."""
        from prefect.states import Crashed

        for run_id, what in list(self._runs.items()):
            if what == (batch_id, attempt):
                if self._states.get(what) != "over":
                    self._client.set_flow_run_state(run_id, Crashed(message=reason), force=True)
                del self._runs[run_id]
                self._states.pop(what, None)
