"""A view in, a Slack message out: pure, no Slack library, no clock, no network.

All foreign text (titles, sentences, outlet names, reasons) stands in rich_text elements, which
Slack shows literally: no mention, no channel, no disguised link can come alive in it. What is
built here is within Slack's limits whatever goes in; `check_message` says so. The same view is
rendered as plain text by `alerts/plain.py`.

Source of the limits: Slack's block reference (2026-08) and the measured ones in
docs/adr/0040-alerting.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.foreign import clean, cut, isolate, slack_length, web_link
from alerts.intents import Kind
from alerts.view import (
    MENTION,
    AlertView,
    DigestLine,
    DigestView,
    NoteView,
    OutletLine,
    ReplyView,
    from_payload,
    other_outlets,
)

MAX_TITLE = 300
MAX_SNIPPET = 600
MAX_WHY = 300
MAX_NOTE = 300
MAX_OUTLET = 60
MAX_OTHERS_SHOWN = 12
MAX_OTHERS_CHARS = 600
MAX_FALLBACK = 400
MAX_DIGEST_LINES = 20
MAX_DIGEST_CHARS = 1800

MAX_TEXT_SUM = 3000
"""Sum of all text of a message. Slack refuses `msg_blocks_too_long` somewhere between 9,597 and
11,341 characters (undocumented); `chat.update` refuses over 4,000. 3,000 is far from both."""

MAX_BLOCKS = 50
MAX_LINK = 3000

EVENT_TYPE = "presswatch_alert"

LANGUAGE_NAMES = {
    "en": "English",
    "ko": "Korean",
    "ja": "Japanese",
    "zh": "Chinese",
    "zh-Hans": "Chinese (simplified)",
    "zh-Hant": "Chinese (traditional)",
}
SEVERITY_MARKS = {"critical": "\N{POLICE CARS REVOLVING LIGHT} ", "high": "\N{LARGE RED CIRCLE} "}
PROVENANCE_NAMES = {
    "ai-generated": "AI-generated",
    "ai-translated": "AI-translated",
    "ai-summary": "AI summary",
    "wire": "wire copy",
    "press-release": "press release",
}
CHANGE_NAMES = {
    "new": "Also reported by",
    "update": "Updated by",
    "correction": "Correction by",
    "retraction": "Withdrawn by",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
    """What `chat.postMessage` gets. `text` is the notification; `blocks` are what people read."""

    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]
    broadcast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOptions:
    """How messages look. `buttons` only when somebody listens to clicks."""

    timezone: str = "UTC"
    buttons: bool = False
    languages: Mapping[str, str] = field(default_factory=lambda: LANGUAGE_NAMES)


def build_message(
    view: AlertView, options: MessageOptions | None = None, *, message_id: str = ""
) -> SlackMessage:
    """Return the parent message of a story and topic."""
    options = options or MessageOptions()
    blocks = [_rich("head", _head(view)), _rich("title", _title(view.article))]
    if view.snippet:
        blocks.append(_rich("quote", _quote(view.snippet, view.spans)))
    blocks.append(_rich("source", _source(view, options)))
    if other_outlets(view) or view.n_outlets > 1:
        blocks.append(_rich("others", _others(view)))
    blocks.append(_rich("why", _why(view)))
    if view.status:
        blocks.append(
            _rich("status", _section(_text(cut(clean(" · ".join(view.status)), MAX_NOTE))))
        )
    if options.buttons:
        from alerts.buttons import action_block

        blocks.append(action_block(view.alert_key))
    return SlackMessage(
        text=_escape(_fallback(view)), blocks=blocks, metadata=_metadata(view, message_id)
    )


def build_reply(
    view: ReplyView, options: MessageOptions | None = None, *, message_id: str = ""
) -> SlackMessage:
    """Return a message for the thread: one outlet more, an update or a correction."""
    options = options or MessageOptions()
    lead = CHANGE_NAMES[view.change]
    elements = [_text(f"{lead} ", bold=view.change != "new"), *_outlet(view.article, link=True)]
    if view.article.published_at:
        elements += [_text(" · "), _date(view.article.published_at, options)]
    blocks = [_rich("reply", _section(*elements))]
    if view.note:
        blocks.append(_rich("note", _section(_text(cut(clean(view.note), MAX_NOTE)))))
    if view.snippet:
        blocks.append(_rich("quote", _quote(view.snippet, view.spans)))
    count = _corroboration(view.n_outlets, view.n_origins)
    blocks.append(_rich("count", _section(_text(count, italic=True))))
    fallback = f"{lead} {clean(view.article.outlet)}: {clean(view.article.title)}"
    return SlackMessage(
        text=_escape(cut(fallback, MAX_FALLBACK)),
        blocks=blocks,
        metadata=_metadata(view, message_id),
        broadcast=view.broadcast,
    )


def build_digest(
    view: DigestView, options: MessageOptions | None = None, *, message_id: str = ""
) -> SlackMessage:
    """Return a digest: a heading, one line a story grouped by topic, and what did not fit."""
    options = options or MessageOptions()
    total = max(view.total, len(view.lines))
    blocks = [_rich("head", _section(_text(cut(clean(view.heading), 150), bold=True)))]
    if view.intro:
        blocks.append(_rich("intro", _section(_text(cut(clean(view.intro), MAX_WHY)))))
    if view.counts:
        counts = " · ".join(f"{clean(name)} {number}" for name, number in view.counts)
        blocks.append(_rich("counts", _section(_text(cut(counts, MAX_WHY)))))
    shown = 0
    used = 0
    for n, (topic, lines) in enumerate(_by_topic(view.lines)):
        items: list[dict[str, Any]] = []
        heading = cut(clean(topic), 100)
        for line in lines:
            elements = _digest_line(line)
            length = _elements_length(elements)
            if not items:
                length += slack_length(heading)
            if shown >= MAX_DIGEST_LINES or used + length > MAX_DIGEST_CHARS:
                break
            items.append({"type": "rich_text_section", "elements": elements})
            shown += 1
            used += length
        if items:
            bullets = {"type": "rich_text_list", "style": "bullet", "elements": items}
            blocks.append(_rich(f"topic{n}", _section(_text(heading, bold=True)), bullets))
    if total > shown and view.lines:
        rest = f"and {total - shown} more: presswatch alerts list --kind item"
        blocks.append(_rich("rest", _section(_text(rest, italic=True))))
    return SlackMessage(
        text=_escape(cut(clean(view.heading), MAX_FALLBACK)),
        blocks=blocks,
        metadata=_metadata(view, message_id),
    )


def build_note(
    view: NoteView, options: MessageOptions | None = None, *, message_id: str = ""
) -> SlackMessage:
    """Return a plain message: an event of the pipeline, or the test message."""
    text = cut(clean(view.text), 1500)
    mark = "\N{WHITE HEAVY CHECK MARK} " if view.good else ""
    return SlackMessage(
        text=_escape(cut(text, MAX_FALLBACK)),
        blocks=[_rich("note", _section(_text(mark + text)))],
        metadata=_metadata(view, message_id),
    )


def message_for(
    kind: Kind,
    payload: Mapping[str, Any],
    options: MessageOptions | None = None,
    *,
    message_id: str = "",
) -> SlackMessage:
    """Return the message of an outbox row: its kind says which view its payload holds."""
    if kind in ("alert", "edit"):
        return build_message(from_payload(AlertView, payload), options, message_id=message_id)
    if kind == "reply" and "article" in payload:
        return build_reply(from_payload(ReplyView, payload), options, message_id=message_id)
    if kind in ("digest", "summary"):
        return build_digest(from_payload(DigestView, payload), options, message_id=message_id)
    return build_note(from_payload(NoteView, payload), options, message_id=message_id)


def check_message(message: SlackMessage) -> list[str]:
    """Return what of a message breaks Slack's limits or ours; empty when nothing does."""
    problems = []
    if not message.text:
        problems.append("text is empty")
    if slack_length(message.text) > MAX_TEXT_SUM:
        problems.append(f"text has {slack_length(message.text)} characters")
    if len(message.blocks) > MAX_BLOCKS:
        problems.append(f"{len(message.blocks)} blocks")
    ids = [str(block.get("block_id", "")) for block in message.blocks]
    if len(ids) != len(set(ids)):
        problems.append("two blocks have one block_id")
    total = 0
    for part in _walk(message.blocks):
        if part.get("type") in ("text", "link", "plain_text"):
            total += slack_length(str(part.get("text", "")))
        if part.get("type") == "text" and not part.get("text"):
            problems.append("an empty text element")
        if len(str(part.get("url", ""))) > MAX_LINK:
            problems.append("a link is too long")
    if total > MAX_TEXT_SUM:
        problems.append(f"the blocks have {total} characters together")
    return problems


