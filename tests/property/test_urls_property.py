"""Addresses: what holds for any of them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.urls import canonicalise, pick_canonical, url_key

NAMES = st.text("abcdefgh", min_size=1, max_size=6).map(lambda name: "q" + name)
VALUES = st.text(max_size=12)
PATHS = st.text(
    st.characters(exclude_characters="?#\\", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]),
    max_size=30,
)


@given(st.text(max_size=80))
def test_no_text_makes_it_fail_and_the_result_is_stable(text: str) -> None:
    once = canonicalise(text)
    assert once is None or canonicalise(once) == once


@given(PATHS, st.lists(st.tuples(NAMES, VALUES), max_size=4))
@settings(max_examples=200)
def test_an_address_stays_fetchable_and_loses_no_parameter(
    path: str, pairs: list[tuple[str, str]]
) -> None:
    from urllib.parse import urlencode

    query = urlencode(pairs)
    result = canonicalise(f"https://Example.com/{path}?utm_source=a&{query}#top")
    assert result is not None
    assert result.isascii()
    parts = urlsplit(result)
    assert parts.hostname == "example.com"
    assert parts.fragment == ""
    assert parse_qsl(parts.query, keep_blank_values=True) == [
        (name, value.encode("utf-8", "replace").decode()) for name, value in pairs
    ]


@given(st.permutations([("a", "1"), ("b", "2"), ("c", "3")]), st.booleans(), st.booleans())
def test_identity_does_not_hang_on_order_or_scheme(
    pairs: list[tuple[str, str]], secure: bool, www: bool
) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    url = f"http{'s' * secure}://{'www.' * www}example.com/x?{query}"
    assert url_key(url) == url_key("https://example.com/x?a=1&b=2&c=3")


@given(st.text(max_size=60))
def test_a_canonical_link_never_leads_to_another_owner(link: str) -> None:
    page = "https://news.example.com/2026/story-12345"
    assert (urlsplit(pick_canonical(page, link)).hostname or "").endswith("example.com")
