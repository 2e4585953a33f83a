"""A second hostile drill, with attacks that the code was not written against: each feed ends with a
named outcome, nothing forbidden is contacted, and the healthy feeds beside them are read."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.feed_server import FeedServer, answer, item, raw, rss
from support.hostile_answers import Attack, drip, flood, head
from support.hostile_articles import page_attacks, robots_attacks
from support.hostile_stranger import feed_attacks, schemes, spellings

from extractors.discovery import discover_feeds, page_links
from extractors.errors import FetchError
from extractors.feed_check import check_feed
from extractors.feed_list import FeedConfig
from extractors.feed_parser import SafeParser
from extractors.feed_state import FeedState, PollResult
from extractors.fetch import Fetcher, FetchSettings
from extractors.guard import AddressGuard
from extractors.polling import poll_batch
from extractors.robots import RobotsCache, own_rules
from extractors.sitemaps import MAX_SITEMAPS, named_sitemaps, parse_sitemap_index

HEALTHY = 20
QUICK = FetchSettings(host_delay_s=0, per_host=64, total_s=2.0, connect_s=2.0)
PATIENT = FetchSettings(host_delay_s=0, per_host=64, total_s=60.0, connect_s=10.0)


@dataclass
class Drill:
    """What was served and what came of it."""

    attacks: dict[str, Attack]
    results: dict[str, PollResult]
    contacts: int


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


def state(name: str, url: str) -> FeedState:
    return FeedState(config=FeedConfig(url=url, name=name, outlet="x"), url=url)


@pytest.fixture(scope="module")
def drill() -> Drill:
    """Poll all of them; those that drip or never end with a short deadline."""
    with FeedServer() as server, FeedServer() as trap:
        attacks = feed_attacks(trap.address, trap.port)
        server.page("/s/good", rss(item(1)))
        states = {}
        for name, attack in attacks.items():
            states[name] = state(name, server.add(f"/s/{name}", attack.handler))
        for n in range(HEALTHY):
            url = server.page(f"/healthy/{n}", rss(item(1), item(2)))
            states[f"healthy-{n}"] = state(f"healthy-{n}", url)
        slow = {name for name in states if name.startswith(("slow-", "endless-"))}

        async def run(names: list[str], settings: FetchSettings) -> list[PollResult]:
            async with Fetcher(settings, AddressGuard([server.address])) as fetcher:
                with SafeParser(workers=2) as parser:
                    return await poll_batch([states[n] for n in names], fetcher, parser)

        results = asyncio.run(run(sorted(slow), QUICK))
        results += asyncio.run(run([n for n in states if n not in slow], PATIENT))
        return Drill(attacks, {r.feed: r for r in results}, trap.contacts)


@pytest.mark.slow
def test_every_attack_ends_with_an_outcome_that_is_right(drill: Drill) -> None:
    wrong = [
        (name, drill.results[name].outcome, drill.results[name].error)
        for name, attack in drill.attacks.items()
        if drill.results[name].outcome not in attack.outcomes
    ]

    assert wrong == []
    assert len(drill.attacks) > 300


@pytest.mark.slow
def test_nothing_forbidden_is_contacted(drill: Drill) -> None:
    assert drill.contacts == 0


@pytest.mark.slow
def test_healthy_feeds_are_read_beside_them(drill: Drill) -> None:
    read = [drill.results[f"healthy-{n}"] for n in range(HEALTHY)]

    assert [r.listed for r in read] == [2] * HEALTHY


@pytest.mark.slow
def test_every_failure_is_told_in_printable_words(drill: Drill) -> None:
    failed = [r for r in drill.results.values() if not r.is_good]

    assert all(r.error and r.error.isprintable() for r in failed)


@pytest.mark.slow
def test_no_entry_of_theirs_holds_what_cannot_be_stored(drill: Drill) -> None:
    for result in drill.results.values():
        for entry in result.parsed.entries if result.parsed else ():
            f"{entry.guid}{entry.url}{entry.title}{entry.summary}{entry.author}".encode()
            assert "\x00" not in entry.title + entry.guid


def test_no_spelling_of_a_forbidden_place_is_asked_for(server: FeedServer) -> None:
    async def run() -> tuple[set[str], int]:
        with FeedServer() as trap:
            async with Fetcher(QUICK, AddressGuard([server.address])) as fetcher:
                outcomes = set()
                for url in [*spellings(trap.port).values(), *schemes(trap.port).values()]:
                    try:
                        await fetcher.get(url)
                        outcomes.add(url)
                    except FetchError as exc:
                        outcomes.add(exc.outcome)
            return outcomes, trap.contacts

    outcomes, contacts = asyncio.run(run())

    assert contacts == 0
    assert outcomes <= {"forbidden_address", "dns"}


# ------------------------------------------------------------------ bytes as sent
@pytest.mark.parametrize(
    "start",
    [
        b"",  # interim answers
        head("Transfer-Encoding: chunked") + b"0\r\n",  # trailers
        head("Transfer-Encoding: chunked") + b"5;",  # chunk extension
    ],
)
@pytest.mark.parametrize("piece", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x=y;" * 100])
def test_bytes_that_are_no_body_are_bounded(server: FeedServer, start: bytes, piece: bytes) -> None:
    sent = 0

    async def serve(request: object, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece * 400)
            sent += 400 * len(piece)
            await writer.drain()

    url = server.add("/flood", serve)
    with pytest.raises(FetchError) as caught:
        asyncio.run(_get(server, url, PATIENT))

    assert caught.value.outcome in ("too_large", "bad_http")
    assert sent < 40_000_000


@pytest.mark.parametrize(
    "rest", [b"zz\r\nno size of a chunk", b"0\r\nno trailer\r\n\r\n", b"5;a\x00b\r\nabcde\r\n"]
)
def test_broken_framing_that_comes_after_the_head_ends_the_fetch_at_once(
    server: FeedServer, rest: bytes
) -> None:
    """The head is read by then, and the server keeps the connection open."""

    async def serve(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head("Transfer-Encoding: chunked") + b"5\r\nabcde\r\n")
        await writer.drain()
        await asyncio.sleep(0.3)  # so that what follows is a packet of its own
        writer.write(rest)
        await writer.drain()
        await asyncio.sleep(120)

    url = server.add("/late", serve)

    with pytest.raises(FetchError) as caught:
        asyncio.run(_get(server, url, PATIENT))

    assert caught.value.outcome == "bad_http"
    assert "not proper HTTP" in str(caught.value)
    assert "\\n" not in str(caught.value)


def test_one_byte_chunks_are_given_up(server: FeedServer) -> None:
    start = head("Transfer-Encoding: chunked")
    url = server.add("/crumbs", flood(start, b"1\r\n<\r\n"))

    with pytest.raises(FetchError, match="crumbs"):
        asyncio.run(_get(server, url, PATIENT))


def test_small_chunks_and_many_lines_are_fine(server: FeedServer) -> None:
    lines = b"<p>ab\r\n" * 150_000
    chunks = b"".join(b"%x\r\n%s\r\n" % (50, lines[n : n + 50]) for n in range(0, len(lines), 50))
    start = head("Content-Type: text/html", "Transfer-Encoding: chunked")
    url = server.add("/lines", raw(start + chunks + b"0\r\n\r\n"))
    plain = server.page("/plain", b"\r\nab cd ef\r\n" * 200_000)

    assert asyncio.run(_get(server, url, PATIENT)) == lines
    assert len(asyncio.run(_get(server, plain, PATIENT))) == 12 * 200_000


def test_empty_gzip_members_are_given_up(server: FeedServer) -> None:
    body = gzip.compress(b"") * 20_000
    url = server.page("/members", body, headers={"Content-Encoding": "gzip"})

    with pytest.raises(FetchError, match="gzip members"):
        asyncio.run(_get(server, url, PATIENT))


def test_a_redirect_in_an_old_encoding_is_followed(server: FeedServer) -> None:
    url = server.add("/a", raw(b"HTTP/1.1 302 F\r\nLocation: /caf\xe9\r\n\r\n"))
    server.page("/caf%E9", "found", content_type="text/html")

    assert asyncio.run(_get(server, url, PATIENT)) == b"found"


async def _get(server: FeedServer, url: str, settings: FetchSettings) -> bytes:
    async with Fetcher(settings, AddressGuard([server.address])) as fetcher:
        return (await fetcher.get(url)).content


# ------------------------------------------------------------------ robots.txt, sitemaps
async def _robots_end(server: FeedServer, settings: FetchSettings) -> str:
    async with Fetcher(settings, AddressGuard([server.address])) as fetcher:
        try:
            await RobotsCache().check(server.url(f"/a?{'a' * 4_000}"), fetcher)
        except FetchError as exc:
            return exc.outcome
    return "may"


def test_hostile_robots_files_end_and_contact_nobody() -> None:
    ends = {}
    with FeedServer() as trap:
        for name, handler in robots_attacks(trap.address).items():
            with FeedServer() as server:  # a place of its own: delays are kept for each
                server.add("/robots.txt", handler)
                ends[name] = asyncio.run(_robots_end(server, QUICK if name == "slow" else PATIENT))
        assert trap.contacts == 0

    assert ends.pop("slow") == "robots_unreachable"
    assert ends.pop("private") == "forbidden_address"
    assert set(ends.values()) == {"may"}


def test_only_the_groups_that_concern_us_are_kept() -> None:
    text = (
        "User-agent: a\nUser-agent: Presswatch # us\nDisallow: /both\nCrawl-delay: 7\n"
        "Sitemap: https://a.example/s.xml\n"
        "User-agent: *\nSitemap: https://a.example/t.xml\nUser-agent: b\nDisallow: /all\n"
        "User-agent: c\nDisallow: /c\nuser agent presswatch\nDisallow: /more\n"
        "User-agent:\nDisallow: /nobody\nUser-agents-policy: x\nDisallow: /d"
    )

    assert own_rules(text).split("\n") == [
        "User-agent: presswatch",
        "Disallow: /both",
        "Crawl-delay: 7",
        "User-agent: *",
        "Disallow: /all",
        "User-agent: presswatch",
        "Disallow: /more",
    ]


def test_agents_do_not_multiply_the_rules() -> None:
    agents = "".join(f"User-agent: a{n}\n" for n in range(10_000)) + "User-agent: *\n" * 500
    text = agents + "".join(f"Disallow: /q{n}\n" for n in range(20_000))

    assert len(own_rules(text).split("\n")) <= 20_001


@pytest.mark.parametrize("delay", ["nan", "inf", "-5", "1e400", "x"])
def test_a_crawl_delay_that_is_no_number_of_seconds_is_none(server: FeedServer, delay: str) -> None:
    server.page("/robots.txt", f"User-agent: *\nCrawl-delay: {delay}\n")

    async def run() -> float:
        async with Fetcher(QUICK, AddressGuard([server.address])) as fetcher:
            await RobotsCache().check(server.url("/a"), fetcher)
            return fetcher.pacer.expected_wait(server.address)

    assert asyncio.run(run()) == 0.0


def test_sitemaps_that_list_everything_are_read_in_part() -> None:
    many = "".join(f"<sitemap><loc>http://h.example/{n}</loc></sitemap>" for n in range(50_000))
    last = "<sitemap><loc>http://h.example/news.xml</loc></sitemap>"

    listed = parse_sitemap_index(f"<sitemapindex>{many}{last}</sitemapindex>", "http://h.example/")

    assert listed[0] == "http://h.example/news.xml"
    assert len(listed) <= MAX_SITEMAPS + 1
    assert len(named_sitemaps("\n" * 500_000 + "Sitemap: /a\n" * 90_000, "http://h.example/")) == 1


# ------------------------------------------------------------------ pages
@pytest.mark.parametrize("tail", ["a" * 900_000, "a=" * 400_000, 'href="' * 100_000])
def test_links_of_a_page_are_read_in_linear_time(tail: str) -> None:
    links, _, _ = page_links(
        f'<link rel="alternate" type="application/rss+xml" href="/f"><a {tail}>',
        "http://h.example/",
    )

    assert links == ["http://h.example/f"]


@pytest.mark.parametrize("body", [b"<p>" * 1_600_000, b"<p " * 1_600_000, b"<p></p >" * 500_000])
def test_check_and_discovery_survive_hostile_pages(server: FeedServer, body: bytes) -> None:
    url = server.page("/page", body, content_type="text/html")
    feed = server.page("/list", rss(item(1, link=url)))

    async def run() -> tuple[str, list[str]]:
        async with Fetcher(PATIENT, AddressGuard([server.address])) as fetcher:
            with SafeParser(workers=1) as parser:
                config = FeedConfig(url=feed, name="x", outlet="x")
                check = await check_feed(config, fetcher, parser, None)
                found = await discover_feeds(url, fetcher, parser)
                return check.pages, [offer.url for offer in found]

    pages, found = asyncio.run(run())

    assert pages and pages != "readable"
    assert found == []


def test_links_of_hostile_pages_are_not_followed() -> None:
    with FeedServer() as server, FeedServer() as trap:
        named = ("canonical-private", "frames", "images-private", "entities-dtd")
        bodies = page_attacks(trap.address)
        urls = [server.page(f"/p/{n}", bodies[n], content_type="text/html") for n in named]

        async def run() -> None:
            async with Fetcher(QUICK, AddressGuard([server.address])) as fetcher:
                with SafeParser(workers=1) as parser:
                    for url in urls:
                        await discover_feeds(url, fetcher, parser)
                        feed = FeedConfig(
                            url=server.page("/feed", rss(item(1, link=url))), name="x", outlet="x"
                        )
                        await check_feed(feed, fetcher, parser, RobotsCache())

        asyncio.run(run())

        assert trap.contacts == 0


def test_a_server_that_drips_costs_no_more_than_its_deadline(server: FeedServer) -> None:
    url = server.add("/drip", drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause_s=0.05))
    server.page("/good", answer_text := "<p>fine</p>", content_type="text/html")
    server.add("/also", answer(answer_text))

    with pytest.raises(FetchError, match="no complete answer"):
        asyncio.run(_get(server, url, FetchSettings(host_delay_s=0, total_s=0.5)))
    assert asyncio.run(_get(server, server.url("/good"), QUICK)) == answer_text.encode()
