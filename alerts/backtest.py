"""What a topic would have found in stored articles, and what an edit would change.

In: a topic, and stored articles one by one with the level of their stored hit. Out: a report:
hits per phrase, hits that only this phrase found, sample titles, alerts a day before and after.
Pure; reading the store is storage.topics' business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from alerts.match import match_topics
from alerts.models import MatchInput
from alerts.normalise import han_fold
from alerts.topic_model import Phrase, Topic
from alerts.topics import make_topic_set

SAMPLES = 3
_MAX_LISTED = 10
# Characters that only the normal form sees through: invisible ones, conjoining Hangul, combining
# marks, half-width kana, entities. A text with one of them is looked at in any case.
_DISGUISED = (
    r"[\x{00AD}\x{034F}\x{061C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}"
    r"\x{FEFF}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{1100}-\x{11FF}\x{0300}-\x{036F}\x{3131}-\x{318E}\x{FF66}-\x{FFDC}"
    r"\x{F900}-\x{FAFF}\x{2E80}-\x{2FDF}\x{2100}-\x{218B}\x{2460}-\x{24FF}\x{1D400}-\x{1D7FF}"
    r"\x{FB00}-\x{FB06}\x{1F100}-\x{1F1FF}]|&#?[0-9A-Za-z]{2,8};"
)
# What the CJK key leaves out (normalise.CJK_SEPARATORS, dashes, quotes), for RE2.
_BETWEEN_CJK = r"[\s·・･‧•「」『』〈〉《》【】〔〕‹›“”„«»‘’\"'*_‐-―-]*"
_SCREEN_WORDS, _SCREEN_CJK_CHARS = 4, 4
_SHORT_WORD = 6  # acronyms may be dotted (O.P.C.O.N.)


@dataclass(slots=True)
class PhraseCount:
    """How often a phrase was found."""

    hits: int = 0
    solo: int = 0  # articles in which no other phrase of the topic was found
    not_relevant: int = 0
    titles: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Report:
    """The outcome of a back-test. Days are counted over the period of the stored articles."""

    topic: str
    topic_version: str
    articles: int = 0
    candidates: int = 0
    days: float = 1.0
    hits: int = 0
    alerts: int = 0  # stories with a hit of level alert (or any, when mentions alert too)
    stored_hits: int = 0
    stored_alerts: int = 0
    stored_versions: Counter[str] = field(default_factory=Counter)
    phrases: dict[str, PhraseCount] = field(default_factory=dict)
    outlets: Counter[str] = field(default_factory=Counter)
    gained: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    n_gained: int = 0
    n_lost: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "topic": self.topic,
            "topic_version": self.topic_version,
            "articles": self.articles,
            "days": round(self.days, 2),
            "hits": self.hits,
            "alerts": self.alerts,
            "alerts_per_day": round(self.alerts / self.days, 3),
            "stored_versions": dict(self.stored_versions),
            "stored_hits": self.stored_hits,
            "stored_alerts": self.stored_alerts,
            "stored_alerts_per_day": round(self.stored_alerts / self.days, 3),
            "gained": self.n_gained,
            "gained_titles": self.gained,
            "lost": self.n_lost,
            "lost_titles": self.lost,
            "outlets": dict(self.outlets.most_common(_MAX_LISTED)),
            "phrases": [
                {
                    "phrase": phrase,
                    "hits": count.hits,
                    "solo": count.solo,
                    "not_relevant": count.not_relevant,
                    "titles": count.titles,
                }
                for phrase, count in sorted(self.phrases.items(), key=lambda p: -p[1].hits)
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """One stored article: what the matcher reads, and the stored hit of the topic if any."""

    item: MatchInput
    story_id: int | None
    at: datetime
    topic_version: str | None = None
    level: str | None = None


def run_backtest(topic: Topic, items: Iterable[StoredItem]) -> Report:
    """Match the articles by the topic and compare with their stored hits.

    `articles` and `days` of the report are the caller's to fill: it knows the period.
    """
    topics = make_topic_set([topic], engine="standard")
    report = Report(topic=topic.id, topic_version=topic.version)
    report.phrases = {phrase.text: PhraseCount() for rule in topic.rules for phrase in rule.phrases}
    alerting: set[object] = set()
    stored_alerting: set[object] = set()
    levels = ("alert", "mention") if topic.mentions == "alert" else ("alert",)
    for number, stored in enumerate(items):
        report.candidates += 1
        story: object = stored.story_id if stored.story_id is not None else ("article", number)
        title = stored.item.title or stored.item.body[:80]
        if stored.level is not None:
            report.stored_hits += 1
            report.stored_versions[stored.topic_version or ""] += 1
            if stored.level in levels:
                stored_alerting.add(story)
        hits = match_topics(topics, stored.item)
        if not hits:
            if stored.level is not None:
                report.n_lost += 1
                _sample(report.lost, title)
            continue
        if stored.level is None:
            report.n_gained += 1
            _sample(report.gained, title)
        report.hits += 1
        if hits[0].level in levels:
            alerting.add(story)
        report.outlets[stored.item.outlet or "unknown"] += 1
        found = hits[0].why["phrases"]
        for phrase in found:
            count = report.phrases[phrase]
            count.hits += 1
            count.solo += len(found) == 1
            if len(count.titles) < SAMPLES:
                count.titles.append(title)
    report.alerts = len(alerting)
    report.stored_alerts = len(stored_alerting)
    return report


def _sample(titles: list[str], title: str) -> None:
    if len(titles) < _MAX_LISTED:
        titles.append(title)


# ---------------------------------------------------------------- screen for SQL
@cache
def _variants() -> dict[str, str]:
    """Return for each form that Han folds to all characters that fold to it."""
    variants: dict[str, str] = {}
    for code, target in han_fold().items():
        variants[target] = variants.get(target, target) + chr(code)
    return variants


def _pattern(phrase: Phrase) -> str:
    """Return an expression for the beginning of a phrase: RE2 has a limit on size."""
    if not phrase.is_cjk:
        words = re.findall(r"[^\W_]+", phrase.key)[:_SCREEN_WORDS]
        return r"\W*".join(
            (r"\.?".join(word) if len(word) <= _SHORT_WORD else word) for word in words
        )
    parts = []
    for char in phrase.key[:_SCREEN_CJK_CHARS]:
        group = _variants().get(char, char)
        parts.append(f"[{group}]" if len(group) > 1 else re.escape(char))
    return _BETWEEN_CJK.join(parts)


def sql_screen(topic: Topic) -> str:
    """Return an RE2 expression that every text with one of the topic's phrases matches.

    It lets through more than the matcher does, never less: what only the normal form sees
    through (invisible characters, decomposed Hangul, entities) is let through as such.
    """
    patterns = {_pattern(phrase) for rule in topic.rules for phrase in rule.phrases}
    shortest: list[str] = []
    for pattern in sorted(patterns, key=len):
        if not any(pattern.startswith(other) for other in shortest):
            shortest.append(pattern)
    return f"{_DISGUISED}|(?i:{'|'.join(shortest)})"
