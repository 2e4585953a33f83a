"""OPML, the lists that feed readers exchange: read into `FeedConfig`, and written from it.

In: the bytes of an OPML file. Out: feeds in the file's order, folders as notes. It opens nothing
that the file names: outlines of type `include` or `link` are skipped.
Source: OPML 2.0 (opml.org); `category` carries what OPML has no attribute for, so that export
and import give the same feeds.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from xml.sax.saxutils import quoteattr

from extractors.decode import decode_page
from extractors.errors import UsageError
from extractors.feed_list import FETCH_MODES, FeedConfig, default_name, host_name, url_problem

MAX_BYTES = 16_000_000
MAX_OUTLINES = 20_000
MAX_FOLDERS = 20  # names of enclosing folders that become a feed's note
# Quoted values may hold ">". Possessive, so that a broken file costs linear time.
_OUTLINE = re.compile(
    r"<outline\b((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>|</outline\s*>", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([A-Za-z_:][\w:.\-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$")


def parse_opml(content: bytes, where: str) -> tuple[tuple[FeedConfig, ...], tuple[str, ...]]:
    """Return (feeds, complaints): each outline with an address that can be polled, once.

    Args:
        content: the file.
        where: its name, for messages.

    Raises:
        UsageError: it is not OPML, or larger than 16 MB.
    """
    if len(content) > MAX_BYTES:
        raise UsageError(f"{where} is larger than {MAX_BYTES // 1_000_000} MB: is it OPML?")
    text, _ = decode_page(content)
    if not re.search(r"<opml\b", text[:100_000], re.IGNORECASE):
        raise UsageError(f"{where} is not an OPML file: it has no <opml> element")
    feeds: dict[str, FeedConfig] = {}
    complaints: list[str] = []
    folders: list[str] = []
    for count, match in enumerate(_OUTLINE.finditer(text)):
        if count >= MAX_OUTLINES:
            complaints.append(f"only the first {MAX_OUTLINES} outlines were read")
            break
        if match.group(1) is None:
            if folders:
                folders.pop()
            continue
        values = {
            name.lower(): html.unescape(a or b).strip()
            for name, a, b in _ATTRIBUTE.findall(match.group(1))
        }
        title = " ".join((values.get("title") or values.get("text") or "").split())[:200]
        if not match.group(1).rstrip().endswith("/"):
            folders.append("" if values.get("xmlurl") else title)
        url = values.get("xmlurl", "")
        if not url:
            continue
        problem = url_problem(url)
        if problem:
            complaints.append(f"skipped {title or 'an outline'}: {problem}")
            continue
        if url not in feeds:
            feeds[url] = _config_of(url, title, values, [f for f in folders[:MAX_FOLDERS] if f])
    return unique_names(feeds.values()), tuple(complaints)


def _config_of(url: str, title: str, values: dict[str, str], folders: Sequence[str]) -> FeedConfig:
    marks = dict(
        part.strip("/ ").split("/", 1)
        for part in values.get("category", "").split(",")
        if part.strip("/ ").count("/") == 1
    )
    tier = marks.get("tier", "")
    fetch = marks.get("fetch", "page")
    language = values.get("language", "")
    country = marks.get("country", "")
    return FeedConfig(
        url=url,
        name=marks.get("name") or default_name(url),
        outlet=title or host_name(url),
        lang=language if _LANGUAGE.match(language) else None,
        country=country.upper() if re.fullmatch(r"[A-Za-z]{2}", country) else None,
        tier=int(tier) if tier in ("1", "2", "3", "4") else None,
        fetch=fetch if fetch in FETCH_MODES else "page",
        note="" if marks or not folders else " / ".join(folders)[:200],
    )


def unique_names(feeds: Iterable[FeedConfig], taken: Iterable[str] = ()) -> tuple[FeedConfig, ...]:
    """Return the feeds with names that differ from each other and from those taken."""
    used = set(taken)
    numbers: dict[str, int] = {}  # the next number to try: counting from 2 each time is quadratic
    out: list[FeedConfig] = []
    for feed in feeds:
        name, number = feed.name, numbers.get(feed.name, 2)
        while name in used:
            name, number = f"{feed.name}-{number}", number + 1
        used.add(name)
        numbers[feed.name] = number
        out.append(feed if name == feed.name else replace(feed, name=name))
    return tuple(out)


def render_opml(feeds: Iterable[FeedConfig], now: datetime, title: str = "presswatch feeds") -> str:
    """Return the feeds as OPML 2.0, in their order, grouped by country."""
    groups: dict[str, list[FeedConfig]] = {}
    for feed in feeds:
        groups.setdefault(feed.country or "other", []).append(feed)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        "  <head>",
        f"    <title>{html.escape(title)}</title>",
        f"    <dateCreated>{now:%a, %d %b %Y %H:%M:%S} GMT</dateCreated>",
        "  </head>",
        "  <body>",
    ]
    for country, rows in groups.items():
        lines.append(f"    <outline text={_quoted(country)}>")
        for feed in rows:
            marks = [f"/name/{feed.name.replace('/', '-').replace(',', ' ')}"]
            if feed.tier is not None:
                marks.append(f"/tier/{feed.tier}")
            if feed.country:
                marks.append(f"/country/{feed.country}")
            if feed.fetch != "page":
                marks.append(f"/fetch/{feed.fetch}")
            language = f" language={_quoted(feed.lang)}" if feed.lang else ""
            lines.append(
                f'      <outline type="rss" text={_quoted(feed.outlet)} '
                f"title={_quoted(feed.outlet)} xmlUrl={_quoted(feed.url)}{language} "
                f"category={_quoted(','.join(marks))}/>"
            )
        lines.append("    </outline>")
    lines += ["  </body>", "</opml>", ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    clean = "".join(c for c in text if c.isprintable())
    return quoteattr(clean)
