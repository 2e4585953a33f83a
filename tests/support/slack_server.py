"""A Slack of our own on loopback: it enforces Slack's rules, and misbehaves where it is told to.

Rules (from Slack's reference and the measurements in docs/adr/0040): token, scopes, channel,
membership, block and text limits, one message a second per channel with Retry-After, a thread's
parent must exist, metadata, history pages, edits. Faults: `before` storing, `after` storing,
`while` answering. `violations` collects what no correct client does.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "xoxb-test-0000-secret-TOKEN"
SCOPES = "chat:write,channels:history,groups:history,channels:read"
APP_TOKEN = "xapp-test-0000-secret-TOKEN"
WEBHOOK_PATH = "/services/T000/B000/secretwebhook"

FAULTS = (
    "timeout_before",
    "timeout_after",
    "reset_before",
    "reset_after",
    "truncated_after",
    "no_length_truncated_after",
    "fatal_error_after",
    "fatal_error_before",
    "redirect_before",
    "portal_before",
    "portal_after",
    "empty_after",
    "429_plain",
    "429_float",
    "429_missing",
    "500_before",
    "500_after",
    "503_before",
    "504_after",
    "late_store",
)


@dataclass
class Message:
    """A stored message."""

    ts: str
    channel: str
    body: dict[str, Any]
    arrived: float
    edits: int = 0

    @property
    def thread_ts(self) -> str | None:
        return self.body.get("thread_ts")

    @property
    def alert_key(self) -> str | None:
        payload = (self.body.get("metadata") or {}).get("event_payload") or {}
        return payload.get("alert_key")


@dataclass
class Rules:
    """What can be set. `per_second`: messages a channel takes in a second."""

    token: str = TOKEN
    scopes: str = SCOPES
    per_second: float = 1.0
    hang_s: float = 3.0
    late_s: float = 0.3
    history_page: int = 100
    names_needed: bool = True


@dataclass
class State:
    channels: dict[str, str] = field(default_factory=dict)  # id -> name
    members: set[str] = field(default_factory=set)
    archived: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    last: dict[str, float] = field(default_factory=dict)
    calls: list[tuple[str, float]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    rate_hits: int = 0
    stolen: list[str] = field(default_factory=list)
    webhook: list[dict[str, Any]] = field(default_factory=list)
    counter: int = 0


class SlackServer:
    """The server. `faults`: names taken one a posting; `choose_fault` decides when it is empty."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.state = State()
        self.lock = threading.Lock()
        self.faults: deque[str | None] = deque()
        self.choose_fault: Callable[[], str | None] = lambda: None
        self.fault_methods = {"chat.postMessage"}
        self.socket_url = ""
        self.add_channel("C0OPCON", "presswatch")
        self._open: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"slack": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def webhook_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{WEBHOOK_PATH}"

    def __enter__(self) -> SlackServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # ------------------------------------------------------------------ set-up and questions
    def add_channel(self, channel_id: str, name: str, *, member: bool = True) -> None:
        self.state.channels[channel_id] = name
        if member:
            self.state.members.add(channel_id)

    def random_faults(self, seed: int, share: float, names: tuple[str, ...] = FAULTS) -> None:
        source = random.Random(seed)

        def choose() -> str | None:
            return source.choice(names) if source.random() < share else None

        self.choose_fault = choose

    def parents(self) -> list[Message]:
        return [m for m in self.state.messages if not m.thread_ts]

    def replies(self, ts: str) -> list[Message]:
        return [m for m in self.state.messages if m.thread_ts == ts]

    def alert_keys(self) -> list[str]:
        return [key for m in self.state.messages if (key := m.alert_key)]

    # ------------------------------------------------------------------ the API
    def answer(self, method: str, token: str, form: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a call that got through, as Slack would."""
        if method == "apps.connections.open":
            if token != APP_TOKEN:
                return {"ok": False, "error": "invalid_auth"}
            return {"ok": True, "url": self.socket_url}
        if token != self.rules.token:
            return {"ok": False, "error": "invalid_auth" if token else "not_authed"}
        handler = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.list": self._list,
        }.get(method)
        if handler is None:
            return {"ok": False, "error": "unknown_method"}
        return handler(form)

    def has_scope(self, *names: str) -> bool:
        return bool(set(names) & set(self.rules.scopes.split(",")))

    def _auth_test(self, form: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "team": "Desk", "user": "presswatch", "bot_id": "B1", "url": "x"}

    def _channel(self, form: dict[str, Any], *, by_name: bool) -> str | None:
        wanted = str(form.get("channel", ""))
        if wanted in self.state.channels:
            return wanted
        if by_name:
            for channel_id, name in self.state.channels.items():
                if wanted.removeprefix("#") == name:
                    return channel_id
        return None

    def check_post(self, form: dict[str, Any]) -> str | None:
        """Return the error that Slack would give, or None."""
        if not self.has_scope("chat:write"):
            return "missing_scope"
        channel = self._channel(form, by_name=True)
        if channel is None:
            return "channel_not_found"
        if channel not in self.state.members:
            return "not_in_channel"
        if channel in self.state.archived:
            return "is_archived"
        if form.get("link_names") or form.get("parse") == "full":
            self.state.violations.append("mentions switched on")
        if form.get("thread_ts") and not any(
            m.ts == form["thread_ts"] and m.channel == channel for m in self.state.messages
        ):
            return "thread_not_found"
        return check_content(form, self.state.violations, limit=40_000)

    def _post(self, form: dict[str, Any]) -> dict[str, Any]:
        problem = self.check_post(form)
        if problem:
            return {"ok": False, "error": problem}
        message = self.store(form)
        return {"ok": True, "channel": message.channel, "ts": message.ts, "message": message.body}

    def store(self, form: dict[str, Any]) -> Message:
        channel = self._channel(form, by_name=True)
        assert channel is not None
        with self.lock:
            self.state.counter += 1
            ts = f"{int(time.time())}.{self.state.counter:06d}"
            message = Message(ts=ts, channel=channel, body=form, arrived=time.time())
            self.state.messages.append(message)
        return message

    def _update(self, form: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(form, by_name=False)
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        found = [m for m in self.state.messages if m.ts == form.get("ts") and m.channel == channel]
        if not found:
            return {"ok": False, "error": "message_not_found"}
        problem = check_content(form, self.state.violations, limit=4_000)
        if problem:
            return {"ok": False, "error": problem}
        before = {b.get("type") for b in found[0].body.get("blocks") or []}
        after = {b.get("type") for b in form.get("blocks") or []}
        if "rich_text" in before and "rich_text" not in after:
            return {"ok": False, "error": "block_mismatch"}
        found[0].body = {**found[0].body, **form}
        found[0].edits += 1
        return {"ok": True, "channel": channel, "ts": found[0].ts, "text": form.get("text", "")}

    def _history(self, form: dict[str, Any]) -> dict[str, Any]:
        return self._read(form, lambda m: not m.thread_ts or bool(m.body.get("reply_broadcast")))

    def _replies(self, form: dict[str, Any]) -> dict[str, Any]:
        root = form.get("ts")
        if not any(m.ts == root for m in self.state.messages):
            return {"ok": False, "error": "thread_not_found"}
        return self._read(form, lambda m: m.ts == root or m.thread_ts == root)

    def _read(self, form: dict[str, Any], wanted: Callable[[Message], bool]) -> dict[str, Any]:
        if not self.has_scope("channels:history", "groups:history"):
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        channel = self._channel(form, by_name=not self.rules.names_needed)
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        if channel not in self.state.members:
            return {"ok": False, "error": "not_in_channel"}
        oldest = float(form.get("oldest", 0) or 0)
        with self.lock:
            found = [
                m
                for m in reversed(self.state.messages)
                if m.channel == channel and wanted(m) and float(m.ts) >= oldest
            ]
        start = int(form.get("cursor") or 0)
        size = min(int(form.get("limit", 100) or 100), self.rules.history_page)
        page = found[start : start + size]
        more = start + size < len(found)
        shown = []
        for m in page:
            entry = {"type": "message", "ts": m.ts, "text": m.body.get("text", "")}
            if str(form.get("include_all_metadata", "")).lower() in ("1", "true"):
                entry["metadata"] = m.body.get("metadata")
            shown.append(entry)
        answer: dict[str, Any] = {"ok": True, "messages": shown, "has_more": more}
        if more:
            answer["response_metadata"] = {"next_cursor": str(start + size)}
        return answer

    def _list(self, form: dict[str, Any]) -> dict[str, Any]:
        if not self.has_scope("channels:read"):
            return {"ok": False, "error": "missing_scope", "needed": "channels:read"}
        channels = [{"id": i, "name": name} for i, name in self.state.channels.items()]
        return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}

    def too_fast(self, form: dict[str, Any]) -> float:
        """Return the seconds to wait when the channel's limit is passed, else 0."""
        channel = self._channel(form, by_name=True) or str(form.get("channel"))
        now = time.monotonic()
        gap = 1.0 / self.rules.per_second
        with self.lock:
            last = self.state.last.get(channel)
            if last is not None and now - last < gap:
                self.state.rate_hits += 1
                return gap - (now - last)
            self.state.last[channel] = now
        return 0.0


def check_content(form: dict[str, Any], violations: list[str], *, limit: int) -> str | None:
    """Return Slack's error for text, blocks and metadata beyond its limits, or None."""
    text = form.get("text", "")
    blocks = form.get("blocks") or []
    if not text and not blocks:
        return "no_text"
    if len(text) > limit:
        if limit == 4_000:
            return "msg_too_long"
        violations.append("text would be truncated")
    for mark in ("<!", "<@", "<#"):
        if mark in text:
            violations.append(f"live markup in text: {mark}")
    if len(blocks) > 50:
        return "invalid_blocks"
    ids = [b.get("block_id") for b in blocks if b.get("block_id")]
    if len(ids) != len(set(ids)) or any(len(i) > 255 for i in ids):
        return "invalid_blocks"
    total = 0
    for block in blocks:
        problem, length = _check_block(block)
        total += length
        if problem:
            return problem
    if total > 9_597:
        return "msg_blocks_too_long"
    metadata = form.get("metadata")
    if metadata is not None and (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("event_type"), str)
        or not isinstance(metadata.get("event_payload"), dict)
    ):
        return "invalid_metadata_format"
    if metadata is not None and len(json.dumps(metadata)) > 8_000:
        return "metadata_too_large"
    return None


