"""What extraction costs beside bare `trafilatura.extract`, stage by stage.

    python benchmarks/bench_extraction.py                      pages of the demo site
    python benchmarks/bench_extraction.py pages.jsonl --every 5
    python benchmarks/bench_extraction.py folder/ --jobs       also: two workers against one

"Bare" is `trafilatura.extract(html)` with its default arguments, given the page already decoded:
what it parses, extracts and compares, and nothing else. "presswatch" is everything from the bytes
of the page to the finished article: decoding, metadata, extraction, verdict, links, cleaning with
reasons, language of article and lines.

Every page goes through both in turn, and which goes first changes from page to page and round to
round. Time is processor time, the median of `--repeat` rounds a page, after one round to warm up.
What presswatch remembers of lines is forgotten before each round, since a running system sees each
page once. Stages are timed in rounds of their own. Only the ratios mean something; milliseconds
depend on the machine. Exits with 1 when the whole costs more than 15 % on top (issue 3, point 9) of
pages given; the demo's pages are 4 kB with ten lines of boilerplate each, and bound nothing.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from extractors.models import RawDocument

WANTED_RATIO = 1.15
SIZES = ("small", "medium", "large")


def load(path: Path | None, every: int) -> list[RawDocument]:
    """Pages of a file or folder, each `every`-th; those of the demo site without a path."""
    if path is None:
        from datetime import UTC, datetime

        from flows.demo_content import articles_of, load_site
        from flows.demo_render import render_page

        site, times = load_site(), {n: datetime.now(UTC) for n in range(1, 10)}
        pages = []
        for outlet in site.outlets.values():
            if outlet.fetch == "feed":  # its pages are never asked for
                continue
            shown = articles_of(site, outlet.id, state=9, times=times)
            for article in shown:
                html = render_page(outlet, article, shown, base_url="http://news.example")
                pages.append(RawDocument(doc_id=article.path, html=html))
        return pages[::every]
    from extractors.readers import read_documents

    docs = itertools.islice(read_documents([path]), 0, None, every)
    return [d for d in docs if isinstance(d, RawDocument) and d.html is not None]


def forget_lines() -> None:
    """Clear what our modules remember of texts they have seen; tables of characters stay."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("extractors."):
            continue
        for value in vars(module).values():
            if isinstance(value, functools._lru_cache_wrapper) and value.__name__ not in (
                "builtin_rules",
                "_codec_weights",
                "_hook",
                "first_letters",
                "_suffixes",
            ):
                value.cache_clear()


