"""Topics and the real store: matching again in silence, feedback, back-test, the commands."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.topic_texts import HEAD, rule, set_of

from alerts.match import match_topics
from alerts.models import MatchInput
from alerts.topics import TopicSet
from flows.cli import presswatch
from flows.rematching import rematch_all
from storage.database import Store
from storage.rows import insert_rows
from storage.topics import (
    count_feedback,
    pending_rematch,
    read_article,
    rematch,
    save_feedback,
    save_hits,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BODIES = [
    "OPCON transfer was discussed in Seoul.",
    "The harbour was closed on Monday.",
    "An OP\u200bCON plan, hidden by a zero-width space.",
    "戰時作戰指揮權移交",
    "Opcon-style handover of a bakery.",
]
FIRST = rule(any_en='["OPCON"]')
SECOND = rule(any_en='["OPCON", "harbour"]')
HAN = rule(any_zh='["战时作战指挥权"]')


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file with the articles: made once, since creating a store takes a while."""
    store = Store(tmp_path_factory.mktemp("filled") / "press.duckdb")
    fill(store, BODIES)
    store.publish()
    return store.path


@pytest.fixture
def store(tmp_path: Path, filled: Path) -> Store:
    return Store(Path(shutil.copy(filled, tmp_path / "press.duckdb")))


def fill(store: Store, bodies: list[str], start: int = 1) -> None:
    rows: list[dict[str, Any]] = [
        {
            "article_id": start + n,
            "title": f"Title {start + n}",
            "body": body,
            "language": "en",
            "outlet": "Herald" if n % 2 else "Times",
            "country": "kr",
            "fetched_at": NOW + timedelta(days=n),
            "story_id": 100 + start + n,
            "words": 5,
            "status": "ok",
        }
        for n, body in enumerate(bodies)
    ]
    with store.write() as tx:
        insert_rows(tx, "core.article", rows)


def stored_hits(store: Store) -> list[tuple[int, str, str]]:
    with store.write() as tx:
        return tx.con.execute(
            "SELECT article_id, topic, topic_version FROM core.topic_hit ORDER BY ALL"
        ).fetchall()


def run(store: Store, topics: TopicSet) -> list[str]:
    return rematch_all(store, topics)


def test_a_new_topic_meets_the_stored_articles_and_writes_no_alert(store: Store) -> None:
    topics = set_of(FIRST)

    assert run(store, topics) == ["t"]

    version = topics.topics[0].version
    assert stored_hits(store) == [(1, "t", version), (3, "t", version), (5, "t", version)]
    with store.write() as tx:
        assert tx.con.execute("SELECT count(*) FROM core.alert").fetchone() == (0,)


def test_an_unchanged_topic_is_left_alone(store: Store) -> None:
    run(store, set_of(FIRST))
    with store.write() as tx:
        tx.con.execute("DELETE FROM core.topic_hit")

    assert run(store, set_of(FIRST)) == []
    assert stored_hits(store) == []


def test_a_changed_topic_replaces_its_hits_and_no_others(store: Store) -> None:
    run(store, set_of(FIRST))
    other = set_of(rule(any_en='["bakery"]'), 'id = "u"\ntitle = "U"\n')
    with store.write() as tx:
        item = MatchInput(title="", body=BODIES[4])
        save_hits(tx, [(5, 105, match_topics(other, item)[0])])

    changed = set_of(SECOND)
    assert run(store, changed) == ["t"]

    version = changed.topics[0].version
    assert [(a, v) for a, topic, v in stored_hits(store) if topic == "t"] == [
        (n, version) for n in (1, 2, 3, 5)
    ]
    assert [a for a, topic, _ in stored_hits(store) if topic == "u"] == [5]


def test_the_screen_of_the_database_misses_no_disguise(store: Store) -> None:
    run(store, set_of(HAN))

    assert [row[0] for row in stored_hits(store)] == [4]


