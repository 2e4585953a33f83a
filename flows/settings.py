"""All settings in one frozen record: defaults < presswatch.toml < environment < command line.

Every key can stand in `presswatch.toml` and be overridden by `PRESSWATCH_<KEY>`. Secrets are not
settings: they come from the environment or a Prefect Secret block only, see `Secrets`.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extractors.errors import UsageError

ENV_PREFIX = "PRESSWATCH_"
CONFIG_NAME = "presswatch.toml"


def _key(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user can set. Relative paths are relative to the folder of `presswatch.toml`."""

    base_dir: Path = field(default=Path(), metadata={"internal": True})
    source: str | None = field(default=None, metadata={"internal": True})

    db: str = _key("data/presswatch.duckdb", "The DuckDB file that people open.")
    feeds: str = _key("feeds.toml", "The list of feeds.")
    topics: str = _key("topics", "Folder of topic files; without it the shipped topics are used.")
    rules: str = _key("rules", "Folder with your own cleaning rules (see docs/boilerplate-rules).")

    contact: str = _key("", "URL or e-mail address that the user agent names to site owners.")
    feed_timeout_s: float = _key(30.0, "Total time for one feed, in seconds.")
    page_timeout_s: float = _key(30.0, "Total time for one article page, in seconds.")
    max_feed_bytes: int = _key(16_000_000, "A feed larger than this (decoded) is refused.")
    max_page_bytes: int = _key(5_000_000, "A page larger than this (decoded) is refused.")
    connections: int = _key(64, "How many connections may be open at once.")
    per_host: int = _key(2, "How many requests one host gets at once.")
    host_delay_s: float = _key(5.0, "Least time between two requests to one host, in seconds.")
    respect_robots: bool = _key(True, "Obey robots.txt for article pages.")
    allow_addresses: tuple[str, ...] = _key(
        (), "Non-public ip:port or CIDR that may be fetched (private feeds, tests)."
    )
    min_poll_interval_s: float = _key(600.0, "No feed is polled more often than this, in seconds.")
    max_pages_per_run: int = _key(2000, "How many article pages one run fetches at most.")

    jobs: int = _key(0, "Worker processes for extraction; 0 means one for each CPU core.")
    workers: str = _key(
        "local", 'Who fetches and extracts: "local", or "prefect": workers on several hosts.'
    )
    exchange: str = _key(
        "data/exchange", 'Folder that writer and workers share when workers = "prefect".'
    )
    workers_wait_s: float = _key(
        600.0, "How long a run waits when no worker shows any life, in seconds."
    )
    document_timeout_s: float = _key(10.0, "A page that takes longer is given up, in seconds.")
    language_engine: str = _key("hybrid", "Language detector behind script and function words.")
    story_vectors: str = _key("auto", 'Sentence vectors for stories: "auto", "on" or "off".')

    slack_channel: str = _key("#presswatch", "Channel for topics that name none.")
    ops_channel: str = _key("", "Channel for failures of the pipeline; empty: none.")
    slack_base_url: str = _key("https://slack.com/api/", "Slack's Web API (tests: a stand-in).")
    send_wait_s: float = _key(60.0, "How long a run may wait for Slack's one message a second.")
    alert_max_age_h: float = _key(24.0, "Older articles are stored, never alerted. In hours.")
    first_poll: str = _key(
        "summary",
        'What a feed lists at its first poll: one "summary", "alert" as usual, or "auto": '
        "a summary when more than twenty articles match.",
    )
    hourly_cap: int = _key(20, "Alerts per topic and hour; more go into one digest line.")
    quiet_hours: str = _key("", 'For example "22:00-07:00 Asia/Seoul"; empty: none.')
    quiet_override: str = _key("critical", "Severity that alerts in quiet hours all the same.")
    digest: str = _key("run", 'When digests go out: "run", "daily HH:MM Zone" or "off".')
    timezone: str = _key("UTC", "The reader's time zone, used in messages.")

    schedule: str = _key("10m", "How often `presswatch serve` runs a cycle.")
    metrics_address: str = _key(
        "", 'Where `serve` offers /metrics and /healthz, e.g. "127.0.0.1:9464"; empty: nowhere.'
    )
    prefect_history_d: float = _key(
        7.0, "How long the embedded Prefect remembers runs, their logs and events, in days."
    )
    log_file: str = _key(
        "presswatch.log",
        'Log of runs, beside the database; "-": standard error; "": none.',
    )
    log_format: str = _key("text", 'Lines of the log: "text" (key=value) or "json".')
    log_level: str = _key("INFO", "Least level of the log: DEBUG, INFO, WARNING or ERROR.")

    def path(self, value: str) -> Path:
        """Return `value` as a path, relative to the folder of the settings file."""
        path = Path(value).expanduser()
        return path if path.is_absolute() else self.base_dir / path

    @property
    def db_path(self) -> Path:
        """The published DuckDB file."""
        return self.path(self.db)

    @property
    def data_dir(self) -> Path:
        """Where run-time files go: the folder of the database."""
        return self.db_path.parent


@dataclass(frozen=True, slots=True)
class Secrets:
    """Tokens, from the environment or Prefect Secret blocks. Never shown in a repr."""

    bot_token: str | None = field(default=None, repr=False)
    app_token: str | None = field(default=None, repr=False)
    webhook_url: str | None = field(default=None, repr=False)


