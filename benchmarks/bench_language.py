"""Speed of language tagging against bare langdetect, side by side on the same short lines.

    python benchmarks/bench_language.py [--lines FILE.jsonl] [--rounds 5]

Prints microseconds a line for each, and the ratio, which is what counts: the machine's load
cancels out because the two take turns.  Lines are our own (below), each made different from the
others so that no cache helps; `--lines` reads objects with a `text` from a JSONL file instead.
Exits with 1 when tagging is not at least three times faster (issue 3, point 9).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from extractors.language import tag_language

WANTED_RATIO = 3.0
SHORT_CHARS = 60
"""Longest line counted as short: the research file's short lines have 6 to 59 signs."""

LINES = [
    "Council votes to build the harbour wall anew",
    "The ferry leaves at noon and comes back at night",
    "Storm closes the coast road for a second day",
    "방파제 다시 짓는다…공사는 내년 봄에 시작",
    "여객선 시간표가 겨울철에 맞춰 바뀐다",
    "港の壁を建て直す計画、来年の春に着工へ",
    "嵐で海沿いの道が二日続けて通行止めに",
    "海港防波堤将重建，明年春天开始施工",
    "冬季渡轮时刻表调整，乘客请注意",
    "防波堤將重建，市府編列十八億元預算",
    "Le port aura un nouveau mur dès le printemps",
    "Der Hafen bekommt im Frühling eine neue Mauer",
    "El puerto tendrá un muro nuevo en primavera",
    "Стена порта будет построена заново весной",
    "関連記事",
    "관련기사",
]


def short_lines(path: Path | None) -> list[str]:
    """Lines of the file, or our own in forty spellings each."""
    if path is None:
        return [f"{line} {n}" for n in range(40) for line in LINES]
    texts = [json.loads(raw)["text"] for raw in path.read_text("utf-8").splitlines() if raw]
    return [t for t in dict.fromkeys(texts) if 6 <= len(t) < SHORT_CHARS]


def cpu_us(work: Callable[[str], object], lines: list[str]) -> float:
    """Microseconds of CPU time a line."""
    start = time.process_time()
    for line in lines:
        work(line)
    return (time.process_time() - start) / len(lines) * 1e6


def main() -> int:
    """Run both in turns and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    DetectorFactory.seed = 0

    def bare(line: str) -> str:
        try:
            return str(detect(line))
        except LangDetectException:
            return "und"

    lines = short_lines(options.lines)
    bare(lines[0])
    tag_language("warm up the profiles of it")
    ours: list[float] = []
    theirs: list[float] = []
    for n in range(options.rounds):
        fresh = [f"{line} {chr(0x2460 + n)}" for line in lines]  # unlike the last round's
        ours.append(cpu_us(tag_language, fresh))
        theirs.append(cpu_us(bare, fresh))
    ratio = min(theirs) / min(ours)
    print(f"{len(lines)} lines, best of {options.rounds} rounds, CPU time")
    print(f"presswatch        {min(ours):8.0f} us a line")
    print(f"langdetect.detect {min(theirs):8.0f} us a line")
    print(f"ratio             {ratio:8.1f} (wanted: at least {WANTED_RATIO:.0f})")
    return 0 if ratio >= WANTED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
