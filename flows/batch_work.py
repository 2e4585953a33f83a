"""The flow `process-batch`: what a worker on any host does with one batch (docs/adr/0090).

The file holds no class, because Prefect may load it twice under two names (docs/adr/0001).
"""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger

from flows.remote_worker import work_on


@flow(
    name="process-batch",
    flow_run_name="{batch}, attempt {attempt}",
    validate_parameters=True,
    persist_result=False,
)
def process_batch(batch: str, attempt: int, config: str | None = None) -> Any:
    """Fetch and extract the entries of one batch.

    Args:
        batch: name of the batch in the exchange folder.
        attempt: 1 the first time; a batch whose worker was lost is given out again.
        config: path of presswatch.toml on this host; None takes PRESSWATCH_CONFIG.
    """
    said = work_on(batch, attempt, config=config)
    get_run_logger().info("%s", said)
    return said
