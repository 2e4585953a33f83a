"""Prefect's API in a process of its own: what `flows.prefect_server` starts.

    python -P prefect_server_process.py LISTENER_FD READY_FD

In: a listening socket and a pipe, both open.  Out: Prefect's API until standard input ends, a byte
on the pipe when it answers.  Imports nothing of presswatch: the file is run by its path, and the
package need not be importable there.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
import time

STOP_TIMEOUT_S = 10.0  # a clean stop takes 0.2 s; after this the process ends itself


def _serve_api(listener_fd: int, ready_fd: int) -> None:
    """Runs Prefect's API until standard input ends (main function of the server process)."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    gc.disable()  # collecting among a million new, permanent objects costs a tenth of the start
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(final=True)
    gc.freeze()
    gc.enable()
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=3)
    )

    def report() -> None:
        while not server.started:
            time.sleep(0.01)
        os.write(ready_fd, b"1")
        os.close(ready_fd)

    threading.Thread(target=report, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=listener_fd)])


def _end_with_stdin() -> None:
    """Stops this process when no other process holds the write end of its standard input."""
    watch = select.poll()
    watch.register(0, 0)  # only errors and hang-up
    watch.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_TIMEOUT_S)
    os._exit(1)


if __name__ == "__main__":
    _serve_api(int(sys.argv[1]), int(sys.argv[2]))
