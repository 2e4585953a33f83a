"""flows/engine.py with real processes and a real Prefect server.

No test looks at how long something took; deadlines only keep a broken build from hanging.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows import engine

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120

FLOW = """
import os
import time
from pathlib import Path
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

@task
def note(path: str, text: str) -> None:
    with Path(path).open("a") as stream:
        stream.write(text + "\\n")

@task(retries=2)
def flaky(path: str) -> int:
    with Path(path).open("a") as stream:
        stream.write("attempt\\n")
    tries = Path(path).read_text().count("attempt")
    if tries < 2:
        raise OSError("the network is away")
    return tries

@flow
def tiny(path: str, sleep_s: float = 0.0) -> int:
    note(path, f"start {os.getpid()}")
    time.sleep(sleep_s)
    result = flaky(path)
    create_markdown_artifact("| stored | 1 |", key="run-summary")
    note(path, f"end {os.getpid()}")
    return result
"""

EMBEDDED_TWICE = """
import sys
from pathlib import Path
from flows import engine
assert "prefect" not in sys.modules
said = []
with engine.embedded(Path(sys.argv[1]), said.append, preload=("tinyflow",)):
    from tinyflow import tiny
    assert tiny(sys.argv[2]) == 2
    before = list(said)
    assert tiny(sys.argv[2]) == 3
    assert said == before, said
print("\\n".join(said))
"""

EMBEDDED_KILLED = """
import sys
from pathlib import Path
from flows import engine
with engine.embedded(Path(sys.argv[1]), print, preload=("tinyflow",)):
    from tinyflow import tiny
    tiny(sys.argv[2], 600)
"""

SERVE = """
import sys
from datetime import timedelta
from pathlib import Path
from flows import engine
done = engine.serve_schedule(
    "tinyflow:tiny", name="test", data_dir=Path(sys.argv[1]),
    progress=lambda line: print(line, flush=True), every=timedelta(seconds=2),
    parameters={"path": sys.argv[2], "sleep_s": float(sys.argv[3])},
    run_now=sys.argv[4] == "now", poll_s=0.5, max_runs=1)
print("done", done)
"""


@pytest.fixture(scope="module")
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """A clean environment whose cache of Prefect's empty database outlives the test session."""
    assert request.config.cache is not None
    folder = tmp_path_factory.mktemp("flow")
    (folder / "tinyflow.py").write_text(FLOW)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "XDG_CACHE_HOME": str(request.config.cache.mkdir("prefect")),
        "PREFECT_PROFILES_PATH": str(folder / "none.toml"),
    }


