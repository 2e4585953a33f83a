"""A second set of hostile servers' answers, written without knowledge of the first.

`FEEDS` maps a name to a maker of (handler, outcomes that a correct client may come to). `PAGES`
are hostile article pages; `TARGETS` spellings of places that must never be contacted. Everything
is made by us; ideas come from RFC 9110, 9112 and 9309, the XML and Unicode standards and from
reading the parsers that we use.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from support.feed_server import Handler, Request, answer, item, raw, redirect, rss

MB = 1_000_000
OK = frozenset({"ok", "unchanged"})
BROKEN = frozenset({"bad_http", "truncated", "connect", "timeout", "too_large", "bad_encoding"})


@dataclass(frozen=True)
class Attack:
    """One hostile answer: what is served, and the outcomes that are right."""

    handler: Handler
    outcomes: frozenset[str]


def _head(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1")


PLAIN = _head("Content-Type: application/rss+xml", "Connection: close")


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
    head = _head("Content-Type: application/rss+xml", "Transfer-Encoding: chunked")
    return head + body + trailer


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


def xml_attacks() -> dict[str, tuple[bytes, frozenset[str]]]:
    """Return documents that keep parsers busy, by name."""
    any_end = frozenset({"ok", "parse", "parse_timeout", "decoy", "too_large"})
    lol = "".join(
        f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";"}{("&l" + str(n - 1) + ";") * 9}">'
        for n in range(1, 12)
    )
    files = {
        "entities-nested": f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "ha">{lol}]>'
        "<rss><channel><title>&l11;</title>" + item(1) + "</channel></rss>",
        "entities-quadratic": '<!DOCTYPE rss [<!ENTITY a "' + "a" * 60_000 + '">]><rss><channel>'
        "<title>" + "&a;" * 60_000 + "</title>" + item(1) + "</channel></rss>",
        "entities-parameter": '<!DOCTYPE rss [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'
        + GOOD,
        "entities-external": '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>'
        "<channel><item><title>&x;</title><link>http://feed.example/1</link></item></channel></rss>",
        "entities-remote": '<!DOCTYPE rss SYSTEM "http://TRAP/dtd"><rss><channel>'
        + item(1) + "</channel></rss>",
        "entities-two-doctypes": "<!DOCTYPE a><!DOCTYPE rss [<!ENTITY b 'c'>]>" + GOOD,
        "entities-late-doctype": "<!-- " + "x" * 300_000 + ' --><!DOCTYPE rss [<!ENTITY l0 "ha">'
        + lol + "]><rss><channel><title>&l11;</title>" + item(1) + "</channel></rss>",
        "entities-comment-hides-end": '<!DOCTYPE rss [<!-- ]> --><!ENTITY l0 "ha">' + lol
        + "]><rss><channel><title>&l11;</title>" + item(1) + "</channel></rss>",
        "xinclude": '<rss xmlns:xi="http://www.w3.org/2001/XInclude"><channel><item><title>'
        '<xi:include href="file:///etc/passwd" parse="text"/></title>'
        "<link>http://feed.example/x</link></item></channel></rss>",
        "stylesheet": '<?xml version="1.0"?><?xml-stylesheet href="http://TRAP/x.xsl"?>' + GOOD,
        "depth-in-item": rss("<item><title>t</title><description>" + "<b>" * 300_000
                             + "</description></item>"),
        "depth-root": "<rss>" + "<a>" * 1_000_000,
        "depth-closed": "<rss><channel>" + "<a>" * 100_000 + "</a>" * 100_000 + item(1)
        + "</channel></rss>",
        "namespaces": "<rss " + " ".join(f'xmlns:n{n}="u{n}"' for n in range(20_000)) + ">"
        + item(1) + "</rss>",
        "namespaces-one-by-one": "<rss><channel>" + "".join(
            f'<n{n}:x xmlns:n{n}="u{n}"/>' for n in range(50_000)) + item(1) + "</channel></rss>",
        "attributes": "<rss><channel><item " + " ".join(f'a{n}="1"' for n in range(200_000))
        + "><title>x</title></item></channel></rss>",
        "attributes-no-value": "<rss><channel><item " + " ".join(f"a{n}" for n in range(200_000))
        + "><title>x</title></item></channel></rss>",
        "attributes-in-content": rss("<item><title>t</title><description><![CDATA[<p "
                                     + " ".join(f'a{n}="1"' for n in range(100_000))
                                     + ">text</p>]]></description></item>"),
        "items-million": "<rss><channel>" + "<item/>" * 1_000_000 + "</channel></rss>",
        "items-many": "<rss><channel>" + "".join(
            f"<item><title>{n}</title><link>http://h.example/{n}</link></item>"
            for n in range(100_000)) + "</channel></rss>",
        "items-unclosed": "<rss><channel>" + "<item><title>x</title>" * 200_000,
        "items-nested": "<rss><channel>" + "<item>" * 100_000 + "</item>" * 100_000
        + "</channel></rss>",
        "title-10-mb": rss("<item><title>" + "A" * 10_000_000 + "</title><link>http://h.example/1"
                           "</link></item>"),
        "title-10-mb-markup": rss("<item><title><![CDATA[" + "<b" * 5_000_000
                                  + "]]></title><link>http://h.example/1</link></item>"),
        "title-combining-marks": rss("<item><title>a" + "\u0316\u0300" * 120_000
                                     + "</title><link>http://h.example/1</link></item>"),
        "author-10-mb": rss("<item><title>x</title><author>" + "a" * 10_000_000
                            + "</author></item>"),
        "author-attribute": "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>x</title>"
        "<author><name>" + "a@" * 200_000 + "</name></author><id>1</id></entry></feed>",
        "contributor": "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>x</title>"
        + "<contributor><name>" * 20_000 + "</entry></feed>",
        "guid-10-mb": rss("<item><title>x</title><guid>" + "g" * 10_000_000 + "</guid></item>"),
        "link-10-mb": rss("<item><title>x</title><link>http://h.example/" + "g" * 10_000_000
                          + "</link></item>"),
        "link-dots": rss("<item><title>x</title><link>http://h.example/" + "../" * 300_000
                         + "</link></item>"),
        "link-escapes": rss("<item><title>x</title><link>http://h.example/" + "%2e%2F" * 300_000
                            + "?" + "a=b&amp;" * 300_000 + "</link></item>"),
        "categories": rss("<item><title>x</title>" + "<category>c</category>" * 300_000
                          + "</item>"),
        "enclosures": rss("<item><title>x</title><link>http://h.example/2</link>"
                          + '<enclosure url="http://TRAP/e.mp3" type="audio/mpeg"/>' * 100_000
                          + "</item>"),
        "date-long": rss("<item><title>x</title><pubDate>" + "1" * 5_000_000
                         + "</pubDate></item>"),
        "date-many-words": rss("<item><title>x</title><pubDate>" + "Mon, " * 1_000_000
                               + "</pubDate></item>"),
        "date-spaces": rss("<item><title>x</title><pubDate>Sat, 21 Nov 2026" + " " * 1_000_000
                           + "x</pubDate></item>"),
        "georss": '<rss xmlns:georss="http://www.georss.org/georss"><channel><item><title>x</title>'
        "<georss:polygon>" + "1.0 " * 1_000_000 + "</georss:polygon></item></channel></rss>",
        "references": rss("<item><title>" + "&#65;" * 2_000_000 + "</title></item>"),
        "references-half": rss("<item><title>" + "&" * 5_000_000 + "</title></item>"),
        "reference-digits": rss("<item><title>&#" + "9" * 5_000_000 + ";</title></item>"),
        "brackets": "<rss>" + "<" * 5_000_000,
        "brackets-closing": "<rss><channel>" + "</" * 3_000_000 + "</channel></rss>",
        "cdata-open": rss("<item><title>" + "<![CDATA[" * 500_000 + "</title></item>"),
        "comment-open": rss(item(1), "<!--" * 1_000_000),
        "instructions": "<rss><channel>" + "<?x y?>" * 1_000_000 + item(1) + "</channel></rss>",
        "instruction-open": "<rss><channel>" + "<?x " * 1_000_000,
        "doctype-open": "<!DOCTYPE rss [" + "<!ENTITY a 'b'>" * 300_000,
        "declaration-long": "<?xml version='1.0' " + "a='b' " * 500_000 + "?>" + GOOD,
        "quotes-open": '<rss version="' + "a" * 5_000_000,
        "marks-illegal": rss(item(1, extra="\x00\x01\x08\x0b\x1b[31m\ufffe\u202e")),
        "base-private": "<rss xml:base='http://169.254.169.254/'><channel><item><title>x</title>"
        "<link>latest/meta-data</link></item></channel></rss>",
        "base-trap": "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='http://TRAP/'><entry>"
        "<title>x</title><id>1</id><link href='page'/></entry></feed>",
        "links-private": rss(*(
            f"<item><title>Item {n}</title><link>{link}</link></item>"
            for n, link in enumerate((
                "http://TRAP/a", "http://169.254.169.254/latest", "file:///etc/passwd",
                "javascript:alert(1)", "data:text/html,x", "gopher://TRAP/_x", "//TRAP/y",
                "http://user:pw@TRAP/", "http://[::1]:TRAPPORT/", "http://localhost:TRAPPORT/",
                "ftp://TRAP/", "http://0x7f.1:TRAPPORT/", "\\\\TRAP\\x", "http:/TRAP/", "http:TRAP",
            )))),
        "self-hub": rss(item(1), channel='<atom:link xmlns:atom="http://www.w3.org/2005/Atom" '
                        'rel="hub" href="http://TRAP/hub"/><atom:link rel="self" '
                        'href="http://TRAP/self"/>'),
        "json-nested": '{"version":"https://jsonfeed.org/version/1","items":' + "[" * 200_000,
        "json-numbers": '{"version":"https://jsonfeed.org/version/1","items":[{"id":'
        + "9" * 200_000 + "}]}",
        "json-keys": '{"version":"https://jsonfeed.org/version/1","items":[{'
        + ",".join(f'"k{n}":1' for n in range(300_000)) + "}]}",
        "json-surrogates": '{"version":"https://jsonfeed.org/version/1","items":[{"id":"1",'
        '"title":"\\ud800 half \\udc00","url":"http://h.example/1"}]}',
        "json-types": '{"version":"https://jsonfeed.org/version/1","items":[{"id":[],"title":{},'
        '"url":7,"authors":"x","date_published":[1]},5,null,"x"]}',
        "json-private": '{"version":"https://jsonfeed.org/version/1","next_url":"http://TRAP/n",'
        '"items":[{"id":"1","title":"x","url":"http://TRAP/j"}]}',
        "json-nan": '{"version":"https://jsonfeed.org/version/1","items":[{"id":NaN,'
        '"title":Infinity}]}',
        "sitemap-bomb": "<urlset>" + "<url><loc>http://h.example/1</loc></url>" * 300_000
        + "</urlset>",
        "sitemap-open": "<urlset xmlns:news='n'>" + "<url><news:title>x" * 300_000,
    }  # fmt: skip
    found = {name: (text.encode("utf-8"), any_end) for name, text in files.items()}
    utf16 = GOOD.encode("utf-16")
    found |= {
        name: (data, any_end)
        for name, data in {
            "utf7": ('<?xml version="1.0" encoding="utf-7"?>' + GOOD[38:]).encode(),
            "utf16-bom": utf16,
            "utf16-odd": utf16[:-1],
            "utf16-no-bom": GOOD.encode("utf-16-le"),
            "utf16-claimed": GOOD.replace("utf-8", "utf-16").encode(),
            "utf16-surrogates": GOOD.encode("utf-16-le").replace(
                b"I\x00t\x00", b"\x00\xd8\x00\xd8"
            ),
            "utf32": GOOD.encode("utf-32"),
            "utf32-no-bom": GOOD.encode("utf-32-be"),
            "utf8-broken": GOOD_BYTES.replace(b"Item 1", b"\xff\xfe\xc0\x80\xed\xa0\x80\xf8"),
            "utf8-overlong": GOOD_BYTES.replace(b"<title>", b"\xc0\xbctitle\xc0\xbe", 1),
            "bom-thrice": b"\xef\xbb\xbf" * 3 + GOOD_BYTES,
            "codec-punycode": GOOD.replace("utf-8", "punycode").encode() + b"-" + b"\xff" * 200_000,
            "codec-idna": GOOD.replace("utf-8", "idna").encode() + b"\xff" * 200_000,
            "codec-unicode-escape": GOOD.replace("utf-8", "unicode_escape").encode() + b"\xff\\N{",
            "codec-zlib": GOOD.replace("utf-8", "zlib_codec").encode() + b"\xff",
            "codec-undefined": GOOD.replace("utf-8", "undefined").encode() + b"\xff",
            "codec-path": GOOD.replace("utf-8", "../../etc/passwd").encode() + b"\xff",
            "nul-everywhere": b"\x00".join(bytes([c]) for c in GOOD_BYTES) + b"\x00" * 5,
            "nul-million": GOOD_BYTES[:200] + b"\x00" * 5_000_000 + GOOD_BYTES[200:],
            "binary": bytes(range(256)) * 20_000,
            "escapes-iso2022": GOOD_BYTES.replace(b"Item 1", b"\x1b$B" * 100_000),
            "high-bytes": GOOD_BYTES.replace(b"Item 1", b"\xa1\xfe\x80" * 1_500_000),
            "png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 100_000,
            "zip": b"PK\x03\x04" + b"\x00" * 100_000,
            "pdf": b"%PDF-1.7\n" + b"x" * 100_000,
        }.items()
    }
    return found


def http_attacks() -> dict[str, Attack]:
    """Return answers that break HTTP, by name."""
    good = GOOD_BYTES
    length = f"Content-Length: {len(good)}"
    kind = "Content-Type: application/rss+xml"
    bomb = gzip_zeros(300)
    nested = gzip.compress(gzip.compress(bomb))
    br_magic = bytes.fromhex("5bffff0300") + b"\xff" * 1_000
    found: dict[str, tuple[Handler, frozenset[str]]] = {
        "slow-headers": (drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), BROKEN),
        "slow-one-header": (drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"), BROKEN),
        "slow-status": (drip(b"", b"H"), BROKEN),
        "slow-body": (drip(PLAIN, b"<"), BROKEN),
        "slow-chunks": (drip(_head(kind, "Transfer-Encoding: chunked"), b"1\r\n<\r\n"), BROKEN),
        "slow-chunk-size": (drip(_head(kind, "Transfer-Encoding: chunked"), b"0"), BROKEN),
        "slow-chunk-extension": (
            flood(_head(kind, "Transfer-Encoding: chunked") + b"1;", b"a=b;"), BROKEN),
        "endless-body": (flood(PLAIN, b"<item>"), BROKEN),
        "endless-length": (flood(_head(kind, "Content-Length: 99999999999999"), b"x" * 999),
                           BROKEN),
        "endless-tiny-chunks": (
            flood(_head(kind, "Transfer-Encoding: chunked"), b"1\r\n<\r\n"), BROKEN),
        "endless-headers": (flood(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), BROKEN),
        "endless-header-line": (flood(b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 100), BROKEN),
        "endless-status-line": (flood(b"HTTP/1.1 200 ", b"O"), BROKEN),
        "endless-folding": (flood(b"HTTP/1.1 200 OK\r\nX-A: b\r\n", b" c\r\n"), BROKEN),
        "endless-trailers": (
            flood(_head(kind, "Transfer-Encoding: chunked") + b"0\r\n", b"X: y\r\n"),
            BROKEN | OK | {"decoy", "parse"}),
        "endless-continue": (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), BROKEN),
        "endless-processing": (
            flood(b"", b"HTTP/1.1 102 Processing\r\nX: " + b"y" * 200 + b"\r\n\r\n"), BROKEN),
        "slow-continue": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), BROKEN),
        "continue-then-good": (
            raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + _head(kind, length) + good), OK),
        "early-hints": (
            raw(b"HTTP/1.1 103 Early Hints\r\nLink: <http://TRAP/x>; rel=preload\r\n\r\n"
                + _head(kind, length) + good), OK),
        "switching": (raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + good),
                      BROKEN | {"bad_status"}),
        "length-too-long": (raw(_head(kind, "Content-Length: 100000") + good), BROKEN),
        "length-too-short": (raw(_head(kind, "Content-Length: 50") + good), BROKEN | OK
                             | {"parse", "decoy"}),
        "length-negative": (raw(_head(kind, "Content-Length: -1") + good), BROKEN),
        "length-plus": (raw(_head(kind, f"Content-Length: +{len(good)}") + good), BROKEN | OK),
        "length-list": (raw(_head(kind, "Content-Length: 5, 7") + good), BROKEN),
        "length-twice": (raw(_head(kind, "Content-Length: 5", length) + good), BROKEN | OK
                         | {"parse", "decoy"}),
        "length-hex": (raw(_head(kind, "Content-Length: 0x10") + good), BROKEN),
        "length-huge": (raw(_head(kind, "Content-Length: " + "9" * 400) + good), BROKEN),
        "length-and-chunked": (
            raw(_head(kind, "Content-Length: 5", "Transfer-Encoding: chunked")
                + b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)), BROKEN | OK),
        "chunk-size-negative": (
            raw(_head(kind, "Transfer-Encoding: chunked") + b"-1\r\n" + good), BROKEN),
        "chunk-size-huge": (
            raw(_head(kind, "Transfer-Encoding: chunked") + b"f" * 40 + b"\r\n" + good), BROKEN),
        "chunk-size-junk": (
            raw(_head(kind, "Transfer-Encoding: chunked") + b"zz\r\n" + good), BROKEN),
        "chunk-cut": (raw(_head(kind, "Transfer-Encoding: chunked") + b"ffff\r\n" + good), BROKEN),
        "chunk-no-end": (raw(chunked(good, trailer=b"")), BROKEN),
        "transfer-twice": (
            raw(_head(kind, "Transfer-Encoding: chunked", "Transfer-Encoding: identity")
                + b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)), BROKEN | OK | {"parse", "decoy"}),
        "transfer-gzip": (
            raw(_head(kind, "Transfer-Encoding: gzip, chunked")
                + b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)), BROKEN | OK | {"parse", "decoy"}),
        "status-garbage": (raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 100), BROKEN),
        "status-none": (raw(b"HTTP/1.1\r\n\r\n" + good), BROKEN),
        "status-word": (raw(b"HTTP/1.1 OK\r\n\r\n" + good), BROKEN),
        "status-four-digits": (raw(b"HTTP/1.1 2000 OK\r\n\r\n" + good), BROKEN),
        "status-99": (raw(b"HTTP/1.1 099 X\r\n\r\n" + good), BROKEN | {"bad_status"}),
        "status-999": (raw(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), BROKEN
                       | {"server_error", "bad_status"}),
        "status-http9": (raw(b"HTTP/9.9 200 OK\r\n\r\n" + good), BROKEN | OK),
        "http-0.9": (raw(good), BROKEN),
        "http2-preface": (raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18), BROKEN),
        "ssh": (raw(b"SSH-2.0-OpenSSH_9.9\r\n"), BROKEN),
        "icy": (raw(b"ICY 200 OK\r\n\r\n" + good), BROKEN),
        "nothing": (raw(b""), BROKEN),
        "no-header-end": (raw(b"HTTP/1.1 200 OK\r\nX: y"), BROKEN),
        "header-nul": (raw(_head("X: a\x00b", kind, length) + good), BROKEN | OK),
        "header-no-colon": (raw(_head("nonsense", kind, length) + good), BROKEN | OK),
        "header-bare-cr": (raw(b"HTTP/1.1 200 OK\rX: y\r\r" + good), BROKEN),
        "header-bare-lf": (raw(b"HTTP/1.1 200 OK\nX: y\n\n" + good), BROKEN | OK),
        "header-8-bit": (
            raw(_head("X: \xff\xfe\x80", kind, length) + good), BROKEN | OK),
        "cookies": (
            raw(_head(*[f"Set-Cookie: c{n}={'v' * 300}; Domain=.example" for n in range(100)],
                      kind, length) + good), OK),
        "cookies-flood": (
            raw(_head(*[f"Set-Cookie: c{n}={'v' * 4000}" for n in range(5_000)], kind, length)
                + good), BROKEN),
        "etag-huge": (answer(GOOD, headers={"ETag": '"' + "e" * 30_000 + '"'}), OK),
        "etag-100k": (answer(GOOD, headers={"ETag": '"' + "e" * 100_000 + '"'}), BROKEN | OK),
        "etag-odd": (answer(GOOD, headers={"ETag": '"\t\x7f\xe9"', "Last-Modified": "yesterday"}),
                     BROKEN | OK),
        "etag-folded": (raw(_head(kind, length, 'ETag: "a"', ' X-Injected: yes') + good),
                        BROKEN | OK),
        "last-modified-huge": (answer(GOOD, headers={"Last-Modified": "x" * 20_000}), OK),
        "retry-after-ages": (answer("", status="503 Busy", headers={
            "Retry-After": "9" * 300}), frozenset({"server_error"})),
        "retry-after-past": (answer("", status="429 Slow", headers={
            "Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}), frozenset({"rate_limited"})),
        "retry-after-far": (answer("", status="429 Slow", headers={
            "Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}), frozenset({"rate_limited"})),
        "retry-after-negative": (answer("", status="503 Busy", headers={
            "Retry-After": "-5"}), frozenset({"server_error"})),
        "retry-after-unicode": (answer("", status="503 Busy", headers={
            "Retry-After": "\xb2\xb3"}), frozenset({"server_error"}) | BROKEN),
        "cache-ages": (answer(GOOD, headers={"Cache-Control": "max-age=" + "9" * 200,
                                             "Expires": "Fri, 99 Dec 99999 23:59:59 GMT"}), OK),
        "unasked-304": (raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"), frozenset({"bad_status"})),
        "unasked-206": (answer(GOOD, status="206 Partial Content", headers={
            "Content-Range": "bytes 0-10/999"}), frozenset({"bad_status"})),
        "204": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), frozenset({"bad_status"})),
        "205": (answer("", status="205 Reset"), frozenset({"bad_status"})),
        "300": (answer("", status="300 Choose"), frozenset({"bad_status"})),
        "empty-200": (answer(""), frozenset({"parse", "decoy"})),
        "blank-200": (answer(" \r\n" * 100), frozenset({"parse", "decoy"})),
        "407": (answer("", status="407 Proxy", headers={"Proxy-Authenticate": "Basic"}),
                frozenset({"client_error", "forbidden"})),
        "401": (answer("", status="401 Who", headers={"WWW-Authenticate": "NTLM"}),
                frozenset({"forbidden"})),
        "gzip-bomb": (packed(bomb, "gzip"), frozenset({"too_large"})),
        "gzip-bomb-unnamed": (answer(bomb), frozenset({"too_large"})),
        "gzip-nested": (packed(nested, "gzip"), frozenset({"too_large", "parse", "decoy"})),
        "gzip-gzip": (packed(nested, "gzip, gzip"), frozenset({"unsupported_encoding"})),
        "gzip-x6": (packed(nested, ", ".join(["gzip"] * 6)), frozenset({"unsupported_encoding"})),
        "deflate-bomb": (packed(zlib.compress(b" " * 200_000_000, 9), "deflate"),
                         frozenset({"too_large"})),
        "deflate-raw-bomb": (packed(raw_deflate(b" " * 200_000_000), "deflate"),
                             frozenset({"too_large"})),
        "deflate-raw": (packed(raw_deflate(good), "deflate"), OK),
        "deflate-empty-blocks": (
            flood(_head(kind, "Content-Encoding: deflate") + b"\x78\x9c",
                  b"\x00\x00\x00\xff\xff"), BROKEN),
        "gzip-empty-members": (
            flood(_head(kind, "Content-Encoding: gzip"), EMPTY_MEMBER), BROKEN),
        "gzip-members": (
            packed(b"".join(gzip.compress(GOOD_BYTES[n:n + 50])
                            for n in range(0, len(good), 50)), "gzip"), OK),
        "gzip-long-name": (
            flood(_head(kind, "Content-Encoding: gzip")
                  + b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03", b"n" * 999), BROKEN),
        "gzip-extra-field": (
            packed(b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\x03" + struct.pack("<H", 65_535)
                   + b"\x00" * 65_535 + raw_deflate(good)
                   + struct.pack("<II", zlib.crc32(good), len(good)), "gzip"), OK),
        "gzip-bad-sum": (packed(gzip.compress(good)[:-8] + b"\x00" * 8, "gzip"), BROKEN),
        "gzip-cut": (packed(gzip.compress(good)[:-20], "gzip"), BROKEN),
        "gzip-tail": (packed(gzip.compress(good) + b"junk" * 1_000, "gzip"), OK | BROKEN),
        "gzip-lie": (packed(good, "gzip"), OK | BROKEN),
        "gzip-empty": (packed(b"", "gzip"), frozenset({"parse", "decoy", "truncated"})),
        "br": (packed(br_magic, "br"), frozenset({"unsupported_encoding"})),
        "zstd": (packed(b"\x28\xb5\x2f\xfd" + b"\x00" * 100, "zstd"),
                 frozenset({"unsupported_encoding"})),
        "compress": (packed(b"\x1f\x9d\x90", "compress"), frozenset({"unsupported_encoding"})),
        "encoding-long": (packed(good, "gzip," * 5_000), frozenset({"unsupported_encoding"})),
        "encoding-case": (packed(gzip.compress(good), "GZip"), OK),
        "encoding-nonsense": (packed(good, "\xff\x80"), frozenset({"unsupported_encoding"})
                              | BROKEN),
        "refresh-header": (answer(GOOD, headers={"Refresh": "0;url=http://TRAP/refresh"}), OK),
        "alt-svc": (answer(GOOD, headers={"Alt-Svc": 'h3="TRAP"; ma=999999',
                                          "Strict-Transport-Security": "max-age=9999999"}), OK),
        "link-header": (answer(GOOD, headers={"Link": "<http://TRAP/l>; rel=self"}), OK),
        "content-location": (answer(GOOD, headers={"Content-Location": "http://TRAP/c"}), OK),
        "meta-refresh": (answer('<html><meta http-equiv="refresh" content="0;url=http://TRAP/m">',
                                content_type="text/html"), frozenset({"decoy"})),
        "type-lies": (answer(GOOD, content_type="image/png"), OK),
        "type-long": (answer(GOOD, content_type="text/xml; charset=" + "x" * 20_000), OK),
        "type-nonsense": (answer(GOOD, content_type=";;;=,\t"), OK),
    }  # fmt: skip
    return {name: Attack(handler, outcomes) for name, (handler, outcomes) in found.items()}


def spellings(port: int) -> dict[str, str]:
    """Return ways to write this machine and other places that must not be contacted."""
    hosts = {
        "dotted": "127.0.0.1", "other": "127.0.0.2", "far": "127.255.255.254", "short": "127.1",
        "shorter": "127.0.1", "decimal": "2130706433", "hex": "0x7f000001", "hex-dots": "0x7f.0.0.1",
        "octal": "0177.0.0.1", "octal-long": "017700000001", "octal-zeros": "00000177.0.0.1",
        "overflow": "4294967297", "overflow-part": "127.0.0.257", "zero": "0", "zeros": "0.0.0.0",
        "trailing-dot": "127.0.0.1.", "two-dots": "127.0.0.1..", "padded": "127.000.000.001",
        "v6": "[::1]", "v6-any": "[::]", "v6-long": "[0:0:0:0:0:0:0:1]", "v6-mapped": "[::ffff:127.0.0.1]",
        "v6-mapped-hex": "[::ffff:7f00:1]", "v6-compatible": "[::7f00:1]",
        "v6-compatible-dots": "[::127.0.0.1]", "v6-siit": "[::ffff:0:7f00:1]",
        "v6-nat64": "[64:ff9b::7f00:1]", "v6-nat64-local": "[64:ff9b:1::7f00:1]",
        "v6-6to4": "[2002:7f00:1::]", "v6-teredo": "[2001:0:7f00:1::]", "v6-zone": "[fe80::1%25lo]",
        "v6-zone-plain": "[fe80::1%lo]", "v6-loop-zone": "[::1%25lo]", "v6-ula": "[fd00:ec2::254]",
        "v6-site": "[fec0::1]", "v6-upper": "[::FFFF:7F00:0001]", "v6-multicast": "[ff02::1]",
        "v6-isatap": "[fe80::5efe:7f00:1]", "v6-no-brackets": "::1", "v6-future": "[v1.fe80::a]",
        "localhost": "localhost", "localhost-dot": "localhost.", "localhost-upper": "LOCALHOST",
        "localhost-sub": "feeds.localhost", "localhost-wide": "ｌｏｃａｌｈｏｓｔ",
        "circled": "①②⑦.⓪.⓪.①", "wide-digits": "１２７.０.０.１", "wide-dot": "127。0。0。1",
        "half-dot": "127｡0｡0｡1", "arabic-digits": "١٢٧.٠.٠.١", "soft-hyphen": "127.0.0.\u00ad1",
        "zero-width": "127.0.0.1\u200b", "combining": "127.0.0.1\u0301", "superscript": "127.0.0.¹",
        "percent": "127.0.0.%31", "percent-dot": "127%2e0%2e0%2e1", "percent-host": "%6c%6f%63alhost",
        "userinfo": "feed.example@127.0.0.1", "userinfo-colon": "a:b@127.0.0.1",
        "userinfo-at": "a@feed.example@127.0.0.1", "userinfo-empty": "@127.0.0.1",
        "backslash": "feed.example\\@127.0.0.1", "hash": "127.0.0.1#@feed.example",
        "tab": "127.0.0.1\t", "space": "127.0.0.1 ", "metadata": "169.254.169.254",
        "metadata-decimal": "2852039166", "metadata-name": "metadata.google.internal",
        "alibaba": "100.100.100.200", "oracle": "192.0.0.192", "cgnat": "100.64.0.1",
        "private-10": "10.0.0.1", "private-172": "172.16.0.1", "private-192": "192.168.0.1",
        "benchmark": "198.18.0.1", "broadcast": "255.255.255.255", "multicast": "224.0.0.1",
        "doc": "192.0.2.1", "nip": "127.0.0.1.nip.test", "rebind": "rebind.test",
        "two-answers": "two.test", "v6-name": "v6.test", "mapped-name": "mapped.test",
        "nat64-name": "nat64.test", "empty": "", "dot": ".", "underscore": "_.127.0.0.1",
    }  # fmt: skip
    return {name: f"http://{host}:{port}/trap/{name}" for name, host in hosts.items()}


def schemes(port: int) -> dict[str, str]:
    """Return addresses with other schemes, and with odd ones."""
    place = f"127.0.0.1:{port}"
    return {
        "file": "file:///etc/passwd",
        "file-host": f"file://{place}/etc/passwd",
        "gopher": f"gopher://{place}/_GET",
        "ftp": f"ftp://{place}/x",
        "data": "data:application/rss+xml,<rss/>",
        "javascript": "javascript:alert(1)",
        "dict": f"dict://{place}/x",
        "ldap": f"ldap://{place}/x",
        "unix": "unix:/var/run/docker.sock",
        "http-unix": "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
        "jar": f"jar:http://{place}!/x",
        "view-source": f"view-source:http://{place}/",
        "feed": f"feed://{place}/x",
        "feed-http": f"feed:http://{place}/x",
        "ws": f"ws://{place}/x",
        "https": f"https://{place}/x",
        "upper": f"HTTP://{place}/x",
        "one-slash": f"http:/{place}/x",
        "three-slashes": f"http:///{place}/x",
        "no-slashes": f"http:{place}/x",
        "backslashes": f"http:\\\\{place}\\x",
        "relative-host": f"//{place}/x",
        "relative-backslash": f"/\\{place}/x",
        "leading-space": f" http://{place}/x",
        "leading-control": f"\x01http://{place}/x",
        "crlf": f"http://{place}/\r\nX-Injected: yes",
        "port-zero": "http://127.0.0.1:0/",
        "port-high": "http://127.0.0.1:65537/",
        "port-words": "http://127.0.0.1:http/",
        "port-unicode": "http://127.0.0.1:８０/",
        "brackets": f"http://[{place}]/",
        "query-host": f"http://?@{place}/",
        "long": f"http://{place}/" + "a" * 20_000,
    }


def redirects() -> dict[str, Attack]:
    """Return redirects that do not lead anywhere."""
    rounds = frozenset({"too_many_redirects", "bad_redirect", "timeout"})
    counter = iter(range(1_000_000_000))

    async def ever_on(request: Request, writer: asyncio.StreamWriter) -> None:
        await redirect(f"/s/redirect-ever-on?{next(counter)}")(request, writer)

    async def growing(request: Request, writer: asyncio.StreamWriter) -> None:
        more = "" if "?" in request.path else "?"
        await redirect(f"{request.path}{more}" + "x" * 2_000)(request, writer)

    return {
        "redirect-self": Attack(redirect(""), rounds | {"bad_redirect"}),
        "redirect-loop": Attack(redirect("/s/redirect-loop"), rounds),
        "redirect-ever-on": Attack(ever_on, rounds),
        "redirect-growing": Attack(growing, rounds | {"forbidden_address", "bad_http"}),
        "redirect-no-target": Attack(answer("", status="302 Found"), rounds),
        "redirect-fragment": Attack(redirect("#top"), rounds),
        "redirect-twice": Attack(
            raw(b"HTTP/1.1 302 F\r\nLocation: /s/good\r\nLocation: http://TRAP/two\r\n\r\n"),
            rounds | OK | BROKEN,
        ),
        "redirect-body": Attack(
            flood(b"HTTP/1.1 302 F\r\nLocation: /s/good\r\n\r\n", b"x" * 999), OK | BROKEN
        ),
        "redirect-305": Attack(
            answer("", status="305 Use Proxy", headers={"Location": "http://TRAP/proxy"}),
            frozenset({"bad_status"}),
        ),
        "redirect-201": Attack(
            answer("", status="201 Created", headers={"Location": "http://TRAP/made"}),
            frozenset({"bad_status"}),
        ),
        "redirect-latin": Attack(redirect("/s/g\xf6\xf6d"), frozenset({"not_found"}) | BROKEN),
        "redirect-long": Attack(
            redirect("/" + "a" * 30_000), frozenset({"forbidden_address"}) | BROKEN
        ),
    }


def feed_attacks(trap: str, trap_port: int) -> dict[str, Attack]:
    """Return all hostile feeds by name; `TRAP` in them becomes the trap's `ip:port`."""
    found = http_attacks() | redirects()
    for name, (body, outcomes) in xml_attacks().items():
        place = body.replace(b"TRAPPORT", str(trap_port).encode()).replace(b"TRAP", trap.encode())
        kind = "application/feed+json" if name.startswith("json") else "application/rss+xml"
        found[name] = Attack(answer(place, content_type=kind), outcomes)
    refused = frozenset({"forbidden_address", "bad_redirect", "dns", "not_found", "bad_http",
                         "connect", "tls"})  # fmt: skip
    for name, target in spellings(trap_port).items():
        found[f"to-{name}"] = Attack(
            raw(b"HTTP/1.1 302 F\r\nLocation: " + target.encode() + b"\r\n\r\n"), refused
        )
    for name, target in schemes(trap_port).items():
        found[f"scheme-{name}"] = Attack(
            raw(b"HTTP/1.1 302 F\r\nLocation: " + target.encode() + b"\r\n\r\n"), refused
        )
    return found


