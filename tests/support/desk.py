"""A desk for end-to-end tests: settings and feeds in a folder, and the command line on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from extractors.feed_list import FeedConfig, render_feed
from flows.context import AppContext
from flows.cycle import drive, open_cycle, using_app
from flows.summary import RunSummary

FAST = {
    "host_delay_s": 0,
    "per_host": 16,
    "min_poll_interval_s": 0,
    "feed_timeout_s": 10,
    "page_timeout_s": 10,
    "first_poll": "alert",
    "jobs": 2,
}


class Desk:
    """A folder with presswatch.toml and feeds.toml."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.config = folder / "presswatch.toml"
        self.db = folder / "presswatch.duckdb"
        self.env: dict[str, str] = {}
        self._settings = {"db": "presswatch.duckdb", **FAST, **settings}
        folder.mkdir(parents=True, exist_ok=True)
        self.write_settings()
        self.write_feeds([])

    def write_settings(self, **changes: Any) -> None:
        self._settings |= changes
        lines = [f"{key} = {json.dumps(value)}" for key, value in self._settings.items()]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    def write_feeds(self, rows: Iterable[Mapping[str, Any]], *, every_s: float | None = 1) -> None:
        feeds = [render_feed(FeedConfig(**{"every_s": every_s, **row})) for row in rows]
        (self.folder / "feeds.toml").write_text("\n".join(feeds), "utf-8")

    def app(self) -> AppContext:
        return AppContext(config=str(self.config), quiet=True, collect_alerts=True)

    def cycle(self, app: AppContext | None = None, **options: Any) -> RunSummary:
        """Run one cycle in this process, without Prefect."""
        app = app or self.app()
        before = {name: os.environ.get(name) for name in self.env}
        os.environ.update(self.env)
        try:
            with using_app(app), open_cycle(config=app.config, **options) as cycle:
                return drive(cycle)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start the command line in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows", *args],
            cwd=self.folder,
            env={**os.environ, **self.env, "PRESSWATCH_CONFIG": str(self.config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the command line; check its exit code and that no traceback was shown."""
        process = self.start(*args)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err, err
        if code is not None:
            assert process.returncode == code, f"{args}: {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def start_plain_cycle(self) -> subprocess.Popen[str]:
        """Start a process that runs one cycle without Prefect, saying what it does."""
        code = (
            "import sys; from flows.context import AppContext; "
            "from flows.cycle import drive, open_cycle, using_app; "
            "app = AppContext(config=sys.argv[1], collect_alerts=True)\n"
            "if __name__ == '__main__':\n"
            "    with using_app(app), open_cycle(config=sys.argv[1]) as cycle: drive(cycle)\n"
        )
        return subprocess.Popen(
            [sys.executable, "-u", "-c", code, str(self.config)],
            cwd=self.folder,
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with self.app().store.read() as con:
            return con.execute(query).fetchall()
