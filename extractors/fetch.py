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
import functools
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from extractors.errors import FetchError, ForbiddenAddress
from extractors.guard import AddressGuard, CheckedUrl, redact_url
from extractors.http_body import BodyDecoder
from extractors.http_status import (
    BrokenFraming,
    TooMuchSent,
    clean_header,
    is_header_value,
    status_error,
    translate_error,
)
from extractors.models import Page
from extractors.pacing import PACES, HostPacer, pacing_key

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
_READ_CHUNK = 65_536
_MAX_FIELD_BYTES = 32_768  # a header line; policies of 10 kB are ordinary
# Bytes as sent, framing included. Before the final status: interim answers (1xx) and headers;
# the largest heads seen are about 100 kB. Afterwards: the cap of the kind and a quarter more for
# the framing of chunks, so that one-byte chunks, chunk extensions and trailers end as well.
_HEAD_BYTES = 1_000_000
_FRAMING_SHARE = 0.25
# Chunks of one to four bytes have a line end each 3 to 4.5 bytes, documents one each 20 to 80. A
# million chunks cost some 3 s of processor time.
_MANY_BREAKS = 100_000
_CRUMB = 5
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


class _Wire(ResponseHandler):
    """One connection that is given up when more bytes come than were allowed.

    aiohttp bounds none of these: interim answers, trailers, chunk extensions, tiny chunks. Each
    costs processor time for as long as the deadline lasts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._left = _HEAD_BYTES
        self._taken = self._breaks = 0

    def allow_body(self, limit: int) -> None:
        """The final head is read: what follows may be a body of `limit` bytes."""
        self._left += int(limit * (1 + _FRAMING_SHARE))

    def data_received(self, data: bytes) -> None:
        """Count, and pass on."""
        self._left -= len(data)
        self._taken += len(data)
        self._breaks += data.count(b"\r\n")
        crumbs = self._breaks > _MANY_BREAKS and self._taken < _CRUMB * self._breaks
        if self._left >= 0 and not crumbs:
            payload = self._payload
            super().data_received(data)
            error = self.exception()
            if error is not None and payload is not None and payload.exception() is None:
                # aiohttp tells only who waits for a head: who reads the body would wait on.
                payload.set_exception(BrokenFraming(getattr(error, "message", "") or str(error)))
            return
        what = "its answer in crumbs" if crumbs else "more than an answer may have"
        error = TooMuchSent(f"the server sends {what}")
        transport, payload = self.transport, self._payload
        self._parser = None
        self.set_exception(error)
        if payload is not None:
            payload.set_exception(error)
        if transport is not None:
            transport.abort()


class Fetcher:
    """The HTTP client: `async with Fetcher(settings, guard) as fetcher: await fetcher.get(url)`."""

    def __init__(self, settings: FetchSettings, guard: AddressGuard) -> None:
        self.settings = settings
        self.guard = guard
        self.pacer = HostPacer(
            per_host=settings.per_host,
            delay_s=settings.host_delay_s,
            clock=time.monotonic,
            paces=PACES,
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
        # How a connector makes its connections; there is no public way to bound what they read.
        make: Any = functools.partial(_Wire, loop=asyncio.get_running_loop())
        connector._factory = make
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
        if etag and is_header_value(etag):
            headers["If-None-Match"] = etag
        if last_modified and is_header_value(last_modified):
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
        # Sites write Location with raw UTF-8, with spaces, and in older encodings.
        if not text.isascii():
            text = "".join(
                f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in text
            )
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
            raise translate_error(exc, place.url) from exc
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
            if (value := clean_header(name, response.headers.get(name)))
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
            raise status_error(place.url, status, kept)
        encoding = response.headers.get("Content-Encoding", "")
        # RFC 9309 §2.5: of a robots.txt that is too long, the beginning counts.
        decoder = BodyDecoder(encoding, limit, place.url, cut=kind == "robots")
        protocol = response.connection.protocol if response.connection is not None else None
        if isinstance(protocol, _Wire):
            protocol.allow_body(limit)
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
