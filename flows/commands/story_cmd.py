"""`presswatch story`: a story as a timeline, why each article is in it, and corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from extractors.errors import UsageError
from extractors.stories import shared_sentences
from flows.context import AppContext, common_options, example, pass_app
from storage.story_edits import (
    Member,
    StoryTimeline,
    merge_stories,
    read_story,
    split_story,
    undo_event,
)

MAX_SENTENCES = 2  # of those shared with the text compared with; the rest is counted
MAX_SENTENCE_CHARS = 120


class _StoryGroup(click.Group):
    """Reads `story 12` as `story show 12`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0].isdigit():
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group(
    "story",
    cls=_StoryGroup,
    epilog=example(
        "presswatch story 12",
        "presswatch story split 12 345 346",
        "presswatch story merge 12 15",
        "presswatch story undo 3",
    ),
)
@common_options
@pass_app
def story(app: AppContext) -> None:
    """Show a story: `presswatch story ID`; correct it: merge, split, undo.

    Corrections are remembered: what was split is not joined again by the program, what was
    merged stays merged. Neither alerts anybody.
    """


@story.command("show", epilog=example("presswatch story 12", "presswatch story 12 --json"))
@click.argument("story_id", metavar="ID", type=int)
@common_options
@pass_app
def show(app: AppContext, story_id: int) -> None:
    """Show a story's articles as a timeline, with the reason for each."""
    with app.store.read() as con:
        timeline = read_story(con, story_id)
    if app.as_json:
        app.emit_json(_as_json(timeline))
        return
    if timeline.story_id != story_id:
        app.say(f"Story {story_id} was merged into story {timeline.story_id}.")
    click.echo("\n".join(_lines(timeline)))


@story.command("merge", epilog=example("presswatch story merge 12 15"))
@click.argument("story_id", metavar="ID", type=int)
@click.argument("other", metavar="OTHER", type=int)
@common_options
@pass_app
def merge(app: AppContext, story_id: int, other: int) -> None:
    """Put story OTHER into story ID."""
    with app.store.write() as tx:
        moved = merge_stories(tx, story_id, other)
    app.store.publish()
    if app.as_json:
        app.emit_json({"story_id": story_id, "merged": other, "articles": moved})
    else:
        click.echo(f"{_articles(moved)} of story {other} moved to story {story_id}.")


@story.command("split", epilog=example("presswatch story split 12 345 346"))
@click.argument("story_id", metavar="ID", type=int)
@click.argument("articles", metavar="ARTICLE...", type=int, nargs=-1, required=True)
@common_options
@pass_app
def split(app: AppContext, story_id: int, articles: tuple[int, ...]) -> None:
    """Take articles, with their copies, out of story ID into a new story."""
    with app.store.write() as tx:
        new = split_story(tx, story_id, articles)
    app.store.publish()
    if app.as_json:
        app.emit_json({"story_id": story_id, "new_story": new, "articles": list(articles)})
    else:
        click.echo(f"Story {new} was made of {_articles(len(articles))} of story {story_id}.")


@story.command("undo", epilog=example("presswatch story undo 3"))
@click.argument("event_id", metavar="EVENT", type=int)
@common_options
@pass_app
def undo(app: AppContext, event_id: int) -> None:
    """Undo a merge, split or move, the program's own too. `presswatch story ID` lists them."""
    with app.store.write() as tx:
        undone = undo_event(tx, event_id)
    app.store.publish()
    if app.as_json:
        app.emit_json(undone)
    else:
        a, b = undone["story_id"], undone["other_story"]
        if undone["kind"] == "move":
            click.echo(f"What had moved from story {a} to story {b} is back in story {a}.")
        else:
            how = "two stories" if undone["kind"] == "merge" else "one story"
            click.echo(f"Stories {a} and {b} are {how} again.")


