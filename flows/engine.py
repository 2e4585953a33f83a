"""Makes Prefect available to one process, or to a schedule, at the lowest cost that was measured.

In: a data folder and the user's environment.  Out: a Prefect API that flow runs in this process
can use (`embedded`), or a loop that runs one flow on a schedule (`serve_schedule`, from
`flows.serving`).  Nothing here knows of feeds, articles or alerts, and importing it does not
import Prefect.

How it works, and why (measurements: docs/adr/0005-prefect-modes.md):

* The server is a child process started *before* Prefect is imported here, so that its imports
  (most of its start) run on the other core.  Prefect's own temporary server imports the whole
  server twice, once in the parent only to start the child (`flows.prefect_server`).
* The empty database after Prefect's migrations (about ten seconds of CPU) is kept in the user's
  cache folder, one file a Prefect version, and copied instead of migrated the next time.
* Runs, logs and events older than `history` are deleted by the server (`prefect_environment`).
* A schedule imports the flow once and forks a child per run (`flows.serving`).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from flows.prefect_client import client_settings, crash_zombies, drain, import_modules
from flows.prefect_environment import (
    CLIENT_ENVIRONMENT,
    HISTORY,
    RUN_ENVIRONMENT,
    SERVER_ENVIRONMENT,
    configured_api_url,
    history_environment,
    prepare_environment,
)
from flows.prefect_server import local_server, unless_dead, warm_cache
from flows.processes import find_running_server, owner_lock
from flows.serving import serve_schedule

__all__ = [
    "CLIENT_ENVIRONMENT",
    "RUN_ENVIRONMENT",
    "SERVER_ENVIRONMENT",
    "configured_api_url",
    "embedded",
    "prepare_environment",
    "serve_schedule",
    "warm_cache",
]


@contextlib.contextmanager
def embedded(
    data_dir: Path,
    progress: Callable[[str], None],
    *,
    quiet: bool = True,
    preload: Sequence[str] = (),
    history: timedelta = HISTORY,
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
        history: how long a server of our own remembers runs, their logs, artifacts and events.

    Raises:
        RuntimeError: the server did not start; the text holds the end of its log.
    """
    prepare_environment(data_dir, quiet=quiet)
    with contextlib.ExitStack() as stack:
        url = configured_api_url()
        if url is not None:
            progress(f"Prefect: using {url}")
            import_modules(preload)
        elif (url := find_running_server(data_dir)) is not None:
            progress(f"Prefect: using the running server at {url}")
            import_modules(preload)
            stack.enter_context(client_settings(url, heartbeat=False))
        else:
            share = stack.enter_context(owner_lock())
            server, url = stack.enter_context(
                local_server(
                    {**RUN_ENVIRONMENT, **history_environment(history)}, progress, preload=preload
                )
            )
            stack.enter_context(client_settings(url, heartbeat=False))
            stack.enter_context(unless_dead(server, progress))
            if share is not None:
                crash_zombies(progress)
                share()
        stack.callback(drain)
        yield


if __name__ == "__main__":
    if sys.argv[1:2] != ["warm"]:
        raise SystemExit("usage: python -m flows.engine warm")
    warm_cache(print)
