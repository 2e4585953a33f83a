"""Making hostile answers: endless ones, slow ones, packed ones."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from dataclasses import dataclass

from support.feed_server import Handler, Request, answer, item, rss

MB = 1_000_000
OK = frozenset({"ok", "unchanged"})
BROKEN = frozenset({"bad_http", "truncated", "connect", "timeout", "too_large", "bad_encoding"})


@dataclass(frozen=True)
class Attack:
    """One hostile answer: what is served, and the outcomes that are right."""

    handler: Handler
    outcomes: frozenset[str]


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1")


PLAIN = head("Content-Type: application/rss+xml", "Connection: close")


def drip(start: bytes, piece: bytes, pause_s: float = 0.5, times: int = 10_000) -> Handler:
    """Send a start, then a piece again and again, slowly."""

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(times):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return serve


def flood(start: bytes, piece: bytes, times: int = 1_000_000_000, end: bytes = b"") -> Handler:
    """Send a start, then a piece again and again, as fast as it is taken."""
    block = piece * max(65_536 // len(piece), 1)

    async def serve(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(max(times * len(piece) // len(block), 1)):
            writer.write(block)
            await writer.drain()
        writer.write(end)

    return serve


def packed(body: bytes, encoding: str, *, content_type: str = "application/rss+xml") -> Handler:
    """Serve a body that is compressed already."""
    return answer(body, content_type=content_type, headers={"Content-Encoding": encoding})


def chunked(*chunks: bytes, trailer: bytes = b"0\r\n\r\n") -> bytes:
    """Return a chunked answer with these chunks."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks)
    start = head("Content-Type: application/rss+xml", "Transfer-Encoding: chunked")
    return start + body + trailer


def raw_deflate(body: bytes) -> bytes:
    """Return a bare deflate stream."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def gzip_zeros(megabytes: int) -> bytes:
    """Return a gzip stream of blanks of this size."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as file:
        block = b" " * MB
        for _ in range(megabytes):
            file.write(block)
    return out.getvalue()


GOOD = rss(item(1), item(2))
GOOD_BYTES = GOOD.encode()
EMPTY_MEMBER = gzip.compress(b"")
