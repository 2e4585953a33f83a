"""Pages and feeds for `bench_pipeline.py`: a news site on loopback, in a process of its own.

In: a number of pages, made from the demo site's articles by exchanging words among the articles of
one language; or a folder or file of real pages.  Out: feeds of at most 40 items, and the pages.
The server is a process of its own, so that its time is not counted with anybody's.
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from html import escape
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flows.demo_content import Marked, articles_of, load_site
from flows.demo_render import render_page
from flows.demo_server import Answer, Listener, bind_all

ITEMS_PER_FEED = 40  # as news feeds have; so many pages, so many feeds
LEAST_BODY_LINES = 12  # real articles are longer than most of the demo's: 12 paragraphs at least
EXCHANGED = 0.5  # share of the words that another article's word takes the place of
_WORD = re.compile(r"[^\W\d_]{3,}")
_SENTENCE_END = re.compile(r"(?<=[。！？])")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One article page: its bytes as served, the header, the title that the feed gives."""

    body: bytes
    content_type: str
    title: str
    language: str = ""


def made_pages(number: int, seed: int = 1) -> list[Page]:
    """Return `number` pages in the demo outlets' own templates, charsets and furniture."""
    rng = random.Random(seed)
    site = load_site()
    times = {n: datetime.now(UTC) for n in range(1, 10)}
    originals, lines, words = [], defaultdict(list), defaultdict(list)
    for outlet in site.outlets.values():
        if outlet.pages_forbidden:
            continue  # its text is in the feed only
        shown = articles_of(site, outlet.id, state=9, times=times)
        for article in (a for a in shown if a.kind == "article"):
            originals.append((outlet, article, shown))
            for line in (line for line in article.lines if not line.category):
                lines[outlet.lang].append(line)
                words[outlet.lang] += _WORD.findall(line.text)
    pages = []
    for n, (outlet, article, shown) in enumerate(
        itertools.islice(itertools.cycle(originals), number)
    ):
        pool = words[outlet.lang]
        own = [line for line in article.lines if not line.category]
        more = rng.sample(lines[outlet.lang], k=min(len(lines[outlet.lang]), LEAST_BODY_LINES))
        extra = more[: max(0, LEAST_BODY_LINES - len(own))]
        body: list[Marked] = []
        for line in article.lines:
            body.append(
                replace(line, text=_vary(line.text, pool, rng)) if not line.category else line
            )
            if own and line is own[-1]:
                body += [replace(m, text=_vary(m.text, pool, rng)) for m in extra]
        title = f"{_vary(article.title, pool, rng)} {n}"
        varied = replace(article, lines=tuple(body), title=title)
        pages.append(
            Page(
                body=render_page(outlet, varied, shown, base_url="http://news.example"),
                content_type=outlet.content_type,
                title=title,
                language=outlet.lang,
            )
        )
    return pages


def _vary(text: str, words: Sequence[str], rng: random.Random) -> str:
    """Exchange words; in a script without spaces, change the order of the sentences' parts."""
    sentences = _SENTENCE_END.split(text)
    if len(sentences) > 2:
        parts = re.split(r"(?<=、)", text)
        rng.shuffle(parts)
        return "".join(parts)
    return _WORD.sub(lambda m: rng.choice(words) if rng.random() < EXCHANGED else m.group(), text)


def read_pages(path: Path, number: int) -> list[Page]:
    """Return at most `number` pages of a folder or JSON Lines file, evenly spread over it."""
    from extractors.models import RawDocument
    from extractors.readers import read_documents

    found = [d for d in read_documents([path]) if isinstance(d, RawDocument) and d.html]
    step = max(1, len(found) // number)
    pages = []
    for document in found[::step][:number]:
        raw = document.html if isinstance(document.html, bytes) else str(document.html).encode()
        charset = document.encoding or "utf-8"
        match = _TITLE.search(raw.decode(charset, "replace"))
        title = " ".join(match.group(1).split()) if match else ""
        pages.append(
            Page(
                body=raw,
                content_type=document.content_type or f"text/html; charset={charset}",
                title=title or str(document.doc_id),
            )
        )
    return pages


class Site:
    """Answers feeds and pages; feed k holds the pages of its forty."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        self._began = datetime.now(UTC).replace(microsecond=0)
        self.bases: list[str] = []

    @property
    def feeds(self) -> int:
        """How many outlets there are."""
        return -(-len(self._pages) // ITEMS_PER_FEED)

    def answer(self, outlet: int, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer a request at one outlet's address."""
        if path == "/feed.xml":
            body = self.feed(outlet)
            tag = f'"{hash(body)}"'
            fresh = headers.get("If-None-Match") == tag
            head = {"Content-Type": "application/rss+xml; charset=utf-8", "ETag": tag}
            return Answer(status=304 if fresh else 200, headers=head, body=body)
        if path.startswith("/news/"):
            page = self._pages[int(path[6:])]
            return Answer(status=200, headers={"Content-Type": page.content_type}, body=page.body)
        return Answer(status=404, headers={"Content-Type": "text/plain"}, body=b"no such page")

    def feed(self, outlet: int) -> bytes:
        """Return an outlet's RSS."""
        first = outlet * ITEMS_PER_FEED
        items = "".join(
            f"<item><title>{escape(page.title)}</title><guid isPermaLink='false'>{n}</guid>"
            f"<link>{self.bases[outlet]}/news/{n}</link>"
            f"<pubDate>{format_datetime(self._began - timedelta(minutes=n + 5))}</pubDate></item>"
            for n, page in enumerate(self._pages[first : first + ITEMS_PER_FEED], start=first)
        )
        return (
            f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
            f"<title>Outlet {outlet}</title><link>{self.bases[outlet]}</link>{items}"
            "</channel></rss>"
        ).encode()


def _serve(pages: Sequence[Page], pipe: Connection) -> None:
    site = Site(pages)
    servers = bind_all({f"o{n}": (n + 1, partial(site.answer, n)) for n in range(site.feeds)})
    site.bases = ["http://{}:{}".format(*s.server_address[:2]) for s in servers.values()]
    listener = Listener(servers.values())
    pipe.send(site.bases)
    with suppress(EOFError):
        pipe.recv()
    listener.close()


@contextmanager
def serving(pages: Sequence[Page]) -> Iterator[list[str]]:
    """Serve the pages from another process; yield the outlets' base addresses."""
    context: Any = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(pages, there), daemon=True)
    process.start()
    there.close()
    try:
        yield here.recv()
    finally:
        here.close()
        process.join(10)
        if process.is_alive():
            process.terminate()
