"""What an HTTP answer says, in our words: outcomes of statuses and errors, dates, kept headers.

In: statuses, headers, aiohttp's exceptions. Out: `FetchError` values with one named outcome.
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp

from extractors.errors import FetchError, ForbiddenAddress
from extractors.guard import RefusedDial, redact_url

# A longer Retry-After is cut: one wrong header must not switch a feed off for years.
MAX_RETRY_AFTER_S = 86_400.0


class TooMuchSent(aiohttp.ClientPayloadError):
    """The server sent more bytes than any answer of its kind has, framing included."""


class BrokenFraming(aiohttp.ClientPayloadError):
    """What came after the head cannot be read as HTTP: bad chunks or trailers."""


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


def is_header_value(text: str) -> bool:
    """Tell whether a validator can be sent back as it came."""
    return len(text) <= 1_024 and all(c == "\t" or " " <= c != "\x7f" for c in text)


def clean_header(name: str, text: str | None) -> str | None:
    """Return a header that can be stored; a validator that cannot be sent back verbatim is none."""
    if text is None:
        return None
    if name in ("etag", "last-modified"):
        return text if is_header_value(text) and text.isascii() else None
    return text.encode("utf-8", "replace").decode("utf-8")[:2_000]


def status_error(url: str, status: int, headers: Mapping[str, str]) -> FetchError:
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


def translate_error(exc: aiohttp.ClientError, url: str) -> FetchError:
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
    if isinstance(exc, TooMuchSent):
        return FetchError(f"{shown}: {exc}", url=url, outcome="too_large", retryable=False)
    if isinstance(exc, BrokenFraming):
        return FetchError(
            f"{shown}: not proper HTTP ({_first_line(exc)})", url=url, outcome="bad_http"
        )
    if isinstance(exc, (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
        return FetchError(f"{shown}: the answer broke off", url=url, outcome="truncated")
    if isinstance(exc, aiohttp.ClientOSError):
        return FetchError(
            f"{shown}: connection lost ({_first_line(exc)})", url=url, outcome="connect"
        )
    return FetchError(f"{shown}: not proper HTTP ({_first_line(exc)})", url=url, outcome="bad_http")


def _first_line(exc: BaseException) -> str:
    # aiohttp's parser quotes the bytes on further lines, and its answers' errors repeat the URL.
    text = str(getattr(exc, "message", "") or exc) or type(exc).__name__
    line = text.splitlines()[0].rstrip(": ")
    return "".join(c if c.isprintable() else " " for c in line)[:200]
