"""What Slack answered, sorted into what it means for us. Pure: no network, no clock.

The one question that matters after an error is: may the message be in the channel all the same?
Only an answer that Slack itself gives in its own form (`{"ok": false, "error": "word"}`), a 429,
or a connection that never came about say no. Everything else is `unclear`, and is looked up
before anything is posted again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from alerts.intents import OutboxItem, State

Meaning = Literal[
    "ok",  # Slack has it, and said where
    "unclear",  # may or may not be in the channel
    "not_sent",  # never reached Slack: try again later
    "rate_limited",  # refused for now: try again after `retry_after_s`
    "account",  # the token is no good: nothing can be sent
    "channel",  # this channel cannot be written to
    "message",  # this message is refused, others are not
    "gone",  # the message to edit or to reply to is not there any more
]

DEFAULT_RETRY_AFTER_S = 30.0
"""Wait after a 429 without a usable Retry-After. Slack's own header says 1 to 60 s in practice."""

MAX_RETRY_AFTER_S = 3600.0
"""A longer Retry-After is not believed; asking once an hour harms nobody."""

_ACCOUNT_ERRORS = {
    "invalid_auth": "set SLACK_BOT_TOKEN to the bot token (xoxb-...) of your Slack app",
    "not_authed": "set SLACK_BOT_TOKEN to the bot token (xoxb-...) of your Slack app",
    "account_inactive": "the app or its workspace was deactivated: install the app again",
    "token_revoked": "install the app again and set SLACK_BOT_TOKEN to its new token",
    "token_expired": "install the app again and set SLACK_BOT_TOKEN to its new token",
    "no_permission": "give the app the scope chat:write and install it again",
    "missing_scope": "give the app the scope chat:write and install it again",
    "not_allowed_token_type": "use a bot token (xoxb-...), not another kind of token",
    "org_login_required": "the workspace is being moved by Slack: try again later",
    "ekm_access_denied": "an administrator has suspended access: ask them",
    "enterprise_is_restricted": "the app may not be used from this organisation: ask its owner",
    "team_access_not_granted": "install the app in the workspace of the channel",
    "access_denied": "the app may not do this: ask the workspace's administrator",
    "invalid_token": "set SLACK_WEBHOOK_URL to a webhook that is in use",
    "no_service": "the webhook was removed: make a new one and set SLACK_WEBHOOK_URL",
    "no_active_hooks": "the webhook was switched off: make a new one and set SLACK_WEBHOOK_URL",
    "no_team": "set SLACK_WEBHOOK_URL to a webhook that is in use",
    "action_prohibited": "an administrator forbids this: ask them",
}
_CHANNEL_ERRORS = {
    "channel_not_found": "check the channel's name, and invite the app: /invite @presswatch",
    "not_in_channel": "invite the app to the channel: /invite @presswatch",
    "is_archived": "the channel is archived: name another one",
    "channel_is_archived": "the channel is archived: name another one",
    "restricted_action": "a workspace setting forbids the app to post there",
    "restricted_action_read_only_channel": "the channel is read-only for the app",
    "restricted_action_thread_only_channel": "the channel takes only replies",
    "restricted_action_non_threadable_channel": "the channel takes no replies",
    "restricted_action_thread_locked": "the thread is locked",
    "posting_to_general_channel_denied": "the app may not post to #general: name another channel",
    "cannot_reply_to_message": "the channel takes no replies",
    "is_inactive": "the channel is frozen: name another one",
    "team_not_found": "the workspace of the channel is gone",
    "user_not_found": "the person or channel does not exist: check the name",
    "messages_tab_disabled": "the app's message tab is off: switch it on, or name a channel",
    "slack_connect_blocked_file_type": "the channel is shared and refuses this",
}
_GONE_ERRORS = {
    "message_not_found",
    "thread_not_found",
    "invalid_thread_ts",
    "cant_update_message",
    "edit_window_closed",
    "block_mismatch",
    "parent_message_not_found",
}
_RATE_ERRORS = {"ratelimited", "rate_limited", "rollup_error", "message_limit_exceeded"}
_UNCLEAR_ERRORS = {
    "fatal_error",
    "internal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "duplicate_message_not_found",
    "duplicate_channel_not_found",
}
_SLACK_WORD = re.compile(r"^[a-z][a-z0-9_]{2,60}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The meaning of one answer. `error` is short and never holds a token or an address."""

    meaning: Meaning
    channel: str | None = None
    ts: str | None = None
    error: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """What a search of a channel gave. `complete`: the whole time window was read.

    `possible` is False when the app may not read the channel: asking again is of no use now.
    """

    found: Mapping[str, str] = field(default_factory=dict)  # message_id or alert_key -> ts
    channel: str | None = None
    complete: bool = False
    possible: bool = True
    error: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the outbox must write for one row. `attempted`: a request may have left us."""

    alert_key: str
    state: State
    at: datetime
    attempted: bool = True
    wanted: int = 1
    slack_channel: str | None = None
    slack_ts: str | None = None
    error: str = ""
    error_kind: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What the outbox hands out: rows to send, rows to look up, and when others are due."""

    items: tuple[OutboxItem, ...] = ()
    lookups: tuple[OutboxItem, ...] = ()
    next_due: Mapping[str, datetime] = field(default_factory=dict)  # channel -> time
    waiting: int = 0  # rows that are still to be sent or looked up


def verdict_of(status: int, headers: Mapping[str, str], body: Any) -> Verdict:
    """Return what an answer of the Web API means.

    Args:
        status: HTTP status.
        headers: response headers, names in any case.
        body: the decoded JSON, or None when it was no JSON.
    """
    if status == 429:
        wait = retry_after(headers)
        return Verdict(meaning="rate_limited", error="ratelimited", retry_after_s=wait)
    if not isinstance(body, dict):
        return Verdict(meaning="unclear", error=f"HTTP {status} that is not an answer of Slack")
    if status == 200 and body.get("ok") is True:
        ts = body.get("ts")
        if isinstance(ts, str) and re.fullmatch(r"\d+\.\d+", ts):
            channel = body.get("channel")
            return Verdict(
                meaning="ok", ts=ts, channel=channel if isinstance(channel, str) else None
            )
        return Verdict(meaning="unclear", error="an answer without a message number")
    word = body.get("error")
    if body.get("ok") is not False or not isinstance(word, str) or not _SLACK_WORD.match(word):
        return Verdict(meaning="unclear", error=f"HTTP {status} that is not an answer of Slack")
    if word in _RATE_ERRORS:
        return Verdict(meaning="rate_limited", error=word, retry_after_s=retry_after(headers))
    if status >= 500 or word in _UNCLEAR_ERRORS:
        return Verdict(meaning="unclear", error=word)
    if word in _ACCOUNT_ERRORS:
        return Verdict(meaning="account", error=word)
    if word in _CHANNEL_ERRORS:
        return Verdict(meaning="channel", error=word)
    if word in _GONE_ERRORS:
        return Verdict(meaning="gone", error=word)
    return Verdict(meaning="message", error=word)


def webhook_verdict(status: int, headers: Mapping[str, str], body: str) -> Verdict:
    """Return what an answer to an incoming webhook means: plain text, `ok` when it was taken."""
    word = body.strip()
    if status == 200 and word == "ok":
        return Verdict(meaning="ok")
    if status == 429 or word in _RATE_ERRORS:
        return Verdict(
            meaning="rate_limited", error="ratelimited", retry_after_s=retry_after(headers)
        )
    if not 400 <= status < 500 or not _SLACK_WORD.match(word):
        return Verdict(meaning="unclear", error=f"HTTP {status} that is not an answer of Slack")
    if word in _ACCOUNT_ERRORS:
        return Verdict(meaning="account", error=word)
    if word in _CHANNEL_ERRORS:
        return Verdict(meaning="channel", error=word)
    return Verdict(meaning="message", error=word)


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float:
    """Return the seconds of a Retry-After header: whole, with decimals, or a date (RFC 9110).

    A header that is missing, unreadable or not positive gives `DEFAULT_RETRY_AFTER_S`.
    """
    text = next((v for k, v in headers.items() if k.lower() == "retry-after"), "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return DEFAULT_RETRY_AFTER_S
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    if not math.isfinite(seconds) or seconds <= 0:
        return DEFAULT_RETRY_AFTER_S
    return min(seconds, MAX_RETRY_AFTER_S)


def advice(verdict: Verdict, channel: str) -> str:
    """Return one line for the user: what Slack said, to what, and what to do."""
    word = verdict.error
    if verdict.meaning == "account":
        return f"Slack refused the token ({word}): {_ACCOUNT_ERRORS.get(word, 'check the app')}"
    if verdict.meaning == "channel":
        return f"Slack refused channel {channel} ({word}): {_CHANNEL_ERRORS.get(word, 'check it')}"
    if verdict.meaning == "not_sent":
        return f"Slack cannot be reached ({word}): it is tried again by the next run"
    if verdict.meaning == "rate_limited":
        return "Slack's rate limit: it is sent later"
    if verdict.meaning == "unclear":
        return f"no clear answer from Slack ({word}): it is looked up before anything is repeated"
    return f"Slack refused the message ({word})"
