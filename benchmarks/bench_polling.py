"""What polling costs, against bare aiohttp and bare feedparser in the same run.

    .venv/bin/python benchmarks/bench_polling.py --feeds 100 1000 10000

A server process on loopback answers for one host a feed (127.16.0.0/12): 90 % answer 304, 5 %
have one new item of 25, 5 % are broken or slow. Per size it prints the CPU of one 304 poll and of
one new item, ours and bare, memory, and whether every feed was polled. Only the ratios mean
something on a shared machine.

What a run costs whatever its size (imports in the workers, an empty database) is measured first, by
a run of a few feeds, and shown apart; the cost per feed is what comes on top.

Traps: the server is a process of its own, or its CPU would be counted; workers are children of the
forkserver, so that RUSAGE_CHILDREN of this process does not see them; feeds start in the state of a
second poll; each feed's news has an address of its own, or nothing but the first would be stored.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import os
import resource
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import feedparser

from extractors.feed_cut import cut_seen
from extractors.feed_list import FeedConfig
from extractors.feed_parser import SafeParser
from extractors.feed_state import FeedState, PollResult
from extractors.fetch import Fetcher, FetchSettings
from extractors.guard import AddressGuard
from extractors.polling import poll_batch
from storage.database import Store
from storage.feeds import SavedPolls, due_feeds, reserve_polls, save_polls, sync_feeds

ITEMS = 25
FEW = 8  # enough to start every worker
SLOW_S = 60.0  # longer than the deadline
DEADLINE_S = 10.0
NOW = datetime.now(UTC).replace(microsecond=0)


def item(n: int) -> str:
    """Return one item of about 900 bytes, as in a headline feed."""
    when = NOW - timedelta(minutes=10 * n)
    text = f"The committee met again on item {n} and adjourned without a decision. " * 8
    return (
        f"<item><title>Report number {n} of the day</title><link>http://feed.example/{n}</link>"
        f"<guid>g{n}</guid><pubDate>{when:%a, %d %b %Y %H:%M:%S} GMT</pubDate>"
        f"<description>&lt;p&gt;{text}&lt;/p&gt;</description></item>\n"
    )


def document(first: int) -> bytes:
    """Return a feed of 25 items, beginning with item `first`."""
    items = "".join(item(n) for n in range(first, first + ITEMS))
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Feed</title>\n'
        f"{items}</channel></rss>"
    ).encode()


OLD, NEW = document(1), document(0)


def fate(number: int) -> str:
    """Return what the feed with this number does: 90 % unchanged, 5 % news, 5 % trouble."""
    place = number % 100
    if place < 90:
        return "unchanged"
    if place < 95:
        return "news"
    return ("error", "slow", "html", "reset", "error")[place - 95]


def _serve(ready: Connection, news: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            kind = head.split(b" ", 2)[1].rsplit(b"/", 1)[-1]
            if kind == b"unchanged":
                writer.write(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nConnection: close\r\n\r\n')
            elif kind == b"news":
                number = head.split(b" ", 2)[1].split(b"/")[1]
                body = news.replace(b"feed.example/0<", b"feed.example/0-%s<" % number)
                writer.write(
                    b'HTTP/1.1 200 OK\r\nETag: "2"\r\nContent-Type: application/rss+xml\r\n'
                    b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
            elif kind == b"html":
                body = b"<!doctype html><title>Hello</title>"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            elif kind == b"slow":
                await asyncio.sleep(SLOW_S)
            elif kind == b"reset":
                writer.transport.abort()
            else:
                writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(handle, "0.0.0.0", 0, backlog=4_096)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def cpu_s() -> float:
    """Return the CPU seconds of this process, the forkserver and the forkserver's workers.

    The workers must have ended: the forkserver has then waited for them.
    """
    own = resource.getrusage(resource.RUSAGE_SELF)
    total = own.ru_utime + own.ru_stime
    pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if pid is not None:
        time.sleep(0.05)  # it waits for a worker that has just ended
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        total += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


def rss_mb() -> float:
    """Return the present memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1_000
    return 0.0


