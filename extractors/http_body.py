"""Bodies of HTTP answers: decoded piece by piece, never more than was allowed.

In: the chunks of a body as sent. Out: the decoded bytes, or `FetchError` with the outcome
`too_large`, `truncated`, `bad_encoding` or `unsupported_encoding`. It reads from no connection.
"""

from __future__ import annotations

import zlib

from extractors.errors import FetchError
from extractors.guard import redact_url

_READ_CHUNK = 65_536
# Blocks of a compressed file are joined as members (bgzip: one per 64 kB, so 250 in 16 MB); a
# stream of empty ones costs time and never reaches the limit of the size.
MAX_MEMBERS = 10_000


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
        self._members = 1
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
                    self._members += 1
                    if self._members > MAX_MEMBERS:
                        raise FetchError(
                            f"{redact_url(self._url)}: more than {MAX_MEMBERS} gzip members",
                            url=self._url,
                            outcome="bad_encoding",
                        )
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
