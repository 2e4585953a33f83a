"""Builds the wheel, installs it into a folder of its own, and tries what was installed.

Editable installs hide missing data files; only the wheel shows them. The dependencies come from
the environment that runs this script, the five packages from the wheel alone.
Run by `make wheel-test`; prints `N passed, N failed` and exits 1 when something failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("extractors", "alerts", "storage", "flows", "seeds")


def build(folder: Path) -> Path:
    """Build the wheel into `folder`."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--wheel-dir",
            str(folder),
            str(ROOT),
        ],
        check=True,
    )
    return next(folder.glob("presswatch-*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone; let it see this environment's dependencies, not the checkout."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = next((folder / "lib").glob("python*")) / "site-packages"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
            str(site),
            str(wheel),
        ],
        check=True,
    )
    # A plain path line would also run this environment's .pth files, and with them the editable
    # install: so its site-packages are added as a bare path, behind the wheel's.
    dependencies = sysconfig.get_path("purelib")
    (site / "dependencies.pth").write_text(f"import sys; sys.path.append({dependencies!r})\n")
    return python


def run(python: Path, cwd: Path, *args: str, code: int = 0) -> str:
    """Run the installed presswatch in an empty folder and return its output."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PRESSWATCH_", "SLACK_"))}
    done = subprocess.run(
        [str(python), "-m", "flows", *args], cwd=cwd, env=env, text=True, capture_output=True
    )
    assert done.returncode == code, f"{args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def main() -> int:
    """Run the checks and print how many passed."""
    checks: list[tuple[str, Callable[[], None]]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = install(build(folder / "dist"), folder / "venv")
        desk = folder / "desk"
        desk.mkdir()

        def comes_from_the_wheel() -> None:
            code = "; ".join(f"import {p}; print({p}.__file__)" for p in PACKAGES)
            done = subprocess.run(
                [str(python), "-c", code], cwd=desk, text=True, capture_output=True, check=True
            )
            for line in done.stdout.splitlines():
                assert line.startswith(str(folder)), line

        def has_its_data() -> None:
            assert "wrote" in run(python, desk, "init")
            for data in ("presswatch.toml", "feeds.toml", "topics/opcon.toml", "topics/ssn.toml"):
                assert (desk / data).stat().st_size > 0, data

        def checks_its_topics() -> None:
            run(python, desk, "topics", "check")

        def ingests_and_answers() -> None:
            text = (
                "Seoul and Washington agreed on Tuesday to speed up the transfer of wartime "
                "operational control of South Korean troops.\nThe ministers set a target year.\n"
            )
            (desk / "note.txt").write_text(text)
            run(python, desk, "ingest", "note.txt")
            answer = run(
                python, desk, "sql", "select topic, level from topic_hits", "--format", "csv"
            )
            assert "opcon,alert" in answer, answer

        def runs_the_demo() -> None:
            answer = run(python, desk, "demo", "--quiet")
            assert "OPCON" in answer, answer

        checks = [
            (f.__name__.replace("_", " "), f)
            for f in (
                comes_from_the_wheel,
                has_its_data,
                checks_its_topics,
                ingests_and_answers,
                runs_the_demo,
            )
        ]
        failed = 0
        for label, check in checks:
            try:
                check()
                print(f"ok      wheel {label}")
            except Exception as error:
                failed += 1
                print(f"FAILED  wheel {label}: {error}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
