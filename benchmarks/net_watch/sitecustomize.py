"""Loaded by every Python process of a drill: notes each connection and name look-up to a file.

In: environment variable NET_WATCH, the file.  Out: one line an event, written before it happens.
Audit hooks see what Python's own socket module does, in all libraries on top of it, not what a C
library does by itself; `strace` is the judge of those (docs/operations.md).
"""

from __future__ import annotations

import os
import sys

_PATH = os.environ.get("NET_WATCH")


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        target = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        if isinstance(target, tuple):
            target = target[0]
        with open(str(_PATH), "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(f"{event} {target!r} {os.path.basename(sys.argv[0])}\n")  # noqa: PTH119


if _PATH:
    sys.addaudithook(_note)
