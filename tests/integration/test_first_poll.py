"""What feeds list at their first poll: alerts as usual, or one summary, by whole cycles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from support.desk import Desk
from support.feed_server import FeedServer

from flows.settings import Settings

TOWNS = """
    Busan Daegu Incheon Gwangju Daejeon Ulsan Suwon Pohang Jinju Mokpo Gunsan Andong Sokcho Gimhae
    Asan Iksan Naju Yeosu Gumi Paju Wonju Geoje Boryeong Taebaek Miryang Sacheon Jecheon Hwaseong
"""
PLACES = tuple(TOWNS.split())
DOINGS = "discuss question praise delay review debate oppose support study rehearse"
VERBS = tuple(DOINGS.split())


def rss(first: int, last: int) -> str:
    """Return a feed whose items tell unlike things about the transfer of operational control."""
    now = datetime.now(UTC)
    items = []
    for n in range(first, last):
        place, verb = PLACES[n % len(PLACES)], VERBS[n % len(VERBS)]
        text = (
            f"Officials in {place} met to {verb} the OPCON transfer on the {n + 3}th floor of the "
            f"{place} assembly. Council member number {n} of {place} said that wartime operational "
            f"control had never been voted on there before. The {place} meeting ended after "
            f"{n + 20} minutes, and {n * 7 + 11} residents of {place} had asked to speak at it."
        )
        items.append(
            f"<item><guid>item-{n}</guid><title>{place} council {n}: members {verb} OPCON "
            f"transfer</title><link>http://news.example/{n}</link>"
            f"<pubDate>{format_datetime(now - timedelta(minutes=n + 1))}</pubDate>"
            f"<description>{text}</description></item>"
        )
    return f'<rss version="2.0"><channel><title>x</title>{"".join(items)}</channel></rss>'


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


def desk_for(folder: Path, server: FeedServer, mode: str, **settings: object) -> Desk:
    desk = Desk(folder, first_poll=mode, allow_addresses=[server.address], **settings)
    desk.write_feeds(
        [{"url": server.url("/rss"), "name": "council", "outlet": "Council News", "fetch": "feed"}]
    )
    return desk


def kinds(desk: Desk) -> dict[str, int]:
    return dict(
        desk.sql(
            "SELECT kind, count(*) FROM alert_messages "
            "WHERE kind IN ('alert', 'summary') AND state <> 'withdrawn' GROUP BY 1"
        )
    )


@pytest.mark.parametrize(
    ("mode", "items", "alerts", "summaries"),
    [("auto", 4, True, 0), ("auto", 28, False, 1), ("summary", 4, False, 1), ("alert", 4, True, 0)],
)
def test_a_first_poll_alerts_or_is_summarised_in_one_message(
    tmp_path: Path, server: FeedServer, mode: str, items: int, alerts: bool, summaries: int
) -> None:
    server.page("/rss", rss(0, items))
    desk = desk_for(tmp_path, server, mode)
    desk.cycle()
    found = kinds(desk)
    assert ("alert" in found) is alerts
    assert found.get("summary", 0) == summaries
    assert desk.sql("SELECT count(*) FROM topic_hits WHERE topic = 'opcon'") == [(items,)]


def test_the_summary_is_what_a_desk_gets_that_sets_nothing() -> None:
    assert Settings().first_poll == "summary"


def test_what_comes_after_the_first_poll_alerts_as_usual(
    tmp_path: Path, server: FeedServer
) -> None:
    server.page("/rss", rss(2, 6))
    desk = desk_for(tmp_path, server, "summary")
    desk.cycle()
    server.page("/rss", rss(0, 6))
    desk.cycle(feeds=["council"])
    assert kinds(desk)["alert"] >= 1
    assert kinds(desk)["summary"] == 1


def test_a_first_poll_that_failed_does_not_count(tmp_path: Path, server: FeedServer) -> None:
    server.page("/rss", "gone for now", status="503 Service Unavailable")
    desk = desk_for(tmp_path, server, "summary")
    desk.cycle()
    server.page("/rss", rss(0, 4))
    desk.cycle(feeds=["council"])
    assert kinds(desk) == {"summary": 1}


def test_what_a_first_poll_leaves_to_later_runs_is_part_of_the_flood(
    tmp_path: Path, server: FeedServer
) -> None:
    server.page("/rss", rss(0, 28))
    desk = desk_for(tmp_path, server, "auto", max_pages_per_run=23)
    desk.cycle()
    desk.cycle()
    assert desk.sql("SELECT count(*) FROM articles") == [(28,)]
    assert "alert" not in kinds(desk)
