"""Stories are put together anew when more texts come: what leaves a story, and what stays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from click.testing import CliRunner
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


def test_an_article_that_is_a_version_of_texts_in_two_stories_joins_them(store: Store) -> None:
    """Each text has a retelling, and the second story has a thread."""
    text = article(32, sentences=24)
    one, two = edited(text, 0.24, 1), edited(text, 0.24, 2)

    def with_clues(item: FoldInput, *own: str) -> FoldInput:
        clues = tuple(sorted({*own, *(f"{HEADLINE}{clue}" for clue in own)}))
        return replace(item, sketch=replace(item.sketch, clues=clues))

    a, b = ("p.a", "w.a", "t.a"), ("p.b", "w.b", "t.b")
    items = [
        with_clues(fold_input(1, one, title="one", outlet="A", hours=1), *a),
        with_clues(fold_input(2, two, title="two", outlet="B", hours=2), *b),
        with_clues(fold_input(3, article(71), title="of one", language="ko", hours=3), *a),
        with_clues(fold_input(4, article(72), title="of two", language="ja", hours=4), *b),
    ]
    fold(store, *([item] for item in items))
    before = stories(store)
    assert before["one"] == before["of one"] != before["two"] == before["of two"]
    owe_alert(store, "two", article_id=2)
    fold(store, [with_clues(fold_input(5, text, title="both", outlet="Wire", hours=0.5), *a)])
    after = stories(store)
    assert after["one"] == after["two"] == after["both"] == before["one"]
    with store.write() as tx:
        firsts = tx.con.execute(
            "SELECT coalesce(duplicate_of, article_id) FROM core.article WHERE article_id < 3"
        ).fetchall()
        alerts = tx.con.execute("SELECT DISTINCT story_id FROM core.alert").fetchall()
        told = tx.con.execute("SELECT kind, reason FROM core.story_event").fetchall()
    assert {row[0] for row in firsts} == {5}
    assert alerts == [(before["one"],)]  # the thread is that of the one story now
    assert any(kind == "merge" and "version of texts of both" in reason for kind, reason in told)
    assert all(row[1] == row[5] for row in counts(store))


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
