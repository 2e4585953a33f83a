"""A small world of news on loopback: what `presswatch demo` and the end-to-end tests read.

In: the bundled content (`seeds/site/`) and the moment that counts as now. Out: real HTTP on
127.0.1.1, 127.0.1.2, … — one address an outlet, so that each is a host of its own. It serves and
records; it knows nothing of the pipeline.

    with DemoSite(now=datetime.now(UTC)) as site:
        rows = site.feeds()          # rows in the shape of feeds.toml
        allow = site.address         # for PRESSWATCH_ALLOW_ADDRESSES
        ...                          # first run
        site.advance()               # hours later: more outlets, a correction, new articles
        ...                          # second run
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from flows.demo_content import (
    Outlet,
    Site,
    SiteArticle,
    articles_of,
    load_expected,
    load_site,
)
from flows.demo_render import render_feed, render_front_page, render_page
from flows.demo_server import Answer, Listener, LoopbackServer, bind_all

SLOW_FEED_S = 2.0  # what the slow feed waits by default: felt in a demo, no obstacle to it
_FEED_TYPES = {
    "rss2": "application/rss+xml",
    "rss1": "application/rdf+xml",
    "atom": "application/atom+xml",
}
_ROBOTS = b"User-agent: *\nDisallow: /search\nDisallow: /admin\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the site saw it. `validators` are If-None-Match and If-Modified-Since."""

    outlet: str
    path: str
    status: int
    validators: tuple[str | None, str | None]
    user_agent: str | None


