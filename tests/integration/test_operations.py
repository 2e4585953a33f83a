"""The operations channel hears of missed and killed runs and of sick feeds, once a change."""

from __future__ import annotations

from datetime import timedelta

from alerts.policy import AlertSettings
from flows.operations import report_feeds, report_runs
from storage.database import Store
from storage.feeds import StateChange

OPS = AlertSettings(ops_channel="#ops")


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
