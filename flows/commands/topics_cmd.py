"""`presswatch topics`: list, check, explain, backtest, start and correct topic files."""

from __future__ import annotations

import re
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extractors.errors import PresswatchError, UsageError
from extractors.suggest import did_you_mean
from flows.context import AppContext, common_options, example, pass_app
from flows.topic_text import explanation_json, print_check, print_explanation, print_report

if TYPE_CHECKING:
    from alerts.models import MatchInput
    from alerts.topic_model import Topic

_URL = re.compile(r"https?://", re.IGNORECASE)


@click.group(
    "topics", epilog=example("presswatch topics check", "presswatch topics backtest opcon")
)
def topics() -> None:
    """List, check, explain, back-test and start topic files."""


# ---------------------------------------------------------------------- list
@topics.command("list", epilog=example("presswatch topics list", "presswatch topics list --json"))
@common_options
@pass_app
def list_topics(app: AppContext) -> None:
    """List the topics in use."""
    rows = [
        {
            "id": topic.id,
            "title": topic.title,
            "version": topic.version,
            "languages": list(topic.languages),
            "rules": len(topic.rules),
            "phrases": sum(len(rule.phrases) for rule in topic.rules),
            "examples": len(topic.examples),
            "severity": topic.severity,
            "mentions": topic.mentions,
            "channel": topic.channel or app.settings.slack_channel,
            "file": str(topic.path),
        }
        for topic in app.topics.topics
    ]
    if app.as_json:
        app.emit_json(rows)
        return
    for row in rows:
        click.echo(
            f"{row['id']:<12} {row['title']}\n"
            f"{'':<12} {row['rules']} rules, {row['phrases']} phrases, {row['examples']} examples, "
            f"severity {row['severity']}, mentions {row['mentions']}, {row['channel']}, "
            f"version {row['version']}, {row['file']}"
        )


