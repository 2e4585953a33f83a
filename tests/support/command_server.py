"""Runs `presswatch` commands of a real shell in forks of one process that has imported everything.

A command of its own costs half a second of CPU for imports, one that runs a flow ten times that
for a Prefect server; a fork of a process that has both costs nothing. The shim is what
stands in the shell's PATH as `presswatch`: it hands its arguments, folder, environment and
standard streams over and ends with the command's exit code. `serve` and `alerts listen` are
stopped (Ctrl-C) once they say that they are up.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

MODULES = ("duckdb", "rich.table", "rich.console", "trafilatura", "alerts.match", "alerts.message",
           "flows.monitor", "flows.inspecting", "flows.loading", "flows.report", "flows.doctor",
           "storage.database", "storage.search", "extractors.documents")  # fmt: skip

SHIM = """#!{python} -ISE
import os, re, signal, socket, sys, threading
where = os.environ["COMMAND_SERVER"]
link = socket.socket(socket.AF_UNIX)
link.connect(where)
lasting = {{"serve", "listen"}} & set(sys.argv[1:])
out = os.pipe() if lasting else None
socket.send_fds(link, [b"x"], [0, 1, out[1] if out else 2])
variables = [f"{{name}}={{value}}" for name, value in os.environ.items()]
text = "\\0".join([os.getcwd(), str(len(sys.argv)), *sys.argv, *variables])
link.sendall(os.fsencode(text))
link.shutdown(socket.SHUT_WR)
answers = link.makefile("rb")
pid = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda n, frame: os.kill(pid, n))
if out:
    os.close(out[1])
    for line in os.fdopen(out[0]):
        sys.stderr.write(line)
        if "Ctrl-C" in line:
            os.kill(pid, signal.SIGINT)
sys.exit(int(answers.readline() or b"137"))
"""


@contextlib.contextmanager
def command_server(folder: Path, root: Path) -> Iterator[dict[str, str]]:
    """Start the server; yield the environment that a shell needs, with the shim in its PATH."""
    shim = folder / "presswatch"
    shim.write_text(SHIM.format(python=sys.executable))
    shim.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "support.command_server", str(folder / "socket")],
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "COMMAND_SERVER": str(folder / "socket"),
            "PREFECT_API_URL": process.stdout.readline().strip(),
        }
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _serve(path: str) -> None:
    from flows.cli import COMMANDS
    from flows.engine import embedded

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    modules = (*MODULES, *{module for module, _, _ in COMMANDS.values()})
    with embedded(Path(path).parent, lambda line: None, preload=modules):
        from prefect.settings import PREFECT_API_URL

        _answer(listener, PREFECT_API_URL.value())


def _answer(listener: socket.socket, api_url: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    gc.collect()
    gc.freeze()
    sys.stdout.write(f"{api_url}\n")
    sys.stdout.flush()
    while True:
        link, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _run(link)
        link.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _run(link: socket.socket) -> None:
    """Be the command: take over the caller's streams, folder and environment."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    _, streams, _, _ = socket.recv_fds(link, 1, 3)
    with link.makefile("rb") as reader:
        folder, count, *rest = os.fsdecode(reader.read()).split("\0")
    argv, variables = rest[: int(count)], rest[int(count) :]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(pair.split("=", 1) for pair in variables)
    sys.argv = argv
    link.sendall(f"{os.getpid()}\n".encode())
    code = 99
    try:
        from flows.cli import main

        main(argv[1:])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    link.sendall(f"{code}\n".encode())
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
