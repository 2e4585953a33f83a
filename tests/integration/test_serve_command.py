"""`presswatch serve` with wrong arguments, and the settings that it gives Prefect's server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from support.desk import Desk

from flows.prefect_environment import (
    CLIENT_ENVIRONMENT,
    LEAST_HISTORY,
    SERVE_ENVIRONMENT,
    SERVER_ENVIRONMENT,
    history_environment,
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "desk")
    desk.write_feeds([{"name": "one", "outlet": "One", "url": "https://news.example/feed.xml"}])
    return desk


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cron", "nope"], "'nope' is no cron expression"),
        (["--cron", "99 * * * *"], "'99 * * * *' is no cron expression"),
        (["--cron", "0 7 * * *", "--timezone", "Mars/Dust"], "no time zone 'Mars/Dust'"),
        (["--every", "10m", "--timezone", "Asia/Seoul"], "--timezone is for --cron"),
        (["--every", "soon"], "'soon' is no interval"),
        (["--every", "10m", "--cron", "0 7 * * *"], "either --every or --cron"),
    ],
)
def test_a_wrong_schedule_is_one_line_and_exit_code_2_before_prefect_starts(
    desk: Desk, arguments: list[str], expected: str
) -> None:
    done = desk.run("serve", *arguments, code=2)

    (line,) = done.stderr.splitlines()
    assert expected in line
    assert not (desk.folder / "prefect" / "server.log").exists()


def test_missed_runs_collapse_into_the_newest_and_those_asked_for_by_hand_all_run() -> None:
    from flows.serving import AT_START, _collapse

    began = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def run(name: str, minutes: int, *tags: str, auto: bool = True) -> SimpleNamespace:
        due = began + timedelta(minutes=minutes)
        return SimpleNamespace(id=name, expected_start_time=due, auto_scheduled=auto, tags=tags)

    client = Mock()
    said: list[str] = []
    due = [
        run("missed 3", 20),
        run("by hand", 5, auto=False),
        run("missed 1", 0),
        run("at start", 21, AT_START, auto=False),
        run("missed 2", 10),
    ]

    assert _collapse(client, due, said.append) == ["by hand", "at start"]
    skipped = [call.args[0] for call in client.set_flow_run_state.call_args_list]
    assert skipped == ["missed 1", "missed 2", "missed 3"]
    assert said == ["3 missed run(s) skipped; one run makes up for them"]


def prefect_reads(environment: dict[str, str], code: str) -> object:
    """Evaluate an expression over Prefect's settings `s` in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import json; from prefect.settings import get_current_settings as g; s = g(); "
            f"print(json.dumps({code}))",
        ],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    value: object = json.loads(done.stdout.splitlines()[-1])
    return value


def test_prefect_understands_the_settings_for_its_server() -> None:
    # A name that Prefect does not know (any more) is ignored without a word.
    week = timedelta(days=7)
    environment = {
        **CLIENT_ENVIRONMENT,
        **SERVER_ENVIRONMENT,
        **SERVE_ENVIRONMENT,
        **history_environment(week),
    }

    seen = prefect_reads(
        environment,
        "[s.server.events.retention_period.total_seconds(),"
        " s.server.services.db_vacuum.retention_period.total_seconds(),"
        " sorted(s.server.services.db_vacuum.enabled_vacuum_types),"
        " s.server.analytics_enabled, s.server.services.foreman.enabled]",
    )

    assert seen == [
        week.total_seconds(),
        week.total_seconds(),
        ["events", "flow_runs", "orphans"],
        False,
        False,
    ]


def test_the_shortest_history_is_one_that_prefect_accepts() -> None:
    environment = history_environment(timedelta(0))

    seen = prefect_reads(
        environment, "s.server.services.db_vacuum.retention_period.total_seconds()"
    )

    assert seen == LEAST_HISTORY.total_seconds()


@pytest.mark.parametrize(
    ("start", "expected_hours"),
    [
        # 29 March 2026: 02:00 to 03:00 is left out in Berlin; 25 October: it comes twice.
        (datetime(2026, 3, 27, 12, tzinfo=ZoneInfo("Europe/Berlin")), {23, 24}),
        (datetime(2026, 10, 23, 12, tzinfo=ZoneInfo("Europe/Berlin")), {24, 25}),
    ],
)
def test_a_daily_cron_run_stays_at_its_hour_across_clock_changes(
    start: datetime, expected_hours: set[int]
) -> None:
    import asyncio

    from prefect.server.schemas.schedules import CronSchedule

    schedule = CronSchedule(cron="0 7 * * *", timezone="Europe/Berlin")
    runs = asyncio.run(schedule.get_dates(4, start=start))

    local = [run.astimezone(ZoneInfo("Europe/Berlin")) for run in runs]
    assert [(run.hour, run.minute) for run in local] == [(7, 0)] * 4
    assert len({run.date() for run in local}) == 4
    apart = {
        (b - a).total_seconds() / 3600
        for a, b in zip(
            [run.astimezone(ZoneInfo("UTC")) for run in runs][:-1],
            [run.astimezone(ZoneInfo("UTC")) for run in runs][1:],
            strict=True,
        )
    }
    assert apart == expected_hours
