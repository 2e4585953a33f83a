"""The operations channel hears of missed and killed runs and of sick feeds, once a change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.policy import AlertSettings
from extractors.catch_up import GapFill, OpenGap
from extractors.feed_list import FeedConfig
from flows.operations import GAPS_NAMED, report_feeds, report_gaps, report_runs
from storage.database import Store
from storage.feeds import StateChange

OPS = AlertSettings(ops_channel="#ops")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _texts(store: Store) -> list[str]:
    with store.write() as tx:
        rows = tx.con.execute(
            "SELECT payload ->> '$.text' FROM core.alert WHERE kind = 'ops' "
            "AND state = 'pending' ORDER BY created_at, alert_key"
        ).fetchall()
    return [row[0] for row in rows]


def _run(store: Store, *, pause: timedelta | None, repaired: int = 0) -> int:
    with store.write() as tx:
        end = None if pause is None else tx.now - pause
        return report_runs(tx, last_end=end, repaired=repaired, settings=OPS)


def test_a_first_run_and_runs_on_time_say_nothing(store: Store) -> None:
    _run(store, pause=None)
    _run(store, pause=timedelta(minutes=10))
    _run(store, pause=timedelta(minutes=10))

    assert _texts(store) == []


def test_a_pause_is_told_once(store: Store) -> None:
    _run(store, pause=timedelta(minutes=10))
    _run(store, pause=timedelta(hours=5))

    assert len(_texts(store)) == 1
    assert _texts(store)[0].startswith("No run between ")


def test_a_killed_run_is_told_once(store: Store) -> None:
    _run(store, pause=timedelta(minutes=10), repaired=1)
    _run(store, pause=timedelta(minutes=10), repaired=1)

    assert _texts(store) == ["A run was killed half-way; this run repairs it."]


def test_a_feed_that_dies_is_told_and_a_new_one_that_is_well_is_not(store: Store) -> None:
    def change(old: str, new: str) -> StateChange:
        return StateChange(feed="x", outlet="X", old=old, new=new, reason="404 for a week")

    with store.write() as tx:
        report_feeds(tx, [change("NEW", "OK")], OPS)
        report_feeds(tx, [change("OK", "DEAD")], OPS)
        report_feeds(tx, [change("OK", "DEAD")], OPS)

    assert _texts(store) == ["Feed x (X): DEAD. 404 for a week"]


def test_gaps_of_many_feeds_are_one_line(store: Store) -> None:
    def change(n: int, old: str, new: str) -> StateChange:
        return StateChange(feed=f"f{n}", outlet="X", old=old, new=new, reason="items fell out")

    def fill(n: int, source: str | None) -> GapFill:
        feed = FeedConfig(url="https://f.example/", name=f"f{n}", outlet="X")
        gap = OpenGap(
            feed=feed, url=feed.url, site_url=None, noticed_at=NOW, from_at=NOW, to_at=NOW
        )
        return GapFill(gap=gap, source=source, reached=source is not None)

    counts = {"gaps": 12, "entries": 30, "filled": 4, "partly": 0, "lost": 8, "open": 0}
    with store.write() as tx:
        report_feeds(tx, [change(n, "OK", "GAP") for n in range(12)], OPS)
        fills = [fill(n, "news sitemap" if n < 4 else None) for n in range(12)]
        assert report_gaps(tx, "run-1", fills, counts, OPS) == 1
        report_feeds(tx, [change(n, "GAP", "OK") for n in range(12)], OPS)

    [text] = _texts(store)
    assert text.startswith("Caught up: 12 feeds had dropped items unseen: 30 found again")
    assert text.count("f4, f5, f6") == 1 and f"and {8 - GAPS_NAMED} more" in text


def test_a_feed_that_answers_again_with_a_gap_is_told_to_be_well(store: Store) -> None:
    def change(old: str, new: str) -> StateChange:
        return StateChange(feed="x", outlet="X", old=old, new=new, reason="why")

    with store.write() as tx:
        report_feeds(tx, [change("OK", "FAILING")], OPS)
        tx.con.execute("UPDATE core.alert SET state = 'sent'")
        report_feeds(tx, [change("FAILING", "GAP")], OPS)

    assert _texts(store) == ["Feed x (X): OK."]
