"""Writes topic files: a first draft from phrases, and examples from articles.

In: phrases, or an article that a person has judged. Out: TOML text that topic_format.py reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from alerts.explain import sentence_around
from alerts.lint import guess_language, is_short
from alerts.match import explain_topics
from alerts.models import MatchInput
from alerts.topic_format import parse_topic
from alerts.topic_model import Topic, make_phrase
from alerts.topics import make_topic_set
from extractors.errors import UsageError

_EXAMPLE_CHARS = 400
_LANGUAGE_PREFIX = re.compile(r"([a-z]{2})\s*[:=]\s*(.+)")


def quote(text: str) -> str:
    """Write a TOML basic string. JSON's escapes are all valid in TOML but for U+007F."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def draft_topic(topic_id: str, title: str, lines: Iterable[str]) -> str:
    """Return a topic file for phrases, one a line; `ko: ...` names the language.

    Empty lines, lines that begin with `#` and doubles are skipped. Short phrases get a rule of
    their own that asks for a context.

    Raises:
        UsageError: no phrase is left, or one cannot be searched for.
    """
    long: dict[str, list[str]] = {}
    short: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LANGUAGE_PREFIX.fullmatch(text)
        lang, text = (match.group(1), match.group(2)) if match else (guess_language(text), text)
        try:
            phrase = make_phrase(text, lang)
        except ValueError as error:
            raise UsageError(f"phrase {text!r}: {error}") from error
        if (lang, phrase.key) in seen:
            continue
        seen.add((lang, phrase.key))
        (short if is_short(phrase) else long).setdefault(lang, []).append(text)
    if not long and not short:
        raise UsageError('no phrases: give --phrase "..." or a file with one phrase a line')
    languages = sorted({*long, *short})
    parts = [
        f"id        = {quote(topic_id)}\n"
        f"title     = {quote(title)}\n"
        f"languages = [{', '.join(map(quote, languages))}]\n"
        "min_score = 10\n"
        'mentions  = "alert"\n'
        'severity  = "normal"\n'
    ]
    if long:
        parts.append(_rule("phrases that stand alone", long))
    if short:
        everything = [p for phrases in (long or short).values() for p in phrases]
        context = f"near  = {{ words = 20, any = [{', '.join(map(quote, everything[:4]))}] }}\n"
        parts.append(_rule("short forms, with a context", short) + context)
    for lang, phrases in long.items():
        tail = "について。" if lang == "ja" else "."  # Japanese phrases count beside kana
        text = phrases[0].strip("*") + tail
        parts.append(_example(text, "alert", "replace by a real sentence"))
    return "\n".join(parts)


def _rule(name: str, phrases: dict[str, list[str]]) -> str:
    lines = [f"[[rule]]\nname  = {quote(name)}\nscore = 10\n"]
    for lang, texts in sorted(phrases.items()):
        lines.append(f"any.{lang} = [{', '.join(map(quote, texts))}]\n")
    return "".join(lines)


def _example(text: str, expect: str, note: str = "", title: str = "", country: str = "") -> str:
    lines = ["[[example]]\n"]
    for key, value in (("title", title), ("text", text)):
        if value:
            lines.append(f"{key:<6} = {quote(value)}\n")
    if country:
        lines.append(f"country = {quote(country)}\n")
    lines.append(f"expect = {quote(expect)}\n")
    if note:
        lines.append(f"note   = {quote(note)}\n")
    return "".join(lines)


def append_example(topic: Topic, item: MatchInput, *, relevant: bool, note: str = "") -> Path:
    """Add the title and the sentence of the hit to the topic's file as an example.

    Returns:
        The file.

    Raises:
        UsageError: the file is one of those shipped with the program, or cannot be written.
    """
    import seeds

    if topic.path.resolve().is_relative_to(seeds.path().resolve()):
        raise UsageError(
            f"{topic.path} is shipped with presswatch: run `presswatch init` and edit the copy"
        )
    explanation = explain_topics(make_topic_set([topic]), item)[0]
    text = item.body[:_EXAMPLE_CHARS]
    if explanation.hit is not None:
        in_body = [h for h in explanation.hit.why["hits"] if h["zone"] != "title"]
        if in_body:
            left, right = sentence_around(item.body, in_body[0]["start"], in_body[0]["end"])
            text = item.body[left:right][:_EXAMPLE_CHARS]
    block = _example(
        " ".join(text.split()),
        "hit" if relevant else "none",
        note,
        title=item.title,
        country=(item.country or "").lower(),
    )
    try:
        before = topic.path.read_text(encoding="utf-8")
        after = f"{before.rstrip()}\n\n{block}"
        parse_topic(after, topic.path)
        topic.path.write_text(after, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{topic.path}: cannot be written ({error.strerror})") from error
    return topic.path
