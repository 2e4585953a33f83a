"""The command line in this process: what it prints, and its exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import click

from flows.cli import main, presswatch


@dataclass(frozen=True)
class Said:
    """What a call printed. `error` is what it raised instead of ending: a bug."""

    code: int
    out: str
    err: str
    error: BaseException | None = None


def call(folder: Path, *args: str, stdin: str = "") -> Said:
    """Run `presswatch ARGS` in a folder."""
    out, err = io.StringIO(), io.StringIO()
    before, code, raised = Path.cwd(), 0, None
    os.chdir(folder)
    try:
        with (
            patch.dict(os.environ),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main(list(args))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException as error:
        raised = error
    finally:
        os.chdir(before)
    return Said(code, out.getvalue(), err.getvalue(), raised)


def commands(
    command: click.Command = presswatch, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command, groups before theirs."""
    yield path, command
    if isinstance(command, click.Group):
        with click.Context(command, info_name="presswatch") as context:
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from commands(found, (*path, name))
