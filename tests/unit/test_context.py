"""What every command shares."""

from __future__ import annotations

import os
import subprocess
import sys


def test_a_run_goes_on_when_nobody_reads_its_messages_any_more() -> None:
    # As under `presswatch serve 2>&1 | less`, left with q: each run failed with "Broken pipe".
    reading, writing = os.pipe()
    os.close(reading)
    code = (
        "from flows.context import AppContext\n"
        "app = AppContext()\n"
        "app.say('one'); app.say('two')\n"
        "print('went on', flush=True)\n"
        "import os; os._exit(0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writing, text=True
    )
    os.close(writing)

    assert done.stdout == "went on\n"
