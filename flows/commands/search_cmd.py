"""`presswatch search`: ranked full-text search over the published database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import click

from extractors.errors import UsageError
from flows.context import AppContext, common_options, example, pass_app
from storage.search import Filters, Found, empty_filter
from storage.search import search as find_articles

_WHY_EMPTY = {
    "language": "nothing found: no article is in this --lang",
    "outlet": "nothing found: no outlet's name contains this --outlet",
    "topic": "nothing found: no article has hit this --topic yet",
}
_WHAT_THEN = {
    "": ": try fewer words, a beginning* or a wider --since",
    "language": " (`presswatch sql language_mix` shows the languages there are)",
    "outlet": " (`presswatch sql language_mix` shows the outlets there are)",
    "topic": " (`presswatch sql list_topics` shows those with hits)",
}
_SPANS = {"h": 1 / 24, "d": 1, "w": 7, "m": 30, "y": 365}


@click.command(
    "search",
    epilog=example(
        "presswatch search 전작권",
        "presswatch search '\"operational control\" transf* -drill' --lang en --since 30d",
    ),
)
@click.argument("words", nargs=-1, required=True)
@click.option("--lang", help="Only this language (en, ko, ja, zh, zh-Hant ...).")
@click.option("--outlet", help="Only outlets whose name contains this.")
@click.option("--topic", help="Only articles that hit this topic.")
@click.option("--since", help="Only from this time: a date (2026-11-01) or a span (12h, 7d, 4w).")
@click.option("--until", help="Only before this time, as --since.")
@click.option("--newest", is_flag=True, help="Newest first instead of best first.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most results."
)
@common_options
@pass_app
def search(
    app: AppContext,
    words: tuple[str, ...],
    lang: str | None,
    outlet: str | None,
    topic: str | None,
    since: str | None,
    until: str | None,
    newest: bool,
    limit: int,
) -> None:
    """Search titles and bodies: all WORDS, "a phrase", a beginning*, -without.

    Korean, Japanese and Chinese words are found inside longer ones; two characters are enough.
    A copy of an article that is already shown is counted, not shown again. Put a query that
    begins with a minus after `--`.
    """
    now = datetime.now(UTC)
    filters = Filters(
        language=lang,
        outlet=outlet,
        topic=topic,
        since=parse_time(since, now, "--since"),
        until=parse_time(until, now, "--until"),
    )
    with app.store.read() as con:
        found = find_articles(
            con, " ".join(words), filters=filters, limit=limit, newest_first=newest
        )
        empty = None if found.hits else empty_filter(con, filters)
    if topic and empty == "topic" and topic not in app.topics.infos:
        raise UsageError(f"no topic {topic!r}: `presswatch topics list` shows the ids")
    if app.as_json:
        app.emit_json(
            {
                "candidates": found.candidates,
                "hits": [dataclasses.asdict(hit) for hit in found.hits],
            }
        )
        return
    _show(found)
    if not found.hits:
        app.say(_WHY_EMPTY.get(empty or "", "nothing found") + _WHAT_THEN.get(empty or "", ""))


def parse_time(text: str | None, now: datetime, option: str) -> datetime | None:
    """Read a date, a time or a span before `now`; UTC unless the text says otherwise.

    Raises:
        UsageError: the text is neither.
    """
    if text is None:
        return None
    if text[:-1].isdecimal() and text[-1:] in _SPANS:
        return now - timedelta(days=int(text[:-1]) * _SPANS[text[-1]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is neither a date like 2026-11-01 nor a span like 7d"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _show(found: Found) -> None:
    for hit in found.hits:
        more = f" · +{hit.copies} cop{'y' if hit.copies == 1 else 'ies'}" if hit.copies else ""
        click.secho(_one_line(hit.title or "(no title)"), bold=True)
        click.echo(
            f"  {_one_line(hit.outlet or 'unknown outlet')} · {hit.language} · "
            f"{hit.at:%Y-%m-%d %H:%M} · article {hit.article_id} · story {hit.story_id}{more}"
        )
        parts, at = [], 0
        for start, end in hit.marks:
            parts += [
                _one_line(hit.snippet[at:start]),
                click.style(_one_line(hit.snippet[start:end]), fg="yellow", bold=True),
            ]
            at = end
        click.echo("  " + "".join(parts) + _one_line(hit.snippet[at:]))
        if hit.url:
            click.echo(f"  {_one_line(hit.url)}")
        click.echo()


def _one_line(text: str) -> str:
    """Return foreign text without control characters, so that it cannot steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
