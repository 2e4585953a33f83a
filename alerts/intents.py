"""The records of alerting: what the policy reads, what it decides, what the outbox keeps.

No I/O and nothing mutable. `alerts/policy.py` turns `HitInStory` and `AlertContext` into
`AlertIntent`s, `storage/outbox.py` stores them as rows and hands them out as `OutboxItem`s,
`alerts/sender.py` turns those into outcomes (`alerts/outcomes.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from alerts.models import AlertArticle, TopicHit, TopicInfo

Kind = Literal["alert", "reply", "edit", "item", "digest", "summary", "ops", "test"]
"""What an outbox row is.

alert   the one parent message of a (story, topic, channel)
reply   a later outlet, a correction: a message in the parent's thread
edit    the parent's text changed (one row a parent, armed again by each change)
item    a line that waits for a digest or summary; never sent by itself
digest  a message made of items; summary: the same for old articles; ops: for the operators
"""

State = Literal["pending", "sending", "sent", "unknown", "failed", "withdrawn", "printed"]

Change = Literal["new", "update", "correction", "retraction"]

SEVERITIES = ("low", "normal", "high", "critical")

EVIDENCE_GONE = "its evidence turned out to be boilerplate of the site"
STORY_MERGED = "its story was merged"
"""Reasons of a withdrawal that the news itself may overtake: a later hit opens the alert again.
What a person withdrew (a mute) stays withdrawn."""

DELIVERED_STATES = frozenset({"sent", "printed"})

_KEY_NAMESPACE = uuid.UUID("5d0c7a2e-2f0e-5b7e-9a52-6f1f6d0f7a11")


def parent_key(story_id: int, topic: str, channel: str) -> str:
    """Return the unique key of the parent message of a story, topic and channel."""
    return f"s{story_id}/{topic}/{channel}"


def message_id(alert_key: str, created_at: datetime) -> str:
    """Return the id that a message carries in Slack, the same for every try of an outbox row.

    The row's creation time is part of it: a database that was deleted and made anew numbers its
    stories from 1 again, and its messages must not be taken for the old ones.
    """
    return str(uuid.uuid5(_KEY_NAMESPACE, f"{alert_key}|{created_at.timestamp():.6f}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class HitInStory:
    """A topic found in an article that has been put into a story.

    `backfill`: seen in its feed's first poll, or loaded from an archive. `change` says if the
    article is new or another version of one that was stored before (`change_note`: what changed).
    """

    article: AlertArticle
    hit: TopicHit
    topic: TopicInfo
    backfill: bool = False
    change: Change = "new"
    change_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentState:
    """A parent alert as the outbox has it.

    `last_post_at`: newest message in its thread. `can_reopen`: it was withdrawn before it left, for
    a reason that a new hit overtakes.
    """

    alert_key: str
    topic: str
    channel: str
    state: State
    created_at: datetime
    last_post_at: datetime
    payload: Mapping[str, Any]
    can_reopen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryState:
    """A story with the alerts it already has; `items`: (topic, channel) that a digest told."""

    story_id: int
    title: str = ""
    n_outlets: int = 1
    n_origins: int = 1
    parents: Mapping[tuple[str, str], ParentState] = field(default_factory=dict)
    items: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Somebody asked for silence on a story or a topic until a time (None: for good)."""

    story_id: int | None = None
    topic: str | None = None
    until: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertContext:
    """What the policy must know of the past. `recent`: parents per (topic, channel) in an hour."""

    stories: Mapping[int, StoryState] = field(default_factory=dict)
    recent: Mapping[tuple[str, str], int] = field(default_factory=dict)
    mutes: tuple[Mute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertIntent:
    """One thing to write to the outbox.

    `state` is `pending`, or `withdrawn` for something that is kept but never sent; `reason` says
    why it is delivered otherwise than at once. `new_parent_payload` replaces the parent's payload
    (`parent_key`), because an outlet joined.
    """

    alert_key: str
    kind: Kind
    story_id: int | None
    article_id: int | None
    topic: str | None
    channel: str
    severity: str = "normal"
    payload: Mapping[str, Any] = field(default_factory=dict)
    state: State = "pending"
    not_before: datetime | None = None
    reason: str = ""
    parent_key: str | None = None
    new_parent_payload: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """A row handed to the sender. `thread_ts` and `parent_ts` come from the parent's row."""

    alert_key: str
    kind: Kind
    state: State
    channel: str
    payload: Mapping[str, Any]
    created_at: datetime
    sending_at: datetime | None
    attempts: int
    slack_channel: str | None = None
    parent_key: str | None = None
    parent_ts: str | None = None
    parent_created_at: datetime | None = None
    wanted: int = 1
    topic: str | None = None
    story_id: int | None = None

    @property
    def message_id(self) -> str:
        """The id under which the message is looked up in Slack (an edit keeps its parent's)."""
        if self.kind == "edit" and self.parent_key and self.parent_created_at:
            return message_id(self.parent_key, self.parent_created_at)
        return message_id(self.alert_key, self.created_at)
