"""Hostile feeds, pages and servers, each with what a correct client must do.

`feed_cases(server, trap)` registers its answers at a `FeedServer` and returns the cases. `trap`
is a second server that must never be contacted. Ideas from the advisories that
research/security.md lists; all content is our own.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from support.feed_server import (
    FeedServer,
    Handler,
    Request,
    answer,
    gzipped,
    hang,
    item,
    raw,
    redirect,
    rss,
)

OK = frozenset({"ok"})
FORBIDDEN = frozenset({"forbidden_address"})
DECOY = frozenset({"decoy"})
BROKEN = frozenset({"parse", "parse_timeout", "decoy"})
BAD_HTTP = frozenset({"bad_http", "truncated", "bad_status", "connect", "timeout"})


Serve = Callable[..., None]


@dataclass(frozen=True)
class Case:
    """One hostile feed: where it is, and how a poll of it must end.

    `entries` None: any number; `titles` must be among the entries' titles.
    """

    name: str
    url: str
    outcomes: frozenset[str]
    entries: int | None = None
    titles: tuple[str, ...] = ()


def spelled_addresses(trap: FeedServer) -> list[tuple[str, str]]:
    """Return (name, URL) of ways to write an address that must not be reached."""
    port = trap.port
    return [
        ("loopback", f"http://127.0.0.1:{port}/"),
        ("loopback-other", f"http://127.8.9.1:{port}/"),
        ("localhost", f"http://localhost:{port}/"),
        ("localhost-dot", f"http://localhost.:{port}/"),
        ("localhost-sub", f"http://anything.localhost:{port}/"),
        ("short", f"http://127.1:{port}/"),
        ("decimal", f"http://2130706433:{port}/"),
        ("octal", f"http://0177.0.0.1:{port}/"),
        ("octal-all", f"http://017700000001:{port}/"),
        ("hex", f"http://0x7f000001:{port}/"),
        ("hex-dotted", f"http://0x7f.0.0.0x1:{port}/"),
        ("zero", f"http://0.0.0.0:{port}/"),
        ("zero-short", f"http://0:{port}/"),
        ("full-width", f"http://１２７.０.０.１:{port}/"),
        ("ideographic-dots", f"http://127。0。0。1:{port}/"),
        ("circled-digits", f"http://①②⑦.⓪.⓪.①:{port}/"),
        ("percent-host", f"http://%31%32%37.0.0.1:{port}/"),
        ("percent-name", f"http://local%68ost:{port}/"),
        ("v6-loopback", f"http://[::1]:{port}/"),
        ("v6-long", f"http://[0:0:0:0:0:0:0:1]:{port}/"),
        ("v6-unspecified", f"http://[::]:{port}/"),
        ("v6-mapped", f"http://[::ffff:127.0.0.1]:{port}/"),
        ("v6-mapped-hex", f"http://[::ffff:7f00:1]:{port}/"),
        ("v6-compatible", f"http://[::127.0.0.1]:{port}/"),
        ("v6-translated", f"http://[::ffff:0:7f00:1]:{port}/"),
        ("nat64", f"http://[64:ff9b::7f00:1]:{port}/"),
        ("nat64-local", f"http://[64:ff9b:1::7f00:1]:{port}/"),
        ("6to4", f"http://[2002:7f00:1::]:{port}/"),
        ("teredo", f"http://[2001::7f00:1]:{port}/"),
        ("site-local", f"http://[fec0::1]:{port}/"),
        ("unique-local", f"http://[fd00:ec2::254]:{port}/"),
        ("link-local-v6", f"http://[fe80::1%25lo]:{port}/"),
        ("private-10", "http://10.0.0.1/"),
        ("private-172", "http://172.16.0.1/"),
        ("private-192", "http://192.168.0.1/"),
        ("metadata", "http://169.254.169.254/latest/meta-data/"),
        ("metadata-cgnat", "http://100.100.100.200/latest/"),
        ("metadata-oracle", "http://192.0.0.192/opc/"),
        ("benchmark-net", "http://198.18.0.1/"),
        ("6to4-relay", "http://192.88.99.1/"),
        ("broadcast", "http://255.255.255.255/"),
        ("multicast", "http://224.0.0.1/"),
        ("userinfo", f"http://feed.example@127.0.0.1:{port}/"),
        ("userinfo-own", f"http://user:pass@127.0.0.1:{port}/"),
        ("backslash", f"http://feed.example\\@127.0.0.1:{port}/"),
        ("backslash-slash", f"http:\\\\127.0.0.1:{port}/"),
        ("tab-inside", f"http://127.0.0.1\t:{port}/"),
        ("newline-inside", f"http://127.0.0.1:{port}/a\r\nX-Injected: 1"),
        ("space-inside", f"http://127.0.0.1 :{port}/"),
        ("no-break-space", f"http://127.0.0.1\u00a0:{port}/"),
        ("zero-width", f"http://127.0.0.\u200b1:{port}/"),
        ("empty-host", "http:///etc/passwd"),
        ("port-zero", "http://127.0.0.1:0/"),
        ("port-huge", f"http://127.0.0.1:{65536 + port}/"),
        ("three-slashes", f"http:///127.0.0.1:{port}/"),
        ("one-slash", f"http:/127.0.0.1:{port}/"),
        ("file", "file:///etc/passwd"),
        ("ftp", f"ftp://127.0.0.1:{port}/"),
        ("gopher", f"gopher://127.0.0.1:{port}/_GET"),
        ("data", "data:application/rss+xml,<rss></rss>"),
        ("javascript", "javascript:alert(1)"),
        ("unix-socket", "http+unix://%2Fvar%2Frun%2Fdocker.sock/info"),
        ("jar", f"jar:http://127.0.0.1:{port}/a!/b"),
        ("path-only", "/etc/passwd"),
        ("protocol-relative", f"//127.0.0.1:{port}/"),
        ("too-long", "http://feed.example/" + "a" * 9_000),
    ]


def feed_cases(server: FeedServer, trap: FeedServer) -> list[Case]:
    """Register every hostile feed at `server` and return the cases."""
    cases: list[Case] = []

    def serve(
        name: str,
        handler: Handler,
        outcomes: frozenset[str],
        *,
        entries: int | None = None,
        titles: tuple[str, ...] = (),
    ) -> None:
        url = server.add(f"/hostile/{name}", handler)
        cases.append(Case(name, url, outcomes, entries, titles))

    _redirect_cases(server, trap, serve)
    _http_cases(serve)
    _encoding_cases(serve)
    _markup_cases(trap, serve)
    _content_cases(trap, serve)
    return cases


def _redirect_cases(server: FeedServer, trap: FeedServer, serve: Serve) -> None:
    for name, url in spelled_addresses(trap):
        if not url.startswith("http") or name in ("newline-inside", "too-long"):
            continue
        if not url.isascii():
            continue
        serve(f"redirect-{name}", redirect(url), FORBIDDEN)
    for status in (
        "301 Moved Permanently",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ):
        serve(f"redirect-{status[:3]}", redirect(trap.url("/x"), status), FORBIDDEN)
    serve("redirect-file", redirect("file:///etc/passwd"), FORBIDDEN)
    serve("redirect-ftp", redirect(f"ftp://127.0.0.1:{trap.port}/"), FORBIDDEN)
    serve("redirect-data", redirect("data:text/xml,<rss/>"), FORBIDDEN)
    serve("redirect-scheme-relative", redirect(f"//127.0.0.1:{trap.port}/"), FORBIDDEN)
    serve("redirect-self", redirect("/hostile/redirect-self"), frozenset({"too_many_redirects"}))
    serve(
        "redirect-none",
        raw(b"HTTP/1.1 302 Found\r\nConnection: close\r\n\r\n"),
        frozenset({"bad_redirect"}),
    )
    serve("redirect-300", answer("", status="300 Multiple Choices"), frozenset({"bad_status"}))
    for n in range(14):
        server.add(f"/chain/{n}", redirect(f"/chain/{n + 1}"))
    serve("redirect-chain", redirect("/chain/0"), frozenset({"too_many_redirects"}))
    server.add("/two/0", redirect(trap.url("/x")))
    serve("redirect-second-hop", redirect("/two/0"), FORBIDDEN)
    serve(
        "refresh-header",
        answer("", headers={"Refresh": f"0; url={trap.url('/x')}"}),
        frozenset({"parse", "decoy"}),
    )


def _http_cases(serve: Serve) -> None:
    good = rss(item(1)).encode()

    async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
        for byte in good * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async def drip_headers(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for n in range(1_000_000):
            writer.write(f"X-{n}: a\r\n".encode())
            await writer.drain()
            await asyncio.sleep(0.05)

    async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        block = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        for _ in range(2_000):
            writer.write(block)
            await writer.drain()

    async def endless_headers(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(400):
            writer.write(b"X-Flood: " + b"y" * 4_000 + b"\r\n")
            await writer.drain()

    async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        await writer.drain()
        writer.transport.abort()

    async def informational(request: Request, writer: asyncio.StreamWriter) -> None:
        for _ in range(5_000):
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(3600)

    slow = frozenset({"timeout"})
    serve("never-answers", hang(), slow)
    serve("drips-body", drip, slow)
    serve("drips-headers", drip_headers, slow | BAD_HTTP)
    serve("endless-body", endless, frozenset({"too_large"}))
    serve("endless-headers", endless_headers, BAD_HTTP)
    serve("reset", reset, BAD_HTTP)
    serve("endless-1xx", informational, slow | BAD_HTTP)
    serve("closes-at-once", raw(b""), BAD_HTTP)
    serve("http-0.9", raw(good), BAD_HTTP)
    serve("garbage", raw(bytes(range(256)) * 40), BAD_HTTP)
    serve("tls-bytes", raw(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\0" * 200), BAD_HTTP)
    serve("ssh-banner", raw(b"SSH-2.0-OpenSSH_9.6\r\n"), BAD_HTTP)
    serve("status-999", answer(good, status="999 Odd"), frozenset({"server_error", "bad_status"}))
    serve("status-text", raw(b"HTTP/1.1 abc OK\r\n\r\n"), BAD_HTTP)
    serve("long-header", answer(good, headers={"X-Long": "z" * 200_000}), BAD_HTTP)
    serve("many-headers", answer(good, headers={f"X-{n}": "v" for n in range(5_000)}), BAD_HTTP)
    serve("negative-length", raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + good), BAD_HTTP)
    serve(
        "two-lengths",
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n" + good),
        BAD_HTTP | BROKEN,
    )
    serve(
        "length-and-chunked",
        raw(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\n<rss>\r\n0\r\n\r\n"
        ),
        BAD_HTTP | BROKEN,
    )
    serve(
        "length-too-long",
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + good),
        frozenset({"truncated"}),
    )
    serve(
        "bad-chunk",
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n" + good),
        BAD_HTTP,
    )
    serve(
        "chunk-cut",
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + good),
        frozenset({"truncated", "bad_http"}),
    )
    serve(
        "nul-header",
        raw(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
        BAD_HTTP | BROKEN,
    )
    serve("status-204", answer("", status="204 No Content"), frozenset({"bad_status"}))
    serve("status-206", answer(good, status="206 Partial Content"), frozenset({"bad_status"}))
    serve("status-304", raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"), frozenset({"bad_status"}))
    serve(
        "asks-password",
        answer("", status="401 Unauthorized", headers={"WWW-Authenticate": "Basic realm=x"}),
        frozenset({"forbidden"}),
    )
    serve(
        "asks-proxy-password",
        answer(
            "", status="407 Proxy Authentication Required", headers={"Proxy-Authenticate": "Basic"}
        ),
        frozenset({"client_error"}),
    )
    serve(
        "challenge",
        answer(
            "<title>Just a moment...</title>",
            status="403 Forbidden",
            headers={"cf-mitigated": "challenge"},
        ),
        frozenset({"challenge"}),
    )
    serve(
        "retry-after-year",
        answer("", status="429 Too Many Requests", headers={"Retry-After": "99999999999999"}),
        frozenset({"rate_limited"}),
    )
    serve(
        "retry-after-junk",
        answer(
            "",
            status="503 Busy",
            headers={"Retry-After": "tomorrow \N{PILE OF POO}".encode().decode("latin-1")},
        ),
        frozenset({"server_error"}),
    )
    serve(
        "cookies", answer(good, headers={"Set-Cookie": "a=b; Domain=.com; Path=/"}), OK, entries=1
    )
    serve(
        "etag-injection",
        raw(
            b'HTTP/1.1 200 OK\r\nETag: "a\xff\xfe"\r\nContent-Length: '
            + str(len(good)).encode()
            + b"\r\n\r\n"
            + good
        ),
        OK | BAD_HTTP,
    )


def _encoding_cases(serve: Serve) -> None:
    good = rss(item(1)).encode()
    big = b"<rss>" + b"\0" * 40_000_000

    def bomb(encoding: str, data: bytes) -> Handler:
        return answer(data, headers={"Content-Encoding": encoding})

    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw_deflate = packer.compress(big) + packer.flush()
    wrapped = gzip.compress(big, 9)
    serve("bomb-gzip", bomb("gzip", wrapped), frozenset({"too_large"}))
    serve("bomb-deflate", bomb("deflate", raw_deflate), frozenset({"too_large"}))
    serve("bomb-zlib", bomb("deflate", zlib.compress(big, 9)), frozenset({"too_large"}))
    serve(
        "bomb-gzip-members",
        bomb("gzip", gzip.compress(b" " * 1_000_000) * 40),
        frozenset({"too_large"}),
    )
    serve(
        "bomb-gzip-twice",
        bomb("gzip, gzip", gzip.compress(wrapped)),
        frozenset({"unsupported_encoding"}),
    )
    serve(
        "brotli-unasked",
        bomb("br", bytes.fromhex("5b0000f825007e8f0000")),
        frozenset({"unsupported_encoding"}),
    )
    serve(
        "zstd-unasked",
        bomb("zstd", bytes.fromhex("28b52ffd0058110000") + b"\0" * 50),
        frozenset({"unsupported_encoding"}),
    )
    serve("encoding-unknown", bomb("x-rot13", good), frozenset({"unsupported_encoding"}))
    serve("gzip-cut", bomb("gzip", gzip.compress(good)[:-12]), frozenset({"truncated"}))
    serve(
        "gzip-broken",
        bomb("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 50),
        frozenset({"bad_encoding", "truncated"}),
    )
    serve("gzip-label-only", bomb("gzip", good), OK, entries=1)
    serve("gzip-junk-after", bomb("gzip", gzip.compress(good) + b"junk"), OK, entries=1)
    serve("gzip-good", gzipped(good), OK, entries=1)
    serve("identity", bomb("identity", good), OK, entries=1)


def _markup_cases(trap: FeedServer, serve: Serve) -> None:
    def xml(body: str | bytes) -> Handler:
        return answer(body, content_type="application/xml")

    laughs = "".join(f'<!ENTITY l{n} "{("&l" + str(n - 1) + ";") * 10}">' for n in range(1, 10))
    serve(
        "billion-laughs",
        xml(
            f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "lol">{laughs}]>'
            f"<rss version='2.0'><channel><title>&l9;</title>{item(1)}</channel></rss>"
        ),
        OK | BROKEN,
    )
    serve(
        "quadratic-entities",
        xml(
            f'<!DOCTYPE rss [<!ENTITY a "{"a" * 50_000}">]><rss version="2.0"><channel>'
            f"<item><title>{'&a;' * 5_000}</title><link>http://feed.example/1</link></item>"
            "</channel></rss>"
        ),
        OK | BROKEN,
    )
    for name, target in (("file", "file:///etc/passwd"), ("http", trap.url("/xxe"))):
        serve(
            f"xxe-{name}",
            xml(
                f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{target}">]><rss version="2.0"><channel>'
                f"<item><title>a &x; b</title><link>http://feed.example/1</link></item></channel></rss>"
            ),
            OK | BROKEN,
        )
        serve(
            f"xxe-parameter-{name}",
            xml(f'<!DOCTYPE rss [<!ENTITY % x SYSTEM "{target}"> %x;]>{rss(item(1))[39:]}'),
            OK | BROKEN,
        )
        serve(
            f"dtd-{name}", xml(f'<!DOCTYPE rss SYSTEM "{target}">' + rss(item(1))[39:]), OK | BROKEN
        )
        serve(
            f"stylesheet-{name}",
            xml(
                f'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="{target}"?>'
                + rss(item(1))[39:]
            ),
            OK,
            entries=1,
        )
        serve(
            f"xinclude-{name}",
            xml(
                rss(
                    item(1),
                    channel='<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" '
                    f'href="{target}"/>',
                )
            ),
            OK,
            entries=1,
        )
    serve("doctype-unclosed", xml("<!DOCTYPE rss [" + "<!ENTITY a 'b'>" * 50_000), OK | BROKEN)
    serve(
        "deep-nesting",
        xml("<rss version='2.0'><channel><item><title>x</title>" + "<a>" * 1_000_000),
        OK | BROKEN,
    )
    serve(
        "deep-nesting-closed",
        xml(rss(item(1, extra="<a>" * 300_000 + "</a>" * 300_000))),
        OK | BROKEN,
    )
    serve(
        "attributes",
        xml(rss(item(1), channel="<x " + " ".join(f'a{n}="1"' for n in range(200_000)) + "/>")),
        BROKEN,
    )
    serve(
        "attributes-in-html",
        xml(
            rss(
                item(
                    1,
                    extra="<content:encoded><![CDATA[<p "
                    + " ".join(f'a{n}="1"' for n in range(100_000))
                    + ">x</p>]]></content:encoded>",
                )
            )
        ),
        OK | BROKEN,
    )
    for name in ("author", "dc:creator", "managingEditor", "itunes:author"):
        serve(
            f"redos-{name.replace(':', '-')}",
            xml(rss(item(1, extra=f"<{name}>{'a' * 300_000}</{name}>"), item(2))),
            OK,
            entries=2,
        )
    serve(
        "redos-author-cdata",
        xml(rss(item(1, extra=f"<author><![CDATA[{'a' * 300_000}]]></author>"), item(2))),
        OK,
        entries=2,
    )
    serve(
        "redos-author-spaces",
        xml(rss(item(1, extra=f"<author>{'a ' * 150_000}</author>"), item(2))),
        OK,
        entries=2,
    )
    for name, piece in (("comments", "a<!-- -->"), ("sections", "<![CDATA[aaaa]]>")):
        serve(
            f"redos-author-{name}",
            xml(rss(item(1, extra=f"<author>{piece * 40_000}</author>"), item(2))),
            OK,
            entries=2,
        )
    serve(
        "redos-many-authors",
        xml(rss(item(1, extra=f"<author>{'a' * 999}</author>" * 2_000), item(2))),
        OK,
        entries=2,
    )
    serve("unclosed-authors", xml(rss(item(1, extra="<author>" * 200_000))), OK | BROKEN)
    serve(
        "many-namespaces",
        xml(rss(item(1, extra="".join(f'<n{n}:x xmlns:n{n}="u"/>' for n in range(20_000))))),
        BROKEN,
    )
    serve(
        "unclosed-scripts",
        xml(rss(item(1, extra="<content>" + "&lt;script&gt;" * 30_000 + "</content>"), item(2))),
        OK,
        entries=2,
    )
    serve(
        "sitemap-spaces",
        xml("<urlset><url><loc>http://x.example/</loc><news:title>" + " " * 300_000 + "</url>"),
        BROKEN,
    )
    serve(
        "redos-style",
        xml(
            rss(
                item(
                    1,
                    extra='<content:encoded>&lt;p style="'
                    + "a" * 60_000
                    + '!"&gt;x</content:encoded>',
                ),
                item(2),
            )
        ),
        OK,
        entries=2,
    )
    serve(
        "redos-date",
        xml(
            rss(
                f"<item><title>a</title><link>http://feed.example/1</link><pubDate>{'1' * 200_000}"
                f"</pubDate></item>",
                item(2),
            )
        ),
        OK,
        entries=2,
    )
    serve(
        "redos-date-spaces",
        xml(
            rss(
                "<item><title>a</title><link>http://feed.example/1</link>"
                f"<pubDate>{' 1 :' * 60_000}</pubDate></item>",
                item(2),
            )
        ),
        OK,
        entries=2,
    )
    serve(
        "unclosed-items",
        xml("<rss version='2.0'><channel>" + "<item><title>a" * 50_000),
        OK | BROKEN,
    )
    serve("many-items", xml(rss(*(item(n) for n in range(30_000)))), OK, entries=2_000)
    serve("unclosed-cdata", xml(rss(item(1)) + "<![CDATA[" * 100_000), OK | BROKEN)
    serve("unclosed-comment", xml(rss(item(1), channel="<!-- " + "-- " * 300_000)), OK | BROKEN)
    serve("angle-brackets", xml("<rss>" + "<" * 1_000_000), OK | BROKEN)
    serve("ampersands", xml(rss(item(1), channel="&" * 1_000_000)), OK | BROKEN)
    serve(
        "character-references",
        xml(rss(item(1, extra="&#99999999999;&#xD800;&#0;&#x1F4A9;"))),
        OK,
        entries=1,
    )
    serve("huge-references", xml(rss(item(1, extra="&#" + "9" * 500_000 + ";"))), OK | BROKEN)
    serve(
        "namespaces",
        xml(
            "<rss version='2.0' "
            + " ".join(f'xmlns:n{n}="http://n.example/{n}"' for n in range(900))
            + ">"
            + rss(item(1))[58:]
        ),
        OK | BROKEN,
    )
    serve(
        "cdata-end",
        xml(
            rss(
                "<item><title><![CDATA[a]]]]><![CDATA[>b]]></title>"
                "<link>http://feed.example/1</link></item>"
            )
        ),
        OK,
        entries=1,
    )


def _content_cases(trap: FeedServer, serve: Serve) -> None:
    def xml(body: str | bytes, kind: str = "application/xml") -> Handler:
        return answer(body, content_type=kind)

    good = rss(item(1))
    serve("empty", xml(""), BROKEN)
    serve("white-space", xml(" \r\n\t" * 1_000), BROKEN)
    serve("nul-bytes", xml(b"\0" * 100_000), BROKEN)
    serve("html-page", xml("<!doctype html><html><head><title>Home</title></head></html>"), DECOY)
    serve(
        "html-with-feed-word",
        xml("<html><body>rss feed &lt;rss&gt;</body></html>", "application/rss+xml"),
        DECOY,
    )
    serve(
        "challenge-200",
        xml(
            "<html><title>Just a moment...</title><script src=/cdn-cgi/"
            "challenge-platform/x></script></html>"
        ),
        DECOY,
    )
    serve(
        "consent-200",
        xml("<html><div id=onetrust-banner>We value your privacy</div></html>"),
        DECOY,
    )
    serve("login-200", xml("<html><form><input type=password></form></html>"), DECOY)
    serve("plain-text", xml("Service unavailable", "text/plain"), DECOY)
    serve("json-other", xml('{"error": "no"}', "application/json"), DECOY)
    serve("json-deep", xml('{"a":' * 200_000, "application/json"), DECOY)
    serve(
        "json-huge-number",
        xml('{"version":' + "9" * 1_000_000 + "}", "application/json"),
        DECOY | BROKEN,
    )
    serve(
        "json-feed-odd-types",
        xml(
            '{"version":"https://jsonfeed.org/version/1.1","title":7,"items":[{"id":1,"url":[],'
            '"title":{}},null,3,{"id":2,"url":"http://feed.example/2","date_published":"x"}]}',
            "application/feed+json",
        ),
        OK,
    )
    serve("pdf", xml(b"%PDF-1.7\n" + bytes(range(256)) * 100, "application/pdf"), BROKEN)
    serve("zip", xml(b"PK\x03\x04" + bytes(range(256)) * 100, "application/zip"), BROKEN)
    serve(
        "opml",
        xml("<opml version='2.0'><body><outline xmlUrl='http://x.example/'/></body></opml>"),
        DECOY,
    )
    serve(
        "sitemap-index",
        xml("<sitemapindex><sitemap><loc>http://x.example/</loc></sitemap></sitemapindex>"),
        DECOY,
    )
    serve("sitemap-plain", xml("<urlset><url><loc>http://x.example/</loc></url></urlset>"), DECOY)
    for label in (
        "punycode",
        "idna",
        "utf-7",
        "unicode_escape",
        "base64",
        "zip",
        "rot13",
        "hex",
        "undefined",
        "../../etc",
        "x" * 5_000,
    ):
        serve(
            f"label-{label[:14].replace('/', '-')}",
            answer(
                good.replace('encoding="utf-8"', f'encoding="{label}"'),
                content_type=f"application/xml; charset={label}",
            ),
            OK,
            entries=1,
        )
    serve("utf-16-lie", xml(good.encode("utf-16-le"), "text/xml; charset=utf-8"), OK, entries=1)
    serve("utf-8-called-utf-16", xml(good, "text/xml; charset=utf-16"), OK, entries=1)
    serve(
        "cp949-called-utf-8",
        xml(good.replace("Item 1", "전시작전통제권 전환 논의가 다시 시작됐다").encode("cp949")),
        OK,
        entries=1,
        titles=("전시작전통제권 전환 논의가 다시 시작됐다",),
    )
    serve("two-encodings", xml(rss(item(1)).encode() + "한국어".encode("cp949")), OK | BROKEN)
    serve(
        "control-characters",
        xml(
            rss(
                "<item><title>a\x00\x08\x1b[31mb\u202egnp.exe</title><link>http://feed.example/1</link>"
                "</item>"
            )
        ),
        OK,
        entries=1,
        titles=("a[31mbgnp.exe",),
    )
    serve(
        "surrogates",
        xml(
            rss("<item><title>x&#xD83D;&#xDE00;y</title><link>http://feed.example/1</link></item>")
        ),
        OK,
        entries=1,
    )
    for name, link in (
        ("javascript", "javascript:alert(1)"),
        ("file", "file:///etc/passwd"),
        ("data", "data:text/html,x"),
        ("trap", trap.url("/article")),
        ("long", "http://feed.example/" + "a" * 100_000),
        ("spaces", "http://feed .example/ a"),
        ("newline", "http://feed.example/a\nX: b"),
        ("empty", ""),
    ):
        serve(f"link-{name}", xml(rss(item(1, link=link), item(2))), OK, entries=2)
    serve(
        "base-elsewhere",
        xml(good.replace("<rss ", f'<rss xml:base="{trap.url("/")}" ')),
        OK,
        entries=1,
    )
    serve(
        "guid-huge",
        xml(rss(f"<item><guid>{'g' * 1_000_000}</guid><title>t</title></item>", item(2))),
        OK,
        entries=2,
    )
    serve(
        "title-huge",
        xml(
            rss(
                f"<item><title>{'t' * 1_000_000}</title><link>http://feed.example/1</link></item>",
                item(2),
            )
        ),
        OK,
        entries=2,
    )
    serve(
        "title-markup-bomb",
        xml(
            rss(
                f"<item><title>{'&lt;b' * 200_000}</title><link>http://feed.example/1</link></item>",
                item(2),
            )
        ),
        OK,
        entries=2,
    )
    serve(
        "same-guid",
        xml(
            rss(
                *(
                    f"<item><guid>same</guid><title>t{n}</title><link>http://feed.example/{n}</link></item>"
                    for n in range(500)
                )
            )
        ),
        OK,
        entries=500,
    )
    for name, date in (
        ("far-future", "Sat, 21 Nov 99999 00:00:00 GMT"),
        ("year-zero", "0000-00-00T00:00:00Z"),
        ("negative", "-9999-01-01"),
        ("words", "yesterday, more or less"),
        ("offset", "2026-11-21T00:00:00+99:99"),
    ):
        serve(
            f"date-{name}",
            xml(
                rss(
                    f"<item><title>d</title><link>http://feed.example/1</link><pubDate>{date}</pubDate>"
                    "</item>",
                    item(2),
                )
            ),
            OK,
            entries=2,
        )
    serve("ttl-huge", xml(rss(item(1), channel=f"<ttl>{'9' * 4_000}</ttl>")), OK, entries=1)
    serve(
        "period-junk",
        xml(
            rss(
                item(1),
                channel="<sy:updatePeriod>hourly</sy:updatePeriod>"
                "<sy:updateFrequency>0</sy:updateFrequency>",
            )
        ),
        OK,
        entries=1,
    )
    serve(
        "nested-items",
        xml(rss("<item><title>a</title><link>http://feed.example/1</link>" + item(2) + "</item>")),
        OK,
    )
    serve(
        "enclosure-only",
        xml(
            rss(
                '<item><enclosure url="http://feed.example/a.mp3" '
                'type="audio/mpeg" length="1"/></item>',
                item(2),
            )
        ),
        OK,
        entries=1,
    )
