"""Site memory in a real DuckDB file: what is learned, what works backwards, what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from extractors.boilerplate import clean_lines
from extractors.models import Article, BlockKind, Line, RawDocument
from extractors.site_memory import MAX_LESSONS, HostMemory
from storage.articles import StoredArticle, insert_articles, reserve_article_ids
from storage.database import Store, Transaction
from storage.site_memory import learn, load_memory, reclean_hosts

HOST = "harbour-herald.example"
NOW = datetime(2026, 1, 26, 6, tzinfo=UTC)
PROMO = "Our little ferry timetable hangs beside the door of the harbour office all summer long."
MOTTO = "Tide and tidings since the lighthouse was lit"


def story(n: int) -> list[str]:
    """Sentences that no other number yields."""
    words = ("gull", "rope", "mast", "anchor", "keel", "sail", "oar", "hull", "buoy", "deck")
    kind = f"{words[n % 10]} {words[n // 10 % 10]} {words[n // 100 % 10]}"
    return [
        f"The council of Seaport voted on the {kind} rule number {kind} on Monday evening.",
        f"Fishermen who had asked for the {kind} said that they were glad of the {kind} result.",
        f"Nobody knew how the {kind} would be paid for before the {kind} season was over.",
        f"A second reading of the {kind} bill is planned for the week after the {kind} fair.",
    ]


def article(n: int, extra: Sequence[str], memory: HostMemory | None = None) -> Article:
    lines = [Line(text=text) for text in [*story(n), *extra]]
    cleaned = clean_lines(lines, host=HOST, memory=memory)
    return Article(
        doc=RawDocument(doc_id=f"d{n}"),
        title=f"Story {n}",
        url=f"https://{HOST}/{n}",
        canonical_url=None,
        outlet="Harbour Herald",
        author=None,
        section=None,
        published_at=NOW,
        language=cleaned.language,
        blocks=cleaned.blocks,
    )


def put(tx: Transaction, articles: Sequence[Article], *, at: datetime = NOW) -> list[int]:
    ids = reserve_article_ids(tx, len(articles))
    insert_articles(
        tx,
        [
            StoredArticle(article_id=i, article=a, fetched_at=at, host=HOST, body_hash=1, words=1)
            for i, a in zip(ids, articles, strict=True)
        ],
    )
    learn(tx, [(i, HOST, a) for i, a in zip(ids, articles, strict=True)])
    return ids


def body(tx: Transaction, article_id: int) -> str:
    row = tx.con.execute(
        "SELECT body FROM core.article WHERE article_id = ?", [article_id]
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_a_sentence_on_three_stories_is_taken_from_the_fourth(store: Store) -> None:
    with store.write() as tx:
        put(tx, [article(n, [PROMO]) for n in range(3)])
        memory = load_memory(tx.con, [HOST])[HOST]
    fourth = article(3, [PROMO], memory)
    assert [b.rule for b in fourth.blocks if b.text == PROMO] == ["memory:host"]
    assert fourth.body == "\n".join(story(3))


def test_stored_articles_are_cleaned_again_when_a_line_becomes_known(store: Store) -> None:
    with store.write() as tx:
        ids = put(tx, [article(n, [PROMO]) for n in range(2)])
        assert reclean_hosts(tx, [HOST], now=NOW) == []
        assert PROMO in body(tx, ids[0])
    with store.write() as tx:
        ids += put(tx, [article(2, [PROMO])])
        assert reclean_hosts(tx, [HOST], now=NOW) == ids
        for n, article_id in enumerate(ids):
            assert body(tx, article_id) == "\n".join(story(n))
        kinds = tx.con.execute(
            "SELECT kind, rule, text FROM blocks WHERE kind <> 'body' ORDER BY article_id"
        ).fetchall()
        assert kinds == [("boilerplate", "memory:host", PROMO)] * 3
        assert reclean_hosts(tx, [HOST], now=NOW) == []


def test_all_rows_of_an_article_that_changed_carry_the_revision_of_the_change(
    store: Store,
) -> None:
    with store.write() as tx:
        put(tx, [article(n, [PROMO]) for n in range(2)])
    with store.write() as tx:
        put(tx, [article(2, [PROMO])])
    with store.write() as tx:
        changed = reclean_hosts(tx, [HOST], now=NOW)
        assert len(changed) == 3
        revs = tx.con.execute(
            "SELECT DISTINCT rev FROM core.block UNION SELECT DISTINCT rev FROM core.article"
        ).fetchall()
        assert revs == [(tx.rev,)]
        hashes = tx.con.execute("SELECT count(*) FROM core.article WHERE body_hash = 1").fetchone()
        assert hashes == (0,)


def test_old_articles_are_left_as_they_are(store: Store) -> None:
    with store.write() as tx:
        old = put(tx, [article(n, [PROMO]) for n in range(2)], at=NOW - timedelta(days=40))
        new = put(tx, [article(2, [PROMO])])
        assert reclean_hosts(tx, [HOST], now=NOW) == new
        assert PROMO in body(tx, old[0])


def test_versions_of_one_story_teach_nothing(store: Store) -> None:
    with store.write() as tx:
        versions = [article(7, [f"Added later in the day: note {'x' * n}."]) for n in range(5)]
        ids = put(tx, versions)
        assert reclean_hosts(tx, [HOST], now=NOW) == []
        memory = load_memory(tx.con, [HOST])[HOST]
        assert story(7)[0] in body(tx, ids[0])
    again = article(7, [], memory)
    assert again.body == "\n".join(story(7))


def test_the_memory_of_a_host_does_not_grow_and_forgets(store: Store) -> None:
    with store.write() as tx:
        put(tx, [article(n, [PROMO]) for n in range(3)])
    with store.write() as tx:
        put(tx, [article(n, [MOTTO]) for n in range(3, 3 + MAX_LESSONS)])
        memory = load_memory(tx.con, [HOST])[HOST]
        assert len(memory) == MAX_LESSONS
    page = article(400, [PROMO, MOTTO], memory)
    kinds = {b.text: b.kind for b in page.blocks}
    assert kinds[PROMO] is BlockKind.BODY
    assert kinds[MOTTO] is BlockKind.BOILERPLATE


def test_hosts_do_not_teach_each_other(store: Store) -> None:
    with store.write() as tx:
        put(tx, [article(n, [PROMO]) for n in range(3)])
        assert load_memory(tx.con, ["elsewhere.example"]) == {}
        assert reclean_hosts(tx, ["elsewhere.example"], now=NOW) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_published_view_shows_how_much_was_learned(
    store: Store, order: tuple[int, ...]
) -> None:
    for n in order:
        with store.write() as tx:
            put(tx, [article(n, [PROMO])])
    with store.read() as con:
        row = con.execute("SELECT host, articles, articles_ever FROM site_memory").fetchone()
    assert row == (HOST, 3, 3)
