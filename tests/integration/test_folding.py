"""Folding in a real store: copies, versions, stories, whatever the batches and their order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.fold_texts import START, article, edited, fold_input, market_wrap, weather
from support.folding_store import fold, write_articles

from extractors.vectors import DIMENSIONS
from storage.database import Store
from storage.folding import Fold, FoldInput, fold_batch


def article_row(store: Store, article_id: int) -> tuple[int | None, str | None]:
    with store.write() as tx:
        found = tx.con.execute(
            "SELECT duplicate_of, duplicate_level FROM core.article WHERE article_id = ?",
            [article_id],
        ).fetchone()
    return found


def row(store: Store, story_id: int) -> dict[str, object]:
    with store.write() as tx:
        cursor = tx.con.execute("SELECT * FROM core.story WHERE story_id = ?", [story_id])
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))


def test_a_copy_in_another_outlet_joins_the_story_and_names_the_first(store: Store) -> None:
    text = article(1)
    first, copy = fold(
        store,
        [fold_input(1, text)],
        [fold_input(2, text + "\nRead more on our site.", outlet="The Post", hours=3)],
    )
    assert (first.duplicate_of, first.is_new_story) == (None, True)
    assert (copy.duplicate_of, copy.duplicate_level) == (1, "copy")
    assert copy.story_id == first.story_id
    assert copy.reason["to"] == 1
    assert "copy of article 1" in copy.link_reason
    assert row(store, first.story_id)["n_articles"] == 2
    assert row(store, first.story_id)["n_outlets"] == 2


def test_the_same_text_is_an_exact_copy_also_when_it_is_short(store: Store) -> None:
    text = "The ministry had no comment on Monday on the report in the Sunday papers."
    folds = fold(store, [fold_input(1, text), fold_input(2, text, outlet="The Post")])
    assert folds[1].duplicate_level == "exact"


def test_a_longer_edition_is_a_version_and_becomes_the_current_text(store: Store) -> None:
    text = article(2, sentences=10)
    folds = fold(
        store,
        [fold_input(1, text, title="Talks begin")],
        [fold_input(2, f"{text}\n{article(3, sentences=8)}", title="Talks end", hours=2)],
    )
    assert folds[1].duplicate_level == "version"
    story = row(store, folds[0].story_id)
    assert story["current_article"] == 2
    assert story["title"] == "Talks end"


def test_a_correction_is_a_version(store: Store) -> None:
    text = article(4)
    folds = fold(
        store, [fold_input(1, text), fold_input(2, text + "\n[정정] 날짜를 바로잡습니다.", hours=1)]
    )
    assert folds[1].duplicate_level == "version"


def test_another_text_at_the_same_address_is_a_version_however_different(store: Store) -> None:
    folds = fold(store, [fold_input(1, article(5))], [fold_input(2, article(6), version_of=1)])
    assert (folds[1].duplicate_of, folds[1].duplicate_level) == (1, "version")


def test_a_version_of_a_copy_goes_to_the_copys_text(store: Store) -> None:
    text = article(7)
    folds = fold(
        store,
        [fold_input(1, text), fold_input(2, text, outlet="The Post")],
        [fold_input(3, article(8), outlet="The Post", version_of=2)],
    )
    assert folds[2].duplicate_of == 1
    assert folds[2].story_id == folds[0].story_id


def test_daily_templates_stay_apart(store: Store) -> None:
    folds = fold(
        store, [fold_input(d, market_wrap(d), outlet="wire", hours=24 * d) for d in range(1, 21)]
    )
    assert [f.duplicate_of for f in folds] == [None] * 20


def test_a_stock_phrase_in_many_articles_does_not_fold_them(store: Store) -> None:
    phrase = article(99, sentences=3)
    items = [fold_input(n, f"{article(100 + n)}\n{phrase}") for n in range(1, 12)]
    assert {f.duplicate_of for f in fold(store, items)} == {None}


def test_a_copy_is_not_looked_for_beyond_two_weeks(store: Store) -> None:
    text = article(9)
    folds = fold(store, [fold_input(1, text), fold_input(2, text, hours=24 * 15)])
    assert folds[1].duplicate_of is None


def test_the_window_follows_the_articles_own_time_not_the_time_of_loading(store: Store) -> None:
    text = article(10)
    folds = fold(
        store,
        [fold_input(1, text, hours=-24 * 300)],
        [fold_input(2, text, hours=0)],
        [fold_input(3, text, hours=-24 * 302)],
    )
    assert [f.duplicate_of for f in folds] == [None, None, None]
    assert folds[2].story_id == folds[0].story_id  # two days older than its copy, loaded later
    assert article_row(store, 1) == (3, "exact")


def test_an_absurd_date_in_the_future_does_not_count(store: Store) -> None:
    text = article(11)
    late = replace(fold_input(1, text), published_at=START + timedelta(days=9_000))
    now = replace(fold_input(2, text), published_at=None)
    assert fold(store, [late], [now])[1].duplicate_of == 1


def test_the_same_headline_in_one_outlet_counts_where_there_is_no_text(store: Store) -> None:
    title = "Ministers agree to meet again in the spring"
    folds = fold(
        store,
        [fold_input(1, "", title=title)],
        [fold_input(2, article(12), title=title, hours=20)],
        [fold_input(3, "", title=title, outlet="The Post", hours=20)],
        [fold_input(4, "", title=title, hours=24 * 9)],
    )
    assert [f.duplicate_of for f in folds] == [None, 1, None, None]


def test_the_same_headline_does_not_fold_two_different_texts(store: Store) -> None:
    title = "Weather forecast for the weekend"
    folds = fold(store, [fold_input(n, article(20 + n), title=title) for n in (1, 2)])
    assert folds[1].duplicate_of is None


def test_a_round_up_does_not_join_the_articles_it_is_made_of(store: Store) -> None:
    one, two = article(30), article(31)
    folds = fold(
        store,
        [fold_input(1, one), fold_input(2, two)],
        [fold_input(3, f"{one}\n{two}")],
        [fold_input(4, two, outlet="The Post")],
    )
    assert folds[0].story_id != folds[1].story_id
    assert folds[3].duplicate_of == 2


def test_two_versions_become_one_when_their_original_arrives_last(store: Store) -> None:
    text = article(32, sentences=24)
    one, two = edited(text, 0.24, 1), edited(text, 0.24, 2)
    before = fold(store, [fold_input(1, one)], [fold_input(2, two, outlet="The Post")])
    assert before[1].duplicate_of is None
    last = fold(store, [fold_input(3, text, outlet="Wire")])
    with store.write() as tx:
        rows = tx.con.execute(
            "SELECT article_id, story_id, duplicate_of FROM core.article"
        ).fetchall()
        events = tx.con.execute("SELECT kind, story_id, other_story, made_by FROM story_events")
        assert events.fetchall() == [
            ("merge", before[0].story_id, before[1].story_id, "presswatch")
        ]
    assert sorted(rows) == [
        (1, before[0].story_id, None), (2, before[0].story_id, 1), (3, before[0].story_id, 1)
    ]  # fmt: skip
    assert last[0].story_id == before[0].story_id
    assert row(store, before[1].story_id)["merged_into"] == before[0].story_id
    assert row(store, before[0].story_id)["n_articles"] == 3


def test_six_outlets_with_one_agencys_text_and_one_of_its_own_have_two_origins(
    store: Store,
) -> None:
    text = article(33)
    items = [
        fold_input(n, text, outlet=f"Outlet {n}", hours=n, agency="yonhap" if n == 3 else None)
        for n in range(1, 6)
    ]
    own = "Seoul's Brunson said the OPCON transfer roadmap will be ready for the SCM in autumn."
    title = "Brunson: OPCON roadmap ready for SCM"
    items.append(fold_input(6, text, outlet="Outlet 6"))
    folds = fold(store, items)
    assert row(store, folds[0].story_id)["n_origins"] == 1
    assert row(store, folds[0].story_id)["origins"] == ["agency:yonhap"]
    told = fold(
        store,
        [fold_input(7, own, title=title, outlet="A"), fold_input(8, own, title=title, outlet="B"),
         fold_input(9, f"{title}. {own} He spoke to troops.", title="SCM to see OPCON roadmap, "
                    "Brunson says", outlet="C", hours=1)],
    )  # fmt: skip
    story = row(store, told[0].story_id)
    assert (story["n_articles"], story["n_outlets"], story["n_origins"]) == (3, 3, 2)


RETELLINGS = (
    ("en", "N. Korea test-fires Hwasong ICBM on lofted trajectory",
     "North Korea fired an intercontinental ballistic missile that flew 86 minutes, Japan's "
     "Defense Ministry said."),
    ("ko", "북한, 화성-19형 ICBM 고각 발사",
     "북한이 대륙간탄도미사일을 고각으로 발사했고 86분간 비행했다고 방위성이 밝혔다."),
    ("ja", "北朝鮮がICBM発射 86分飛行",
     "防衛省によると、北朝鮮が大陸間弾道ミサイルを高い角度で発射し、86分飛行した。"),
)  # fmt: skip


def test_retellings_in_three_languages_are_one_story_with_a_reason(store: Store) -> None:
    items = [
        fold_input(n, text, title=title, language=lang, outlet=f"{lang} desk", hours=n)
        for n, (lang, title, text) in enumerate(RETELLINGS, 1)
    ]
    folds = fold(store, items)
    assert len({f.story_id for f in folds}) == 1
    assert [f.duplicate_of for f in folds] == [None, None, None]
    assert "retells article 1" in folds[1].link_reason
    assert folds[1].reason["rule"] == "clues"
    story = row(store, folds[0].story_id)
    assert story["languages"] == ["en", "ko", "ja"]
    assert story["n_origins"] == 3


def test_a_retelling_four_days_later_is_a_new_story(store: Store) -> None:
    items = [
        fold_input(n, text, title=title, language=lang, hours=96 * n)
        for n, (lang, title, text) in enumerate(RETELLINGS[:2], 1)
    ]
    assert len({f.story_id for f in fold(store, items)}) == 2


def test_daily_templates_of_one_outlet_are_stories_of_their_own(store: Store) -> None:
    items = [
        fold_input(n, weather(n), title=f"Today's weather in Seoul, Busan and Jeju ({n})",
                   hours=24 * n)
        for n in range(1, 5)
    ]  # fmt: skip
    first, *rest = fold(store, items[:1], items[1:3], items[3:])
    assert len({f.story_id for f in (first, *rest)}) == 4
    assert [f.duplicate_of for f in (first, *rest)] == [None] * 4


def test_yesterdays_template_with_a_correction_is_still_a_version(store: Store) -> None:
    text = weather(2)
    items = [
        fold_input(1, text, title="Today's weather"),
        fold_input(2, text.replace("wet", "wet and cold"), title="Correction: Today's weather",
                   hours=20),
    ]  # fmt: skip
    folds = fold(store, items)
    assert folds[1].duplicate_of == 1


def test_retellings_on_different_topics_are_not_linked(store: Store) -> None:
    items = [
        fold_input(n, text, title=title, language=lang, topics=(f"topic{n}",))
        for n, (lang, title, text) in enumerate(RETELLINGS[:2], 1)
    ]
    assert len({f.story_id for f in fold(store, items)}) == 2


def stream(seed: int) -> list[FoldInput]:
    """Originals with copies, cuts, edits and versions, spread over weeks."""
    rng = random.Random(seed)
    items: list[FoldInput] = []
    for n in range(24):
        language = ("en", "ko", "ja", "zh")[n % 4]
        text, hours = article(500 + n, language, 16), rng.uniform(0, 700)
        forms = [text, edited(text, 0.04, n), "\n".join(text.split("\n")[:7]),
                 f"{text}\n{article(900 + n, language, 7)}"]  # fmt: skip
        for k, form in enumerate(forms):
            items.append(
                fold_input(len(items) + 1, form, outlet=f"o{k}", language=language,
                           title=f"Headline {n} {k} of a story", hours=hours + k)
            )  # fmt: skip
    return items


def partition(items: Sequence[FoldInput], folds: Sequence[Fold]) -> set[frozenset[str]]:
    groups: dict[int, set[str]] = {}
    for item, f in zip(items, folds, strict=True):
        groups.setdefault(f.story_id, set()).add(str(item.external_id))
    return {frozenset(group) for group in groups.values()}


@pytest.mark.parametrize("size", [2, 7])
def test_the_size_of_the_batches_changes_nothing(tmp_path: Path, size: int) -> None:
    items = stream(1)[:48]
    batches = [items[at : at + size] for at in range(0, len(items), size)]
    whole = fold(Store(tmp_path / "a.duckdb"), items)
    parts = fold(Store(tmp_path / "b.duckdb"), *batches)
    assert [(f.duplicate_of, f.duplicate_level) for f in whole] == [
        (f.duplicate_of, f.duplicate_level) for f in parts
    ]
    assert partition(items, whole) == partition(items, parts)
    assert len(partition(items, whole)) == 12


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_arrival_changes_nothing(tmp_path: Path, seed: int) -> None:
    items = stream(2)
    shuffled = list(items)
    random.Random(seed).shuffle(shuffled)
    ids = {item.external_id: n for n, item in enumerate(shuffled, 1)}
    shuffled = [replace(item, article_id=ids[item.external_id]) for item in shuffled]
    store = Store(tmp_path / "s.duckdb")
    fold(store, *[shuffled[at : at + 13] for at in range(0, len(shuffled), 13)])
    with store.write() as tx:
        rows = tx.con.execute("SELECT story_id, list(external_id) FROM core.article GROUP BY 1")
        found = {frozenset(members) for _, members in rows.fetchall()}
    assert found == partition(items, fold(Store(tmp_path / "t.duckdb"), items))


def test_counts_of_a_story_equal_a_count_over_its_articles(store: Store) -> None:
    items = stream(3)
    fold(store, *[items[at : at + 17] for at in range(0, len(items), 17)])
    with store.write() as tx:
        wrong = tx.con.execute(
            """
            SELECT s.story_id FROM stories s JOIN (
                SELECT story_id, count(*) AS n, count(DISTINCT outlet) AS o,
                       min(published_at) AS first, max(published_at) AS last
                FROM core.article GROUP BY 1) a USING (story_id)
            WHERE (s.n_articles, s.n_outlets) <> (a.n, a.o)
               OR (s.first_seen, s.last_seen) <> (a.first, a.last)
            """
        ).fetchall()
    assert wrong == []


def test_a_rolled_back_batch_leaves_nothing_behind(store: Store) -> None:
    text = article(40)
    with pytest.raises(RuntimeError), store.write() as tx:
        fold_batch(tx, [fold_input(1, text)])
        raise RuntimeError("killed")
    with store.write() as tx:
        for table in ("sketch", "sketch_hash", "clue", "story"):
            assert tx.con.execute(f"SELECT count(*) FROM core.{table}").fetchone() == (0,)
        assert fold_batch(tx, [fold_input(1, text)])[0].duplicate_of is None


def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert fold(store, []) == []


class _SameForAll:
    """An encoder for which all texts mean the same."""

    model = "same-for-all"
    everything = True

    def encode(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        return [(1.0,) + (0.0,) * (DIMENSIONS - 1) for _ in texts]


def test_a_stored_text_without_a_clue_can_be_compared(store: Store) -> None:
    """It is stored without clues, not with an empty one."""
    bare = fold_input(1, "", title="!?", topics=("opcon",))
    later = fold_input(2, article(7), title="A title", topics=("opcon",), hours=1)
    for batch in ([bare], [later]):
        with store.write() as tx:
            write_articles(tx, batch, fold_batch(tx, batch, encoder=_SameForAll()))
    assert row(store, 1)["n_articles"] is not None


TWO_EVENTS = (
    ("en", "Brunson says OPCON transfer must not be rushed",
     "Gen. Xavier Brunson, the commander of U.S. Forces Korea, told a Senate hearing on the "
     "transfer of wartime operational control that conditions must come first."),
    ("en", "Hanwha Ocean wins 1.2 trillion won frigate order",
     "Hanwha Ocean said that DAPA had picked it to build two frigates for 1.2 trillion won, ahead "
     "of HD Hyundai."),
)  # fmt: skip
ROUND_UP = (
    "ko", "브런슨 \"전작권 전환 서두르면 안 돼\"…한화오션은 호위함 수주",
    "브런슨 주한미군사령관이 전시작전통제권 전환을 서두르면 안 된다고 말했다. "
    "한화오션은 방위사업청에서 1조2천억원 규모의 호위함을 HD현대를 제치고 수주했다.",
)  # fmt: skip
ONE_EVENT = (
    "ja",
    "在韓米軍のブランソン司令官「作戦統制権の移管、急ぐべきでない」",
    "在韓米軍のブランソン司令官は、戦時作戦統制権の移管には条件が先だと述べた。",
)


def told(at: int, report: tuple[str, str, str]) -> FoldInput:
    language, title, text = report
    return fold_input(at, text, title=title, language=language)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
def test_a_round_up_of_two_events_does_not_make_them_one(
    store: Store, order: tuple[int, ...]
) -> None:
    reports = [*TWO_EVENTS, ROUND_UP]
    folds = fold(store, [told(n, reports[k]) for n, k in enumerate(order, 1)])
    assert folds[0].story_id != folds[1].story_id
    assert folds[2].story_id in (folds[0].story_id, folds[1].story_id)


def test_a_report_that_shares_one_thing_with_two_stories_makes_them_one(store: Store) -> None:
    # The first two share too little with each other: other words, and no name in common.
    first = ("en", "Typhoon Goni hits southern Japan, 1.2 million told to leave",
             "Typhoon Goni made landfall in Kyushu early Friday; 1.2 million people were told to "
             "leave, and 600 flights were cancelled.")  # fmt: skip
    second = ("ko", "태풍 '고니' 일본 규슈 상륙…항공기 600편 결항",
              "태풍 고니가 4일 일본 규슈에 상륙해 항공기 600편이 결항했다.")  # fmt: skip
    third = ("ja", "台風「コーニー」九州上陸　120万人に避難指示",
             "台風コーニーは九州に上陸し、120万人に避難指示が出た。")  # fmt: skip
    folds = fold(store, [told(1, second), told(2, third), told(3, first)])
    with store.write() as tx:
        rows = tx.con.execute("SELECT DISTINCT story_id FROM core.article").fetchall()
    assert len(rows) == 1
    assert folds[2].story_id == rows[0][0]