@pytest.fixture
def start(
    environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a script with the data folder and the notes file as arguments; kills it at the end."""
    started: list[subprocess.Popen[str]] = []

    def start_script(code: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                code,
                str(tmp_path / "data"),
                str(tmp_path / "notes"),
                *arguments,
            ],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_script
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def ran_twice(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A process that ran the flow twice, and its data folder."""
    folder = tmp_path_factory.mktemp("twice")
    done = subprocess.run(
        [sys.executable, "-c", EMBEDDED_TWICE, str(folder / "data"), str(folder / "notes")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return done, folder / "data"


def rows(data: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data / "prefect" / "prefect.db", timeout=10)) as connection:
        return connection.execute(sql).fetchall()


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_embedded_flow_runs_and_nothing_is_printed_to_stderr(
    ran_twice: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, _ = ran_twice
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "CancelledError" not in done.stderr


def test_the_second_flow_of_a_process_starts_no_second_server(
    ran_twice: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, _ = ran_twice
    said = done.stdout.splitlines()
    assert len([line for line in said if line.startswith("Prefect: starting")]) == 1
    assert len([line for line in said if line.startswith("Prefect: ready")]) == 1


def test_runs_tasks_retries_and_artifacts_are_recorded_before_the_server_stops(
    ran_twice: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, data = ran_twice
    assert rows(data, "select state_name from flow_run") == [("Completed",), ("Completed",)]
    assert rows(data, "select state_name, count(*) from task_run group by state_name") == [
        ("Completed", 6)
    ]
    assert rows(data, "select max(run_count) from task_run") == [(2,)]
    assert rows(data, "select distinct key from artifact") == [("run-summary",)]


def test_a_killed_process_leaves_no_server_and_its_run_is_marked_crashed_by_the_next(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start(EMBEDDED_KILLED)
    notes = tmp_path / "notes"
    wait_for(notes.exists, "the flow")
    (server,) = children(process.pid)
    assert is_running(server)
    process.kill()
    wait_for(lambda: not is_running(server), "the end of the server")
    states = "select state_name from flow_run order by start_time"
    assert rows(tmp_path / "data", states) == [("Running",)]

    following = start(EMBEDDED_TWICE)
    _, errors = following.communicate(timeout=PATIENCE_S)
    assert following.returncode == 0, errors
    assert rows(tmp_path / "data", states) == [("Crashed",), ("Completed",), ("Completed",)]


@pytest.mark.slow
def test_serve_executes_a_run_that_prefect_scheduled(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start(SERVE, "0", "later")
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output + errors
    assert "Traceback" not in errors
    assert "done 1" in output
    scheduled = (
        "select state_name from flow_run where auto_scheduled = 1 and start_time is not null"
    )
    assert rows(tmp_path / "data", scheduled) == [("Completed",)]
    assert [
        (limit, json.loads(str(options))["collision_strategy"])
        for limit, options in rows(
            tmp_path / "data",
            'select l."limit", d.concurrency_options from deployment d'
            " join concurrency_limit_v2 l on l.id = d.concurrency_limit_id",
        )
    ] == [(1, "CANCEL_NEW")]


@pytest.mark.slow
@pytest.mark.parametrize("victims", ["parent", "both"])
def test_kill_9_of_serve_does_not_block_the_next_one(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, victims: str
) -> None:
    process = start(SERVE, "6", "now")
    notes = tmp_path / "notes"
    wait_for(lambda: notes.exists() and "\n" in notes.read_text(), "the first run")
    run = int(notes.read_text().split()[1])
    os.kill(process.pid, signal.SIGKILL)
    if victims == "both":
        os.kill(run, signal.SIGKILL)

    following = start(SERVE, "0", "now")
    output, errors = following.communicate(timeout=PATIENCE_S)
    assert following.returncode == 0, output + errors
    ran = rows(
        tmp_path / "data",
        "select state_name, start_time, end_time from flow_run"
        " where infrastructure_pid is not null order by start_time",  # not the missed ones
    )
    expected = "Completed" if victims == "parent" else "Crashed"
    assert [row[0] for row in ran] == [expected, "Completed"]
    first, second = ran
    assert str(second[1]) >= str(first[2]), "the two runs overlap"


@pytest.mark.slow
def test_kill_9_of_prefects_server_in_the_middle_of_a_run_costs_that_run_at_most(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start(SERVE.replace("max_runs=1", "max_runs=2"), "6", "now")
    notes = tmp_path / "notes"
    wait_for(lambda: notes.exists() and "\n" in notes.read_text(), "the first run")
    first = int(notes.read_text().split()[1])
    (server,) = [pid for pid in children(process.pid) if pid != first]
    os.kill(server, signal.SIGKILL)

    output, errors = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == 0, output + errors
    assert "the server ended (code -9); starting it again" in output
    ran = rows(
        tmp_path / "data",
        "select state_name from flow_run where infrastructure_pid is not null order by start_time",
    )
    assert ran[-1] == ("Completed",)
    assert ran[0] in [("Completed",), ("Crashed",), ("Failed",)]


def test_the_environment_of_the_user_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.chdir(tmp_path)
    os.environ["HOME"] = str(tmp_path)
    os.environ["DO_NOT_TRACK"] = "0"
    os.environ["PREFECT_HOME"] = str(tmp_path / "mine")

    engine.prepare_environment(tmp_path / "data", quiet=True)

    assert os.environ["DO_NOT_TRACK"] == "0"
    assert str(tmp_path / "mine") == os.environ["PREFECT_HOME"]
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env", "PREFECT_API_URL='http://there/api'\n"),
        ("prefect.toml", '[api]\nurl = "http://there/api"\n'),
        ("pyproject.toml", '[tool.prefect.api]\nurl = "http://there/api"\n'),
        (
            ".prefect/profiles.toml",
            'active = "x"\n[profiles.x]\nPREFECT_API_URL = "http://there/api"\n',
        ),
    ],
)
def test_a_configured_api_is_found_and_gets_no_home_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, text: str
) -> None:
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert engine.configured_api_url() is None
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)

    assert engine.configured_api_url() == "http://there/api"
    engine.prepare_environment(tmp_path / "data", quiet=True)
    assert "PREFECT_HOME" not in os.environ