def user_keys() -> dict[str, dataclasses.Field[Any]]:
    """Return the keys a user can set, in their order."""
    return {f.name: f for f in dataclasses.fields(Settings) if not f.metadata.get("internal")}


def load_settings(
    config: str | Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings.

    Args:
        config: path of the TOML file; None looks for `presswatch.toml` in the current folder.
        env: environment to read; None means the process's own.
        overrides: values from the command line; None values are skipped. A path given there is
            relative to the current folder.

    Raises:
        UsageError: the file is missing, is not TOML, has an unknown key or a wrong value.
    """
    environment = os.environ if env is None else env
    named = config or environment.get(ENV_PREFIX + "CONFIG")
    path = Path(named) if named else Path(CONFIG_NAME)
    values: dict[str, Any] = {}
    if named or path.exists():
        values |= _read_toml(path)
    for name, spec in user_keys().items():
        text = environment.get(ENV_PREFIX + name.upper())
        if text is not None:
            values[name] = _from_text(name, text, spec, f"environment {ENV_PREFIX}{name.upper()}")
            if name in _PATHS:
                values[name] = str(Path(text).absolute())
    for name, value in (overrides or {}).items():
        if value is not None:
            values[name] = str(Path(value).absolute()) if name in _PATHS else value
    base = path.parent if (named or path.exists()) else Path()
    return Settings(base_dir=base, source=str(path) if path.exists() else None, **values)


def load_secrets(env: Mapping[str, str] | None = None) -> Secrets:
    """Read the tokens from the environment; an empty variable counts as not set."""
    environment = os.environ if env is None else env
    return Secrets(
        bot_token=environment.get("SLACK_BOT_TOKEN", "").strip() or None,
        app_token=environment.get("SLACK_APP_TOKEN", "").strip() or None,
        webhook_url=environment.get("SLACK_WEBHOOK_URL", "").strip() or None,
    )


CHOICES: dict[str, tuple[str, ...]] = {
    "first_poll": ("summary", "alert", "auto"),
    "language_engine": ("hybrid", "py3langid"),
    "story_vectors": ("auto", "on", "off"),
    "quiet_override": ("low", "normal", "high", "critical"),
    "log_format": ("text", "json"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "workers": ("local", "prefect"),
}
_PATHS = {"db", "feeds", "topics", "rules", "exchange"}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"settings file {path} does not exist: `presswatch init` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"settings file {path} cannot be read: {error}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"settings file {path} is not valid TOML: {error}") from None
    known = user_keys()
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "`presswatch init` shows all keys"
            raise UsageError(f"{path}, line {_line_of(text, key)}: unknown key `{key}`: {hint}")
    return {
        key: _checked(key, value, known[key], f"{path}, line {_line_of(text, key)}")
        for key, value in data.items()
    }


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().lstrip("[").strip()
        if stripped.split("=")[0].strip().strip("\"'").rstrip("]").split(".")[0] == key:
            return number
    return 1


def _type_of(name: str) -> Any:
    return typing.get_type_hints(Settings)[name]


def _checked(name: str, value: Any, spec: dataclasses.Field[Any], where: str) -> Any:
    kind = _type_of(name)
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        raise UsageError(f"{where}: `{name}` must be a list of strings")
    if isinstance(kind, types.UnionType):
        kind = kind.__args__[0]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        shown = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
        raise UsageError(f"{where}: `{name}` must be {shown[kind]}, e.g. {_example(spec)}")
    if name in CHOICES and value not in CHOICES[name]:
        choices = ", ".join(toml_value(choice) for choice in CHOICES[name])
        raise UsageError(f"{where}: `{name}` is one of {choices}, not {toml_value(value)}")
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        raise UsageError(f"{where}: `{name}` must not be negative")
    return value


def _from_text(name: str, text: str, spec: dataclasses.Field[Any], where: str) -> Any:
    kind = _type_of(name)
    try:
        if kind is bool:
            return _checked(
                name,
                {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()],
                spec,
                where,
            )
        if kind in (int, float):
            return _checked(name, kind(text), spec, where)
    except (ValueError, KeyError):
        raise UsageError(
            f"{where}: {text!r} is not a value for `{name}`, e.g. {_example(spec)}"
        ) from None
    return _checked(name, text, spec, where)


def _example(spec: dataclasses.Field[Any]) -> str:
    return toml_value(spec.default)


def toml_value(value: Any) -> str:
    """Write a default as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{value:_}" if isinstance(value, int) and value >= 10_000 else str(value)


def render_settings() -> str:
    """Return a `presswatch.toml` with every key, its meaning and its default, commented out."""
    lines = [
        "# presswatch settings. Every key is optional; the value shown is the default.",
        "# Each can be overridden by the environment, e.g. PRESSWATCH_SLACK_CHANNEL.",
        "# Secrets never stand here: set SLACK_BOT_TOKEN (or SLACK_WEBHOOK_URL) instead.",
        "",
    ]
    for name, spec in user_keys().items():
        lines += [f"# {spec.metadata['doc']}", f"# {name} = {toml_value(spec.default)}", ""]
    return "\n".join(lines)
