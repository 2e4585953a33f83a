"""Feeds that keep parsers busy or lie about what they are. `TRAP` stands for the trap's address."""

from __future__ import annotations

from support.feed_server import item, rss
from support.hostile_answers import GOOD, GOOD_BYTES


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
                                     + " ".join(f'a{n}="1"' for n in range(20_000))
                                     + ">text</p>]]></description></item>"),
        "items-million": "<rss><channel>" + "<item/>" * 300_000 + "</channel></rss>",
        "items-many": "<rss><channel>" + "".join(
            f"<item><title>{n}</title><link>http://h.example/{n}</link></item>"
            for n in range(20_000)) + "</channel></rss>",
        "items-unclosed": "<rss><channel>" + "<item><title>x</title>" * 200_000,
        "items-nested": "<rss><channel>" + "<item>" * 100_000 + "</item>" * 100_000
        + "</channel></rss>",
        "title-10-mb": rss("<item><title>" + "A" * 10_000_000 + "</title><link>http://h.example/1"
                           "</link></item>"),
        "title-10-mb-markup": rss("<item><title><![CDATA[" + "<b" * 1_000_000
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
        "categories": rss("<item><title>x</title>" + "<category>c</category>" * 60_000
                          + "</item>"),
        "enclosures": rss("<item><title>x</title><link>http://h.example/2</link>"
                          + '<enclosure url="http://TRAP/e.mp3" type="audio/mpeg"/>' * 30_000
                          + "</item>"),
        "date-long": rss("<item><title>x</title><pubDate>" + "1" * 5_000_000
                         + "</pubDate></item>"),
        "date-many-words": rss("<item><title>x</title><pubDate>" + "Mon, " * 1_000_000
                               + "</pubDate></item>"),
        "date-spaces": rss("<item><title>x</title><pubDate>Sat, 21 Nov 2026" + " " * 1_000_000
                           + "x</pubDate></item>"),
        "georss": '<rss xmlns:georss="http://www.georss.org/georss"><channel><item><title>x</title>'
        "<georss:polygon>" + "1.0 " * 1_000_000 + "</georss:polygon></item></channel></rss>",
        "references": rss("<item><title>" + "&#65;" * 400_000 + "</title></item>"),
        "references-half": rss("<item><title>" + "&" * 800_000 + "</title></item>"),
        "reference-digits": rss("<item><title>&#" + "9" * 5_000_000 + ";</title></item>"),
        "brackets": "<rss>" + "<" * 1_000_000,
        "brackets-closing": "<rss><channel>" + "</" * 500_000 + "</channel></rss>",
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
        "sitemap-bomb": "<urlset>" + "<url><loc>http://h.example/1</loc></url>" * 100_000
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
