"""`presswatch inspect`: what becomes of a page, and why. Stores and sends nothing."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from extractors.errors import UsageError
from extractors.models import Article, BlockKind, RawDocument, Status
from flows.context import AppContext, common_options, example, pass_app

if TYPE_CHECKING:
    from rich.console import Console

    from alerts.explain import Explanation
    from alerts.topics import TopicSet

_URL = re.compile(r"https?://", re.IGNORECASE)


@click.command(
    "inspect",
    epilog=example(
        "presswatch inspect page.html --url https://news.example/2026/01/story",
        "presswatch inspect https://news.example/2026/01/story",
        "presswatch inspect --jsonl pages.jsonl --out cleaned.jsonl --jobs 2",
    ),
)
@click.argument("target", metavar="[FILE|URL]", required=False)
@click.option("--url", help="Address the file came from (for site rules and metadata).")
@click.option("--jsonl", metavar="IN", type=click.Path(path_type=Path), help="Many documents.")
@click.option("--out", metavar="OUT", help="Where --jsonl writes (default: standard output).")
@click.option("--jobs", type=click.IntRange(1, 64), help="Worker processes for --jsonl.")
@click.option("--memory", is_flag=True, help="Let documents of one host teach each other.")
@common_options
@pass_app
def inspect(
    app: AppContext,
    target: str | None,
    url: str | None,
    jsonl: Path | None,
    out: str | None,
    jobs: int | None,
    memory: bool,
) -> int:
    """Show what becomes of one page, or of many.

    For a FILE (.html, .txt, .jsonl, WARC) or URL: title, language, body, each removed block with
    its reason and rule, topics with their score sheet, near misses. With --jsonl: one JSON object
    for each document. Nothing is stored, no site memory is used unless --memory is given.
    """
    if (target is None) == (jsonl is None):
        raise UsageError("give one FILE or URL, or --jsonl IN: one of them is needed")
    from flows.cleaning import prepare_cleaning

    prepare_cleaning(app.settings)
    if jsonl is not None:
        return _many(app, jsonl, out, jobs or 1, memory)
    assert target is not None
    if memory or out or jobs:
        raise UsageError("--memory, --out and --jobs go with --jsonl IN")
    return _one(app, target, url)


# ---------------------------------------------------------------- many


def _many(app: AppContext, path: Path, out: str | None, jobs: int, memory: bool) -> int:
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; --jsonl takes a JSONL file (or .gz)")
    from extractors.readers import count_lines
    from extractors.workers import WorkerPool
    from flows.inspecting import inspect_jsonl

    _ = app.topics  # a wrong topic file is told before the work begins
    total = count_lines(path)
    seen = failed = 0
    pool = WorkerPool(jobs, timeout_s=app.settings.document_timeout_s)
    with _output(out) as file, pool, _progress(app, total) as advance:
        for item in inspect_jsonl(path, app.topic_paths(), pool=pool, with_memory=memory):
            file.write(item.line + "\n")
            seen += 1
            failed += item.failed
            advance()
    app.say(f"{seen} documents" + (f", {failed} could not be read" if failed else ""))
    return 1 if failed else 0


@contextmanager
def _output(out: str | None) -> Iterator[IO[str]]:
    """The file to write; it appears under its name when it is complete."""
    if out in (None, "-"):
        yield sys.stdout
        return
    target = Path(str(out))
    if target.is_dir() or not target.parent.is_dir():
        raise UsageError(f"--out {target}: the folder does not exist, or it is one: name a file")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress(app: AppContext, total: int | None) -> Iterator[Any]:
    """A bar on standard error when somebody looks at it."""
    if app.quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=app.console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


# ---------------------------------------------------------------- one


def _one(app: AppContext, target: str, url: str | None) -> int:
    topics = app.topics
    worst = 0
    objects = []
    for article in _articles(app, target, url):
        explanations = _explain(topics, article)
        if app.as_json:
            objects.append(_to_json(article, explanations))
        else:
            _show(article, explanations)
        if article.status in (Status.ERROR, Status.TIMEOUT, Status.OUT_OF_MEMORY):
            worst = 1
    if app.as_json:
        app.emit_json(objects[0] if len(objects) == 1 else objects)
    return worst


def _articles(app: AppContext, target: str, url: str | None) -> Iterator[Article]:
    from extractors.documents import failed_article
    from extractors.readers import Unreadable, read_documents
    from extractors.workers import WorkerPool

    if _URL.match(target):
        documents: Any = [_fetched(app, target)]
    elif Path(target).is_dir():
        raise UsageError(
            f"{target} is a folder: name one FILE or URL (`presswatch ingest` loads folders)"
        )
    else:
        documents = read_documents([Path(target)])
    with WorkerPool(1, timeout_s=app.settings.document_timeout_s) as pool:
        found = False
        for document in documents:
            found = True
            if isinstance(document, Unreadable):
                blank = RawDocument(doc_id=document.doc_id)
                yield failed_article(blank, Status.ERROR, f"{document.where}: {document.error}")
                continue
            yield from pool.map_documents([replace(document, url=url or document.url)])
    if not found:
        raise UsageError(f"{target}: nothing to inspect there")


def _fetched(app: AppContext, target: str) -> RawDocument:
    from extractors.fetch import fetch_page
    from flows.fetching import address_guard, fetch_settings

    page = fetch_page(target, fetch_settings(app.settings), address_guard(app.settings))
    return RawDocument(
        doc_id=target,
        url=page.url,
        html=page.content,
        content_type=page.content_type,
        fetched_at=page.fetched_at,
    )


def _explain(topics: TopicSet, article: Article) -> list[Explanation]:
    from alerts.match import explain_topics
    from flows.pipeline import USABLE, match_input

    if article.status not in USABLE:
        return []
    return explain_topics(topics, match_input(article))


def _to_json(article: Article, explanations: list[Explanation]) -> dict[str, Any]:
    from extractors.documents import article_to_json

    value = article_to_json(article, [e.hit for e in explanations if e.hit is not None])
    value["method"] = article.method
    value["near_misses"] = [
        {"id": e.topic, "score": e.score, "min_score": e.min_score, "lines": list(e.lines)}
        for e in explanations
        if e.hit is None and e.lines
    ]
    return value


def _show(article: Article, explanations: list[Explanation]) -> None:
    """Print for people. Text of pages is never taken for markup or terminal commands."""
    from rich.console import Console
    from rich.text import Text

    width = None if sys.stdout.isatty() else 100
    console = Console(highlight=False, markup=False, emoji=False, width=width, soft_wrap=False)
    console.print(Text(_clean(article.title or "(no title)"), style="bold"))
    _facts(console, article)
    body = [b for b in article.blocks if b.kind is BlockKind.BODY]
    removed = [b for b in article.blocks if b.kind is not BlockKind.BODY]
    console.print(Text(f"\nBody: {len(body)} of {len(article.blocks)} blocks", style="bold"))
    for number, block in enumerate(body):
        if number == 0 and block.text == article.title:
            continue  # the headline of a plain text: shown above
        mark = "" if block.lang in (article.language, "und") else f"[{block.lang}] "
        console.print(Text(mark, style="cyan") + Text(_clean(block.text)))
    if removed:
        _removed(console, article)
    _topics(console, explanations)
    console.print()


def _facts(console: Console, article: Article) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    published = article.published_at.isoformat() if article.published_at else None
    facts = (
        ("status", str(article.status) + (f": {article.error}" if article.error else "")),
        ("language", article.language),
        ("published", published),
        ("author", article.author),
        ("outlet", article.outlet),
        ("section", article.section),
        ("address", article.canonical_url or article.url),
        ("provenance", ", ".join(article.provenance)),
        ("text from", article.method),
    )
    for name, value in facts:
        if value:
            table.add_row(Text(name, style="dim"), Text(_clean(value), overflow="fold"))
    console.print(table)


def _removed(console: Console, article: Article) -> None:
    """List each removed block with its reason and rule; one line of its text below."""
    from rich.text import Text

    console.print(Text("\nRemoved", style="bold"))
    for block in article.blocks:
        if block.kind is BlockKind.BODY:
            continue
        style = "yellow" if block.kind is BlockKind.QUARANTINE else "cyan"
        head = Text(f"{block.kind:12}", style=style)
        console.print(head + Text(f"{block.reason}  [{block.rule}]"))
        text = Text(f"            {_clean(block.text)[:400]}", style="dim")
        console.print(text, no_wrap=True, overflow="ellipsis")


def _topics(console: Console, explanations: list[Explanation]) -> None:
    from rich.text import Text

    hits = [e for e in explanations if e.hit is not None]
    console.print(Text(f"\nTopics: {len(hits)}", style="bold"))
    for explanation in hits:
        hit = explanation.hit
        assert hit is not None
        style = "green" if hit.level == "alert" else "cyan"
        line = str(hit.why.get("line", ""))
        console.print(Text(f"{hit.level:8}", style=style) + Text(_clean(line)))
        for sheet in hit.why.get("hits", []):
            points = f"{sheet['score']:g} × {sheet['weight']:g}"
            where = f"{sheet['zone']}, rule {sheet['rule']}"
            console.print(Text(_clean(f"         {points:>9}  “{sheet['text']}” ({where})")))
        snippet = hit.why.get("snippet")
        if snippet:
            console.print(Text(_clean(f"         {snippet}"), style="dim"))
    misses = [line for e in explanations if e.hit is None for line in e.lines]
    if misses:
        console.print(Text("Near misses", style="bold"))
        for line in misses:
            console.print(Text(_clean(f"         {line}")))


def _clean(text: str) -> str:
    """Text without characters that steer a terminal or turn its direction."""
    return "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn") else " " for c in text
    )
