"""Workers are killed without harm to the others. Real processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from extractors.models import RawDocument, Status
from extractors.workers import Guarded, WorkerFailure, WorkerPool, run_guarded

SENTENCE = "The harbour board agreed on Tuesday to dredge the northern channel before winter. "


def misbehave(item: object) -> object:
    if item == "loop":
        while True:
            pass
    if item == "sleep":
        time.sleep(600)
    if item == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == "memory":
        return len(bytearray(4_000_000_000))
    if item == "raise":
        raise ValueError("two\nlines")
    if item == "unpicklable":
        return lambda: None
    return item


def run(items: list[object], *, jobs: int = 2) -> list[Guarded]:
    with WorkerPool(jobs, timeout_s=1.0) as pool:
        return list(pool.map(misbehave, items))


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ("loop", Status.TIMEOUT),
        ("crash", Status.ERROR),
        ("memory", Status.OUT_OF_MEMORY),
        ("raise", Status.ERROR),
        ("unpicklable", Status.ERROR),
    ],
)
def test_only_the_guilty_item_fails_and_order_is_kept(bad: str, status: Status) -> None:
    items: list[object] = [*range(5), bad, *range(6, 12)]
    results = run(items)
    assert [r.value for r in results] == [*range(5), None, *range(6, 12)]
    assert (results[5].status, "\n" in results[5].error) == (status, False)


def test_an_item_that_sleeps_for_ever_is_ended_by_the_clock() -> None:
    results = run([1, "sleep", 3], jobs=1)
    assert [r.status for r in results] == [None, Status.TIMEOUT, None]


def test_every_item_may_kill_its_worker() -> None:
    assert {r.status for r in run(["crash"] * 9)} == {Status.ERROR}


def test_a_consumer_that_stops_early_leaves_the_pool_usable() -> None:
    with WorkerPool(2, timeout_s=5.0) as pool:
        assert next(pool.map(misbehave, range(1000))).value == 0
        assert [r.value for r in pool.map(misbehave, range(3))] == [0, 1, 2]


def test_no_items_give_no_results() -> None:
    assert run([]) == []


def test_a_guarded_call_returns_its_value_or_raises_with_the_status() -> None:
    assert run_guarded(misbehave, ["fine"]) == "fine"
    with pytest.raises(WorkerFailure) as caught:
        run_guarded(misbehave, ["crash"])
    assert caught.value.status is Status.ERROR


def test_documents_come_back_as_articles_in_order_whatever_they_are() -> None:
    good = "<html><body><article>" + f"<p>{SENTENCE * 4}</p>" * 4 + "</article></body></html>"
    docs = [
        RawDocument(doc_id="a", html=good),
        RawDocument(doc_id="b", html=b"\x89PNG\r\n\x1a\n"),
        RawDocument(doc_id="c", text=SENTENCE * 3),
    ]
    with WorkerPool(2) as pool:
        articles = list(pool.map_documents(docs))
    assert [a.doc.doc_id for a in articles] == ["a", "b", "c"]
    assert [a.status for a in articles] == [Status.OK, Status.NOT_HTML, Status.OK]


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        WorkerPool(0)


def test_workers_end_with_the_pool(tmp_path: Path) -> None:
    with WorkerPool(1) as pool:
        pid = pool.call(os.getpid)
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
