"""The records of topics and alerts that other packages share. No I/O, nothing mutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Level = Literal["alert", "mention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchInput:
    """What the matcher reads of an article: title, body blocks, and where it comes from.

    `ignored` are the removed blocks (kind, text): never counted, only shown in explanations.
    `body` holds body blocks joined by a newline; offsets in a hit's `why` point into it.
    """

    title: str
    body: str
    language: str = "und"
    country: str | None = None
    tier: int | None = None
    outlet: str | None = None
    ignored: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicHit:
    """A topic found in an article. `why` is JSON-ready and reproduces the score.

    `why` keys that others rely on: `line` (one-line explanation), `snippet` (the matched sentence
    in its original words), `spans` (list of [start, end) into `snippet`, the matched words),
    `phrases` (list of matched phrases).
    """

    topic: str
    topic_version: str  # first 12 hex digits of the SHA-256 of the topic file's meaning
    level: Level
    score: float
    why: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicInfo:
    """What alerting needs to know of a topic file."""

    topic: str
    title: str
    topic_version: str
    mentions: Literal["alert", "digest", "off"] = "alert"
    severity: Literal["low", "normal", "high", "critical"] = "normal"
    channel: str | None = None
    cooldown_s: float = 0.0
    max_tier: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertArticle:
    """What a message shows of one article."""

    article_id: int
    story_id: int
    title: str
    url: str | None
    outlet: str
    country: str | None
    tier: int | None
    language: str
    published_at: datetime | None
    fetched_at: datetime
    provenance: tuple[str, ...] = ()
    duplicate_level: str | None = None
    duplicate_of: int | None = None
