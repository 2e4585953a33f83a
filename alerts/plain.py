"""A view in, plain text out: the same alert for a terminal, a log or a webhook without blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alerts.foreign import clean, cut, isolate, web_link
from alerts.intents import Kind
from alerts.message import (
    CHANGE_NAMES,
    MAX_DIGEST_LINES,
    MAX_NOTE,
    MAX_SNIPPET,
    MAX_TITLE,
    MAX_WHY,
    PROVENANCE_NAMES,
    MessageOptions,
    lag_text,
    local_time,
)
from alerts.view import (
    MENTION,
    AlertView,
    DigestView,
    NoteView,
    OutletLine,
    ReplyView,
    from_payload,
    other_outlets,
)

_MAX_OTHERS = 6


def render_text(
    kind: Kind, payload: Mapping[str, Any], options: MessageOptions | None = None
) -> str:
    """Return the message of an outbox row as lines of text, without a final newline.

    Matched words stand in *asterisks*. Foreign text keeps its own line, so that it cannot pose
    as a line of ours.
    """
    options = options or MessageOptions()
    if kind in ("alert", "edit"):
        return alert_text(from_payload(AlertView, payload), options)
    if kind == "reply" and "article" in payload:
        return reply_text(from_payload(ReplyView, payload), options)
    if kind in ("digest", "summary"):
        return digest_text(from_payload(DigestView, payload))
    return clean(from_payload(NoteView, payload).text)


def alert_text(view: AlertView, options: MessageOptions) -> str:
    """Return a parent message as text."""
    head = [clean(view.topic_title) or view.topic]
    if view.level == "mention":
        head.append(MENTION)
    if view.severity != "normal" and view.level != "mention":
        head.append(view.severity)
    if view.also_topics:
        head.append("also " + ", ".join(clean(topic) for topic in view.also_topics))
    lines = [f"[{view.topic}] " + " · ".join(head)]
    if view.note:
        lines.append(f"  {cut(clean(view.note), MAX_NOTE)}")
    lines.append(f"  {isolate(cut(clean(view.article.title), MAX_TITLE)) or '(no title)'}")
    link = web_link(view.article.url)
    if link:
        lines.append(f"  {link}")
    if view.snippet:
        lines.append(f"  > {isolate(cut(clean(_starred(view.snippet, view.spans)), MAX_SNIPPET))}")
    source = _outlet(view.article)
    source.append(options.languages.get(view.article.language, clean(view.article.language)))
    if view.article.published_at:
        source.append("published " + local_time(view.article.published_at, options.timezone))
        source.append("seen " + lag_text(view.article.published_at, view.seen_at))
    else:
        source.append("seen " + local_time(view.seen_at, options.timezone))
    lines.append("  " + " · ".join(source))
    if view.article.provenance:
        flags = [PROVENANCE_NAMES.get(flag, clean(flag)) for flag in view.article.provenance]
        lines.append("  ! " + cut(" · ".join(flags), MAX_NOTE))
    if other_outlets(view) or view.n_outlets > 1:
        lines.append("  " + _others(view))
    place = f" · story {view.story_id}" if view.story_id else ""
    lines.append(f"  why: {isolate(cut(clean(view.why), MAX_WHY)) or view.topic}{place}")
    lines.extend(f"  {cut(clean(status), MAX_NOTE)}" for status in view.status)
    return "\n".join(lines)


def edit_text(payload: Mapping[str, Any], options: MessageOptions | None = None) -> str:
    """Return what an edit of a parent message changes, for a place where nothing can be edited."""
    view = from_payload(AlertView, payload)
    place = f" · story {view.story_id}" if view.story_id else ""
    title = isolate(cut(clean(view.article.title), MAX_TITLE)) or "(no title)"
    lines = [f"[{view.topic}] … edited: {title}{place}"]
    if view.note:
        lines.append(f"  {cut(clean(view.note), MAX_NOTE)}")
    if other_outlets(view) or view.n_outlets > 1:
        lines.append("  " + _others(view))
    lines.extend(f"  {cut(clean(status), MAX_NOTE)}" for status in view.status)
    return "\n".join(lines)


def reply_text(view: ReplyView, options: MessageOptions) -> str:
    """Return a message of a thread as text."""
    parts = _outlet(view.article)
    parts.append(clean(view.article.language))
    if view.article.published_at:
        parts.append(local_time(view.article.published_at, options.timezone))
    lines = [f"[{view.topic}] … {CHANGE_NAMES[view.change]} " + " · ".join(parts)]
    lines.append(f"  {isolate(cut(clean(view.article.title), MAX_TITLE)) or '(no title)'}")
    link = web_link(view.article.url)
    if link:
        lines.append(f"  {link}")
    if view.note:
        lines.append(f"  {cut(clean(view.note), MAX_NOTE)}")
    lines.append(f"  {view.n_outlets} outlets, {_origins(view.n_origins)}")
    return "\n".join(lines)


def digest_text(view: DigestView) -> str:
    """Return a digest as text."""
    lines = [f"[digest] {clean(view.heading)}"]
    if view.intro:
        lines.append(f"  {clean(view.intro)}")
    if view.counts:
        lines.append("  " + " · ".join(f"{clean(name)} {number}" for name, number in view.counts))
    for line in view.lines[:MAX_DIGEST_LINES]:
        title = isolate(cut(clean(line.article.title), 120)) or "(no title)"
        note = f" · {clean(line.note)}" if line.note else ""
        lines.append(
            f"  - [{line.topic}] {title} — {isolate(clean(line.article.outlet))} "
            f"({clean(line.article.language)}){note}"
        )
    rest = max(view.total, len(view.lines)) - min(len(view.lines), MAX_DIGEST_LINES)
    if rest > 0 and view.lines:
        lines.append(f"  and {rest} more: presswatch alerts list --kind item")
    return "\n".join(lines)


def _starred(snippet: str, spans: Sequence[tuple[int, int]]) -> str:
    parts = []
    at = 0
    for start, end in sorted(spans):
        if start >= at and end > start:
            parts += [snippet[at:start], "*", snippet[start:end], "*"]
            at = end
    parts.append(snippet[at:])
    return "".join(parts)


def _outlet(article: OutletLine) -> list[str]:
    name = isolate(cut(clean(article.outlet), 60)) or "unknown outlet"
    parts = [name]
    if article.tier is not None:
        parts.append(f"tier {article.tier}")
    return parts


def _others(view: AlertView) -> str:
    others = other_outlets(view)
    names = [
        f"{isolate(cut(clean(other.outlet), 60))} ({clean(other.language)})"
        + (" same text" if other.copy else "")
        for other in others[:_MAX_OTHERS]
    ]
    more = len(others) - len(names)
    if more > 0:
        names.append(f"and {more} more")
    count = f"{view.n_outlets} outlets, {_origins(view.n_origins)}"
    return " · ".join(["also: " + " · ".join(names)] if names else []) + (
        f" · {count}" if names else count
    )


def _origins(count: int) -> str:
    return "1 independent origin" if count == 1 else f"{count} independent origins"
