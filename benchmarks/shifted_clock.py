"""A wall clock that a drill can move for itself and all processes that it starts.

In: nothing but a C compiler.  Out: `Clock`, whose `shift` moves the wall clock of every process
that was started with its `environment`; `own_clock` starts the calling script again under one.
Time-outs and sleeps keep real time, so a week of runs takes as long as the runs themselves.
Moving it is what a laptop that wakes up sees, not what a slow day sees.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
VARIABLE = "SHIFTED_CLOCK"


class Clock:
    """The clock of this process and its children; see `own_clock`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def shift(self, by: timedelta) -> None:
        """Move the wall clock of all processes, at once."""
        with self._path.open("r+b") as file:
            (now,) = struct.unpack("q", file.read(8))
            file.seek(0)
            file.write(struct.pack("q", now + int(by.total_seconds() * 1e9)))


def own_clock() -> Clock:
    """Start this script anew under a clock of its own; return that clock in the new process.

    Raises:
        SystemExit: there is no C compiler.
    """
    if path := os.environ.get(VARIABLE):
        return Clock(Path(path))
    with tempfile.TemporaryDirectory(prefix="clock-") as name:
        library, clock = Path(name) / "clock.so", Path(name) / "clock"
        clock.write_bytes(struct.pack("q", 0))
        try:
            subprocess.run(
                ["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"the drill needs a C compiler for its clock: {error}") from None
        again = subprocess.run(
            [sys.executable, *sys.argv],
            env={**os.environ, VARIABLE: str(clock), "LD_PRELOAD": str(library)},
        )
        raise SystemExit(again.returncode)
