"""Addresses: normal form, believable rel=canonical, identity."""

from __future__ import annotations

import pytest

from extractors.urls import (
    canonicalise,
    host_of,
    is_tracking,
    pick_canonical,
    registrable_domain,
    url_key,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("HTTP://WWW.Example.COM:80/a", "http://www.example.com/a"),
        ("https://example.com:443", "https://example.com/"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://user:secret@example.com/", "https://example.com/"),
        ("https://example.com/a#comments", "https://example.com/a"),
        ("https://example.com/#!/news/12", "https://example.com/#!/news/12"),
        ("https://example.com/a/./b/../c", "https://example.com/a/c"),
        ("https://example.com/%7Euser/%e4%b8%ad", "https://example.com/~user/%E4%B8%AD"),
        (
            "https://example.com/기사?제목=값",
            "https://example.com/%EA%B8%B0%EC%82%AC?%EC%A0%9C%EB%AA%A9=%EA%B0%92",
        ),
        ("https://例え.jp/", "https://xn--r8jz45g.jp/"),
        ("https://example.com./a", "https://example.com/a"),
        ("http:\\\\example.com\\a", "http://example.com/a"),
        ("  https://exa\nmple.com/a\t ", "https://example.com/a"),
        ("https://example.com/a b", "https://example.com/a%20b"),
        ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]/"),
    ],
)
def test_an_address_has_one_normal_form(raw: str, expected: str) -> None:
    assert canonicalise(raw) == expected


@pytest.mark.parametrize(
    "raw",
    ["", "javascript:alert(1)", "mailto:a@example.com", "ftp://example.com/a", "//example.com/a",
     "/a/b", "https://", "https://exa mple.com/", "http://a..b/", "http://example.com:99999/",
     "http://-/", "data:text/html,x", "https://example.com/" + "a" * 9000],
)  # fmt: skip
def test_what_is_no_web_address_is_none(raw: str) -> None:
    assert canonicalise(raw) is None


def test_a_relative_address_is_resolved_against_its_base() -> None:
    assert canonicalise("../b?id=2", "https://example.com/x/y/a") == "https://example.com/x/b?id=2"
    assert (
        canonicalise("//cdn.example.com/b", "https://example.com/") == "https://cdn.example.com/b"
    )


@pytest.mark.parametrize(
    "parameter",
    ["utm_source=x", "UTM_Medium=y", "fbclid=1", "gclid=2", "mc_cid=3", "at_medium=rss", "ref=rss",
     "from=twitter", "source=Newsletter", "xtor=AL-1", "spm=a.b", "_ga=1"],
)  # fmt: skip
def test_parameters_of_the_way_here_are_tracking(parameter: str) -> None:
    assert is_tracking(parameter)
    assert canonicalise(f"https://example.com/a?{parameter}&id=7") == "https://example.com/a?id=7"


@pytest.mark.parametrize(
    "parameter",
    ["id=7", "ref=12345", "source=yna", "from=2024-01-01", "section=news", "cid=10", "at_id=5",
     "no=3", "page=2", "aid=0001", "share=1", "input=1195m", "utm=1", "title=utm_source"],
)  # fmt: skip
def test_parameters_that_may_name_content_stay(parameter: str) -> None:
    assert not is_tracking(parameter)
    assert (
        canonicalise(f"https://example.com/a?{parameter}") == f"https://example.com/a?{parameter}"
    )


PAGE = "https://m.example.co.kr/news/2026/01/talks-on-fuel-begin"


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        ("https://www.example.co.kr/news/2026/01/talks-on-fuel-begin",
         "https://www.example.co.kr/news/2026/01/talks-on-fuel-begin"),
        ("/view/20260114001", "https://m.example.co.kr/view/20260114001"),
        ("https://www.example.co.kr/", PAGE),
        ("https://www.example.co.kr/index.html", PAGE),
        ("https://www.example.co.kr/news/", PAGE),
        ("https://www.example.co.kr/politics", PAGE),
        ("https://other.co.kr/news/2026/01/talks-on-fuel-begin", PAGE),
        ("https://example.com/news/2026/01/talks-on-fuel-begin", PAGE),
        ("javascript:void(0)", PAGE),
        ("", PAGE),
        (None, PAGE),
    ],
)  # fmt: skip
def test_a_canonical_link_is_believed_only_where_it_can_be(
    canonical: str | None, expected: str
) -> None:
    assert pick_canonical(PAGE, canonical) == expected


def test_a_canonical_link_that_drops_the_article_number_is_not_believed() -> None:
    page = "https://example.com/view.php?no=123456"
    assert pick_canonical(page, "https://example.com/view.php") == page


def test_the_page_behind_an_amp_copy_is_found() -> None:
    article = "https://www.example.com/news/talks-on-fuel-begin"
    assert pick_canonical(article + "/amp", article) == article
    cached = (
        "https://www-example-com.cdn.ampproject.org/c/s/www.example.com/news/talks-on-fuel-begin"
    )
    assert pick_canonical(cached, None) == article


def test_a_canonical_link_to_the_amp_twin_is_not_believed() -> None:
    article = "https://www.example.com/news/talks-on-fuel-begin"
    assert pick_canonical(article, article + "/amp", amp=article + "/amp") == article


@pytest.mark.parametrize(
    ("host", "expected"),
    [("www.news.example.co.kr", "example.co.kr"), ("example.com", "example.com"),
     ("co.kr", "co.kr"), ("localhost", "localhost"), ("127.0.0.1", "127.0.0.1"), ("", ""),
     ("desk.github.io", "desk.github.io")],
)  # fmt: skip
def test_the_registrable_domain_is_what_somebody_registered(host: str, expected: str) -> None:
    assert registrable_domain(host) == expected


def test_the_host_of_an_address_is_plain() -> None:
    assert host_of("https://User@WWW.Example.com:81/a") == "www.example.com"
    assert host_of("no address") == ""


def test_identity_ignores_what_never_tells_articles_apart() -> None:
    same = {
        "https://www.example.com/a/?b=1&a=2",
        "http://example.com/a?a=2&b=1",
        "https://example.com/a/index.html?a=2&b=1&utm_source=rss#x",
    }
    assert len({url_key(url) for url in same}) == 1


def test_identity_keeps_what_may_tell_articles_apart() -> None:
    different = ["https://example.com/a?id=1", "https://example.com/a?id=2",
                 "https://example.com/a", "https://example.com/A", "https://m.example.com/a",
                 "https://example.com:8080/a", "https://example.com/a/b"]  # fmt: skip
    assert len({url_key(url) for url in different}) == len(different)
