"""Finding the feed of a page or site: what `feeds add URL` does.

In: an address and an open `Fetcher`. Out: feeds that were fetched and parsed, best first. The
order of places: the address itself; the page's link tags; links that look like feeds or a list of
feeds; well-known paths; the news sitemaps that robots.txt names.
Source: Miniflux's order of autodiscovery (research/fetching.md A3 row 33).
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from extractors.decode import decode_page
from extractors.errors import FetchError, ForbiddenAddress, ParseError
from extractors.feed_parser import Parser
from extractors.feeds import ParsedFeed, plain_line
from extractors.fetch import Fetched, Fetcher
from extractors.http_body import gunzip_bounded
from extractors.sitemaps import named_sitemaps
from extractors.urls import canonicalise, host_of, registrable_domain

MAX_CANDIDATES = 12  # feeds tried per step; a site that links more is read by its first ones
MAX_PAGE_CHARS = 1_000_000
MAX_LINKS = 20_000  # tags of one page that are looked at
WELL_KNOWN = (
    "/feed",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/rss/news.xml",
    "/arc/outboundfeeds/rss/?outputType=xml",
)
NEWS_SITEMAPS = ("/news-sitemap.xml", "/sitemap-news.xml", "/sitemap_news.xml")
_FEED_TYPES = (
    "application/rss+xml",
    "application/atom+xml",
    "application/rdf+xml",
    "application/feed+json",
    "application/xml",
    "text/xml",
    "application/rss",
    "application/json",
)
_TAG = re.compile(r"<(link|a|base)\b((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>", re.IGNORECASE)
_ANCHOR_TEXT = re.compile(r"[^<]{0,200}")
# Possessive: a name without a value, a million letters long, is looked at once.
_ATTRIBUTE = re.compile(
    r"(?<![A-Za-z\-])([A-Za-z\-]++)\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]++))"
)
_FEED_PATH = re.compile(
    r"(?:^|[/._\-])(?:rss\d*|feeds?|atom|rdf|xml)(?:[/._\-?]|$)|\.(?:rss|rdf|atom|xml)(?:$|\?)|"
    r"outputtype=xml|format=(?:rss|feed|atom)",
    re.IGNORECASE,
)
_FEED_LIST_TEXT = re.compile(r"\bRSS\b|\bfeeds?\b|フィード|구독|訂閱|订阅", re.IGNORECASE)
_UNWANTED = re.compile(
    r"/wp-json/|/comments?/|comments?[-_]?feed|/oembed|/xmlrpc|sitemap|opensearch", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFeed:
    """A feed that answered and could be parsed. `how` says where it was found."""

    url: str
    title: str
    kind: str
    entries: int
    newest_at: datetime | None
    how: str
    parsed: ParsedFeed


async def discover_feeds(
    url: str,
    fetcher: Fetcher,
    parser: Parser,
    *,
    on_try: Callable[[str], None] | None = None,
) -> list[FoundFeed]:
    """Return the feeds of a page or site, best first; empty when there is none.

    Args:
        url: address of a feed, a page or a site; `https://` is assumed when there is no scheme.
        fetcher: an open fetcher.
        parser: an open parser.
        on_try: called with each address that is tried, for progress.

    Raises:
        ForbiddenAddress: the guard refused the address itself.
        FetchError: the address itself could not be fetched.
    """
    start = url.strip()
    if "://" not in start and not start.lower().startswith(("feed:", "file:", "/")):
        start = "https://" + start
    if start.lower().startswith("feed:"):  # feed:https://… or feed://…
        rest = start[5:]
        start = rest if rest.lower().startswith("http") else "https:" + rest
    finder = _Finder(fetcher, parser, on_try)
    page = await finder.open(start)
    own = await finder.read(page, "the address itself")
    if own is not None:
        return [own]
    links, anchors, lists = await finder.links_of(page)
    found = await finder.try_all(links, "a link tag of the page")
    if found:
        return found
    found = await finder.try_all(anchors, "a link on the page")
    if found:
        return found
    for address in lists[:2]:
        listing = await finder.quietly(address)
        if listing is None:
            continue
        more_links, more_anchors, _ = await finder.links_of(listing)
        found = await finder.try_all([*more_links, *more_anchors], "the site's list of feeds")
        if found:
            return found
    parts = urlsplit(page.url)
    root = f"{parts.scheme}://{parts.netloc}"
    found = await finder.try_all(
        [root + path for path in WELL_KNOWN], "a well-known path", enough=1
    )
    if found:
        return found
    sitemaps = [*await finder.sitemaps_of(root), *(root + path for path in NEWS_SITEMAPS)]
    return await finder.try_all(sitemaps, "a news sitemap", enough=1)


def page_links_of(
    content: bytes, content_type: str | None, url: str
) -> tuple[list[str], list[str], list[str]]:
    """Decode a page and return `page_links` of it; for a worker."""
    text, _ = decode_page(content, content_type)
    return page_links(text[:MAX_PAGE_CHARS], url)


def page_links(text: str, url: str) -> tuple[list[str], list[str], list[str]]:
    """Return a page's feed addresses: (of link tags, of links that look like feeds, feed lists).

    Links are taken within the page's registrable domain, and from known feed hosts by the look
    of their path; link tags from anywhere, because the page itself names them.
    """
    base, own = url, registrable_domain(host_of(url))
    links: dict[str, None] = {}
    anchors: dict[str, None] = {}
    lists: dict[str, None] = {}
    for match in itertools.islice(_TAG.finditer(text), MAX_LINKS):
        tag = match.group(1).lower()
        values = {
            name.lower(): html.unescape(a or b or c).strip()
            for name, a, b, c in _ATTRIBUTE.findall(match.group(2))
        }
        href = values.get("href", "")
        if not href:
            continue
        if tag == "base":
            base = canonicalise(href, base=url) or base
            continue
        address = canonicalise(href, base=base)
        if address is None or _UNWANTED.search(address):
            continue
        if tag == "link":
            rels = values.get("rel", "").lower().split()
            kind = values.get("type", "").lower().split(";")[0].strip()
            plain = kind in ("application/json", "application/xml", "text/xml")
            if (
                ("alternate" in rels or "feed" in rels)
                and kind in _FEED_TYPES
                and (not plain or _FEED_PATH.search(address))
                and not re.search(r"comment", values.get("title", ""), re.IGNORECASE)
            ):
                links[address] = None
            continue
        near = registrable_domain(host_of(address)) == own
        label = _ANCHOR_TEXT.match(text, match.end())
        words = f"{label.group() if label else ''} {values.get('title', '')}"
        path = address.partition("://")[2].partition("/")[2]
        if _FEED_PATH.search("/" + path) and (near or "feed" in host_of(address)):
            anchors[address] = None
        elif near and _FEED_LIST_TEXT.search(words):
            lists[address] = None
    return list(links), list(anchors), list(lists)


class _Finder:
    def __init__(
        self, fetcher: Fetcher, parser: Parser, on_try: Callable[[str], None] | None
    ) -> None:
        self._fetcher = fetcher
        self._parser = parser
        self._on_try = on_try
        self._tried: set[str] = set()

    async def open(self, url: str) -> Fetched:
        self._tried.add(url)
        if self._on_try is not None:
            self._on_try(url)
        return await self._fetcher.get(url, kind="feed")

    async def quietly(self, url: str) -> Fetched | None:
        """Fetch a candidate; what cannot be fetched is no candidate."""
        if url in self._tried:
            return None
        try:
            return await self.open(url)
        except (FetchError, ForbiddenAddress):
            return None

    async def read(self, page: Fetched, how: str) -> FoundFeed | None:
        try:
            content = gunzip_bounded(
                page.content, self._fetcher.settings.max_bytes["feed"], page.url
            )
            parsed = await self._parser.parse(content, page.content_type, page.url, "new", None)
        except (ParseError, FetchError):
            return None
        return FoundFeed(
            url=page.url,
            title=plain_line(parsed.title, 200),
            kind=parsed.kind,
            entries=len(parsed.entries),
            newest_at=parsed.newest_at,
            how=how,
            parsed=parsed,
        )

    async def try_all(
        self, addresses: Iterable[str], how: str, *, enough: int = MAX_CANDIDATES
    ) -> list[FoundFeed]:
        found: dict[str, FoundFeed] = {}
        for address in list(dict.fromkeys(addresses))[:MAX_CANDIDATES]:
            page = await self.quietly(address)
            feed = await self.read(page, how) if page is not None else None
            if feed is not None and feed.url not in found:
                found[feed.url] = feed
            if len(found) >= enough:
                break
        # The order of the page is the site's own ranking; empty feeds go last.
        return sorted(found.values(), key=lambda feed: feed.entries == 0)

    async def sitemaps_of(self, root: str) -> list[str]:
        try:
            answer = await self._fetcher.get(root + "/robots.txt", kind="robots")
        except FetchError:
            return []
        return named_sitemaps(answer.content.decode("utf-8", "replace"), root)[:3]

    async def links_of(self, page: Fetched) -> tuple[list[str], list[str], list[str]]:
        """Read a page's links in a worker; a page that kills it has none."""
        try:
            return await self._parser.call(page_links_of, page.content, page.content_type, page.url)
        except ParseError:
            return [], [], []
