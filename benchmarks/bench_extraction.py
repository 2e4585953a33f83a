"""What extraction costs beside bare `trafilatura.extract`, stage by stage.

    python benchmarks/bench_extraction.py                      pages of the demo site
    python benchmarks/bench_extraction.py pages.jsonl --every 5
    python benchmarks/bench_extraction.py folder/ --jobs       also: two workers against one

Every page goes through both in turn (which goes first changes from page to page), processor time,
the better of `--repeat` rounds. Only the ratios mean something; milliseconds depend on the machine.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extractors.models import RawDocument


def load(path: Path | None, every: int) -> list[RawDocument]:
    if path is None:
        from datetime import UTC, datetime

        from flows.demo_content import articles_of, load_site
        from flows.demo_render import render_page

        site, times = load_site(), {n: datetime.now(UTC) for n in range(1, 10)}
        pages = []
        for outlet in site.outlets.values():
            shown = articles_of(site, outlet.id, state=9, times=times)
            for article in shown:
                html = render_page(outlet, article, shown, base_url="http://news.example")
                pages.append(RawDocument(doc_id=article.path, html=html))
        return pages
    from extractors.readers import read_documents

    docs = itertools.islice(read_documents([path]), 0, None, every)
    return [d for d in docs if isinstance(d, RawDocument) and d.html is not None]


class Stages:
    """Adds up the time spent inside functions of our modules, by wrapping them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.off = True

    def wrap(self, module: Any, name: str, stage: str) -> None:
        inner: Callable[..., Any] = getattr(module, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.process_time()
            try:
                return inner(*args, **kwargs)
            finally:
                if not self.off:
                    self.seconds[stage] += time.process_time() - begin

        setattr(module, name, timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take each n-th page")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--jobs", action="store_true", help="measure two workers against one")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)

    import trafilatura

    from extractors import articles, boilerplate, documents
    from extractors.decode import decode_page

    docs = load(options.path, options.every)
    stages = Stages()
    stages.wrap(documents, "decode_raw", "decode")
    stages.wrap(articles, "tame_markup", "tame markup")
    stages.wrap(articles, "_parse", "parse")
    stages.wrap(articles, "read_json_ld", "metadata")
    stages.wrap(articles, "read_metadata", "metadata")
    stages.wrap(trafilatura, "bare_extraction", "trafilatura")
    stages.wrap(articles, "_extract_lines", "trafilatura and lines")
    stages.wrap(articles, "judge_text", "verdict")
    stages.wrap(articles, "_fall_back", "fallbacks")
    stages.wrap(boilerplate, "clean_lines", "clean and tag language")

    texts = [decode_page(d.html, d.content_type, d.encoding)[0] for d in docs]  # type: ignore[arg-type]
    ours, bare = [float("inf")] * len(docs), [float("inf")] * len(docs)
    for turn in range(options.repeat + 1):
        stages.off = turn != options.repeat
        for place, doc in enumerate(docs):
            for which in (0, 1) if (place + turn) % 2 else (1, 0):
                begin = time.process_time()
                if which:
                    documents.process_document(doc)
                    spent = time.process_time() - begin
                    ours[place] = min(ours[place], spent) if turn else ours[place]
                else:
                    off, stages.off = stages.off, True
                    trafilatura.extract(texts[place], url=doc.url)
                    spent = time.process_time() - begin
                    stages.off = off
                    bare[place] = min(bare[place], spent) if turn else bare[place]
    n = len(docs)
    base = 1000 * sum(bare) / n
    print(f"{n} pages, mean of the better of {options.repeat} rounds, ms of processor time")
    print(f"  {'bare trafilatura.extract':28s} {base:8.2f}   1.000")
    ratio = sum(ours) / sum(bare)
    print(f"  {'presswatch, all stages':28s} {1000 * sum(ours) / n:8.2f}   {ratio:.3f}")
    print("of which")
    for stage, seconds in stages.seconds.items():
        print(f"    {stage:26s} {1000 * seconds / n:8.2f}   {seconds / sum(bare):.3f}")
    if options.jobs:
        measure_jobs(docs)


def measure_jobs(docs: list[RawDocument]) -> None:
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
    main()
