"""`presswatch init`: a folder with settings, feeds and topics to start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

import seeds
from flows.context import AppContext, common_options, example, pass_app
from flows.settings import CONFIG_NAME, render_settings


@click.command("init", epilog=example("presswatch init", "presswatch init ~/newsdesk"))
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@common_options
@pass_app
def init(app: AppContext, folder: Path) -> None:
    """Write presswatch.toml, feeds.toml and topics/ into FOLDER. Existing files are kept."""
    folder.mkdir(parents=True, exist_ok=True)
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

    put(CONFIG_NAME, render_settings())
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
    app.say(
        f"Next: {where}edit feeds.toml, then `presswatch doctor`, `presswatch feeds check`, "
        "`presswatch run`."
    )
