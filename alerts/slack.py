"""The only place that talks to Slack: slack_sdk's client, made safe, and incoming webhooks.

slack_sdk 3.47 as it comes follows a redirect with the token, posts again after a lost answer,
sleeps in the thread and reads proxies from the environment (measured: docs/adr/0040). Here it
gets no retry handlers and a transport of ours: one connection a request, no redirect, no proxy,
one limit on the whole exchange, and an error that says whether the request had left. Nothing that
leaves this module (errors, reprs, log lines) holds the token.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from alerts.message import EVENT_TYPE, SlackMessage
from alerts.outcomes import LookUp, Verdict, advice, verdict_of, webhook_verdict
from extractors.errors import AlertError, UsageError
from extractors.guard import AddressGuard, RefusedDial

if TYPE_CHECKING:
    from urllib.request import Request

DEFAULT_BASE_URL = "https://slack.com/api/"
TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 4_000_000
HISTORY_PAGE = 100
"""Messages asked for at once. Apps under the limits of 2025-05 get 15, whatever is asked."""
MAX_HISTORY_PAGES = 20
MAX_LIST_PAGES = 20
_CHANNEL_ID = re.compile(r"^[CGDU][A-Z0-9]{2,}$")

_quiet = logging.getLogger("presswatch.slack_sdk")
_quiet.setLevel(logging.CRITICAL + 1)  # the SDK logs bodies and errors as it sees fit; we report
_quiet.propagate = False


class NotSent(Exception):
    """The connection never came about: Slack has seen nothing of the request."""


class NoAnswer(Exception):
    """The request may have arrived, but no full answer came back."""


def _exchange(
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout_s: float,
    guard: AddressGuard | None = None,
) -> tuple[int, dict[str, str], str]:
    """POST once and return status, headers and text. Follows nothing, uses no proxy.

    With a guard, each address is checked when it is dialled.

    Raises:
        NotSent: no connection. NoAnswer: anything after that.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=timeout_s, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    if guard is not None:
        connection._create_connection = _guarded(guard, host)  # type: ignore[attr-defined]
    try:
        try:
            connection.connect()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise NotSent(_short(error)) from None
        handle = connection.sock
        alarm = threading.Timer(timeout_s, _hang_up, [handle])
        alarm.daemon = True
        alarm.start()
        try:
            path = parts.path or "/"
            target = f"{path}?{parts.query}" if parts.query else path
            connection.request("POST", target, body=body, headers=dict(headers))
            with connection.getresponse() as response:
                content = response.read(MAX_ANSWER_BYTES + 1)
            if response.length not in (None, 0) or len(content) > MAX_ANSWER_BYTES:
                raise NoAnswer("the answer was cut off")
            charset = response.headers.get_content_charset() or "utf-8"
            try:
                text = content.decode(charset, "replace")
            except LookupError:
                text = content.decode("utf-8", "replace")
            return response.status, dict(response.headers.items()), text
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(_short(error)) from None
        finally:
            alarm.cancel()
            alarm.join()
    finally:
        connection.close()


def _guarded(guard: AddressGuard, host: str) -> Callable[..., socket.socket]:
    """Return `socket.create_connection` that dials only what the guard allows."""

    def connect(address: tuple[str, int], timeout: float, source: object = None) -> socket.socket:
        failure: OSError = RefusedDial("address guard: not a public address")
        for family, kind, proto, _, place in socket.getaddrinfo(
            address[0], address[1], type=socket.SOCK_STREAM
        ):
            if not guard.allows_own(host, str(place[0]), int(place[1])):
                continue
            handle = socket.socket(family, kind, proto)
            try:
                handle.settimeout(timeout)
                handle.connect(place)
                return handle
            except OSError as error:
                handle.close()
                failure = error
        raise failure

    return connect


def _hang_up(handle: socket.socket | None) -> None:
    if handle is not None:
        try:
            handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _short(error: BaseException) -> str:
    """Return the kind of an error without its text, which may hold an address or a header."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, RefusedDial):
        return "not a public address; PRESSWATCH_ALLOW_ADDRESSES takes exceptions"
    if isinstance(error, socket.gaierror):
        return "name not found"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionError):
        return "connection lost"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate not trusted"
    return type(error).__name__


class _SafeClient(WebClient):
    """slack_sdk's client on the transport above."""

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        headers = {name: str(value) for name, value in req.header_items()}
        data = req.data if isinstance(req.data, bytes) else None
        status, answer_headers, text = _exchange(url, data, headers, float(self.timeout))
        return {"status": status, "headers": answer_headers, "body": text}

    def __repr__(self) -> str:
        return "<Slack client>"


