"""The records of a topic, as the matcher, the lint and the back-test read them.

Immutable; `make_phrase` brings a phrase into normal form. Reading files is topic_format.py's work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from alerts.models import TopicInfo
from alerts.normalise import NormalText

ZONES = ("title", "lead", "body")
DEFAULT_WEIGHTS = {"title": 2.0, "lead": 1.5, "body": 1.0, "repeat": 2.0}
DEFAULT_MIN_SCORE = 10.0
# A suffix wildcard on a shorter stem finds more by chance than on purpose (Pulsar's rule).
MIN_WILDCARD_STEM = 4
_SOURCE_TERM = re.compile(r"source:([a-z]{2})", re.IGNORECASE)

Expectation = Literal["alert", "mention", "hit", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One phrase in normal form. `key` is searched in the Latin or the CJK key of a text.

    `prefix`: any ending may follow (`submarine*`). `inside`: may stand inside a Korean word
    (`*핵추진잠수함`). `country` is set instead of a key for `source:kr`.
    """

    text: str
    lang: str = "all"
    is_cjk: bool = False
    key: str = ""
    cased: str = ""
    prefix: bool = False
    inside: bool = False
    country: str = ""

    @property
    def words(self) -> str:
        """The phrase as people read it: without wildcards."""
        return self.text.strip().strip("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """One of `terms` must (or must not) stand within `words` words of the hit."""

    words: int
    terms: tuple[Phrase, ...]
    label: str  # as in the file, for explanations


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a topic: phrases and the conditions under which they count."""

    name: str
    score: float
    phrases: tuple[Phrase, ...]
    near: tuple[Near, ...] = ()
    not_near: tuple[Near, ...] = ()
    with_any: tuple[Phrase, ...] = ()
    with_label: str = ""
    without: tuple[Phrase, ...] = ()
    without_label: str = ""
    nots: tuple[Phrase, ...] = ()
    case: bool = False
    context_case: bool = False
    zones: frozenset[str] = frozenset(ZONES)
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text with the outcome that the topic's author expects."""

    text: str
    expect: Expectation
    title: str = ""
    lang: str = "und"
    country: str | None = None
    note: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic file, read and checked."""

    id: str
    title: str
    version: str
    path: Path
    description: str = ""
    languages: tuple[str, ...] = ()
    min_score: float = DEFAULT_MIN_SCORE
    mentions: Literal["alert", "digest", "off"] = "alert"
    severity: Literal["low", "normal", "high", "critical"] = "normal"
    channel: str | None = None
    cooldown_s: float = 0.0
    max_tier: int | None = None
    countries: frozenset[str] = frozenset()
    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    lists: Mapping[str, tuple[Phrase, ...]] = field(default_factory=dict)
    used_lists: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def info(self) -> TopicInfo:
        """What alerting needs to know."""
        return TopicInfo(
            topic=self.id,
            title=self.title,
            topic_version=self.version,
            mentions=self.mentions,
            severity=self.severity,
            channel=self.channel,
            cooldown_s=self.cooldown_s,
            max_tier=self.max_tier,
        )


def make_phrase(text: str, lang: str = "all") -> Phrase:
    """Bring one phrase of a topic file into normal form.

    Raises:
        ValueError: it holds nothing to search for, or a wildcard where none can be.
    """
    if source := _SOURCE_TERM.fullmatch(text.strip()):
        return Phrase(text=text, country=source.group(1).lower())
    stem = text.strip()
    inside, prefix = stem.startswith("*"), stem.endswith("*")
    stem = stem.removeprefix("*").removesuffix("*")
    if "*" in stem:
        raise ValueError("a * may stand only at the end (or before a Korean word)")
    normal = NormalText(stem)
    is_cjk = bool(normal.cjk)
    key = normal.cjk if is_cjk else normal.latin
    if not any(c.isalnum() for c in key):
        raise ValueError("there is nothing to search for in it")
    if inside and not is_cjk:
        raise ValueError("a * at the beginning works for Korean words only")
    if prefix and not is_cjk and len(key) < MIN_WILDCARD_STEM:
        raise ValueError(f"a * needs at least {MIN_WILDCARD_STEM} letters before it")
    return Phrase(
        text=text,
        lang=lang,
        is_cjk=is_cjk,
        key=key,
        cased=normal.cased,
        prefix=prefix,
        inside=inside,
    )
