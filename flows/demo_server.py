"""The HTTP of the demo's news site: one small threaded server an outlet, on loopback only.

In: a function from path and headers to an `Answer`. Out: HTTP/1.1 on 127.0.1.N. What is answered is
decided by `demo_site`.
"""

from __future__ import annotations

import selectors
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT_ATTEMPTS = 20  # a port that is free on the first address is nearly always free on all


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the site answers: status, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Answerer = Callable[[str, Mapping[str, str]], Answer]
"""From a path with its query and the request's headers (names in Title-Case) to an answer."""


class LoopbackServer(ThreadingHTTPServer):
    """A threaded server that can be closed while clients hold idle connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without `HTTPServer`'s name look-up, which may wait for a DNS server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that went away; everything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def handler_of(answerer: Answerer) -> type[BaseHTTPRequestHandler]:
    """Return a request handler class that answers GET and HEAD with `answerer`."""

    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD of one outlet."""

        protocol_version = "HTTP/1.1"
        server_version = "demo-site"
        sys_version = ""
        timeout = 30

        def do_GET(self) -> None:
            """Answer with a body."""
            self._send(with_body=True)

        def do_HEAD(self) -> None:
            """Answer with headers only."""
            self._send(with_body=False)

        def _send(self, *, with_body: bool) -> None:
            sent = {key.title(): value for key, value in self.headers.items()}
            answer = answerer(self.path, sent)
            try:
                self.send_response(answer.status)
                for key, value in answer.headers.items():
                    self.send_header(key, value)
                if answer.status != 304:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if with_body and answer.status != 304:
                    self.wfile.write(answer.body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet: requests are recorded by whoever answers."""

    return Handler


def bind_all(answerers: Mapping[str, tuple[int, Answerer]]) -> dict[str, LoopbackServer]:
    """Bind one server an outlet: 127.0.1.N with one port, else 127.0.0.1 with a port each.

    Linux answers on all of 127/8; a system that has 127.0.0.1 only gets the second form.

    Args:
        answerers: outlet id to (N, answerer).

    Raises:
        OSError: loopback has no free port.
    """
    for _attempt in range(PORT_ATTEMPTS):
        servers: dict[str, LoopbackServer] = {}
        port = 0
        try:
            for outlet, (number, answerer) in answerers.items():
                servers[outlet] = LoopbackServer((f"127.0.1.{number}", port), handler_of(answerer))
                port = int(servers[outlet].server_address[1])
            return servers
        except OSError:
            for server in servers.values():
                server.server_close()
            if not port:
                break
    return {
        outlet: LoopbackServer(("127.0.0.1", 0), handler_of(answerer))
        for outlet, (_, answerer) in answerers.items()
    }


class Listener:
    """One thread that accepts for all servers, wakes only when somebody calls, and stops at once.

    `serve_forever` would be a polling thread each, and a fifth of a second each to stop.
    """

    def __init__(self, servers: Iterable[LoopbackServer]) -> None:
        self._servers = tuple(servers)
        self._wake, self._bell = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="demo-site", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            for server in self._servers:
                server.socket.setblocking(False)
                selector.register(server, selectors.EVENT_READ, server)
            selector.register(self._wake, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    key.data.handle_request()

    def close(self) -> None:
        """Stop accepting and free the ports."""
        self._bell.send(b"x")
        self._thread.join()
        for server in self._servers:
            server.server_close()
        self._wake.close()
        self._bell.close()
