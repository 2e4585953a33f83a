"""Short ways to make topics and articles in tests."""

from __future__ import annotations

from pathlib import Path

from alerts.models import MatchInput
from alerts.topic_format import parse_topic
from alerts.topic_model import Topic
from alerts.topics import TopicSet, make_topic_set

HEAD = 'id = "t"\ntitle = "T"\n'


def topic_of(rules: str, head: str = HEAD) -> Topic:
    return parse_topic(head + rules, Path("topics/t.toml"))


def set_of(rules: str, head: str = HEAD, *, engine: str = "standard") -> TopicSet:
    return make_topic_set([topic_of(rules, head)], engine=engine)


def rule(**keys: str) -> str:
    """Write one rule; values are TOML source, `_` in a name is a dot: any_en='["x"]'."""
    lines = ["[[rule]]", 'name = "r"']
    for key, value in keys.items():
        name = key.replace("any_", "any.").replace("with_", "with")
        lines.append(f"{name} = {value}")
    return "\n".join(lines) + "\n"


def article(
    body: str = "", title: str = "", *, country: str | None = None, tier: int | None = None
) -> MatchInput:
    return MatchInput(title=title, body=body, country=country, tier=tier)