def test_matching_again_can_be_cut_short_and_goes_on(store: Store) -> None:
    topics = set_of(FIRST)
    fill(store, ["OPCON"] * 3, start=20_010)

    rematch_all(store, topics, max_batches=1)
    first = stored_hits(store)
    with store.write() as tx:
        assert pending_rematch(tx.con, topics.versions) == ["t"]
    run(store, topics)

    assert len(first) == 3
    assert len(stored_hits(store)) == 6


def test_articles_stored_while_a_topic_was_out_of_use_are_matched_when_it_returns(
    store: Store,
) -> None:
    topics = set_of(FIRST)
    run(store, topics)
    run(store, set_of(rule(any_en='["bakery"]'), 'id = "u"\ntitle = "U"\n'))
    fill(store, ["OPCON again"], start=50)

    run(store, topics)

    assert 50 in {a for a, topic, _ in stored_hits(store) if topic == "t"}


def test_why_of_a_hit_made_again_shows_the_removed_blocks(store: Store) -> None:
    with store.write() as tx:
        insert_rows(
            tx,
            "core.block",
            [{"article_id": 1, "n": 1, "kind": "boilerplate", "text": "OPCON teaser"}],
        )
    run(store, set_of(FIRST))

    with store.write() as tx:
        row = tx.con.execute("SELECT why FROM core.topic_hit WHERE article_id = 1").fetchone()
    assert row is not None
    assert [i["reason"] for i in json.loads(row[0])["ignored"]] == ["boilerplate"]


def test_the_matcher_is_asked_for_the_changed_topics_only(store: Store) -> None:
    asked: list[frozenset[str]] = []

    def match(item: MatchInput, ids: frozenset[str]) -> list[Any]:
        asked.append(ids)
        return []

    rematch(store, match, {"a": "1", "b": "1"})
    asked.clear()
    rematch(store, match, {"a": "2", "b": "1"})

    assert set(asked) == {frozenset({"a"})}


def test_feedback_is_counted_per_phrase_and_outlet_and_the_newest_mark_holds(
    store: Store,
) -> None:
    run(store, set_of(FIRST))
    with store.write() as tx:
        for article_id in (1, 3, 5):
            assert save_feedback(tx, topic="t", article_id=article_id, relevant=False)
        assert not save_feedback(tx, topic="t", article_id=2, relevant=False)
    with store.write() as tx:
        save_feedback(tx, topic="t", article_id=3, relevant=True)
        counts = count_feedback(tx.con, "t")

    assert counts.marks == 2
    assert counts.phrases == {"OPCON": 2}
    assert counts.outlets == {"Times": 2}


def test_marks_made_in_slack_count_too(store: Store) -> None:
    run(store, set_of(FIRST))
    with store.write() as tx:
        alert = {
            "alert_key": "s101/t/c",
            "story_id": 101,
            "article_id": 1,
            "topic": "t",
            "kind": "alert",
            "state": "sent",
            "attempts": 1,
            "created_at": NOW,
        }
        insert_rows(tx, "core.alert", [alert])
        action = {
            "action_id": "x",
            "action": "not_relevant",
            "alert_key": "s101/t/c",
            "acted_at": NOW,
            "source": "slack",
        }
        insert_rows(tx, "core.alert_action", [action])
        assert count_feedback(tx.con, "t").phrases == {"OPCON": 1}


def test_an_article_is_read_with_its_removed_blocks(store: Store) -> None:
    with store.write() as tx:
        insert_rows(
            tx, "core.block", [{"article_id": 2, "n": 3, "kind": "quarantine", "text": "x"}]
        )
        stored = read_article(tx.con, 2)
        assert read_article(tx.con, 999) is None

    assert stored is not None
    assert stored.item.ignored == (("quarantine", "x"),)


