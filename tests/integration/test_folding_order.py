"""Whatever order articles arrive in, and in whatever batches: the same story comes out of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from support.fold_texts import START, article, edited, fold_input
from support.folding_store import fold, new_store

from extractors.sketch import make_sketch
from extractors.stories import HEADLINE
from flows.demo_site import DemoSite
from storage.database import Store
from storage.folding import FoldInput

TEXT = article(70, sentences=16)
LINES = TEXT.split("\n")
CUT = "\n".join(LINES[:9])


def line_of_versions() -> list[FoldInput]:
    """A first report, its second lead, another outlet's copy and excerpt, and a correction."""
    return [
        fold_input(1, CUT, title="Talks begin", outlet="Wire"),
        fold_input(2, TEXT, title="Talks end in a deal", outlet="Wire", hours=2),
        fold_input(3, TEXT + "\nRead more on our site.", title="Deal", outlet="Post", hours=3),
        fold_input(4, "\n".join(LINES[:7]), title="A deal in short", outlet="Portal", hours=4),
        fold_input(
            5, TEXT.replace(LINES[3], edited(LINES[3], 0.3)) + "\n[정정] 날짜를 바로잡습니다.",
            title="Talks end in a deal", outlet="Wire", hours=5, agency="yonhap",
        ),
    ]  # fmt: skip


def outcome(store: Store) -> tuple[object, ...]:
    """What is stored, by the outlets' own ids: nothing that depends on the numbers given here."""
    with store.write() as tx:
        articles = tx.con.execute(
            """
            SELECT a.external_id, o.external_id, a.duplicate_level
            FROM core.article a LEFT JOIN core.article o ON o.article_id = a.duplicate_of
            ORDER BY 1
            """
        ).fetchall()
        stories = tx.con.execute(
            """
            SELECT s.title, a.external_id, n_articles, n_outlets, n_origins, first_seen, last_seen
            FROM core.story s JOIN core.article a ON a.article_id = s.current_article
            WHERE merged_into IS NULL ORDER BY 1
            """
        ).fetchall()
    return articles, stories


def arrive(store: Store, items: Sequence[FoldInput], size: int) -> tuple[object, ...]:
    """Fold the items in this order, numbered as they come, `size` at a time."""
    numbered = [replace(item, article_id=n) for n, item in enumerate(items, 1)]
    fold(store, *(numbered[at : at + size] for at in range(0, len(numbered), size)))
    return outcome(store)


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> tuple[object, ...]:
    store = new_store(tmp_path_factory.mktemp("in_time"), migrated)
    return arrive(store, line_of_versions(), 1)


def test_in_the_order_of_time_the_first_report_is_named_and_the_newest_version_is_current(
    in_time: tuple[object, ...],
) -> None:
    articles, stories = in_time
    assert articles == [
        ("x1", None, None), ("x2", "x1", "version"), ("x3", "x1", "copy"), ("x4", "x1", "copy"),
        ("x5", "x1", "version"),
    ]  # fmt: skip
    assert [story[:5] for story in stories] == [("Talks end in a deal", "x5", 5, 3, 1)]


@pytest.mark.parametrize("order", random.Random(4).sample(list(permutations(range(5))), 14))
@pytest.mark.parametrize("size", [1, 2, 5])
def test_any_other_order_and_batch_size_gives_the_same(
    order: tuple[int, ...], size: int, store: Store, in_time: tuple[object, ...]
) -> None:
    items = line_of_versions()
    assert arrive(store, [items[n] for n in order], size) == in_time


def test_a_first_report_that_arrives_after_its_second_lead_is_history_and_not_a_copy(
    store: Store,
) -> None:
    first, second = line_of_versions()[:2]
    before = fold(store, [second])[0]
    after = fold(store, [first])[0]
    assert (after.duplicate_of, after.duplicate_level, after.is_new_story) == (None, None, False)
    assert after.story_id == before.story_id
    assert outcome(store)[0] == [("x1", None, None), ("x2", "x1", "version")]
    assert outcome(store)[1][0][:2] == ("Talks end in a deal", "x2")  # type: ignore[index]


def test_a_late_original_unites_versions_that_are_too_short_to_resemble_each_other(
    store: Store,
) -> None:
    text = article(71, sentences=12)
    short = "\n".join(text.split("\n")[:3])
    other = edited(text, 0.2, 3)
    items = [
        fold_input(2, short, outlet="Portal", hours=2),
        fold_input(3, other, outlet="Post", hours=3),
        fold_input(1, text, outlet="Wire"),
    ]
    assert {row[1] for row in arrive(store, items, 1)[0]} == {None, "x1"}  # type: ignore[union-attr,attr-defined]


def test_a_retelling_stays_in_its_story_when_its_text_turns_out_to_be_older_elsewhere(
    store: Store,
) -> None:
    told = "Gen. Brunson said the OPCON roadmap will be ready for the SCM in Washington. "
    body = told + article(72, sentences=8)
    items = [
        fold_input(1, "브런슨 사령관은 전작권 로드맵이 SCM 전에 준비된다고 밝혔다.", language="ko",
                   title="브런슨 \"전작권 로드맵 SCM 전 준비\"", outlet="연합"),
        fold_input(2, body, title="Brunson: OPCON roadmap ready for SCM", outlet="Post", hours=5),
        fold_input(3, body, title="Brunson: OPCON roadmap ready for SCM", outlet="Wire", hours=4),
    ]  # fmt: skip
    folds = fold(store, items[:1], items[1:2], items[2:])
    assert len({f.story_id for f in folds}) == 1
    assert folds[2].duplicate_of is None
    assert folds[2].reason["rule"] == "clues"
    assert "retells article 1" in folds[2].link_reason


