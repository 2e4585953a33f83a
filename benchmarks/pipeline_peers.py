"""The peers of `bench_pipeline.py`: what each does of the job, measured in its own process.

    PYTHON benchmarks/pipeline_peers.py NAME PAGES.json [FEED_URL ...]     (prints JSON)

In: pages as JSON (base64) or feed addresses; an interpreter that can import the peer.  Out: items,
how many gave a text of 200 characters or more, processor seconds of one process.  It imports
nothing of presswatch, so that it runs in a virtual environment that holds the peer alone.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import io
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator

Page = tuple[str, bytes, str]  # address, bytes, text as decoded by the bench
Extract = Callable[[Page], str]
LEAST_TEXT = 200  # characters that count as an article's text


def trafilatura_extract() -> Extract:
    """Bare `trafilatura.extract` on the decoded page."""
    import trafilatura

    return lambda page: trafilatura.extract(page[2], url=page[0]) or ""


def newspaper_parse() -> Extract:
    """Download with the given HTML, and parse: title, authors, date, text."""
    import newspaper

    def extract(page: Page) -> str:
        article = newspaper.Article(page[0], fetch_images=False)
        article.download(input_html=page[2])
        article.parse()
        return str(article.text or "")

    return extract


def news_please_extract() -> Extract:
    """`NewsPlease.from_html`: title, authors, date, language, text, from several extractors."""
    from newsplease import NewsPlease

    def extract(page: Page) -> str:
        article = NewsPlease.from_html(page[2], url=page[0], fetch_images=False)
        return str(article.maintext or "") if article else ""

    return extract


def reader_update(feeds: list[str]) -> int:
    """`reader`: poll the feeds and store their entries in SQLite; no pages, no matching."""
    from reader import make_reader

    client = make_reader(":memory:")
    for feed in feeds:
        client.add_feed(feed)
    client.update_feeds(workers=1)
    return int(client.get_entry_counts().total or 0)


# name -> (distribution, what it does of the job, extractor)
EXTRACTORS: dict[str, tuple[str, str, Callable[[], Extract]]] = {
    "trafilatura": ("trafilatura", "extraction of the text, nothing else", trafilatura_extract),
    "newspaper4k": ("newspaper4k", "extraction of text, authors, date", newspaper_parse),
    "news-please": ("news-please", "extraction, language, metadata", news_please_extract),
}
READERS: dict[str, tuple[str, str, Callable[[list[str]], int]]] = {
    "reader": ("reader", "feeds polled, entries stored", reader_update),
}


def installed() -> Iterator[tuple[str, str]]:
    """Yield name and version of the peers that this interpreter has."""
    for name, (distribution, _, _) in {**EXTRACTORS, **READERS}.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(distribution)


def main() -> None:
    """Measure one peer, or list those that are there."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    if sys.argv[1] == "--list":
        print(json.dumps(dict(installed())))
        return
    name = sys.argv[1]
    texts = items = 0
    with contextlib.redirect_stdout(io.StringIO()):
        if name in READERS:
            run = READERS[name][2]
            begin = time.process_time()
            items = texts = run(sys.argv[3:])
        else:
            with open(sys.argv[2], encoding="utf-8") as file:  # noqa: PTH123
                pages = [(u, base64.b64decode(b), t) for u, b, t in json.load(file)]
            extract = EXTRACTORS[name][2]()
            for page in pages[:3]:  # libraries load their models at the first page
                with contextlib.suppress(Exception):
                    extract(page)
            begin = time.process_time()
            for page in pages:
                items += 1
                with contextlib.suppress(Exception):
                    texts += len(extract(page)) >= LEAST_TEXT
        spent = time.process_time() - begin
    print(json.dumps({"items": items, "texts": texts, "cpu_s": spent}))


if __name__ == "__main__":
    main()
