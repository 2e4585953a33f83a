"""Catching up: items fell out of feeds while nobody polled.

Three sites list ten articles; the feed shows three. Between two runs six of them come and go. One
site has a Google News sitemap, one archive pages (RFC 5005), one has neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk
from support.feed_server import FeedServer, answer, rss
from support.slack_server import TOKEN, Rules, SlackServer

from flows.operations import GAPS_NAMED

SITES = ("sitemap", "archive", "bare")
SHOWN, MISSED, LAST = (1, 2, 3), (4, 5, 6, 7, 8, 9), (10, 11, 12)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
PLACES = (
    "Seoul", "Busan", "Incheon", "Daegu", "Gwangju", "Daejeon", "Ulsan", "Jeju", "Suwon",
    "Gangneung", "Pohang", "Mokpo",
)  # fmt: skip
SUBJECTS = (
    "budget", "training", "staff", "maps", "radios", "harbours", "runways", "shelters", "ferries",
    "archives", "tunnels", "weather",
)  # fmt: skip


def when(number: int) -> datetime:
    """Return an article's time: one each hour, the last an hour ago."""
    return NOW - timedelta(hours=13 - number)


def page(site: str, number: int) -> str:
    place, subject = PLACES[number - 1], SUBJECTS[SITES.index(site) * 4 + number % 4]
    lines = "".join(
        f"<p>Officials in {place} said the {subject} of part {part} would follow the wartime "
        f"operational control (OPCON) transfer, the {site} desk reports on day {number}.</p>"
        for part in range(1, 7)
    )
    title = f"{place} debates {subject} after OPCON transfer, {site} desk"
    return (
        f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{lines}"
        "</article></body></html>"
    )


