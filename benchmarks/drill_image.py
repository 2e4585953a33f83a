"""Drill: every command of the image and of compose.yaml, run here without a container engine.

    python benchmarks/drill_image.py [--keep FOLDER]

In: deploy/Dockerfile, deploy/compose.yaml, PostgreSQL's programs (Debian's package `postgresql`),
the bundled news site.  The script reads the commands and the environment out of the two files, puts
folders of its own in the place of the image's (`/opt/presswatch`, `/var/lib/presswatch`, `/data` …)
and runs them in the order of the file: the build's `pip install`s into a new environment, the
warming of Prefect's database, PostgreSQL, Prefect's server with its health check, the making of
pool and deployment, two workers, the writer with its health check until a run has stored articles.

What it cannot show: the base image, users and rights inside a container, networks, `read_only`.

Prints a line a command and `N passed, M failed`; exit code 1 when something failed. About five
minutes, most of it `pip install`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.desk import Desk  # noqa: E402

from flows.demo_site import DemoSite  # noqa: E402

PATIENCE_S = 300.0
FEEDS = ("hanbit-all", "harbor-all", "capital-all", "hangang-all")
KEPT = ("HOME", "LANG", "TMPDIR", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "SSL_CERT_FILE")


class Drill:
    """The folders in the place of the image's, what runs, and what was found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passed = self.failed = 0
        self.running: list[subprocess.Popen[bytes]] = []
        self.ports = {name: str(_free_port()) for name in ("4200", "5432", "9464")}
        self.places = {
            place: str(folder / place.strip("/").replace("/", "-"))
            for place in ("/opt/presswatch", "/var/lib/presswatch", "/data", "/config", "/exchange")
        }

    def place(self, text: str) -> str:
        """Put our folders, ports and loopback in the place of the image's."""
        for place, ours in self.places.items():
            text = re.sub(rf"(?<![\w/-]){re.escape(place)}(?![\w-])", ours, text)
        for port, ours in self.ports.items():
            text = re.sub(rf"(?<!\d){port}(?!\d)", ours, text)
        return text.replace("//prefect:", "//127.0.0.1:")

    def tell(self, what: str, ok: bool, more: str = "") -> bool:
        """Print a line and count it."""
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        print(("ok      " if ok else "FAILED  ") + what + (f": {more}" if more else ""), flush=True)
        return ok

    def run(self, what: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> bool:
        """Run a command to its end."""
        began = time.monotonic()
        done = subprocess.run(
            command, env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=900
        )
        last = (done.stdout + done.stderr).strip().splitlines()[-1:] or [""]
        ok = done.returncode == 0
        if not ok:
            print((done.stdout + done.stderr)[-3000:])
        return self.tell(what, ok, f"{time.monotonic() - began:.0f} s, {last[0][:90]}")

    def start(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, log: str) -> None:
        """Start a command that stays."""
        with (self.folder / f"{log}.log").open("wb") as out:
            self.running.append(
                subprocess.Popen(
                    command, env=dict(env), cwd=cwd, stdout=out, stderr=out, start_new_session=True
                )
            )

    @contextlib.contextmanager
    def cleared(self) -> Iterator[None]:
        """End what was started."""
        try:
            yield
        finally:
            for process in reversed(self.running):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def read_dockerfile(text: str) -> tuple[list[list[str]], dict[str, str], dict[str, list[str]]]:
    """The RUN commands of each stage, the last stage's ENV, its ENTRYPOINT, CMD and HEALTHCHECK."""
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.M)).splitlines()
    stages: list[list[str]] = []
    env: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for line in filter(None, map(str.strip, lines)):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
            env = {}
        elif word == "RUN":
            stages[-1].append(rest)
        elif word == "ENV":
            env.update(part.split("=", 1) for part in shlex.split(rest))
        elif word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
            lists[word] = yaml.safe_load(rest[rest.index("[") :])
    return stages, env, lists


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a folder for logs and data, kept afterwards")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="presswatch-image-"))
    folder.mkdir(parents=True, exist_ok=True)
    drill = Drill(folder.resolve())
    with drill.cleared():
        _drill(drill)
    print(f"{drill.passed} passed, {drill.failed} failed")
    if options.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if drill.failed else 0)


