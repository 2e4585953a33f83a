"""Catching up after a gap: the articles that a feed dropped before we saw them.

In: an open gap (a feed and the time it lacks). Out: entries of that time, where they came from,
and whether the source reaches back to the gap's beginning. Nothing is stored here; what could not
be had is recorded by the caller.

Sources, in their order: older pages that the feed names (RFC 5005 `prev-archive`, JSON Feed's
`next_url`), WordPress's `?paged=N`, and the site's Google News sitemaps, which hold two days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from extractors.discovery import NEWS_SITEMAPS
from extractors.errors import FetchError, ParseError
from extractors.feed_list import FeedConfig
from extractors.feeds import ParsedFeed
from extractors.fetch import Fetcher
from extractors.http_body import gunzip_bounded
from extractors.models import FeedEntry
from extractors.polling import Parser
from extractors.sitemaps import parse_sitemap_index
from extractors.urls import canonicalise

MAX_PAGES = 20  # archive pages read for one gap: 200 to 500 items of an ordinary feed
MAX_ENTRIES = 1_000
# Clocks and time zones of sites are not exact: items this close to the edges are looked at too.
SLACK = timedelta(hours=1)


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
    """What could be had for a gap. `reached`: the source goes back to the gap's beginning."""

    gap: OpenGap
    entries: tuple[FeedEntry, ...] = ()
    source: str | None = None
    reached: bool = False
    error: str | None = None

    @property
    def state(self) -> str:
        """`filled`, `partly` (some items, or not back to the beginning), `lost` (no source)."""
        if self.source is None:
            return "lost"
        return "filled" if self.reached else "partly"


async def fill_gap(gap: OpenGap, fetcher: Fetcher, parser: Parser) -> GapFill:
    """Look for the articles of a gap; never raises for a site that does not help."""
    best = GapFill(gap=gap)
    for look in (_by_archive, _by_news_sitemap):
        fill = await look(gap, fetcher, parser)
        if fill.reached:
            return fill
        if len(fill.entries) > len(best.entries) or (fill.source and not best.source):
            best = fill
    return best


async def _by_archive(gap: OpenGap, fetcher: Fetcher, parser: Parser) -> GapFill:
    """Walk back through the feed's own older pages."""
    fill = GapFill(gap=gap)
    first = await _read(gap.url, gap, fetcher, parser)
    if first is None:
        return fill
    page: str | None = first.next_page or _paged(gap.url, 2)
    seen = {gap.url}
    previous = {entry.guid for entry in first.entries}
    for number in range(2, MAX_PAGES + 2):
        if page is None or page in seen:
            break
        seen.add(page)
        parsed = await _read(page, gap, fetcher, parser)
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


async def _by_news_sitemap(gap: OpenGap, fetcher: Fetcher, parser: Parser) -> GapFill:
    """Read the site's Google News sitemaps."""
    parts = urlsplit(gap.site_url or gap.url)
    root = f"{parts.scheme}://{parts.netloc}"
    fill = GapFill(gap=gap)
    for address in await _sitemaps(root, fetcher):
        parsed = await _read(address, gap, fetcher, parser)
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


async def _sitemaps(root: str, fetcher: Fetcher) -> list[str]:
    """Return the news sitemaps that robots.txt names, else the usual places."""
    try:
        answer = await fetcher.get(root + "/robots.txt", kind="robots")
        text = answer.content.decode("utf-8", "replace")
    except FetchError:
        text = ""
    named = [
        address
        for line in text.splitlines()
        if line.strip().lower().startswith("sitemap:")
        and (address := canonicalise(line.split(":", 1)[1].strip(), base=root))
    ]
    news = [address for address in named if "news" in address.lower()]
    for index in [address for address in named if address not in news][:2]:
        try:
            answer = await fetcher.get(index, kind="sitemap")
            content = gunzip_bounded(answer.content, fetcher.settings.max_bytes["sitemap"], index)
        except FetchError:
            continue
        listed = parse_sitemap_index(content.decode("utf-8", "replace"), index)
        news += [address for address in listed if "news" in address.lower()][:2]
    return list(dict.fromkeys(news))[:4] or [root + path for path in NEWS_SITEMAPS]


async def _read(url: str, gap: OpenGap, fetcher: Fetcher, parser: Parser) -> ParsedFeed | None:
    try:
        answer = await fetcher.get(url, kind="sitemap")
        content = gunzip_bounded(answer.content, fetcher.settings.max_bytes["sitemap"], url)
        return await parser.parse(
            content, answer.content_type, answer.url, gap.feed.name, gap.feed.country
        )
    except (FetchError, ParseError):
        return None


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
