"""feeds.toml: reading with clear errors, editing without touching a comment."""

from __future__ import annotations

import pytest

from extractors.errors import UsageError
from extractors.feed_list import (
    FeedConfig,
    append_feeds,
    default_name,
    parse_feeds,
    remove_feed,
    url_problem,
)

TEXT = """\
# My feeds. Do not touch.

# --- agencies ---

# The best one.
[[feed]]
url = "https://a.example/rss"   # as of today
name = "a"
tier = 1

[[feed]]
url = "https://b.example/rss"
name = "b"

# --- papers ---

[[feed]]
url = "https://c.example/rss"
name = "c"
fetch = "feed"
every = "2h"
# the end
"""


def test_a_list_is_read_in_its_order_with_defaults() -> None:
    feeds = parse_feeds(TEXT, "feeds.toml")

    assert [f.name for f in feeds] == ["a", "b", "c"]
    assert feeds[0].tier == 1 and feeds[0].outlet == "a.example" and feeds[0].fetch == "page"
    assert feeds[2].fetch == "feed" and feeds[2].every_s == 7_200


@pytest.mark.parametrize(
    ("block", "line", "what"),
    [
        ('url = "https://x.example/"\nlnag = "ko"', 3, "unknown key `lnag`; did you mean `lang`"),
        ('name = "x"', 1, "no `url`"),
        ('url = "/var/feeds/a.xml"', 2, "is a file path"),
        ('url = "file:///a.xml"', 2, "is a file path"),
        ('url = "ftp://x.example/a"', 2, "not an http"),
        ('url = "x.example/rss"', 2, "not an http"),
        ('url = "http://u:p@x.example/"', 2, "credentials"),
        ('url = "https://x.example/"\ntier = 5', 3, "must be 1, 2, 3 or 4"),
        ('url = "https://x.example/"\ntier = true', 3, "must be 1, 2, 3 or 4"),
        ('url = "https://x.example/"\nfetch = "all"', 3, '"page" or "feed"'),
        ('url = "https://x.example/"\nevery = "soon"', 3, '"30m"'),
        ('url = "https://x.example/"\nlang = 7', 3, "text in quotes"),
        ('url = "https://x.example/"\nenabled = "yes"', 3, "true or false"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(block: str, line: int, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_feeds(f"[[feed]]\n{block}\n", "feeds.toml")

    assert str(caught.value).startswith(f"feeds.toml, line {line}: ")
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[[feeds]]\n", "line 1: unknown key `feeds`"),
        ("[feed]\nurl='http://x.example'\n", "two brackets"),
        ("[[feed]\n", "not valid TOML"),
        (
            '[[feed]]\nurl="http://x.example/"\n[[feed]]\nurl="http://x.example/"\n',
            "stands already",
        ),
    ],
)
def test_a_broken_list_says_where(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=r"feeds\.toml") as caught:
        parse_feeds(text, "feeds.toml")

    assert what in str(caught.value)


def test_adding_leaves_every_byte_before_as_it_was() -> None:
    added = append_feeds(TEXT, [FeedConfig(url='https://d.example/"x\\', name="d", outlet="D\n")])

    assert added.startswith(TEXT)
    assert parse_feeds(added, "x")[3].outlet == "D"
    assert parse_feeds(added, "x")[3].url == 'https://d.example/"x\\'


def test_removing_cuts_the_block_and_its_own_comment_only() -> None:
    assert remove_feed(TEXT, "a") == TEXT.replace(
        TEXT[TEXT.index("# The best") : TEXT.index('[[feed]]\nurl = "https://b')], ""
    )
    assert "# --- papers ---" in remove_feed(TEXT, "b")
    assert "# --- agencies ---" in remove_feed(TEXT, "https://b.example/rss")


def test_removing_what_is_not_there_offers_a_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'a'"):
        remove_feed(TEXT, "aa")


def test_names_are_made_from_addresses() -> None:
    assert (
        default_name("https://www.example.org/news/politics/rss.xml") == "example-org-news-politics"
    )


def test_ordinary_addresses_have_no_problem() -> None:
    assert url_problem("https://example.org/rss.xml") is None
    assert url_problem("https:///x") is not None