def _lines(timeline: StoryTimeline) -> list[str]:
    outlets = _count(timeline.n_outlets, "outlet")
    origins = _count(timeline.n_origins, "origin")
    lines = [
        f"Story {timeline.story_id}: {timeline.title or '(no headline)'}",
        f"{_articles(timeline.n_articles)}, {outlets}, {origins}; "
        f"languages: {', '.join(timeline.languages) or '-'}; "
        f"{_minute(timeline.first_seen)} to {_minute(timeline.last_seen)} UTC",
        "",
    ]
    bodies = {member.article_id: member.body for member in timeline.members}
    for member in timeline.members:
        mark = " (current text)" if member.article_id == timeline.current_article else ""
        origin = f", by {member.origin}" if member.origin not in ("", member.outlet) else ""
        lines.append(
            f"{_minute(member.at)}  [{member.article_id}] {member.outlet or '-'}{origin}, "
            f"{member.language}{mark}"
        )
        lines.append(f"    {member.title or '(no headline)'}")
        lines.extend(f"      {line}" for line in _why(member, bodies))
    lines.extend(_event_lines(timeline.events))
    return lines


def _why(member: Member, bodies: dict[int, str]) -> list[str]:
    """The reason of a link: rule and scores, then shared sentences or clues."""
    reason = member.reason
    link = str(reason.get("link") or "")
    if not link and not reason.get("rule"):
        return ["begins the story"]
    scores = {
        name: reason[key]
        for key, name in (
            ("con", "shared"), ("lead", "beginning"), ("jac", "alike"), ("num", "numbers"),
            ("share", "clues alike"), ("weight", "weight"), ("cosine", "vectors"),
        )
        if key in reason
    }  # fmt: skip
    told = ", ".join(f"{name} {value}" for name, value in scores.items())
    lines = [(link or str(reason["rule"])) + (f" ({told})" if told else "")]
    other = reason.get("to")
    if member.duplicate_of is not None and isinstance(other, int) and other in bodies:
        shared = shared_sentences(member.body, bodies[other])
        lines.extend(f"“{_cut(sentence)}”" for sentence in shared[:MAX_SENTENCES])
        if len(shared) > MAX_SENTENCES:
            lines.append(f"and {_count(len(shared) - MAX_SENTENCES, 'more shared sentence')}")
    return lines


def _event_lines(events: tuple[dict[str, Any], ...]) -> list[str]:
    if not events:
        return []
    undone = {event["undoes"] for event in events}
    lines = ["", "Events (undo one with `presswatch story undo EVENT`):"]
    for event in events:
        state = ", undone" if event["event_id"] in undone else ""
        rule = event["reason"].get("rule") or event["reason"].get("of") or ""
        lines.append(
            f"  {event['event_id']}  {_minute(event['happened_at'])}  {event['kind']} of stories "
            f"{event['story_id']} and {event['other_story']} by {event['made_by']}"
            f"{': ' + rule if rule else ''}{state}"
        )
    return lines


def _as_json(timeline: StoryTimeline) -> dict[str, Any]:
    bodies = {member.article_id: member.body for member in timeline.members}
    fields = (
        "story_id", "title", "first_seen", "last_seen", "n_articles", "n_outlets", "n_origins",
        "languages", "current_article", "events",
    )  # fmt: skip
    out: dict[str, Any] = {name: getattr(timeline, name) for name in fields}
    own = ("article_id", "at", "outlet", "language", "title", "url", "duplicate_of",
           "duplicate_level", "reason", "origin")  # fmt: skip
    out["articles"] = [
        {
            **{name: getattr(member, name) for name in own},
            "shared_sentences": list(
                shared_sentences(member.body, bodies.get(member.reason.get("to", -1), ""))
            ),
        }
        for member in timeline.members
    ]
    return out


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _articles(n: int) -> str:
    return _count(n, "article")


def _minute(at: datetime | None) -> str:
    if at is None:
        raise UsageError("the story has no time: run `presswatch doctor`")
    return at.strftime("%Y-%m-%d %H:%M")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SENTENCE_CHARS else text[: MAX_SENTENCE_CHARS - 1] + "…"
