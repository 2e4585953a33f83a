"""Drill: hundreds of alerts, a Slack that misbehaves at random, a sender killed again and again.

    .venv/bin/python benchmarks/drill_slack.py --alerts 520 --share 0.25 --per-second 20

The server (this process) enforces Slack's rules, one channel's limit scaled to `--per-second`; the
sender is a process of its own that is killed (SIGKILL) at random moments and started again, while
further alerts, replies and edits are put into the outbox. At the end every message that is owed
must be in its channel exactly once, no channel may have been written to faster than its limit, and
the token may stand in no log and no table. Exit code 1 when not.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.slack_server import FAULTS, TOKEN, Rules, SlackServer  # noqa: E402

from alerts.intents import HitInStory  # noqa: E402
from alerts.models import AlertArticle, TopicHit, TopicInfo  # noqa: E402
from alerts.policy import AlertSettings, plan_alerts  # noqa: E402
from alerts.sender import Pace, SystemClock, drain  # noqa: E402
from storage import outbox  # noqa: E402
from storage.database import Store  # noqa: E402

CHANNELS = ("#presswatch", "#navy", "#desk")
# A 429 without Retry-After means 30 s of silence by our rule: tested elsewhere, too long here.
DRILL_FAULTS = tuple(fault for fault in FAULTS if fault != "429_missing")
METHODS = {"chat.postMessage", "chat.update", "conversations.history", "conversations.replies"}
TIMEOUT_S = 0.5


def pace_for(per_second: float) -> Pace:
    """Return the sender's pace for a limit; the tenth on top is that of real life."""
    return Pace(
        interval_s=1.1 / per_second, settle_s=1.5, window_s=10.0, first_backoff_s=0.2, recheck_s=2.0
    )


def send(db: str, base_url: str, per_second: float) -> None:
    """Be the sender: drain until nothing is due any more."""
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(message)s")
    from alerts.slack import SlackPoster

    store = Store(db)
    with outbox.sender_lock(store, wait_s=5):
        with store.write() as tx:
            ids = outbox.channel_ids(tx.con)
        poster = SlackPoster(
            os.environ["SLACK_BOT_TOKEN"], base_url, timeout_s=TIMEOUT_S, channel_ids=ids
        )
        pace = pace_for(per_second)
        report = drain(outbox.StoreOutbox(store), poster, SystemClock(), pace=pace, deadline_s=60.0)
    print(report, flush=True)


def put(store: Store, stories: range, outlet: int) -> None:
    """Put an article of each story into the outbox; `outlet` 0 is the first to report."""
    hits = []
    now = datetime.now(UTC)
    for story in stories:
        topic = TopicInfo(
            topic="opcon", title="OPCON", topic_version="v", channel=CHANNELS[story % 3]
        )
        article = AlertArticle(
            article_id=story * 10 + outlet,
            story_id=story,
            title=f"Story {story} as outlet {outlet} has it",
            url=f"https://news.example/{story}/{outlet}",
            outlet=f"Outlet {outlet}",
            country="kr",
            tier=1,
            language="en",
            published_at=now - timedelta(minutes=3),
            fetched_at=now,
        )
        why = {"line": "opcon 15", "snippet": "the OPCON transfer", "spans": [[4, 18]]}
        hit = TopicHit(topic="opcon", topic_version="v", level="alert", score=15, why=why)
        hits.append(HitInStory(article=article, hit=hit, topic=topic))
    with store.write() as tx:
        context = outbox.alert_context(tx.con, stories, now=tx.now)
        settings = AlertSettings(hourly_cap=0)
        outbox.enqueue(tx, plan_alerts(hits, context, settings, tx.now))


def rows(store: Store, query: str) -> list[Any]:
    """Ask the writer's file."""
    with store.write() as tx:
        return tx.con.execute(query).fetchall()


