"""Whatever the bytes: a feed is parsed or refused by name, and what comes out can be stored."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.errors import ForbiddenAddress, ParseError
from extractors.feeds import parse_feed
from extractors.guard import AddressGuard

NOW = datetime(2026, 11, 22, tzinfo=UTC)
soup = st.lists(
    st.sampled_from(
        [
            "<rss>",
            "<channel>",
            "<item>",
            "</item>",
            "<title>",
            "</title>",
            "<link>",
            "</link>",
            "http://x.example/a",
            "<guid>g</guid>",
            "<pubDate>",
            "Sat, 21 Nov 2026",
            "</pubDate>",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "&#x0;",
            "&#xD800;",
            "&nbsp;",
            "&amp;",
            "한국",
            "\x00",
            "\ud83d",
            "<feed xmlns='http://www.w3.org/2005/Atom'>",
            "<entry>",
            "<id>",
            "xml:base='//'",
            '{"version":"https://jsonfeed.org/version/1","items":[{}]}',
            "<urlset><url><news:title>x",
        ]
    ),
    max_size=25,
)


@settings(max_examples=250, deadline=None)
@given(st.one_of(soup.map("".join), st.text(max_size=300)), st.sampled_from(["utf-8", "utf-16"]))
def test_any_soup_is_parsed_or_refused_by_name(text: str, encoding: str) -> None:
    content = text.encode(encoding, "surrogatepass")
    try:
        parsed = parse_feed(content, "text/xml", "http://x.example/rss", "f", now=NOW)
    except ParseError as exc:
        assert str(exc).partition(":")[0].isidentifier()
        return
    for entry in parsed.entries:
        "".join((entry.title, entry.summary, entry.content, entry.guid)).encode("utf-8")
        assert "\x00" not in entry.title + entry.content + entry.summary
        assert entry.guid
        assert entry.url is None or entry.url.startswith(("http://", "https://"))
        assert entry.published_at is None or entry.published_at <= NOW


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://127.0.0.1", "//"]))
def test_the_guard_passes_no_address_that_is_not_public(text: str, head: str) -> None:
    guard = AddressGuard()
    try:
        checked = guard.check_url(head + text)
    except ForbiddenAddress:
        return
    assert checked.url.startswith(("http://", "https://"))
    assert checked.host.isascii()
    assert guard.check_url(checked.url) == checked
