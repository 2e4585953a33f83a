"""The console script `presswatch`: finds the command's module and turns errors into one line.

Commands live in `flows/commands/<family>_cmd.py` and are imported only when called, so that
`presswatch --help` loads neither Prefect nor DuckDB. `COMMANDS` is the registry.

Exit codes: 0 fine, 1 ran but something failed, 2 wrong use or wrong settings.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import Any

import click

from extractors.errors import PresswatchError, UsageError
from flows.context import AppContext, common_options, example

# name -> (module, attribute, one-line help shown by `presswatch --help`)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("flows.commands.demo_cmd", "demo", "Run the whole pipeline on a bundled news site."),
    "init": ("flows.commands.init_cmd", "init", "Write presswatch.toml, feeds.toml and topics/."),
    "run": ("flows.commands.run_cmd", "run", "Run one cycle: poll, fetch, extract, store, send."),
    "serve": ("flows.commands.run_cmd", "serve", "Run cycles on a schedule."),
    "ingest": ("flows.commands.ingest_cmd", "ingest", "Load documents from files."),
    "inspect": ("flows.commands.inspect_cmd", "inspect", "Show what becomes of one page."),
    "sql": ("flows.commands.sql_cmd", "sql", "Query the database, read-only."),
    "search": ("flows.commands.search_cmd", "search", "Search the stored articles."),
    "story": ("flows.commands.story_cmd", "story", "Show, split or merge a story."),
    "topics": ("flows.commands.topics_cmd", "topics", "List, check, explain, back-test topics."),
    "feeds": ("flows.commands.feeds_cmd", "feeds", "Health of feeds; add, remove, import, export."),
    "alerts": ("flows.commands.alerts_cmd", "alerts", "The outbox: list, preview, test, retry."),
    "report": ("flows.commands.report_cmd", "report", "Write a self-contained HTML report."),
    "export": ("flows.commands.export_cmd", "export", "Write the archive as Parquet files."),
    "import": ("flows.commands.export_cmd", "import_", "Make a database from an export."),
    "backup": ("flows.commands.archive_cmd", "backup", "Copy the database while it is in use."),
    "prune": ("flows.commands.archive_cmd", "prune", "Drop old stories, give space back."),
    "doctor": ("flows.commands.doctor_cmd", "doctor", "Check installation, settings, database."),
}


class LazyGroup(click.Group):
    """A click group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the registry."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            if near:
                raise click.UsageError(f"no command {cmd_name!r}: did you mean {near[0]!r}?", ctx)
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, spec[2]) for name, spec in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("presswatch demo", "presswatch COMMAND --help"),
)
@click.version_option(package_name="presswatch", prog_name="presswatch")
@common_options
def presswatch() -> None:
    """Watch the world's press: feeds to DuckDB to Slack.

    presswatch polls feeds, fetches each new article, cleans its text, tags its language, folds
    copies into one story, stores everything in one DuckDB file and posts one Slack thread per
    story and topic.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    try:
        code = presswatch.main(
            args=argv, prog_name="presswatch", standalone_mode=False, obj=AppContext()
        )
        _flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.UsageError as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        _fail(error.format_message().replace("\n", " ") + hint, 2)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped by the user", 130)
    except UsageError as error:
        _fail(str(error), 2)
    except PresswatchError as error:
        _fail(str(error), 1)
    except UnicodeDecodeError as error:
        _fail(f"what was given is no text in UTF-8 ({error.reason} at byte {error.start})", 2)
    except BrokenPipeError:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:  # a full disk, a name that is too long, no rights
        what = f"{error.filename}: " if error.filename else ""
        _fail(f"{what}{error.strerror or error}", 1)


def _flush() -> None:
    sys.stdout.flush()


def _fail(text: str, code: int) -> Any:
    click.echo(f"presswatch: {' '.join(text.split())}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