def slack_client(
    token: str, base_url: str = DEFAULT_BASE_URL, *, timeout_s: float = TIMEOUT_S
) -> WebClient:
    """Return slack_sdk's client without retries, redirects, proxies and talkative logs.

    Raises:
        UsageError: the token cannot be one, or the address is not http(s).
    """
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            "Slack's token holds characters that no token has: set SLACK_BOT_TOKEN to the bot "
            "token (xoxb-...) of your Slack app"
        )
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("slack_base_url must be an http(s) address")
    client = _SafeClient(
        token=token, base_url=base_url, timeout=10, retry_handlers=[], logger=_quiet
    )
    client.timeout = timeout_s  # type: ignore[assignment]  # the SDK only hands it on to us
    client.proxy = None
    return client


def check_token(
    token: str, base_url: str = DEFAULT_BASE_URL, *, timeout_s: float = TIMEOUT_S
) -> str:
    """Ask Slack about the token and return one line: which bot, where, what it may not do.

    Raises:
        AlertError: Slack refuses the token, or cannot be reached; one line that says what to do.
        UsageError: the token cannot be one.
    """
    poster = SlackPoster(token, base_url, timeout_s=timeout_s)
    verdict, who = poster.check()
    if verdict.meaning != "ok":
        line = advice(verdict, "").replace(": it is tried again by the next run", "")
        raise AlertError(line, permanent=verdict.meaning == "account")
    line = f"{who.get('user', 'the bot')} in {who.get('team', 'the workspace')}"
    return f"{line}; {lacking}" if (lacking := missing_scopes(poster.scopes)) else line


def missing_scopes(scopes: frozenset[str] | None) -> str:
    """Return what the app cannot do for want of a scope, in words; empty when nothing."""
    if scopes is None:
        return ""
    lacks = []
    if "chat:write" not in scopes:
        lacks.append("chat:write (it cannot post)")
    if not any(scope.endswith(":history") for scope in scopes):
        lacks.append("channels:history (unclear messages cannot be looked up)")
    return "missing scopes: " + ", ".join(lacks) if lacks else ""


