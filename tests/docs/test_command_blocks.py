"""Every block of the README and the guides is run, or says why not and at least parses.

Shell blocks run in bash, in their order, page by page, each page in a folder of its own: with the
database that `presswatch demo` fills, the bundled news site instead of the world's, a Slack of our
own instead of Slack, and a stand-in for `make`. SQL, TOML and Python blocks run too.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from support.command_server import command_server
from support.doc_blocks import (
    SHELL,
    Block,
    blocks_of,
    commands_of,
    inline_invocations,
    invocations,
)
from support.slack_server import APP_TOKEN, TOKEN, Rules, SlackServer
from support.socket_mode_server import SocketModeServer

from flows.demo_site import DemoSite

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("commands.md", "configuration.md", "data-model.md")
PAGES = [
    page
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "deploy" / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
    if page.name not in GENERATED
]
LANGUAGES = {*SHELL, "sql", "toml", "python", "text"}
HEALTHY = {"hanbit-all", "lanyang-all"}
TIMEOUT_S = 600  # a hang, no measure of speed

# What `make` does in a page: it must know the goals; `make demo` leaves what the demo leaves.
MAKE = """#!/bin/sh
set -e
/usr/bin/env -i PATH=/usr/bin:/bin make -n -C {root} "$@" >/dev/null
case "$*" in *demo*) cat {demo}.out; mkdir -p data; cp -r {demo} data/demo;; esac
"""


@dataclass
class World:
    """What pages run against; made once."""

    folder: Path
    shell: dict[str, str]
    site: DemoSite
    slack: SlackServer
    demo: Path
    numbers: dict[str, str] = field(default_factory=dict)

    def text(self, block: str) -> str:
        """Return a block with the addresses of the stand-ins."""
        article = self.site.article_url("hanbit-opcon")
        base = self.site.base_url("harbor")
        for shown, real in (
            ("https://news.example/rss.xml", f"{self.site.base_url('capital')}/feeds/latest"),
            ("https://news.example/2026/opcon-date", article),
            ("https://news.example", base),
            ("xoxb-...", TOKEN),
            ("xapp-...", APP_TOKEN),
        ):
            block = block.replace(shown, real)
        for pattern, real in self.numbers.items():
            block = re.sub(pattern, real, block)
        return block

    def environment(self, home: Path) -> dict[str, str]:
        return {
            **self.shell,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "PRESSWATCH_ALLOW_ADDRESSES": self.site.address,
            "PRESSWATCH_HOST_DELAY_S": "0",
            "PRESSWATCH_MIN_POLL_INTERVAL_S": "0",
            "PRESSWATCH_JOBS": "1",
            "PRESSWATCH_SLACK_BASE_URL": self.slack.base_url,
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    bin_ = folder / "bin"
    bin_.mkdir()
    with contextlib.ExitStack() as stack:
        shell = stack.enter_context(command_server(bin_, ROOT))
        site = stack.enter_context(DemoSite(slow_s=0.1))
        slack = stack.enter_context(SlackServer(Rules(per_second=1000)))
        slack.add_channel("C0NAVY", "navy")
        slack.socket_url = stack.enter_context(SocketModeServer()).url
        made = World(
            folder=folder,
            shell=shell,
            site=site,
            slack=slack,
            demo=folder / "demo",
        )
        done = subprocess.run(
            ["presswatch", "demo", "--folder", str(made.demo)],
            cwd=folder,
            env={k: v for k, v in made.environment(folder).items() if "PRESSWATCH" not in k},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        Path(f"{made.demo}.out").write_text(done.stdout, "utf-8")
        (bin_ / "make").write_text(MAKE.format(root=ROOT, demo=made.demo))
        (bin_ / "make").chmod(0o755)
        made.numbers = _numbers(made)
        yield made


def _numbers(world: World) -> dict[str, str]:
    """Return what the pages' numbers of stories, articles and alerts are in this database."""
    from storage.database import Store

    with Store(world.demo / "presswatch.duckdb").read() as con:
        key, story = con.execute(
            "SELECT alert_key, story_id FROM alerts WHERE topic = 'opcon' ORDER BY story_id"
        ).fetchall()[0]
        members = con.execute(
            "SELECT article_id FROM articles WHERE story_id = ? AND duplicate_of IS NULL"
            " ORDER BY article_id DESC LIMIT 2",
            [story],
        ).fetchall()
        hit = con.execute("SELECT article_id FROM topic_hits WHERE topic = 'opcon'").fetchall()[0]
        other = con.execute("SELECT min(story_id) FROM stories WHERE story_id <> ?", [story])
        alone = other.fetchall()[0]
        events = con.execute("SELECT count(*) FROM story_events").fetchall()[0]
    return {
        r"\bs12/opcon/#\w+": key,
        r"\b12\b(?=\s+(15|345|--as)|\s*$| --json)": str(story),
        r"(?<=--story )12\b": str(story),
        r"(?m)(?<=presswatch story )12$": str(story),
        r"\b15\b": str(alone[0]),
        r"\b345 346\b": " ".join(str(member[0]) for member in members),
        r"\b4711\b": str(hit[0]),
        r"(?<=undo )3\b": str(events[0] + 1),
    }


