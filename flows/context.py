"""What every command shares: the common options, the settings, the store, the console.

Write a command as

    @click.command("name", epilog=example("presswatch name --json"))
    @common_options
    @pass_app
    def name(app: AppContext) -> None: ...

The common options (`--config`, `--db`, `--json`, `--quiet`) work before and after the command.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flows.settings import Secrets, Settings, load_secrets, load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from alerts.topics import TopicSet
    from storage.database import Store

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class AppContext:
    """Options of this call, and what is made from them on first use."""

    config: str | None = None
    db: str | None = None
    as_json: bool = False
    quiet: bool = False
    collect_alerts: bool = False  # remember printed alerts instead of printing them at once
    shown_alerts: list[str] = field(default_factory=list, repr=False)
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def settings(self) -> Settings:
        """The settings; read once.

        Raises:
            UsageError: the settings file or an environment variable is wrong.
        """
        if "settings" not in self._cache:
            from flows.event_log import start_log

            self._cache["settings"] = load_settings(self.config, overrides={"db": self.db})
            start_log(self._cache["settings"])
        value: Settings = self._cache["settings"]
        return value

    @property
    def secrets(self) -> Secrets:
        """The tokens from the environment."""
        return load_secrets()

    @property
    def store(self) -> Store:
        """The store at the configured path (not opened yet)."""
        from storage.database import Store

        if "store" not in self._cache:
            self._cache["store"] = Store(self.settings.db_path)
        value: Store = self._cache["store"]
        return value

    def topic_paths(self) -> list[Path]:
        """Return the user's topic folder if there is one, else the shipped topics."""
        import seeds

        own = self.settings.path(self.settings.topics)
        return [own] if own.exists() else [seeds.path("topics")]

    @property
    def topics(self) -> TopicSet:
        """The topics in use; read once.

        Raises:
            UsageError: a topic file is wrong.
        """
        from alerts.topics import load_topics

        if "topics" not in self._cache:
            self._cache["topics"] = load_topics(self.topic_paths())
        value: TopicSet = self._cache["topics"]
        return value

    @property
    def console(self) -> Console:
        """Console on standard error, for messages and progress; silent with `--quiet`."""
        from rich.console import Console

        if "console" not in self._cache:
            self._cache["console"] = Console(stderr=True, quiet=self.quiet, highlight=False)
        value: Console = self._cache["console"]
        return value

    def say(self, text: str) -> None:
        """Write one line for people to standard error, unless `--quiet`."""
        if not self.quiet:
            with contextlib.suppress(OSError):  # nobody reads it any more: no reason to stop a run
                click.echo(text, err=True)

    def show_alert(self, text: str) -> None:
        """Print an alert that nobody else delivers to standard output, and remember it."""
        self.shown_alerts.append(text)
        if not self.collect_alerts and not self.as_json:
            click.echo(text + "\n")

    def emit_json(self, value: Any) -> None:
        """Write `value` as JSON to standard output."""
        json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=json_default)
        sys.stdout.write("\n")


def json_default(value: Any) -> Any:
    """Turn times, paths and sets into JSON values."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def common_options(function: F) -> F:
    """Add `--config`, `--db`, `--json`, `--quiet`; their values land in the `AppContext`."""

    @click.option("--config", metavar="FILE", help="Settings file (default: presswatch.toml).")
    @click.option("--db", metavar="PATH", help="DuckDB file (default: data/presswatch.duckdb).")
    @click.option("--json", "as_json", is_flag=True, default=None, help="Print JSON.")
    @click.option("--quiet", "-q", is_flag=True, default=None, help="No progress, no chatter.")
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        config: str | None,
        db: str | None,
        as_json: bool | None,
        quiet: bool | None,
        **kwargs: Any,
    ) -> Any:
        app = click.get_current_context().ensure_object(AppContext)
        app.config = config or app.config
        app.db = db or app.db
        app.as_json = bool(as_json) or app.as_json
        app.quiet = bool(quiet) or app.quiet
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


pass_app = click.make_pass_decorator(AppContext, ensure=True)


def example(*lines: str) -> str:
    """Return an epilog with an example, kept verbatim by click."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
