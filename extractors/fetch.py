"""HTTP for every kind of fetch: feeds, pages, robots.txt, sitemaps, discovery.

In: URLs. Out: `Fetched` values, or `FetchError` with one named outcome. It parses nothing, keeps
no state beyond the pacing of hosts, sends no cookies, no referrer and no credentials.

This is the only place of the package that opens connections. Each one passes
`AddressGuard.check_url` (spelling) and `AddressGuard.open_socket` (the address being dialled), at
each redirect anew. Bodies are decoded here, chunk by chunk, against a cap on the *decoded* size,
because a library's own decoding hides a truncated gzip stream (research/fetching.md A1).

Outcomes of `FetchError.outcome`: forbidden_address, dns, connect, tls, timeout, truncated,
bad_http, too_large, bad_encoding, unsupported_encoding, too_many_redirects, bad_redirect,
not_found, gone, forbidden, challenge, rate_limited, client_error, server_error, bad_status,
robots, deferred.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import re
import socket
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from extractors.errors import FetchError, ForbiddenAddress
from extractors.guard import AddressGuard, CheckedUrl, RefusedDial, redact_url
from extractors.models import Page

Kind = Literal["feed", "page", "robots", "sitemap"]

MEGABYTE = 1_000_000
# Decoded sizes. Feeds: the largest full-content feeds seen are about 3 MB, Miniflux stops at 15.
# Pages: trafilatura's cost beyond 5 MB is minutes (research/security.md). robots.txt: RFC 9309
# asks to read at least 500 KiB. Sitemaps: a news sitemap holds at most 1,000 URLs.
MAX_BYTES: Mapping[Kind, int] = {
    "feed": 16 * MEGABYTE,
    "page": 5 * MEGABYTE,
    "robots": 524_288,
    "sitemap": 16 * MEGABYTE,
}
ACCEPT: Mapping[Kind, str] = {
    "feed": "application/rss+xml, application/atom+xml, application/rdf+xml, "
    "application/feed+json;q=0.9, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.5",
    "page": "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.5",
    "robots": "text/plain, */*;q=0.5",
    "sitemap": "application/xml, text/xml;q=0.9, */*;q=0.5",
}
_KEPT_HEADERS = (
    "etag",
    "last-modified",
    "content-type",
    "cache-control",
    "expires",
    "retry-after",
    "cf-mitigated",
    "date",
    "age",
    "link",
)
_PERMANENT = (301, 308)
_REDIRECTS = (301, 302, 303, 307, 308)
# A longer Retry-After is cut: one wrong header must not switch a feed off for years.
MAX_RETRY_AFTER_S = 86_400.0
REFUSALS_IN_ROW = 5
RATE_LIMIT_PAUSE_S = 60.0  # after a 429 that does not say how long
_READ_CHUNK = 65_536
_MAX_FIELD_BYTES = 32_768  # a header line; policies of 10 kB are ordinary
_DNS_THREADS = 64  # as many as connections: names that hang must not queue up the others
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """How to fetch. Durations in seconds, sizes in bytes of the decoded body.

    `host_delay_s` is the least time between two starts at one host; `max_host_wait_s` bounds how
    long one fetch may queue for its host before it ends as `deferred` (a later run tries again).
    """

    user_agent: str = "presswatch"
    total_s: float = 30.0
    connect_s: float = 10.0
    concurrency: int = 64
    per_host: int = 2
    host_delay_s: float = 5.0
    max_host_wait_s: float = 300.0
    max_redirects: int = 10
    max_bytes: Mapping[Kind, int] = field(default_factory=lambda: MAX_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One answer. `permanent_url` is set when the whole redirect chain was permanent (301, 308)."""

    raw_url: str
    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    not_modified: bool
    permanent_url: str | None
    fetched_at: datetime
    duration_s: float

    @property
    def content_type(self) -> str | None:
        """The Content-Type header as sent."""
        return self.headers.get("content-type")


