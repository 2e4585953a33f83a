"""Cost of matching: our two engines against a naive `in` loop and an `re` alternation, in one run.

    python benchmarks/bench_matching.py [--articles FILE.jsonl] [--number 400]

Prints microseconds of process CPU per article for 1, 100 and 10,000 phrases (phrases are cut from
the texts themselves, so that some hit), and for the shipped topics. FILE has objects with `title`
and `text`; without it, articles are made from the shipped topics' examples. Only the ratios mean
something on a shared machine. The naive engines search the text as it is: no normal form, no word
boundaries, no contexts.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import seeds
from alerts.match import match_topics
from alerts.models import MatchInput
from alerts.normalise import NormalText
from alerts.topic_format import parse_topic
from alerts.topics import TopicSet, load_topics, make_topic_set

EXTRACTION_US = 55_000  # CPU of one page's extraction, docs/adr/0020-topics.md


def load_items(path: str | None, number: int) -> list[MatchInput]:
    rng = random.Random(1)
    if path:
        rows = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
        rng.shuffle(rows)
        return [MatchInput(title=r["title"] or "", body=r["text"] or "") for r in rows[:number]]
    examples = [e.text for t in load_topics([seeds.path("topics")]).topics for e in t.examples]
    return [
        MatchInput(title="A made-up article", body=" ".join(rng.choices(examples, k=14)))
        for _ in range(number)
    ]


def make_phrases(items: list[MatchInput], count: int) -> list[str]:
    """Cut phrases of two words (or 3-5 CJK characters) from the texts, as far as they go."""
    rng = random.Random(2)
    found: dict[str, None] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        words = rng.choice(items).body.split()
        if not words:
            continue
        at = rng.randrange(len(words))
        phrase = " ".join(words[at : at + 2])
        if not phrase.isascii():
            start = rng.randrange(max(1, len(phrase) - 5))
            phrase = phrase[start : start + rng.randint(3, 5)]
        phrase = phrase.replace("*", "").strip()
        if len(phrase) >= 3 and any(c.isalnum() for c in phrase):
            found[phrase] = None
    return list(found) + [f"nowhere {n}" for n in range(count - len(found))]


def topics_of(phrases: list[str], engine: str) -> TopicSet:
    """Make topics of 100 phrases each that never fire (a context that no text has)."""
    topics = []
    for n in range(0, len(phrases), 100):
        listed = json.dumps(phrases[n : n + 100], ensure_ascii=False)
        text = (
            f'id = "t{n}"\ntitle = "T"\n[[rule]]\nname = "r"\nany.all = {listed}\n'
            'with = ["qqqqqqqq"]\n'
        )
        topics.append(parse_topic(text, Path("bench.toml")))
    return make_topic_set(topics, engine=engine)


def cost_us(action: Callable[[MatchInput], object], items: list[MatchInput]) -> float:
    """Return CPU microseconds per item, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for item in items:
            action(item)
        best = min(best, time.process_time() - start)
    return best / len(items) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles")
    parser.add_argument("--number", type=int, default=400)
    options = parser.parse_args()
    items = load_items(options.articles, options.number)
    chars = sum(len(i.title) + len(i.body) for i in items) / len(items)
    print(f"{len(items)} articles, {chars:.0f} characters each on average; CPU us per article")
    normal = cost_us(lambda i: NormalText(f"{i.title}\n{i.body}"), items)
    print(f"normal form alone: {normal:.0f}")
    print(f"{'phrases':>8} {'ours, std':>10} {'ours, aho':>10} {'in loop':>10} {'re |':>10}")
    for count in (1, 100, 10_000):
        phrases = make_phrases(items, count)
        row = []
        for engine in ("standard", "ahocorasick"):
            screen = topics_of(phrases, engine).screen
            row.append(cost_us(lambda i, s=screen: s.find(NormalText(i.body)), items))
        few = items if count < 10_000 else items[:40]
        row.append(cost_us(lambda i, p=phrases: [x for x in p if x in i.body], few))
        pattern = re.compile("|".join(map(re.escape, phrases)))
        row.append(cost_us(lambda i, p=pattern: p.findall(i.body), few))
        print(f"{count:>8} " + " ".join(f"{value:>10.0f}" for value in row))
    shipped = load_topics([seeds.path("topics")])
    total = cost_us(lambda i: match_topics(shipped, i), items)
    size = len(shipped.screen.entries)
    print(
        f"shipped pack ({len(shipped.topics)} topics, {size} phrases, {shipped.screen.name}): "
        f"{total:.0f} us, {total / EXTRACTION_US:.1%} of an extraction of {EXTRACTION_US} us"
    )


if __name__ == "__main__":
    main()
