"""`/metrics` and `/healthz` beside `presswatch serve`: how the pipeline stands, for machines.

In: the published database.  Out: Prometheus text and a JSON verdict over HTTP.  It writes nothing,
holds no article text and no secret, and knows nothing of Prefect.

It is a process of its own: `serve` forks a child per run, and a process that forks must not have
threads (flows/serving.py).  The parent opens the socket, so that a taken port is told at once; the
child ends when the parent's end of its standard input is gone, also after kill -9.  A scrape is
answered from memory until the published file is replaced, so it costs the same whatever the size
of the archive, and nobody keeps the file open.

    python -m flows.service_metrics FD DATABASE STALE_AFTER_S      (started by `metrics_served`)
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractors.errors import PresswatchError, UsageError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from storage.database import Store

MISSED_RUNS = 3  # one late or failed run is life, three in a row are not
# A run over thousands of feeds may itself take longer than three short intervals.
LEAST_STALE_S = 900.0
STOP_TIMEOUT_S = 5.0
GOOD_RUNS = ("ok", "partial")  # three broken feeds do not make a run a failed one


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one published file says of the pipeline. Counts by state; times are UTC."""

    published_at: datetime | None = None
    last_run_at: datetime | None = None  # when the newest run ended
    last_run_state: str | None = None
    last_run_s: float = 0.0
    last_good_at: datetime | None = None  # when the newest run that was not `failed` ended
    stages: Mapping[str, float] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    feeds: Mapping[str, int] = field(default_factory=dict)
    owed: Mapping[str, int] = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)
    articles: Mapping[str, int] = field(default_factory=dict)
    stories: int = 0
    file_bytes: int = 0
    error: str | None = None  # why the database could not be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The verdict of `/healthz` and the reason for it in words."""

    healthy: bool
    reason: str


def stale_after(interval: timedelta | None) -> float:
    """Return the seconds without a good run after which the service counts as unwell.

    Args:
        interval: time between two runs; None (a cron expression) counts as a day.
    """
    span = interval or timedelta(days=1)
    return max(MISSED_RUNS * span.total_seconds(), LEAST_STALE_S)


def parse_address(text: str) -> tuple[str, int]:
    """Read `127.0.0.1:9464` or `[::1]:9464`.

    Raises:
        UsageError: it is not an IP address with a port.
    """
    host, _, port = text.strip().rpartition(":")
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
        if not 0 <= number < 65_536:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"setting metrics_address: {text!r} is not an address with a port, "
            'e.g. "127.0.0.1:9464"'
        ) from None
    return str(address), number


def read_snapshot(store: Store) -> Snapshot:
    """Read the published file; an unreadable one is a snapshot with `error`, not an exception."""
    if not store.path.exists():
        return Snapshot()  # `Store.read` would publish one: that is the writer's business
    stat = store.path.stat()
    published_at = datetime.fromtimestamp(stat.st_mtime, UTC)
    try:
        with store.read() as con:

            def counts(sql: str) -> dict[str, int]:
                return {str(name): int(n) for name, n in con.execute(sql).fetchall()}

            newest = con.execute(
                "SELECT ended_at, state, duration_s, stages, counts FROM runs "
                "WHERE ended_at IS NOT NULL AND kind = 'monitor' ORDER BY started_at DESC LIMIT 1"
            ).fetchone()
            good = con.execute(
                "SELECT max(ended_at) FROM runs WHERE kind = 'monitor' "
                "AND state IN (SELECT unnest(?::VARCHAR[]))",
                [list(GOOD_RUNS)],
            ).fetchone()
            stories = con.execute("SELECT count(*) FROM stories").fetchone()
            return Snapshot(
                published_at=published_at,
                last_run_at=newest[0] if newest else None,
                last_run_state=newest[1] if newest else None,
                last_run_s=float(newest[2] or 0.0) if newest else 0.0,
                stages=_numbers(newest[3]) if newest else {},
                items=_numbers(newest[4]) if newest else {},
                last_good_at=good[0] if good else None,
                runs=counts("SELECT state, count(*) FROM runs GROUP BY state"),
                feeds=counts("SELECT state, count(*) FROM feeds WHERE active GROUP BY state"),
                owed=counts("SELECT state, count(*) FROM owed_entries GROUP BY state"),
                alerts=counts("SELECT state, count(*) FROM alerts GROUP BY state"),
                articles=counts("SELECT status, count(*) FROM articles GROUP BY status"),
                stories=int(stories[0]) if stories else 0,
                file_bytes=stat.st_size,
            )
    except PresswatchError as error:
        return Snapshot(published_at=published_at, file_bytes=stat.st_size, error=str(error))


def _numbers(text: Any) -> dict[str, Any]:
    data = json.loads(text) if isinstance(text, str) else (text or {})
    return {str(k): v for k, v in data.items() if type(v) in (int, float)}


def judge_health(
    snapshot: Snapshot, *, now: datetime, serving_since: datetime, stale_after_s: float
) -> Health:
    """Say whether the pipeline works: a good run has ended not too long ago.

    A service that has just started is given the same time to bring its first run home.
    """
    if snapshot.error is not None:
        return Health(healthy=False, reason=f"the database cannot be read: {snapshot.error}")
    good = snapshot.last_good_at
    since = max(good, serving_since) if good is not None else serving_since
    age = (now - since).total_seconds()
    last = (
        f"last run {snapshot.last_run_state} at {snapshot.last_run_at:%Y-%m-%d %H:%M:%S} UTC"
        if snapshot.last_run_at is not None
        else "no run has ended yet"
    )
    if age > stale_after_s:
        return Health(
            healthy=False,
            reason=f"no run succeeded for {age:.0f} s (allowed: {stale_after_s:.0f} s); {last}",
        )
    return Health(healthy=True, reason=last)


