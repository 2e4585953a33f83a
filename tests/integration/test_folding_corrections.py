"""Corrections to stories: merged, split, undone, remembered; and the command that does it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from support.fold_texts import START, article, edited, fold_input

from extractors.errors import UsageError
from flows.cli import presswatch
from flows.context import AppContext
from storage.database import Store
from storage.folding import Fold, FoldInput, fold_batch
from storage.rows import insert_rows
from storage.story_edits import merge_stories, read_story, split_story, undo_event


def fold(store: Store, *items: tuple[FoldInput, str]) -> list[Fold]:
    with store.write() as tx:
        folds = fold_batch(tx, [item for item, _ in items])
        insert_rows(
            tx,
            "core.article",
            [
                {
                    "article_id": item.article_id, "outlet": item.outlet, "title": item.title,
                    "language": item.language, "body": body, "published_at": item.published_at,
                    "fetched_at": item.fetched_at, "story_id": f.story_id,
                    "duplicate_of": f.duplicate_of, "duplicate_level": f.duplicate_level,
                    "fold_reason": {**f.reason, "link": f.link_reason}, "words": 1, "status": "ok",
                }
                for (item, body), f in zip(items, folds, strict=True)
            ],
        )  # fmt: skip
    return folds


def told(article_id: int, text: str, **more: object) -> tuple[FoldInput, str]:
    return fold_input(article_id, text, **more), text  # type: ignore[arg-type]


def two_stories(store: Store) -> tuple[int, int]:
    a, b = article(1), article(2)
    folds = fold(
        store, told(1, a, outlet="A"), told(2, b, outlet="B"), told(3, a, outlet="C", hours=1)
    )
    return folds[0].story_id, folds[1].story_id


def owe_alert(store: Store, story_id: int, topic: str, article_id: int) -> None:
    with store.write() as tx:
        insert_rows(
            tx,
            "core.alert",
            [{"alert_key": f"s{story_id}/{topic}/desk", "story_id": story_id, "topic": topic,
              "channel": "desk", "kind": "alert", "state": "sent", "created_at": START,
              "article_id": article_id, "thread_ts": "1.2"}],
        )  # fmt: skip


def alerts(store: Store) -> list[tuple[str, int]]:
    with store.write() as tx:
        rows = tx.con.execute("SELECT topic, story_id FROM core.alert WHERE kind = 'alert'")
        return rows.fetchall()


def test_a_merge_moves_the_articles_counts_them_anew_and_is_recorded(store: Store) -> None:
    keep, gone = two_stories(store)
    with store.write() as tx:
        assert merge_stories(tx, keep, gone) == 1
        timeline = read_story(tx.con, gone)
    assert timeline.story_id == keep
    assert (timeline.n_articles, timeline.n_outlets, timeline.n_origins) == (3, 3, 2)
    assert [event["kind"] for event in timeline.events] == ["merge"]
    assert timeline.events[0]["made_by"] == "user"


def test_a_copy_of_a_merged_storys_text_goes_to_the_story_it_went_into(store: Store) -> None:
    keep, gone = two_stories(store)
    with store.write() as tx:
        merge_stories(tx, keep, gone)
    assert fold(store, told(4, article(2), outlet="D"))[0].story_id == keep


def test_a_merge_gives_the_alerts_thread_to_the_story_so_that_nothing_is_alerted_again(
    store: Store,
) -> None:
    keep, gone = two_stories(store)
    owe_alert(store, gone, "opcon", 2)
    with store.write() as tx:
        merge_stories(tx, keep, gone)
        told = tx.con.execute("SELECT story_id, topic FROM core.alert").fetchall()
    assert told == [(keep, "opcon")]


def test_undoing_a_merge_restores_both_stories_and_their_alerts(store: Store) -> None:
    keep, gone = two_stories(store)
    owe_alert(store, gone, "opcon", 2)
    with store.write() as tx:
        before = read_story(tx.con, keep), read_story(tx.con, gone)
        merge_stories(tx, keep, gone)
        event = read_story(tx.con, keep).events[0]["event_id"]
        undo_event(tx, event)
        after = read_story(tx.con, keep), read_story(tx.con, gone)
    assert [t.members for t in after] == [t.members for t in before]
    assert [(t.n_articles, t.n_outlets, t.n_origins) for t in after] == [(2, 2, 1), (1, 1, 1)]
    assert alerts(store) == [("opcon", gone)]


def test_undoing_a_merge_of_which_nothing_else_is_left_leaves_no_empty_story(store: Store) -> None:
    keep, gone = two_stories(store)
    with store.write() as tx:
        merge_stories(tx, keep, gone)
        split_story(tx, keep, [1, 3])
        undo_event(tx, 1)
        assert [m.article_id for m in read_story(tx.con, gone).members] == [2]
        assert read_story(tx.con, keep).story_id == gone


def test_an_event_is_undone_once(store: Store) -> None:
    keep, gone = two_stories(store)
    with store.write() as tx:
        merge_stories(tx, keep, gone)
        undo_event(tx, 1)
        with pytest.raises(UsageError, match="cannot be undone"):
            undo_event(tx, 1)


def test_a_split_takes_an_article_with_its_copies(store: Store) -> None:
    keep, gone = two_stories(store)
    with store.write() as tx:
        merge_stories(tx, keep, gone)
        new = split_story(tx, keep, [1])
        assert [m.article_id for m in read_story(tx.con, new).members] == [1, 3]
        assert [m.article_id for m in read_story(tx.con, keep).members] == [2]


def test_a_copy_that_was_split_off_is_a_text_of_its_own_and_draws_its_copies(
    store: Store,
) -> None:
    text = article(5, sentences=20)
    other = edited(text, 0.15, 4)
    first, second = fold(store, told(1, text, outlet="A"), told(2, other, outlet="B"))
    assert second.duplicate_of == 1
    with store.write() as tx:
        new = split_story(tx, first.story_id, [2])
        assert read_story(tx.con, new).members[0].duplicate_of is None
    later = fold(store, told(3, other, outlet="C"), told(4, text, outlet="D"))
    assert [f.story_id for f in later] == [new, first.story_id]


def test_the_program_does_not_join_again_what_a_user_told_apart(store: Store) -> None:
    text = article(6, sentences=24)
    one, two = edited(text, 0.24, 1), edited(text, 0.24, 2)
    first, second = fold(store, told(1, one, outlet="A"), told(2, two, outlet="B"))
    fold(store, told(3, text, outlet="C"))
    with store.write() as tx:
        event = read_story(tx.con, first.story_id).events[0]
        assert (event["kind"], event["made_by"]) == ("merge", "presswatch")
        undo_event(tx, event["event_id"])
    fold(store, told(4, edited(text, 0.02, 9), outlet="D"))
    with store.write() as tx:
        assert read_story(tx.con, first.story_id).story_id == first.story_id
        assert read_story(tx.con, second.story_id).story_id == second.story_id


def test_undoing_a_split_makes_one_story_again(store: Store) -> None:
    keep, _ = two_stories(store)
    with store.write() as tx:
        new = split_story(tx, keep, [3])
        undo_event(tx, 1)
        timeline = read_story(tx.con, new)
    assert timeline.story_id == keep
    assert [m.article_id for m in timeline.members] == [1, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda tx: read_story(tx.con, 999), "no story 999"),
        (lambda tx: merge_stories(tx, 1, 999), "no story 999"),
        (lambda tx: merge_stories(tx, 1, 1), "one story already"),
        (lambda tx: split_story(tx, 1, [2]), "not in story 1"),
        (lambda tx: split_story(tx, 1, [1]), "the whole of story"),
        (lambda tx: undo_event(tx, 7), "cannot be undone"),
    ],
)
def test_wrong_use_says_what_to_do(store: Store, call, message: str) -> None:
    two_stories(store)
    with store.write() as tx, pytest.raises(UsageError, match=message):
        call(tx)


def run(store: Store, *args: str) -> str:
    result = CliRunner().invoke(presswatch, ["--db", str(store.path), *args], obj=AppContext())
    assert result.exception is None, result.exception
    return result.stdout


def test_the_command_shows_a_timeline_with_reasons_and_shared_sentences(store: Store) -> None:
    keep, _ = two_stories(store)
    store.publish()
    shown = run(store, "story", str(keep))
    assert "2 articles, 2 outlets, 1 origin" in shown
    assert "begins the story" in shown
    assert "the same text as article 1" in shown
    assert article(1).split("\n")[0] in shown
    assert "more shared sentences" in shown


def test_the_command_gives_json(store: Store) -> None:
    keep, _ = two_stories(store)
    store.publish()
    answer = json.loads(run(store, "story", str(keep), "--json"))
    assert answer["n_articles"] == 2
    assert answer["articles"][1]["duplicate_of"] == 1
    assert len(answer["articles"][1]["shared_sentences"]) == 14


def test_the_command_corrects_and_undoes(store: Store) -> None:
    keep, gone = two_stories(store)
    store.publish()
    assert "1 article of story" in run(store, "story", "merge", str(keep), str(gone))
    shown = run(store, "story", str(keep))
    assert "3 articles" in shown
    assert "merge of stories" in shown
    assert "two stories again" in run(store, "story", "undo", "1")
    new = json.loads(run(store, "story", "split", str(keep), "3", "--json"))["new_story"]
    assert "[3]" in run(store, "story", str(new))