def _furnish(world: World, folder: Path) -> None:
    """Put what pages speak of into their folder."""
    (folder / "data" / "demo").parent.mkdir(parents=True)
    for path in world.demo.glob("presswatch.duckdb*"):
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, folder / "data" / path.name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    (folder / ".venv" / "bin" / "presswatch").symlink_to(world.folder / "bin" / "presswatch")
    _write_feeds(world, folder / "feeds.toml")
    shutil.copytree(ROOT / "seeds" / "topics", folder / "topics")
    article = next(a for a in world.site.articles() if a.id == "hanbit-opcon")
    page = world.site.answer("hanbit", article.path, {}).body
    (folder / "page.html").write_bytes(page)
    (folder / "articles").mkdir()
    (folder / "articles" / "page.html").write_bytes(page)
    (folder / "phrases.txt").write_text("shipbuilding deal\n조선 협력\n", "utf-8")


def _write_feeds(world: World, path: Path) -> None:
    from extractors.feed_list import FeedConfig, render_feed

    rows = [row for row in world.site.feeds() if row["name"] in HEALTHY]
    path.write_text("\n".join(render_feed(FeedConfig(**row, every_s=1)) for row in rows), "utf-8")


# ---------------------------------------------------------------------- what must hold of all


def test_every_block_names_its_language_and_is_run_or_says_why_not() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            assert block.language in LANGUAGES, f"{block.where}: {block.language!r}"
            if block.not_run is not None:
                assert len(block.not_run) > 5, f"{block.where}: give a reason"


def test_every_command_that_a_page_names_exists_with_its_options() -> None:
    problems = []
    for page in [*PAGES, ROOT / "docs" / "commands.md"]:
        named = [(f"{page.name}:{n}", text) for n, text in inline_invocations(page)]
        for block in blocks_of(page):
            if block.language in SHELL:
                named.append((block.where, "\n".join(c.text for c in commands_of(block))))
            elif page.name == "commands.md":
                example = block.text.partition("Example:\n")[2]
                named.append((block.where, example))
        for where, text in named:
            problems += [f"{where}: {p}" for args in invocations(text) if (p := _problem(args))]
    assert not problems, "\n".join(problems)


def _problem(args: list[str]) -> str:
    """Return what is wrong with a call of presswatch, "" when its words exist."""
    from flows.cli import presswatch

    command: click.Command = presswatch
    path = "presswatch"
    rest = list(args)
    while rest:
        word = rest.pop(0)
        options = {o: p for p in command.params for o in (*p.opts, *p.secondary_opts)}
        options |= {"--help": None, "-h": None, "--version": None}
        name, _, value = word.partition("=")
        if word.startswith("-") and word not in ("-", "--"):
            if name not in options:
                return f"{path} has no option {name}"
            option = options[name]
            if isinstance(option, click.Option) and not option.is_flag and not value and rest:
                rest.pop(0)
        elif isinstance(command, click.Group) and not _is_placeholder(word):
            with click.Context(command, info_name=path) as context:
                try:
                    found = command.get_command(context, word)
                except click.UsageError as error:
                    return error.message
            if found is None and path != "presswatch story":  # `story ID` is `story show ID`
                return f"{path} has no command {word}"
            command, path = found or command.commands["show"], f"{path} {word}"  # type: ignore[attr-defined]
    return ""


def _is_placeholder(word: str) -> bool:
    return word.isupper() or "…" in word or "|" in word


