"""kill -9 and clocks that jump, at chosen moments of whole runs: fetch, extract, commit, send …

    python benchmarks/drill_kills.py --kills 200
    python benchmarks/drill_kills.py --kills 40 --clock      (needs Debian's package faketime)

Each round has a folder of its own: some real processes run a cycle over the bundled news site with
a Slack stand-in that enforces Slack's rules, and are killed. Each kill aims at one moment of a run
(`MOMENTS`, in turns) and comes at random within the time that this moment usually takes. Then runs
are left alone. After them everything must be there once: articles, stories, alerts, messages; no
process of a killed run may be left.

With `--clock` a run's clock jumps at that moment (a day or an hour, forward or back; libfaketime,
only the wall clock, as when somebody sets it), every second time the run is killed soon after, and
it jumps back between runs. Then times must make sense too: no negative duration, nothing put off
for longer than its own rhythm.

Prints one line a round, how many kills fell in which moment, and `N passed, M failed`; exit code 1
when a round failed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.desk import Desk
from support.slack_server import TOKEN, Rules, SlackServer

from flows.demo_site import DemoSite

FEEDS = ("hanbit-all", "harbor-all", "capital-all", "hangang-all", "namdo-all", "prism-all")
MOMENTS = (
    "begin", "poll", "fetch", "extract", "store", "commit", "look back", "send", "publish",
)  # fmt: skip
SETTLE_S = 60.0  # a message claimed by a killed sender is looked up after a moment
GONE_S = 10.0  # by then every process of a killed run must have ended
DELAYED_S = 3_600.0  # no feed of the site, no page and no message has a reason to wait longer
JUMPS = ("+1d", "-1h", "+1h", "-1d")
FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"

# Runs a cycle and says on stdout which stage begins, and when a transaction is about to commit.
RUN = """
import contextlib, select, sys, time
if len(sys.argv) > 2:  # libfaketime makes nonsense of sleeping until a moment of CLOCK_MONOTONIC
    time.sleep = lambda seconds: select.select([], [], [], max(0, seconds))
from flows.context import AppContext
from flows.cycle import Cycle, drive, open_cycle, using_app
from storage.database import Store
stage, write = Cycle._stage, Store.write
def told_stage(self, name):
    print(name, flush=True)
    return stage(self, name)
@contextlib.contextmanager
def told_write(self, **options):
    with write(self, **options) as tx:
        yield tx
        print("commit", flush=True)
    print("committed", flush=True)
if __name__ == "__main__":
    Cycle._stage, Store.write = told_stage, told_write
    app = AppContext(config=sys.argv[1], quiet=True, collect_alerts=True)
    with using_app(app), open_cycle(config=sys.argv[1]) as cycle:
        drive(cycle)
