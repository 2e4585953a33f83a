"""Judges whether a topic can work, and runs its own examples.

In: a parsed `Topic`. Out: findings with a line number ("error" or "warning") and the outcome of
each example. What the format forbids is found earlier, by topic_format.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alerts.match import explain_topics
from alerts.models import MatchInput
from alerts.normalise import HAN, HANGUL, KANA
from alerts.topic_model import Example, Phrase, Rule, Topic
from alerts.topics import make_topic_set

# Shorter phrases find too much by chance, unless the rule asks for a context.
MIN_LATIN_LETTERS, MIN_CJK_CHARS = 4, 2
# What a topic needs before it may be trusted (issue "Topics that an analyst can write").
MIN_EXAMPLES, MIN_NEGATIVE_EXAMPLES = 20, 8
_MAX_REPEATS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One remark about a topic file."""

    level: Literal["error", "warning"]
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleResult:
    """What became of one example. `lines` explain the outcome."""

    example: Example
    outcome: str
    ok: bool
    lines: tuple[str, ...] = ()


def lint_topic(topic: Topic) -> list[Finding]:
    """Return remarks about the rules of one topic, in the order of their lines."""
    findings: list[Finding] = []
    for rule in topic.rules:
        findings += _lint_rule(topic, rule)
    for name in topic.lists:
        if name not in topic.used_lists:
            message = f"list @{name} is defined and never used: use it or remove it"
            findings.append(Finding(level="warning", line=1, message=message))
    findings += _lint_languages(topic)
    negatives = sum(example.expect == "none" for example in topic.examples)
    if len(topic.examples) < MIN_EXAMPLES or negatives < MIN_NEGATIVE_EXAMPLES:
        message = (
            f"{len(topic.examples)} examples, {negatives} of them negative: a topic to be trusted "
            f"has {MIN_EXAMPLES}, {MIN_NEGATIVE_EXAMPLES} of them hard negatives"
        )
        findings.append(Finding(level="warning", line=1, message=message))
    return sorted(findings, key=lambda f: f.line)


def _lint_rule(topic: Topic, rule: Rule) -> list[Finding]:
    findings: list[Finding] = []
    where = f"rule “{rule.name}”: "

    def add(level: Literal["error", "warning"], message: str) -> None:
        findings.append(Finding(level=level, line=rule.line, message=where + message))

    best = rule.score * max(topic.weights[zone] for zone in rule.zones)
    if best + topic.weights["repeat"] * _MAX_REPEATS < topic.min_score:
        add(
            "error",
            f"never reaches min_score {topic.min_score:g} (score {rule.score:g}, best zone "
            f"{best:g}): raise score or lower min_score",
        )
    has_context = bool(rule.near or rule.with_any)
    for phrase in rule.phrases:
        if not has_context and is_short(phrase):
            add(
                "error",
                f"phrase {phrase.text!r} is too short to stand alone: add near or with, or write "
                "a longer phrase",
            )
        if reason := _unreachable(phrase):
            add("error", f"phrase {phrase.text!r} is never found: {reason}")
        if any(phrase.key == other.key for other in rule.nots):
            add("error", f"phrase {phrase.text!r} is swallowed by its own not: remove one of them")
    seen: dict[tuple[str, str], str] = {}
    for phrase in rule.phrases:
        key = (phrase.lang, phrase.cased if rule.case and not phrase.is_cjk else phrase.key)
        if key in seen:
            same = "twice" if seen[key] == phrase.text else f"the same as {seen[key]!r}"
            add("error", f"phrase {phrase.text!r} is a duplicate ({same}): remove it")
        seen[key] = phrase.text
    for other in rule.nots:
        if not any(phrase.key in other.key for phrase in rule.phrases):
            add(
                "warning",
                f"not {other.text!r} contains none of the rule's phrases, so it never applies",
            )
    for near in rule.near:
        inside = [t for t in near.terms if not t.country]
        if inside and all(any(t.key in p.key for p in rule.phrases) for t in inside):
            add(
                "warning",
                f"near {near.label}: these words are part of the phrases themselves, and a hit's "
                "own words do not count as its context",
            )
    return findings


def is_short(phrase: Phrase) -> bool:
    """Tell whether a phrase is too short to stand alone."""
    if phrase.is_cjk:
        return len(phrase.key) < MIN_CJK_CHARS
    return sum(c.isalnum() for c in phrase.key) < MIN_LATIN_LETTERS


def _unreachable(phrase: Phrase) -> str:
    """Return why a phrase cannot count in any text, "" when it can."""
    base = phrase.lang.split("-")[0]
    if base == "zh" and KANA.search(phrase.key):
        return "it has kana, and Chinese phrases count in text without kana: write it under any.ja"
    if base == "zh" and HANGUL.search(phrase.key):
        return "it is written in Hangul: write it under any.ko"
    if base == "ko" and KANA.search(phrase.key):
        return "it has kana: write it under any.ja"
    if base == "ja" and HANGUL.search(phrase.key):
        return "it is written in Hangul: write it under any.ko"
    return ""


def _lint_languages(topic: Topic) -> list[Finding]:
    if not topic.languages:
        return []
    findings = []
    used = {phrase.lang for rule in topic.rules for phrase in rule.phrases}
    for lang in topic.languages:
        if lang not in used and "all" not in used:
            message = f"languages names {lang}, but no rule has any.{lang}"
            findings.append(Finding(level="warning", line=1, message=message))
    for lang in sorted(used - set(topic.languages) - {"all"}):
        message = f"rules have any.{lang}, but languages does not name {lang}"
        findings.append(Finding(level="warning", line=1, message=message))
    return findings


def guess_language(text: str) -> str:
    """Return the language whose list a phrase belongs to, by its script: ko, ja, zh or en."""
    if HANGUL.search(text):
        return "ko"
    if KANA.search(text):
        return "ja"
    return "zh" if HAN.search(text) else "en"


def run_examples(topic: Topic) -> list[ExampleResult]:
    """Run the topic's own examples, alone, as articles whose body is the example's text."""
    topics = make_topic_set([topic], engine="standard")
    results = []
    for example in topic.examples:
        item = MatchInput(
            title=example.title, body=example.text, language=example.lang, country=example.country
        )
        explanation = explain_topics(topics, item)[0]
        outcome = explanation.hit.level if explanation.hit else "none"
        ok = outcome == example.expect or (example.expect == "hit" and outcome != "none")
        results.append(
            ExampleResult(example=example, outcome=outcome, ok=ok, lines=explanation.lines)
        )
    return results


def count_languages(examples: Sequence[Example]) -> dict[str, int]:
    """Return how many examples there are per language, by script where none is given."""
    counts: dict[str, int] = {}
    for example in examples:
        lang = example.lang if example.lang != "und" else guess_language(example.text)
        counts[lang] = counts.get(lang, 0) + 1
    return counts
