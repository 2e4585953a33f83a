"""The log for machines and operators: one line for each unit of work, no text of articles in it.

In: events with named values, from `log_event` or from any logger of presswatch whose record has
`event` and `fields` (see `alerts/sender.py`). Out: lines `time LEVEL event key=value …`, or one
JSON object a line, to the file or stream of the settings. Messages for people are not its business
(`AppContext.say`).

Events: `poll` (a feed asked), `fetch` (a page asked), `article` (an article judged and stored),
`batch` (a transaction of articles), `stage`, `alert` (a message sent or refused), `run`.
Unchanged feeds are DEBUG: ten thousand of them an interval say nothing. Headlines, bodies and
snippets are never passed; tokens and what follows `?` in an address are struck out here, since they
may come in the words of an error.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.settings import Settings, load_secrets

if TYPE_CHECKING:
    from extractors.feed_state import PollResult
    from extractors.polling import PageResult
    from flows.pipeline import BatchResult, Judged
    from flows.summary import RunSummary

PACKAGES = ("flows", "storage", "alerts", "extractors")
MAX_BYTES = 10_000_000  # then the file becomes `….1`; about 50,000 articles, a day of a large desk
MAX_VALUE_CHARS = 300
# What a run's reader in Prefect wants; the rest would fill Prefect's database.
TOLD_TO_PREFECT = frozenset({"stage", "batch", "alert"})

_LOG = logging.getLogger(__name__)
_QUERY = re.compile(r"(https?://[^\s?#\"']*)[?#][^\s\"']*", re.IGNORECASE)
_TOKEN = re.compile(r"\bx(?:ox[a-z]|app)-[\w-]+|hooks\.slack\.com/\S+")
# Ends of lines, terminal commands, marks that turn the direction of text.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_PLAIN = re.compile(r"[^\s\"=\\]+")
_INSTALLED: list[logging.Handler] = []
for _name in PACKAGES:  # else Python prints warnings that nobody asked for to standard error
    logging.getLogger(_name).addHandler(logging.NullHandler())


def log_event(event: str, level: int = logging.INFO, /, **fields: Any) -> None:
    """Write one event; values that are None or empty are left out."""
    _LOG.log(level, event, extra={"event": event, "fields": fields})


# ---------------------------------------------------------------------- where it goes


def start_log(settings: Settings) -> None:
    """Send the events of this process where the settings say; replaces an earlier choice.

    The file is opened at the first event, so that commands without any leave none behind.
    """
    level = getattr(logging, settings.log_level)
    for handler in _INSTALLED:
        for name in PACKAGES:
            logging.getLogger(name).removeHandler(handler)
        handler.close()
    _INSTALLED.clear()
    for name in PACKAGES:
        logging.getLogger(name).setLevel(level)
    if not settings.log_file:
        return
    handler = (
        _Stream() if settings.log_file == "-" else _File(settings.data_dir / settings.log_file)
    )
    handler.setLevel(level)
    handler.setFormatter(_Formatter(as_json=settings.log_format == "json"))
    _INSTALLED.append(handler)
    for name in PACKAGES:
        logging.getLogger(name).addHandler(handler)


@contextlib.contextmanager
def told_to(logger: Any) -> Iterator[None]:
    """Copy what a run's reader wants to another logger (Prefect's) inside the block."""
    handler = _Forward(logger)
    handler.setFormatter(_Formatter(as_json=False, with_time=False))
    source = logging.getLogger(__name__), logging.getLogger("alerts")
    for each in source:
        each.addHandler(handler)
    try:
        yield
    finally:
        for each in source:
            each.removeHandler(handler)


class _Quiet(logging.Handler):
    """A handler whose own failures (a full disk, a closed pipe) disturb nobody."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the line."""


class _Stream(_Quiet):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except (OSError, ValueError):
            self.handleError(record)