class SlackPoster:
    """Posts, edits and looks up messages with a bot token. Never raises for what Slack does.

    `scopes` and `skew_s` (Slack's clock minus ours) are learnt from answers.
    """

    can_thread = True
    can_edit = True

    def __init__(
        self,
        token: str,
        base_url: str = DEFAULT_BASE_URL,
        *,
        timeout_s: float = TIMEOUT_S,
        channel_ids: Mapping[str, str] | None = None,
    ) -> None:
        self._client = slack_client(token, base_url, timeout_s=timeout_s)
        self._ids = dict(channel_ids or {})
        self.scopes: frozenset[str] | None = None
        self.skew_s = 0.0

    def __repr__(self) -> str:
        return "<SlackPoster>"

    @property
    def can_look_up(self) -> bool:
        """False only when Slack has said that the app may not read channels."""
        return self.scopes is None or any(
            scope.endswith(":history") or scope == "read" for scope in self.scopes
        )

    def bucket(self, channel: str) -> str:
        """Return what shares one rate limit: each channel has its own."""
        return channel

    def post(
        self, channel: str, message: SlackMessage, *, message_id: str, thread_ts: str | None = None
    ) -> Verdict:
        """Post a message, or a reply when `thread_ts` is given."""
        fields: dict[str, Any] = {
            "channel": self._ids.get(channel, channel),
            "text": message.text,
            "metadata": message.metadata,
            "client_msg_id": message_id,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if message.blocks:
            fields["blocks"] = message.blocks
        if thread_ts:
            fields["thread_ts"] = thread_ts
            fields["reply_broadcast"] = message.broadcast
        verdict = self._verdict("chat.postMessage", json=fields)
        if verdict.meaning == "channel" and self._ids.pop(channel, channel) != channel:
            # The id is of a channel that was archived or deleted; the name may be another's now.
            fields["channel"] = channel
            verdict = self._verdict("chat.postMessage", json=fields)
        if verdict.meaning == "ok" and verdict.channel:
            self._ids[channel] = verdict.channel
        return verdict

    def edit(self, channel: str, ts: str, message: SlackMessage) -> Verdict:
        """Replace a message. Doing it twice does no harm."""
        fields: dict[str, Any] = {
            "channel": channel,
            "ts": ts,
            "text": message.text,
            "metadata": message.metadata,
        }
        if message.blocks:
            fields["blocks"] = message.blocks
        return self._verdict("chat.update", json=fields)

    def find(
        self,
        channel: str,
        wanted: Collection[str],
        *,
        oldest: datetime,
        thread_ts: str | None = None,
    ) -> LookUp:
        """Search a channel, or one thread, for messages of ours by their metadata.

        Args:
            channel: as configured, or an id.
            wanted: message ids; the search ends early when all are found.
            oldest: begin of the time window, by our clock.
            thread_ts: search the replies of this message instead of the channel.
        """
        place = self._channel_id(channel)
        if isinstance(place, Verdict):
            return _no_look_up(place)
        method = "conversations.replies" if thread_ts else "conversations.history"
        fields: dict[str, Any] = {
            "channel": place,
            "oldest": f"{oldest.timestamp() + self.skew_s:.6f}",
            "inclusive": True,
            "limit": HISTORY_PAGE,
            "include_all_metadata": True,
        }
        if thread_ts:
            fields["ts"] = thread_ts
        found: dict[str, str] = {}
        for _ in range(MAX_HISTORY_PAGES):
            body = self._call(method, params=fields)
            if isinstance(body, Verdict):
                return _no_look_up(body, found, place)
            messages = body.get("messages")
            if not isinstance(messages, list):
                return LookUp(found=found, channel=place, error="an answer without messages")
            for message in messages:
                found.update(_our_ids(message))
            cursor = (body.get("response_metadata") or {}).get("next_cursor")
            if set(wanted) <= set(found):
                return LookUp(found=found, channel=place, complete=True)
            if not cursor:
                if body.get("has_more"):
                    return LookUp(found=found, channel=place, error="history without a cursor")
                return LookUp(found=found, channel=place, complete=True)
            fields["cursor"] = cursor
        return LookUp(found=found, channel=place, error="too many messages to search")

    def check(self) -> tuple[Verdict, Mapping[str, Any]]:
        """Call `auth.test`. Return its meaning and what it says (workspace, bot name)."""
        body = self._call("auth.test")
        if isinstance(body, Verdict):
            return body, {}
        return Verdict(meaning="ok"), body

    # ------------------------------------------------------------------ below
    def _channel_id(self, channel: str) -> str | Verdict:
        """Return the id that reading needs; Slack takes names only for posting."""
        if channel in self._ids:
            return self._ids[channel]
        if _CHANNEL_ID.match(channel):
            return channel
        name = channel.removeprefix("#")
        fields: dict[str, Any] = {
            "types": "public_channel,private_channel",
            "limit": 200,
            "exclude_archived": True,
        }
        for _ in range(MAX_LIST_PAGES):
            body = self._call("conversations.list", params=fields)
            if isinstance(body, Verdict):
                if body.meaning in ("rate_limited", "not_sent", "unclear"):
                    return body
                return channel  # may not list: some servers take the name itself
            for entry in body.get("channels") or []:
                if isinstance(entry, dict) and name in (entry.get("name"), entry.get("id")):
                    self._ids[channel] = str(entry.get("id"))
                    return self._ids[channel]
            cursor = (body.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
            fields["cursor"] = cursor
        return channel

    def _verdict(self, method: str, **fields: Any) -> Verdict:
        body = self._call(method, **fields)
        return body if isinstance(body, Verdict) else verdict_of(200, {}, body)

    def _call(self, method: str, **fields: Any) -> dict[str, Any] | Verdict:
        """Return the body of an answer with ok = true, else the verdict."""
        try:
            response = self._client.api_call(method, **fields)
        except NotSent as error:
            return Verdict(meaning="not_sent", error=str(error))
        except NoAnswer as error:
            return Verdict(meaning="unclear", error=str(error))
        except SlackApiError as error:
            answer: Any = error.response
            status = int(getattr(answer, "status_code", 0) or 0)
            headers = _plain(getattr(answer, "headers", None))
            self._learn(headers)
            return verdict_of(status, headers, getattr(answer, "data", None))
        except Exception as error:  # whatever the SDK does with an odd answer: it is unclear
            return Verdict(meaning="unclear", error=type(error).__name__)
        headers = _plain(response.headers)
        self._learn(headers)
        body = response.data
        if not isinstance(body, dict) or body.get("ok") is not True:
            return verdict_of(int(response.status_code), headers, body)
        return body

    def _learn(self, headers: Mapping[str, str]) -> None:
        scopes = headers.get("x-oauth-scopes")
        if scopes:
            self.scopes = frozenset(part.strip() for part in scopes.split(",") if part.strip())
        try:
            told = parsedate_to_datetime(headers.get("date", ""))
        except (ValueError, TypeError):
            return
        if told.tzinfo is not None:
            skew = (told - datetime.now(UTC)).total_seconds()
            self.skew_s = 0.0 if abs(skew) < 2.0 else skew  # the header has whole seconds


class WebhookPoster:
    """Posts to an incoming webhook: no threads, no edits, nothing can be looked up."""

    can_thread = False
    can_edit = False
    can_look_up = False
    skew_s = 0.0

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, guard: AddressGuard | None = None
    ) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                "SLACK_WEBHOOK_URL is not an http(s) address: copy it from your Slack app's page"
            )
        self._url = url.strip()
        self._timeout_s = timeout_s
        self._guard = guard or AddressGuard()

    def __repr__(self) -> str:
        return "<WebhookPoster>"

    def bucket(self, channel: str) -> str:
        """Return what shares one rate limit: a webhook writes to one channel, whatever is set."""
        return "webhook"

    def post(
        self, channel: str, message: SlackMessage, *, message_id: str, thread_ts: str | None = None
    ) -> Verdict:
        """Post a message; the webhook decides the channel."""
        fields: dict[str, Any] = {
            "text": message.text,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if message.blocks:
            fields["blocks"] = [b for b in message.blocks if b.get("type") != "actions"]
        try:
            status, headers, text = _exchange(
                self._url,
                json.dumps(fields).encode(),
                {"Content-Type": "application/json; charset=utf-8"},
                self._timeout_s,
                self._guard,
            )
        except NotSent as error:
            return Verdict(meaning="not_sent", error=str(error))
        except NoAnswer as error:
            return Verdict(meaning="unclear", error=str(error))
        return webhook_verdict(status, headers, text)

    def edit(self, channel: str, ts: str, message: SlackMessage) -> Verdict:
        """Say that a webhook cannot edit."""
        return Verdict(meaning="gone", error="a webhook cannot edit")

    def find(
        self,
        channel: str,
        wanted: Collection[str],
        *,
        oldest: datetime,
        thread_ts: str | None = None,
    ) -> LookUp:
        """Say that a webhook cannot look anything up."""
        return LookUp(possible=False, error="a webhook cannot look anything up")


def _no_look_up(
    verdict: Verdict, found: Mapping[str, str] | None = None, channel: str | None = None
) -> LookUp:
    return LookUp(
        found=found or {},
        channel=channel,
        possible=verdict.meaning not in ("account", "channel", "message"),
        error=verdict.error,
        retry_after_s=verdict.retry_after_s,
    )


def _our_ids(message: Any) -> dict[str, str]:
    """Return the ids that a message of ours carries, with its number; empty for any other."""
    if not isinstance(message, dict) or not isinstance(message.get("ts"), str):
        return {}
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return {}
    payload = metadata.get("event_payload")
    if not isinstance(payload, dict):
        return {}
    own = payload.get("message_id") or payload.get("alert_key")
    return {str(own): message["ts"]} if own else {}


def _plain(headers: Any) -> dict[str, str]:
    """Return headers with lower-case names and text values."""
    plain = {}
    for name, value in dict(headers or {}).items():
        plain[str(name).lower()] = str(value[0] if isinstance(value, list) and value else value)
    return plain