class DemoSite:
    """The running site. A context manager; threads and ports are gone when it closes.

    Args:
        now: the moment that the articles' ages count back from (default: the clock).
        slow_s: how long the slow feed waits before it answers, in seconds.
        folder: content in the layout of `seeds/site/` (default: the bundled one).
    """

    def __init__(
        self,
        *,
        now: datetime | None = None,
        slow_s: float = SLOW_FEED_S,
        folder: Path | None = None,
    ) -> None:
        self.now = (now or datetime.now(UTC)).astimezone(UTC)
        self.slow_s = slow_s
        self._folder = folder
        self._site: Site = load_site(folder)
        self._times: dict[int, datetime] = {1: self.now}
        self._state = 1
        self._shown: dict[str, tuple[SiteArticle, ...]] = {}  # of the present state
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._closing = threading.Event()
        self._servers: dict[str, LoopbackServer] = {}
        self._listener: Listener | None = None

    # -- life ---------------------------------------------------------------------------------

    def __enter__(self) -> DemoSite:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Bind all addresses and answer. Raises OSError when loopback has no free port."""
        self._servers = bind_all(
            {o.id: (o.host, partial(self.answer, o.id)) for o in self._site.outlets.values()}
        )
        self._listener = Listener(self._servers.values())

    def close(self) -> None:
        """Stop answering and free the ports. May be called twice."""
        self._closing.set()
        if self._listener is not None:
            self._listener.close()
        self._servers, self._listener = {}, None

    # -- what people ask ----------------------------------------------------------------------

    @property
    def state(self) -> int:
        """1 at first, 2 after `advance()`."""
        return self._state

    @property
    def outlets(self) -> tuple[str, ...]:
        """Ids of the outlets, in the order of their addresses."""
        return tuple(self._site.outlets)

    @property
    def address(self) -> str:
        """All addresses as `ip:port`, comma-separated: for PRESSWATCH_ALLOW_ADDRESSES."""
        return ",".join("{}:{}".format(*s.server_address[:2]) for s in self._servers.values())

    @property
    def requests(self) -> tuple[Request, ...]:
        """All requests so far, in their order."""
        with self._lock:
            return tuple(self._requests)

    def base_url(self, outlet: str) -> str:
        """Return `http://ip:port` of an outlet, without a slash at the end."""
        ip, port = self._servers[outlet].server_address[:2]
        return f"http://{ip!s}:{port}"

    def feeds(self) -> list[dict[str, Any]]:
        """Return rows in the shape of feeds.toml: all good feeds, then the troubled ones."""
        rows: list[dict[str, Any]] = [
            {
                "url": self.base_url(o.id) + (o.feed_redirect_from or o.feed_path),
                "name": f"{o.id}-all",
                "outlet": o.name,
                "lang": o.lang,
                "country": o.country,
                "tier": o.tier,
                "fetch": o.fetch,
            }
            for o in self._site.outlets.values()
        ]
        for extra in self._site.extra_feeds:
            o = self._site.outlets[extra["outlet"]]
            rows.append(
                {
                    "url": self.base_url(o.id) + extra["path"],
                    "name": extra["name"],
                    "outlet": o.name,
                    "lang": o.lang,
                    "country": o.country,
                    "tier": o.tier,
                    "fetch": "page",
                }
            )
        return rows

    def articles(self, outlet: str | None = None) -> tuple[SiteArticle, ...]:
        """Return the articles shown now, of one outlet or of all."""
        with self._lock:
            if not self._shown:
                self._shown = {
                    o: articles_of(self._site, o, state=self._state, times=self._times)
                    for o in self.outlets
                }
            shown = self._shown
        wanted = (outlet,) if outlet is not None else self.outlets
        return tuple(a for o in wanted for a in shown[o])

    def article_url(self, article_id: str) -> str:
        """Return an article's canonical URL. Raises KeyError for one that is not shown now."""
        for article in self.articles():
            if article.id == article_id:
                return self.base_url(article.outlet) + article.path
        raise KeyError(article_id)

    def expected(self) -> dict[str, Any]:
        """Return what a correct pipeline makes of the site (`seeds/site/EXPECTED.toml`)."""
        return load_expected(self._folder)

    def advance(self, now: datetime | None = None) -> None:
        """Go to the second state: more outlets on a story, a correction, new articles.

        `now` is the moment that the new articles' ages count back from (default: the first one).
        """
        with self._lock:
            self._times[2] = (now or self.now).astimezone(UTC)
            self._state = 2
            self._shown = {}

    # -- answering ----------------------------------------------------------------------------

    def answer(self, outlet_id: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to a GET of `path` (with query) on an outlet's address."""
        answer = self._answer(self._site.outlets[outlet_id], path, headers)
        with self._lock:
            self._requests.append(
                Request(
                    outlet=outlet_id,
                    path=path,
                    status=answer.status,
                    validators=(headers.get("If-None-Match"), headers.get("If-Modified-Since")),
                    user_agent=headers.get("User-Agent"),
                )
            )
        return answer

    def _answer(self, outlet: Outlet, path: str, headers: Mapping[str, str]) -> Answer:
        plain = urlsplit(path).path
        base = self.base_url(outlet.id)
        if plain == "/robots.txt":
            return Answer(status=200, headers={"Content-Type": "text/plain"}, body=_ROBOTS)
        if outlet.feed_redirect_from and plain == outlet.feed_redirect_from:
            return Answer(status=301, headers={"Location": base + outlet.feed_path}, body=b"")
        if plain == outlet.feed_path:
            return self._feed(outlet, base, headers)
        for extra in self._site.extra_feeds:
            if extra["outlet"] == outlet.id and extra["path"] == plain:
                return self._troubled_feed(outlet, extra, base)
        shown = self.articles(outlet.id)
        if plain == "/":
            body = render_front_page(outlet, shown, base_url=base)
            return Answer(status=200, headers={"Content-Type": outlet.content_type}, body=body)
        for article in shown:
            if _same_page(article.path, path):
                return self._page(outlet, article, shown, base, headers)
        return _plain(404, "Not Found")

    def _page(
        self,
        outlet: Outlet,
        article: SiteArticle,
        shown: tuple[SiteArticle, ...],
        base: str,
        headers: Mapping[str, str],
    ) -> Answer:
        if outlet.pages_forbidden:
            return _plain(403, "Forbidden")
        if "If-None-Match" in headers or "If-Modified-Since" in headers:
            # Pages send no validators: who sends some mixes them up with the feed's.
            return Answer(status=304, headers={}, body=b"")
        body = render_page(outlet, article, shown, base_url=base, folder=self._folder)
        out = {"Content-Type": outlet.content_type}
        if outlet.gzip and "gzip" in headers.get("Accept-Encoding", ""):
            body, out["Content-Encoding"] = gzip.compress(body, 6), "gzip"
        return Answer(status=200, headers=out, body=body)

    def _feed(self, outlet: Outlet, base: str, headers: Mapping[str, str]) -> Answer:
        if outlet.feed_slow:
            self._closing.wait(self.slow_s)
        built = self._built_at(outlet)
        body = render_feed(outlet, self.articles(outlet.id), base_url=base, built_at=built)
        out = {"Content-Type": _FEED_TYPES[outlet.feed_format]}
        if outlet.conditional:
            # Compared byte by byte: a client that re-formats what it was given gets no 304.
            out["ETag"] = f'W/"{hashlib.sha256(body).hexdigest()[:12]}--gzip"'
            out["Last-Modified"] = format_datetime(built.replace(microsecond=0), usegmt=True)
            sent = (headers.get("If-None-Match"), headers.get("If-Modified-Since"))
            if sent == (out["ETag"], out["Last-Modified"]):
                return Answer(status=304, headers=out, body=b"")
        return Answer(status=200, headers=out, body=body)

    def _built_at(self, outlet: Outlet) -> datetime:
        """Return the moment at which the outlet's feed last changed."""
        shown = self.articles(outlet.id)
        return max(max(a.published_at, a.updated_at) for a in shown) + timedelta(seconds=30)

    def _troubled_feed(self, outlet: Outlet, extra: Mapping[str, Any], base: str) -> Answer:
        trouble = extra["trouble"]
        if trouble == "cut":
            # Whole items of articles that the outlet's good feed lists too, then half an item.
            body = render_feed(
                outlet, self.articles(outlet.id), base_url=base, built_at=self._built_at(outlet)
            )
            third = [found.start() for found in re.finditer(b"<item>", body)][2]
            return Answer(
                status=200,
                headers={"Content-Type": "application/rss+xml", "ETag": '"cut-in-the-middle"'},
                body=body[: third + 60],
            )
        if trouble == "html":
            page = render_front_page(outlet, self.articles(outlet.id), base_url=base)
            return Answer(status=200, headers={"Content-Type": "text/html"}, body=page)
        if trouble == "unavailable":
            return _plain(503, "Service Unavailable", {"Retry-After": "600"})
        return _plain(404, "Not Found")


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(
        status=status,
        headers={"Content-Type": "text/plain; charset=utf-8", **(headers or {})},
        body=f"{text}\n".encode(),
    )


def _same_page(own: str, asked: str) -> bool:
    """Tell whether `asked` leads to `own`, whatever further parameters (utm_…) it carries."""
    mine, other = urlsplit(own), urlsplit(asked)
    if unquote(mine.path) != unquote(other.path):
        return False
    return set(filter(None, mine.query.split("&"))) <= set(other.query.split("&"))
