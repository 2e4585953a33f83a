"""Drill: two workers with environments of their own, PostgreSQL, one writer, one worker killed.

    python benchmarks/drill_scale.py [--pages 2000] [--keep FOLDER]

1. A news site on loopback: 20 outlets, `--pages` articles, made here from word lists.
2. One process stores them all: the rows that are expected.
3. PostgreSQL (Debian's package, private folder and port, run as `postgres` when this is root),
   Prefect's server on it, two process workers, each with a virtual environment, a settings file and
   a working folder of its own. `presswatch run` with `workers = "prefect"` is the loader.
4. While it works, one worker and its children get SIGKILL.
5. Both databases must hold the same rows: url, title, body, language, status, topics.

Prints what it measured; exit code 1 when the rows differ. Needs about 2 GB of memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from flows.demo_server import Answer, Listener, bind_all
from storage.database import Store

ROOT = Path(__file__).resolve().parent.parent
OUTLETS = 20
POSTGRES_FOLDERS = (Path("/usr/lib/postgresql"),)
START_S = 300.0
ROWS = (
    "SELECT url, title, body, language, status, list_sort(list(topic)) "
    "FROM articles LEFT JOIN topic_hits USING (article_id) GROUP BY ALL ORDER BY ALL"
)
_WORDS = """
    the a of to in and for with after before under over council harbour ministry bridge river
    school budget engineer harvest market railway festival storm doctor museum library teacher
    inquiry tender contract pilot island valley workshop survey permit station captain orchard
    opened closed delayed reviewed repaired announced measured counted promised refused planted
    quietly slowly early late new old local northern southern narrow costly careful public
"""
_KOREAN = """
    시의회는 항구를 다리를 학교는 예산을 시장은 어제 오늘 내년부터 주민들은 철도를 축제를 병원은
    도서관을 조사했다 밝혔다 고쳤다 미뤘다 열었다 닫았다 약속했다 반대했다 천천히 다시 처음으로
