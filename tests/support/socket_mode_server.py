"""Slack's side of Socket Mode on loopback: sends envelopes, notes which were answered."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve


class SocketModeServer:
    """Use as a context manager; `deliver` sends a payload, `answered` yields envelope ids."""

    def __init__(self) -> None:
        self.answered: queue.Queue[str] = queue.Queue()
        self.connected = threading.Event()
        self._connection: ServerConnection | None = None
        self._server: Server = serve(self._talk, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/link?ticket=secret-ticket"

    def __enter__(self) -> SocketModeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def deliver(self, envelope_id: str, payload: dict[str, Any]) -> None:
        assert self.connected.wait(10)
        assert self._connection is not None
        envelope = {
            "envelope_id": envelope_id,
            "type": "interactive",
            "accepts_response_payload": True,
            "payload": payload,
        }
        self._connection.send(json.dumps(envelope))

    def _talk(self, connection: ServerConnection) -> None:
        self._connection = connection
        connection.send(json.dumps({"type": "hello", "num_connections": 1}))
        self.connected.set()
        try:
            for message in connection:
                self.answered.put(json.loads(message)["envelope_id"])
        except ConnectionClosed:
            return
