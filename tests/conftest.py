"""Shared fixtures. `--runslow` adds the longer drills."""

from __future__ import annotations

import os
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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store in a folder of its own."""
    return Store(tmp_path / "presswatch.duckdb")
