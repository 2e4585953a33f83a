"""A raw HTTP server on loopback for tests: every byte of an answer is under the test's control.

Handlers are async functions of (request, writer); what they write is what the client sees. The
server runs in a thread with its own event loop, so that it serves a client in another loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Request:
    """One request as received; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FeedServer:
    """`with FeedServer() as server: server.add("/rss", handler)`.

    `requests` lists what was asked, `contacts` counts connections (also those without request).
    """

    host: str = "127.0.0.1"
    port: int = 0
    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    contacts: int = 0
    open_now: int = 0
    most_open: int = 0

    def add(self, path: str, handler: Handler) -> str:
        """Serve a path; return its URL."""
        self.handlers[path] = handler
        return self.url(path)

    def page(
        self,
        path: str,
        body: bytes | str,
        *,
        status: str = "200 OK",
        content_type: str = "application/rss+xml",
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Serve a fixed answer; return its URL."""
        return self.add(
            path, answer(body, status=status, content_type=content_type, headers=headers)
        )

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return f"http://{self.host}:{self.port}{path}"

    @property
    def address(self) -> str:
        """`ip:port`, for the allow-list."""
        return f"{self.host}:{self.port}"

    def asked(self, path: str) -> list[Request]:
        """Return the requests for one path."""
        return [request for request in self.requests if request.path == path]

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            self._server = self._loop.run_until_complete(
                asyncio.start_server(self._serve, self.host, self.port, backlog=1024)
            )
            self.port = self._server.sockets[0].getsockname()[1]
            ready.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, name="feed-server", daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async def stop() -> None:
            self._server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.contacts += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, path, _ = first.split(" ", 2)
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines if line)
            }
            request = Request(method, path, headers)
            self.requests.append(request)
            handler = self.handlers.get(path) or self.handlers.get(path.partition("?")[0])
            handler = handler or answer("not here", status="404 Not Found")
            await handler(request, writer)
            await writer.drain()
        except (
            asyncio.CancelledError,
            asyncio.IncompleteReadError,
            ConnectionError,
            ValueError,
            asyncio.LimitOverrunError,
        ):
            pass
        finally:
            self.open_now -= 1
            with contextlib.suppress(RuntimeError):  # the loop is gone: the test is over
                writer.close()


def answer(
    body: bytes | str,
    *,
    status: str = "200 OK",
    content_type: str = "application/rss+xml",
    headers: Mapping[str, str] | None = None,
) -> Handler:
    """Make a handler of a fixed, correct answer."""
    data = body.encode() if isinstance(body, str) else body
    lines = {
        "Content-Type": content_type,
        "Content-Length": str(len(data)),
        "Connection": "close",
        **(headers or {}),
    }
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode("latin-1") + data)

    return serve


def raw(data: bytes) -> Handler:
    """Make a handler that writes these bytes and closes."""

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return serve


def redirect(target: str, status: str = "302 Found") -> Handler:
    """Make a handler that sends elsewhere."""
    return answer("", status=status, headers={"Location": target})


def conditional(body: str, *, etag: str | None = None, last_modified: str | None = None) -> Handler:
    """Make a handler that answers 304 when a validator comes back verbatim."""
    headers = {}
    if etag:
        headers["ETag"] = etag
    if last_modified:
        headers["Last-Modified"] = last_modified
    full = answer(body, headers=headers)
    unchanged = raw(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        same = (etag and request.headers.get("if-none-match") == etag) or (
            last_modified and request.headers.get("if-modified-since") == last_modified
        )
        await (unchanged if same else full)(request, writer)

    return serve


def hang(seconds: float = 3600.0) -> Handler:
    """Make a handler that never answers."""

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)

    return serve


def gzipped(body: bytes, **extra: str) -> Handler:
    """Make a handler of a gzip answer."""
    return answer(gzip.compress(body), headers={"Content-Encoding": "gzip", **extra})


def rss(*items: str, channel: str = "") -> str:
    """Return an RSS 2.0 document around items."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>'
        f"<title>A feed</title><link>http://feed.example/</link>{channel}"
        + "".join(items)
        + "</channel></rss>"
    )


def item(n: int | str, *, extra: str = "", link: str | None = None) -> str:
    """Return an RSS item."""
    address = link if link is not None else f"http://feed.example/news/{n}"
    return (
        f"<item><title>Item {n}</title><link>{address}</link><guid>guid-{n}</guid>"
        f"<pubDate>Sat, 21 Nov 2026 0{int(n) % 10 if str(n).isdigit() else 0}:00:00 GMT</pubDate>"
        f"<description>Text of item {n}.</description>{extra}</item>"
    )