def run_drill(
    *,
    alerts: int = 520,
    share: float = 0.25,
    per_second: float = 20.0,
    seed: int = 1,
    folder: Path | None = None,
    limit_s: float = 900.0,
) -> dict[str, Any]:
    """Run the drill and return its figures; `passed` says whether all guarantees held."""
    chance = random.Random(seed)
    place = folder or Path(tempfile.mkdtemp(prefix="presswatch-drill-"))
    store = Store(place / "presswatch.duckdb")
    log = place / "sender.log"
    stories = alerts  # and replies of later outlets on top
    started = time.monotonic()
    kills = starts = 0
    with SlackServer(Rules(per_second=per_second, hang_s=0.8, late_s=0.4)) as slack:
        slack.add_channel("C0NAVY", "navy")
        slack.add_channel("C0DESK", "desk")
        slack.fault_methods = METHODS
        slack.random_faults(seed, share, DRILL_FAULTS)
        put(store, range(1, stories // 2), 0)
        arguments = [sys.executable, __file__, "--send", "--db", str(store.path)]
        arguments += ["--base-url", slack.base_url, "--per-second", str(per_second)]
        rest = [
            (range(stories // 2, stories + 1), 0),
            (range(1, stories // 4), 1),
        ]
        while time.monotonic() - started < limit_s:
            with log.open("ab") as sink:
                child = subprocess.Popen(
                    arguments,
                    stdout=sink,
                    stderr=sink,
                    env={**os.environ, "SLACK_BOT_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)},
                )
            starts += 1
            if rest and starts >= 2:
                time.sleep(chance.uniform(0.5, 2.0))
                put(store, *rest.pop(0))
            try:
                child.wait(timeout=chance.uniform(1.5, 8.0))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
                kills += 1
            owed = rows(
                store,
                "SELECT count(*) FROM core.alert WHERE state IN ('pending', 'sending', 'unknown')",
            )[0][0]
            if not rest and not owed:
                break
        return figures(slack, store, log, alerts, kills, time.monotonic() - started)


def figures(
    slack: SlackServer, store: Store, log: Path, alerts: int, kills: int, seconds: float
) -> dict[str, Any]:
    """Compare what is owed with what is in the channels."""
    owed = {
        key: (state, ts)
        for key, state, ts in rows(
            store, "SELECT alert_key, state, slack_ts FROM core.alert WHERE kind <> 'edit'"
        )
    }
    there = Counter(slack.alert_keys())
    stale = [
        m.alert_key
        for m in slack.parents()
        if slack.replies(m.ts) and "Outlet 1" not in json.dumps(m.body.get("blocks"))
    ]
    tables = json.dumps(rows(store, "SELECT * FROM core.alert"), default=str)
    attempts = rows(store, "SELECT sum(attempts) FROM core.alert")[0][0]
    calls = Counter(method for method, _ in slack.state.calls)
    result = {
        "owed": len(owed),
        "in_slack": sum(there.values()),
        "lost": sorted(set(owed) - set(there))[:5],
        "doubled": {
            key: [round(m.arrived, 2) for m in slack.state.messages if m.alert_key == key]
            for key, n in there.items()
            if n > 1
        },
        "not_sent": sorted(key for key, (state, _) in owed.items() if state != "sent")[:5],
        "wrong_number": [
            m.alert_key
            for m in slack.state.messages
            if owed.get(str(m.alert_key), ("", ""))[1] != m.ts
        ][:5],
        "parents_without_their_edit": stale[:5],
        "faster_than_the_limit": slack.state.rate_hits,
        "rule_violations": slack.state.violations[:5],
        "token_in_log": TOKEN in log.read_text("utf-8", "replace"),
        "token_in_table": TOKEN in tables,
        "token_followed_a_redirect": len(slack.state.stolen),
        "kills": kills,
        "attempts": int(attempts),
        "calls": dict(calls),
        "seconds": round(seconds, 1),
        "folder": str(log.parent),
    }
    good = len(owed) >= alerts and not any(
        result[name]
        for name in (
            "lost",
            "doubled",
            "not_sent",
            "wrong_number",
            "parents_without_their_edit",
            "faster_than_the_limit",
            "rule_violations",
            "token_in_log",
            "token_in_table",
            "token_followed_a_redirect",
        )
    )
    return result | {"passed": good}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--alerts", type=int, default=520)
    parser.add_argument("--share", type=float, default=0.25, help="share of calls with a fault")
    parser.add_argument("--per-second", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--db", help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        send(options.db, options.base_url, options.per_second)
        return
    result = run_drill(
        alerts=options.alerts,
        share=options.share,
        per_second=options.per_second,
        seed=options.seed,
    )
    print(json.dumps(result, indent=2))
    sys.exit(0 if result["passed"] else 1)


if __name__ == "__main__":
    main()