class Stages:
    """Adds up the time spent inside functions of our modules, by wrapping them."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def wrap(self, module: Any, name: str, stage: str) -> None:
        inner: Callable[..., Any] = getattr(module, name)
        self.spent[stage] = 0.0

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.process_time()
            try:
                return inner(*args, **kwargs)
            finally:
                self.spent[stage] += time.process_time() - begin

        setattr(module, name, timed)


def spend(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def compare(docs: Sequence[RawDocument], repeat: int) -> tuple[list[float], list[float]]:
    """Median seconds a page: bare, and ours."""
    import trafilatura

    from extractors import documents
    from extractors.decode import decode_page

    texts = [decode_page(d.html, d.content_type, d.encoding)[0] for d in docs]  # type: ignore[arg-type]
    bare: list[list[float]] = [[] for _ in docs]
    ours: list[list[float]] = [[] for _ in docs]
    for turn in range(repeat + 1):
        forget_lines()
        for place, doc in enumerate(docs):
            for which in (0, 1) if (place + turn) % 2 else (1, 0):
                if which:
                    seconds = spend(lambda doc=doc: documents.process_document(doc))  # type: ignore[misc]
                else:
                    seconds = spend(lambda text=texts[place]: trafilatura.extract(text))  # type: ignore[misc]
                if turn:
                    (ours if which else bare)[place].append(seconds)
    return list(map(median, bare)), list(map(median, ours))


def time_stages(docs: Sequence[RawDocument], repeat: int) -> dict[str, float]:
    """Seconds a stage for all pages together, the median of some rounds."""
    import trafilatura

    from extractors import articles, boilerplate, documents

    stages = Stages()
    stages.wrap(documents, "decode_raw", "decode")
    stages.wrap(articles, "tame_markup", "tame markup")
    stages.wrap(articles, "parse_page", "parse")
    stages.wrap(articles, "read_json_ld", "JSON-LD")
    stages.wrap(articles, "read_metadata", "metadata")
    stages.wrap(articles, "lighten", "lighten the tree")
    stages.wrap(articles, "open_layout_tables", "layout tables")
    stages.wrap(trafilatura, "bare_extraction", "trafilatura itself")
    stages.wrap(articles, "_extract_lines", "trafilatura, lines, links")
    stages.wrap(articles, "judge_text", "verdict")
    stages.wrap(articles, "_fall_back", "fallbacks")
    stages.wrap(boilerplate, "clean_lines", "clean and tag language")
    rounds: dict[str, list[float]] = {stage: [] for stage in stages.spent}
    for _ in range(repeat):
        forget_lines()
        stages.spent = dict.fromkeys(stages.spent, 0.0)
        for doc in docs:
            documents.process_document(doc)
        for stage, seconds in stages.spent.items():
            rounds[stage].append(seconds)
    return {stage: median(values) for stage, values in rounds.items()}


def main() -> int:
    """Compare, print, and say whether the bound holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take each n-th page")
    parser.add_argument("--repeat", type=int, default=3, help="rounds, after one to warm up")
    parser.add_argument("--jobs", action="store_true", help="measure two workers against one")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)

    docs = load(options.path, options.every)
    bare, ours = compare(docs, options.repeat)
    n, base, whole = len(docs), sum(bare), sum(ours)
    print(f"{n} pages, processor time, median of {options.repeat} rounds")
    print(f"  {'':28s} {'ms a page':>10s} {'ratio':>7s} {'pages/s':>9s}")
    print(f"  {'bare trafilatura.extract':28s} {1000 * base / n:10.2f} {1:7.3f} {n / base:9.1f}")
    print(
        f"  {'presswatch, all stages':28s} {1000 * whole / n:10.2f} {whole / base:7.3f}"
        f" {n / whole:9.1f}"
    )
    order = sorted(range(n), key=bare.__getitem__)
    for k, size in enumerate(SIZES):
        third = order[k * n // 3 : (k + 1) * n // 3]
        if third:
            part, all_of = sum(bare[i] for i in third), sum(ours[i] for i in third)
            print(
                f"    {size + ' pages':26s} {1000 * all_of / len(third):10.2f}"
                f" {all_of / part:7.3f} {len(third) / all_of:9.1f}"
            )
    print("of which (stages timed in rounds of their own; * is part of the line below it)")
    for stage, seconds in time_stages(docs, options.repeat).items():
        mark = "*" if stage == "trafilatura itself" else " "
        print(f"   {mark}{stage:27s} {1000 * seconds / n:10.2f} {seconds / base:7.3f}")
    if options.jobs:
        measure_jobs(docs)
    return 0 if options.path is None or whole <= WANTED_RATIO * base else 1


def measure_jobs(docs: list[RawDocument]) -> None:
    """Pages a second of two workers against one, in wall time: needs a quiet machine."""
    from extractors.workers import WorkerPool

    best = {1: float("inf"), 2: float("inf")}
    with WorkerPool(1) as one, WorkerPool(2) as two:
        for pool in (one, two):
            list(pool.map_documents(docs[:4]))
        for _ in range(3):
            for jobs, pool in ((1, one), (2, two)):
                begin = time.perf_counter()
                list(pool.map_documents(docs))
                best[jobs] = min(best[jobs], time.perf_counter() - begin)
    print(f"two workers against one: {best[1] / best[2]:.2f} times as fast")


if __name__ == "__main__":
    sys.exit(main())