# ---------------------------------------------------------------------- parts
def _head(view: AlertView) -> dict[str, Any]:
    mark = "" if view.level == "mention" else SEVERITY_MARKS.get(view.severity, "")
    elements = [_text(mark + cut(clean(view.topic_title) or view.topic, 120), bold=True)]
    if view.level == "mention":
        elements.append(_text(f" · {MENTION}", italic=True))
    if view.severity in ("low", "critical"):
        elements.append(_text(f" · {view.severity}"))
    if view.also_topics:
        also = ", ".join(clean(topic) for topic in view.also_topics)
        elements.append(_text(cut(f" · also {also}", 120)))
    if view.note:
        elements.append(_text("\n" + cut(clean(view.note), MAX_NOTE), italic=True))
    return _section(*elements)


def _title(article: OutletLine) -> dict[str, Any]:
    title = cut(clean(article.title), MAX_TITLE) or "(no title)"
    return _section(*_linked(title, article.url, bold=True))


def _linked(title: str, url: str | None, *, bold: bool = False) -> list[dict[str, Any]]:
    """Return a linked title; one that looks like an address itself is not made a link."""
    link = web_link(url)
    shown = isolate(title)
    if link is None:
        return [_text(shown, bold=bold)]
    if re.search(r"(?i)://|\bwww\.|^\S+\.[a-z]{2,}(/\S*)?$", title):
        return [_text(shown + " ", bold=bold), _link("open the article", link)]
    return [_link(shown, link, bold=bold)]


