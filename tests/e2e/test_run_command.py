"""`presswatch run` as a real Prefect flow run: what Prefect has seen of it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from support.desk import Desk

from flows.demo_site import DemoSite


def test_a_run_is_a_prefect_flow_run_with_batch_tasks_and_artifacts(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    with DemoSite(slow_s=0.1) as site:
        desk.write_settings(allow_addresses=site.address.split(","))
        desk.write_feeds(
            row for row in site.feeds() if row["name"] in ("hanbit-all", "lanyang-all")
        )
        done = desk.run("run", "--json")

    summary = json.loads(done.stdout)
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
