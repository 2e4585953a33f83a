"""robots.txt for article pages: may this address be asked for, and how slowly.

In: an address and an open `Fetcher`. Out: nothing, or `FetchError` with the outcome `robots`
(refused for good) or `robots_unreachable` (try later). Feeds are not subject to it: somebody
entered them on purpose (Google Feedfetcher's rule).

Source: RFC 9309: 4xx means no rules; a server error or no answer means "stay out for now".
Parsing by Protego, at most 512 kB.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from dataclasses import dataclass
from typing import Any

from extractors.errors import FetchError, ForbiddenAddress
from extractors.fetch import Fetcher
from extractors.guard import MAX_URL_CHARS, redact_url
from extractors.pacing import pacing_key

AGENT = "presswatch"
KEEP_S = 86_400.0  # RFC 9309 §2.4: not longer than 24 hours
KEEP_FAILURE_S = 900.0
# A longer Crawl-delay is honoured by leaving pages for later runs, not by waiting in this one.
MAX_CRAWL_DELAY_S = 3_600.0
# Rules that are kept of one file; the largest of big sites have about 2,000.
MAX_RULES = 20_000
_AGENT_LINE = re.compile(r"user[- ]?agent(?:\s*:|\s)\s*([^#]*)", re.IGNORECASE)
_SITE_WIDE = re.compile(r"(?:sitemaps?|site-map|host)\s*:", re.IGNORECASE)  # belong to no group


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotsText:
    """robots.txt of one origin. `text` None: it could not be read (`error` says why)."""

    origin: str
    text: str | None
    fetched_at: float
    error: str | None = None


def own_rules(text: str, agent: str = AGENT) -> str:
    """Return the groups of a robots.txt that concern an agent or everybody; pure, linear.

    A file that names 10,000 agents above 20,000 rules would make 200 million rules of them, each
    held in memory by the parser (RFC 9309 lets groups name as many agents as they like).
    """
    kept: list[str] = []
    concerned = False  # by the group that is read
    naming = False  # its agents are still being listed
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#") or _SITE_WIDE.match(line):
            continue
        match = _AGENT_LINE.match(line)
        if match is None:
            naming = False
            if concerned:
                kept.append(line[:MAX_URL_CHARS])
                if len(kept) >= MAX_RULES:
                    break
            continue
        if not naming:
            naming, concerned = True, False
        name = match.group(1).strip().lower()
        token = name.strip("*") or name[:1]
        if token and (token == "*" or agent.lower().startswith(token)):
            line = f"User-agent: {token}"
            # Listed twice in one group, a name would have its rules twice.
            if not (concerned and kept and kept[-1] == line):
                kept.append(line)
            concerned = True
    return "\n".join(kept)


class RobotsCache:
    """Asks each origin for its robots.txt at most once a day, and at most once at a time.

    Args:
        known: robots.txt files kept from earlier runs.
        agent: product token that the rules are read for.
    """

    def __init__(self, known: tuple[RobotsText, ...] = (), *, agent: str = AGENT) -> None:
        self._agent = agent
        self._texts = {row.origin: row for row in known}
        self._rules: dict[str, Any] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.fetched: list[RobotsText] = []

    async def check(self, url: str, fetcher: Fetcher) -> None:
        """Pass when the address may be asked for; sets the host's crawl delay on the way.

        Raises:
            FetchError: `robots` (not allowed), `robots_unreachable` (not known now).
        """
        place = fetcher.guard.check_url(url)
        shown = f"[{place.host}]" if ":" in place.host else place.host
        origin = f"{place.scheme}://{shown}:{place.port}"
        async with self._locks.setdefault(origin, asyncio.Lock()):
            row = self._texts.get(origin)
            keep = KEEP_S if row is not None and row.text is not None else KEEP_FAILURE_S
            if row is None or time.time() - row.fetched_at > keep:
                row = await self._ask(origin, fetcher)
                self._texts[origin] = row
                self._rules.pop(origin, None)
                self.fetched.append(row)
        if row.text is None:
            raise FetchError(
                f"{redact_url(origin)}: robots.txt cannot be read ({row.error}), so its pages are "
                "left alone for now",
                url=url,
                outcome="robots_unreachable",
            )
        if not row.text.strip():
            return
        rules = self._rules.get(origin)
        if rules is None:
            from protego import Protego

            rules = self._rules[origin] = Protego.parse(own_rules(row.text, self._agent))
        delay = rules.crawl_delay(self._agent)
        if delay and math.isfinite(delay) and delay > 0:
            fetcher.pacer.set_delay(pacing_key(place), min(float(delay), MAX_CRAWL_DELAY_S))
        if not rules.can_fetch(place.url, self._agent):
            raise FetchError(
                f"{redact_url(url)}: robots.txt does not allow it",
                url=url,
                outcome="robots",
                retryable=False,
            )

    @staticmethod
    async def _ask(origin: str, fetcher: Fetcher) -> RobotsText:
        try:
            fetched = await fetcher.get(f"{origin}/robots.txt", kind="robots")
        except ForbiddenAddress:
            raise
        except FetchError as exc:
            if exc.outcome == "deferred":
                raise
            if exc.status is not None and 400 <= exc.status < 500 and exc.status != 429:
                text: str | None = ""
            elif exc.outcome in ("too_many_redirects", "bad_redirect"):
                text = ""  # RFC 9309 §2.3.1.2: may be taken as unavailable
            else:
                text = None
            return RobotsText(origin=origin, text=text, fetched_at=time.time(), error=exc.outcome)
        kind = (fetched.content_type or "").lower()
        text = fetched.content.decode("utf-8-sig", "replace")
        if "html" in kind or text.lstrip()[:1] == "<":
            text = ""  # a site that answers everything with a web page has no rules
        return RobotsText(origin=origin, text=text, fetched_at=time.time())
