"""The drill of benchmarks/drill_slack.py as a test: real processes, SIGKILL, random faults."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DRILL = Path(__file__).resolve().parents[2] / "benchmarks" / "drill_slack.py"


@pytest.mark.slow
def test_five_hundred_alerts_under_faults_and_kills_arrive_once_each(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("drill_slack", DRILL)
    assert spec is not None
    assert spec.loader is not None
    drill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drill)
    result = drill.run_drill(alerts=500, share=0.25, per_second=20.0, seed=7, folder=tmp_path)
    assert result["passed"], result
    assert result["kills"] >= 3