def _quote(snippet: str, spans: Sequence[tuple[int, int]]) -> dict[str, Any]:
    text, marks = _window(snippet, spans)
    elements = []
    at = 0
    for start, end in marks:
        elements.append(_text(clean(text[at:start], strip=False)))
        elements.append(_text(clean(text[start:end], strip=False), bold=True))
        at = end
    elements.append(_text(clean(text[at:], strip=False)))
    kept = [element for element in elements if element["text"]]
    return {"type": "rich_text_quote", "elements": kept or [_text("…")]}


def _window(snippet: str, spans: Sequence[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Return at most `MAX_SNIPPET` characters around the first match, and the matches in it."""
    marks: list[tuple[int, int]] = []
    for start, end in sorted((int(a), int(b)) for a, b in spans):
        start = max(start, marks[-1][1] if marks else 0)
        end = min(end, len(snippet))
        if start < end:
            marks.append((start, end))
    if slack_length(snippet) <= MAX_SNIPPET:
        return snippet, marks
    size = MAX_SNIPPET // 2  # every character counts at most five times, two in nearly all text
    first = marks[0][0] if marks else 0
    begin = max(0, min(first - size // 3, len(snippet) - size))
    while begin > 0 and not snippet[begin - 1].isspace() and begin > first - size // 2:
        begin -= 1
    begin = max(begin, 0)
    part = cut(snippet[begin:], MAX_SNIPPET)
    prefix = "…" if begin else ""
    inside = len(part) - (1 if part.endswith("…") else 0)
    moved = [
        (start - begin + len(prefix), min(end - begin, inside) + len(prefix))
        for start, end in marks
        if start >= begin and start - begin < inside
    ]
    return prefix + part, moved


def _source(view: AlertView, options: MessageOptions) -> dict[str, Any]:
    article = view.article
    elements = _outlet(article, link=False)
    if article.country:
        elements.append(_text(f" · {cut(clean(article.country), 20)}"))
    elements.append(_text(f" · {_language(article.language, options)}"))
    if article.published_at:
        elements += [_text(" · published "), _date(article.published_at, options)]
        elements.append(_text(f" · seen {_lag(article.published_at, view.seen_at)}"))
    else:
        elements += [_text(" · seen "), _date(view.seen_at, options)]
    flags = _flags(article.provenance)
    if flags:
        elements.append(_text(f"\n\N{WARNING SIGN} {flags}", bold=True))
    return _section(*elements)


def _others(view: AlertView) -> dict[str, Any]:
    elements = [_text("Also: ")]
    used = 0
    shown = 0
    others = other_outlets(view)
    for other in others:
        part = _outlet(other, link=True)
        length = _elements_length(part) + 3
        if shown >= MAX_OTHERS_SHOWN or used + length > MAX_OTHERS_CHARS:
            break
        if shown:
            elements.append(_text(" · "))
        elements += part
        used += length
        shown += 1
    if len(others) > shown:
        elements.append(_text(f" · and {len(others) - shown} more"))
    if shown:
        elements.append(_text("\n"))
    else:
        elements = []
    elements.append(_text(_corroboration(view.n_outlets, view.n_origins), italic=True))
    return _section(*elements)


def _why(view: AlertView) -> dict[str, Any]:
    why = cut(clean(view.why), MAX_WHY) or view.topic
    place = f" · story {view.story_id}" if view.story_id else ""
    return _section(
        _text("Why: ", italic=True), _text(isolate(why), italic=True), _text(place, italic=True)
    )


def _outlet(article: OutletLine, *, link: bool) -> list[dict[str, Any]]:
    """Return `outlet (tier 1, ko, AI-translated)`; in lists the outlet's name is the link."""
    name = cut(clean(article.outlet), MAX_OUTLET) or "unknown outlet"
    elements = _linked(name, article.url) if link else [_text(isolate(name), bold=True)]
    notes = []
    if article.tier is not None:
        notes.append(f"tier {article.tier}")
    if link:
        notes.append(cut(clean(article.language), 12))
        if article.copy:
            notes.append("same text")
        notes += [_flag(flag) for flag in article.provenance if flag.startswith("ai-")]
    if notes:
        elements.append(_text(f" ({', '.join(notes)})" if link else f" · {', '.join(notes)}"))
    return elements


def _digest_line(line: DigestLine) -> list[dict[str, Any]]:
    title = cut(clean(line.article.title), 120) or "(no title)"
    elements = _linked(title, line.article.url)
    outlet = cut(clean(line.article.outlet), MAX_OUTLET)
    elements.append(_text(f" — {isolate(outlet)} ({cut(clean(line.article.language), 12)})"))
    if line.note:
        elements.append(_text(f" · {cut(clean(line.note), 80)}", italic=True))
    return elements


def _by_topic(lines: Iterable[DigestLine]) -> list[tuple[str, list[DigestLine]]]:
    groups: dict[str, list[DigestLine]] = {}
    for line in lines:
        groups.setdefault(line.topic_title or line.topic, []).append(line)
    return list(groups.items())


def _corroboration(n_outlets: int, n_origins: int) -> str:
    outlets = "1 outlet" if n_outlets == 1 else f"{n_outlets} outlets"
    origins = "1 independent origin" if n_origins == 1 else f"{n_origins} independent origins"
    return f"{outlets}, {origins}"


def _flag(flag: str) -> str:
    return PROVENANCE_NAMES.get(flag, cut(clean(flag), 30))


def _flags(provenance: Sequence[str]) -> str:
    return cut(" · ".join(_flag(flag) for flag in provenance), 200)


def _language(tag: str, options: MessageOptions) -> str:
    return options.languages.get(tag, cut(clean(tag), 12) or "und")


def _date(moment: datetime, options: MessageOptions) -> dict[str, Any]:
    """Return a date that Slack shows in each reader's own zone; the fallback is in ours."""
    return {
        "type": "date",
        "timestamp": int(moment.timestamp()),
        "format": "{date_short_pretty} {time}",
        "fallback": local_time(moment, options.timezone),
    }


def local_time(moment: datetime, timezone: str) -> str:
    """Return `2026-11-22 14:05 KST` in a zone of the tz database."""
    return moment.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M %Z")


def _lag(earlier: datetime, later: datetime) -> str:
    minutes = int((later - earlier).total_seconds() // 60)
    if minutes < 1:
        return "at once"
    if minutes < 90:
        return f"{minutes} min later"
    if minutes < 48 * 60:
        return f"{minutes // 60} h later"
    return f"{minutes // 1440} days later"


def lag_text(earlier: datetime, later: datetime) -> str:
    """Return how much later something was seen, in words."""
    return _lag(earlier, later)


def _fallback(view: AlertView) -> str:
    mention = f" ({MENTION})" if view.level == "mention" else ""
    title = clean(view.article.title)
    text = f"{clean(view.topic_title)}{mention}: {title} — {clean(view.article.outlet)}"
    return cut(text, MAX_FALLBACK)


def _metadata(
    view: AlertView | ReplyView | DigestView | NoteView, message_id: str
) -> dict[str, Any]:
    payload: dict[str, Any] = {"alert_key": view.alert_key}
    if message_id:
        payload["message_id"] = message_id
    if isinstance(view, AlertView):
        payload["topic"] = view.topic
        payload["story_id"] = view.story_id
    return {"event_type": EVENT_TYPE, "event_payload": payload}


# ---------------------------------------------------------------------- elements
def _rich(block_id: str, *elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "block_id": block_id, "elements": list(elements)}


def _section(*elements: dict[str, Any]) -> dict[str, Any]:
    kept = [part for part in elements if part.get("type") != "text" or part.get("text")]
    return {"type": "rich_text_section", "elements": kept or [_text(" ")]}


def _text(text: str, *, bold: bool = False, italic: bool = False) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "text", "text": text}
    if bold or italic:
        element["style"] = ({"bold": True} if bold else {}) | ({"italic": True} if italic else {})
    return element


def _link(text: str, url: str, *, bold: bool = False) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "link", "url": url, "text": text}
    if bold:
        element["style"] = {"bold": True}
    return element


def _elements_length(elements: Iterable[Mapping[str, Any]]) -> int:
    return sum(slack_length(str(element.get("text", ""))) for element in elements)


def _walk(part: Any) -> Iterable[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from _walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from _walk(value)


def _escape(text: str) -> str:
    """Escape what is markup in Slack's `text`: only these three characters (Slack's reference)."""
    text = text.strip() or "presswatch"  # Slack refuses an empty one
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
