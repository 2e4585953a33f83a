"""`presswatch run` as a real Prefect flow run: what Prefect has seen of it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.desk import Desk
from support.slack_server import TOKEN, Rules, SlackServer

from flows.demo_site import DemoSite


@dataclass(frozen=True)
class Ran:
    """A run by the command line, and what it was made of."""

    desk: Desk
    summary: dict[str, Any]
    texts: list[str]  # of the pages' lines, long enough to be nobody else's


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    desk = Desk(tmp_path_factory.mktemp("run") / "desk")
    with DemoSite(slow_s=0.1) as site, SlackServer(Rules(per_second=1000)) as slack:
        desk.write_settings(allow_addresses=site.address.split(","), slack_base_url=slack.base_url)
        desk.env = {"SLACK_BOT_TOKEN": TOKEN, "PRESSWATCH_LOG_LEVEL": "DEBUG"}
        desk.write_feeds(
            row for row in site.feeds() if row["name"] in ("hanbit-all", "lanyang-all")
        )
        done = desk.run("run", "--json")
        texts = [
            line.text[:25]
            for article in site.articles()
            for line in article.lines
            if len(line.text) > 40
        ]
        assert slack.parents()
    return Ran(desk, json.loads(done.stdout), texts)


def test_the_logs_tell_every_unit_of_work_and_neither_text_nor_secret(ran: Ran) -> None:
    log = (ran.desk.folder / "presswatch.log").read_text("utf-8")
    with sqlite3.connect(ran.desk.folder / "prefect" / "prefect.db") as prefect:
        told = [row[0] for row in prefect.execute("SELECT message FROM log").fetchall()]
    events = Counter(line.split()[2] for line in log.splitlines())
    counts = ran.summary["counts"]

    assert events["poll"] == counts["feeds_polled"] == 2
    assert events["article"] == counts["items_seen"] - counts["known"]
    assert events["alert"] >= sum(counts["alerts"].values()) > 0
    assert (events["batch"], events["run"]) == (1, 1)
    assert any(line.startswith("batch ") for line in told)
    assert any(line.startswith("alert ") for line in told)
    everywhere = "\n".join([log, *told])
    assert TOKEN not in everywhere and TOKEN.split("-")[-1] not in everywhere
    assert len(ran.texts) > 100
    assert [text for text in ran.texts if text in everywhere] == []


def test_a_run_is_a_prefect_flow_run_with_batch_tasks_and_artifacts(ran: Ran) -> None:
    desk, summary = ran.desk, ran.summary
    assert summary["state"] == "ok"
    assert summary["counts"]["items_seen"] == sum(
        summary["counts"][name]
        for name in ("stored", "duplicate", "updated", "known", "blocked", "unusable",
                     "fetch_failed", "gave_up", "error")
    )  # fmt: skip
    with sqlite3.connect(desk.folder / "prefect" / "prefect.db") as prefect:
        runs = prefect.execute("SELECT name, state_type FROM flow_run").fetchall()
        tasks = [row[0] for row in prefect.execute("SELECT name FROM task_run").fetchall()]
        artifacts = dict(prefect.execute("SELECT key, data FROM artifact").fetchall())
    assert [state for _, state in runs] == ["COMPLETED"]
    assert runs[0][0].startswith("all feeds, 20")
    assert sorted(tasks) == [
        "extract articles, batch 0",
        "fetch pages, batch 0",
        "poll feeds, batch 0",
        "send alerts",
        "store articles, batch 0",
    ]
    assert {"run-summary", "feed-health", "alerts-sent"} <= set(artifacts)
    assert f"**{summary['counts']['items_seen']}**" in artifacts["run-summary"]
    stored = desk.sql("SELECT state, counts ->> 'items_seen' FROM runs")
    assert stored == [("ok", str(summary["counts"]["items_seen"]))]


def test_a_dry_run_stores_and_sends_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    with DemoSite(slow_s=0.1) as site:
        desk.write_settings(allow_addresses=site.address.split(","))
        desk.write_feeds(row for row in site.feeds() if row["name"] == "hanbit-all")
        desk.cycle()
        before = desk.db.read_bytes()
        site.advance()
        app = desk.app()
        summary = desk.cycle(app, dry_run=True)

    assert summary.dry_run
    assert app.shown_alerts == []
    assert desk.db.read_bytes() == before