def page_attacks(trap: str) -> dict[str, bytes]:
    """Return hostile article pages by name."""
    text = "<p>" + "The harbour was closed for a day and ships waited outside. " * 12 + "</p>"
    page = "<html><head>{head}</head><body><article><h1>Headline {name}</h1>{body}</article></body></html>"

    def make(name: str, *, head: str = "", body: str = text) -> str:
        return page.format(name=name, head=head, body=body)

    ld = '<script type="application/ld+json">{}</script>'
    files: dict[str, str] = {
        "attributes": make("a", body="<p " + " ".join(f'a{n}="1"' for n in range(100_000)) + ">"
                           + text),
        "attributes-spread": make("b", body="".join(
            "<p " + " ".join(f'a{n}="1"' for n in range(1_900)) + ">x</p>" for _ in range(200))),
        "nested-div": make("c", body="<div>" * 900_000 + text),
        "nested-inline": make("d", body="<b><i><u>" * 250_000 + text),
        "nested-table": make("e", body="<table><tr><td>" * 100_000 + text),
        "nested-list": make("f", body="<ul><li>" * 200_000 + text),
        "nested-form": make("g", body="<form><a><nobr><button>" * 60_000 + text),
        "misnested": make("h", body="<b><p></b></p>" * 150_000 + text),
        "adoption": make("i", body="<a><b><i>" * 3_000 + "<p></a>" * 3_000 + text),
        "one-line": "<p>" + "word " * 1_000_000,
        "one-word": make("j", body="<p>" + "a" * 4_900_000 + "</p>"),
        "one-cjk": make("k", body="<p>" + "한" * 1_600_000 + "</p>"),
        "links": make("l", body="".join(f'<a href="/{n}">link {n}</a> ' for n in range(100_000))),
        "breaks": make("m", body="<br>" * 1_000_000),
        "items": make("n", body="<ul>" + "<li>x" * 500_000 + "</ul>"),
        "cells": make("o", body="<table>" + "<tr><td>x" * 300_000 + "</table>"),
        "paragraphs": make("p", body="<p>word word word</p>" * 200_000),
        "unclosed-p": make("q", body="<p>" * 1_600_000),
        "unclosed-tag": make("r", body=text + "<p " * 1_600_000),
        "unclosed-comment": make("s", body=text + "<!--" * 1_200_000),
        "unclosed-script": make("t", body=text + "<script>" * 600_000),
        "brackets": make("u", body="<" * 4_900_000),
        "ampersands": make("v", body="&" * 4_900_000),
        "entities": make("w", body="<p>" + "&NotAnEntity;" * 350_000 + "</p>"),
        "digits": make("x", body="<p>&#" + "9" * 4_000_000 + ";</p>"),
        "spaces": make("y", body="<p>a" + " " * 4_800_000 + "b</p>"),
        "newlines": make("z", body="<p>a" + "\n" * 4_800_000 + "b</p>"),
        "dots": make("aa", body="<p>" + "." * 4_800_000 + "</p>"),
        "dashes": make("ab", body="<p>" + "-" * 2_000_000 + " | " * 500_000 + "</p>"),
        "at-signs": make("ac", body="<p>" + "a@" * 2_000_000 + "</p>"),
        "mails": make("ad", body="<p>" + "a" * 300_000 + "@" + "b." * 300_000 + "</p>"),
        "urls": make("ae", body="<p>" + "http://" * 600_000 + "</p>"),
        "dates": make("af", body="<p>" + "2026-11-22 10:00 " * 250_000 + "</p>"),
        "dates-meta": make("ag", head="".join(
            f'<meta name="date" content="2026-{n % 12 + 1:02}-01">' for n in range(60_000))),
        "date-long": make("ah", head='<meta property="article:published_time" content="'
                          + "2026-" * 500_000 + '">'),
        "numbers": make("ai", body="<p>" + "1,234,567.89 " * 300_000 + "</p>"),
        "quotes": make("aj", body="<p>" + "“‘\"'«「『" * 200_000 + "</p>"),
        "parentheses": make("ak", body="<p>" + "(" * 1_500_000 + ")" * 1_500_000 + "</p>"),
        "copyright": make("al", body="".join(
            "<p>© 2026 All rights reserved. " + "Reproduction " * 20 + "</p>"
            for _ in range(15_000))),
        "bylines": make("am", body="<p>By " + "Jane " * 800_000 + "</p>"),
        "reporter": make("an", body="<p>" + "김철수 기자 = " * 200_000 + "</p>"),
        "combining": make("ao", body="<p>a" + "\u0316\u0300" * 1_000_000 + "</p>"),
        "zalgo-title": make("ap", head="<title>a" + "\u0316\u0300" * 400_000 + "</title>"),
        "jamo": make("aq", body="<p>" + "\u1100\u1161\u11a8" * 500_000 + "</p>"),
        "bidi": make("ar", body="<p>" + "\u202e\u2066" * 800_000 + "</p>"),
        "zero-width": make("as", body="<p>" + "a\u200b\u200d\ufeff" * 400_000 + "</p>"),
        "data-uri": make("at", body=text + '<img src="data:image/png;base64,' + "A" * 4_800_000
                         + '">'),
        "srcset": make("au", body=text + '<img srcset="' + "/a.jpg 1x, " * 400_000 + '">'),
        "style": make("av", body='<p style="' + "a:b;" * 1_000_000 + '">' + text),
        "class": make("aw", body='<div class="' + "article comment " * 300_000 + '">' + text),
        "css": make("ax", head="<style>" + "a{" * 2_000_000 + "</style>"),
        "ld-deep": make("ay", head=ld.format('{"a":' * 100_000 + "1" + "}" * 100_000)),
        "ld-wide": make("az", head=ld.format(
            '{"@type":"NewsArticle","articleBody":"' + "x y " * 1_200_000 + '"}')),
        "ld-many": make("ba", head=ld.format('{"@type":"NewsArticle","headline":"x"}') * 60_000),
        "ld-graph": make("bb", head=ld.format('{"@graph":[' + ",".join(
            ['{"@type":"NewsArticle","author":[{"name":"a"}]}'] * 80_000) + "]}")),
        "ld-number": make("bc", head=ld.format('{"@type":"NewsArticle","wordCount":'
                                               + "9" * 400_000 + "}")),
        "ld-strings": make("bd", head=ld.format('{"@type":"NewsArticle","headline":"'
                                                + "\\ud800" * 500_000 + '"}')),
        "ld-types": make("be", head=ld.format(
            '{"@type":["NewsArticle",7,null,{}],"headline":[[[]]],"author":{"name":{"name":[]}},'
            '"datePublished":{"x":1},"articleBody":5,"isAccessibleForFree":[false]}')),
        "ld-comments": make("bf", head=ld.format("/*" * 1_000_000)),
        "next-data": make("bg", body=text + '<script id="__NEXT_DATA__" type="application/json">'
                          + '{"a":[' * 200_000 + "</script>"),
        "metas": make("bh", head='<meta property="og:title" content="x">' * 100_000),
        "meta-open": make("bi", head='<meta content="' + "x" * 3_000_000),
        "title-long": make("bj", head="<title>" + "word " * 900_000 + "</title>"),
        "titles": make("bk", head="<title>x</title>" * 200_000),
        "charset-lie": make("bl", head='<meta charset="utf-16">'),
        "charset-utf7": make("bm", head='<meta charset="utf-7">',
                             body="+ADw-script+AD4-" + text),
        "charset-odd": make("bn", head='<meta charset="zlib_codec">', body=text + "\xff"),
        "canonical-private": make(
            "bo", head=f'<link rel="canonical" href="http://{trap}/canonical">'
            f'<link rel="alternate" hreflang="ko" href="http://{trap}/ko">'
            f'<link rel="amphtml" href="http://{trap}/amp"><base href="http://{trap}/">'
            f'<meta property="og:url" content="http://{trap}/og">'
            f'<meta http-equiv="refresh" content="0;url=http://{trap}/refresh">'),
        "frames": make("bp", body=text + f'<iframe src="http://{trap}/frame"></iframe>' * 50),
        "images-private": make("bq", body=text + f'<img src="http://{trap}/pixel">' * 50
                               + f'<object data="http://{trap}/o"></object>'),
        "svg": make("br", body="<svg>" + '<use href="#a"/>' * 300_000 + "</svg>" + text),
        "math": make("bs", body="<math>" + "<mi>" * 300_000 + text),
        "templates": make("bt", body="<template>" * 300_000 + text),
        "noscript": make("bu", body="<noscript>" * 300_000 + text),
        "select": make("bv", body="<select>" + "<option>x" * 400_000 + "</select>" + text),
        "doctype": "<!DOCTYPE html [" + '<!ENTITY a "b">' * 200_000 + "]>" + make("bw"),
        "entities-dtd": '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + make("bx", body="<p>&x;</p>" + text),
        "xhtml-namespaces": '<html xmlns="http://www.w3.org/1999/xhtml" '
        + " ".join(f'xmlns:n{n}="u"' for n in range(50_000)) + ">" + make("by"),
        "conditional": make("bz", body="<!--[if IE]>" * 300_000 + text),
        "nul": make("ca", body="\x00" * 2_000_000 + text),
        "control": make("cb", body="\x01\x02\x1b[31m" * 500_000 + text),
        "microdata": make("cc", body='<div itemscope itemprop="articleBody">' * 50_000 + text),
        "headings": make("cd", body="<h2>Related stories</h2><p>x</p>" * 80_000),
        "short-lines": make("ce", body="<p>" + "<br>".join(["Read more"] * 150_000) + "</p>"),
        "sentences": make("cf", body="<p>" + "A b. " * 900_000 + "</p>"),
        "repeat-blocks": make("cg", body=text * 6_000),
        "random-lines": make("ch", body="".join(
            f"<p>Line {n * 7919 % 100_003} of the long report says {n} things.</p>"
            for n in range(50_000))),
        "empty": "",
        "blank": " \n" * 1_000_000,
    }  # fmt: skip
    pages = {name: body.encode("utf-8", "surrogatepass")[:4_950_000]
             for name, body in files.items()}  # fmt: skip
    pages["utf16"] = make("ci").encode("utf-16")
    pages["high-bytes"] = make("cj").encode() + b"\xa1\xfe\x80" * 1_500_000
    pages["escapes"] = make("ck").encode() + b"\x1b$B!!" * 500_000
    pages["bytes"] = bytes(range(256)) * 19_000
    return pages