class Desk:
    """Keeps the newest snapshot; reads the file again only when it was replaced."""

    def __init__(
        self,
        store: Store,
        *,
        stale_after_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._stale_after_s = stale_after_s
        self._clock = clock
        self._since = clock()
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._snapshot = Snapshot()

    def snapshot(self) -> Snapshot:
        """Return what the present published file says."""
        with self._lock:
            try:
                stat = self._store.path.stat()
                seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            except OSError:
                seen = None
            if seen != self._seen or seen is None or self._snapshot.error is not None:
                self._snapshot = read_snapshot(self._store)
                self._seen = seen
            return self._snapshot

    def health(self) -> Health:
        """Return the verdict of this moment."""
        return judge_health(
            self.snapshot(),
            now=self._clock(),
            serving_since=self._since,
            stale_after_s=self._stale_after_s,
        )

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics: the protocol of a Prometheus collector."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        shot = self.snapshot()

        def gauge(name: str, doc: str, value: float) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"presswatch_{name}", doc, value=value)

        def by(name: str, doc: str, label: str, values: Mapping[str, Any]) -> GaugeMetricFamily:
            family = GaugeMetricFamily(f"presswatch_{name}", doc, labels=[label])
            for key, value in sorted(values.items()):
                family.add_metric([key], float(value))
            return family

        yield InfoMetricFamily("presswatch", "What runs.", {"version": version("presswatch")})
        yield gauge("healthy", "1 when /healthz says 200.", self.health().healthy)
        yield gauge("database_readable", "1 when the database can be read.", shot.error is None)
        for name, doc, at in (
            ("published_timestamp_seconds", "When the database was published.", shot.published_at),
            ("last_run_timestamp_seconds", "When the last run ended.", shot.last_run_at),
            ("last_success_timestamp_seconds", "When a run last succeeded.", shot.last_good_at),
        ):
            yield gauge(name, doc, at.timestamp() if at else 0.0)
        yield gauge("last_run_duration_seconds", "How long the last run took.", shot.last_run_s)
        state = {shot.last_run_state: 1} if shot.last_run_state else {}
        yield by("last_run_state", "How the last run ended.", "state", state)
        yield by("last_run_stage_seconds", "Time per stage of it.", "stage", shot.stages)
        yield by("last_run_count", "What it counted.", "what", shot.items)
        yield by("runs", "Runs in the ledger.", "state", shot.runs)
        yield by("feeds", "Active feeds.", "state", shot.feeds)
        yield by("owed_entries", "Entries whose article is owed.", "state", shot.owed)
        yield by("alerts", "Messages in the outbox.", "state", shot.alerts)
        yield by("articles", "Stored articles.", "status", shot.articles)
        yield gauge("stories", "Stories.", shot.stories)
        yield gauge("database_bytes", "Size of the published file.", shot.file_bytes)


def make_server(desk: Desk, listener: socket.socket) -> ThreadingHTTPServer:
    """Return an HTTP server on an open, listening socket; call `serve_forever` on it."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)
    registry.register(desk)  # a collector is whatever has `collect`

    class Handler(BaseHTTPRequestHandler):
        """Answers GET /metrics and GET /healthz."""

        server_version = "presswatch"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            """Answer one scrape."""
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._send(200, kind, encode(registry))
            elif path == "/healthz":
                health = desk.health()
                body = {"healthy": health.healthy, "reason": health.reason}
                text = json.dumps(body, ensure_ascii=False) + "\n"
                self._send(200 if health.healthy else 503, "application/json", text.encode("utf-8"))
            else:
                self._send(404, "text/plain; charset=utf-8", b"here are /metrics and /healthz\n")

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet: a scrape every fifteen seconds is no news."""

    server = ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_address = listener.getsockname()[:2]
    server.server_name, server.server_port = str(server.server_address[0]), server.server_address[1]
    server.daemon_threads = True
    return server


@contextlib.contextmanager
def metrics_served(
    address: str, database: Path, *, interval: timedelta | None, say: Callable[[str], None]
) -> Iterator[str | None]:
    """Serve metrics from a process of its own while the block runs; "" serves none.

    Yields:
        The URL without a path, or None.

    Raises:
        UsageError: the address is wrong or taken.
    """
    if not address:
        yield None
        return
    host, port = parse_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(16)
        except OSError as error:
            raise UsageError(
                f"setting metrics_address: {address} cannot be used ({error.strerror}): "
                "choose another port"
            ) from None
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "flows.service_metrics"),
                *(str(listener.fileno()), str(database.absolute()), str(stale_after(interval))),
            ],
            stdin=subprocess.PIPE,  # never written to: its end tells the child to stop
            stdout=subprocess.DEVNULL,
            pass_fds=(listener.fileno(),),
            start_new_session=True,  # Ctrl-C is for us; the child follows
        )
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    say(f"Metrics: {url}/metrics, health: {url}/healthz")
    if not ip_address(host).is_loopback:
        say("Metrics: anybody who reaches this address can read them; there is no password")
    try:
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _main(fd: int, database: Path, stale_after_s: float) -> None:
    """Serve until standard input ends."""
    from storage.database import Store

    desk = Desk(Store(database), stale_after_s=stale_after_s)
    server = make_server(desk, socket.socket(fileno=fd))
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    while os.read(0, 1024):
        time.sleep(0)
    os._exit(0)


if __name__ == "__main__":
    _main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