# ---------------------------------------------------------------- commands
class Desk:
    """A folder with settings, one topic and a store, and the command line in it."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.topic = folder / "topics" / "t.toml"
        self.topic.parent.mkdir()
        self.topic.write_text(HEAD + FIRST, encoding="utf-8")
        self.config = folder / "presswatch.toml"
        self.config.write_text(f'db = "{store.path}"\ntopics = "topics"\n', encoding="utf-8")

    def __call__(self, *words: str, code: int = 0, text: str | None = None) -> str:
        result = CliRunner().invoke(
            presswatch, ["--config", str(self.config), "topics", *words], input=text
        )
        assert result.exit_code == code, result.output
        return result.stdout


@pytest.fixture
def desk(tmp_path: Path, store: Store) -> Desk:
    return Desk(tmp_path, store)


def test_backtest_compares_an_edit_with_the_version_in_use(desk: Desk) -> None:
    desk("rematch")
    edited = desk.folder / "edited.toml"
    edited.write_text(HEAD + SECOND + 'not = ["OPCON-style"]\n', encoding="utf-8")

    report = json.loads(desk("backtest", "t", "--file", str(edited), "--json"))

    assert (report["articles"], report["hits"], report["stored_hits"]) == (5, 3, 3)
    assert report["gained_titles"] == ["Title 2"]
    assert report["lost_titles"] == ["Title 5"]
    phrases = {p["phrase"]: (p["hits"], p["solo"]) for p in report["phrases"]}
    assert phrases == {"OPCON": (2, 2), "harbour": (1, 1)}
    assert report["alerts_per_day"] == pytest.approx(3 / 4, abs=0.001)


def test_backtest_takes_a_period(desk: Desk) -> None:
    report = json.loads(desk("backtest", "t", "--since", "2026-03-03", "--json"))

    assert (report["articles"], report["hits"]) == (3, 2)


def test_feedback_becomes_an_example(desk: Desk) -> None:
    desk("rematch")
    desk("feedback", "t", "5", "--reason", "a bakery", "--by", "kim", "--to-example")

    assert 'text   = "Opcon-style handover of a bakery."' in desk.topic.read_text("utf-8")
    assert 'expect = "none"' in desk.topic.read_text("utf-8")
    output = desk("check", code=1)
    assert "expected none, got alert" in output
    assert "a bakery" not in output
    assert "marked “not relevant”: 1 (Times 1)" in desk("backtest", "t")


def test_check_shows_all_files_and_fails_on_errors_only(desk: Desk) -> None:
    assert "t is fine" in desk("check")
    desk("check", "--strict", code=1)
    (desk.folder / "topics" / "bad.toml").write_text('id = "b"\ntitel = "B"\n', "utf-8")

    output = desk("check", code=2)

    assert "bad.toml:2: error: unknown key 'titel': did you mean 'title'?" in output
    assert "t is fine" in output


def test_explain_a_text_a_file_and_a_stored_article(desk: Desk) -> None:
    desk("rematch")
    page = desk.folder / "page.html"
    page.write_text(
        "<html><head><title>Harbour</title></head><body><article><h1>Harbour</h1>"
        + "<p>The council talked about the harbour and about the OPCON plan for an hour.</p>" * 3
        + "</article></body></html>",
        encoding="utf-8",
    )

    assert "“OPCON” lead ×1" in desk("explain", "--article", "1")
    assert "“OPCON” lead ×" in desk("explain", str(page))
    assert json.loads(desk("explain", "--text", "nothing", "--json"))[0]["level"] is None
    assert desk("explain", "--text", "nothing") == "nothing of: t\n"


def test_new_writes_a_file_that_check_accepts(desk: Desk) -> None:
    path = desk("new", "mro", "-", text="ship repair\n함정 정비\n").strip()

    assert "mro is fine" in desk("check", path)
    result = CliRunner().invoke(
        presswatch, ["--config", str(desk.config), "topics", "new", "mro", "--phrase", "x"]
    )
    assert result.exit_code != 0


def test_list_names_the_topics(desk: Desk) -> None:
    rows = json.loads(desk("list", "--json"))

    assert [(row["id"], row["rules"], row["phrases"]) for row in rows] == [("t", 1, 1)]