def robots_attacks(trap: str) -> dict[str, Handler]:
    """Return hostile robots.txt answers by name."""
    stars = "User-agent: *\nDisallow: /" + "*a" * 60 + "*b$\n"
    return {
        "stars": answer(stars, content_type="text/plain"),
        "stars-many": answer(
            "User-agent: *\n" + ("Disallow: /" + "*a" * 20 + "b\n") * 5_000,
            content_type="text/plain",
        ),
        "rules": answer(
            "User-agent: *\n" + "".join(f"Disallow: /q{n}\n" for n in range(30_000)),
            content_type="text/plain",
        ),
        "agents": answer(
            "".join(f"User-agent: a{n}\n" for n in range(25_000)) + "Disallow: /\n",
            content_type="text/plain",
        ),
        "five-mb": answer("User-agent: *\nAllow: /\n" + "# x\n" * 1_300_000),
        "one-line": answer("User-agent: *\nDisallow: /" + "%" * 500_000),
        "newlines": answer("\n" * 520_000),
        "blanks": answer("User-agent:" + " " * 500_000 + "x"),
        "delay": answer("User-agent: *\nCrawl-delay: 1e308\n"),
        "delay-nan": answer("User-agent: *\nCrawl-delay: nan\n"),
        "delay-negative": answer("User-agent: *\nCrawl-delay: -5\n"),
        "delay-inf": answer("User-agent: *\nCrawl-delay: inf\nRequest-rate: 1/99999999999s\n"),
        "visit-time": answer("User-agent: *\nVisit-time: 9999-99999\nRequest-rate: 0/0 x-y\n"),
        "sitemaps": answer(
            "User-agent: *\nAllow: /\n" + f"Sitemap: http://{trap}/sitemap.xml\n" * 10_000
        ),
        "private": redirect(f"http://{trap}/robots.txt"),
        "loop": redirect("/robots.txt"),
        "endless": flood(_head("Content-Type: text/plain"), b"Disallow: /x\n"),
        "slow": drip(_head("Content-Type: text/plain"), b"D"),
        "binary": answer(b"\x00\xff\xfe" * 100_000),
        "bomb": packed(gzip_zeros(300), "gzip"),
    }


def describe() -> Mapping[str, int]:
    """Return how many attacks of each family there are."""
    feeds: Callable[[], int] = lambda: len(feed_attacks("127.0.0.9:9", 9))  # noqa: E731
    return {
        "feeds": feeds(),
        "pages": len(page_attacks("127.0.0.9:9")),
        "robots": len(robots_attacks("127.0.0.9:9")),
        "addresses": len(spellings(9)) + len(schemes(9)),
    }
