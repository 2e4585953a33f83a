"""Metrics and health over real HTTP, from a real published database."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from extractors.errors import UsageError
from flows.service_metrics import (
    Desk,
    Snapshot,
    judge_health,
    make_server,
    metrics_served,
    parse_address,
    read_snapshot,
    stale_after,
)
from storage.database import Store
from storage.runs import end_run, start_run

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


def store_with_run(folder: Path, *, state: str = "ok", ended_at: datetime = NOW) -> Store:
    store = Store(folder / "presswatch.duckdb")
    add_run(store, "first", state=state, ended_at=ended_at)
    return store


def add_run(store: Store, run_id: str, *, state: str, ended_at: datetime) -> None:
    with store.write() as tx:
        start_run(tx, run_id, "monitor")
        tx.con.execute(
            "UPDATE core.run SET started_at = ? WHERE run_id = ?",
            [ended_at - timedelta(seconds=9), run_id],
        )
        end_run(
            tx,
            run_id,
            state=state,
            counts={"stored": 7, "feed_errors": {"a": "b"}},
            stages={"poll": 1.5},
            ended_at=ended_at,
        )
    store.publish()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def served(tmp_path: Path, clock: list[datetime]) -> Iterator[tuple[str, Store]]:
    store = store_with_run(tmp_path)
    desk = Desk(store, stale_after_s=1800, clock=lambda: clock[0])
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(desk, listener)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", store
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_scrape_tells_the_last_run_its_stages_and_counts(served: tuple[str, Store]) -> None:
    status, text = get(served[0] + "/metrics")

    assert status == 200
    assert 'presswatch_last_run_state{state="ok"} 1.0' in text
    assert 'presswatch_last_run_stage_seconds{stage="poll"} 1.5' in text
    assert 'presswatch_last_run_count{what="stored"} 7.0' in text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["presswatch_last_success_timestamp_seconds"]) == NOW.timestamp()
    assert "presswatch_healthy 1.0" in text


def test_a_scrape_sees_what_was_published_after_the_last_one(served: tuple[str, Store]) -> None:
    url, store = served
    get(url + "/metrics")

    add_run(store, "second", state="failed", ended_at=NOW + timedelta(minutes=1))

    assert 'presswatch_last_run_state{state="failed"} 1.0' in get(url + "/metrics")[1]


def test_a_scrape_holds_no_lock_that_would_stop_the_writer(served: tuple[str, Store]) -> None:
    url, store = served
    get(url + "/metrics")
    add_run(store, "second", state="ok", ended_at=NOW)
    get(url + "/metrics")

    with store.write() as tx:
        start_run(tx, "third", "monitor")

    assert store.publish() == "rows"


def test_health_turns_bad_when_no_run_succeeded_for_too_long(
    served: tuple[str, Store], clock: list[datetime]
) -> None:
    url, store = served
    assert get(url + "/healthz")[0] == 200
    add_run(store, "second", state="failed", ended_at=NOW + timedelta(minutes=30))
    clock[0] = NOW + timedelta(minutes=31)

    status, text = get(url + "/healthz")

    assert status == 503
    assert json.loads(text)["healthy"] is False
    assert "no run succeeded for 1860 s" in json.loads(text)["reason"]


def test_an_unknown_path_says_what_there_is(served: tuple[str, Store]) -> None:
    assert get(served[0] + "/")[0] == 404


def test_a_service_that_just_started_is_given_time_for_its_first_run() -> None:
    young = judge_health(
        Snapshot(), now=NOW, serving_since=NOW - timedelta(seconds=60), stale_after_s=1800
    )
    old = judge_health(
        Snapshot(), now=NOW, serving_since=NOW - timedelta(hours=1), stale_after_s=1800
    )

    assert (young.healthy, old.healthy) == (True, False)


def test_a_database_that_cannot_be_read_is_unhealthy_and_told(tmp_path: Path) -> None:
    path = tmp_path / "presswatch.duckdb"
    path.write_bytes(b"not a database" * 1000)

    snapshot = read_snapshot(Store(path))
    health = judge_health(snapshot, now=NOW, serving_since=NOW, stale_after_s=1800)

    assert not health.healthy
    assert "cannot be" in health.reason


def test_no_database_yet_is_not_made_by_looking(tmp_path: Path) -> None:
    assert read_snapshot(Store(tmp_path / "none.duckdb")) == Snapshot()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["9464", "localhost:9464", "127.0.0.1", "127.0.0.1:x", "[::1]:-1"])
def test_a_wrong_address_is_a_wrong_setting(text: str) -> None:
    with pytest.raises(UsageError, match="metrics_address"):
        parse_address(text)


def test_three_missed_runs_count_as_unwell_but_never_less_than_a_quarter_of_an_hour() -> None:
    assert stale_after(timedelta(minutes=10)) == 1800
    assert stale_after(timedelta(seconds=30)) == 900


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(UsageError, match="choose another port"),
            metrics_served(address, tmp_path / "x", interval=None, say=lambda _: None),
        ):
            pass


def test_the_process_answers_while_the_block_runs_and_is_gone_after_it(tmp_path: Path) -> None:
    store = store_with_run(tmp_path, ended_at=datetime.now(UTC))
    said: list[str] = []
    with metrics_served(
        "127.0.0.1:0", store.path, interval=timedelta(minutes=10), say=said.append
    ) as url:
        assert url is not None
        assert get(url + "/healthz")[0] == 200
        assert "presswatch_articles" in get(url + "/metrics")[1]

    with pytest.raises(OSError):
        urllib.request.urlopen(url + "/healthz", timeout=5)
    assert said == [f"Metrics: {url}/metrics, health: {url}/healthz"]


def test_the_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    store = store_with_run(tmp_path)
    code = (
        "import sys, time; from datetime import timedelta; from pathlib import Path\n"
        "from flows.service_metrics import metrics_served\n"
        "with metrics_served('127.0.0.1:0', Path(sys.argv[1]), interval=timedelta(hours=1),\n"
        "                    say=lambda t: None) as url:\n"
        "    print(url, flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(store.path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    assert get(url + "/metrics")[0] == 200
    address = url.removeprefix("http://").split(":")

    with socket.create_connection((address[0], int(address[1]))) as held:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
        held.settimeout(60)
        try:
            ended = held.recv(1)  # the kernel closes it when the child ends
        except ConnectionResetError:
            ended = b""
        assert ended == b""
    with pytest.raises(OSError):
        urllib.request.urlopen(url + "/metrics", timeout=5)