_RICH = {"rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"}


def _check_block(block: dict[str, Any]) -> tuple[str | None, int]:
    kind = block.get("type")
    if kind == "rich_text":
        if not block.get("elements"):
            return "invalid_blocks", 0
        return _check_rich(block["elements"], _RICH)
    if kind == "section":
        text = (block.get("text") or {}).get("text", "")
        return ("invalid_blocks" if not 0 < len(text) <= 3000 else None), len(text)
    if kind == "header":
        text = (block.get("text") or {}).get("text", "")
        return ("invalid_blocks" if not 0 < len(text) <= 150 else None), len(text)
    if kind == "context":
        elements = block.get("elements") or []
        bad = not 0 < len(elements) <= 10
        return ("invalid_blocks" if bad else None), sum(len(e.get("text", "")) for e in elements)
    if kind == "actions":
        elements = block.get("elements") or []
        if not 0 < len(elements) <= 25:
            return "invalid_blocks", 0
        for element in elements:
            if element.get("type") == "button" and (
                len(element["text"]["text"]) > 75 or len(element.get("value", "")) > 2000
            ):
                return "invalid_blocks", 0
            if element.get("type") == "overflow" and not 1 <= len(element["options"]) <= 5:
                return "invalid_blocks", 0
            for option in element.get("options", []):
                if len(option["text"]["text"]) > 75 or len(option["value"]) > 75:
                    return "invalid_blocks", 0
        return None, 0
    if kind == "divider":
        return None, 0
    return "invalid_blocks", 0