def host(number: int) -> str:
    """Return the feed's own loopback address."""
    return f"127.{16 + number // 65_536}.{number // 256 % 256}.{number % 256 or 1}"


def configs(count: int, port: int, only: str | None = None) -> list[FeedConfig]:
    """Return feeds, one host each (two share one where a number ends in zero)."""
    return [
        FeedConfig(
            url=f"http://{host(n)}:{port}/{n}/{only or fate(n)}", name=f"feed-{n}", outlet=f"O{n}"
        )
        for n in range(count)
    ]


async def bare_polls(urls: list[str], width: int) -> None:
    """Poll with aiohttp alone: conditional GET, one connection each."""
    connector = aiohttp.TCPConnector(limit=width, force_close=True)
    queue = iter(urls)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def worker() -> None:
            for url in queue:
                async with session.get(url, headers={"If-None-Match": '"1"'}) as response:
                    await response.read()

        await asyncio.gather(*(worker() for _ in range(width)))


async def our_polls(
    states: list[FeedState], settings: FetchSettings
) -> tuple[list[PollResult], float]:
    """Poll with our fetcher and parser; return results and the greatest memory seen in MB."""
    peak = 0.0

    def watch(_: PollResult) -> None:
        nonlocal peak
        watch.count += 1  # type: ignore[attr-defined]
        if watch.count % 500 == 0:  # type: ignore[attr-defined]
            peak = max(peak, rss_mb())

    watch.count = 0  # type: ignore[attr-defined]
    async with Fetcher(settings, AddressGuard(["127.16.0.0/12"])) as fetcher:
        with SafeParser(workers=2) as parser:
            results = await poll_batch(states, fetcher, parser, on_result=watch)
    return results, max(peak, rss_mb())


def second_poll(state: FeedState) -> FeedState:
    """Return the state as a first good poll leaves it."""
    return replace(
        state,
        etag='"1"',
        kind="rss20",
        first_poll_at=NOW,
        last_ok=NOW,
        newest_item_at=NOW,
        last_full_at=NOW,
        last_new_at=NOW,
        body_hash=1,
        raw_hashes=cut_seen(OLD, ()).hashes,
        listed=ITEMS,
        gap_s=600.0,
        state="OK",
    )