def make_user_agent(version: str, contact: str | None) -> str:
    """Return the User-Agent: name, version and where the site's owner can complain.

    Source: rachelbythebay's feed reader rules, Feedly's and Google Feedfetcher's pages.
    """
    where = "".join(c for c in (contact or "") if c.isprintable() and c not in "()\\")[:200].strip()
    where = where.encode("ascii", "ignore").decode("ascii")
    return f"presswatch/{version} (news monitor; {where or 'operator has set no contact'})"


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Read Retry-After, seconds or HTTP date; at most a day, None when unreadable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_RETRY_AFTER_S)
    moment = parse_http_date(text)
    if moment is None:
        return None
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def parse_http_date(text: str | None) -> datetime | None:
    """Read an HTTP date; None when unreadable."""
    if not text:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


class BodyDecoder:
    """Decodes gzip and deflate piece by piece, never more than `limit` bytes in all.

    Only what we advertise is decoded. A body that is plain although its header says gzip is taken
    as it is (misconfigured caches do that); brotli and zstd are refused by name. With `cut`, what
    exceeds the limit is left out instead of being an error.
    """

    def __init__(self, encoding: str, limit: int, url: str, *, cut: bool = False) -> None:
        self.is_full = False
        self._cut = cut
        self._url = url
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._first = True
        self._decoder: zlib._Decompress | None = None
        names = [n.strip().lower() for n in encoding.split(",") if n.strip()]
        names = [n for n in names if n != "identity"]
        if len(names) > 1 or (names and names[0] not in ("gzip", "x-gzip", "deflate")):
            raise FetchError(
                f"{redact_url(url)}: the server compressed with {encoding[:40]!r}, "
                "which was not asked for",
                url=url,
                outcome="unsupported_encoding",
            )
        self._name = names[0].removeprefix("x-") if names else ""

    def feed(self, chunk: bytes) -> None:
        """Take one chunk of the body as sent."""
        if not chunk:
            return
        if self._first:
            self._first = False
            self._decoder = self._choose(chunk)
        if self._decoder is None:
            self._keep(chunk)
            return
        while chunk and not self.is_full:
            try:
                self._keep(self._decoder.decompress(chunk, _READ_CHUNK))
            except zlib.error as exc:
                raise FetchError(
                    f"{redact_url(self._url)}: the {self._name} stream is broken ({exc})",
                    url=self._url,
                    outcome="bad_encoding",
                ) from exc
            chunk = self._decoder.unconsumed_tail
            if self._decoder.eof:
                rest = self._decoder.unused_data
                if self._name == "gzip" and rest[:2] == b"\x1f\x8b":
                    self._decoder, chunk = zlib.decompressobj(31), rest
                else:
                    break  # zero padding or junk after the stream

    def finish(self) -> bytes:
        """Return the decoded body.

        Raises:
            FetchError: the compressed stream ended too early: half a feed is not a feed.
        """
        if self._decoder is not None and not self._decoder.eof and not self.is_full:
            raise FetchError(
                f"{redact_url(self._url)}: the {self._name} stream ended too early",
                url=self._url,
                outcome="truncated",
            )
        return b"".join(self._parts)

    def _choose(self, first: bytes) -> zlib._Decompress | None:
        if self._name == "gzip":
            return zlib.decompressobj(31) if first[:1] == b"\x1f" else None
        if self._name == "deflate":
            if first[:1] in (b"<", b"{"):
                return None
            wrapped = first[0] & 0x0F == 8 and (
                len(first) < 2 or (first[0] * 256 + first[1]) % 31 == 0
            )
            return zlib.decompressobj(15 if wrapped else -15)
        return None

    def _keep(self, piece: bytes) -> None:
        if self._cut and self._size + len(piece) >= self._limit:
            piece = piece[: self._limit - self._size]
            self.is_full = True
        self._size += len(piece)
        if self._size > self._limit:
            raise FetchError(
                f"{redact_url(self._url)}: more than {self._limit} bytes after decoding",
                url=self._url,
                outcome="too_large",
                retryable=False,
            )
        self._parts.append(piece)


def gunzip_bounded(content: bytes, limit: int, url: str) -> bytes:
    """Unpack a file that is itself gzip (`sitemap.xml.gz`); other content is returned as it is."""
    if content[:2] != b"\x1f\x8b":
        return content
    decoder = BodyDecoder("gzip", limit, url)
    decoder.feed(content)
    return decoder.finish()


