"""Prefect's settings as presswatch wants them, and where to find the user's own.

In: the environment and the files in which Prefect keeps settings.  Out: environment variables, for
this process and for a server of our own.  Never overrides what the user has set; imports nothing
of Prefect, which reads its settings when it is imported.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

STARTUP_TIMEOUT_S = 300  # the slowest cold start seen on a loaded machine was 90 s
HISTORY = timedelta(days=7)  # of a run every ten minutes: less than 0.2 GB (drill_soak.py)
LEAST_HISTORY = timedelta(hours=2)  # Prefect refuses an hour or less

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


def history_environment(history: timedelta) -> dict[str, str]:
    """Returns the settings of a server that forgets what is older than `history`.

    Prefect deletes finished runs with their task runs, states, logs and artifacts, and events,
    once an hour; the pages of its SQLite file are used again, the file does not shrink.
    """
    seconds = int(max(history, LEAST_HISTORY).total_seconds())
    return {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(seconds),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"PT{seconds}S",  # a number is refused here
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


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _lookup(table: Any, *keys: str) -> str | None:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, str) and table else None
