"""The list of feeds, `feeds.toml`: read, checked, and edited without touching a comment.

In: the path of the file. Out: `FeedConfig` records, or one clear line naming file, line and key.
Edits (`append_feed`, `remove_feed`) work on the text, because people keep notes in this file.
It fetches nothing.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extractors.errors import UsageError

FETCH_MODES = ("page", "feed")
KEYS = ("url", "name", "outlet", "lang", "country", "tier", "fetch", "every", "enabled", "note")
_HEADER = re.compile(r"^\s*\[\[\s*feed\s*\]\]\s*(#.*)?$")
_ANY_HEADER = re.compile(r"^\s*\[\[?[^\]]*\]\]?\s*(#.*)?$")
_INTERVAL = re.compile(r"^(\d+)\s*([smhd])$")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig:
    """One `[[feed]]`. `every_s` fixes the poll interval in seconds; None lets it adapt."""

    url: str
    name: str
    outlet: str
    lang: str | None = None
    country: str | None = None
    tier: int | None = None
    fetch: str = "page"
    every_s: float | None = None
    enabled: bool = True
    note: str = ""


def load_feeds(path: Path) -> tuple[FeedConfig, ...]:
    """Read the list of feeds, in the file's order.

    Raises:
        UsageError: no such file, not TOML, an unknown key, a wrong value, or a name or URL twice.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            f"{path} does not exist: `presswatch init` writes one, or `presswatch feeds add URL`"
        ) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{path} cannot be read ({exc}): save it as UTF-8 text") from None
    return parse_feeds(text, str(path))


def parse_feeds(text: str, where: str) -> tuple[FeedConfig, ...]:
    """Read the text of a list of feeds; `where` names it in messages.

    Raises:
        UsageError: as `load_feeds`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise UsageError(f"{where}: not valid TOML: {exc}") from None
    for key in data:
        if key != "feed":
            raise UsageError(
                f"{where}, line {_line_of(text, key)}: unknown key `{key}`; "
                "each feed starts with a line [[feed]]"
            )
    rows = data.get("feed", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{where}: write each feed under a line [[feed]] (two brackets)")
    starts = [n for n, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    feeds: list[FeedConfig] = []
    names: dict[str, int] = {}
    urls: dict[str, int] = {}
    for index, row in enumerate(rows):
        line = starts[index] if index < len(starts) else 1
        feed = _read_row(row, text, where, line)
        for kind, value, seen in (("name", feed.name, names), ("url", feed.url, urls)):
            if value in seen:
                raise UsageError(
                    f"{where}, line {line}: {kind} {value!r} stands already in line "
                    f"{seen[value]}; each feed needs its own"
                )
            seen[value] = line
        feeds.append(feed)
    return tuple(feeds)


def _read_row(row: dict[str, Any], text: str, where: str, start: int) -> FeedConfig:
    def fail(key: str, what: str) -> UsageError:
        return UsageError(f"{where}, line {_line_of(text, key, start)}: {what}")

    for key in row:
        if key not in KEYS:
            close = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(KEYS)}"
            raise fail(key, f"unknown key `{key}`; {hint}")
    for key in ("url", "name", "outlet", "lang", "country", "fetch", "every", "note"):
        if key in row and not isinstance(row[key], str):
            raise fail(key, f"`{key}` must be text in quotes")
    url = str(row.get("url", "")).strip()
    if not url:
        raise UsageError(f"{where}, line {start}: this feed has no `url`")
    problem = url_problem(url)
    if problem:
        raise fail("url", problem)
    tier = row.get("tier")
    if tier is not None and (isinstance(tier, bool) or tier not in (1, 2, 3, 4)):
        raise fail("tier", f"`tier` is {tier!r}; it must be 1, 2, 3 or 4")
    fetch = row.get("fetch", "page")
    if fetch not in FETCH_MODES:
        raise fail("fetch", f'`fetch` is {fetch!r}; it must be "page" or "feed"')
    enabled = row.get("enabled", True)
    if not isinstance(enabled, bool):
        raise fail("enabled", "`enabled` must be true or false")
    every_s = None
    if row.get("every"):
        match = _INTERVAL.match(row["every"].strip())
        if match is None:
            raise fail("every", f'`every` is {row["every"]!r}; write "30m", "2h" or "1d"')
        every_s = float(int(match.group(1)) * _UNITS[match.group(2)])
    name = str(row.get("name") or "").strip() or default_name(url)
    return FeedConfig(
        url=url,
        name=name,
        outlet=str(row.get("outlet") or "").strip() or host_name(url),
        lang=str(row["lang"]).strip() or None if "lang" in row else None,
        country=(str(row["country"]).strip().upper() or None) if "country" in row else None,
        tier=tier,
        fetch=fetch,
        every_s=every_s,
        enabled=enabled,
        note=str(row.get("note") or ""),
    )


def url_problem(url: str) -> str | None:
    """Return what is wrong with a feed's URL in words, or None."""
    lowered = url.lower()
    if lowered.startswith(("http://", "https://")):
        rest = url.split("://", 1)[1]
        if not rest or rest[0] in "/?#":
            return f"`url` {url!r} names no host"
        if "@" in rest.split("/", 1)[0]:
            return "`url` holds a user name or password; presswatch sends no credentials"
        if any(c.isspace() for c in url):
            return f"`url` {url!r} holds white space"
        return None
    if lowered.startswith("feed:"):
        return f"`url` {url!r} starts with feed:; write the http:// or https:// address"
    if (
        lowered.startswith("file:")
        or url.startswith(("/", "./", "../", "~"))
        or (len(url) > 1 and url[1] == ":")
        or Path(url).suffix.lower() in (".xml", ".rss")
    ):
        return (
            f"`url` {url!r} is a file path; feeds are fetched over http or https "
            "(`presswatch ingest` reads files)"
        )
    return f"`url` {url!r} is not an http:// or https:// address"


