"""What is read out of a feed: identity, dates, links, text; and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.feed_server import item, rss

from extractors.errors import ParseError
from extractors.feeds import ParsedFeed, parse_feed, plain_text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://news.example/feeds/all.xml"


def parse(
    text: str | bytes, content_type: str = "application/xml", **options: object
) -> ParsedFeed:
    content = text.encode() if isinstance(text, str) else text
    return parse_feed(content, content_type, URL, "f", now=NOW, **options)  # type: ignore[arg-type]


def one(body: str, **options: object) -> object:
    [entry] = parse(rss(f"<item>{body}</item>"), **options).entries
    return entry


@pytest.mark.parametrize(
    ("date", "country", "expected"),
    [
        ("Sun, 22 Nov 2026 10:00:00 +0900", "KR", datetime(2026, 11, 22, 1, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 10:00:00 GMT", "KR", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22 10:00:00", "KR", datetime(2026, 11, 22, 1, tzinfo=UTC)),
        ("2026-11-22 10:00:00", "TW", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("2026-11-22 10:00:00", None, datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 20:00:00 GMT", "KR", datetime(2026, 11, 22, 11, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 20:00:00 GMT", None, None),
        ("Sun, 22 Nov 2026 12:30:00 GMT", None, NOW),
        ("Tue, 22 Nov 1970 12:30:00 GMT", None, None),
        ("some day", "KR", None),
    ],
)
def test_dates_without_zone_are_local_and_future_ones_are_not_believed(
    date: str, country: str | None, expected: datetime | None
) -> None:
    entry = one(f"<title>t</title><link>/a</link><pubDate>{date}</pubDate>", country=country)

    assert entry.published_at == expected


def test_a_missing_guid_is_replaced_by_the_address_then_by_the_text() -> None:
    first, second, third = parse(
        rss(
            "<item><title>a</title><link>/1?utm_source=rss</link></item>",
            "<item><title>b</title><description>text</description></item>",
            "<item><title>c</title><description>text</description></item>",
        )
    ).entries

    assert first.guid == "https://news.example/1"
    assert second.guid.startswith("text:") and second.guid != third.guid


def test_a_guid_for_several_addresses_is_joined_by_them() -> None:
    entries = parse(
        rss(*(f"<item><guid>g</guid><title>t</title><link>/{n}</link></item>" for n in "12"))
    ).entries

    assert [e.guid for e in entries] == ["g https://news.example/1", "g https://news.example/2"]


def test_a_guid_does_not_depend_on_where_the_feed_lives() -> None:
    here = parse_feed(rss(item(1)).encode(), None, "https://a.example/rss", "f", now=NOW)
    there = parse_feed(rss(item(1)).encode(), None, "https://b.example/new/rss", "f", now=NOW)

    assert here.entries[0].guid == there.entries[0].guid == "guid-1"


def test_an_item_listed_twice_counts_once() -> None:
    assert len(parse(rss(item(1), item(1))).entries) == 1


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/a", "https://news.example/a"),
        ("a", "https://news.example/feeds/a"),
        ("//other.example/a", "https://other.example/a"),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("http://x.example/a?utm_source=rss&amp;id=7", "http://x.example/a?id=7"),
    ],
)
def test_links_are_resolved_against_the_feed_and_cleaned(link: str, expected: str | None) -> None:
    assert one(f"<title>t</title><link>{link}</link>").url == expected


def test_atom_base_applies_to_relative_links() -> None:
    [entry] = parse(
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://base.example/x/">'
        '<entry xml:base="y/"><id>1</id><title>t</title><link href="z"/></entry></feed>'
    ).entries

    assert entry.url == "https://base.example/x/y/z"


def test_content_is_preferred_over_summary_and_both_are_plain_text() -> None:
    entry = one(
        "<title>A &amp;amp; B &lt;b&gt;C&lt;/b&gt;</title><link>/a</link>"
        "<description>&lt;p&gt;Short.&lt;/p&gt;</description>"
        '<content:encoded xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        "<![CDATA[<p>One &amp; two.</p><script>x()</script><p>Three<br>four</p>]]>"
        "</content:encoded>"
    )

    assert entry.title == "A & B C"
    assert entry.summary == "Short."
    assert entry.content == "One & two.\nThree\nfour"


def test_enclosure_only_items_are_skipped_and_counted() -> None:
    parsed = parse(
        rss('<item><enclosure url="http://x.example/a.mp3" type="audio/mpeg"/></item>', item(1))
    )

    assert len(parsed.entries) == 1 and parsed.skipped == 1


def test_the_fingerprint_follows_words_and_dates_but_not_markup() -> None:
    base = one("<title>t</title><link>/a</link><description>Some text</description>")
    markup = one(
        "<title>t</title><link>/a</link><description>&lt;b&gt;Some&lt;/b&gt;  text"
        '&lt;img src="x?t=99"&gt;</description>'
    )
    words = one("<title>t</title><link>/a</link><description>Other text</description>")

    assert base.fingerprint == markup.fingerprint != words.fingerprint


def test_ttl_update_period_and_archive_page_are_read() -> None:
    parsed = parse(
        rss(
            item(1),
            channel="<ttl>30</ttl><sy:updatePeriod xmlns:sy="
            '"http://purl.org/rss/1.0/modules/syndication/">hourly</sy:updatePeriod>'
            '<a:link xmlns:a="http://www.w3.org/2005/Atom" rel="prev-archive" href="/old.xml"/>',
        )
    )

    assert parsed.ttl_s == 1_800
    assert parsed.update_hint_s == 3_600
    assert parsed.next_page == "https://news.example/old.xml"


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
@pytest.mark.parametrize("label", ["utf-8", "euc-kr", "iso-8859-1", "nonsense"])
def test_korean_survives_every_wrong_label(encoding: str, label: str) -> None:
    title = "한미 연합훈련 일정이 다시 조정됐다고 국방부가 밝혔다"
    text = rss(item(1)).replace("Item 1", title).replace("utf-8", label, 1)

    parsed = parse(text.encode(encoding), f"text/xml; charset={label}")

    assert parsed.entries[0].title == title


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("", "empty_body"),
        ("<!doctype html><title>Front page</title>", "html"),
        ("<html><script src='/cdn-cgi/challenge-platform/h'></script>", "challenge"),
        ("<html><body>We value your privacy</body>", "consent"),
        ('<html><input type="password">', "login"),
        ('{"ok": true}', "not_a_feed"),
        ("Not found", "not_a_feed"),
        ("<urlset><url><loc>https://x.example/</loc></url></urlset>", "not_a_feed"),
    ],
)
def test_what_is_no_feed_is_named(body: str, name: str) -> None:
    with pytest.raises(ParseError, match=f"^{name}: "):
        parse(body)


def test_json_feeds_are_read() -> None:
    [entry] = parse(
        '{"version":"https://jsonfeed.org/version/1.1","title":"J","items":[{"id":"1",'
        '"url":"/a","title":"T","content_html":"<p>x</p>","date_published":'
        '"2026-11-22T10:00:00+09:00"}]}'
    ).entries

    assert (entry.url, entry.title, entry.content) == ("https://news.example/a", "T", "x")
    assert entry.published_at == datetime(2026, 11, 22, 1, tzinfo=UTC)


def test_news_sitemaps_are_read_as_feeds() -> None:
    parsed = parse(
        '<?xml version="1.0"?><urlset><url><loc>https://x.example/a</loc><news:news>'
        "<news:publication_date>2026-11-22T10:00:00+09:00</news:publication_date>"
        "<news:title><![CDATA[A & B]]></news:title></news:news></url></urlset>"
    )

    assert parsed.kind == "news-sitemap"
    assert parsed.entries[0].title == "A & B"


def test_the_rough_parser_finds_title_link_and_date() -> None:
    full, rough = parse(rss(item(1), item(2))), parse(rss(item(1), item(2)), rough=True)

    assert [(e.title, e.url, e.published_at, e.guid) for e in rough.entries] == [
        (e.title, e.url, e.published_at, e.guid) for e in full.entries
    ]


def test_a_string_is_never_opened_as_a_file_or_address() -> None:
    for text in ("/etc/hostname", "http://127.0.0.1:9/", "file:///etc/hostname"):
        with pytest.raises(ParseError):
            parse(text)


def test_plain_text_keeps_a_lone_less_than_sign() -> None:
    assert plain_text("3 < 5 &amp; <b>7 > 6</b>") == "3 < 5 & 7 > 6"


def test_a_document_that_breaks_off_is_read_and_marked() -> None:
    whole = rss(item(1), item(2))

    cut = parse(whole[: whole.index("</channel>") - 40])

    assert parse(whole).complete and not cut.complete
    assert cut.entries[0].title == "Item 1"