class _File(_Quiet):
    """Appends whole lines, so that several processes may share the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: Any = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._file is None:
                self._file = self._open()
            self._file.write((self.format(record) + "\n").encode("utf-8", "backslashreplace"))
        except (OSError, ValueError):
            self.handleError(record)

    def _open(self) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        return self._path.open("ab", buffering=0)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()


class _Forward(_Quiet):
    def __init__(self, target: Any) -> None:
        super().__init__(level=logging.INFO)
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "event", None) in TOLD_TO_PREFECT:
            self._target.log(record.levelno, "%s", self.format(record))


# ---------------------------------------------------------------------- how it reads


class _Formatter(logging.Formatter):
    def __init__(self, *, as_json: bool, with_time: bool = True) -> None:
        super().__init__()
        self._as_json = as_json
        self._with_time = with_time
        secrets = load_secrets()
        self._secrets = [
            secret
            for secret in (secrets.bot_token, secrets.app_token, secrets.webhook_url)
            if secret
        ]

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        event = getattr(record, "event", None)
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        if event is None:  # a plain line of a library-style logger
            event, fields = "log", {"logger": record.name, "message": record.getMessage()}
        kept = {key: self._clean(value) for key, value in fields.items() if value not in (None, "")}
        at = datetime.fromtimestamp(record.created, UTC)
        moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._as_json:
            head = {"at": moment, "level": record.levelname, "event": event}
            return json.dumps({**head, **kept}, ensure_ascii=False, default=str)
        words = [moment, f"{record.levelname:<7}"] if self._with_time else []
        return " ".join([*words, event, *(f"{key}={_shown(value)}" for key, value in kept.items())])

    def _clean(self, value: Any) -> Any:
        if isinstance(value, float):
            return round(value, 3)
        if isinstance(value, bool | int):
            return value
        if isinstance(value, Mapping):
            return {str(key): self._clean(part) for key, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(part) for part in value]
        text = _UNSEEN.sub(" ", str(value))
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        text = _QUERY.sub(r"\1?…", _TOKEN.sub("•••", text))
        return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = ",".join(map(str, value))
    elif isinstance(value, dict):
        value = ",".join(f"{key}:{part}" for key, part in value.items())
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


# ---------------------------------------------------------------------- units of work


def log_polls(run_id: str, results: Sequence[PollResult]) -> None:
    """Write one event for each feed that was asked."""
    for result in results:
        if result.outcome == "deferred":
            continue
        level = logging.INFO if result.outcome == "ok" else logging.DEBUG
        log_event(
            "poll",
            level if result.is_good else logging.WARNING,
            run=run_id,
            feed=result.feed,
            outcome=result.outcome,
            status=result.status,
            listed=result.listed,
            bytes=result.size_bytes or None,
            seconds=result.duration_s,
            error=result.error,
        )


def log_pages(run_id: str, pages: Sequence[PageResult]) -> None:
    """Write one event for each article page that was asked for."""
    for page in pages:
        log_event(
            "fetch",
            logging.INFO if page.outcome in ("page", "feed_content") else logging.WARNING,
            run=run_id,
            feed=page.owed.entry.feed,
            outcome=page.outcome,
            reason=page.reason or None,
            status=page.status,
            bytes=len(page.page.content) if page.page and page.page.content else None,
            attempt=page.owed.attempts + 1,
            url=page.owed.entry.url,
            error=page.error,
        )


def log_batch(
    run_id: str, items: Sequence[Judged], result: BatchResult, *, number: int | None = None
) -> None:
    """Write one event for each article of a stored batch, and one for the batch."""
    for item, stored in zip(items, result.items, strict=True):
        article = item.article
        log_event(
            "article",
            run=run_id,
            outcome=str(stored.outcome),
            article=stored.article_id,
            story=stored.fold.story_id if stored.fold else None,
            status=str(article.status),
            language=article.language,
            outlet=article.outlet,
            words=item.words,
            blocks=len(article.blocks),
            topics=[f"{hit.topic}:{hit.level}:{hit.score:g}" for hit in item.hits] or None,
            backfill=True if item.backfill else None,
            url=article.canonical_url or article.url,
            error=article.error,
        )
    counts = {str(outcome): count for outcome, count in result.outcomes().items()}
    log_event("batch", run=run_id, number=number, **counts, messages=result.alerts)


def log_run(summary: RunSummary) -> None:
    """Write the event that closes a run."""
    level = {"ok": logging.INFO, "partial": logging.WARNING, "failed": logging.ERROR}
    counts = {str(outcome): count for outcome, count in summary.outcomes.items() if count}
    log_event(
        "run",
        level[summary.state],
        run=summary.run_id,
        state=summary.state,
        feeds=summary.feeds_polled,
        feed_errors=len(summary.feed_errors),
        items=summary.items_seen,
        **counts,
        alerts=summary.alerts or None,
        seconds=summary.duration_s,
        dry_run=True if summary.dry_run else None,
        error="; ".join(summary.errors) or None,
    )