def host_name(url: str) -> str:
    """Return the host of a URL without `www.`."""
    return re.sub(r"^https?://(?:www\.)?([^/:?#]+).*$", r"\1", url, flags=re.IGNORECASE).lower()


def default_name(url: str) -> str:
    """Return a name for a feed that has none: host and path, letters and digits only."""
    path = re.sub(r"^https?://[^/?#]+", "", url, flags=re.IGNORECASE)
    words = re.findall(r"[a-z0-9]+", path.lower())
    words = [w for w in words if w not in ("rss", "feed", "feeds", "xml", "index", "atom")]
    return "-".join([host_name(url).replace(".", "-"), *words])[:80]


def render_feed(feed: FeedConfig, comment: str = "") -> str:
    """Return one `[[feed]]` block as TOML text, ending in a newline."""
    lines = [f"# {line}" for line in comment.splitlines()]
    lines.append("[[feed]]")
    lines.append(f"url = {quote(feed.url)}")
    lines.append(f"name = {quote(feed.name)}")
    lines.append(f"outlet = {quote(feed.outlet)}")
    if feed.lang:
        lines.append(f"lang = {quote(feed.lang)}")
    if feed.country:
        lines.append(f"country = {quote(feed.country)}")
    if feed.tier is not None:
        lines.append(f"tier = {feed.tier}")
    if feed.fetch != "page":
        lines.append(f"fetch = {quote(feed.fetch)}")
    if feed.every_s:
        lines.append(f'every = "{int(feed.every_s)}s"')
    if not feed.enabled:
        lines.append("enabled = false")
    if feed.note:
        lines.append(f"note = {quote(feed.note)}")
    return "\n".join(lines) + "\n"


def quote(text: str) -> str:
    """Return text as a TOML basic string."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif ord(char) < 0x20 or ord(char) == 0x7F:
            out.append(f"\\u{ord(char):04X}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def append_feeds(text: str, feeds: Iterable[FeedConfig], comment: str = "") -> str:
    """Return the file's text with blocks for these feeds at its end; nothing else changes."""
    blocks = [render_feed(feed, comment) for feed in feeds]
    if not blocks:
        return text
    head = text if not text or text.endswith("\n") else text + "\n"
    return head + ("\n" if head.strip() else "") + "\n".join(blocks)


def remove_feed(text: str, name: str) -> str:
    """Return the file's text without the block of the feed with this name or URL.

    The block goes from its `[[feed]]` line to its last key. Comments directly above it go with
    it; those set off by an empty line, and those below the last key, stay.

    Raises:
        UsageError: no such feed.
    """
    lines = text.splitlines(keepends=True)
    feeds = parse_feeds(text, "the list of feeds")
    index = next((n for n, f in enumerate(feeds) if name in (f.name, f.url)), None)
    if index is None:
        close = difflib.get_close_matches(name, [f.name for f in feeds], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"no feed has the name or URL {name!r}{hint}")
    starts = [n for n, line in enumerate(lines) if _HEADER.match(line)]
    if index >= len(starts):
        raise UsageError("this list of feeds is not written in [[feed]] blocks: edit it by hand")
    first = starts[index]
    last = next(
        (n for n in range(first + 1, len(lines)) if _ANY_HEADER.match(lines[n])), len(lines)
    )
    while not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#"):
        last -= 1  # comments below the last key belong to what follows
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    kept = lines[:first] + lines[last:]
    while (
        first
        and first <= len(kept)
        and not kept[first - 1].strip()
        and (first == len(kept) or not kept[first].strip())
    ):
        del kept[first - 1]
        first -= 1
    return "".join(kept)


def _line_of(text: str, key: str, start: int = 1) -> int:
    """Return the line where a key stands, from line `start` on; `start` when it is not found."""
    pattern = re.compile(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=.]|^\s*\[+\s*{re.escape(key)}\b")
    for number, line in enumerate(text.splitlines(), 1):
        if number >= start and pattern.match(line):
            return number
    return start
