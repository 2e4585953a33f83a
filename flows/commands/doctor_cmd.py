"""`presswatch doctor`: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import dataclasses

import click

from flows.context import AppContext, common_options, example, pass_app
from flows.doctor import examine

_MARKS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


@click.command("doctor", epilog=example("presswatch doctor", "presswatch doctor --offline --json"))
@click.option("--offline", is_flag=True, help="Do not ask Slack whether it knows the token.")
@click.option("--quick", is_flag=True, help="Do not read every block of the database.")
@common_options
@pass_app
def doctor(app: AppContext, offline: bool, quick: bool) -> int:
    """Check the installation, the settings, the database, Prefect and Slack.

    A run may go on meanwhile.

    Exit code 1 when something is wrong.
    """
    findings = list(examine(app, online=not offline, deep=not quick))
    if app.as_json:
        app.emit_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.verdict]}  {finding.check}: {finding.found}")
            if finding.advice:
                click.echo(f"         → {finding.advice}")
    return 1 if any(finding.verdict == "error" for finding in findings) else 0
