"""Stories are put together anew when more texts come: what leaves a story, and what stays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from click.testing import CliRunner
from duckdb import DuckDBPyConnection
from support.fold_texts import START, article, edited, fold_input
from support.folding_store import fold

from extractors.stories import HEADLINE
from flows.cli import presswatch
from flows.context import AppContext
from storage.database import Store
from storage.folding import Fold, FoldInput
from storage.rows import insert_rows
from storage.story_edits import merge_stories, read_story, split_story, undo_event
from storage.story_events import read_apart, read_held

# A resembles B a little. C is much like B and has nothing of A. E is much like C, hardly like B.
CLUES = {
    "A": ("g.kr", "p.one", "t.one"),
    "B": ("p.one", "t.two", "w.b", "w.c"),
    "C": ("l.q", "o.x", "t.two", "w.b", "w.c"),
    "E": ("l.q", "o.x", "w.c", "w.e"),
}
LANGUAGES = {"A": "en", "B": "ko", "C": "ja", "E": "zh-Hans"}
NUMBERS = {name: n for n, name in enumerate(CLUES, 1)}


def report(name: str, *, hours: float = 0.0) -> FoldInput:
    item = fold_input(
        NUMBERS[name], article(40 + NUMBERS[name]), title=name, outlet=name,
        hours=hours or NUMBERS[name], language=LANGUAGES[name],
    )  # fmt: skip
    clues = sorted({*CLUES[name], *(f"{HEADLINE}{clue}" for clue in CLUES[name])})
    return replace(item, sketch=replace(item.sketch, clues=tuple(clues)))


def arrive(store: Store, names: Sequence[str]) -> dict[str, Fold]:
    """One after the other; returns the folds as they were given."""
    folds = fold(store, *([report(name)] for name in names))
    return dict(zip(names, folds, strict=True))


def stories(store: Store) -> dict[str, int]:
    with store.write() as tx:
        rows = tx.con.execute("SELECT title, story_id FROM core.article ORDER BY 1").fetchall()
    return dict(rows)


def events(store: Store) -> list[tuple[Any, ...]]:
    with store.write() as tx:
        return tx.con.execute(
            "SELECT kind, story_id, other_story, articles, made_by FROM core.story_event "
            "ORDER BY event_id"
        ).fetchall()


def reasons(store: Store, story_id: int) -> dict[str | None, dict[str, Any]]:
    with store.write() as tx:
        return {member.title: member.reason for member in read_story(tx.con, story_id).members}


def counts(store: Store) -> list[tuple[Any, ...]]:
    with store.write() as tx:
        return tx.con.execute(
            "SELECT s.story_id, s.n_articles, s.n_outlets, s.languages, s.title, c.n FROM "
            "core.story s JOIN (SELECT story_id, count(*) AS n FROM core.article GROUP BY 1) c "
            "USING (story_id) WHERE s.merged_into IS NULL ORDER BY 1"
        ).fetchall()


def owe_alert(store: Store, name: str, article_id: int | None = None) -> None:
    """The thread of the report's story begins with this report."""
    story_id = stories(store)[name]
    with store.write() as tx:
        insert_rows(
            tx,
            "core.alert",
            [{"alert_key": f"s{story_id}/opcon/desk", "story_id": story_id, "topic": "opcon",
              "channel": "desk", "kind": "alert", "state": "sent", "created_at": START,
              "article_id": article_id or NUMBERS[name], "thread_ts": "1.2"}],
        )  # fmt: skip


def test_a_report_leaves_its_story_when_a_nearer_one_comes(store: Store) -> None:
    folds = arrive(store, "AB")
    assert folds["A"].story_id == folds["B"].story_id
    later = fold(store, [report("C")])[0]
    assert stories(store) == {
        "A": folds["A"].story_id, "B": later.story_id, "C": later.story_id
    }  # fmt: skip
    assert events(store) == [
        ("move", folds["A"].story_id, later.story_id, [NUMBERS["B"]], "presswatch")
    ]
    assert [row[1:] for row in counts(store)] == [
        (1, 1, ["en"], "A", 1), (2, 2, ["ko", "ja"], "B", 2)
    ]  # fmt: skip