"""


class Run:
    """A cycle in a process of its own, in a session of its own."""

    def __init__(self, desk: Desk, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", RUN, str(desk.config), *(["faked"] if env else [])],
            cwd=desk.folder,
            env={**os.environ, **desk.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._say(line.strip())
        self._say("end")

    def _say(self, text: str) -> None:
        with self._changed:
            self.said.append((time.monotonic(), text))
            self._changed.notify_all()

    def wait_for(self, moment: str) -> bool:
        """Wait until a moment begins; False when the run ended without it.

        A commit counts once the first batch is being stored.
        """

        def there() -> bool:
            names = [text for _, text in self.said]
            if moment == "commit" and "store" in names:
                return "commit" in names[names.index("store") :]
            return moment in names and moment != "commit"

        with self._changed:
            self._changed.wait_for(lambda: there() or "end" in (t for _, t in self.said))
            return there() and self.said[-1][1] != "end"

    def moment(self) -> str:
        """Return what the run is at: its stage, or a commit."""
        with self._changed:
            names = [text for _, text in self.said]
        if not names:
            return "start"
        if names[-1] in ("commit", "end"):
            return names[-1]
        return next((name for name in reversed(names) if name in MOMENTS and name != "commit"), "")

    def durations(self) -> dict[str, float]:
        """Return the seconds that each moment took, once the run has ended."""
        self.process.wait()
        self._listener.join()
        found: defaultdict[str, float] = defaultdict(float)
        stages = [(at, text) for at, text in self.said if text not in ("commit", "committed")]
        for (begin, name), (end, _) in itertools.pairwise(stages):
            found[name] += end - begin
        for (begin, name), (end, _) in itertools.pairwise(self.said):
            if name == "commit":
                found[name] = max(found[name], end - begin)
        return dict(found)

    def kill(self) -> str:
        """kill -9; return the moment it fell in."""
        moment = self.moment()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return moment

    def left_over(self) -> list[int]:
        """Return processes of the run that are still there some seconds after its end."""
        deadline = time.monotonic() + GONE_S
        while True:
            found = list(_session(self.process.pid))
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


def _session(leader: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                yield int(entry.name)


class FakeClock:
    """The clock of the runs of one round: an offset in a file that libfaketime reads."""

    def __init__(self, folder: Path, library: str | None) -> None:
        self._file = folder / "clock"
        self._library = library
        self.set("+0")

    def set(self, offset: str) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(offset + "\n")
        part.replace(self._file)

    @property
    def env(self) -> dict[str, str]:
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


def make_desk(folder: Path, site: DemoSite, slack: SlackServer) -> Desk:
    desk = Desk(folder, allow_addresses=site.address.split(","), jobs=1)
    desk.write_feeds(row for row in site.feeds() if row["name"] in FEEDS)
    desk.env = {"SLACK_BOT_TOKEN": TOKEN, "PRESSWATCH_SLACK_BASE_URL": slack.base_url}
    return desk


class Drill:
    """Rounds of blows."""

    def __init__(self, site: DemoSite, seed: int, library: str | None) -> None:
        self._site = site
        self._dice = random.Random(seed)
        self._library = library
        self._usual = self._undisturbed()
        self.fell: Counter[str] = Counter()
        self.missed = 0

    def _undisturbed(self) -> dict[str, float]:
        """Return what each moment takes in a run that is left alone."""
        with tempfile.TemporaryDirectory() as name, SlackServer(Rules(per_second=1000)) as slack:
            usual = Run(make_desk(Path(name), self._site, slack), {}).durations()
        print("usual seconds:", {k: round(v, 2) for k, v in usual.items() if k in MOMENTS})
        return usual

    def one_round(self, aims: list[str]) -> tuple[int, list[str]]:
        """Strike at these moments, one a run; return the number of blows and what is wrong."""
        wrong: list[str] = []
        blows = 0
        with tempfile.TemporaryDirectory() as name, SlackServer(Rules(per_second=1000)) as slack:
            desk = make_desk(Path(name), self._site, slack)
            clock = FakeClock(Path(name), self._library)
            # Later moments last: what an earlier run has done cannot be struck in a later one.
            for aim in sorted(aims, key=MOMENTS.index):
                run = Run(desk, clock.env)
                if not run.wait_for(aim):
                    _, err = run.process.communicate()
                    if run.process.returncode:
                        wrong.append(f"a run ended by itself: {err.strip().splitlines()[-1:]}")
                    self.missed += 1
                    continue
                time.sleep(self._dice.uniform(0, self._usual.get(aim, 0.1)))
                blows += 1
                if self._library and self._dice.random() < 0.5:
                    self._jump(clock, run.moment())
                    if run.process.wait() != 0:
                        wrong.append(f"after a jump: {run.process.stderr.read().strip()[-300:]}")  # type: ignore[union-attr]
                else:
                    if self._library:
                        self._jump(clock, run.moment())
                        time.sleep(self._dice.uniform(0, 0.3))
                    self.fell["kill: " + run.kill()] += 1
                if left := run.left_over():
                    wrong.append(f"processes left: {left}")
            clock.set("+0")
            wrong += self._afterwards(desk, slack)
        return blows, wrong

    def _jump(self, clock: FakeClock, moment: str) -> None:
        offset = self._dice.choice(JUMPS)
        clock.set(offset)
        self.fell[f"{offset}: {moment}"] += 1

    def _afterwards(self, desk: Desk, slack: SlackServer) -> list[str]:
        """Let runs end until every message has left; return what is wrong."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            summary = desk.cycle()
            states = dict(desk.sql("SELECT state, count(*) FROM alerts GROUP BY 1"))
            if set(states) <= {"sent"} or time.monotonic() > deadline:
                break
            time.sleep(1)
        wrong = complaints(desk, self._site, slack, summary.errors, states)
        return wrong + (nonsense(desk) if self._library else [])