# ---------------------------------------------------------------------- check
@topics.command(
    "check",
    epilog=example("presswatch topics check", "presswatch topics check opcon topics/mine.toml"),
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@common_options
@pass_app
def check(app: AppContext, paths: tuple[Path, ...], strict: bool) -> None:
    """Lint topic files and run their own examples.

    PATHS are files, folders, or ids of topics in use; without them, all of these. Exit code 1 when
    an example or a phrase is wrong, 2 when a file cannot be read as a topic.
    """
    from alerts.lint import lint_topic, run_examples
    from alerts.topic_format import parse_topic
    from alerts.topics import topic_files

    results: list[dict[str, Any]] = []
    failed = unreadable = False
    seen: dict[str, Path] = {}
    for path in topic_files([_file_of(app, path) for path in paths] or app.topic_paths()):
        remarks: list[dict[str, Any]] = []
        entry: dict[str, Any] = {"file": str(path), "topic": None, "remarks": remarks}
        results.append(entry)
        try:
            topic = parse_topic(path.read_text(encoding="utf-8"), path)
        except (UsageError, OSError, UnicodeDecodeError) as error:
            text = str(error).removeprefix(f"{path}:")
            line, _, message = text.partition(": ") if text[:1].isdigit() else ("1", "", text)
            remarks.append({"level": "error", "line": int(line), "message": message})
            failed = unreadable = True
            continue
        entry |= {"topic": topic.id, "version": topic.version, "examples": len(topic.examples)}
        if topic.id in seen:
            message = f"id {topic.id!r} is taken by {seen[topic.id]}: choose another"
            remarks.append({"level": "error", "line": 1, "message": message})
        seen[topic.id] = path
        remarks += [
            {"level": f.level, "line": f.line, "message": f.message} for f in lint_topic(topic)
        ]
        for result in run_examples(topic):
            if not result.ok:
                wanted = result.example
                shown = (wanted.title or wanted.text)[:70]
                why = "; ".join(result.lines) or "no phrase of the topic stands in it"
                message = (
                    f"example “{shown}”: expected {wanted.expect}, got {result.outcome}: {why}"
                )
                remarks.append({"level": "error", "line": wanted.line, "message": message})
        failed |= any(r["level"] == "error" or strict for r in remarks)
    if app.as_json:
        app.emit_json(results)
    else:
        for entry in results:
            print_check(entry)
    if failed:
        sys.exit(2 if unreadable else 1)


def _file_of(app: AppContext, path: Path) -> Path:
    """Return a path as it is, or the file of the topic in use that it names.

    Raises:
        UsageError: it is neither.
    """
    from alerts.topics import topic_files

    if path.exists() or path.suffix == ".toml":
        return path
    named = {file.stem: file for file in topic_files(app.topic_paths())}
    # By its id when the topics can be read; a broken one is found by the name of its file.
    with suppress(UsageError):
        named |= {topic.id: topic.path for topic in app.topics.topics}
    if str(path) not in named:
        raise UsageError(
            f"{path}: there is no such file, folder or topic: see `presswatch topics list`"
            + did_you_mean(str(path), named)
        )
    return named[str(path)]


# ---------------------------------------------------------------------- explain
@topics.command(
    "explain",
    epilog=example(
        "presswatch topics explain page.html",
        "presswatch topics explain --article 4711 --topic opcon",
        'presswatch topics explain --text "SSN conference draws kidney specialists"',
    ),
)
@click.argument("target", required=False, metavar="[FILE|URL]")
@click.option("--article", type=int, metavar="ID", help="A stored article.")
@click.option("--text", help="A text instead of a file.")
@click.option("--title", help="The headline, for --text or a text file.")
@click.option("--country", metavar="CC", help="The outlet's country, e.g. kr.")
@click.option("--topic", "only", multiple=True, metavar="ID", help="Only this topic (repeatable).")
@common_options
@pass_app
def explain(
    app: AppContext,
    target: str | None,
    article: int | None,
    text: str | None,
    title: str | None,
    country: str | None,
    only: tuple[str, ...],
) -> None:
    """Show why topics fire on a page, or almost do."""
    from alerts.match import explain_topics

    if sum(value is not None for value in (target, article, text)) != 1:
        raise UsageError("name one thing to explain: FILE or URL, or --article ID, or --text TEXT")
    in_use = app.topics.only(only) if only else app.topics
    if text is not None:
        item = _plain(text, title, country)
    elif article is not None:
        item = _stored(app, article)
    else:
        item = _page(app, str(target), title, country)
    explanations = explain_topics(in_use, item)
    if app.as_json:
        app.emit_json([explanation_json(e) for e in explanations])
        return
    silent = []
    for explanation in explanations:
        if not explanation.lines:
            silent.append(explanation.topic)
            continue
        print_explanation(explanation)
    if silent:
        click.echo(f"nothing of: {', '.join(silent)}")


def _plain(text: str, title: str | None, country: str | None) -> MatchInput:
    from alerts.models import MatchInput

    return MatchInput(title=title or "", body=text, country=country)


def _stored(app: AppContext, article_id: int) -> MatchInput:
    from storage.topics import read_article

    with app.store.read() as con:
        stored = read_article(con, article_id)
    if stored is None:
        raise UsageError(
            f"there is no usable article {article_id} in {app.settings.db_path}: "
            'look one up with presswatch sql "select article_id, title from articles"'
        )
    return stored.item


def _page(app: AppContext, target: str, title: str | None, country: str | None) -> MatchInput:
    from extractors.documents import process_document
    from extractors.models import RawDocument
    from flows.pipeline import match_input

    if _URL.match(target):
        from extractors.fetch import fetch_page
        from flows.fetching import address_guard, fetch_settings

        page = fetch_page(target, fetch_settings(app.settings), address_guard(app.settings))
        document = RawDocument(
            doc_id=target, url=page.url, html=page.content, content_type=page.content_type
        )
    else:
        path = Path(target)
        try:
            content = path.read_bytes()
        except OSError as error:
            known = target in app.topics.infos
            raise UsageError(
                f"{target}: cannot be read ({error.strerror})"
                + (f"; for the topic: --topic {target} and a page or --text" if known else "")
            ) from error
        if b"\0" in content[:8192]:
            raise UsageError(f"{target} is neither a page nor a text")
        if path.suffix.lower() in (".html", ".htm", ".xhtml"):
            document = RawDocument(doc_id=target, html=content)
        else:
            text = content.decode("utf-8", errors="replace")
            document = RawDocument(doc_id=target, text=text, title=title)
    item = match_input(process_document(document))
    return replace(item, title=title or item.title, country=country or item.country)


# ---------------------------------------------------------------------- backtest
@topics.command(
    "backtest",
    epilog=example(
        "presswatch topics backtest opcon --since 90d",
        "presswatch topics backtest opcon --file topics/opcon.toml --json",
    ),
)
@click.argument("topic_id", metavar="ID")
@click.option("--since", metavar="TIME", help="Only newer articles: 90d, 12h, or 2026-01-31.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path), help="An edited file of the topic to try."
)
@common_options
@pass_app
def backtest(app: AppContext, topic_id: str, since: str | None, file: Path | None) -> None:
    """Show what a topic would have alerted on over the stored articles.

    Compares with the stored hits, which are those of the version in use, and counts "not
    relevant" marks per phrase and outlet.
    """
    from alerts.backtest import StoredItem, run_backtest, sql_screen
    from storage.topics import count_articles, count_feedback, read_for_backtest

    topic = _topic(app, topic_id, file)
    start = parse_since(since, datetime.now(UTC)) if since else None
    began = time.monotonic()
    with app.store.read() as con:
        n, first, last = count_articles(con, start)
        stored = read_for_backtest(con, topic.id, screen=sql_screen(topic), since=start)
        report = run_backtest(
            topic,
            (
                StoredItem(
                    item=text.item,
                    story_id=text.story_id,
                    at=text.at,
                    topic_version=text.topic_version,
                    level=text.level,
                )
                for text in stored
            ),
        )
        feedback = count_feedback(con, topic.id)
    report.articles = n
    if first is not None and last is not None:
        report.days = max(1.0, (last - first).total_seconds() / 86400)
    for phrase, count in feedback.phrases.items():
        if phrase in report.phrases:
            report.phrases[phrase].not_relevant = count
    if app.as_json:
        marks = {"marks": feedback.marks, "outlets": dict(feedback.outlets)}
        app.emit_json(report.as_json() | {"not_relevant": marks})
        return
    print_report(report, dict(feedback.outlets), feedback.marks)
    app.say(f"{n} articles in {time.monotonic() - began:.1f} s")


def _topic(app: AppContext, topic_id: str, file: Path | None) -> Topic:
    from alerts.topics import load_topics

    topic = (load_topics([file]) if file else app.topics).get(topic_id)
    return topic


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment that `90d`, `12h` or an ISO date means.

    Raises:
        UsageError: any other text.
    """
    from alerts.topic_format import parse_duration

    try:
        return now - timedelta(seconds=parse_duration(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text!r}: write 90d, 12h, or a date like 2026-01-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ---------------------------------------------------------------------- rematch
@topics.command("rematch", epilog=example("presswatch topics rematch"))
@common_options
@pass_app
def rematch_stored(app: AppContext) -> None:
    """Match the stored articles again by topics that changed. Never alerts."""
    from flows.rematching import rematch_all

    changed = rematch_all(app.store, app.topics, progress=lambda n: app.say(f"{n} articles left"))
    if changed:
        app.store.publish()
    if app.as_json:
        app.emit_json({"changed": changed})
    else:
        click.echo(f"matched again: {', '.join(changed)}" if changed else "nothing has changed")


# ---------------------------------------------------------------------- new
@topics.command(
    "new",
    epilog=example('presswatch topics new uss --title "U.S. shipbuilding" --phrase "ship repair"'),
)
@click.argument("topic_id", metavar="ID")
@click.argument("phrases_file", required=False, metavar="[PHRASES]", type=click.File("r", "utf-8"))
@click.option("--title", help="What the topic is about, for people.")
@click.option("--phrase", "phrases", multiple=True, help="A phrase (repeatable).")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the file.")
@common_options
@pass_app
def new(
    app: AppContext,
    topic_id: str,
    phrases_file: Any,
    title: str | None,
    phrases: tuple[str, ...],
    out: Path | None,
) -> None:
    """Start a topic file from a list of phrases, one a line; - reads standard input."""
    from alerts.topic_draft import draft_topic
    from alerts.topic_format import parse_topic

    given = [*phrases, *(phrases_file.read().splitlines() if phrases_file else [])]
    path = out or app.settings.path(app.settings.topics) / f"{topic_id}.toml"
    if path.exists():
        raise UsageError(f"{path} exists: choose another id, or --out FILE")
    text = draft_topic(topic_id, title or topic_id, given)
    parse_topic(text, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.echo(str(path))
    app.say(f"next: add contexts and examples, then presswatch topics check {path}")


# ---------------------------------------------------------------------- feedback
@topics.command(
    "feedback",
    epilog=example(
        'presswatch topics feedback opcon 4711 --reason "NATO, not Korea"',
        "presswatch topics feedback opcon 4711 --to-example",
    ),
)
@click.argument("topic_id", metavar="ID")
@click.argument("article_id", type=int, metavar="ARTICLE")
@click.option(
    "--not-relevant/--relevant", "bad", default=True, show_default=True, help="Your verdict."
)
@click.option("--reason", help="Why, in a few words.")
@click.option("--by", help="Who says so (default: your user name).")
@click.option("--to-example", is_flag=True, help="Add the sentence to the topic file as example.")
@common_options
@pass_app
def feedback(
    app: AppContext,
    topic_id: str,
    article_id: int,
    bad: bool,
    reason: str | None,
    by: str | None,
    to_example: bool,
) -> None:
    """Mark a hit as not relevant (or relevant), and turn it into an example."""
    import getpass

    from storage.topics import save_feedback

    topic = app.topics.get(topic_id)
    actor = by or getpass.getuser()
    with app.store.write() as tx:
        found = save_feedback(
            tx,
            topic=topic.id,
            article_id=article_id,
            relevant=not bad,
            reason=reason,
            actor=actor,
        )
    if not found:
        raise PresswatchError(
            f"article {article_id} has no hit of {topic.id}: see presswatch topics explain "
            f"--article {article_id}"
        )
    app.store.publish()
    verdict = "not relevant" if bad else "relevant"
    click.echo(f"article {article_id}: {verdict} for {topic.id}")
    if to_example:
        from alerts.topic_draft import append_example

        where = append_example(topic, _stored(app, article_id), relevant=not bad, note=reason or "")
        click.echo(f"example added to {where}; check it with presswatch topics check {where}")
