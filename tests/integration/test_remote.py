"""Workers elsewhere: the same rows as on one machine, whatever happens to the workers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk

from extractors.feed_state import OwedEntry
from extractors.models import Article, Block, FeedEntry, RawDocument, Status
from extractors.polling import PageResult
from flows.cycle import drive, open_cycle, using_app
from flows.demo_site import DemoSite
from flows.exchange import Exchange, ExchangeError, WorkItem, WorkResult, without_bytes
from flows.record_json import from_json, to_json
from flows.remote import SILENT_S, Remote, State, split_by_host
from flows.remote_worker import process
from flows.summary import RunSummary

AT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
ROWS = (
    "SELECT url, title, body, language, status, list_sort(list(topic)) "
    "FROM articles LEFT JOIN topic_hits USING (article_id) GROUP BY ALL ORDER BY ALL"
)


class Here:
    """Works on each batch in this process, when it is dispatched; can lose workers."""

    def __init__(self, desk: Desk, lose: Callable[[str, int], bool] = lambda *_: False) -> None:
        self.settings = desk.app().settings
        self.exchange = Exchange(self.settings.path(self.settings.exchange))
        self.lose = lose
        self.beats = True
        self.attempts: list[tuple[str, int]] = []
        self.dropped: list[tuple[str, int, str]] = []

    def dispatch(self, batch_id: str, attempt: int) -> None:
        self.attempts.append((batch_id, attempt))
        if self.beats:
            self.exchange.beat(batch_id, attempt, 1)
        if not self.lose(batch_id, attempt):
            batch = self.exchange.read_batch(batch_id)
            self.exchange.write_result(process(batch, self.settings, attempt=attempt))

    def states(self) -> dict[tuple[str, int], State]:
        return dict.fromkeys(self.attempts, "taken")

    def drop(self, batch_id: str, attempt: int, reason: str) -> None:
        self.dropped.append((batch_id, attempt, reason))


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="module")
def site() -> Iterator[DemoSite]:
    with DemoSite(slow_s=0.0) as running:
        yield running


def desk_for(site: DemoSite, folder: Path) -> Desk:
    desk = Desk(folder, allow_addresses=site.address.split(","), exchange="exchange")
    desk.write_feeds([row for row in site.feeds() if str(row["name"]).endswith("-all")])
    return desk


@pytest.fixture(scope="module")
def local_rows(site: DemoSite, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    desk = desk_for(site, tmp_path_factory.mktemp("local"))
    desk.cycle()
    return desk.sql(ROWS)


def remote_cycle(desk: Desk, workers: Here) -> RunSummary:
    clock = Clock()
    remote = Remote(workers.exchange, workers, patience_s=600, clock=clock, sleep=clock.sleep)
    app = desk.app()
    with using_app(app), open_cycle(config=app.config) as cycle:
        return drive(cycle, remote=remote)


def test_the_rows_are_those_of_one_machine(
    site: DemoSite, tmp_path: Path, local_rows: list[tuple[Any, ...]]
) -> None:
    desk = desk_for(site, tmp_path)

    summary = remote_cycle(desk, Here(desk))

    assert summary.errors == []
    assert desk.sql(ROWS) == local_rows
    assert desk.sql("SELECT count(*) FROM owed_entries WHERE state = 'pending'") == [(0,)]


def test_a_batch_whose_worker_was_lost_is_given_to_another(
    site: DemoSite, tmp_path: Path, local_rows: list[tuple[Any, ...]]
) -> None:
    desk = desk_for(site, tmp_path)
    workers = Here(desk, lose=lambda _, attempt: attempt == 1)

    remote_cycle(desk, workers)

    assert {attempt for _, attempt in workers.attempts} == {1, 2}
    assert {reason for _, _, reason in workers.dropped} == {"its worker fell silent"}
    assert desk.sql(ROWS) == local_rows


def test_a_worker_that_dies_before_its_first_sign_of_life_is_noticed_too(
    site: DemoSite, tmp_path: Path, local_rows: list[tuple[Any, ...]]
) -> None:
    desk = desk_for(site, tmp_path)
    workers = Here(desk, lose=lambda _, attempt: attempt == 1)
    workers.beats = False

    remote_cycle(desk, workers)

    assert {reason for _, _, reason in workers.dropped} == {"its worker never began"}
    assert desk.sql(ROWS) == local_rows


def test_without_any_worker_the_run_says_so_and_the_next_one_catches_up(
    site: DemoSite, tmp_path: Path, local_rows: list[tuple[Any, ...]]
) -> None:
    desk = desk_for(site, tmp_path)

    first = remote_cycle(desk, Here(desk, lose=lambda *_: True))
    assert first.state == "failed"
    assert "stay owed" in first.errors[0]

    remote_cycle(desk, Here(desk))
    assert desk.sql(ROWS) == local_rows


def test_a_result_that_comes_too_late_is_loaded_by_the_next_run_and_only_once(
    site: DemoSite, tmp_path: Path, local_rows: list[tuple[Any, ...]]
) -> None:
    desk = desk_for(site, tmp_path)
    workers = Here(desk, lose=lambda *_: True)
    results: list[WorkResult] = []

    def lose(batch_id: str, attempt: int) -> bool:
        if attempt == 1:
            batch = workers.exchange.read_batch(batch_id)
            results.append(process(batch, workers.settings, attempt=attempt))
        return True

    workers.lose = lose
    remote_cycle(desk, workers)
    for result in results:
        workers.exchange.write_result(result)
    quiet = Here(desk, lose=lambda *_: True)
    second = remote_cycle(desk, quiet)

    assert quiet.attempts == []  # nothing was owed after the late results
    assert second.errors == []
    assert desk.sql(ROWS) == local_rows

    for result in results:
        workers.exchange.write_result(result)
    third = remote_cycle(desk, quiet)
    assert sum(third.outcomes[o] for o in third.outcomes if o != "known") == 0
    assert desk.sql(ROWS) == local_rows


def test_batches_share_no_host_and_keep_every_entry() -> None:
    entries = [owed(n, f"https://h{n % 7}.example/{n}") for n in range(50)]

    batches = split_by_host(entries, size=10)

    hosts = [{e.entry.url.split("/")[2] for e in batch if e.entry.url} for batch in batches]
    assert sum(map(len, hosts)) == 7
    assert sorted(e.entry_key for batch in batches for e in batch) == list(range(50))


def test_records_come_back_as_they_went(tmp_path: Path) -> None:
    entry = owed(2**64 - 1, "https://a.example/1")
    doc = RawDocument(doc_id="1", html=b"\xff\x00", published_at=AT, metadata={"a": [1, None]})
    article = Article(
        doc=doc, title="한", url=None, canonical_url=None, outlet=None, author=None, section=None,
        published_at=AT, language="ko", blocks=(Block(text="a"),), status=Status.PAYWALL,
    )  # fmt: skip
    exchange = Exchange(tmp_path)
    page = PageResult(owed=entry, outcome="page")
    result = WorkResult(
        batch_id="b-1", attempt=1, worker="w", items=(without_bytes(page, article),)
    )

    exchange.write_result(result)

    expected = WorkItem(
        result=page, article=dataclasses.replace(article, doc=dataclasses.replace(doc, html=None))
    )
    back = exchange.read_result("b-1", 1)
    assert back is not None
    assert back.items == (expected,)
    assert from_json(Article, to_json(article)) == article


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x1f\x8b\x08\x00broken"])
def test_a_broken_result_is_put_aside_and_is_nobodys_result(tmp_path: Path, content: bytes) -> None:
    exchange = Exchange(tmp_path)
    path = tmp_path / "results" / "b.1.json.gz"
    path.parent.mkdir()
    path.write_bytes(content)

    assert exchange.read_result("b", 1) is None
    assert exchange.results() == []
    assert (tmp_path / "bad" / "b.1.json.gz").read_bytes() == content


def test_a_batch_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="no batch id"):
        Exchange(tmp_path).read_batch("../../etc/passwd")


def test_a_batch_that_is_missing_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="`exchange`"):
        Exchange(tmp_path).read_batch("none")


def owed(key: int, url: str) -> OwedEntry:
    entry = FeedEntry(
        feed="f", feed_url="https://a.example/feed", guid=url, url=url, raw_url=url, title="t"
    )
    return OwedEntry(entry_key=key, entry=entry, first_seen=AT)


def test_silence_is_longer_than_several_beats() -> None:
    from flows.remote_worker import BEAT_S

    assert SILENT_S >= 4 * BEAT_S