def test_what_moved_is_told_why_it_is_where_it_is(store: Store) -> None:
    arrive(store, "ABC")
    told = reasons(store, stories(store)["B"])
    assert told["B"] == {}  # it came first: it begins the story now
    assert told["C"]["to"] == NUMBERS["B"]
    assert "retells article 2" in told["C"]["link"]


def test_a_report_moves_to_a_story_that_is_there(store: Store) -> None:
    folds = arrive(store, "ABE")
    assert folds["E"].story_id != folds["B"].story_id
    arrive(store, "C")
    place = stories(store)
    assert place["B"] == place["C"] == place["E"] == folds["E"].story_id
    assert place["A"] == folds["A"].story_id
    assert events(store) == [
        ("move", place["A"], place["E"], [NUMBERS["B"]], "presswatch")
    ]  # fmt: skip
    told = reasons(store, place["E"])
    assert told["B"] == {}  # no report of before it is in this story
    assert told["C"]["to"] in (NUMBERS["B"], NUMBERS["E"])
    assert [row[1:4] for row in counts(store)] == [
        (1, 1, ["en"]), (3, 3, ["ko", "zh-Hans", "ja"])
    ]  # fmt: skip


@pytest.mark.parametrize("order", ["ABCE", "ECBA", "CABE", "BEAC", "AECB"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_stories_are_the_same_in_any_order(order: str, size: int, store: Store) -> None:
    items = [report(name) for name in order]
    fold(store, *(items[at : at + size] for at in range(0, len(items), size)))
    place = stories(store)
    assert place["B"] == place["C"] == place["E"] != place["A"]
    assert all(row[1] == row[5] for row in counts(store))


def test_copies_go_where_their_text_goes(store: Store) -> None:
    arrive(store, "AB")
    copy = replace(report("B"), article_id=9, title="B again", outlet="copy")
    with_copy = fold(store, [copy], [report("C")])
    assert with_copy[0].duplicate_of == NUMBERS["B"]
    place = stories(store)
    assert place["B again"] == place["B"] == place["C"] != place["A"]
    assert all(row[1] == row[5] for row in counts(store))


def test_the_thread_stays_with_the_report_that_it_began_with(store: Store) -> None:
    """And the story's number with the thread: nothing is alerted twice."""
    arrive(store, "AB")
    before = stories(store)["B"]
    owe_alert(store, "B")
    arrive(store, "C")
    place = stories(store)
    assert place["B"] == place["C"] == before
    assert place["A"] != before
    assert events(store) == [("split", before, place["A"], [NUMBERS["A"]], "presswatch")]
    with store.write() as tx:
        assert tx.con.execute("SELECT story_id FROM core.alert").fetchall() == [(before,)]


def test_two_stories_become_one_with_a_record_and_one_thread(store: Store) -> None:
    """E and B are stories of their own until C comes."""
    first = arrive(store, "EB")
    owe_alert(store, "B")
    arrive(store, "C")
    assert set(stories(store).values()) == {first["E"].story_id}
    assert events(store) == [
        ("merge", first["E"].story_id, first["B"].story_id, [NUMBERS["B"]], "presswatch")
    ]
    with store.write() as tx:
        told = tx.con.execute("SELECT story_id FROM core.alert").fetchall()
    assert told == [(first["E"].story_id,)]


def test_what_a_person_put_together_does_not_come_apart(store: Store) -> None:
    first = arrive(store, "AE")
    with store.write() as tx:
        merge_stories(tx, first["A"].story_id, first["E"].story_id)
    arrive(store, "BC")
    place = stories(store)
    assert place["A"] == place["E"] == first["A"].story_id
    assert [event[4] for event in events(store) if NUMBERS["E"] in event[3]] == ["user"]


def test_what_a_person_told_apart_is_not_put_together(store: Store) -> None:
    arrive(store, "BC")
    source = stories(store)["B"]
    with store.write() as tx:
        new = split_story(tx, source, [NUMBERS["C"]])
    arrive(store, "EA")
    place = stories(store)
    assert place["C"] == new
    assert place["B"] == source


def test_an_undone_move_stays_undone(store: Store) -> None:
    arrive(store, "ABEC")
    place = stories(store)
    with store.write() as tx:
        event = read_story(tx.con, place["A"]).events[0]
        assert event["kind"] == "move"
        undo_event(tx, event["event_id"])
    assert stories(store)["B"] == place["A"]
    more = fold_input(8, article(60), title="D", outlet="other", hours=5, language="en")
    fold(store, [replace(more, sketch=replace(more.sketch, clues=report("C").sketch.clues))])
    assert stories(store)["D"] == place["C"]
    assert stories(store)["B"] == place["A"]
    assert all(row[1] == row[5] for row in counts(store))


def test_the_command_lists_the_move_and_undoes_it(store: Store) -> None:
    arrive(store, "ABEC")
    place = stories(store)
    store.publish()
    shown, done = (
        CliRunner().invoke(
            presswatch, ["story", *args], obj=AppContext(db=str(store.path)), catch_exceptions=False
        )
        for args in ([str(place["A"])], ["undo", "1"])
    )
    assert f"move of stories {place['A']} and {place['E']} by presswatch" in shown.output
    assert f"back in story {place['A']}" in done.output


def test_stories_of_before_the_pairs_were_kept_stay_together(store: Store) -> None:
    """The migration lets them resemble each other as much as texts can."""
    arrive(store, "AB")
    migration = files("storage").joinpath("migrations/0072_resemblance.sql").read_text("utf-8")
    with store.write() as tx:
        tx.con.execute("DROP TABLE core.resemblance")
        tx.con.execute(migration)
        assert tx.con.execute("SELECT article_id, other_id FROM core.resemblance").fetchall() == [
            (NUMBERS["B"], NUMBERS["A"])
        ]
    arrive(store, "CE")
    place = stories(store)
    assert place["A"] == place["B"]


def test_a_story_that_goes_on_for_weeks_stays_one(store: Store) -> None:
    """It split and merged again and again while texts out of reach counted as unlike."""
    items = []
    for n in range(1, 17):
        item = fold_input(
            n, article(700 + n), title=f"day {n}", outlet=f"o{n}", hours=24.0 * n,
            language=("en", "ko", "ja")[n % 3],
        )  # fmt: skip
        clues = sorted({*CLUES["C"], *(f"{HEADLINE}{clue}" for clue in CLUES["C"])})
        items.append(replace(item, sketch=replace(item.sketch, clues=tuple(clues))))
    fold(store, *([item] for item in items))
    assert len(set(stories(store).values())) == 1
    assert events(store) == []


def vague_reports(count: int, topics: tuple[str, ...] = ("x",)) -> list[FoldInput]:
    """Reports of one day, of which each two share a person and nothing else."""
    items = []
    for n in range(1, count + 1):
        item = fold_input(
            n, article(800 + n), title=f"V{n}", outlet=f"o{n}", hours=float(n),
            language=("en", "ko", "ja", "zh-Hans")[n % 4], topics=topics,
        )  # fmt: skip
        own = ("p.one", f"o.{n}", f"w.{n}")
        clues = tuple(sorted({*own, *(f"{HEADLINE}{clue}" for clue in own)}))
        items.append(replace(item, sketch=replace(item.sketch, clues=clues)))
    return items


def test_two_vague_reports_of_a_quiet_day_are_one_story(store: Store) -> None:
    first, second = fold(store, *([item] for item in vague_reports(2)))
    assert first.story_id == second.story_id
    assert "retells article 1" in second.link_reason


def test_vague_reports_on_no_topic_stay_apart(store: Store) -> None:
    first, second = fold(store, *([item] for item in vague_reports(2, topics=())))
    assert first.story_id != second.story_id


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_vague_reports_of_a_busy_day_come_apart(seed: int | None, store: Store) -> None:
    """Which of them came first does not matter: each has six like it at the end."""
    items = vague_reports(7)
    if seed is not None:
        random.Random(seed).shuffle(items)
    fold(store, *([item] for item in items))
    place = stories(store)
    assert len(set(place.values())) == len(items)
    assert "split" in {event[0] for event in events(store)}
    assert all(row[1] == row[5] for row in counts(store))


def with_clues(item: FoldInput, *own: str) -> FoldInput:
    clues = tuple(sorted({*own, *(f"{HEADLINE}{clue}" for clue in own)}))
    return replace(item, sketch=replace(item.sketch, clues=clues))


def rows_of(store: Store, query: str) -> list[tuple[Any, ...]]:
    with store.write() as tx:
        return tx.con.execute(query).fetchall()


ORIGIN = article(32, sentences=24)  # a text, and three that are versions of it and of nothing else
VERSIONS = [edited(ORIGIN, share, n) for n, share in ((1, 0.24), (2, 0.24), (3, 0.17))]
ONE, OTHER = ("p.a", "w.a", "t.a"), ("p.b", "w.b", "t.b")


def test_an_article_that_is_a_version_of_texts_in_two_stories_joins_them(store: Store) -> None:
    """Each text has a retelling, and the second story has a thread."""
    items = [
        with_clues(fold_input(1, VERSIONS[0], title="one", outlet="A", hours=1), *ONE),
        with_clues(fold_input(2, VERSIONS[1], title="two", outlet="B", hours=2), *OTHER),
        with_clues(fold_input(3, article(71), title="of one", language="ko", hours=3), *ONE),
        with_clues(fold_input(4, article(72), title="of two", language="ja", hours=4), *OTHER),
    ]
    fold(store, *([item] for item in items))
    before = stories(store)
    assert before["one"] == before["of one"] != before["two"] == before["of two"]
    owe_alert(store, "two", article_id=2)
    both = fold_input(5, ORIGIN, title="both", outlet="Wire", hours=0.5)
    fold(store, [with_clues(both, *ONE)])
    after = stories(store)
    assert after["one"] == after["two"] == after["both"] == before["one"]
    firsts = "SELECT coalesce(duplicate_of, article_id) FROM core.article WHERE article_id < 3"
    assert rows_of(store, firsts) == [(5,), (5,)]
    # the thread is that of the one story now
    assert rows_of(store, "SELECT DISTINCT story_id FROM core.alert") == [(before["one"],)]
    told = rows_of(store, "SELECT kind, reason FROM core.story_event")
    assert any(kind == "merge" and "version of texts of both" in reason for kind, reason in told)
    assert all(row[1] == row[5] for row in counts(store))


@pytest.mark.parametrize("order", [(1, 2, 5), (2, 5, 1), (5, 1, 2)])
@pytest.mark.parametrize("size", [1, 3])
def test_versions_of_one_text_have_one_origin_in_any_order(
    order: Sequence[int], size: int, store: Store
) -> None:
    texts = {1: VERSIONS[0], 2: VERSIONS[1], 5: ORIGIN}
    items = [fold_input(n, texts[n], title=str(n), outlet=f"o{n}", hours=n / 2) for n in order]
    fold(store, *(items[at : at + size] for at in range(0, 3, size)))
    live = "FROM core.story WHERE merged_into IS NULL"
    assert rows_of(store, f"SELECT n_articles, n_outlets, n_origins {live}") == [(3, 3, 1)]


def test_versions_of_texts_that_a_person_told_apart_stay_apart(store: Store) -> None:
    """Also when a third story stands between them, which is apart from neither."""
    first = [
        with_clues(fold_input(1, VERSIONS[0], title="A", outlet="A", hours=2), *ONE),
        with_clues(fold_input(2, VERSIONS[1], title="C", outlet="C", hours=3), *ONE),
    ]
    fold(store, *([item] for item in first))
    with store.write() as tx:
        if len(both := sorted(set(stories_of(tx.con)))) == 2:
            merge_stories(tx, *both)
        split_story(tx, stories_of(tx.con)[0], [2])
    middle = fold_input(3, VERSIONS[2], title="B", outlet="B", hours=1)
    last = fold_input(4, ORIGIN, title="V", outlet="V", hours=5)
    fold(store, [with_clues(middle, *OTHER)], [with_clues(last, *OTHER)])
    place = stories(store)
    assert place["A"] != place["C"]
    with store.write() as tx:
        assert len(read_apart(tx.con)) == 1


def stories_of(con: DuckDBPyConnection) -> list[int]:
    return [row[0] for row in con.execute("SELECT story_id FROM core.article").fetchall()]


@pytest.mark.parametrize("size", [1, 2])
def test_a_text_may_leave_its_story_while_a_version_joins_it(size: int, store: Store) -> None:
    """Its story begins in the batch in which the text is taken elsewhere."""
    stored = [
        report("A"),
        with_clues(
            fold_input(2, VERSIONS[0], title="B", outlet="B", hours=2, language="ko"), *CLUES["B"]
        ),
        report("E"),
    ]
    new = [
        with_clues(fold_input(n, text, title=str(n), outlet=str(n), hours=n, language="ko"),
                   *CLUES["C"])
        for n, text in ((8, VERSIONS[1]), (9, ORIGIN))
    ]  # fmt: skip
    fold(store, *([item] for item in stored))
    fold(store, *(new[at : at + size] for at in range(0, 2, size)))
    place = stories(store)
    assert place["B"] == place["8"] == place["9"] == place["E"] != place["A"]
    assert all(row[1] == row[5] for row in counts(store))


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5, 6), (5, 4, 3, 2, 1, 6), (6, 5, 1, 4, 2, 3)])
def test_versions_of_one_text_count_as_one_text_around(order: Sequence[int], store: Store) -> None:
    """A vague report beside one text: on a quiet day, however often the text was printed."""
    items = {}
    for n in range(1, 6):
        text = edited(article(90, sentences=24), 0.05 * (n - 1), n)
        item = fold_input(n, text, title=f"V{n}", outlet=f"o{n}", hours=float(n), topics=("x",))
        items[n] = with_clues(item, "p.one", "o.1", "w.1")
    vague = fold_input(
        6, article(91), title="X", outlet="o6", hours=6.0, language="ko", topics=("x",)
    )
    items[6] = with_clues(vague, "p.one", "o.2", "w.2")
    fold(store, *([items[n]] for n in order))
    assert len(set(stories(store).values())) == 1


