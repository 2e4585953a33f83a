"""`presswatch init`: a folder with settings, feeds and topics to start from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click

import seeds
from extractors.errors import UsageError
from flows.context import AppContext, common_options, example, pass_app
from flows.settings import CONFIG_NAME, render_settings, toml_value


@click.command(
    "init",
    epilog=example(
        "presswatch init",
        "presswatch init ~/newsdesk",
        "presswatch init --config desks/korea.toml --db /var/lib/presswatch/korea.duckdb",
    ),
)
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@common_options
@pass_app
def init(app: AppContext, folder: Path | None) -> None:
    """Write presswatch.toml, feeds.toml and topics/ into FOLDER (default: here).

    Existing files are kept. --config gives the settings file another place and name, and the
    others a place beside it; --db is written into it.
    """
    config = Path(app.config) if app.config else None
    if config is not None and folder is not None and config.parent != folder:
        raise UsageError(f"give FOLDER or --config, not both: {folder} is not where {config} lies")
    if folder is not None and "://" in str(folder).replace(":/", "://", 1):
        raise UsageError(f"{folder} is an address: init takes a folder")
    folder = folder or (config.parent if config else Path())
    name = config.name if config else CONFIG_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made a folder ({error.strerror})") from None
    settings = render_settings()
    if app.db:
        line = f"db = {toml_value(str(Path(app.db).absolute()))}"
        settings = re.sub(r"^# db = .*$", lambda _: line, settings, count=1, flags=re.MULTILINE)
    written: list[str] = []
    kept: list[str] = []

    def put(name: str, text: str) -> None:
        target = folder / name
        if target.exists():
            kept.append(name)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        written.append(name)

    put(name, settings)
    put("feeds.toml", seeds.path("feeds.toml").read_text("utf-8"))
    topics = folder / "topics"
    if topics.exists():
        kept.append("topics/")
    else:
        shutil.copytree(seeds.path("topics"), topics, ignore=shutil.ignore_patterns("__pycache__"))
        written.append("topics/")
    if app.as_json:
        app.emit_json({"folder": str(folder), "written": written, "kept": kept})
        return
    if written:
        click.echo(f"wrote {', '.join(written)} in {folder}")
    if kept:
        click.echo(f"kept {', '.join(kept)} as they were")
    where = "" if folder == Path() else f"cd {folder}; "
    me = "presswatch" if name == CONFIG_NAME else f"presswatch --config {name}"
    app.say(f"Next: {where}edit feeds.toml, then `{me} doctor`, `{me} feeds check`, `{me} run`.")
