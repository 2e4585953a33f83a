"""OPML from other programs, and what hostile files cannot do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from extractors.errors import UsageError
from extractors.feed_list import FeedConfig
from extractors.opml import parse_opml, render_opml


def test_folders_attributes_in_any_order_and_case_are_read() -> None:
    feeds, complaints = parse_opml(
        b"""<?xml version="1.0"?><opml version="1.1"><body>
        <outline text="Asia"><outline XMLURL='http://a.example/rss?x=1&amp;y=2' type="rss"
          title="A &gt; B" text="ignored"/></outline>
        <outline text="No folder" xmlUrl="https://b.example/rss"></outline>
        <outline text="same" xmlUrl="https://b.example/rss"/>
        <outline text="just a folder"/>
        </body></opml>""",
        "x.opml",
    )

    assert [(f.url, f.outlet, f.note) for f in feeds] == [
        ("http://a.example/rss?x=1&y=2", "A > B", "Asia"),
        ("https://b.example/rss", "No folder", ""),
    ]
    assert complaints == ()


def test_addresses_that_cannot_be_polled_are_named_and_skipped() -> None:
    feeds, complaints = parse_opml(
        b'<opml><outline text="bad" xmlUrl="file:///etc/passwd"/>'
        b'<outline text="worse" xmlUrl="javascript:x"/></opml>',
        "x.opml",
    )

    assert feeds == ()
    assert len(complaints) == 2 and "file path" in complaints[0]


@pytest.mark.parametrize("content", [b"", b"<rss/>", b"\x00" * 100, b"%PDF"])
def test_what_is_not_opml_is_one_clear_line(content: bytes) -> None:
    with pytest.raises(UsageError, match="not an OPML file"):
        parse_opml(content, "x.opml")


def test_entities_includes_and_unclosed_tags_do_nothing() -> None:
    feeds, _ = parse_opml(
        b'<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]><opml>'
        b'<outline type="include" url="http://127.0.0.1/"/>'
        b'<outline text="&x;" xmlUrl="http://a.example/"/>' + b"<outline " * 50_000 + b"</opml>",
        "x.opml",
    )

    assert [(f.url, f.outlet) for f in feeds] == [("http://a.example/", "&x;")]


def test_names_stay_unique() -> None:
    feeds, _ = parse_opml(
        b'<opml><outline xmlUrl="http://a.example/rss"/><outline xmlUrl="https://a.example/feed"/>'
        b"</opml>",
        "x.opml",
    )

    assert [f.name for f in feeds] == ["a-example", "a-example-2"]


def test_thousands_of_feeds_of_one_name_nested_in_each_other_are_read() -> None:
    outlines = "".join(
        f'<outline text="folder {n}"><outline text="x" xmlUrl="http://a.example/rss?{n}">'
        for n in range(10_000)
    )

    feeds, complaints = parse_opml(f"<opml>{outlines}</opml>".encode(), "x.opml")

    assert len({feed.name for feed in feeds}) == len(feeds) == 10_000
    assert feeds[-1].note.startswith("folder 0 / folder 1") and len(feeds[-1].note) <= 200
    assert complaints == ()


def test_what_is_written_is_read_back_the_same() -> None:
    feeds = (
        FeedConfig(
            url="https://a.example/?a=1&b='2'",
            name="a",
            outlet='"A" & <B>',
            lang="zh-Hant",
            country="TW",
            tier=4,
            fetch="feed",
        ),
        FeedConfig(url="https://b.example/", name="b", outlet="B"),
    )

    text = render_opml(feeds, datetime(2026, 11, 22, tzinfo=UTC))

    assert parse_opml(text.encode(), "x")[0] == feeds