# ---------------------------------------------------------------------- shell


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if any(b.language in SHELL and b.not_run is None for b in blocks_of(p))],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_the_commands_of_a_page_run_in_their_order(page: Path, world: World) -> None:
    folder = Path(f"{world.folder}/{page.parent.name}-{page.stem}")
    folder.mkdir()
    _furnish(world, folder)
    state = folder / ".state"
    state.write_text("", "utf-8")
    for block in blocks_of(page):
        if block.step is not None:
            _step(world, folder, block)
        if block.not_run is not None:
            continue
        if block.language == "python":
            subprocess.run([sys.executable, "-c", block.text], cwd=folder, check=True)
        if block.language not in SHELL:
            continue
        for command in commands_of(block):
            output = _bash(world, folder, state, block, world.text(command.text))
            for line in _missing(command.shown, output):
                pytest.fail(f"{block.where}: the page shows “{line}”, there came:\n{output}")


def _bash(world: World, folder: Path, state: Path, block: Block, text: str) -> str:
    """Run a text in bash, where the last one stopped: same folder, same exported variables."""
    script = (
        f'cd "{folder}"\n. "{state}"\nset -e\n{text}\n'
        f'{{ export -p; echo "cd \'$PWD\'"; }} > "{state}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env=world.environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    said = f"{block.where} ended with {done.returncode}\n{text}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    assert "Traceback" not in done.stderr, said
    for feeds in folder.rglob("feeds.toml"):  # `presswatch init` wrote the real ones
        if "127.0." not in feeds.read_text("utf-8"):
            _write_feeds(world, feeds)
    return done.stdout + done.stderr


def _step(world: World, folder: Path, block: Block) -> None:
    """Do what happens between two blocks of a page."""
    if block.step == "the site publishes more":
        world.site.advance()
    elif block.step == "Slack has messages":
        keys = [message.alert_key or "" for message in world.slack.parents()]
        assert any(re.match(r"(s\d+|summary)/", key) for key in keys), f"{block.where}: {keys}"
        assert world.slack.state.violations == []
    else:
        pytest.fail(f"{block.where}: unknown step {block.step!r}")


def _missing(shown: str, output: str) -> list[str]:
    """Return lines that a page shows and whose words did not come: numbers aside, and `…`."""
    words = set(_words(output))
    return [
        line for line in shown.splitlines() if "…" not in line and not set(_words(line)) <= words
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]{2,}", text)


def test_the_demo_tells_in_words_what_each_message_is(world: World) -> None:
    from storage.database import Store
    from storage.outbox import list_alerts

    with Store(world.demo / "presswatch.duckdb").read() as con:
        rows = list_alerts(con, kinds=("alert", "edit", "item", "summary"))
    shown = Path(f"{world.demo}.out").read_text("utf-8")

    assert {row["kind"] for row in rows} == {"alert", "edit", "item", "summary"}
    assert all(row["title"] and row["title"] != row["alert_key"] for row in rows)
    assert "edited: " in shown.partition("── Alerts")[2]


# ---------------------------------------------------------------------- SQL, TOML


@pytest.mark.parametrize(
    "block",
    [b for p in PAGES for b in blocks_of(p) if b.language == "sql" and b.not_run is None],
    ids=lambda b: b.where,
)
def test_an_sql_block_runs_on_the_demo_database(block: Block, world: World) -> None:
    from storage.database import Store

    with Store(world.demo / "presswatch.duckdb").read() as con:
        statements = [s.strip() for s in re.split(r";[^\n]*\n", block.text) if s.strip()]
        assert statements
        for statement in statements:
            assert con.execute(statement).description is not None, statement


@pytest.mark.parametrize(
    "block",
    [b for p in PAGES for b in blocks_of(p) if b.language == "toml" and b.not_run is None],
    ids=lambda b: b.where,
)
def test_a_toml_block_is_read_without_complaint(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "block.toml"
    path.write_text(block.text, "utf-8")
    if "[[feed]]" in block.text:
        from extractors.feed_list import load_feeds

        assert load_feeds(path)
    elif "[site." in block.text or "match = [" in block.text:
        from extractors.rules import load_rules

        (tmp_path / "rules").mkdir()
        path.rename(tmp_path / "rules" / ("sites.toml" if "[site." in block.text else "en.toml"))
        assert load_rules(tmp_path / "rules")
    elif "[[rule]]" in block.text:
        from alerts.topic_format import parse_topic

        assert parse_topic(block.text, path).rules
    else:
        from flows.settings import load_settings

        assert load_settings(path, env={}).source == str(path)
