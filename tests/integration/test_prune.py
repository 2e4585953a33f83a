"""Retention: what goes, what stays, and that the file shrinks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner
from support.archive import AT, Piece, add_pieces, store_pieces

from flows.cli import presswatch
from flows.context import AppContext
from storage.database import Store
from storage.prune import compact, prune
from storage.rows import insert_rows
from storage.search import search

OLD = AT - timedelta(days=400)


def _old(title: str, **more: object) -> Piece:
    return Piece(title=title, body=f"The body of {title}.", at=OLD, **more)  # type: ignore[arg-type]


def _titles(store: Store) -> set[str]:
    with store.read() as con:
        return {row[0] for row in con.execute("SELECT title FROM articles").fetchall()}


def _prune(store: Store) -> None:
    with store.write() as tx:
        prune(tx, AT - timedelta(days=30))
    store.publish()


def test_old_stories_go_and_alerted_marked_and_new_ones_stay(store: Store) -> None:
    with store.write() as tx:
        ids = add_pieces(
            tx, [_old("plain"), _old("alerted"), _old("marked"), Piece(title="new", body="b")]
        )
        add_pieces(tx, [_old("copy of the alerted", copy_of=ids[1])])
        insert_rows(
            tx,
            "core.alert",
            [{"alert_key": "k", "story_id": ids[1], "kind": "alert", "state": "sent",
              "created_at": OLD}],
        )  # fmt: skip
        insert_rows(
            tx,
            "core.topic_feedback",
            [{"topic": "opcon", "article_id": ids[2], "story_id": ids[2], "verdict": "relevant",
              "marked_at": OLD}],
        )  # fmt: skip
    _prune(store)
    assert _titles(store) == {"alerted", "copy of the alerted", "marked", "new"}
    assert store.examine() == []
    with store.read() as con:
        assert search(con, "plain").hits == ()
        assert [hit.title for hit in search(con, "marked").hits] == ["marked"]


def test_a_story_with_a_new_article_stays_whole(store: Store) -> None:
    with store.write() as tx:
        first = add_pieces(tx, [_old("first")])[0]
        add_pieces(tx, [Piece(title="later copy", body="b", copy_of=first)])
    _prune(store)
    assert _titles(store) == {"first", "later copy"}


def test_a_text_that_a_kept_article_copies_stays(store: Store) -> None:
    with store.write() as tx:
        first = add_pieces(tx, [_old("original")])[0]
        copy = add_pieces(tx, [Piece(title="copy", body="b")])[0]
        tx.con.execute("UPDATE core.article SET duplicate_of = ? WHERE article_id = ?",
                       [first, copy])  # fmt: skip
    _prune(store)
    assert _titles(store) == {"original", "copy"}


def test_a_dry_run_counts_and_changes_nothing(store: Store) -> None:
    store_pieces(store, _old("plain"), Piece(title="new", body="b"))
    with store.write() as tx:
        done = prune(tx, AT, dry_run=True)
    assert (done.articles, done.stories) == (1, 1)
    store.publish()
    assert _titles(store) == {"plain", "new"}


def test_space_is_given_back_and_everything_else_is_the_same(store: Store) -> None:
    words = [f"w{n}" for n in range(2_000)]
    with store.write() as tx:
        add_pieces(
            tx,
            [
                Piece(title=f"t{n}", body=" ".join(words[n % 50 :]) + f" {n}", at=OLD)
                for n in range(800)
            ]
            + [Piece(title="new", body="b")],
        )
    store.publish()
    before = store.path.stat().st_size
    _prune(store)
    old, new = compact(store)
    assert new < old / 2
    store.publish()
    assert store.path.stat().st_size < before / 2
    assert _titles(store) == {"new"}
    assert store.examine() == []
    assert store_pieces(store, Piece(title="next", body="b")) == [802]


def test_the_command_says_what_it_did(store: Store) -> None:
    store_pieces(store, _old("plain"), Piece(title="new", body="b"))
    run = CliRunner()
    for arguments, words in (
        (["--older-than", "1y", "--dry-run"], "would drop 1 articles"),
        (["--older-than", "1y"], "dropped 1 articles"),
    ):
        done = run.invoke(
            presswatch, ["--db", str(store.path), "prune", *arguments], obj=AppContext(),
            catch_exceptions=False,
        )  # fmt: skip
        assert done.exit_code == 0
        assert words in done.stderr
    done = run.invoke(
        presswatch, ["--db", str(store.path), "prune", "--older-than", "soon"], obj=AppContext()
    )
    assert "neither a date" in str(done.exception)
    with store.run_lock(), pytest.raises(Exception, match="under way"):
        run.invoke(
            presswatch, ["--db", str(store.path), "prune", "--older-than", "1y"],
            obj=AppContext(), catch_exceptions=False,
        )  # fmt: skip