class _Resolver(AbstractResolver):
    """getaddrinfo in threads of its own: names that hang cannot use up the loop's few threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="presswatch-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(
            self._pool,
            lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM),
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(sockaddr[0]),
                port=int(sockaddr[1]),
                family=fam,
                proto=proto,
                flags=int(socket.AI_NUMERICHOST | socket.AI_NUMERICSERV),
            )
            for fam, _, proto, _, sockaddr in infos
            if fam in (socket.AF_INET, socket.AF_INET6) and len(sockaddr) >= 2
        ]

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Pace:
    """When a host may be asked next, and the delay that its robots.txt asks for."""

    __slots__ = ("delay_s", "next_start", "refusals")

    def __init__(self) -> None:
        self.refusals = 0  # 429 in a row
        self.next_start = 0.0
        self.delay_s = 0.0


# One for the process: a run has several fetchers after each other (one for each batch), and a
# host must not be asked sooner because a new one begins.
_PACES: dict[str, _Pace] = {}


class _Host:
    """One host's queue in one fetcher: places, the order of starts, and its pace."""

    __slots__ = ("pace", "places", "starting", "waiting")

    def __init__(self, per_host: int, pace: _Pace) -> None:
        self.places = asyncio.Semaphore(per_host)
        self.starting = asyncio.Lock()
        self.pace = pace
        self.waiting = 0


class HostPacer:
    """Keeps to at most `per_host` fetches at once and `delay_s` between starts at each host.

    Waiters are served in their order at constant cost each.
    Source: rss-fetcher (2 at once, 5 s per source); research/fetching.md A3 row 18.
    """

    def __init__(
        self,
        *,
        per_host: int,
        delay_s: float,
        clock: Callable[[], float],
        paces: dict[str, _Pace] | None = None,
    ) -> None:
        self._paces = {} if paces is None else paces
        self._per_host = max(per_host, 1)
        self._delay_s = max(delay_s, 0.0)
        self._clock = clock
        self._hosts: dict[str, _Host] = {}

    def set_delay(self, host: str, delay_s: float) -> None:
        """Lengthen the delay of one host (robots.txt's Crawl-delay); never below the setting."""
        self._host(host).pace.delay_s = delay_s

    def answered(self, host: str) -> None:
        """Note that the host answered something else than 429."""
        self._host(host).pace.refusals = 0

    def refused(self, host: str, retry_after_s: float | None) -> None:
        """Note a 429; after several in a row nothing is started at this host for a while.

        One address that is refused says nothing about the others of its host; five do.
        """
        pace = self._host(host).pace
        pace.refusals += 1
        if pace.refusals >= REFUSALS_IN_ROW:
            wait = retry_after_s if retry_after_s is not None else RATE_LIMIT_PAUSE_S
            pace.next_start = max(pace.next_start, self._clock() + wait)

    def expected_wait(self, host: str) -> float:
        """Return the seconds until a newcomer to this host's queue could start at the earliest."""
        state = self._host(host)
        delay = max(self._delay_s, state.pace.delay_s)
        return max(state.pace.next_start - self._clock(), 0.0) + state.waiting * delay

    @contextlib.asynccontextmanager
    async def turn(
        self, host: str, max_wait_s: float, gate: asyncio.Semaphore
    ) -> AsyncIterator[None]:
        """Wait for the host's turn and a free place in `gate`, and hold both.

        The places at the host come first, so that those who wait for a slow host do not hold
        places of the gate and no host can starve the others.

        Raises:
            FetchError: `deferred`, when the queue is longer than `max_wait_s`.
        """
        state = self._host(host)
        if self.expected_wait(host) > max_wait_s:
            raise self._deferred(host, max_wait_s)
        state.waiting += 1
        started = False
        try:
            async with state.places:
                async with state.starting:
                    pause = max(state.pace.next_start - self._clock(), 0.0)
                    if pause > max_wait_s:  # the host asked for a longer pause meanwhile
                        raise self._deferred(host, max_wait_s)
                    await asyncio.sleep(pause)
                    await gate.acquire()
                    delay = max(self._delay_s, state.pace.delay_s)
                    state.pace.next_start = self._clock() + delay
                started = True
                state.waiting -= 1
                try:
                    yield
                finally:
                    gate.release()
        finally:
            if not started:
                state.waiting -= 1

    @staticmethod
    def _deferred(host: str, max_wait_s: float) -> FetchError:
        return FetchError(
            f"{host}: its queue is longer than {max_wait_s:.0f} s; a later run will ask",
            url=host,
            outcome="deferred",
        )

    def _host(self, host: str) -> _Host:
        state = self._hosts.get(host)
        if state is None:
            pace = self._paces.setdefault(host, _Pace())
            state = self._hosts[host] = _Host(self._per_host, pace)
        return state


