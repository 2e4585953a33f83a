"""Feeds in the store: what is due, what is owed; nothing listed is lost or fetched twice."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from support.feed_server import FeedServer, answer, conditional, hang, item, raw, rss

from extractors.catch_up import fill_gap
from extractors.feed_list import FeedConfig
from extractors.feed_parser import SafeParser
from extractors.feed_state import FeedState, PollResult
from extractors.fetch import Fetcher, FetchSettings
from extractors.guard import AddressGuard
from extractors.models import Outcome
from extractors.polling import PageResult, poll_batch, poll_stream
from storage.database import Store
from storage.feeds import (
    SavedPolls,
    close_gaps,
    due_entries,
    due_feeds,
    feed_rows,
    finish_entries,
    open_gaps,
    prune_polls,
    queue_entries,
    reserve_polls,
    save_polls,
    sync_feeds,
)
from storage.identity import article_keys, insert_article_keys

SETTINGS = FetchSettings(host_delay_s=0, per_host=50, total_s=3.0)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


def poll(store: Store, server: FeedServer, *configs: FeedConfig) -> SavedPolls:
    with store.write() as tx:
        sync_feeds(tx, configs)
        states = due_feeds(tx, tx.now, [config.name for config in configs])
        reserve_polls(tx, states)

    async def run() -> list[PollResult]:
        async with Fetcher(SETTINGS, AddressGuard([server.address])) as fetcher:
            with SafeParser(workers=1) as parser:
                return await poll_batch(states, fetcher, parser)

    results = asyncio.run(run())
    with store.write() as tx:
        return save_polls(tx, states, results, run_id="r1")


def feed(server: FeedServer, name: str = "f", **more: object) -> FeedConfig:
    return FeedConfig(url=server.url(f"/{name}"), name=name, outlet="Outlet", **more)  # type: ignore[arg-type]


def owed_titles(store: Store) -> list[str]:
    with store.write() as tx:
        return sorted(owed.entry.title for owed in due_entries(tx, tx.now, 100))


def test_what_a_feed_lists_is_owed_once(store: Store, server: FeedServer) -> None:
    server.page("/f", rss(item(1), item(2)))

    first = poll(store, server, feed(server))
    server.page("/f", rss(item(3), item(1), item(2)))
    second = poll(store, server, feed(server))

    assert (first.queued, first.known) == (2, 0)
    assert (second.queued, second.known) == (1, 2)
    assert owed_titles(store) == ["Item 1", "Item 2", "Item 3"]


def test_the_next_poll_is_written_before_anything_is_fetched(
    store: Store, server: FeedServer
) -> None:
    with store.write() as tx:
        sync_feeds(tx, [feed(server)])
        reserve_polls(tx, due_feeds(tx, tx.now))

    with store.write() as tx:
        assert due_feeds(tx, tx.now) == []
        assert len(due_feeds(tx, tx.now + timedelta(hours=2))) == 1


def test_validators_are_stored_and_used(store: Store, server: FeedServer) -> None:
    server.add("/f", conditional(rss(item(1)), etag='"1"', last_modified="then"))

    poll(store, server, feed(server))
    poll(store, server, feed(server))

    assert server.asked("/f")[1].headers["if-none-match"] == '"1"'
    with store.write() as tx:
        rows = tx.con.execute("SELECT outcome, status, new_entries FROM feed_polls").fetchall()
    assert rows == [("ok", 200, 1), ("not_modified", 304, 0)]


def test_a_parse_failure_keeps_the_old_validators(store: Store, server: FeedServer) -> None:
    server.page("/f", rss(item(1)), headers={"ETag": '"good"'})
    poll(store, server, feed(server))
    server.page("/f", "<html>oops</html>", headers={"ETag": '"bad"'})
    saved = poll(store, server, feed(server))
    poll(store, server, feed(server))

    assert server.asked("/f")[2].headers["if-none-match"] == '"good"'
    assert [(c.old, c.new) for c in saved.changes] == [("OK", "DECOY")]


def test_an_article_that_is_stored_is_not_owed_again(store: Store, server: FeedServer) -> None:
    with store.write() as tx:
        keys = article_keys(url="http://feed.example/news/1?utm_source=x")
        by_guid = article_keys(feed="f", guid="guid-2")
        insert_article_keys(tx, [(7, keys, tx.now), (8, by_guid, tx.now)])
    server.page("/f", rss(item(1), item(2), item(3)))

    saved = poll(store, server, feed(server))

    assert (saved.queued, saved.known) == (1, 2)
    assert owed_titles(store) == ["Item 3"]


def test_an_edited_entry_of_a_stored_article_is_owed_as_its_update(
    store: Store, server: FeedServer
) -> None:
    server.page("/f", rss(item(1), item(2)))
    poll(store, server, feed(server))
    with store.write() as tx:
        results = [PageResult(owed=o, outcome="page") for o in due_entries(tx, tx.now, 9)]
        finish_entries(tx, results, stored={r.owed.entry_key for r in results})
        keys = article_keys(feed="f", guid="guid-1", url="http://feed.example/news/1")
        insert_article_keys(tx, [(41, keys, tx.now)])
    server.page("/f", rss(item(1).replace("Text of", "New text of"), item(2)))

    saved = poll(store, server, feed(server))

    with store.write() as tx:
        [owed] = due_entries(tx, tx.now, 9)
    assert (saved.queued, saved.updated, saved.known) == (0, 1, 1)
    assert owed.update_of == 41


def test_the_same_article_in_two_feeds_is_owed_once(store: Store, server: FeedServer) -> None:
    server.page("/a", rss(item(1)))
    server.page("/b", rss(item(1)))

    saved = poll(store, server, feed(server, "a"), feed(server, "b"))

    assert (saved.queued, saved.known) == (1, 1)


def test_owed_entries_are_spread_over_the_feeds(store: Store, server: FeedServer) -> None:
    server.page("/a", rss(*(item(n) for n in range(50))))
    server.page("/b", rss(item(98), item(99)))
    poll(store, server, feed(server, "a"), feed(server, "b"))

    with store.write() as tx:
        first = due_entries(tx, tx.now, 4)

    assert sorted(owed.entry.feed for owed in first) == ["a", "a", "b", "b"]


def test_temporary_failures_come_back_and_are_given_up_after_three_days(
    store: Store, server: FeedServer
) -> None:
    server.page("/f", rss(item(1)))
    poll(store, server, feed(server))
    counts = []
    with store.write() as tx:
        start = tx.now
        for hours in (0, 1, 3, 10, 20, 40, 60, 71):
            late = replace(tx, now=start + timedelta(hours=hours))
            tries = [
                PageResult(owed=o, outcome="retry", error="HTTP 503")
                for o in due_entries(late, late.now, 9)
            ]
            counts.append(finish_entries(late, tries, stored=set()))
        state, error = tx.con.execute("SELECT state, last_error FROM owed_entries").fetchone()

    assert counts[0] == {Outcome.FETCH_FAILED: 1}
    assert {Outcome.GAVE_UP: 1} in counts
    assert (state, error) == ("gave_up", "HTTP 503")


def test_a_given_up_entry_is_not_owed_again(store: Store, server: FeedServer) -> None:
    server.page("/f", rss(item(1)))
    poll(store, server, feed(server))
    with store.write() as tx:
        failed = [PageResult(owed=o, outcome="failed") for o in due_entries(tx, tx.now, 9)]
        finish_entries(tx, failed, stored=set())
    server.page("/f", rss(item(1), item(2)))
    poll(store, server, feed(server))

    assert owed_titles(store) == ["Item 2"]


def test_a_feed_that_left_the_list_keeps_its_history(store: Store, server: FeedServer) -> None:
    server.page("/a", rss(item(1)))
    poll(store, server, feed(server, "a"))
    with store.write() as tx:
        assert sync_feeds(tx, [feed(server, "b")]) == (1, 1)
        assert [s.name for s in due_feeds(tx, tx.now + timedelta(days=40))] == ["b"]
    store.publish()
    with store.read() as con:
        rows = {row["feed"]: row for row in feed_rows(con)}
    assert rows["a"]["items"] == 1 and not rows["a"]["active"]


def test_a_changed_address_starts_the_memory_anew(store: Store, server: FeedServer) -> None:
    server.page("/a", rss(item(1)), headers={"ETag": '"1"'})
    poll(store, server, feed(server, "a"))
    server.page("/elsewhere", rss(item(1)))
    moved = replace(feed(server, "a"), url=server.url("/elsewhere"), tier=3)

    poll(store, server, moved)

    assert "if-none-match" not in server.asked("/elsewhere")[0].headers
    with store.write() as tx:
        assert tx.con.execute("SELECT tier, url FROM feeds").fetchone() == (3, moved.url)


def test_a_long_outage_of_our_own_blames_no_feed(store: Store, server: FeedServer) -> None:
    configs = [replace(feed(server, f"f{n}"), url=f"http://h{n}.invalid/") for n in range(6)]

    saved = poll(store, server, *configs)

    assert saved.own_outage and saved.changes == ()
    with store.write() as tx:
        assert tx.con.execute("SELECT max(failures) FROM feeds").fetchone() == (0.0,)


def _dated(n: int) -> str:
    return item(n).replace(f"0{n % 10}:00:00", f"{n:02d}:00:00")


def test_a_gap_is_filled_from_the_archive_as_backfill(store: Store, server: FeedServer) -> None:
    server.page("/feed", rss(_dated(2), _dated(1)))
    poll(store, server, feed(server, "feed"))
    server.page("/feed", rss(_dated(9), _dated(8)))
    pages = {"2": (7, 6, 5), "3": (4, 3, 2)}

    async def paged(request, writer) -> None:  # type: ignore[no-untyped-def]
        page = request.path.partition("paged=")[2]
        numbers = pages.get(page, (9, 8) if not page else ())
        await answer(rss(*(_dated(n) for n in numbers)))(request, writer)

    server.add("/feed", paged)
    saved = poll(store, server, feed(server, "feed"))

    async def fill() -> list[object]:
        async with Fetcher(SETTINGS, AddressGuard([server.address])) as fetcher:
            with SafeParser(workers=1) as parser:
                return [await fill_gap(gap, fetcher, parser) for gap in gaps]

    with store.write() as tx:
        gaps = open_gaps(tx, tx.now)
    fills = asyncio.run(fill())
    with store.write() as tx:
        counts = close_gaps(tx, fills)  # type: ignore[arg-type]
        late = {o.entry.title for o in due_entries(tx, tx.now, 99) if o.backfill}

    assert saved.gaps == ("feed",)
    assert counts == {"gaps": 1, "entries": 5, "filled": 1, "partly": 0, "lost": 0, "open": 0}
    assert late == {f"Item {n}" for n in (3, 4, 5, 6, 7)}


def test_a_gap_without_a_source_is_recorded_as_lost(store: Store, server: FeedServer) -> None:
    server.page("/f", rss(_dated(1), _dated(2)))
    poll(store, server, feed(server))
    server.page("/f", rss(_dated(8), _dated(9)))
    poll(store, server, feed(server))

    async def fill() -> list[object]:
        async with Fetcher(SETTINGS, AddressGuard([server.address])) as fetcher:
            with SafeParser(workers=1) as parser:
                return [await fill_gap(gap, fetcher, parser) for gap in gaps]

    with store.write() as tx:
        gaps = open_gaps(tx, tx.now)
    fills = asyncio.run(fill())
    with store.write() as tx:
        counts = close_gaps(tx, fills)  # type: ignore[arg-type]
        row = tx.con.execute("SELECT state, filled, reason FROM feed_gaps").fetchone()
        assert open_gaps(tx, tx.now) == []

    assert counts["lost"] == 1
    assert row is not None and row[:2] == ("lost", 0) and "fell out" in row[2]


def test_nothing_is_written_for_an_empty_batch(store: Store) -> None:
    with store.write() as tx:
        assert queue_entries(tx, []).new == 0
        assert save_polls(tx, [], []).queued == 0
        assert finish_entries(tx, [], stored=set()) == {}


def test_half_a_feed_leaves_no_validator_that_would_hide_the_rest(
    store: Store, server: FeedServer
) -> None:
    whole = rss(item(1), item(2), item(3))
    half = whole[: whole.index("<title>Item 3")]
    head = 'HTTP/1.1 200 OK\r\nETag: "1"\r\nConnection: close\r\n\r\n'
    server.add("/f", raw((head + half).encode()))
    poll(store, server, feed(server))
    server.add("/f", conditional(whole, etag='"1"'))
    poll(store, server, feed(server))

    assert owed_titles(store) == ["Item 1", "Item 2", "Item 3"]


def test_a_feed_file_that_is_gzip_itself_is_read(store: Store, server: FeedServer) -> None:
    server.page("/f", gzip.compress(rss(item(1)).encode()), content_type="application/gzip")

    assert poll(store, server, feed(server)).queued == 1


def test_old_polls_are_deleted_a_week_at_a_time(store: Store, server: FeedServer) -> None:
    server.page("/f", rss(item(1)))
    poll(store, server, feed(server))
    with store.write() as tx:
        assert prune_polls(replace(tx, now=tx.now + timedelta(days=35))) == 0
        assert prune_polls(replace(tx, now=tx.now + timedelta(days=38))) == 1
        assert prune_polls(replace(tx, now=tx.now + timedelta(days=38))) == 0


def test_quick_feeds_come_before_slow_ones_in_a_stream(store: Store, server: FeedServer) -> None:
    server.add("/slow", hang())
    for n in range(5):
        server.page(f"/f{n}", rss(item(n)))
    configs = [feed(server, "slow"), *(feed(server, f"f{n}") for n in range(5))]
    states = [FeedState(config=config, url=config.url) for config in configs]

    async def run() -> list[tuple[str, str]]:
        settings = replace(SETTINGS, total_s=1.0)
        async with Fetcher(settings, AddressGuard([server.address])) as fetcher:
            with SafeParser(workers=1) as parser:
                return [(r.feed, r.outcome) async for r in poll_stream(states, fetcher, parser)]

    results = asyncio.run(run())

    assert len(results) == 6
    assert ("slow", "timeout") in results
    assert dict(results)["f4"] == "ok"