def _drill(drill: Drill) -> None:
    stages, image_env, lists = read_dockerfile((ROOT / "deploy/Dockerfile").read_text("utf-8"))
    compose: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))
    for place in drill.places.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    opt = Path(drill.places["/opt/presswatch"])
    base = {key: os.environ[key] for key in KEPT if key in os.environ}
    path = f"{opt}/bin:{Path(sys.executable).resolve().parent}:/usr/local/bin:/usr/bin:/bin"

    # ------------------------------------------------------------------ build
    source = drill.folder / "src"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "data", "__pycache__"))
    for command in stages[0]:
        command = command.replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv")
        env = {**base, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        if not drill.run(
            f"build: {command[:60]}", ["sh", "-euc", drill.place(command)], env, source
        ):
            return
    shutil.copy(ROOT / "deploy/prefect.yaml", opt / "prefect.yaml")
    shutil.rmtree(source)
    image = {**base, **{key: drill.place(value) for key, value in image_env.items()}, "PATH": path}
    image.pop("HOME", None)
    image["HOME"] = drill.places["/var/lib/presswatch"]
    data = Path(drill.places["/data"])
    for command in stages[1]:
        if "useradd" not in command:  # users are the container's affair
            drill.run(f"image: {command[:60]}", ["sh", "-euc", drill.place(command)], image, data)

    # ------------------------------------------------------------------ compose
    services = compose["services"]
    password = "drill-only"

    def environment(name: str) -> dict[str, str]:
        given = services[name].get("environment", {})
        values = {k: drill.place(str(v)) for k, v in given.items()}
        values = {
            k: password if v.startswith("${POSTGRES_PASSWORD") else v for k, v in values.items()
        }
        if values.get("PREFECT_SERVER_DATABASE_HOST"):
            values["PREFECT_SERVER_DATABASE_HOST"] = "127.0.0.1"
        return {**image, **values}

    def command_of(name: str) -> list[str]:
        service = services[name]
        entry = service.get("entrypoint", lists["ENTRYPOINT"])
        rest = service.get("command", [] if "entrypoint" in service else lists["CMD"])
        return [drill.place(part).replace("0.0.0.0", "127.0.0.1") for part in [*entry, *rest]]

    if not _postgres(drill, password, services["postgres"]):
        return
    server = [*command_of("prefect"), "--port", drill.ports["4200"]]
    drill.start(server, environment("prefect"), data, "prefect")
    check = [drill.place(part) for part in services["prefect"]["healthcheck"]["test"][1:]]
    if not drill.tell("prefect: health check", _until(check, environment("prefect"), data)):
        return
    drill.run("setup: pool and deployment", command_of("setup"), environment("setup"), data)
    with DemoSite() as site:
        desk = Desk(Path(drill.places["/config"]), allow_addresses=site.address.split(","))
        desk.write_feeds(row for row in site.feeds() if row["name"] in FEEDS)
        for n in (1, 2):
            drill.start(command_of("worker"), environment("worker"), data, f"worker{n}")
        drill.start(command_of("writer"), environment("writer"), data, "writer")
        healthy = _until([drill.place(p) for p in lists["HEALTHCHECK"]], image, data)
        drill.tell("writer: health check of the image", healthy)
        ask = [str(opt / "bin/presswatch"), "sql", "--format", "csv", _STORED]
        deadline = time.monotonic() + PATIENCE_S
        rows = ""
        while time.monotonic() < deadline:
            done = subprocess.run(ask, env=image, cwd=data, capture_output=True, text=True)
            rows = done.stdout.strip().splitlines()[-1] if done.returncode == 0 else ""
            if rows and int(rows.split(",")[0]):
                break
            time.sleep(3)
        drill.tell("writer and workers: articles stored", bool(rows) and rows[0] != "0", rows)
    for command in ("--version", "doctor", "feeds list", "alerts list"):
        whole = [*lists["ENTRYPOINT"], *shlex.split(command)]
        drill.run(f"image: presswatch {command}", whole, image, data)


_STORED = "SELECT count(*) AS articles, (SELECT count(*) FROM runs) AS runs FROM articles"


def _postgres(drill: Drill, password: str, service: Mapping[str, Any]) -> bool:
    """Start PostgreSQL as the compose file's image does; tell whether it answers."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not tools:
        return drill.tell("postgres", False, "Debian's package postgresql is not installed")
    values = service["environment"]
    place = drill.folder / "postgres"
    place.mkdir()
    who: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        who = ["runuser", "-u", "postgres", "--"]
        shutil.chown(place, "postgres")
        for parent in (drill.folder, *drill.folder.parents):
            with contextlib.suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o011)
    secret = place / "password"
    secret.write_text(password)
    if who:
        shutil.chown(secret, "postgres")
    env = {"PATH": f"{tools[-1]}:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    user, name, port = values["POSTGRES_USER"], values["POSTGRES_DB"], drill.ports["5432"]
    init = [*who, str(tools[-1] / "initdb"), "-D", str(place / "data"), "-U", user]
    if not drill.run(
        "postgres: initdb", [*init, "-A", "scram-sha-256", f"--pwfile={secret}"], env, place
    ):
        return False
    options = ["-p", port, "-c", "listen_addresses=127.0.0.1", "-k", str(place)]
    drill.start(
        [*who, str(tools[-1] / "postgres"), "-D", str(place / "data"), *options], env, place, "pg"
    )
    check = [str(tools[-1] / "pg_isready"), "-h", "127.0.0.1", "-p", port, "-U", user]
    made = _until(check, env, place)
    env["PGPASSWORD"] = password
    create = [str(tools[-1] / "createdb"), "-h", "127.0.0.1", "-p", port, "-U", user, name]
    return drill.tell("postgres: pg_isready", made) and drill.run(
        "postgres: database", create, env, place
    )


def _until(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> bool:
    """Run a check until it passes or patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        done = subprocess.run(command, env=dict(env), cwd=cwd, capture_output=True)
        if done.returncode == 0:
            return True
        time.sleep(2)
    return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