def pacing_key(place: CheckedUrl) -> str:
    """Return what is paced as one host: the name, with the port unless it is 80 or 443."""
    return place.host if place.port in (80, 443) else f"{place.host}:{place.port}"


class Fetcher:
    """The HTTP client: `async with Fetcher(settings, guard) as fetcher: await fetcher.get(url)`."""

    def __init__(self, settings: FetchSettings, guard: AddressGuard) -> None:
        self.settings = settings
        self.guard = guard
        self.pacer = HostPacer(
            per_host=settings.per_host,
            delay_s=settings.host_delay_s,
            clock=time.monotonic,
            paces=_PACES,
        )
        self._gate = asyncio.Semaphore(settings.concurrency)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,  # the gate limits; aiohttp's queue would count against the deadline
            force_close=True,
            resolver=_Resolver(),
            ttl_dns_cache=300,
            socket_factory=self.guard.open_socket,
            enable_cleanup_closed=False,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": self.settings.user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self.settings.connect_s, sock_read=None
            ),
            max_line_size=_MAX_FIELD_BYTES,
            max_field_size=_MAX_FIELD_BYTES,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            connector = self._session.connector
            await self._session.close()
            if connector is not None:
                resolver = getattr(connector, "_resolver", None)
                if isinstance(resolver, _Resolver):
                    await resolver.close()
            self._session = None

    async def get(
        self,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        accept: str | None = None,
        max_bytes: int | None = None,
        kind: Kind = "page",
        on_hop: Callable[[str], Awaitable[None]] | None = None,
    ) -> Fetched:
        """Fetch one URL, following at most `max_redirects` redirects.

        Args:
            url: http or https URL.
            etag: validator of the last good answer, sent verbatim as If-None-Match.
            last_modified: the same for If-Modified-Since.
            accept: Accept header instead of the kind's own.
            max_bytes: cap of the decoded body instead of the kind's own.
            kind: what is asked for: gives Accept and the cap.
            on_hop: awaited with each redirect's target before it is asked for; may raise.

        Raises:
            ForbiddenAddress: the guard refused the URL, a redirect's target or the address.
            FetchError: anything else that is not a 200 or an expected 304, with its outcome.
        """
        headers = {"Accept": accept or ACCEPT[kind]}
        if etag and _is_header_value(etag):
            headers["If-None-Match"] = etag
        if last_modified and _is_header_value(last_modified):
            headers["If-Modified-Since"] = last_modified
        limit = max_bytes if max_bytes is not None else self.settings.max_bytes[kind]
        current = self.guard.check_url(url)
        permanent: str | None = None
        all_permanent = True
        hops, spent = 0, 0.0
        while True:
            host = pacing_key(current)
            async with self.pacer.turn(host, self.settings.max_host_wait_s, self._gate):
                while pacing_key(current) == host:  # redirects within a host keep their turn
                    started = time.monotonic()
                    left = max(self.settings.total_s - spent, 0.001)
                    try:
                        answer = await self._once(current, headers, limit, left, kind)
                    except FetchError as exc:
                        if exc.outcome == "rate_limited":
                            self.pacer.refused(host, exc.retry_after_s)
                        elif exc.status is not None:
                            self.pacer.answered(host)
                        raise
                    self.pacer.answered(host)
                    spent += time.monotonic() - started
                    if isinstance(answer, _Answer):
                        return self._finish(url, current, answer, permanent, spent)
                    status, location = answer
                    hops += 1
                    if hops > self.settings.max_redirects:
                        raise FetchError(
                            f"{redact_url(url)}: more than {self.settings.max_redirects} redirects",
                            url=url,
                            outcome="too_many_redirects",
                        )
                    current = self._check_target(current, location)
                    all_permanent = all_permanent and status in _PERMANENT
                    permanent = current.url if all_permanent else None
                    if on_hop is not None:
                        await on_hop(current.url)

    async def fetch_pages(
        self, urls: Iterable[str]
    ) -> AsyncIterator[tuple[str, Fetched | FetchError]]:
        """Fetch pages concurrently, paced by host; yields each as it ends, in no fixed order."""

        async def one(url: str) -> tuple[str, Fetched | FetchError]:
            try:
                return url, await self.get(url, kind="page")
            except FetchError as exc:
                return url, exc

        tasks = [asyncio.create_task(one(url)) for url in dict.fromkeys(urls)]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in tasks:
                task.cancel()

    def _check_target(self, current: CheckedUrl, location: str) -> CheckedUrl:
        text = location.strip()
        if not _ABSOLUTE.match(text):
            # Only relative ones are joined: urljoin reads "http:///host/" as a path on this host,
            # where others read it as another host.
            text = urljoin(current.url, text)
        # Sites write Location with raw UTF-8 and with spaces.
        return self.guard.check_url(text.replace(" ", "%20"))

    async def _once(
        self, place: CheckedUrl, headers: Mapping[str, str], limit: int, left_s: float, kind: Kind
    ) -> tuple[int, str] | _Answer:
        """One request. Returns the answer, or (status, location) of a redirect."""
        assert self._session is not None, "use `async with Fetcher(...)`"
        address = URL(place.url)
        if (
            (address.raw_host or "").rstrip(".").lower() != place.host.rstrip(".")
            or address.port != place.port
            or address.user
            or address.password
        ):
            raise ForbiddenAddress(
                f"refused {redact_url(place.url)}: two parsers read it differently", url=place.url
            )
        try:
            async with asyncio.timeout(left_s):
                async with self._session.get(
                    address, headers=headers, allow_redirects=False
                ) as response:
                    return await self._read(place, response, headers, limit, kind)
        except TimeoutError as exc:
            raise FetchError(
                f"{redact_url(place.url)}: no complete answer in {self.settings.total_s:.0f} s",
                url=place.url,
                outcome="timeout",
            ) from exc
        except aiohttp.ClientError as exc:
            raise _translate(exc, place.url) from exc
        except (ValueError, OSError) as exc:
            raise FetchError(
                f"{redact_url(place.url)}: {exc}", url=place.url, outcome="bad_http"
            ) from exc

    async def _read(
        self,
        place: CheckedUrl,
        response: aiohttp.ClientResponse,
        sent: Mapping[str, str],
        limit: int,
        kind: Kind,
    ) -> tuple[int, str] | _Answer:
        status = response.status
        kept = {
            name: value
            for name in _KEPT_HEADERS
            if (value := _clean_header(name, response.headers.get(name)))
        }
        if status in _REDIRECTS:
            location = response.headers.get("Location")
            if not location:
                raise FetchError(
                    f"{redact_url(place.url)}: HTTP {status} without a target",
                    url=place.url,
                    outcome="bad_redirect",
                    status=status,
                )
            return status, location
        if status == 304:
            if "If-None-Match" not in sent and "If-Modified-Since" not in sent:
                raise FetchError(
                    f"{redact_url(place.url)}: HTTP 304 to a question without a condition",
                    url=place.url,
                    outcome="bad_status",
                    status=304,
                )
            return _Answer(status=304, headers=kept, content=b"")
        if status != 200:
            raise _status_error(place.url, status, kept)
        encoding = response.headers.get("Content-Encoding", "")
        # RFC 9309 §2.5: of a robots.txt that is too long, the beginning counts.
        decoder = BodyDecoder(encoding, limit, place.url, cut=kind == "robots")
        async for chunk in response.content.iter_chunked(_READ_CHUNK):
            decoder.feed(chunk)
            if decoder.is_full:
                break
        return _Answer(status=200, headers=kept, content=decoder.finish())

    @staticmethod
    def _finish(
        raw_url: str, place: CheckedUrl, answer: _Answer, permanent: str | None, spent: float
    ) -> Fetched:
        return Fetched(
            raw_url=raw_url,
            url=place.url,
            status=answer.status,
            headers=answer.headers,
            content=answer.content,
            not_modified=answer.status == 304,
            permanent_url=permanent,
            fetched_at=datetime.now(UTC),
            duration_s=spent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


def _is_header_value(text: str) -> bool:
    return len(text) <= 1_024 and all(c == "\t" or " " <= c != "\x7f" for c in text)


def _clean_header(name: str, text: str | None) -> str | None:
    """Return a header that can be stored; a validator that cannot be sent back verbatim is none."""
    if text is None:
        return None
    if name in ("etag", "last-modified"):
        return text if _is_header_value(text) and text.isascii() else None
    return text.encode("utf-8", "replace").decode("utf-8")[:2_000]


def _status_error(url: str, status: int, headers: Mapping[str, str]) -> FetchError:
    """Name an HTTP status. Source of what may come back: rss-fetcher (404 and 429 are soft)."""
    outcome, retryable = {
        401: ("forbidden", False),
        402: ("forbidden", False),
        403: ("forbidden", True),
        404: ("not_found", True),
        410: ("gone", False),
        408: ("timeout", True),
        425: ("rate_limited", True),
        429: ("rate_limited", True),
        451: ("forbidden", False),
    }.get(
        status,
        ("server_error", True)
        if status >= 500
        else ("client_error", True)
        if status >= 400
        else ("bad_status", True),
    )
    if "challenge" in headers.get("cf-mitigated", "").lower():
        outcome, retryable = "challenge", True
    words = "asks for a browser challenge" if outcome == "challenge" else f"HTTP {status}"
    return FetchError(
        f"{redact_url(url)}: {words}",
        url=url,
        outcome=outcome,
        retryable=retryable,
        status=status,
        retry_after_s=parse_retry_after(headers.get("retry-after"), datetime.now(UTC)),
    )


def _translate(exc: aiohttp.ClientError, url: str) -> FetchError:
    """Turn aiohttp's error into ours."""
    shown = redact_url(url)
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return FetchError(f"{shown}: the name cannot be resolved", url=url, outcome="dns")
    if isinstance(exc, aiohttp.ClientSSLError):
        return FetchError(f"{shown}: TLS failed ({_first_line(exc)})", url=url, outcome="tls")
    if isinstance(exc, aiohttp.ClientConnectorError):
        inner = exc.os_error
        if isinstance(inner, RefusedDial) or "address guard:" in str(inner):
            return ForbiddenAddress(f"refused {shown}: {inner}", url=url)
        return FetchError(
            f"{shown}: cannot connect ({_first_line(inner)})", url=url, outcome="connect"
        )
    if isinstance(exc, (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
        return FetchError(f"{shown}: the answer broke off", url=url, outcome="truncated")
    if isinstance(exc, aiohttp.ClientOSError):
        return FetchError(
            f"{shown}: connection lost ({_first_line(exc)})", url=url, outcome="connect"
        )
    return FetchError(f"{shown}: not proper HTTP ({_first_line(exc)})", url=url, outcome="bad_http")


def _first_line(exc: BaseException) -> str:
    text = str(exc) or type(exc).__name__
    return "".join(c if c.isprintable() else " " for c in text.splitlines()[0])[:200]


def to_page(fetched: Fetched) -> Page:
    """Return the record that the extractors take."""
    return Page(
        raw_url=fetched.raw_url,
        url=fetched.url,
        status=fetched.status,
        content_type=fetched.content_type,
        content=fetched.content,
        fetched_at=fetched.fetched_at,
    )


def fetch_page(url: str, settings: FetchSettings, guard: AddressGuard) -> Page:
    """Fetch one page and wait for it: for commands such as `inspect URL`.

    Raises:
        FetchError: as `Fetcher.get`.
    """

    async def one() -> Any:
        async with Fetcher(settings, guard) as fetcher:
            return await fetcher.get(url, kind="page")

    return to_page(asyncio.run(one()))
