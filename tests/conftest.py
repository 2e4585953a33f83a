"""Shared fixtures. `--runslow` adds the longer drills."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from storage.database import Store

# No test may talk to a real Slack or be steered by the developer's own settings.
for _name in list(os.environ):
    if _name.startswith(("PRESSWATCH_", "SLACK_")):
        del os.environ[_name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="run tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--runslow"):
        return
    skip = pytest.mark.skip(reason="needs --runslow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with all migrations: making one costs half a second of CPU."""
    store = Store(tmp_path_factory.mktemp("migrated") / "presswatch.duckdb")
    with store.write():
        pass
    return store.main


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> Store:
    """An empty store in a folder of its own."""
    store = Store(tmp_path / "presswatch.duckdb")
    store.folder.mkdir()
    shutil.copyfile(migrated, store.main)
    return store
