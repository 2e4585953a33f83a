"""After a clock that was ahead has been set back, nothing waits for the time it showed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import database
from storage.database import Store
from storage.rows import insert_rows
from storage.runs import end_run, start_run

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Clock(datetime):
    """What the store takes for the time."""

    moment = NOW

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.moment


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "datetime", Clock)


def at(store: Store, moment: datetime, sql: str = "SELECT 1", *values: object) -> list[Any]:
    """Run one statement in a transaction of that time."""
    Clock.moment = moment
    with store.write() as tx:
        return tx.con.execute(sql, list(values)).fetchall()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "p.duckdb")


def add_alert(store: Store, moment: datetime, key: str, **more: object) -> None:
    Clock.moment = moment
    with store.write() as tx:
        row = {"kind": "alert", "state": "pending", "created_at": moment, **more}
        insert_rows(tx, "core.alert", [{"alert_key": key, **row}])


def test_a_feed_planned_by_a_wrong_clock_is_polled_by_the_right_one(store: Store) -> None:
    at(store, NOW, "INSERT INTO core.feed (feed, url, rev) VALUES ('f', 'u', 1), ('g', 'u', 1)")
    at(
        store, NOW + DAY,
        "UPDATE core.feed SET next_poll_at = ?, last_poll_at = ? WHERE feed = 'f'",
        NOW + DAY + HOUR, NOW + DAY,
    )  # fmt: skip
    at(store, NOW, "UPDATE core.feed SET rev = rev WHERE feed = 'g'")
    rows = at(store, NOW, "SELECT next_poll_at, last_poll_at FROM core.feed WHERE feed = 'f'")
    assert rows == [(NOW + HOUR, NOW)]


def test_a_page_put_off_by_a_wrong_clock_is_owed_at_the_right_time(store: Store) -> None:
    ahead = NOW + DAY
    at(
        store, ahead,
        "INSERT INTO core.pending_entry (entry_key, feed, entry, first_seen, not_before, rev) "
        "VALUES (1, 'f', '{}', ?, ?, 1)",
        ahead, ahead + HOUR,
    )  # fmt: skip
    rows = at(store, NOW, "SELECT first_seen, not_before FROM core.pending_entry")
    assert rows == [(NOW, NOW + HOUR)]


def test_messages_go_out_by_the_right_clock_and_quiet_hours_stay(store: Store) -> None:
    add_alert(store, NOW - HOUR, "quiet", not_before=NOW + 8 * HOUR, reason="quiet hours")
    add_alert(store, NOW + DAY, "retried", not_before=NOW + DAY + HOUR)
    add_alert(store, NOW + DAY, "new")
    rows = at(store, NOW, "SELECT alert_key, created_at, not_before FROM core.alert ORDER BY 1")
    assert rows == [
        ("new", NOW, None),
        ("quiet", NOW - HOUR, NOW + 8 * HOUR),
        ("retried", NOW, NOW + HOUR),
    ]


def test_a_message_that_may_have_left_under_a_wrong_clock_is_looked_for_long_ago(
    store: Store,
) -> None:
    add_alert(store, NOW + DAY, "unclear", state="unknown", sending_at=NOW + DAY)
    add_alert(store, NOW + DAY, "sent", state="sent", sending_at=NOW + DAY, sent_at=NOW + DAY)
    rows = at(store, NOW, "SELECT alert_key, sending_at, sent_at FROM core.alert ORDER BY 1")
    assert rows == [("sent", NOW, NOW), ("unclear", NOW - timedelta(days=7), None)]


def test_a_small_step_back_changes_nothing(store: Store) -> None:
    add_alert(store, NOW + timedelta(seconds=5), "new")
    rows = at(store, NOW, "SELECT created_at FROM core.alert")
    assert rows == [(NOW + timedelta(seconds=5),)]


def test_a_run_never_ends_before_it_began(store: Store) -> None:
    with store.write() as tx:
        start_run(tx, "r", "monitor")
    with store.write() as tx:
        end_run(tx, "r", state="ok", counts={}, stages={}, ended_at=NOW - HOUR)
    assert at(store, NOW, "SELECT ended_at >= started_at FROM core.run") == [(True,)]


def test_what_was_pulled_back_is_published(store: Store) -> None:
    add_alert(store, NOW, "old")
    store.publish()
    add_alert(store, NOW + DAY, "new")
    store.publish()
    at(store, NOW)
    store.publish()
    with store.read() as con:
        rows = con.execute("SELECT max(created_at) FROM core.alert").fetchall()
    assert rows == [(NOW,)]