def complaints(
    desk: Desk, site: DemoSite, slack: SlackServer, errors: list[str], states: dict[str, int]
) -> list[str]:
    wrong = [f"error: {error}" for error in errors]
    wrong += [f"damage: {problem}" for problem in desk.app().store.examine()]
    if not set(states) <= {"sent"}:
        wrong.append(f"alerts: {states}")
    keys = Counter(m.alert_key for m in slack.state.messages if m.alert_key and not m.thread_ts)
    wrong += [f"doubled: {key}" for key, count in keys.items() if count > 1]
    if sum(states.values()) != len(keys):
        wrong.append(f"{sum(states.values())} alerts in the outbox, {len(keys)} in Slack")
    told = desk.sql("SELECT count(DISTINCT (story_id, topic)) FROM alert_messages")[0][0]
    hit = desk.sql("SELECT count(DISTINCT (story_id, topic)) FROM topic_hits")[0][0]
    if told < hit or not hit:
        wrong.append(f"{hit} stories on topics, {told} told")
    names = {name.removesuffix("-all") for name in FEEDS}
    listed = sum(article.outlet in names for article in site.articles())
    stored = desk.sql(
        "SELECT count(*) FROM articles WHERE duplicate_level IS DISTINCT FROM "
        "'version' OR guid IS NOT NULL"
    )[0][0]
    owed = desk.sql("SELECT count(*) FROM owed_entries WHERE state = 'pending'")[0][0]
    if stored + owed < listed:
        wrong.append(f"lost: {listed} listed, {stored} stored, {owed} owed")
    twice = desk.sql("SELECT feed, guid FROM articles GROUP BY ALL HAVING count(*) > 1")
    wrong += [f"stored twice: {feed} {guid}" for feed, guid in twice if guid]
    running = desk.sql("SELECT count(*) FROM runs WHERE state = 'running'")[0][0]
    if running:
        wrong.append(f"{running} runs still count as running")
    return wrong


def nonsense(desk: Desk) -> list[str]:
    """Return what a clock that jumped has left behind."""
    wrong = []
    for sql, what in (
        ("SELECT count(*) FROM runs WHERE ended_at < started_at", "runs that ended before began"),
        ("SELECT count(*) FROM feed_polls WHERE duration_s < 0", "polls of negative length"),
        (
            f"SELECT count(*) FROM feeds WHERE next_poll_at > now() + INTERVAL {DELAYED_S} SECOND",
            "feeds put off",
        ),
        (
            "SELECT count(*) FROM owed_entries WHERE state = 'pending' "
            f"AND not_before > now() + INTERVAL {DELAYED_S} SECOND",
            "pages put off",
        ),
        (
            "SELECT count(*) FROM alert_messages WHERE state IN ('pending', 'unknown') "
            f"AND not_before > now() + INTERVAL {DELAYED_S} SECOND",
            "messages put off",
        ),
        (
            "SELECT count(*) FROM feeds WHERE last_poll_at > now() + INTERVAL 5 MINUTE",
            "feeds last polled in the future",
        ),
    ):
        if count := desk.sql(sql)[0][0]:
            wrong.append(f"{count} {what}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--clock", action="store_true", help="the clock jumps too")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    library = None
    if options.clock:
        library = next((str(path) for path in Path("/").glob(FAKETIME[1:])), None)
        if library is None:
            print("no libfaketime here: apt-get install faketime", file=sys.stderr)
            return 2
    passed = failed = done = 0
    with DemoSite(slow_s=0.2) as site:
        drill = Drill(site, options.seed, library)
        turn = itertools.cycle(MOMENTS)
        try:
            while done < options.kills:
                aims = [next(turn) for _ in range(min(4, options.kills - done))]
                blows, wrong = drill.one_round(aims)
                done += blows
                passed, failed = passed + (not wrong), failed + bool(wrong)
                what = "; ".join(wrong) or "all there once"
                print(f"round {passed + failed}: {blows} blows, {what}", flush=True)
        except KeyboardInterrupt:
            print("stopped")
        print(f"{done} blows, {drill.missed} aims missed (the run had ended)")
        for name, count in sorted(drill.fell.items()):
            print(f"  {name}: {count}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
