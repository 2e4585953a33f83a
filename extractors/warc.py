"""WARC files → documents: the responses and resources of a web archive that are HTML.

In: an open WARC file, plain, gzip as a whole, or gzip record by record (the usual form). Out: one
`RawDocument` a page, its HTTP body as served, unchunked and decompressed. Revisit records, requests
and responses with an error status are left out. A record that cannot be read ends the file with an
`ParseError`, since its length cannot be trusted.
Source: ISO 28500:2017 (WARC 1.1).
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Final

from extractors.errors import ParseError
from extractors.models import RawDocument

MAX_RECORD_BYTES: Final = 20_000_000
"""Of a longer record only this much is kept."""

MAX_HEADER_BYTES: Final = 65_536
_PIECE: Final = 1 << 16
_CHARSET_FREE: Final = re.compile(r"^\s*(?:text/html|application/xhtml\+xml)\b", re.IGNORECASE)


class _Members(io.RawIOBase):
    """Reads a file whose gzip members follow one another, or a plain one; never holds it whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._in = file.read(_PIECE)
        self._packed = self._in.startswith(b"\x1f\x8b")
        self._unpacker = zlib.decompressobj(31) if self._packed else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        piece = self._piece(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def _piece(self, size: int) -> bytes:
        while True:
            if not self._in:
                self._in = self._file.read(_PIECE)
                if not self._in:
                    return b""
            if self._unpacker is None:
                piece, self._in = self._in[:size], self._in[size:]
                return piece
            piece = self._unpacker.decompress(self._in, size)
            self._in = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                self._in = self._unpacker.unused_data.lstrip(b"\0")
                self._unpacker = zlib.decompressobj(31)
            if piece:
                return piece


def read_warc(file: IO[bytes], name: str) -> Iterator[RawDocument]:
    """Yield the pages of a WARC. Ids are record ids, `name` and a number where there is none.

    Raises:
        ParseError: the file is no WARC, or broken from here on.
    """
    stream = io.BufferedReader(_Members(file), 1 << 18)
    number = 0
    try:
        while (headers := _headers(stream, name, number)) is not None:
            number += 1
            doc = _document(stream, headers, f"{name}#{number}")
            if doc is not None:
                yield doc
    except zlib.error as error:
        raise ParseError(f"record {number + 1} is broken gzip data: {error}") from error


def _headers(stream: IO[bytes], name: str, number: int) -> dict[str, str] | None:
    """The next record's header, None at the end of the file."""
    line = stream.readline(1024)
    while line in (b"\r\n", b"\n"):
        line = stream.readline(1024)
    if not line:
        return None
    if not line.startswith(b"WARC/"):
        where = "it does not begin like one" if number == 0 else f"broken after record {number}"
        raise ParseError(f"{name} is not a WARC file: {where}")
    return _fields(stream)


def _fields(stream: IO[bytes]) -> dict[str, str]:
    """Header lines up to the empty one, names in lower case; a repeated one keeps its first."""
    fields: dict[str, str] = {}
    size = 0
    last = ""
    while size < MAX_HEADER_BYTES:
        line = stream.readline(MAX_HEADER_BYTES)
        size += len(line)
        if line in (b"\r\n", b"\n", b""):
            break
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text[:1] in " \t" and last:
            fields[last] += " " + text.strip()
            continue
        key, _, value = text.partition(":")
        last = key.strip().lower()
        fields.setdefault(last, value.strip())
    return fields


def _document(stream: IO[bytes], headers: dict[str, str], fallback_id: str) -> RawDocument | None:
    try:
        left = int(headers.get("content-length", ""))
    except ValueError as error:
        raise ParseError(f"{fallback_id}: the record has no length") from error
    kind = headers.get("warc-type", "").lower()
    block = io.BytesIO()
    while left > 0:
        piece = stream.read(min(left, _PIECE))
        if not piece:
            raise ParseError(f"{fallback_id}: the file ends inside the record")
        left -= len(piece)
        if block.tell() < MAX_RECORD_BYTES:
            block.write(piece)
    if kind not in ("response", "resource"):
        return None
    content = block.getvalue()
    content_type = headers.get("content-type")
    if kind == "response":
        if not (content_type or "").lower().startswith("application/http"):
            return None
        answer = _http_body(content)
        if answer is None:
            return None
        content, content_type = answer
    if not content.strip() or not _CHARSET_FREE.match(content_type or "text/html"):
        return None
    url = headers.get("warc-target-uri", "").strip("<>") or None
    return RawDocument(
        doc_id=headers.get("warc-record-id", "").strip("<>") or fallback_id,
        url=url,
        html=content,
        content_type=content_type,
        fetched_at=_moment(headers.get("warc-date")),
    )


def _http_body(content: bytes) -> tuple[bytes, str | None] | None:
    """Body and Content-Type of a stored HTTP answer; None unless its status is 200."""
    stream = io.BytesIO(content)
    status = stream.readline(1024).split()
    if len(status) < 2 or not status[0].startswith(b"HTTP/") or status[1] != b"200":
        return None
    fields = _fields(stream)
    body = stream.read()
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = _unchunk(body)
    encoding = fields.get("content-encoding", "").lower()
    if encoding in ("gzip", "x-gzip", "deflate") or body.startswith(b"\x1f\x8b\x08"):
        body = _inflate(body)
    return body, fields.get("content-type")


def _unchunk(body: bytes) -> bytes:
    """Join the chunks; a body that is stored joined already comes back as it is."""
    out, at = bytearray(), 0
    while True:
        end = body.find(b"\r\n", at)
        try:
            size = int(body[at:end].split(b";")[0], 16) if end > 0 else -1
        except ValueError:
            size = -1
        if size < 0:
            return bytes(out) if out else body
        if size == 0:
            return bytes(out)
        out += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2


def _inflate(body: bytes) -> bytes:
    for window in (47, -15):  # gzip or zlib by its header, then bare deflate
        try:
            return zlib.decompressobj(window).decompress(body, MAX_RECORD_BYTES)
        except zlib.error:
            continue
    return body


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat((text or "").replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        return None