def _check_rich(elements: list[dict[str, Any]], allowed: set[str]) -> tuple[str | None, int]:
    total = 0
    for element in elements:
        kind = element.get("type")
        if kind not in allowed:
            return "invalid_blocks", total
        if kind == "rich_text_list":
            if element.get("style") not in ("bullet", "ordered"):
                return "invalid_blocks", total
            problem, length = _check_rich(element.get("elements") or [], {"rich_text_section"})
        elif kind in _RICH:
            if not element.get("elements"):
                return "invalid_blocks", total
            problem, length = _check_rich(element["elements"], {"text", "link", "date", "emoji"})
        elif kind == "text":
            problem = None if element.get("text") else "invalid_blocks"
            length = len(element.get("text", ""))
        elif kind == "link":
            url = element.get("url", "")
            good = url.startswith(("http://", "https://", "mailto:")) and len(url) <= 3000
            problem, length = (None if good else "invalid_blocks"), len(element.get("text", ""))
        elif kind == "date":
            good = isinstance(element.get("timestamp"), int) and "{" in element.get("format", "")
            problem, length = (None if good else "invalid_blocks"), 20
        else:
            problem, length = None, 0
        total += length
        if problem:
            return problem, total
    return None, total


class _Handler(BaseHTTPRequestHandler):
    slack: SlackServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(size)
        if len(raw) < size:
            return
        self.close_connection = True
        path = self.path.split("?")[0]
        if path.startswith("/stolen"):
            self.slack.state.stolen.append(self.headers.get("Authorization") or "")
            self._json({"ok": True, "ts": "1.000001", "channel": "C0OPCON"})
        elif path == WEBHOOK_PATH:
            self._webhook(raw)
        elif path.startswith("/services/"):
            self._plain(404, "no_service")
        else:
            self._api(path.removeprefix("/api/"), raw)

    def _api(self, method: str, raw: bytes) -> None:
        slack = self.slack
        slack.state.calls.append((method, time.monotonic()))
        form = _form(self.headers.get("Content-Type") or "", raw)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        token = token or str(form.pop("token", ""))
        if method == "chat.postMessage" and token == slack.rules.token:
            wait = slack.too_fast(form)
            if wait:
                self._plain(429, '{"ok":false,"error":"ratelimited"}', {"Retry-After": "1"})
                return
        fault = None
        if method in slack.fault_methods and token == slack.rules.token:
            fault = slack.faults.popleft() if slack.faults else slack.choose_fault()
        if fault is None:
            self._json(slack.answer(method, token, form))
        else:
            self._misbehave(fault, method, token, form)

    def _misbehave(self, fault: str, method: str, token: str, form: dict[str, Any]) -> None:
        slack = self.slack
        if fault == "late_store" and method != "chat.postMessage":
            fault = "reset_after"
        if fault == "late_store":
            problem = slack.check_post(form)
            if problem is None:
                threading.Timer(slack.rules.late_s, slack.store, [form]).start()
            self._reset()
            return
        answer = slack.answer(method, token, form) if fault.endswith("_after") else {}
        full = json.dumps(answer or {"ok": True, "ts": "1.1", "channel": "C0OPCON"}).encode()
        kind = fault.removesuffix("_after").removesuffix("_before")
        if kind == "timeout":
            time.sleep(slack.rules.hang_s)
            self._reset()
        elif kind == "reset":
            self._reset()
        elif kind == "truncated":
            self._head(200, {"Content-Type": "application/json", "Content-Length": len(full)})
            self.wfile.write(full[: len(full) // 2])
            self.wfile.flush()
        elif kind == "no_length_truncated":
            self._head(200, {"Content-Type": "application/json"})
            self.wfile.write(full[: len(full) // 2])
            self.wfile.flush()
        elif kind == "fatal_error":
            self._json({"ok": False, "error": "fatal_error"})
        elif kind == "redirect":
            place = f"http://127.0.0.1:{slack.port}/stolen"
            self._plain(302, "", {"Location": place})
        elif kind == "portal":
            self._plain(200, "<html><title>Log in to WiFi</title></html>", html=True)
        elif kind == "empty":
            self._plain(200, "")
        elif kind.startswith("429"):
            wait = {"429_plain": "1", "429_float": "0.25"}.get(kind)
            headers = {"Retry-After": wait} if wait else {}
            self._plain(429, '{"ok":false,"error":"ratelimited"}', headers)
        else:
            self._plain(int(kind), "<html>upstream</html>", html=True)

    def _webhook(self, raw: bytes) -> None:
        slack = self.slack
        form = json.loads(raw or b"{}")
        if slack.too_fast({"channel": "webhook"}):
            self._plain(429, "ratelimited", {"Retry-After": "1"})
            return
        problem = check_content(form, slack.state.violations, limit=40_000)
        if problem:
            self._plain(400, problem)
            return
        slack.state.webhook.append(form)
        self._plain(200, "ok")

    # ------------------------------------------------------------------ bytes
    def _head(self, status: int, headers: dict[str, Any]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def _json(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        head = {"Content-Type": "application/json; charset=utf-8", "Content-Length": len(body)}
        self._head(200, head | {"X-OAuth-Scopes": self.slack.rules.scopes})
        self.wfile.write(body)

    def _plain(
        self, status: int, text: str, headers: dict[str, str] | None = None, *, html: bool = False
    ) -> None:
        body = text.encode()
        kind = "text/html" if html else "text/plain"
        self._head(status, {"Content-Type": kind, "Content-Length": len(body)} | (headers or {}))
        self.wfile.write(body)

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()
        self.close_connection = True

    def handle(self) -> None:
        """Serve; a client that went away is no error."""
        try:
            super().handle()
        except (ConnectionError, ValueError, OSError):
            return

    def finish(self) -> None:
        """Close quietly."""
        try:
            super().finish()
        except (ConnectionError, ValueError, OSError):
            return


def _form(content_type: str, raw: bytes) -> dict[str, Any]:
    if content_type.startswith("application/json"):
        value = json.loads(raw or b"{}")
        return value if isinstance(value, dict) else {}
    if content_type.startswith("multipart/form-data"):
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        parsed = BytesParser(policy=HTTP).parsebytes(head + raw)
        return {
            str(part.get_param("name", header="content-disposition")): part.get_payload(
                decode=True
            ).decode()
            for part in parsed.iter_parts()
        }
    form: dict[str, Any] = dict(parse_qsl(raw.decode(), keep_blank_values=True))
    for name in ("blocks", "metadata"):
        if isinstance(form.get(name), str):
            form[name] = json.loads(form[name])
    return form
