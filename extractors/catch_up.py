"""Catching up after a gap: the articles that a feed dropped before we saw them.

In: an open gap (a feed and the time it lacks). Out: entries of that time, where they came from,
and whether the source reaches back to the gap's beginning. Nothing is stored here; what could not
be had is recorded by the caller.

Sources, in their order: older pages that the feed names (RFC 5005 `prev-archive`, JSON Feed's
`next_url`), WordPress's `?paged=N`, and the site's Google News sitemaps, which hold two days.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from extractors.discovery import NEWS_SITEMAPS
from extractors.errors import FetchError, ParseError
from extractors.feed_list import FeedConfig
from extractors.feed_parser import Parser
from extractors.feeds import ParsedFeed
from extractors.fetch import Fetched, Fetcher, Kind
from extractors.http_body import gunzip_bounded
from extractors.models import FeedEntry
from extractors.sitemaps import named_sitemaps, parse_sitemap_index
from extractors.urls import host_of, registrable_domain

MAX_PAGES = 20  # archive pages read for one gap: 200 to 500 items of an ordinary feed
MAX_ENTRIES = 1_000
# Clocks and time zones of sites are not exact: items this close to the edges are looked at too.
SLACK = timedelta(hours=1)
# A source that does not answer is asked again for as long as news sitemaps hold articles.
TRY_FOR = timedelta(days=2)
_NO_ANSWER = frozenset(
    {"connect", "tls", "timeout", "truncated", "server_error", "rate_limited", "deferred"}
)
_HEAD_CHARS = 20_000  # by then a sitemap has shown of which kind it is
AT_ONCE = 16  # gaps worked on at a time; hosts are paced by the fetcher


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGap:
    """A time that a feed lacks. `url` is where the feed is, `site_url` the site it belongs to."""

    feed: FeedConfig
    url: str
    site_url: str | None
    noticed_at: datetime
    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFill:
    """What could be had for a gap. `reached`: the source goes back to the gap's beginning.

    `unanswered`: a source could not be asked for now; a later run may have more.
    """

    gap: OpenGap
    entries: tuple[FeedEntry, ...] = ()
    source: str | None = None
    reached: bool = False
    unanswered: bool = False

    @property
    def state(self) -> str:
        """What to record: `filled`, `partly`, `lost`, or `open` (a later run tries again).

        `partly` are some items, or not back to the beginning; `lost` is a gap without a source.
        """
        if self.unanswered and not self.reached:
            return "open"
        if self.source is None:
            return "lost"
        return "filled" if self.reached else "partly"


async def fill_gaps(
    gaps: Sequence[OpenGap], fetcher: Fetcher, parser: Parser, now: datetime
) -> list[GapFill]:
    """Look for the articles of gaps, several at a time; results in the order of `gaps`.

    A gap whose sources do not answer stays open for two days from when it was noticed.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def one(gap: OpenGap) -> GapFill:
        async with places:
            fill = await fill_gap(gap, fetcher, parser)
        late = now - gap.noticed_at >= TRY_FOR
        return replace(fill, unanswered=False) if late else fill

    return list(await asyncio.gather(*(one(gap) for gap in gaps)))


async def fill_gap(gap: OpenGap, fetcher: Fetcher, parser: Parser) -> GapFill:
    """Look for the articles of a gap; never raises for a site that does not help.

    What one source has is joined with what the next one has, until the beginning is reached.
    """
    site = _Site(gap=gap, fetcher=fetcher, parser=parser)
    fill = await _by_archive(site)
    if not fill.reached:
        other = await _by_news_sitemap(site)
        fill = replace(
            fill,
            entries=_merge(fill.entries, other.entries),
            source=" and ".join(dict.fromkeys(s for s in (fill.source, other.source) if s)) or None,
            reached=other.reached,
        )
    return replace(fill, unanswered=site.unanswered)


