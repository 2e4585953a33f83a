"""Feed bytes to entries: RSS 0.9x/1.0/2.0, Atom, JSON Feed, Google News sitemaps.

In: the body as served, its Content-Type, the feed's URL and name. Out: a `ParsedFeed`. A body
that is no feed (HTML, a challenge or consent page) raises `ParseError` with the reason in words:
that is what the health state DECOY is made of. It fetches nothing and keeps nothing.

`parse_feed` is pure and may run anywhere; hostile input can keep it busy for long, so callers go
through `extractors.feed_parser.SafeParser`, which runs it in a worker that can be killed.

feedparser gets bytes through BytesIO only: as a string it would open files and URLs
(research/fetching.md A2). Its HTML sanitising and link resolving are off, because only text is
kept; that is 1.6 to 3.4 times faster and avoids its quadratic style check.
"""

from __future__ import annotations

import calendar
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from extractors.decode import compose, decode_page
from extractors.errors import ParseError
from extractors.feed_text import MAX_FIELD_CHARS, MAX_ITEMS, clean_markup
from extractors.models import FeedEntry
from extractors.urls import canonicalise, key_of, url_key

MAX_TITLE_CHARS = 1_000
MAX_GUID_CHARS = 2_048
# Dates beyond this are mistakes (a page's "next update", a wrong century), not news.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
FUTURE_SLACK = timedelta(hours=1)
# Countries with one time zone without summer time: a date without a zone is their local time.
COUNTRY_OFFSET_H: Mapping[str, float] = {
    "KR": 9,
    "KP": 9,
    "JP": 9,
    "CN": 8,
    "TW": 8,
    "HK": 8,
    "MO": 8,
    "SG": 8,
    "PH": 8,
    "MY": 8,
    "VN": 7,
    "TH": 7,
    "IN": 5.5,
}
_PERIODS = {
    "hourly": 3_600,
    "daily": 86_400,
    "weekly": 604_800,
    "monthly": 2_592_000,
    "yearly": 31_536_000,
}
_ZONE = re.compile(r"(?:Z|[+\-]\d{2}:?\d{2}|\b[A-Z]{2,5})\s*(?:\([^)]*\))?\s*$")
_TIME = re.compile(r"\d{1,2}:\d{2}")
_ROOT = re.compile(
    r"<(?:[A-Za-z0-9_\-]+:)?(rss|rdf|feed|urlset|sitemapindex|channel|html|opml)\b", re.IGNORECASE
)
_ROOT_END = re.compile(r"</(?:[A-Za-z0-9_\-]+:)?(?:rss|rdf|feed|urlset|channel)\s*>", re.IGNORECASE)
_CHALLENGE = re.compile(
    r"cf-chl|cf_chl|challenge-platform|just a moment\.\.\.|checking your browser|captcha|"
    r"_incapsula_|distil_r|datadome|perimeterx|px-captcha|ddos-guard|sucuri_cloudproxy|"
    r"enable javascript and cookies|are you a robot|unusual traffic",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"onetrust|didomi|cookiebot|sp_message|consent\.|cookie[- ]?(?:wall|consent)|we value your "
    r"privacy|gdpr",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"type\s*=\s*[\"']?password|/login\b|sign in to", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"</?(?:p|div|br|li|ul|ol|h[1-6]|tr|table|blockquote|section|article|figure|figcaption|hr|dd"
    r"|dt|dl|pre|header|footer)\b[^<>]*>",
    re.IGNORECASE,
)
_SILENT = re.compile(r"<(?:(script|style|noscript|iframe|svg)\b[^<>]*>|!--)", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_SPACE = re.compile(r"[ \t\r\f\v\u00a0\u3000]+")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """What a feed says. Times UTC, durations in seconds.

    `kind` is feedparser's version name (`rss20`, `rss10`, `atom10`, …), `json`, `news-sitemap`,
    or `…+rough` when the fallback parser read it. `tossed` counts items beyond the cap,
    `skipped` items that have neither a link nor text. `problem` is feedparser's complaint about
    a feed that could be read all the same; `complete` is false when its end is missing.
    `next_page` is an older archive page (RFC 5005).
    """

    entries: tuple[FeedEntry, ...]
    kind: str
    title: str = ""
    site_url: str | None = None
    encoding: str = "utf-8"
    ttl_s: float | None = None
    update_hint_s: float | None = None
    newest_at: datetime | None = None
    oldest_at: datetime | None = None
    undated: int = 0
    tossed: int = 0
    skipped: int = 0
    problem: str | None = None
    complete: bool = True
    next_page: str | None = None
    hub: str | None = None


def parse_feed(
    content: bytes,
    content_type: str | None,
    url: str,
    feed_name: str,
    *,
    country: str | None = None,
    now: datetime | None = None,
    rough: bool = False,
) -> ParsedFeed:
    """Read a feed.

    Args:
        content: body after HTTP decoding.
        content_type: the header as sent.
        url: where it came from; relative links are resolved against it.
        feed_name: its name in feeds.toml, copied to each entry.
        country: ISO 3166 code; gives the time zone of dates that have none.
        now: moment of the fetch; later dates are not believed.
        rough: use the fast fallback parser (title, link, date only in doubt).

    Raises:
        ParseError: it is not a feed; the text says what it is instead.
    """
    moment = now or datetime.now(UTC)
    if not content.strip(b"\0 \t\r\n"):
        raise ParseError("empty_body: the server sent an empty document")
    text, encoding = decode_page(content, content_type)
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        parsed = _parse_json(text, url, feed_name, country, moment)
        return replace(parsed, encoding=encoding)
    kind = _root_kind(text)
    if kind == "html":
        raise ParseError(describe_html(text))
    if kind in ("sitemapindex", "opml"):
        raise ParseError(f"not_a_feed: this is {kind}, not a feed")
    complete = bool(_ROOT_END.search(text, max(len(text) - 2_000, 0)))
    text, tossed = clean_markup(text)
    if kind == "urlset":
        from extractors.sitemaps import parse_news_sitemap

        entries = parse_news_sitemap(text, feed_name, url, moment)
        parsed = _summarise(entries, "news-sitemap", moment, tossed=tossed, encoding=encoding)
        return replace(parsed, complete=complete)
    if rough:
        entries, title = _parse_rough(text, url, feed_name, country, moment)
        parsed = _summarise(entries, "rough", moment, tossed=tossed, encoding=encoding, title=title)
        return replace(parsed, complete=complete)
    parsed = _parse_full(text, url, feed_name, country, moment, tossed, encoding)
    return replace(parsed, complete=complete)


def parse_for_worker(
    content: bytes,
    content_type: str | None,
    url: str,
    feed_name: str,
    country: str | None,
    rough: bool,
) -> ParsedFeed | str:
    """Call `parse_feed`; a `ParseError` comes back as its text, which a pipe can carry."""
    try:
        return parse_feed(content, content_type, url, feed_name, country=country, rough=rough)
    except ParseError as exc:
        return str(exc)


def describe_html(text: str) -> str:
    """Say in words what an HTML page is that came instead of a feed: `name: sentence`."""
    head = text[:200_000]
    if _CHALLENGE.search(head):
        return "challenge: a bot challenge page came instead of the feed"
    if _CONSENT.search(head):
        return "consent: a cookie consent page came instead of the feed"
    if _LOGIN.search(head):
        return "login: a login page came instead of the feed"
    title = re.search(r"<title[^>]{0,200}>([^<]{0,200})", head, re.IGNORECASE)
    shown = f" ({clean_line(title.group(1), 80)})" if title and title.group(1).strip() else ""
    return f"html: a web page came instead of the feed{shown}"


def _root_kind(text: str) -> str:
    """Name the document by its first known root element."""
    head = text[:50_000]
    lowered = head[:2_000].lower()
    match = _ROOT.search(head)
    if match is None:
        if "<" not in head:
            raise ParseError("not_a_feed: plain text came instead of the feed")
        if "<!doctype html" in lowered or re.search(r"<(?:body|head|div|script)\b", lowered):
            return "html"
        raise ParseError("not_a_feed: the document has no root element of a known feed format")
    name = match.group(1).lower()
    if "<!doctype html" in lowered[: match.start()] and name not in ("rss", "rdf", "feed"):
        return "html"
    return name


def _parse_full(
    text: str,
    url: str,
    feed_name: str,
    country: str | None,
    now: datetime,
    tossed: int,
    encoding: str,
) -> ParsedFeed:
    import feedparser

    parsed = feedparser.parse(
        io.BytesIO(text.encode("utf-8", "replace")),
        # No content-location: feedparser would resolve guids against it, and a feed that moves
        # would list everything anew. Links are resolved below.
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    version = str(parsed.get("version") or "")
    problem = parsed.get("bozo_exception") if parsed.get("bozo") else None
    if not version and not parsed.entries:
        raise ParseError(
            f"not_a_feed: no feed format was recognised ({clean_line(str(problem), 120)})"
        )
    channel = parsed.feed
    entries: list[FeedEntry] = []
    skipped = 0
    for item in parsed.entries[:MAX_ITEMS]:
        entry = _entry_of(item, url, feed_name, country, now)
        if entry is None:
            skipped += 1
        else:
            entries.append(entry)
    links = channel.get("links") or []
    summary = _summarise(
        entries,
        version or "unknown",
        now,
        tossed=tossed + max(len(parsed.entries) - MAX_ITEMS, 0),
        encoding=encoding,
        title=plain_line(channel.get("title"), MAX_TITLE_CHARS),
    )
    return replace(
        summary,
        skipped=skipped,
        site_url=canonicalise(str(channel.get("link") or ""), base=url),
        ttl_s=_minutes(channel.get("ttl")),
        update_hint_s=_update_period(channel),
        problem=clean_line(str(problem), 200) if problem else None,
        next_page=_link(links, url, "prev-archive", "next"),
        hub=_link(links, url, "hub"),
    )


def _entry_of(
    item: Mapping[str, Any], url: str, feed_name: str, country: str | None, now: datetime
) -> FeedEntry | None:
    """Turn feedparser's entry into ours; None when it has neither a link nor a text."""
    raw_link = str(item.get("link") or "").strip()
    enclosure_only = not raw_link and bool(item.get("enclosures"))
    link = canonicalise(raw_link, base=url) if raw_link else None
    content = ""
    for part in item.get("content") or ():
        if not str(part.get("type") or "").startswith(("audio/", "video/", "image/")):
            candidate = plain_text(str(part.get("value") or ""))
            content = max(content, candidate, key=len)
    summary = plain_text(str(item.get("summary") or ""))
    title = plain_line(item.get("title"), MAX_TITLE_CHARS)
    if link is None and not content and not summary and not (title and not enclosure_only):
        return None
    published = _moment(item, "published", country, now)
    updated = _moment(item, "updated", country, now)
    return make_entry(
        feed_name,
        url,
        guid=str(item.get("id") or ""),
        link=link,
        raw_link=raw_link,
        title=title,
        summary=summary,
        content=content,
        author=plain_line(item.get("author"), 200) or None,
        published=published or updated,
        updated=updated,
    )


def make_entry(
    feed_name: str,
    feed_url: str,
    *,
    guid: str,
    link: str | None,
    raw_link: str,
    title: str,
    summary: str,
    content: str,
    author: str | None,
    published: datetime | None,
    updated: datetime | None,
) -> FeedEntry:
    """Make an entry; one without a guid is identified by its address, else by its text."""
    guid = _CONTROL.sub("", guid).strip()[:MAX_GUID_CHARS]
    if not guid:
        # No id: the address is the identity, and without one the text.
        guid = link or f"text:{key_of(title + chr(10) + (content or summary)[:2_000]):016x}"
    text = content or summary
    # Markup, links and white space may change with each poll (counters, signed image addresses);
    # words and dates change when somebody edited the article.
    words = "".join(c for c in f"{title}\n{text[:4_000]}" if c.isalpha())
    stamp = updated or published
    return FeedEntry(
        feed=feed_name,
        feed_url=feed_url,
        guid=guid,
        url=link,
        raw_url=raw_link or None,
        title=title,
        summary=summary,
        content=content,
        author=author,
        published_at=published,
        updated_at=updated,
        fingerprint=f"{key_of(words + (stamp.isoformat() if stamp else '')):016x}",
    )


def _summarise(
    entries: Iterable[FeedEntry],
    kind: str,
    now: datetime,
    *,
    tossed: int,
    encoding: str,
    title: str = "",
) -> ParsedFeed:
    kept = _distinct(entries)
    dates = [e.published_at for e in kept if e.published_at is not None]
    return ParsedFeed(
        entries=kept,
        kind=kind,
        title=title,
        encoding=encoding,
        tossed=tossed,
        newest_at=max(dates, default=None),
        oldest_at=min(dates, default=None),
        undated=len(kept) - len(dates),
    )


def _distinct(entries: Iterable[FeedEntry]) -> tuple[FeedEntry, ...]:
    """Give each entry an identity of its own and drop exact repeats, keeping the order.

    A guid that stands for several addresses in one document is not an identity: the address is
    joined to it (Miniflux). A guid that repeats with one address is one entry listed twice.
    """
    rows = list(entries)
    places: dict[str, set[str]] = {}
    for entry in rows:
        places.setdefault(entry.guid, set()).add(entry.url or entry.title)
    reused = {guid for guid, urls in places.items() if len(urls) > 1}
    seen: Counter[str] = Counter()
    out: list[FeedEntry] = []
    for entry in rows:
        if entry.guid in reused:
            entry = replace(entry, guid=f"{entry.guid} {entry.url or entry.title}"[:MAX_GUID_CHARS])
        seen[entry.guid] += 1
        if seen[entry.guid] == 1:
            out.append(entry)
    return tuple(out)


def guid_key(feed_name: str, guid: str) -> int:
    """Return the identity of an entry in its feed, as in `storage.identity` (kind `guid`)."""
    return key_of(f"{feed_name}\x1f{guid}")


def entry_key(entry: FeedEntry) -> int:
    """Return the identity of an owed entry: by its address, else by its guid."""
    return url_key(entry.url) if entry.url else guid_key(entry.feed, entry.guid)


def _moment(
    item: Mapping[str, Any], name: str, country: str | None, now: datetime
) -> datetime | None:
    """Return a date in UTC, None when it cannot be right.

    feedparser reads a date without a zone as UTC. Korean, Japanese and Chinese feeds that leave
    the zone out mean their local time, so the country's offset is applied. A date that says GMT
    and lies ahead by just that offset is local time too.
    """
    # Not item.get(): feedparser answers "updated" with "published" where there is no "updated".
    parsed = dict.get(item, f"{name}_parsed") if isinstance(item, dict) else None
    if parsed is None:
        return None
    try:
        moment = datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    raw = str(dict.get(item, name) or "") if isinstance(item, dict) else ""
    return believable(moment, raw, country, now)


def believable(moment: datetime, raw: str, country: str | None, now: datetime) -> datetime | None:
    """Apply the country's offset to a date without a zone and refuse dates that cannot be."""
    offset = COUNTRY_OFFSET_H.get((country or "").upper())
    zoneless = bool(_TIME.search(raw)) and not _ZONE.search(raw.strip())
    if offset is not None and (zoneless or moment > now + FUTURE_SLACK):
        local = moment - timedelta(hours=offset)
        if zoneless or local <= now + FUTURE_SLACK:
            moment = local
    if moment < EARLIEST or moment > now + FUTURE_SLACK:
        return None
    return min(moment, now)


def plain_text(markup: str) -> str:
    """Return the text of a piece of HTML, a paragraph a line, at most 64 kB."""
    text = markup[: 4 * MAX_FIELD_CHARS]
    if "<" in text:
        text = _without_silent(text)
        text = _BLOCK_TAG.sub("\n", text)
        text = _ANY_TAG.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    text = _CONTROL.sub("", compose(text))
    lines = (_SPACE.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)[:MAX_FIELD_CHARS]


def _without_silent(text: str) -> str:
    """Drop scripts, styles and comments; one that does not end takes the rest with it.

    By searching forward only: a pattern with ".*?" is quadratic in tags that do not end.
    """
    parts: list[str] = []
    at = 0
    lowered = text.lower()
    while match := _SILENT.search(text, at):
        parts.append(text[at : match.start()])
        mark = f"</{match.group(1).lower()}" if match.group(1) else "-->"
        end = lowered.find(mark, match.end())
        if end < 0:
            return " ".join(parts)
        at = text.find(">", end) + 1 or len(text)
    parts.append(text[at:])
    return " ".join(parts)


def plain_line(value: Any, limit: int) -> str:
    """Return a title or name as one line of plain text."""
    return " ".join(plain_text(str(value or "")).split())[:limit]


def clean_line(text: str, limit: int) -> str:
    """Return foreign text fit for a message: one line, no control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:limit]


def _minutes(value: Any) -> float | None:
    text = str(value or "").strip()
    return float(text) * 60 if text.isascii() and text.isdigit() and len(text) < 7 else None


def _update_period(channel: Mapping[str, Any]) -> float | None:
    period = _PERIODS.get(str(channel.get("sy_updateperiod") or "").strip().lower())
    if period is None:
        return None
    text = str(channel.get("sy_updatefrequency") or "1").strip()
    times = int(text) if text.isascii() and text.isdigit() and int(text[:6]) > 0 else 1
    return period / times


def _link(links: Iterable[Mapping[str, Any]], url: str, *rels: str) -> str | None:
    for rel in rels:
        for link in links:
            if str(link.get("rel") or "").lower() == rel and link.get("href"):
                return canonicalise(str(link["href"]), base=url)
    return None


def _parse_rough(
    text: str, url: str, feed_name: str, country: str | None, now: datetime
) -> tuple[list[FeedEntry], str]:
    """Read title, link and date with fastfeedparser, for feeds that feedparser cannot survive."""
    import fastfeedparser

    try:
        parsed = fastfeedparser.parse(text)
    except Exception as exc:  # its errors are of many kinds; all mean "not a feed for us"
        raise ParseError(f"unparsable: {clean_line(str(exc), 160)}") from exc
    entries: list[FeedEntry] = []
    for item in list(parsed.entries)[:MAX_ITEMS]:
        raw_link = str(item.get("link") or "").strip()
        link = canonicalise(raw_link, base=url) if raw_link else None
        title = plain_line(item.get("title"), MAX_TITLE_CHARS)
        if link is None and not title:
            continue
        dates: list[datetime | None] = []
        for name in ("published", "updated"):
            raw = str(item.get(name) or "")
            try:
                moment = datetime.fromisoformat(raw)
            except ValueError:
                dates.append(None)
                continue
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            dates.append(believable(moment.astimezone(UTC), raw + "Z", country, now))
        entries.append(
            make_entry(
                feed_name,
                url,
                guid=str(item.get("id") or ""),
                link=link,
                raw_link=raw_link,
                title=title,
                summary=plain_text(str(item.get("description") or "")),
                content="",
                author=None,
                published=dates[0] or dates[1],
                updated=dates[1],
            )
        )
    return entries, plain_line(parsed.feed.get("title"), MAX_TITLE_CHARS)


def _parse_json(
    text: str, url: str, feed_name: str, country: str | None, now: datetime
) -> ParsedFeed:
    """Read a JSON Feed. Source: jsonfeed.org version 1.1."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ParseError(f"not_a_feed: broken JSON ({clean_line(str(exc), 100)})") from exc
    if not isinstance(data, dict) or "jsonfeed.org" not in str(data.get("version", ""))[:100]:
        raise ParseError("not_a_feed: JSON that is not a JSON Feed")
    items = data.get("items")
    rows = [row for row in items if isinstance(row, dict)] if isinstance(items, list) else []
    entries = []
    for row in rows[:MAX_ITEMS]:
        raw_link = str(row.get("url") or row.get("external_url") or "").strip()
        link = canonicalise(raw_link, base=url) if raw_link else None
        content = plain_text(str(row.get("content_html") or row.get("content_text") or ""))
        title = plain_line(row.get("title"), MAX_TITLE_CHARS)
        if link is None and not content and not title:
            continue
        authors = row.get("authors") or [row.get("author")]
        first = authors[0] if isinstance(authors, list) and authors else None
        dates = [_iso(row.get(key), country, now) for key in ("date_published", "date_modified")]
        entries.append(
            make_entry(
                feed_name,
                url,
                guid=str(row.get("id") or ""),
                link=link,
                raw_link=raw_link,
                title=title,
                summary=plain_text(str(row.get("summary") or "")),
                content=content,
                author=plain_line(first.get("name"), 200) or None
                if isinstance(first, dict)
                else None,
                published=dates[0] or dates[1],
                updated=dates[1],
            )
        )
    summary = _summarise(
        entries,
        "json",
        now,
        tossed=max(len(rows) - MAX_ITEMS, 0),
        encoding="utf-8",
        title=plain_line(data.get("title"), MAX_TITLE_CHARS),
    )
    return replace(
        summary,
        site_url=canonicalise(str(data.get("home_page_url") or ""), base=url),
        next_page=canonicalise(str(data["next_url"]), base=url) if data.get("next_url") else None,
        skipped=min(len(rows), MAX_ITEMS) - len(entries),
    )


def _iso(value: Any, country: str | None, now: datetime) -> datetime | None:
    raw = str(value or "").strip()
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)  # noqa: UP017 - the offset is applied below
    return believable(moment.astimezone(UTC), raw, country, now)
