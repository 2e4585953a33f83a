"""What keeps the parts apart: light imports, names, registries."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import flows
from flows.cli import COMMANDS
from storage.migrate import load_migrations

HEAVY = ("prefect", "duckdb", "slack_sdk", "trafilatura", "langdetect", "feedparser", "aiohttp")


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import extractors, extractors.models",
        "import alerts, alerts.models",
        "import storage.database",
        "import flows.cli, flows.context, flows.settings",
        "import flows.engine",
    ],
)
def test_an_import_loads_no_heavy_library(statement: str) -> None:
    assert _loaded_by(statement) == set()


def test_no_file_of_flows_hides_another_module() -> None:
    # Prefect loads flows/monitor.py as a script with flows/ first on sys.path (docs/adr/0001).
    own = {path.stem for path in Path(next(iter(flows.__path__))).glob("*.py")}
    own -= {"__init__", "__main__"}
    taken = set(sys.stdlib_module_names) | set(packages_distributions())
    taken |= {"extractors", "alerts", "storage", "seeds", "flows", "tests"}

    assert own & taken == set()


def test_the_flow_file_defines_no_class_and_imports_nothing_relative() -> None:
    source = (Path(next(iter(flows.__path__))) / "monitor.py").read_text("utf-8")

    assert "\nclass " not in source
    assert "from ." not in source


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_that_ends_with_an_example(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows", name, "--help"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "Example:" in done.stdout
    assert f"presswatch {name}" in done.stdout.split("Example:")[1]


def test_migration_numbers_are_unique_and_ascending() -> None:
    versions = [migration.version for migration in load_migrations()]

    assert versions == sorted(set(versions))
    assert versions[0] == 1
