"""What is stored already is found by its keys, from files that are only a copy of the table."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import known
from storage.database import Store
from storage.identity import (
    article_keys,
    find_keys,
    insert_article_keys,
    known_keys,
    normalise_title,
)
from storage.known import Key, find_in_table

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(known, "NEW_ROWS", 20)
    return Store(tmp_path / "p.duckdb")


def add(store: Store, first: int, count: int) -> list[Key]:
    """Store `count` articles with two keys each; return all of their keys."""
    rows = [
        (n, article_keys(url=f"https://a.example/{n}", feed="f", guid=str(n)), AT)
        for n in range(first, first + count)
    ]
    with store.write() as tx:
        insert_article_keys(tx, rows)
    return [key for _, keys, _ in rows for key in keys]


def files(store: Store) -> list[Path]:
    return sorted((store.folder / "known").glob("*"))


def look(store: Store, keys: list[Key]) -> dict[Key, int]:
    """Look keys up, and compare with what the table says."""
    with store.write() as tx:
        found = find_keys(tx, keys)
        assert found == find_in_table(tx.con, keys)
    return found


def test_documents_are_found_by_each_of_their_keys(store: Store) -> None:
    keys = article_keys(
        external_id="7", source="Desk", url="https://example.com/a?utm_source=x",
        canonical_url="https://example.com/a", feed="f", guid="g",
    )  # fmt: skip
    assert [kind for kind, _ in keys] == ["id", "url", "guid"]
    with store.write() as tx:
        insert_article_keys(tx, [(5, keys, AT)])
        probes = [
            article_keys(external_id="7", source="Desk"),
            article_keys(external_id="7", source="Post"),
            article_keys(url="http://www.example.com/a/"),
            article_keys(feed="f", guid="g"),
            (),
        ]
        assert known_keys(tx, probes) == [{"id": 5}, {}, {"url": 5}, {"guid": 5}, {}]


def test_the_oldest_of_several_articles_counts(store: Store) -> None:
    keys = article_keys(url="https://example.com/a")
    for article in (9, 4, 6):
        with store.write() as tx:
            insert_article_keys(tx, [(article, keys, AT)])
        add(store, 100 * article, 15)
        assert look(store, list(keys))[keys[0]] == min(article, 9 if article == 9 else 4)


def test_a_short_headline_names_a_column_and_no_article() -> None:
    assert normalise_title("Round-up") == ""
    assert normalise_title("[속보] Ministers agree to meet") == normalise_title(
        "Ministers agree to meet!"
    )


def test_files_agree_with_the_table_and_stay_few(store: Store) -> None:
    rng = random.Random(3)
    keys: list[Key] = []
    for n in range(40):
        keys += add(store, 1000 * n, rng.randrange(1, 30))
        probe = [*rng.sample(keys, min(20, len(keys))), ("url", rng.getrandbits(64)), ("id", 5)]
        look(store, probe)
    assert 1 <= len(files(store)) <= 7
    assert len(look(store, keys)) == len(keys)


def test_a_key_of_one_kind_is_not_found_as_another(store: Store) -> None:
    keys = add(store, 0, 30)
    kind, key = next(k for k in keys if k[0] == "url")
    assert look(store, [("guid", key), ("id", key)]) == {}
    assert look(store, [(kind, key)])


def test_what_the_same_transaction_wrote_is_found(store: Store) -> None:
    add(store, 0, 30)
    keys = article_keys(url="https://b.example/new")
    with store.write() as tx:
        insert_article_keys(tx, [(77, keys, AT)])
        assert find_keys(tx, keys) == {keys[0]: 77}


def test_what_was_rolled_back_is_not_found(store: Store) -> None:
    add(store, 0, 30)
    keys = article_keys(url="https://b.example/new")
    with pytest.raises(RuntimeError), store.write() as tx:
        insert_article_keys(tx, [(n, keys, AT) for n in range(77, 140)])
        find_keys(tx, keys)
        raise RuntimeError("killed")
    assert look(store, list(keys)) == {}
    add(store, 500, 30)
    assert look(store, list(keys)) == {}


@pytest.mark.parametrize("harm", ["cut", "garbage", "gone", "part"])
def test_damaged_files_are_made_anew(store: Store, harm: str) -> None:
    keys = add(store, 0, 30) + add(store, 100, 200)
    look(store, keys)
    path = files(store)[0]
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    elif harm == "garbage":
        path.write_bytes(b"nonsense" * 50)
    elif harm == "gone":
        path.unlink()
    else:
        path.rename(path.with_name("keys.part"))
    other = Store(store.path)
    assert len(look(other, keys)) == len(keys)
    assert len(files(other)) == 1


def test_deleted_articles_are_forgotten(store: Store) -> None:
    keys = add(store, 0, 60)
    look(store, keys)
    with store.write() as tx:
        tx.con.execute("DELETE FROM core.article_key WHERE article_id < 30")
    assert len(look(store, keys)) == len(keys) // 2


def test_files_of_another_database_are_not_believed(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other" / "p.duckdb")
    keys, strange = add(store, 0, 60), add(other, 5000, 60)
    look(store, keys)
    look(other, strange)
    theirs = files(other)[0]
    files(store)[0].unlink()
    theirs.rename(store.folder / "known" / theirs.name)
    fresh = Store(store.path)
    assert look(fresh, strange) == {}
    assert len(look(fresh, keys)) == len(keys)


def test_a_folder_that_cannot_be_written_costs_time_only(store: Store) -> None:
    store.folder.mkdir(parents=True)
    (store.folder / "known").write_text("a file is in the way")
    keys = add(store, 0, 60)
    assert len(look(store, keys)) == len(keys)


def test_processes_may_take_turns(store: Store) -> None:
    other = Store(store.path)
    keys: list[Key] = []
    for n in range(12):
        keys += add(store if n % 2 else other, 100 * n, 15)
        assert len(look(other if n % 3 else store, keys)) == len(keys)
