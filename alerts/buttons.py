"""Buttons under an alert: the block that shows them, and what a click means. Pure.

A click comes by Socket Mode (`alerts/listener.py`), perhaps twice: its `action_id` is made from
what Slack says of the click, so that the second delivery is recognised and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from alerts.foreign import clean, cut

Action = Literal[
    "ack", "not_relevant", "mute_story", "mute_topic", "unmute_story", "unmute_topic", "why"
]

TOPIC_MUTE = timedelta(hours=24)
MAX_BLOCK_ID = 255

_BLOCK_PREFIX = "presswatch:"
_MORE: tuple[tuple[str, str], ...] = (  # an overflow menu takes five options at most
    ("not_relevant:other meaning", "Not relevant: another meaning"),
    ("not_relevant:nothing new", "Not relevant: nothing new"),
    ("not_relevant:source", "Not relevant: poor source"),
    ("mute_topic", "Mute topic for 24 h"),
    ("why", "Why this alert?"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A click on an alert: who, what, when. `until` only for a mute that ends."""

    action_id: str
    action: Action
    alert_key: str
    actor: str
    at: datetime
    reason: str = ""
    until: datetime | None = None


def action_block(alert_key: str) -> dict[str, Any]:
    """Return the row of buttons; the alert's key travels in the block's id."""
    elements: list[dict[str, Any]] = [
        _button("ack", "Acknowledge"),
        _button("mute_story", "Mute story"),
        {
            "type": "overflow",
            "action_id": "presswatch_more",
            "options": [
                {"text": {"type": "plain_text", "text": text}, "value": value}
                for value, text in _MORE
            ],
        },
    ]
    block: dict[str, Any] = {"type": "actions", "elements": elements}
    block_id = _BLOCK_PREFIX + alert_key
    if len(block_id.encode()) <= MAX_BLOCK_ID:
        block["block_id"] = block_id
    return block


def parse_click(payload: Mapping[str, Any]) -> list[Click]:
    """Return the clicks in a `block_actions` payload; those of other apps' blocks are left out."""
    clicks = []
    user = payload.get("user")
    actor = str(user.get("id", "")) if isinstance(user, Mapping) else ""
    name = str(user.get("username") or user.get("name") or "") if isinstance(user, Mapping) else ""
    for part in payload.get("actions") or []:
        if not isinstance(part, Mapping):
            continue
        block_id = str(part.get("block_id", ""))
        if not block_id.startswith(_BLOCK_PREFIX):
            continue
        chosen = part.get("selected_option")
        value = str(chosen.get("value", "")) if isinstance(chosen, Mapping) else ""
        word, _, reason = (value or str(part.get("value", ""))).partition(":")
        action = _action(word)
        stamp = str(part.get("action_ts", ""))
        if action is None or not re.fullmatch(r"\d+(\.\d+)?", stamp) or not actor:
            continue
        at = datetime.fromtimestamp(float(stamp), UTC)
        clicks.append(
            Click(
                action_id=f"slack:{stamp}:{actor}:{word}",
                action=action,
                alert_key=block_id.removeprefix(_BLOCK_PREFIX),
                actor=cut(clean(name), 60) or actor,
                at=at,
                reason=reason,
                until=at + TOPIC_MUTE if action == "mute_topic" else None,
            )
        )
    return clicks


def status_line(action: str, actor: str, when: str, *, reason: str = "") -> str:
    """Return what the parent shows after an action; empty for what it does not show."""
    words = {
        "ack": "\N{WHITE HEAVY CHECK MARK} acknowledged",
        "not_relevant": "\N{CROSS MARK} not relevant",
        "mute_story": "\N{SPEAKER WITH CANCELLATION STROKE} story muted",
        "mute_topic": "\N{SPEAKER WITH CANCELLATION STROKE} topic muted for 24 h",
        "unmute_story": "story no longer muted",
        "unmute_topic": "topic no longer muted",
    }.get(action, "")
    if not words:
        return ""
    note = f" ({clean(reason)})" if reason else ""
    return f"{words}{note} by {cut(clean(actor), 60) or 'somebody'}, {when}"


def _button(action: str, text: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": f"presswatch_{action}",
        "text": {"type": "plain_text", "text": text},
        "value": action,
    }


def _action(word: str) -> Action | None:
    match word:
        case "ack" | "not_relevant" | "mute_story" | "mute_topic" | "why":
            return word
        case _:
            return None