"""
_TOPIC_LINE = (
    "The two defence ministers discussed the transfer of wartime operational control (OPCON) to "
    "South Korea and the conditions that must be met before the date is set."
)


class Site:
    """`pages` articles of `OUTLETS` outlets; each page is the same whenever it is asked for."""

    def __init__(self, pages: int) -> None:
        self.per_outlet = pages // OUTLETS
        self.began = datetime.now(UTC).replace(microsecond=0)
        self.servers: dict[str, Any] = {}

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        self.servers = bind_all({f"o{n}": (n + 1, partial(self.answer, n)) for n in range(OUTLETS)})
        listener = Listener(self.servers.values())
        try:
            yield
        finally:
            listener.close()

    def base(self, outlet: int) -> str:
        ip, port = self.servers[f"o{outlet}"].server_address[:2]
        return f"http://{ip}:{port}"

    def allowed(self) -> list[str]:
        return ["{}:{}".format(*s.server_address[:2]) for s in self.servers.values()]

    def answer(self, outlet: int, path: str, headers: Mapping[str, str]) -> Answer:
        if path == "/feed.xml":
            return _answer("application/rss+xml", self.feed(outlet))
        if path.startswith("/news/"):
            return _answer("text/html; charset=utf-8", self.page(outlet, int(path[6:])))
        return Answer(status=404, headers={"Content-Type": "text/plain"}, body=b"no such page")

    def title(self, outlet: int, n: int) -> str:
        rng = random.Random(f"title {outlet} {n}")
        words = (_KOREAN if outlet % 4 == 3 else _WORDS).split()
        return " ".join(rng.choice(words) for _ in range(8)).capitalize() + f" {outlet}-{n}"

    def at(self, n: int) -> datetime:
        return self.began - timedelta(minutes=5 + n)

    def feed(self, outlet: int) -> str:
        items = "".join(
            f"<item><title>{escape(self.title(outlet, n))}</title><guid>{outlet}-{n}</guid>"
            f"<link>{self.base(outlet)}/news/{n}</link>"
            f"<pubDate>{format_datetime(self.at(n))}</pubDate></item>"
            for n in range(self.per_outlet)
        )
        return (
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>Outlet {outlet}</title>'
            f"<link>{self.base(outlet)}</link>{items}</channel></rss>"
        )

    def page(self, outlet: int, n: int) -> str:
        rng = random.Random(f"page {outlet} {n}")
        words = (_KOREAN if outlet % 4 == 3 else _WORDS).split()
        paragraphs = []
        for _ in range(rng.randint(6, 14)):
            sentences = [
                " ".join(rng.choice(words) for _ in range(rng.randint(9, 22))).capitalize() + "."
                for _ in range(rng.randint(2, 4))
            ]
            paragraphs.append(" ".join(sentences))
        if n % 40 == 7 and outlet % 4 != 3:
            paragraphs.insert(1, _TOPIC_LINE)
        body = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
        links = "".join(f'<li><a href="/s/{k}">Section {k}</a></li>' for k in range(30))
        return (
            f'<!doctype html><html lang="{"ko" if outlet % 4 == 3 else "en"}"><head>'
            f"<title>{escape(self.title(outlet, n))} - Outlet {outlet}</title>"
            f'<meta property="article:published_time" content="{self.at(n).isoformat()}"></head>'
            f"<body><header><nav><ul>{links}</ul></nav></header><main><article>"
            f"<h1>{escape(self.title(outlet, n))}</h1>{body}"
            f"<p>Subscribe to the newsletter of Outlet {outlet} and never miss a story.</p>"
            f"</article></main><footer><p>Copyright Outlet {outlet}. All rights reserved.</p>"
            "</footer></body></html>"
        )


def _answer(kind: str, text: str) -> Answer:
    return Answer(status=200, headers={"Content-Type": kind}, body=text.encode("utf-8"))


def write_desk(folder: Path, site: Site, **settings: Any) -> Path:
    folder.mkdir(parents=True)
    values = {
        "db": "data/presswatch.duckdb",
        "allow_addresses": site.allowed(),
        "host_delay_s": 0,
        "per_host": 8,
        "min_poll_interval_s": 0,
        "max_pages_per_run": 100_000,
        "first_poll": "alert",
        "send_wait_s": 0,
        "story_vectors": "off",
        **settings,
    }
    config = folder / "presswatch.toml"
    config.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()), "utf-8")
    feeds = [
        f'[[feed]]\nname = "outlet-{n}"\nurl = "{site.base(n)}/feed.xml"\noutlet = "Outlet {n}"\n'
        for n in range(OUTLETS)
    ]
    (folder / "feeds.toml").write_text("\n".join(feeds), "utf-8")
    return config


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(what: str, check: Callable[[], bool], seconds: float = START_S) -> float:
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.25)
    return time.monotonic() - began


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Start a private PostgreSQL; yield the connection URL for Prefect."""
    homes = sorted(p for base in POSTGRES_FOLDERS for p in base.glob("*/bin/initdb"))
    if not homes:
        raise SystemExit("PostgreSQL is missing: apt-get install postgresql")
    tools = homes[-1].parent
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder.mkdir()
    if as_user:
        shutil.chown(folder, "postgres")
        for parent in (folder, *folder.parents):
            if parent != Path("/") and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    data, port = folder / "db", free_port()
    user = [*as_user, str(tools / "initdb"), "-D", str(data), "-U", "prefect", "-A", "trust"]
    subprocess.run(user, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    server = subprocess.Popen(
        [
            *(*as_user, str(tools / "postgres"), "-D", str(data), "-p", str(port)),
            *("-k", str(folder), "-c", "listen_addresses=127.0.0.1"),
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=(folder.parent / "postgres.log").open("w"),
        start_new_session=True,
    )
    psql = [str(tools / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "prefect"]
    try:
        ready = [*psql, "-d", "postgres", "-c", "SELECT 1"]
        wait_for("PostgreSQL", lambda: subprocess.run(ready, capture_output=True).returncode == 0)
        subprocess.run([*psql, "-d", "postgres", "-q", "-c", "CREATE DATABASE prefect"], check=True)
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect"
    finally:
        end(server)


@contextlib.contextmanager
def prefect_server(folder: Path, database: str) -> Iterator[dict[str, str]]:
    """Start Prefect's server on PostgreSQL; yield the environment of its clients."""
    port = free_port()
    env = {
        **os.environ,
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1",
    }
    folder.mkdir()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "prefect", "server", "start"),
            *("--host", "127.0.0.1", "--port", str(port), "--no-ui"),
        ],
        env=env,
        stdout=(folder / "server.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}/api"

    def answers() -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{url}/health", timeout=5) as answer,
        ):
            return bool(answer.status == 200)
        if server.poll() is not None:
            raise SystemExit(f"Prefect's server ended: {(folder / 'server.log').read_text()}")
        return False

    try:
        say(f"Prefect's server on PostgreSQL: ready after {wait_for('Prefect', answers):.0f} s")
        clients = {k: v for k, v in env.items() if "CONNECTION_URL" not in k}
        yield {**clients, "PREFECT_API_URL": url}
    finally:
        end(server)


def make_environment(folder: Path) -> Path:
    """Make a virtual environment that borrows this one's packages; return its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = next((folder / "lib").glob("python3.*")) / "site-packages"
    borrowed = next(p for p in sys.path if p.endswith("site-packages"))
    (site / "borrowed.pth").write_text(f"import site; site.addsitedir({borrowed!r})\n", "utf-8")
    return folder / "bin" / "python"


def start_worker(
    name: str, folder: Path, site: Site, exchange: Path, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    config = write_desk(folder, site, workers="prefect", exchange=str(exchange), jobs=1)
    (folder / "feeds.toml").unlink()  # a worker needs none
    python = make_environment(folder / "venv")
    return subprocess.Popen(
        [
            *(str(python), "-m", "prefect", "worker", "start"),
            *("--pool", "presswatch-workers", "--name", name, "--limit", "1"),
        ],
        cwd=folder,
        env={**env, "PREFECT_HOME": str(folder / "home"), "PRESSWATCH_CONFIG": str(config)},
        stdout=(folder / "worker.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def descendants(pid: int) -> list[int]:
    """Return a process and all its children, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def end(process: subprocess.Popen[Any], *, hard: bool = False) -> None:
    """End a process that was started here, and its children."""
    if process.poll() is not None:
        return
    if not hard:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
            return
    for pid in descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def run_cycle(config: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows", "run", "--json", "--config", str(config)],
        env={**env, "PRESSWATCH_CONFIG": ""},
        cwd=config.parent,
        stdout=subprocess.PIPE,
        stderr=(config.parent / "run.log").open("w"),
        text=True,
    )


def rows_of(folder: Path) -> list[tuple[Any, ...]]:
    with Store(folder / "data" / "presswatch.duckdb").read() as con:
        return con.execute(ROWS).fetchall()


def plain_cycle(config: Path) -> dict[str, Any]:
    """Run one cycle in one process, without Prefect; return its account."""
    code = (
        "import json, sys; from flows.context import AppContext\n"
        "from flows.cycle import drive, open_cycle, using_app\n"
        "if __name__ == '__main__':\n"
        "    app = AppContext(config=sys.argv[1], quiet=True, collect_alerts=True)\n"
        "    with using_app(app), open_cycle(config=sys.argv[1]) as cycle:\n"
        "        print(json.dumps(drive(cycle).as_dict(), default=str))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(config)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    account: dict[str, Any] = json.loads(done.stdout)
    return account


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--keep", type=Path, help="work here and keep the files")
    args = parser.parse_args()
    folder = args.keep or Path(tempfile.mkdtemp(prefix="presswatch-scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(args.pages)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(site.serving())
            say(f"one process, {args.pages} pages")
            expected_account = plain_cycle(write_desk(folder / "one", site))
            expected = rows_of(folder / "one")
            say(f"one process: {len(expected)} rows, {expected_account['stages_s']}")
            account, took, kill = scaled_out(folder, site, stack)
        got = rows_of(folder / "loader")
        same = sum(a == b for a, b in zip(expected, got, strict=False))
        report = {
            "pages": args.pages,
            "one_process": expected_account["stages_s"],
            "one_process_s": expected_account["duration_s"],
            "workers": account["stages_s"],
            "workers_s": round(took, 1),
            "killed": kill,
            "errors": account["errors"],
            "rows_expected": len(expected),
            "rows_got": len(got),
            "rows_equal": same,
            "equal": expected == got,
        }
        print(json.dumps(report, indent=2))
        return 0 if expected == got else 1
    finally:
        if args.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def scaled_out(
    folder: Path, site: Site, stack: contextlib.ExitStack
) -> tuple[dict[str, Any], float, str]:
    """Run the same cycle with two workers, one killed; return account, seconds, the killing."""
    exchange = folder / "exchange"
    env = stack.enter_context(
        prefect_server(folder / "server", stack.enter_context(postgres(folder / "postgres")))
    )
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    for command in (
        ["work-pool", "create", "presswatch-workers", "--type", "process"],
        [
            *("deploy", "--prefect-file", str(ROOT / "deploy" / "prefect.yaml")),
            *("--name", "presswatch-worker"),
        ],
    ):
        done = subprocess.run(
            [*prefect, *command], env=env, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"prefect {' '.join(command)}: {done.stdout}{done.stderr}")
    workers = {}
    for name in ("a", "b"):
        workers[name] = start_worker(name, folder / name, site, exchange, env)
        stack.callback(end, workers[name])
    config = write_desk(folder / "loader", site, workers="prefect", exchange=str(exchange))
    began = time.monotonic()
    loader = run_cycle(config, {**env, "PREFECT_HOME": str(folder / "loader" / "home")})
    stack.callback(end, loader)
    log = config.parent / "run.log"
    wait_for("a stored batch", lambda: "stored " in log.read_text() or loader.poll() is not None)
    wait_for("work of worker a", lambda: busy(folder / "a") or loader.poll() is not None)
    victims = descendants(workers["a"].pid)
    kill = f"worker a and {len(victims) - 1} children after {time.monotonic() - began:.0f} s"
    end(workers["a"], hard=True)
    say(f"killed {kill}")
    out, _ = loader.communicate()
    took = time.monotonic() - began
    if not out:
        raise SystemExit(log.read_text())
    account: dict[str, Any] = json.loads(out)
    return account, took, kill


def busy(worker: Path) -> bool:
    """Tell whether a worker has a batch in hand; its log says so."""
    log = (worker / "worker.log").read_text()
    return log.count("View at") > log.count("Finished in state")


if __name__ == "__main__":
    sys.exit(main())
