"""Says why: the one-line explanation, the JSON score sheet, the snippet, near misses.

In: what the matcher found (`Evaluation`). Out: JSON-ready values in the article's own words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alerts.document import Document, Span
from alerts.models import Level, TopicHit
from alerts.topic_model import Phrase, Rule, Topic

# A snippet is the sentence of the hit; longer ones are cut at a word.
SNIPPET_CHARS = 320
_SNIPPET_BEFORE = 140
_SENTENCE_MAX_CHARS = 1000
_MAX_LISTED = 20
_SENTENCE_END = re.compile(
    r"[.!?]+[\"'”’)\]]*(?=\s+[\"'“‘(\[]*[^\Wa-z_])|[。！？!?]+[」』”’)]*|\n+"
)
# A full stop after these is not the end of a sentence.
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Gen|Lt|Col|Maj|Capt|Adm|Sgt|Sen|Rep|Gov|St|No|vs|Jan|Feb|Mar|"
    r"Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)|\b(?:[A-Za-z]\.)+[A-Za-z])\.$"
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One occurrence that counts."""

    rule: Rule
    phrase: Phrase
    span: Span
    zone: str
    points: float
    contexts: list[tuple[Phrase, Span]]


@dataclass(frozen=True, slots=True)
class Miss:
    """One occurrence that does not count, and why."""

    rule: Rule
    phrase: Phrase
    span: Span
    zone: str
    reason: str


@dataclass(frozen=True, slots=True)
class IgnoredHit:
    """A phrase in text that does not count, with the reason for which it was set aside."""

    phrase: Phrase
    text: str
    reason: str


@dataclass(slots=True)
class Evaluation:
    """All that was found for one topic in one article."""

    hits: list[Hit]
    misses: list[Miss]
    score: float
    fires: bool
    level: Level
    objection: str = ""
    ignored: list[IgnoredHit] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a topic fired or did not. `near_misses` and `ignored` are JSON-ready."""

    topic: str
    topic_version: str
    hit: TopicHit | None
    score: float
    min_score: float
    near_misses: tuple[Mapping[str, Any], ...] = ()
    ignored: tuple[Mapping[str, Any], ...] = ()
    lines: tuple[str, ...] = ()

    @classmethod
    def make(
        cls, topic: Topic, document: Document, evaluation: Evaluation, hit: TopicHit | None
    ) -> Explanation:
        """Put an evaluation into words."""
        misses = _merge_misses(document, evaluation.misses)
        ignored = _ignored(evaluation.ignored)
        lines = []
        if hit is not None:
            lines.append(str(hit.why["line"]))
        elif evaluation.objection:
            lines.append(f"{topic.id} would score {evaluation.score:g}, but {evaluation.objection}")
        elif evaluation.hits:
            lines.append(
                f"{topic.id} {evaluation.score:g} (<{topic.min_score:g}): "
                + _phrase_counts(document, evaluation.hits)
            )
        lines += [m["line"] for m in misses]
        if hit is None:
            lines += [f"“{_bare(i['phrase'])}” ignored: {i['reason']}" for i in ignored]
        return cls(
            topic=topic.id,
            topic_version=topic.version,
            hit=hit,
            score=round(evaluation.score, 3),
            min_score=topic.min_score,
            near_misses=misses,
            ignored=ignored,
            lines=tuple(lines),
        )


def _merge_misses(document: Document, misses: Sequence[Miss]) -> tuple[dict[str, Any], ...]:
    """Return each (phrase, reason) once, with its first place."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for miss in sorted(misses, key=lambda m: m.span):
        where, start, end = document.raw_span(miss.span)
        entry = merged.get((miss.phrase.key, miss.reason))
        if entry is not None:
            entry["times"] += 1
            continue
        source = document.item.title if where == "title" else document.item.body
        merged[miss.phrase.key, miss.reason] = {
            "rule": miss.rule.name,
            "phrase": miss.phrase.text,
            "text": source[start:end],
            "zone": miss.zone,
            "start": start,
            "end": end,
            "reason": miss.reason,
            "times": 1,
            "line": f"“{source[start:end]}” in the {miss.zone}, but {miss.reason}",
        }
    return tuple(list(merged.values())[:_MAX_LISTED])


def _ignored(ignored: Sequence[IgnoredHit]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"phrase": hit.phrase.text, "reason": hit.reason, "text": hit.text[:SNIPPET_CHARS]}
        for hit in ignored[:_MAX_LISTED]
    )


def _phrase_counts(document: Document, hits: Sequence[Hit]) -> str:
    """Return `“OPCON transfer” lead ×1, body ×2 · …`: a phrase's first words in the text."""
    zones: dict[str, Counter[str]] = {}
    words: dict[str, str] = {}
    for hit in hits:
        zones.setdefault(hit.phrase.key, Counter())[hit.zone] += 1
        words.setdefault(hit.phrase.key, document.found(hit.span))
    return " · ".join(
        f"“{words[key]}” " + ", ".join(f"{zone} ×{n}" for zone, n in counts.items())
        for key, counts in zones.items()
    )