@dataclass(slots=True, kw_only=True)
class _Site:
    """How the sources of one gap are asked, and whether one of them gave no answer."""

    gap: OpenGap
    fetcher: Fetcher
    parser: Parser
    unanswered: bool = False

    async def get(self, url: str, kind: Kind = "sitemap") -> Fetched | None:
        """Fetch a source; None when there is none there or it does not answer."""
        try:
            return await self.fetcher.get(url, kind=kind)
        except FetchError as exc:
            self.unanswered |= exc.outcome in _NO_ANSWER
            return None

    async def read(self, url: str) -> ParsedFeed | None:
        """Fetch and parse a list of articles."""
        answer = await self.get(url)
        if answer is None:
            return None
        try:
            limit = self.fetcher.settings.max_bytes["sitemap"]
            content = gunzip_bounded(answer.content, limit, url)
            feed = self.gap.feed
            return await self.parser.parse(
                content, answer.content_type, answer.url, feed.name, feed.country
            )
        except (FetchError, ParseError):
            return None

    async def listed(self, index: str) -> list[str]:
        """Fetch a sitemap and return the news sitemaps that it lists, or itself if it is one."""
        answer = await self.get(index)
        if answer is None:
            return []
        try:
            limit = self.fetcher.settings.max_bytes["sitemap"]
            content = gunzip_bounded(answer.content, limit, index)
            text = content.decode("utf-8", "replace")
            if "<sitemapindex" not in text[:_HEAD_CHARS].lower():
                return [index] if "<news:" in text[:_HEAD_CHARS].lower() else []
            listed = await self.parser.call(parse_sitemap_index, text, index)
            return [address for address in listed if "news" in address.lower()]
        except (FetchError, ParseError):
            return []


async def _by_archive(site: _Site) -> GapFill:
    """Walk back through the feed's own older pages."""
    gap = site.gap
    fill = GapFill(gap=gap)
    first = await site.read(gap.url)
    if first is None:
        return fill
    page: str | None = first.next_page or _paged(gap.url, 2)
    seen = {gap.url}
    previous = {entry.guid for entry in first.entries}
    for number in range(2, MAX_PAGES + 2):
        if page is None or page in seen:
            break
        seen.add(page)
        parsed = await site.read(page)
        if parsed is None or not parsed.entries:
            break
        guids = {entry.guid for entry in parsed.entries}
        if guids <= previous:  # a site that answers every page number with its first page
            break
        previous |= guids
        fill = replace(
            fill,
            entries=_merge(fill.entries, _within(gap, parsed.entries)),
            source="archive pages of the feed",
            reached=parsed.oldest_at is not None and parsed.oldest_at <= gap.from_at,
        )
        if fill.reached or len(fill.entries) >= MAX_ENTRIES:
            break
        page = parsed.next_page or _paged(gap.url, number + 1)
    return fill


async def _by_news_sitemap(site: _Site) -> GapFill:
    """Read the site's Google News sitemaps."""
    gap = site.gap
    fill = GapFill(gap=gap)
    addresses: list[str] = []
    for root in _roots(gap):
        addresses += await _sitemaps(root, site)
    for address in dict.fromkeys(addresses):
        parsed = await site.read(address)
        if parsed is None or parsed.kind != "news-sitemap":
            continue
        fill = replace(
            fill,
            entries=_merge(fill.entries, _within(gap, parsed.entries)),
            source="news sitemap",
            reached=fill.reached
            or (parsed.oldest_at is not None and parsed.oldest_at <= gap.from_at),
        )
    return fill


def _roots(gap: OpenGap) -> list[str]:
    """Return the site that the feed names and, within the same domain, the feed's own host.

    A feed elsewhere is on somebody's platform, whose sitemap lists other people's articles.
    """
    places = [gap.site_url or gap.url]
    if gap.site_url and registrable_domain(host_of(gap.url)) == registrable_domain(
        host_of(gap.site_url)
    ):
        places.append(gap.url)
    return list(dict.fromkeys(f"{p.scheme}://{p.netloc}" for p in map(urlsplit, places)))


async def _sitemaps(root: str, site: _Site) -> list[str]:
    """Return the news sitemaps that robots.txt names, else the usual places."""
    answer = await site.get(root + "/robots.txt", "robots")
    text = answer.content.decode("utf-8", "replace") if answer is not None else ""
    named = named_sitemaps(text, root)
    news = [address for address in named if "news" in address.lower()]
    for index in [address for address in named if address not in news][:2]:
        news += (await site.listed(index))[:2]
    return list(dict.fromkeys(news))[:4] or [root + path for path in NEWS_SITEMAPS]


def _within(gap: OpenGap, entries: Sequence[FeedEntry]) -> list[FeedEntry]:
    return [
        entry
        for entry in entries
        if entry.published_at is not None
        and gap.from_at - SLACK <= entry.published_at <= gap.to_at + SLACK
    ]


def _merge(old: Sequence[FeedEntry], new: Sequence[FeedEntry]) -> tuple[FeedEntry, ...]:
    by_guid = {entry.guid: entry for entry in (*old, *new)}
    return tuple(by_guid.values())[:MAX_ENTRIES]


def _paged(url: str, number: int) -> str | None:
    """Return WordPress's address of an older feed page; None for other feeds."""
    if urlsplit(url).query or not urlsplit(url).path.rstrip("/").endswith("/feed"):
        return None
    return f"{url}?paged={number}"
