"""What an alert shows, as plain data: kept as JSON in the outbox, read by `alerts/message.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from alerts.models import AlertArticle

MENTION = "passing mention"
MAX_KEPT_OUTLETS = 60
"""Other articles kept in a payload. A message shows far fewer; the counts go on counting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletLine:
    """One article of a story as a list shows it. `copy`: another one shown has the same text."""

    article_id: int
    outlet: str
    title: str
    url: str | None = None
    language: str = "und"
    tier: int | None = None
    country: str | None = None
    published_at: datetime | None = None
    provenance: tuple[str, ...] = ()
    copy: bool = False
    root: int | None = None  # the article whose text this is: its own, or the one it copies


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """The parent message. `spans` are [start, end) of the matched words in `snippet`."""

    alert_key: str
    topic: str
    topic_title: str
    story_id: int
    article: OutletLine
    seen_at: datetime
    severity: str = "normal"
    level: str = "alert"
    score: float | None = None
    snippet: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    why: str = ""
    others: tuple[OutletLine, ...] = ()
    n_outlets: int = 1
    n_origins: int = 1
    also_topics: tuple[str, ...] = ()
    note: str = ""
    status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyView:
    """A message in the thread of a parent: a later outlet, an update, a correction."""

    alert_key: str
    topic: str
    article: OutletLine
    change: Literal["new", "update", "correction", "retraction"] = "new"
    note: str = ""
    snippet: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    n_outlets: int = 1
    n_origins: int = 1
    broadcast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestLine:
    """One story in a digest."""

    topic: str
    topic_title: str
    article: OutletLine
    reason: str = ""
    level: str = "alert"
    snippet: str = ""

    @property
    def note(self) -> str:
        """What the line says behind the outlet: the reason, and that a mention is one."""
        if self.level != "mention" or MENTION in self.reason:
            return self.reason
        return f"{self.reason} · {MENTION}" if self.reason else MENTION


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestView:
    """A digest or a summary of old articles. `total` counts also the lines that do not fit."""

    alert_key: str
    heading: str
    intro: str = ""
    lines: tuple[DigestLine, ...] = ()
    total: int = 0
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """A plain message: for the operators, or the test message."""

    alert_key: str
    text: str
    good: bool = False


def outlet_line(article: AlertArticle) -> OutletLine:
    """Return what a message shows of an article."""
    return OutletLine(
        article_id=article.article_id,
        outlet=article.outlet,
        title=article.title,
        url=article.url,
        language=article.language,
        tier=article.tier,
        country=article.country,
        published_at=article.published_at,
        provenance=article.provenance,
        copy=article.duplicate_of is not None,
        root=article.duplicate_of or article.article_id,
    )


def to_payload(view: Any) -> dict[str, Any]:
    """Return a view as JSON-ready data; `from_payload` reads it again."""
    payload: dict[str, Any] = {}
    for spec in fields(view):
        value = getattr(view, spec.name)
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, (OutletLine, DigestLine)):
            value = to_payload(value)
        elif isinstance(value, tuple):
            value = [
                to_payload(part)
                if isinstance(part, (OutletLine, DigestLine))
                else (list(part) if isinstance(part, tuple) else part)
                for part in value
            ]
        payload[spec.name] = value
    return payload


_View = TypeVar("_View", AlertView, ReplyView, DigestView, NoteView, OutletLine, DigestLine)

_TIMES = frozenset({"published_at", "seen_at"})
_PAIRS = frozenset({"spans", "counts"})


def from_payload(kind: type[_View], payload: Mapping[str, Any]) -> _View:
    """Return the view that `to_payload` wrote. Keys of a newer version are left out."""
    known = {spec.name for spec in fields(kind)}
    values: dict[str, Any] = {}
    for name, value in payload.items():
        if name not in known:
            continue
        if name in _TIMES and isinstance(value, str):
            value = datetime.fromisoformat(value)
        elif name == "article":
            value = from_payload(OutletLine, value)
        elif name == "others":
            value = tuple(from_payload(OutletLine, part) for part in value)
        elif name == "lines":
            value = tuple(from_payload(DigestLine, part) for part in value)
        elif name in _PAIRS:
            value = tuple((pair[0], pair[1]) for pair in value)
        elif isinstance(value, list):
            value = tuple(value)
        values[name] = value
    return kind(**values)


def other_outlets(view: AlertView) -> list[OutletLine]:
    """Return one line for each further outlet and language, in the order in which they joined."""
    seen = {(view.article.outlet, view.article.language)}
    lines = []
    for line in view.others:
        if (line.outlet, line.language) not in seen:
            seen.add((line.outlet, line.language))
            lines.append(line)
    return lines


def led_by(view: AlertView, line: OutletLine) -> AlertView:
    """Return the parent with another article of its list as the one that it shows in full."""
    others = tuple(other for other in view.others if other.article_id != line.article_id)
    former = replace(
        view.article, copy=view.article.root is not None and view.article.root == line.root
    )
    rest = tuple(
        replace(other, copy=True) if other.root is not None and other.root == line.root else other
        for other in others
    )
    return replace(view, article=replace(line, copy=False), others=(former, *rest))


def joined(view: AlertView, line: OutletLine, *, n_outlets: int, n_origins: int) -> AlertView:
    """Return the parent with another article in its list.

    A second article of an outlet that is already listed counts in neither number; the story's own
    counts win when they are larger (they know articles without a hit too).
    """
    known = {view.article.article_id, *(other.article_id for other in view.others)}
    others = view.others
    if line.article_id not in known:
        others = (*others, line)[:MAX_KEPT_OUTLETS]
    outlets = {view.article.outlet, *(other.outlet for other in others)}
    return replace(
        view,
        others=others,
        n_outlets=max(view.n_outlets, len(outlets), n_outlets),
        n_origins=max(view.n_origins, n_origins),
    )
