"""One feed looked at from this machine: status, parse, count, age, and can its pages be read.

In: a feed's configuration and an open `Fetcher`. Out: a `FeedCheck`, never an exception. It
stores nothing and does not count as a poll.
Source: research/feeds.md ("a feed check must test status, parse, count, age of the newest, and
article page reachable, from the machine that will run it").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from extractors.decode import decode_page
from extractors.errors import FetchError, ParseError
from extractors.feed_list import FeedConfig
from extractors.feed_parser import Parser
from extractors.feed_state import FeedState
from extractors.feeds import describe_html, plain_text
from extractors.fetch import Fetcher
from extractors.health import STALE_AFTER, words
from extractors.polling import poll_feed
from extractors.robots import RobotsCache

PAGES = 2  # article pages looked at per feed: one may be a gallery or a video
# Text in paragraphs that an article page has at least; front pages and walls have less.
READABLE_CHARS = 300
MAX_PARAGRAPHS = 400
_PARAGRAPH = re.compile(r"<p\b[^<>]*+>", re.IGNORECASE)
_PARAGRAPH_END = re.compile(r"</p\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCheck:
    """What one look at a feed showed. `pages`: `readable`, a reason why not, or "" (not asked)."""

    feed: str
    outlet: str
    url: str
    verdict: str = "ok"  # ok, warn, bad
    outcome: str = ""
    status: int | None = None
    kind: str = ""
    entries: int = 0
    newest_at: datetime | None = None
    pages: str = ""
    moved_to: str | None = None
    seconds: float = 0.0
    message: str = ""


async def check_feed(
    config: FeedConfig,
    fetcher: Fetcher,
    parser: Parser,
    robots: RobotsCache | None,
    *,
    pages: bool = True,
) -> FeedCheck:
    """Fetch and parse a feed, and two of its article pages, and say what is wrong with it."""
    result = await poll_feed(FeedState(config=config, url=config.url), fetcher, parser)
    check = FeedCheck(
        feed=config.name,
        outlet=config.outlet,
        url=config.url,
        outcome=result.outcome,
        status=result.status,
        moved_to=result.permanent_url,
        seconds=round(result.duration_s, 2),
    )
    if not result.is_good or result.parsed is None:
        return replace(check, verdict="bad", message=result.error or result.outcome)
    parsed = result.parsed
    check = replace(
        check, kind=parsed.kind, entries=len(parsed.entries), newest_at=parsed.newest_at
    )
    remarks: list[str] = []
    if not parsed.entries:
        remarks.append("the feed has no items")
    elif parsed.newest_at is None:
        remarks.append("its items have no dates")
    else:
        age = datetime.now(UTC) - parsed.newest_at
        if age > STALE_AFTER:
            remarks.append(f"its newest item is {words(age)} old")
        elif age < timedelta(0):
            remarks.append("its newest item lies in the future")
    if result.permanent_url:
        remarks.append(f"moved for good to {result.permanent_url}")
    if parsed.problem:
        remarks.append("not quite well-formed")
    if config.fetch == "page" and pages and parsed.entries:
        addresses = [e.url for e in parsed.entries if e.url]
        verdict = await _check_pages(addresses, fetcher, parser, robots)
        check = replace(check, pages=verdict)
        if verdict != "readable":
            remarks.append(f'article pages: {verdict}; fetch = "feed" would use the feed\'s text')
    return replace(check, verdict="warn" if remarks else "ok", message="; ".join(remarks))


def page_verdict(content: bytes, content_type: str | None) -> str:
    """Say whether a page has an article's text: `readable`, or why not. For a worker."""
    text, _ = decode_page(content, content_type)
    chars, at = 0, 0
    for _ in range(MAX_PARAGRAPHS):
        start = _PARAGRAPH.search(text, at)
        end = _PARAGRAPH_END.search(text, start.end()) if start else None
        if start is None or end is None:
            break
        chars += len(plain_text(text[start.end() : end.start()]))
        if chars >= READABLE_CHARS:
            return "readable"
        at = end.end()
    return {
        "challenge": "a browser challenge comes instead",
        "consent": "a cookie wall comes instead",
        "login": "a login page comes instead",
    }.get(describe_html(text).partition(":")[0], "too little text in them")


async def _check_pages(
    urls: list[str], fetcher: Fetcher, parser: Parser, robots: RobotsCache | None
) -> str:
    if not urls:
        return "no links in the feed"
    problem = ""
    for url in urls[:PAGES]:
        try:
            if robots is not None:
                await robots.check(url, fetcher)
            page = await fetcher.get(url, kind="page")
        except FetchError as exc:
            problem = {
                "robots": "robots.txt does not allow them",
                "robots_unreachable": "robots.txt cannot be read",
                "challenge": "a browser challenge comes instead",
            }.get(exc.outcome, f"HTTP {exc.status}" if exc.status else exc.outcome)
            continue
        try:
            problem = await parser.call(page_verdict, page.content, page.content_type)
        except ParseError:
            problem = "they keep a parser busy for too long"
        if problem == "readable":
            break
    return problem
