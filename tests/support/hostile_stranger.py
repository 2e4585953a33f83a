"""A second set of hostile feeds, written without knowledge of the first.

Everything is made by us; the ideas come from RFC 9110, 9112 and 9309, the XML and Unicode
standards, and from reading the parsers that we use. Each has the outcomes that are right.
"""

from __future__ import annotations

import asyncio
import gzip
import struct
import zlib

from support.feed_server import Handler, Request, answer, raw, redirect
from support.hostile_answers import (
    BROKEN,
    EMPTY_MEMBER,
    GOOD,
    GOOD_BYTES,
    OK,
    PLAIN,
    Attack,
    chunked,
    drip,
    flood,
    gzip_zeros,
    head,
    packed,
    raw_deflate,
)
from support.hostile_documents import xml_attacks


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
        "slow-chunks": (drip(head(kind, "Transfer-Encoding: chunked"), b"1\r\n<\r\n"), BROKEN),
        "slow-chunk-size": (drip(head(kind, "Transfer-Encoding: chunked"), b"0"), BROKEN),
        "slow-chunk-extension": (
            flood(head(kind, "Transfer-Encoding: chunked") + b"1;", b"a=b;"), BROKEN),
        "endless-body": (flood(PLAIN, b"<item>"), BROKEN),
        "endless-length": (flood(head(kind, "Content-Length: 99999999999999"), b"x" * 999),
                           BROKEN),
        "endless-tiny-chunks": (
            flood(head(kind, "Transfer-Encoding: chunked"), b"1\r\n<\r\n"), BROKEN),
        "endless-headers": (flood(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), BROKEN),
        "endless-header-line": (flood(b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 100), BROKEN),
        "endless-status-line": (flood(b"HTTP/1.1 200 ", b"O"), BROKEN),
        "endless-folding": (flood(b"HTTP/1.1 200 OK\r\nX-A: b\r\n", b" c\r\n"), BROKEN),
        "endless-trailers": (
            flood(head(kind, "Transfer-Encoding: chunked") + b"0\r\n", b"X: y\r\n"),
            BROKEN | OK | {"decoy", "parse"}),
        "endless-continue": (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), BROKEN),
        "endless-processing": (
            flood(b"", b"HTTP/1.1 102 Processing\r\nX: " + b"y" * 200 + b"\r\n\r\n"), BROKEN),
        "slow-continue": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), BROKEN),
        "continue-then-good": (
            raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + head(kind, length) + good), OK),
        "early-hints": (
            raw(b"HTTP/1.1 103 Early Hints\r\nLink: <http://TRAP/x>; rel=preload\r\n\r\n"
                + head(kind, length) + good), OK),
        "switching": (raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + good),
                      BROKEN | {"bad_status"}),
        "length-too-long": (raw(head(kind, "Content-Length: 100000") + good), BROKEN),
        "length-too-short": (raw(head(kind, "Content-Length: 50") + good), BROKEN | OK
                             | {"parse", "decoy"}),
        "length-negative": (raw(head(kind, "Content-Length: -1") + good), BROKEN),
        "length-plus": (raw(head(kind, f"Content-Length: +{len(good)}") + good), BROKEN | OK),
        "length-list": (raw(head(kind, "Content-Length: 5, 7") + good), BROKEN),
        "length-twice": (raw(head(kind, "Content-Length: 5", length) + good), BROKEN | OK
                         | {"parse", "decoy"}),
        "length-hex": (raw(head(kind, "Content-Length: 0x10") + good), BROKEN),
        "length-huge": (raw(head(kind, "Content-Length: " + "9" * 400) + good), BROKEN),
        "length-and-chunked": (
            raw(head(kind, "Content-Length: 5", "Transfer-Encoding: chunked")
                + b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)), BROKEN | OK),
        "chunk-size-negative": (
            raw(head(kind, "Transfer-Encoding: chunked") + b"-1\r\n" + good), BROKEN),
        "chunk-size-huge": (
            raw(head(kind, "Transfer-Encoding: chunked") + b"f" * 40 + b"\r\n" + good), BROKEN),
        "chunk-size-junk": (
            raw(head(kind, "Transfer-Encoding: chunked") + b"zz\r\n" + good), BROKEN),
        "chunk-cut": (raw(head(kind, "Transfer-Encoding: chunked") + b"ffff\r\n" + good), BROKEN),
        "chunk-no-end": (raw(chunked(good, trailer=b"")), BROKEN),
        "transfer-twice": (
            raw(head(kind, "Transfer-Encoding: chunked", "Transfer-Encoding: identity")
                + b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)), BROKEN | OK | {"parse", "decoy"}),
        "transfer-gzip": (
            raw(head(kind, "Transfer-Encoding: gzip, chunked")
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
        "header-nul": (raw(head("X: a\x00b", kind, length) + good), BROKEN | OK),
        "header-no-colon": (raw(head("nonsense", kind, length) + good), BROKEN | OK),
        "header-bare-cr": (raw(b"HTTP/1.1 200 OK\rX: y\r\r" + good), BROKEN),
        "header-bare-lf": (raw(b"HTTP/1.1 200 OK\nX: y\n\n" + good), BROKEN | OK),
        "header-8-bit": (
            raw(head("X: \xff\xfe\x80", kind, length) + good), BROKEN | OK),
        "cookies": (
            raw(head(*[f"Set-Cookie: c{n}={'v' * 300}; Domain=.example" for n in range(100)],
                      kind, length) + good), OK),
        "cookies-flood": (
            raw(head(*[f"Set-Cookie: c{n}={'v' * 4000}" for n in range(5_000)], kind, length)
                + good), BROKEN),
        "etag-huge": (answer(GOOD, headers={"ETag": '"' + "e" * 30_000 + '"'}), OK),
        "etag-100k": (answer(GOOD, headers={"ETag": '"' + "e" * 100_000 + '"'}), BROKEN | OK),
        "etag-odd": (answer(GOOD, headers={"ETag": '"\t\x7f\xe9"', "Last-Modified": "yesterday"}),
                     BROKEN | OK),
        "etag-folded": (raw(head(kind, length, 'ETag: "a"', ' X-Injected: yes') + good),
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
            flood(head(kind, "Content-Encoding: deflate") + b"\x78\x9c",
                  b"\x00\x00\x00\xff\xff"), BROKEN),
        "gzip-empty-members": (
            flood(head(kind, "Content-Encoding: gzip"), EMPTY_MEMBER), BROKEN),
        "gzip-members": (
            packed(b"".join(gzip.compress(GOOD_BYTES[n:n + 50])
                            for n in range(0, len(good), 50)), "gzip"), OK),
        "gzip-long-name": (
            flood(head(kind, "Content-Encoding: gzip")
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
        "dotted": "127.0.0.1",
        "other": "127.0.0.2",
        "far": "127.255.255.254",
        "short": "127.1",
        "shorter": "127.0.1",
        "decimal": "2130706433",
        "hex": "0x7f000001",
        "hex-dots": "0x7f.0.0.1",
        "octal": "0177.0.0.1",
        "octal-long": "017700000001",
        "octal-zeros": "00000177.0.0.1",
        "overflow": "4294967297",
        "overflow-part": "127.0.0.257",
        "zero": "0",
        "zeros": "0.0.0.0",
        "trailing-dot": "127.0.0.1.",
        "two-dots": "127.0.0.1..",
        "padded": "127.000.000.001",
        "v6": "[::1]",
        "v6-any": "[::]",
        "v6-long": "[0:0:0:0:0:0:0:1]",
        "v6-mapped": "[::ffff:127.0.0.1]",
        "v6-mapped-hex": "[::ffff:7f00:1]",
        "v6-compatible": "[::7f00:1]",
        "v6-compatible-dots": "[::127.0.0.1]",
        "v6-siit": "[::ffff:0:7f00:1]",
        "v6-nat64": "[64:ff9b::7f00:1]",
        "v6-nat64-local": "[64:ff9b:1::7f00:1]",
        "v6-6to4": "[2002:7f00:1::]",
        "v6-teredo": "[2001:0:7f00:1::]",
        "v6-zone": "[fe80::1%25lo]",
        "v6-zone-plain": "[fe80::1%lo]",
        "v6-loop-zone": "[::1%25lo]",
        "v6-ula": "[fd00:ec2::254]",
        "v6-site": "[fec0::1]",
        "v6-upper": "[::FFFF:7F00:0001]",
        "v6-multicast": "[ff02::1]",
        "v6-isatap": "[fe80::5efe:7f00:1]",
        "v6-no-brackets": "::1",
        "v6-future": "[v1.fe80::a]",
        "localhost": "localhost",
        "localhost-dot": "localhost.",
        "localhost-upper": "LOCALHOST",
        "localhost-sub": "feeds.localhost",
        "localhost-wide": "ｌｏｃａｌｈｏｓｔ",
        "circled": "①②⑦.⓪.⓪.①",
        "wide-digits": "１２７.０.０.１",
        "wide-dot": "127。0。0。1",
        "half-dot": "127｡0｡0｡1",
        "arabic-digits": "١٢٧.٠.٠.١",
        "soft-hyphen": "127.0.0.\u00ad1",
        "zero-width": "127.0.0.1\u200b",
        "combining": "127.0.0.1\u0301",
        "superscript": "127.0.0.¹",
        "percent": "127.0.0.%31",
        "percent-dot": "127%2e0%2e0%2e1",
        "percent-host": "%6c%6f%63alhost",
        "userinfo": "feed.example@127.0.0.1",
        "userinfo-colon": "a:b@127.0.0.1",
        "userinfo-at": "a@feed.example@127.0.0.1",
        "userinfo-empty": "@127.0.0.1",
        "backslash": "feed.example\\@127.0.0.1",
        "hash": "127.0.0.1#@feed.example",
        "tab": "127.0.0.1\t",
        "space": "127.0.0.1 ",
        "metadata": "169.254.169.254",
        "metadata-decimal": "2852039166",
        "metadata-name": "metadata.google.internal",
        "alibaba": "100.100.100.200",
        "oracle": "192.0.0.192",
        "cgnat": "100.64.0.1",
        "private-10": "10.0.0.1",
        "private-172": "172.16.0.1",
        "private-192": "192.168.0.1",
        "benchmark": "198.18.0.1",
        "broadcast": "255.255.255.255",
        "multicast": "224.0.0.1",
        "doc": "192.0.2.1",
        "nip": "127.0.0.1.nip.test",
        "rebind": "rebind.test",
        "two-answers": "two.test",
        "v6-name": "v6.test",
        "mapped-name": "mapped.test",
        "nat64-name": "nat64.test",
        "empty": "",
        "dot": ".",
        "underscore": "_.127.0.0.1",
    }
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