def test_a_roundup_joins_nothing_that_it_contains_also_when_it_arrives_first(store: Store) -> None:
    one, two = article(73), article(74)
    items = [
        fold_input(3, f"{one}\n{two}", outlet="Digest", hours=8),
        fold_input(1, one, outlet="Wire"),
        fold_input(2, two, outlet="Post", hours=1),
    ]
    folds = fold(store, *([item] for item in items))
    assert folds[1].story_id != folds[2].story_id


def demo_story(name: str) -> list[FoldInput]:
    """The members of one of the demo's stories, told in English, Korean, Japanese and Chinese."""
    site = DemoSite(now=START)
    story = next(s for s in site.expected()["stories"] if s["name"] == name)
    languages = site.expected()["languages"]
    items = []
    for one in site.articles():
        if one.id in story["members"]:
            body = "\n".join(line.text for line in one.lines if not line.category)
            item = FoldInput(
                article_id=0, external_id=one.id, outlet=one.outlet, title=one.title,
                language=languages[one.outlet], published_at=one.published_at,
                fetched_at=START + timedelta(hours=1),
                sketch=make_sketch(body, one.title, languages[one.outlet]),
            )  # fmt: skip
            items.append(item)
    return items


def orders(items: Sequence[FoldInput], first: str, count: int) -> list[list[FoldInput]]:
    """Random orders of arrival that begin with one of the articles."""
    rest = [item for item in items if item.external_id != first]
    head = [item for item in items if item.external_id == first]
    return [[*head, *random.Random(seed).sample(rest, len(rest))] for seed in range(count)]


@pytest.mark.parametrize(
    ("story", "first"),
    [
        # The second lead says more than the report that the Japanese article resembles.
        ("verification schedule for the OPCON transfer", "hanbit-opcon-2ld"),
        ("verification schedule for the OPCON transfer", "shiokaze-opcon"),
        ("verification schedule for the OPCON transfer", "lanyang-opcon"),
        ("special act on nuclear-powered submarines", "jianghai-ssn-act"),
        ("first Virginia-class rotation in Western Australia", "lanyang-aukus"),
    ],
)
def test_a_story_in_four_languages_is_one_whatever_comes_first(
    story: str, first: str, tmp_path: Path, migrated: Path
) -> None:
    for n, items in enumerate(orders(demo_story(story), first, 5)):
        (folder := tmp_path / str(n)).mkdir()
        store = new_store(folder, migrated)
        stories = arrive(store, items, (1, 2, 8)[n % 3])[1]
        told = [item.external_id for item in items]
        assert len(stories) == 1, (told, stories)  # type: ignore[arg-type]


def test_an_early_report_that_comes_late_brings_its_story_to_the_one_it_retells(
    store: Store,
) -> None:
    """As if it had come in time: its second lead alone does not resemble the other story."""
    told = "Gen. Brunson said the OPCON roadmap will be ready for the SCM in Washington.\n"
    body = article(75, sentences=12)
    other = fold_input(
        1, "브런슨 사령관은 전작권 로드맵이 SCM 전에 준비된다고 밝혔다.", language="ko",
        title="브런슨 \"전작권 로드맵 SCM 전 준비\"", outlet="연합",
    )  # fmt: skip
    second = fold_input(2, body + "\n" + told, title="Talks go on", outlet="Wire", hours=5)
    first = fold_input(
        3, told + body, title="Brunson: OPCON roadmap ready for SCM", outlet="Wire", hours=1
    )
    folds = fold(store, [other], [second])
    assert folds[0].story_id != folds[1].story_id

    assert fold(store, [first])[0].story_id == folds[0].story_id
    assert len(outcome(store)[1]) == 1  # type: ignore[arg-type]
    with store.write() as tx:
        events = tx.con.execute("SELECT kind, story_id, other_story FROM core.story_event")
        assert events.fetchall() == [("merge", folds[0].story_id, folds[1].story_id)]


# Four reports of one event: A and B share nothing, X retells both, C retells A and resembles B.
CLUES = {
    "A": ("p.one", "t.one", "w.one"),
    "B": ("d.5", "d1.5", "n.1050000000", "n.3000000000", "w.two", "w.three"),
    "X": ("d.5", "d1.5", "n.1050000000", "n.3000000000", "p.one", "t.one", "w.one"),
    "C": ("n.500000000", "p.one", "t.one", "w.one", "w.three", "w.two"),
}


@pytest.mark.parametrize("size", [1, 3])
def test_reports_that_resemble_each_other_in_part_are_the_same_stories_in_any_order(
    size: int, tmp_path: Path, migrated: Path
) -> None:
    """What X shares with A and B makes one story of them, or not; not so because it came first."""
    items = []
    for n, name in enumerate(CLUES):
        told = fold_input(n, article(90 + n), title=name, outlet=name, hours=n)
        headline = [f"{HEADLINE}{clue}" for clue in CLUES[name] if clue[0] != "d"]
        clues = tuple(sorted((*CLUES[name], *headline)))
        language = ("en", "ko", "ja", "zh-Hans")[n]
        items.append(replace(told, sketch=replace(told.sketch, clues=clues), language=language))
    found = set()
    for n, order in enumerate(random.Random(size).sample(list(permutations(items)), 12)):
        (folder := tmp_path / str(n)).mkdir()
        store = new_store(folder, migrated)
        arrive(store, order, size)
        with store.write() as tx:
            rows = tx.con.execute(
                "SELECT string_agg(external_id, '' ORDER BY external_id) FROM core.article "
                "GROUP BY story_id"
            ).fetchall()
        found.add(frozenset(row[0] for row in rows))
    assert found == {frozenset({"x0x2x3", "x1"})}
