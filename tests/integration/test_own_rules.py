"""An operator's own rules and language engine reach the worker processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from extractors.errors import UsageError
from extractors.models import RawDocument
from extractors.rules import FOLDER_VARIABLE, builtin_rules
from extractors.workers import WorkerPool
from flows.cleaning import prepare_cleaning
from flows.settings import Settings

TEXT = (
    "The harbour master closed the northern pier on Friday after a storm.\n"
    "Repairs will take at least three weeks, he told reporters.\n"
    "Wigglesworth Media House thanks every single reader for the time that was spent.\n"
)
RULE = """
[[rule]]
name = "house-line"
category = "ad"
reason = "line of the house"
lines = ["Wigglesworth Media House thanks every single reader for the time that was spent."]
match = ["Wigglesworth Media House thanks every single reader for the time that was spent."]
"""


@pytest.fixture(autouse=True)
def _no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    yield
    monkeypatch.undo()
    builtin_rules.cache_clear()


def _removed(settings: Settings) -> list[str]:
    prepare_cleaning(settings)
    with WorkerPool(1) as pool:
        (article,) = pool.map_documents([RawDocument(doc_id="x", text=TEXT)])
    return [block.rule for block in article.blocks if block.kind != "body"]


def test_a_rule_in_the_operators_folder_is_obeyed_by_workers(tmp_path: Path) -> None:
    assert _removed(Settings(base_dir=tmp_path)) == []
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "en.toml").write_text(RULE)

    assert _removed(Settings(base_dir=tmp_path)) == ["en:house-line"]


def test_a_wrong_rule_is_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.toml").write_text(RULE.replace("category", "katgory"))

    with pytest.raises(UsageError, match=r"mine\.toml.*katgory"):
        prepare_cleaning(Settings(base_dir=tmp_path))
