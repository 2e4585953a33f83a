"""The hostile drill: every hostile feed ends with its one named outcome, in bounded time, without
a contact with a forbidden address, and the healthy feeds beside it are all read."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from support.feed_server import FeedServer, item, rss
from support.hostile_server import Case, feed_cases, spelled_addresses

from extractors.errors import ForbiddenAddress
from extractors.feed_list import FeedConfig
from extractors.feed_parser import SafeParser
from extractors.feed_state import FeedState, PollResult
from extractors.fetch import Fetcher, FetchSettings
from extractors.guard import AddressGuard
from extractors.polling import poll_batch

HEALTHY = 40
SETTINGS = FetchSettings(host_delay_s=0, per_host=64, total_s=15.0, connect_s=5.0)

_dialled: list[tuple[str, int]] = []
_watching = False


def _audit(event: str, args: tuple) -> None:
    if _watching and event == "socket.connect" and isinstance(args[1], tuple):
        _dialled.append((str(args[1][0]), int(args[1][1])))


sys.addaudithook(_audit)


_before: dict[str, int] = {}


def _memory_kb(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))


@pytest.fixture(scope="module")
def drill() -> tuple[list[Case], dict[str, PollResult], FeedServer, list[tuple[str, int]]]:
    """Run all hostile feeds and 40 healthy ones in one batch."""
    global _watching
    with FeedServer() as server, FeedServer() as trap:
        cases = feed_cases(server, trap)
        for name, url in spelled_addresses(trap):
            cases.append(Case(f"direct-{name}", url, frozenset({"forbidden_address"})))
        healthy = [
            Case(
                f"healthy-{n}",
                server.page(f"/healthy/{n}", rss(item(1), item(2))),
                frozenset({"ok"}),
                2,
            )
            for n in range(HEALTHY)
        ]
        everything = [*cases, *healthy]
        states = [
            FeedState(config=FeedConfig(url=c.url, name=c.name, outlet="x"), url=c.url)
            for c in everything
        ]

        async def run() -> list[PollResult]:
            async with Fetcher(SETTINGS, AddressGuard([server.address])) as fetcher:
                with SafeParser(workers=2) as parser:
                    return await poll_batch(states, fetcher, parser)

        _dialled.clear()
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew (proc(5))
        _before["VmRSS"] = _memory_kb("VmRSS")
        _watching = True
        try:
            results = asyncio.run(run())
        finally:
            _watching = False
        assert trap.contacts == 0
        dialled = [place for place in _dialled if place != (server.host, server.port)]
        return everything, {r.feed: r for r in results}, server, dialled


def test_every_hostile_feed_ends_as_it_must(drill) -> None:
    cases, results, _, _ = drill
    wrong = []
    for case in cases:
        result = results[case.name]
        if result.outcome not in case.outcomes:
            wrong.append((case.name, result.outcome, result.error, sorted(case.outcomes)))
            continue
        entries = result.parsed.entries if result.parsed else ()
        if result.outcome == "ok" and case.entries is not None and len(entries) != case.entries:
            wrong.append((case.name, "entries", len(entries), case.entries))
        for title in case.titles:
            if title not in {entry.title for entry in entries}:
                wrong.append((case.name, "title", [e.title for e in entries], title))
    assert not wrong, "\n".join(map(str, wrong))


def test_there_are_more_than_eighty_hostile_cases(drill) -> None:
    cases, _, _, _ = drill

    assert len({case.name for case in cases if not case.name.startswith("healthy")}) >= 80


def test_no_forbidden_address_is_dialled(drill) -> None:
    _, _, _, dialled = drill

    assert dialled == []


def test_each_failure_says_in_words_what_happened(drill) -> None:
    _, results, _, _ = drill

    silent = [r.feed for r in results.values() if not r.is_good and not r.error]

    assert silent == []
    assert not [r.feed for r in results.values() if r.error and not r.error.isprintable()]


def test_the_polling_process_stays_small(drill) -> None:
    assert _memory_kb("VmHWM") - _before["VmRSS"] < 700_000


@pytest.mark.parametrize("text", ["::ffff:127.0.0.1", "127.0.0.1", "::1"])
def test_an_exception_in_the_allow_list_covers_one_spelling_only(text: str) -> None:
    guard = AddressGuard(["127.0.0.1:80"])

    with pytest.raises(ForbiddenAddress):
        guard.check_url(f"http://[{text}]/" if ":" in text else f"http://{text}:81/")
