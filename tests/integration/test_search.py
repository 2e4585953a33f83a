"""Search over real stored articles in four languages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.archive import AT, Piece, add_pieces, store_pieces

import storage.search
from extractors.errors import UsageError
from storage.database import Store
from storage.search import (
    Filters,
    catch_up,
    drop_articles,
    empty_filter,
    reindex_articles,
    search,
    settle,
)

KO = Piece(
    title="국방부, 전작권 전환 일정 협의",
    body="국방부는 20일 전작권은 조건에 따라 전환한다고 밝혔다. 한미 연합훈련은 예정대로 한다.",
    language="ko",
    outlet="한빛일보",
)
JA = Piece(
    title="戦時作戦統制権の移管、来年に協議",
    body="韓国国防省は戦時作戦統制権の移管について協議すると発表した。コンピュータの演習も行う。",
    language="ja",
    outlet="潮風新聞",
)
ZH = Piece(
    title="韓國討論戰時作戰指揮權移交",
    body="韓國國防部表示，戰時作戰指揮權將按條件移交，雙方下月再議。",
    language="zh-Hant",
    outlet="瀾洋時報",
)
EN = Piece(
    title="Seoul sets date for wartime OPCON talks",
    body="Officials said operational control would be transferred under agreed conditions. "
    "An F-35 squadron joins the drill. Control over operational budgets is another matter.",
    topic="opcon",
)
DRILL = Piece(
    title="Harbor drill ends early",
    body="The drill ended after a storm. Control rooms stayed operational throughout the night.",
    at=AT - timedelta(days=40),
)


@pytest.fixture
def filled(store: Store) -> Store:
    store_pieces(store, KO, JA, ZH, EN, DRILL)
    return store


def _titles(store: Store, words: str, **filters: object) -> list[str | None]:
    with store.read() as con:
        found = search(con, words, filters=Filters(**filters))  # type: ignore[arg-type]
    return [hit.title for hit in found.hits]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("작권", KO),  # inside a word
        ("전작권", KO),
        ("한미", KO),
        ("統制", JA),
        ("ンピュ", JA),
        ("ｺﾝﾋﾟｭｰﾀ", JA),  # half-width
        ("指揮", ZH),
        ("战时作战指挥权", ZH),  # simplified finds traditional
        ("opcon", EN),
        ("ＯＰＣＯＮ", EN),
        ("F-35", EN),
        ("squad*", EN),
        ('"operational control"', EN),
        ("議", ZH),  # a single character, at the end of a run too
    ],
)
def test_a_word_is_found_in_its_language(filled: Store, words: str, expected: Piece) -> None:
    assert expected.title in _titles(filled, words)


@pytest.mark.parametrize(
    "words", ["권작", "統権", "opco", '"control operational"', "35 F-36", "drill -storm -F-35"]
)
def test_what_is_not_there_is_not_found(filled: Store, words: str) -> None:
    assert _titles(filled, words) == []


def test_all_words_must_be_there_and_a_phrase_in_its_order(filled: Store) -> None:
    assert set(_titles(filled, "control operational")) == {EN.title, DRILL.title}
    assert _titles(filled, '"operational control"') == [EN.title]
    assert _titles(filled, "operational control -storm") == [EN.title]


def test_han_characters_find_each_other_across_their_forms(filled: Store) -> None:
    assert set(_titles(filled, "作戰")) == {JA.title, ZH.title}


def test_filters_limit_language_outlet_topic_and_time(filled: Store) -> None:
    assert _titles(filled, "drill", topic="opcon") == [EN.title]
    assert _titles(filled, "drill", since=AT - timedelta(days=1)) == [EN.title]
    assert _titles(filled, "drill", until=AT - timedelta(days=1)) == [DRILL.title]
    assert _titles(filled, "作戦", language="zh") == [ZH.title]
    assert _titles(filled, "作戦", outlet="潮風") == [JA.title]


def test_a_title_weighs_more_than_a_passing_mention(store: Store) -> None:
    store_pieces(
        store,
        Piece(title="Weather", body="Rain fell on the harbor. " * 5 + "A submarine was seen."),
        Piece(title="Submarine leaves harbor", body="The boat left at dawn. " * 5),
    )
    assert _titles(store, "submarine") == ["Submarine leaves harbor", "Weather"]


def test_what_is_on_a_topic_comes_before_the_headline_of_a_namesake(store: Store) -> None:
    company = Piece(title="Opcon wins heat order", body="The company is pleased. " * 5)
    talks = Piece(title="Talks in Seoul", body="They spoke of OPCON. " * 2, topic="opcon")
    store_pieces(store, company, talks)
    assert _titles(store, "opcon") == [talks.title, company.title]


@pytest.mark.parametrize(
    ("filters", "name"),
    [
        ({"language": "fr"}, "language"),
        ({"outlet": "Nobody"}, "outlet"),
        ({"topic": "nope"}, "topic"),
        ({"language": "en", "outlet": "Nobody"}, "outlet"),
        ({"language": "en", "outlet": "harbor"}, None),
        ({}, None),
    ],
)
def test_a_filter_that_nothing_passes_is_named(
    filled: Store, filters: dict[str, str], name: str | None
) -> None:
    with filled.read() as con:
        assert empty_filter(con, Filters(**filters)) == name


def test_copies_are_counted_and_not_shown_again(store: Store) -> None:
    first = store_pieces(store, EN)[0]
    store_pieces(store, Piece(title=EN.title, body=EN.body, outlet="Strait Times", copy_of=first))
    with store.read() as con:
        found = search(con, "opcon")
        there = search(con, "opcon", filters=Filters(outlet="strait"))
    assert [(hit.outlet, hit.copies) for hit in found.hits] == [("Harbor Post", 1)]
    assert [hit.outlet for hit in there.hits] == ["Strait Times"]


def test_a_snippet_shows_the_hit_in_the_text_as_printed(filled: Store) -> None:
    with filled.read() as con:
        hits = search(con, "战时 指挥").hits
    marked = [hits[0].snippet[a:b] for a, b in hits[0].marks]
    assert marked == ["戰時", "指揮"]


def test_settled_and_recent_postings_answer_alike(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("작권", "opcon", "squad*", "control operational", "議")
    before = [_titles(filled, word) for word in words]
    with filled.write() as tx:
        settle(tx)
    filled.publish()
    assert [_titles(filled, word) for word in words] == before
    monkeypatch.setattr(storage.search, "RECENT_POSTINGS", 1)
    store_pieces(filled, Piece(title="OPCON again", body="More talks."))
    assert set(_titles(filled, "opcon")) == {EN.title, "OPCON again"}
    with filled.read() as con:
        left = con.execute("SELECT count(*) FROM core.search_recent").fetchone()
    assert left == (0,)


def test_articles_stored_before_there_was_an_index_are_caught_up(store: Store) -> None:
    with store.write() as tx:
        ids = add_pieces(tx, [EN, KO, JA], indexed=False)
        tx.con.execute("UPDATE core.search_state SET upto = ?", [ids[-1]])
    with store.write() as tx:
        assert catch_up(tx, limit=2) == 2
        assert catch_up(tx, limit=2) == 1
        assert catch_up(tx, limit=2) == 0
    store.publish()
    assert _titles(store, "統制") == [JA.title]


def test_a_text_that_was_cleaned_again_is_found_by_what_is_left(filled: Store) -> None:
    with filled.write() as tx:
        tx.con.execute("UPDATE core.article SET body = 'Rain.', rev = ? WHERE title = ?",
                       [tx.rev, DRILL.title])  # fmt: skip
        row = tx.con.execute(
            "SELECT article_id FROM core.article WHERE title = ?", [DRILL.title]
        ).fetchone()
        assert row is not None
        reindex_articles(tx, [row[0]], [DRILL.title], ["Rain."])
    filled.publish()
    assert _titles(filled, "storm") == []
    assert _titles(filled, "rain") == [DRILL.title]
    with filled.write() as tx:
        drop_articles(tx, [row[0]])
    filled.publish()
    assert _titles(filled, "rain") == []


def test_an_empty_query_is_refused_in_a_sentence(filled: Store) -> None:
    with filled.read() as con, pytest.raises(UsageError, match="at least one word"):
        search(con, "-drill ...")
