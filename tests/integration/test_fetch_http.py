"""The HTTP client against a real server: validators, redirects, pacing, what it never sends."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from support.feed_server import (
    FeedServer,
    Request,
    answer,
    conditional,
    hang,
    item,
    redirect,
    rss,
)

from extractors.errors import FetchError, ForbiddenAddress
from extractors.fetch import (
    Fetcher,
    FetchSettings,
    fetch_page,
    make_user_agent,
)
from extractors.guard import AddressGuard
from extractors.http_status import parse_retry_after
from extractors.pacing import HostPacer

T = TypeVar("T")
QUICK = FetchSettings(host_delay_s=0, per_host=50, total_s=3.0, user_agent="presswatch/test (x)")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


def run(
    server: FeedServer,
    job: Callable[[Fetcher], Awaitable[T]],
    settings: FetchSettings = QUICK,
) -> T:
    async def main() -> T:
        async with Fetcher(settings, AddressGuard([server.address])) as fetcher:
            return await job(fetcher)

    return asyncio.run(main())


def test_both_validators_come_back_verbatim(server: FeedServer) -> None:
    etag, modified = 'W/"odd: \\"quoted\\" ,value"', "Sat, 21-Nov-26 7:05:00 KST"
    url = server.add("/rss", conditional(rss(item(1)), etag=etag, last_modified=modified))

    first = run(server, lambda f: f.get(url, kind="feed"))
    second = run(
        server,
        lambda f: f.get(
            url,
            etag=first.headers["etag"],
            last_modified=first.headers["last-modified"],
            kind="feed",
        ),
    )

    assert second.not_modified and second.content == b""
    sent = server.asked("/rss")[1].headers
    assert (sent["if-none-match"], sent["if-modified-since"]) == (etag, modified)


def test_name_version_and_contact_are_sent_and_nothing_that_tracks(server: FeedServer) -> None:
    url = server.page("/rss", rss(), headers={"Set-Cookie": "a=b"})

    async def twice(fetcher: Fetcher) -> None:
        await fetcher.get(url, kind="feed")
        await fetcher.get(url, kind="feed")

    run(server, twice)

    headers = server.asked("/rss")[1].headers
    assert headers["user-agent"] == "presswatch/test (x)"
    assert headers["accept-encoding"] == "gzip, deflate"
    assert not {"cookie", "referer", "authorization", "origin"} & set(headers)


def test_the_user_agent_cannot_be_broken_by_the_contact() -> None:
    assert (
        make_user_agent("1.0", "desk@example.org")
        == "presswatch/1.0 (news monitor; desk@example.org)"
    )
    assert "\n" not in make_user_agent("1.0", "a\r\nX: y")
    assert "no contact" in make_user_agent("1.0", None)


@pytest.mark.parametrize(
    ("statuses", "permanent"),
    [
        (("301 Moved",), True),
        (("308 Moved",), True),
        (("302 Found",), False),
        (("301 Moved", "302 Found"), False),
        (("302 Found", "301 Moved"), False),
        (("301 Moved", "308 Moved"), True),
    ],
)
def test_only_a_chain_of_permanent_redirects_is_a_move(
    server: FeedServer, statuses: tuple[str, ...], permanent: bool
) -> None:
    for n, status in enumerate(statuses):
        server.add(f"/{n}", redirect(f"/{n + 1}", status))
    last = server.page(f"/{len(statuses)}", rss())

    fetched = run(server, lambda f: f.get(server.url("/0"), kind="feed"))

    assert fetched.url == last
    assert fetched.permanent_url == (last if permanent else None)


def test_environment_proxies_are_ignored(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FeedServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        url = server.page("/rss", rss())

        assert run(server, lambda f: f.get(url)).status == 200
        assert proxy.contacts == 0


def test_a_name_that_changes_its_address_between_hops_is_caught(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.1", "127.0.0.2", "127.0.0.2"])
    real = socket.getaddrinfo

    def rebinding(host: str, port: int, *args: object, **more: object) -> object:
        if host == "rebind.example":
            host = next(answers)
        return real(host, port, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with FeedServer(host="127.0.0.2", port=server.port) as trap:
        server.add("/a", redirect(f"http://rebind.example:{server.port}/b"))
        first = f"http://rebind.example:{server.port}/a"

        async def twice(fetcher: Fetcher) -> None:
            await fetcher.get(server.page("/ok", rss()))
            with pytest.raises(ForbiddenAddress):
                await fetcher.get(first)
                await fetcher.get(first)

        async def uncached(fetcher: Fetcher) -> None:
            assert fetcher._session is not None
            fetcher._session.connector._use_dns_cache = False  # type: ignore[union-attr]
            await twice(fetcher)

        run(server, uncached)
        assert trap.contacts == 0


def test_a_name_with_one_good_and_one_bad_address_reaches_the_good_one(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def mixed(host: str, port: int, *args: object, **more: object) -> object:
        if host == "mixed.example":
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("64:ff9b::7f00:1", port, 0, 0)),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            ]
        return real(host, port, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", mixed)
    server.page("/rss", rss())
    with FeedServer(host="127.0.0.2", port=server.port) as trap:
        url = f"http://mixed.example:{server.port}/rss"

        assert run(server, lambda f: f.get(url)).status == 200
        assert trap.contacts == 0


def test_at_most_two_requests_run_at_one_host(server: FeedServer) -> None:
    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await answer(rss())(request, writer)

    urls = [server.add(f"/{n}", slow) for n in range(8)]

    async def job(fetcher: Fetcher) -> None:
        await asyncio.gather(*(fetcher.get(url) for url in urls))

    run(server, job, FetchSettings(host_delay_s=0, per_host=2))

    assert server.most_open == 2
    assert len(server.requests) == 8


def test_starts_at_one_host_are_spaced_and_other_hosts_do_not_wait() -> None:
    clock = [100.0]
    starts: list[tuple[str, float]] = []

    async def main() -> None:
        pacer = HostPacer(per_host=2, delay_s=5.0, clock=lambda: clock[0])
        gate = asyncio.Semaphore(10)

        async def one(host: str) -> None:
            async with pacer.turn(host, 60.0, gate):
                starts.append((host, clock[0]))

        real_sleep = asyncio.sleep

        async def sleep(seconds: float) -> None:
            if seconds > 0:
                clock[0] += seconds
            await real_sleep(0)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio, "sleep", sleep)
            await one("a")
            await one("b")
            await one("a")
            pacer.set_delay("a", 20.0)
            await one("a")
            await one("a")

    asyncio.run(main())

    assert starts == [("a", 100.0), ("b", 100.0), ("a", 105.0), ("a", 110.0), ("a", 130.0)]


def test_a_queue_that_is_too_long_is_left_for_a_later_run(server: FeedServer) -> None:
    urls = [server.page(f"/{n}", rss()) for n in range(4)]

    async def job(fetcher: Fetcher) -> list[str]:
        async def one(url: str) -> str:
            try:
                await fetcher.get(url)
            except FetchError as exc:
                return exc.outcome
            return "ok"

        return list(await asyncio.gather(*(one(url) for url in urls)))

    settings = FetchSettings(host_delay_s=0.2, max_host_wait_s=0.3)

    assert sorted(run(server, job, settings)) == ["deferred", "deferred", "ok", "ok"]


def test_a_stuck_host_does_not_hold_up_the_others(server: FeedServer) -> None:
    stuck = server.add("/stuck", hang())
    with FeedServer(host="127.0.0.3") as other:
        good = [other.page(f"/{n}", rss()) for n in range(10)]

        async def main() -> list[str]:
            guard = AddressGuard([server.address, other.address])
            settings = FetchSettings(host_delay_s=0, total_s=1.0, per_host=2, concurrency=3)
            async with Fetcher(settings, guard) as fetcher:
                tasks = [asyncio.create_task(fetcher.get(stuck)) for _ in range(6)]
                await asyncio.gather(*(fetcher.get(url) for url in good))
                still = sum(not task.done() for task in tasks)
                await asyncio.gather(*tasks, return_exceptions=True)
                return [str(still)]

        [still] = asyncio.run(main())

    assert int(still) >= 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Sun, 22 Nov 2026 12:10:00 GMT", 600.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("9" * 30, 86_400.0),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_date(
    value: str | None, expected: float | None
) -> None:
    assert parse_retry_after(value, datetime(2026, 11, 22, 12, tzinfo=UTC)) == expected


def test_one_page_can_be_fetched_without_a_loop(server: FeedServer) -> None:
    body = gzip.compress(b"<p>text</p>")
    url = server.page("/a", body, content_type="text/html", headers={"Content-Encoding": "gzip"})

    page = fetch_page(url, QUICK, AddressGuard([server.address]))

    assert (page.content, page.status, page.content_type) == (b"<p>text</p>", 200, "text/html")


def test_a_host_that_refuses_five_times_in_a_row_is_left_alone_for_this_run(
    server: FeedServer,
) -> None:
    busy = server.page("/busy", "", status="429 Too Many", headers={"Retry-After": "900"})
    fine = server.page("/fine", rss())

    async def job(fetcher: Fetcher) -> list[str]:
        outcomes = []
        for url in (busy, busy, busy, busy, fine, busy, busy, busy, busy, busy, fine):
            try:
                await fetcher.get(url)
                outcomes.append("ok")
            except FetchError as exc:
                outcomes.append(exc.outcome)
        return outcomes

    expected = ["rate_limited"] * 4 + ["ok"] + ["rate_limited"] * 5 + ["deferred"]
    assert run(server, job) == expected


def test_a_new_fetcher_keeps_the_pace_of_the_one_before(server: FeedServer) -> None:
    url = server.page("/rss", rss())
    spaced = FetchSettings(host_delay_s=30.0, max_host_wait_s=1.0)

    assert run(server, lambda f: f.get(url), spaced).status == 200
    with pytest.raises(FetchError) as caught:
        run(server, lambda f: f.get(url), spaced)

    assert caught.value.outcome == "deferred"
