"""kill -9 at random moments of whole runs: fetch, extract, commit, publish, send.

Each round has a folder of its own: some real processes run a cycle over the bundled news site with
a Slack stand-in that enforces Slack's rules, and are killed at a random moment; then one cycle is
left alone. After it everything must be there once: articles, stories, alerts, messages.

    python benchmarks/drill_kills.py --kills 60

Prints one line a round and `N passed, M failed`; exit code 1 when a round failed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.desk import Desk
from support.slack_server import TOKEN, Rules, SlackServer

from flows.demo_site import DemoSite

FEEDS = ("hanbit-all", "harbor-all", "capital-all", "hangang-all", "namdo-all", "prism-all")
SETTLE_S = 60.0  # a message claimed by a killed sender is looked up after a moment


def whole_run_s(site: DemoSite) -> float:
    """Seconds that an undisturbed run takes on this machine now."""
    with tempfile.TemporaryDirectory() as name, SlackServer(Rules(per_second=1000)) as slack:
        desk = make_desk(Path(name), site, slack)
        begin = time.monotonic()
        desk.start_plain_cycle().communicate()
        return time.monotonic() - begin


def make_desk(folder: Path, site: DemoSite, slack: SlackServer) -> Desk:
    desk = Desk(folder, allow_addresses=site.address.split(","))
    desk.write_feeds(row for row in site.feeds() if row["name"] in FEEDS)
    desk.env = {"SLACK_BOT_TOKEN": TOKEN, "PRESSWATCH_SLACK_BASE_URL": slack.base_url}
    return desk


def one_round(site: DemoSite, kills: int, span_s: float, dice: random.Random) -> list[str]:
    """Kill `kills` runs, let one end, and return what is wrong."""
    with tempfile.TemporaryDirectory() as name, SlackServer(Rules(per_second=1000)) as slack:
        desk = make_desk(Path(name), site, slack)
        for _ in range(kills):
            process = desk.start_plain_cycle()
            time.sleep(dice.uniform(0.3, span_s))
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        deadline = time.monotonic() + SETTLE_S
        while True:
            summary = desk.cycle()
            states = dict(desk.sql("SELECT state, count(*) FROM alerts GROUP BY 1"))
            if set(states) == {"sent"} or time.monotonic() > deadline:
                break
            time.sleep(1)
        return complaints(desk, site, slack, summary.errors, states)


def complaints(
    desk: Desk, site: DemoSite, slack: SlackServer, errors: list[str], states: dict[str, int]
) -> list[str]:
    wrong = [f"error: {error}" for error in errors]
    wrong += [f"damage: {problem}" for problem in desk.app().store.examine()]
    if set(states) != {"sent"}:
        wrong.append(f"alerts: {states}")
    keys = Counter(m.alert_key for m in slack.state.messages if m.alert_key and not m.thread_ts)
    wrong += [f"doubled: {key}" for key, count in keys.items() if count > 1]
    if sum(states.values()) != len(keys):
        wrong.append(f"{sum(states.values())} alerts in the outbox, {len(keys)} in Slack")
    names = {name.removesuffix("-all") for name in FEEDS}
    listed = sum(article.outlet in names for article in site.articles())
    stored = desk.sql(
        "SELECT count(*) FROM articles WHERE duplicate_level IS DISTINCT FROM "
        "'version' OR guid IS NOT NULL"
    )[0][0]
    owed = desk.sql("SELECT count(*) FROM owed_entries WHERE state = 'pending'")[0][0]
    if stored + owed < listed:
        wrong.append(f"lost: {listed} listed, {stored} stored, {owed} owed")
    running = desk.sql("SELECT count(*) FROM runs WHERE state = 'running'")[0][0]
    if running:
        wrong.append(f"{running} runs still count as running")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    passed = failed = done = 0
    with DemoSite(slow_s=0.2) as site:
        span = whole_run_s(site)
        print(f"a whole run takes {span:.1f} s here")
        while done < options.kills:
            kills = min(3, options.kills - done)
            done += kills
            wrong = one_round(site, kills, span, dice)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            print(
                f"round {passed + failed}: {kills} kills, {'; '.join(wrong) or 'all there once'}",
                flush=True,
            )
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