def _bare(phrase: str) -> str:
    return phrase.strip().strip("*")


def make_why(topic: Topic, document: Document, evaluation: Evaluation) -> dict[str, Any]:
    """Return the score sheet of a hit: JSON-ready, reproduces the score, shows original words."""
    hits = []
    for hit in evaluation.hits[:_MAX_LISTED]:
        where, start, end = document.raw_span(hit.span)
        source = document.item.title if where == "title" else document.item.body
        hits.append(
            {
                "rule": hit.rule.name,
                "phrase": hit.phrase.text,
                "text": source[start:end],
                "zone": hit.zone,
                "start": start,
                "end": end,
                "score": hit.rule.score,
                "weight": topic.weights[hit.zone],
                "contexts": [_context(document, term, at) for term, at in hit.contexts],
            }
        )
    ignored = _ignored(evaluation.ignored)
    line = f"{topic.id} {evaluation.score:g} (≥{topic.min_score:g}): " + _phrase_counts(
        document, evaluation.hits
    )
    if ignored:
        line += " · ignored: " + ", ".join(
            dict.fromkeys(f"{_bare(i['phrase'])} ({i['reason']})" for i in ignored)
        )
    snippet, spans = _snippet(document, evaluation.hits)
    return {
        "line": line,
        "snippet": snippet,
        "spans": spans,
        "phrases": list(dict.fromkeys(hit.phrase.text for hit in evaluation.hits)),
        "zones": dict(Counter(hit.zone for hit in evaluation.hits)),
        "score": round(evaluation.score, 3),
        "min_score": topic.min_score,
        "repeat": topic.weights["repeat"],
        "hits": hits,
        "n_hits": len(evaluation.hits),
        "ignored": [dict(i) for i in ignored],
        "near_misses": [m["line"] for m in _merge_misses(document, evaluation.misses)],
    }


def _context(document: Document, term: Phrase, span: Span) -> dict[str, Any]:
    if term.country:
        return {"phrase": term.text, "text": term.text, "where": "source"}
    where, start, end = document.raw_span(span)
    source = document.item.title if where == "title" else document.item.body
    return {
        "phrase": term.text,
        "text": source[start:end],
        "where": where,
        "start": start,
        "end": end,
    }


def _snippet(document: Document, hits: Sequence[Hit]) -> tuple[str, list[list[int]]]:
    """Return the sentence around the best hit and the matched words' spans in it.

    A sentence of the body says more than the title, which the reader sees anyway.
    """
    if not hits:
        return "", []
    in_body = [h for h in hits if h.zone != "title"]
    best = max(in_body or hits, key=lambda h: (h.points, -h.span[0]))
    where, start, end = document.raw_span(best.span)
    source = document.item.title if where == "title" else document.item.body
    left, right = _cut(source, sentence_around(source, start, end), start, end)
    spans = []
    for hit in hits:
        place, hit_start, hit_end = document.whole_words(hit.span)
        if place == where and left <= hit_start and hit_end <= right:
            spans.append([hit_start - left, hit_end - left])
    return re.sub(r"\s", " ", source[left:right]), spans


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the sentence that holds [start, end)."""
    window_start = max(0, start - _SENTENCE_MAX_CHARS)
    left, right = window_start, min(len(text), end + _SENTENCE_MAX_CHARS)
    for match in _SENTENCE_END.finditer(text, window_start, right):
        if _ABBREVIATION.search(text[max(0, match.start() - 8) : match.start() + 1]):
            continue
        if match.end() <= start:
            left = match.end()
        elif match.start() >= end:
            right = match.end()
            break
    while left < start and text[left].isspace():
        left += 1
    while right > end and text[right - 1].isspace():
        right -= 1
    return left, right


def _cut(text: str, bounds: tuple[int, int], start: int, end: int) -> tuple[int, int]:
    """Shorten a long sentence to about `SNIPPET_CHARS` around [start, end), at words."""
    left, right = bounds
    if right - left > SNIPPET_CHARS:
        if start - left > _SNIPPET_BEFORE:
            left = _word_start(text, start - _SNIPPET_BEFORE, start)
        if right - left > SNIPPET_CHARS:
            right = _word_end(text, max(end, left + SNIPPET_CHARS), end)
    return left, right


def _word_start(text: str, at: int, limit: int) -> int:
    """Move right to the beginning of a word, `limit` at most; CJK needs no moving."""
    space = re.compile(r"\s").search(text, at, limit)
    return space.end() if space and space.end() - at < 30 else at


def _word_end(text: str, at: int, limit: int) -> int:
    space = max(text.rfind(" ", limit, at), text.rfind("\n", limit, at))
    return space if space > limit and at - space < 30 else at