def test_an_agency_is_not_forgotten_when_a_first_report_comes_with_a_split(store: Store) -> None:
    arrive(store, "A")
    second = replace(report("B"), agency="yonhap", title="B")
    fold(store, [second])
    first = replace(report("B", hours=1), article_id=7, title="B first", outlet="Wire")
    fold(store, [first, report("C")])
    with store.write() as tx:
        row = tx.con.execute(
            "SELECT origins FROM core.story WHERE list_contains(origin_roots, 7)"
        ).fetchone()
    assert row is not None
    assert "agency:yonhap" in row[0]


def test_what_a_person_told_apart_stays_so_when_the_program_merges_a_side(store: Store) -> None:
    """The correction names stories as they were; it holds for what they are part of now."""
    first = arrive(store, "BE")
    other = fold(store, [fold_input(6, article(61), title="other", outlet="other")])[0].story_id
    with store.write() as tx:
        merge_stories(tx, first["B"].story_id, first["E"].story_id)
        side = split_story(tx, first["B"].story_id, [NUMBERS["E"]])
        assert read_apart(tx.con) == {frozenset({first["B"].story_id, side})}
        assert side in read_held(tx.con)
        tx.con.execute("UPDATE core.story SET merged_into = ? WHERE story_id = ?", [other, side])
        assert read_apart(tx.con) == {frozenset({first["B"].story_id, other})}
        assert {other, first["B"].story_id} <= read_held(tx.con)
