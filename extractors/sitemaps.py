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
        title = plain_line(_field(block, "title"), 1_000)
        dated = _date(_field(block, "publication_date"), now)
        raw_link = _field(block, "loc")
        link = canonicalise(raw_link, base=url)
        if not title and dated is None:
            plain += 1
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

    found = []
    for block in _blocks(text, "sitemap"):
        link = canonicalise(_field(block, "loc"), base=url)
        if link:
            found.append(link)
    return sorted(dict.fromkeys(found), key=lambda link: "news" not in link.lower())
