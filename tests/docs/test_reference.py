"""The generated pages say what the program says; every link in the docs leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.reference import PAGES

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md")])


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    # In a process of its own: click keeps what earlier tests made of a command's options.
    code = "import sys; from flows.reference import PAGES; sys.stdout.write(PAGES[sys.argv[1]]())"
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, check=True)
    expected = done.stdout.decode("utf-8")

    assert (ROOT / "docs" / name).read_text("utf-8") == expected, (
        "run: .venv/bin/python -m flows.reference docs"
    )


@pytest.mark.parametrize("page", DOCS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_environment_variable_of_the_example_is_known() -> None:
    from flows.reference import configuration_page

    names = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.M)
    page = configuration_page()

    assert names
    for name in names:
        key = name.removeprefix("PRESSWATCH_").lower()
        assert name in page or f"| `{key}` |" in page, name