def mixed_run(
    rows: list[FeedConfig], settings: FetchSettings
) -> tuple[float, float, float, float, list[PollResult], SavedPolls]:
    """Poll and store; return CPU, CPU of storing, wall time, memory, results, what was saved."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "bench.duckdb")
        begin, clock = cpu_s(), time.monotonic()
        with store.write() as tx:
            sync_feeds(tx, rows)
            states = [second_poll(s) for s in due_feeds(tx, tx.now)]
            reserve_polls(tx, states)
        results, peak = asyncio.run(our_polls(states, settings))
        stored = cpu_s()
        with store.write() as tx:
            saved = save_polls(tx, states, results, run_id="bench")
        store_cpu = cpu_s() - stored
        return cpu_s() - begin, store_cpu, time.monotonic() - clock, peak, results, saved


def cut_cost(times: int = 200) -> tuple[float, float]:
    """CPU seconds of bare feedparser on a feed with one new item, and of cut and parse of it."""
    seen = frozenset(cut_seen(OLD, ()).hashes)
    begin = cpu_s()
    for _ in range(times):
        whole = feedparser.parse(io.BytesIO(NEW))
    bare = (cpu_s() - begin) / times
    begin = cpu_s()
    for _ in range(times):
        cut = cut_seen(NEW, seen)
        part = feedparser.parse(io.BytesIO(cut.content))
    ours = (cpu_s() - begin) / times
    assert len(part.entries) == cut.kept == 1 and dict(part.entries[0]) == dict(whole.entries[0])
    return bare, ours


def measure(count: int, port: int) -> dict[str, float]:
    """Measure one size; return its figures."""
    settings = FetchSettings(total_s=DEADLINE_S, user_agent="presswatch/bench (local)")
    quiet = [second_poll(FeedState(config=c, url=c.url)) for c in configs(count, port, "unchanged")]
    begin = cpu_s()
    asyncio.run(bare_polls([s.url for s in quiet], settings.concurrency))
    bare_304 = (cpu_s() - begin) / count
    begin = cpu_s()
    results, _ = asyncio.run(our_polls(quiet, settings))
    ours_304 = (cpu_s() - begin) / count
    assert all(r.outcome == "not_modified" for r in results)

    # Two sizes, so that the start of the workers does not count as the cost of an item.
    few, many = FEW, FEW + max(count // 20, 500)
    begin = cpu_s()
    for _ in range(many - few):
        feedparser.parse(io.BytesIO(NEW))
    bare_item = (cpu_s() - begin) / (many - few)
    spent = []
    for size in (few, many):
        news = [second_poll(FeedState(config=c, url=c.url)) for c in configs(size, port, "news")]
        begin = cpu_s()
        results, _ = asyncio.run(our_polls(news, settings))
        spent.append(cpu_s() - begin)
        odd = [r for r in results if r.parsed is None or len(r.parsed.entries) != 1]
        assert not odd, odd[0]
    ours_item = (spent[1] - spent[0]) / (many - few)

    fixed, _, _, _, _, _ = mixed_run(configs(FEW, port, "news"), settings)
    rows = configs(count, port)
    cpu, store_cpu, wall, peak, results, saved = mixed_run(rows, settings)
    outcomes = Counter(r.outcome for r in results)
    expected = Counter(fate(n) for n in range(count))
    missed = (
        abs(outcomes["not_modified"] - expected["unchanged"])
        + abs(outcomes["ok"] - expected["news"])
        + abs(len(results) - count)
    )
    return {
        "feeds": count,
        "bare aiohttp, ms CPU per 304": bare_304 * 1e3,
        "ours, ms CPU per 304": ours_304 * 1e3,
        "ratio 304": ours_304 / bare_304,
        "bare feedparser, ms CPU per new item": bare_item * 1e3,
        "ours with the fetch, ms CPU per new item": ours_item * 1e3,
        "ratio new item": ours_item / (bare_item + bare_304),
        f"a run of {FEW} feeds, CPU s": fixed,
        "mixed run, CPU s": cpu,
        "mixed run, ms CPU per feed": cpu / count * 1e3,
        "without the fixed part, ms per feed": (cpu - fixed) / count * 1e3,
        "of it storing, ms per feed": store_cpu / count * 1e3,
        "mixed run, wall s": wall,
        "memory MB": peak,
        "new items owed": saved.queued,
        "feeds not polled as they should": missed,
    }


def main() -> None:
    """Run the sizes asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, nargs="+", default=[100, 1_000, 10_000])
    sizes = parser.parse_args().feeds
    mine, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, NEW))
    server.start()
    try:
        port = mine.recv()
        rows = [measure(count, port) for count in sizes]
    finally:
        server.terminate()
        server.join()
    bare, ours = cut_cost()
    print(f"one new item of {ITEMS}, parsing alone: bare feedparser {bare * 1e3:.2f} ms,", end=" ")
    print(f"the seen ones cut out first {ours * 1e3:.2f} ms, {bare / ours:.1f} times less")
    for name in rows[0]:
        print(f"{name:45}" + "".join(f"{row[name]:>12.3f}" for row in rows))
    if len(rows) > 1:
        for name in ("mixed run, ms CPU per feed", "without the fixed part, ms per feed"):
            ratios = [rows[n][name] / rows[n - 1][name] for n in range(1, len(rows))]
            print(f"{name + ', ratio':45}" + " " * 12 + "".join(f"{r:>12.3f}" for r in ratios))


if __name__ == "__main__":
    main()
