"""News sitemaps and sitemap indexes: read as lists of articles for feeds and for catch-up.

In: cleaned XML text. Out: entries with title and date (Google News sitemaps) or addresses of
further sitemaps. It fetches nothing. Source: sitemaps.org protocol 0.9; Google's news sitemap
format (`news:publication_date`, `news:title`; at most 1,000 URLs of the last two days).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from extractors.errors import ParseError
from extractors.models import FeedEntry

MAX_URLS = 2_000
MAX_SITEMAPS = 1_000  # addresses read of one index; a news site's own comes first or last


MAX_NAMED = 100
_MAX_BLOCK = 20_000  # characters of one <url> or <sitemap>; a title has 1,000 at most


def _blocks(text: str, name: str) -> Iterator[str]:
    """Yield the contents of `<name>…</name>`, searching forward only."""
    at = 0
    while (start := text.find(f"<{name}>", at)) >= 0:
        end = text.find(f"</{name}>", start)
        if end < 0:
            return
        yield text[start + len(name) + 2 : end]
        at = end


def _field(block: str, name: str) -> str:
    """Return the text of the first element of this name, with any prefix; "" without one."""
    match = re.search(rf"<(?:[\w\-]{{1,20}}:)?{name}\s{{0,20}}>", block, re.IGNORECASE)
    if match is None:
        return ""
    rest = block[match.end() :].lstrip()
    if rest.startswith("<![CDATA["):
        return rest[9:].partition("]]>")[0].strip()
    return html.unescape(rest.partition("<")[0]).strip()


def _date(text: str, now: datetime) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    return min(moment, now) if moment.year >= 1990 else None


def parse_news_sitemap(text: str, feed_name: str, url: str, now: datetime) -> list[FeedEntry]:
    """Return the articles of a news sitemap, in its order, at most 2,000.

    Raises:
        ParseError: a sitemap without news tags; it lists pages of any kind, not articles.
    """
    from extractors.feeds import make_entry, plain_line
    from extractors.urls import canonicalise

    entries: list[FeedEntry] = []
    plain = 0
    for block in _blocks(text, "url"):
        block = block[:_MAX_BLOCK]
        title = plain_line(_field(block, "title"), 1_000)
        dated = _date(_field(block, "publication_date"), now)
        raw_link = _field(block, "loc")
        link = canonicalise(raw_link, base=url)
        if not title and dated is None:
            plain += 1
            if plain >= MAX_URLS and not entries:
                break  # pages of any kind, and more of them
            continue
        if link is None:
            continue
        entries.append(
            make_entry(
                feed_name,
                url,
                guid=link,
                link=link,
                raw_link=raw_link,
                title=title,
                summary="",
                content="",
                author=None,
                published=dated,
                updated=None,
            )
        )
        if len(entries) >= MAX_URLS:
            break
    if not entries and plain:
        raise ParseError("not_a_feed: a sitemap without news tags")
    return entries


def parse_sitemap_index(text: str, url: str) -> list[str]:
    """Return the addresses of the sitemaps in an index, those that speak of news first."""
    from extractors.urls import canonicalise

    raw: list[str] = []
    plain = 0
    for block in _blocks(text, "sitemap"):
        place = _field(block[:_MAX_BLOCK], "loc")
        if "news" in place.lower():
            raw.append(place)
        elif plain < MAX_SITEMAPS:
            plain += 1
            raw.append(place)
        if len(raw) >= 2 * MAX_SITEMAPS:
            break
    found = [link for place in raw if (link := canonicalise(place, base=url))]
    return sorted(dict.fromkeys(found), key=lambda link: "news" not in link.lower())


def named_sitemaps(text: str, url: str) -> list[str]:
    """Return the sitemaps that a robots.txt names, those that speak of news first.

    Only the first hundred count: news sites name a handful.
    """
    from extractors.urls import canonicalise

    raw: list[str] = []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() == "sitemap" and value.strip():
            raw.append(value.strip()[:_MAX_BLOCK])
            if len(raw) >= MAX_NAMED:
                break
    found = [link for place in raw if (link := canonicalise(place, base=url))]
    return sorted(dict.fromkeys(found), key=lambda link: "news" not in link.lower())
