"""Article pages, robots.txt, sitemaps and discovery pass the same guard and limits as feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from support.feed_server import FeedServer, answer, hang, item, raw, redirect, rss

from extractors.discovery import discover_feeds
from extractors.errors import FetchError
from extractors.feed_parser import SafeParser
from extractors.feed_state import OwedEntry
from extractors.fetch import Fetcher, FetchSettings
from extractors.guard import AddressGuard
from extractors.models import FeedEntry
from extractors.polling import PageResult, fetch_batch
from extractors.robots import RobotsCache

SETTINGS = FetchSettings(host_delay_s=0, per_host=32, total_s=2.0, connect_s=1.0)
PAGE = "<html><body><p>" + "A paragraph of an article. " * 40 + "</p></body></html>"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


@pytest.fixture
def trap() -> Iterator[FeedServer]:
    with FeedServer() as trap:
        yield trap
        assert trap.contacts == 0


def owed(url: str | None, *, text: str = "Text of the feed.", **more: object) -> OwedEntry:
    entry = FeedEntry(
        feed="f",
        feed_url="http://feed.example/rss",
        guid=str(url),
        url=url,
        raw_url=url,
        title="A title",
        summary=text,
    )
    return OwedEntry(entry_key=1, entry=entry, first_seen=datetime.now(UTC), **more)  # type: ignore[arg-type]


def fetch(server: FeedServer, *entries: OwedEntry, robots: bool = True) -> list[PageResult]:
    async def run() -> list[PageResult]:
        async with Fetcher(SETTINGS, AddressGuard([server.address])) as fetcher:
            return await fetch_batch(entries, fetcher, RobotsCache() if robots else None)

    return asyncio.run(run())


def test_a_page_is_fetched_and_carries_the_last_address(server: FeedServer) -> None:
    server.page("/b", PAGE, content_type="text/html")
    server.add("/a", redirect("/b"))

    [result] = fetch(server, owed(server.url("/a")))

    assert result.outcome == "page"
    assert result.page is not None and result.page.url == server.url("/b")


@pytest.mark.parametrize(
    ("name", "status", "outcome"),
    [
        ("gone", "410 Gone", "feed_content"),
        ("forbidden", "403 Forbidden", "feed_content"),
        ("paid", "402 Payment Required", "feed_content"),
        ("missing", "404 Not Found", "retry"),
        ("busy", "503 Busy", "retry"),
        ("limited", "429 Too Many Requests", "retry"),
    ],
)
def test_a_page_that_is_not_to_be_had_ends_by_its_status(
    server: FeedServer, name: str, status: str, outcome: str
) -> None:
    url = server.page(f"/{name}", "no", status=status)

    [result] = fetch(server, owed(url))

    assert result.outcome == outcome
    assert result.error


def test_hostile_pages_never_reach_the_trap(server: FeedServer, trap: FeedServer) -> None:
    server.add("/to-trap", redirect(trap.url("/secret")))
    server.add("/hangs", hang())
    server.add("/garbage", raw(b"\x00\x01\x02" * 1_000))
    server.page("/big", b"x" * 6_000_000, content_type="text/html")
    good = server.page("/good", PAGE, content_type="text/html")

    results = fetch(
        server,
        owed(server.url("/to-trap")),
        owed(trap.url("/")),
        owed("http://169.254.169.254/"),
        owed(server.url("/hangs")),
        owed(server.url("/garbage")),
        owed(server.url("/big")),
        owed(good),
    )

    assert [r.outcome for r in results] == [
        "feed_content",
        "feed_content",
        "feed_content",
        "retry",
        "retry",
        "feed_content",
        "page",
    ]
    assert [r.reason for r in results[:3]] == ["forbidden_address"] * 3


def test_robots_txt_is_asked_once_and_obeyed(server: FeedServer) -> None:
    server.page(
        "/robots.txt", "User-agent: presswatch\nDisallow: /private/\n", content_type="text/plain"
    )
    open_page = server.page("/open", PAGE, content_type="text/html")
    closed = server.page("/private/a", PAGE, content_type="text/html")

    results = fetch(server, owed(open_page), owed(closed), owed(server.url("/private/b")))

    assert [r.reason for r in results] == ["", "robots", "robots"]
    assert len(server.asked("/robots.txt")) == 1
    assert server.asked("/private/a") == []


def test_a_redirect_into_a_forbidden_part_is_not_followed(server: FeedServer) -> None:
    server.page("/robots.txt", "User-agent: *\nDisallow: /private/\n", content_type="text/plain")
    server.page("/private/a", PAGE, content_type="text/html")
    server.add("/open", redirect("/private/a"))

    [result] = fetch(server, owed(server.url("/open")))

    assert result.reason == "robots"
    assert server.asked("/private/a") == []


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (answer("", status="503 Busy"), "robots_unreachable"),
        (hang(), "robots_unreachable"),
        (answer("", status="404 Not Found"), ""),
        (answer("", status="403 Forbidden"), ""),
        (redirect("/robots.txt"), ""),
        (answer("<html>home</html>", content_type="text/html"), ""),
        (answer("\ufeffUser-agent: *\nAllow: /\n", content_type="text/plain"), ""),
        (answer("# padding\n" * 100_000, content_type="text/plain"), ""),
        (
            answer("User-agent: *\nDisallow: /\n" + "# pad\n" * 100_000, content_type="text/plain"),
            "robots",
        ),
        (answer(b"\xff\xfe\0\0" * 100, content_type="text/plain"), ""),
    ],
)
def test_odd_robots_files_mean_what_rfc_9309_says(
    server: FeedServer, handler: object, reason: str
) -> None:
    server.add("/robots.txt", handler)  # type: ignore[arg-type]
    url = server.page("/open", PAGE, content_type="text/html")

    [result] = fetch(server, owed(url))

    assert result.reason == reason


def test_robots_txt_cannot_lead_to_a_forbidden_address(
    server: FeedServer, trap: FeedServer
) -> None:
    server.add("/robots.txt", redirect(trap.url("/robots.txt")))
    url = server.page("/open", PAGE, content_type="text/html")

    [result] = fetch(server, owed(url))

    assert result.outcome in ("feed_content", "page")


def test_the_last_attempt_takes_the_feeds_text(server: FeedServer) -> None:
    url = server.page("/busy", "", status="503 Busy")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    entry = owed(url, attempts=5)
    last = OwedEntry(entry_key=1, entry=entry.entry, first_seen=long_ago, attempts=5)

    results = fetch(server, entry, last, robots=False)

    assert [r.outcome for r in results] == ["retry", "feed_content"]


def test_an_entry_of_a_feed_that_is_read_as_text_is_not_fetched(server: FeedServer) -> None:
    [result] = fetch(server, owed(server.url("/x"), fetch="feed"))

    assert result.outcome == "feed_content"
    assert server.requests == []


def discover(server: FeedServer, url: str) -> list[str]:
    async def run() -> list[str]:
        async with Fetcher(SETTINGS, AddressGuard([server.address])) as fetcher:
            with SafeParser(workers=1) as parser:
                return [found.url for found in await discover_feeds(url, fetcher, parser)]

    return asyncio.run(run())


def test_discovery_reads_link_tags_and_skips_comment_feeds(server: FeedServer) -> None:
    feed = server.page("/main.xml", rss(item(1)))
    server.page("/comments/feed", rss(item(2)))
    home = server.page(
        "/",
        '<html><head><link rel="alternate" type="application/rss+xml" '
        'href="/comments/feed"><link href="main.xml" type="application/rss+xml" '
        'rel="alternate"></head></html>',
        content_type="text/html",
    )

    assert discover(server, home) == [feed]


def test_discovery_takes_the_address_itself_when_it_is_a_feed(server: FeedServer) -> None:
    feed = server.page("/any", rss(item(1)))

    assert discover(server, feed) == [feed]


def test_discovery_follows_the_sites_list_of_feeds(server: FeedServer) -> None:
    first = server.page("/rss/politics.xml", rss(item(1)))
    second = server.page("/rss/world.xml", rss(item(2)))
    server.page(
        "/service",
        '<a href="/rss/politics.xml">정치</a><a href="/rss/world.xml">국제</a>',
        content_type="text/html",
    )
    home = server.page(
        "/", '<html><a href="/service">RSS 구독</a></html>', content_type="text/html"
    )

    assert discover(server, home) == [first, second]


def test_discovery_tries_well_known_paths_then_news_sitemaps(server: FeedServer) -> None:
    home = server.page("/", "<html>nothing</html>", content_type="text/html")
    news = server.page(
        "/map.xml",
        '<urlset xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url>'
        f"<loc>{server.url('/a1')}</loc><news:news><news:publication_date>2026-11-20T08:00:00Z"
        "</news:publication_date><news:title>Title</news:title></news:news></url></urlset>",
        content_type="application/xml",
    )
    server.page("/robots.txt", f"Sitemap: {news}\n", content_type="text/plain")

    assert discover(server, home) == [news]

    feed = server.page("/rss.xml", rss(item(1)))

    assert discover(server, home) == [feed]


def test_discovery_cannot_be_led_to_a_forbidden_address(
    server: FeedServer, trap: FeedServer
) -> None:
    home = server.page(
        "/",
        f'<base href="{trap.url("/")}"><link rel="alternate" type="application/rss+xml" '
        f'href="/feed"><a href="{trap.url("/rss")}">RSS</a>',
        content_type="text/html",
    )
    server.page("/robots.txt", f"Sitemap: {trap.url('/news.xml')}\n", content_type="text/plain")

    assert discover(server, home) == []


def test_discovery_of_a_forbidden_address_is_refused(trap: FeedServer, server: FeedServer) -> None:
    with pytest.raises(FetchError):
        discover(server, trap.url("/"))