@dataclass
class World:
    """The sites, the desk that reads them, and its Slack."""

    desk: Desk
    slack: SlackServer | None
    servers: dict[str, FeedServer]
    said: dict[int, dict[str, Any]] = field(default_factory=dict)

    def item(self, site: str, number: int) -> str:
        url = self.servers[site].url(f"/news/{number}")
        return (
            f"<item><title>Number {number} of the {site} desk on OPCON</title><link>{url}</link>"
            f"<guid>{site}-{number}</guid>"
            f"<pubDate>{when(number):%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
        )

    def show(self, numbers: tuple[int, ...]) -> None:
        """Let each feed list these articles, and the sources older ones."""
        for site, server in self.servers.items():
            link = (
                '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" '
                'href="/archive-2"/>'
                if site == "archive"
                else ""
            )
            items = [self.item(site, n) for n in reversed(numbers)]
            text = rss(*items, channel=link).replace("http://feed.example/", server.url("/"))
            server.page("/feed.xml", text)
            for n in range(1, numbers[-1] + 1):
                server.page(f"/news/{n}", page(site, n), content_type="text/html")
        archive = self.servers["archive"]
        older = (
            '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" '
            'href="/archive-1"/>'
        )
        archive.page(
            "/archive-2", rss(*(self.item("archive", n) for n in (6, 7, 8, 9)), channel=older)
        )
        archive.page("/archive-1", rss(*(self.item("archive", n) for n in (2, 3, 4, 5))))
        sitemap = self.servers["sitemap"]
        urls = "".join(
            f"<url><loc>{sitemap.url(f'/news/{n}')}</loc><news:news><news:title>Number {n}"
            f"</news:title><news:publication_date>{when(n).isoformat()}</news:publication_date>"
            "</news:news></url>"
            for n in range(1, numbers[-1] + 1)
        )
        sitemap.page("/n.xml", f'<urlset xmlns:news="n">{urls}</urlset>')
        sitemap.page("/robots.txt", f"Sitemap: {sitemap.url('/n.xml')}", content_type="text/plain")

    def run(self, number: int, *, by_command: bool = False) -> None:
        if by_command:
            summary = json.loads(self.desk.run("run", "--json", code=None).stdout)
        else:
            summary = self.desk.cycle().as_dict()
        self.said[number] = {
            "summary": summary,
            "messages": list(self.slack.state.messages),
            "feeds": {
                row["feed"]: row
                for row in json.loads(self.desk.run("feeds", "list", "--json").stdout)
            },
            "list": self.desk.run("feeds", "list").stdout if by_command else "",
            "titles": dict(
                self.desk.sql(
                    "SELECT feed, list_sort(list(DISTINCT CAST(regexp_extract(guid, '\\d+$') AS "
                    "INTEGER))) FROM articles GROUP BY 1"
                )
            ),
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    desk = Desk(tmp_path_factory.mktemp("desk"), ops_channel="#ops", send_wait_s=60)
    with (
        FeedServer() as first,
        FeedServer() as second,
        FeedServer() as third,
        SlackServer(Rules(per_second=1000)) as slack,
    ):
        slack.add_channel("C0000OPS", "ops")
        servers = dict(zip(SITES, (first, second, third), strict=True))
        made = World(desk=desk, slack=slack, servers=servers)
        desk.write_settings(allow_addresses=[server.address for server in servers.values()])
        desk.write_feeds(
            {"url": server.url("/feed.xml"), "name": site, "outlet": f"The {site} desk"}
            for site, server in servers.items()
        )
        desk.env["SLACK_BOT_TOKEN"] = TOKEN
        desk.env["PRESSWATCH_SLACK_BASE_URL"] = slack.base_url
        made.show(SHOWN)
        made.run(1)
        made.show(LAST)
        made.run(2, by_command=True)
        made.run(3)
        yield made


def new_messages(world: World, number: int) -> list[dict[str, Any]]:
    before = len(world.said[number - 1]["messages"])
    return [message.body for message in world.said[number]["messages"][before:]]


@pytest.mark.parametrize("site", ["sitemap", "archive"])
def test_articles_that_fell_out_of_a_feed_are_stored(world: World, site: str) -> None:
    assert world.said[2]["titles"][site] == [*SHOWN, *MISSED, *LAST]


def test_what_could_not_be_had_is_recorded(world: World) -> None:
    rows = {
        feed: rest
        for feed, *rest in world.desk.sql(
            "SELECT feed, state, filled, source, from_at, to_at FROM feed_gaps"
        )
    }

    assert rows["bare"][:3] == ["lost", 0, None]
    assert (rows["bare"][3], rows["bare"][4]) == (when(3), when(10))
    assert rows["sitemap"][:3] == ["filled", 6, "news sitemap"]
    assert rows["archive"][:3] == ["filled", 6, "archive pages of the feed"]
    assert world.said[2]["summary"]["counts"]["gaps"] == {
        "gaps": 3, "entries": 12, "filled": 2, "partly": 0, "lost": 1, "open": 0,
    }  # fmt: skip


def test_what_was_missed_comes_as_one_summary_and_no_flood(world: World) -> None:
    told = world.desk.sql(
        "SELECT kind, count(*) FROM alert_messages WHERE created_at > "
        "(SELECT max(ended_at) FROM runs WHERE run_id = (SELECT min(run_id) FROM runs)) GROUP BY 1"
    )
    kinds = dict(told)

    assert kinds["summary"] == 1
    assert kinds.get("alert", 0) <= len(LAST) * len(SITES)
    alerted = {
        row[0]
        for row in world.desk.sql(
            "SELECT CAST(regexp_extract(a.guid, '\\d+$') AS INTEGER) FROM alert_messages m "
            "JOIN articles a USING (article_id) WHERE m.kind = 'alert'"
        )
    }
    assert not alerted & set(MISSED)


def test_the_operations_channel_gets_one_line_for_all_gaps(world: World) -> None:
    lines = [str(m) for m in new_messages(world, 2) if "Caught up" in str(m)]

    assert len(lines) == 1
    assert "3 feeds had dropped items unseen: 12 found again" in lines[0]
    assert "could be had from bare" in lines[0]
    assert not [m for m in new_messages(world, 2) if "GAP" in str(m)]
    assert len(SITES) < GAPS_NAMED


def test_a_gap_is_the_state_of_its_feed_with_the_reason(world: World) -> None:
    feeds = world.said[2]["feeds"]

    assert {site: feeds[site]["state"] for site in SITES} == dict.fromkeys(SITES, "GAP")
    assert feeds["sitemap"]["state_reason"].endswith("fell out; 6 found again (news sitemap)")
    assert feeds["bare"]["state_reason"].endswith("fell out; none found elsewhere")
    assert "none found elsewhere" in world.said[2]["list"]


def test_a_feed_is_well_again_when_its_gap_is_filled(world: World) -> None:
    feeds = world.said[3]["feeds"]

    assert feeds["sitemap"]["state"] == feeds["archive"]["state"] == "OK"
    assert feeds["bare"]["state"] == "GAP"  # shown for a day: somebody may want to look


def test_a_gap_is_not_looked_for_twice(world: World) -> None:
    assert world.said[3]["summary"]["counts"]["gaps"] == {}
    assert world.said[3]["titles"] == world.said[2]["titles"]
    assert len(world.servers["archive"].asked("/archive-1")) == 1
    assert new_messages(world, 3) == []


def test_a_source_that_does_not_answer_is_asked_again_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    with FeedServer() as server:
        world = World(desk=desk, slack=None, servers=dict.fromkeys(SITES, server))
        desk.write_settings(allow_addresses=[server.address])
        desk.write_feeds([{"url": server.url("/feed.xml"), "name": "bare", "outlet": "The desk"}])
        world.show(SHOWN)
        shown = rss(*(world.item("bare", n) for n in SHOWN))
        server.page("/feed.xml", shown.replace("http://feed.example/", server.url("/")))
        desk.cycle()
        world.show(LAST)
        last = rss(*(world.item("bare", n) for n in LAST))
        server.page("/feed.xml", last.replace("http://feed.example/", server.url("/")))
        sitemap = server.handlers["/n.xml"]
        server.add("/n.xml", answer("", status="503 Busy"))
        desk.cycle()
        busy = desk.sql("SELECT state, filled FROM feed_gaps")
        told = desk.sql("SELECT state, state_reason FROM feeds")
        with desk.app().store.write() as tx:
            tx.con.execute("UPDATE core.feed_gap SET tried_at = tried_at - INTERVAL 1 HOUR")
        server.add("/n.xml", sitemap)
        desk.cycle()
        found = desk.sql("SELECT state, filled FROM feed_gaps")

    assert busy == [("open", 0)]
    assert told[0][0] == "GAP" and "is asked again" in told[0][1]
    assert found == [("filled", 6)]
