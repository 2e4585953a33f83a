"""The demo's news site as data: complete, consistent with EXPECTED.toml, and fit to be served."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta, timezone
from html import unescape

import pytest

from flows.demo_content import (
    Marked,
    SiteArticle,
    articles_of,
    fill_dates,
    load_expected,
    load_site,
    parse_line,
)
from flows.demo_render import render_feed, render_page

NOW = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
SITE = load_site()
EXPECTED = load_expected()


def shown(state: int) -> dict[str, SiteArticle]:
    times = {1: NOW, 2: LATER}
    return {a.id: a for o in SITE.outlets for a in articles_of(SITE, o, state=state, times=times)}


def page_of(article: SiteArticle) -> str:
    outlet = SITE.outlets[article.outlet]
    others = articles_of(SITE, outlet.id, state=2, times={1: NOW, 2: LATER})
    raw = render_page(outlet, article, others, base_url="http://127.0.1.1:80")
    return unescape(raw.decode(outlet.charset))


READABLE = [
    a
    for a in shown(2).values()
    if not SITE.outlets[a.outlet].pages_forbidden and a.kind == "article"
]


def test_the_site_is_as_large_as_its_expectation_says() -> None:
    counts = EXPECTED["counts"]
    assert len(SITE.outlets) == counts["outlets"] >= 8
    assert len(SITE.outlets) + len(SITE.extra_feeds) == counts["feeds"]
    for state in (1, 2):
        articles = shown(state)
        assert len(articles) == counts["listed"][str(state)] >= 60
        readable = [a for a in articles.values() if a.kind == "article"]
        assert len(readable) == counts["readable"][str(state)]
        assert len(articles) - len(readable) == counts["blocked"]


def test_all_feed_formats_and_languages_are_there() -> None:
    assert {o.feed_format for o in SITE.outlets.values()} == {"rss2", "rss1", "atom"}
    assert {o.lang for o in SITE.outlets.values()} == {"en", "ko", "ja", "zh-Hans", "zh-Hant"}
    charsets = {o.charset for o in SITE.outlets.values()}
    assert charsets == {"utf-8", "cp949", "cp932", "cp950", "gb18030"}
    assert EXPECTED["languages"] == {o.id: o.lang for o in SITE.outlets.values()}


def test_titles_and_addresses_are_unique_within_an_outlet() -> None:
    titles = [(a.outlet, a.title) for a in shown(2).values()]
    paths = [(a.outlet, a.path) for a in shown(2).values()]
    assert len(set(titles)) == len(titles)
    assert len(set(paths)) == len(paths)


def test_only_one_article_is_older_than_a_day_and_none_is_from_the_future() -> None:
    ages = {a.id: NOW - a.published_at for a in shown(1).values()}
    assert {i for i, age in ages.items() if age > timedelta(hours=24)} == {"hangang-old"}
    assert min(ages.values()) > timedelta(0)


def test_every_article_that_the_expectation_names_exists() -> None:
    ids = set(shown(2))
    named = set(EXPECTED["topics"]) | set(EXPECTED["status"]) | set(EXPECTED["traps"])
    named |= set(EXPECTED["provenance"])
    named |= {m for c in EXPECTED["copies"] for m in c["members"]}
    for story in EXPECTED["stories"]:
        named |= {m for key in ("members", "origins", "joins", "may") for m in story[key]}
    named |= {m for a in EXPECTED["apart"] for group in a["groups"] for m in group}
    second = EXPECTED["second"]
    named |= set(second["new"]) | set(second["revised"]) | set(EXPECTED["alerts"]["never"])
    named |= {r["article"] for r in EXPECTED["removed"] if r["article"] != "*"}
    assert named <= ids, named - ids


def test_the_second_state_is_what_the_expectation_says() -> None:
    first, second = shown(1), shown(2)
    assert set(second) - set(first) == set(EXPECTED["second"]["new"])
    revised = {i for i in first if second[i].lines != first[i].lines}
    assert revised == set(EXPECTED["second"]["revised"])
    assert all(second[i].updated_at > first[i].updated_at for i in revised)
    lanyang = [a for a in second.values() if a.outlet == "lanyang"]
    assert all(first[a.id] == a for a in lanyang)


def test_blocked_pages_are_those_of_the_expectation() -> None:
    kinds = {a.id: a.kind for a in shown(2).values() if a.kind != "article"}
    assert kinds == EXPECTED["status"]


def test_no_trap_is_on_a_topic_and_each_trap_holds_what_it_warns_of() -> None:
    assert not set(EXPECTED["traps"]) & set(EXPECTED["topics"])
    bait = re.compile(
        r"OPCON|SSN|SSBN|[Nn]uclear|[Oo]pcon|[Oo]perational control"
        r"|전작권|핵잠|原潜|原子力潜水艦|戦時作戦統制権"
    )
    articles = shown(2)
    for name in EXPECTED["traps"]:
        words = " ".join(line.text for line in articles[name].lines) + page_of(articles[name])
        assert bait.search(words), name


@pytest.mark.parametrize("removed", EXPECTED["removed"], ids=lambda r: f"{r['outlet']}-{r['text']}")
def test_a_line_to_be_removed_is_on_the_pages(removed: dict[str, str]) -> None:
    pages = [
        a for a in READABLE if a.outlet == removed["outlet"] and removed["article"] in ("*", a.id)
    ]
    assert pages
    for article in pages:
        assert removed["text"] in page_of(article)


def test_every_marked_line_of_an_article_is_in_the_expectation() -> None:
    for article in READABLE:
        rows = [r for r in EXPECTED["removed"] if r["outlet"] == article.outlet]
        for line in article.lines:
            if not line.category:
                continue
            kind = "quarantine" if line.quarantine else "boilerplate"
            found = [
                r
                for r in rows
                if r["article"] in ("*", article.id)
                and r["kind"] == kind
                and (r["text"] in line.text if r.get("part") else r["text"] == line.text)
            ]
            assert found, (article.id, line.text)


def test_no_body_line_is_a_line_to_be_removed() -> None:
    for article in READABLE:
        body = {line.text for line in article.lines if not line.category}
        texts = {
            r["text"]
            for r in EXPECTED["removed"]
            if r["outlet"] == article.outlet and r["article"] in ("*", article.id)
        }
        assert not body & texts


@pytest.mark.parametrize("article", READABLE, ids=lambda a: a.id)
def test_a_page_holds_the_article_and_leaves_no_mark_unfilled(article: SiteArticle) -> None:
    page = page_of(article)
    assert "{{" not in page
    assert not re.search(r"\$[a-z_]{3,}", page)
    assert not re.search(r">\s*[!?][a-z-]+#?: ", page)
    body = [line for line in article.lines if not line.category]
    assert len(body) >= 4
    for line in body:
        assert line.text in page


@pytest.mark.parametrize("outlet_id", SITE.outlets)
def test_a_feed_is_well_formed_and_lists_each_article_once(outlet_id: str) -> None:
    outlet = SITE.outlets[outlet_id]
    articles = articles_of(SITE, outlet_id, state=1, times={1: NOW})
    raw = render_feed(outlet, articles, base_url="http://127.0.1.9:80", built_at=NOW)
    text = raw.decode(outlet.feed_charset)
    root = ET.fromstring(text.split("?>", 1)[1])
    items = [e for e in root.iter() if e.tag.rpartition("}")[2] in ("item", "entry")]
    titles = [child.text for e in items for child in e if child.tag.endswith("title")]
    assert titles == [a.title for a in articles]


def test_the_bytes_of_the_lying_outlet_are_not_what_its_header_says() -> None:
    outlet = SITE.outlets["jianghai"]
    assert "utf-8" in outlet.content_type
    article = shown(1)["jianghai-metro"]
    raw = render_page(outlet, article, (), base_url="http://127.0.1.8:80")
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")


def test_copies_share_their_paragraphs_with_the_agency_and_change_the_headline() -> None:
    articles = shown(1)
    for cluster in EXPECTED["copies"]:
        members = [articles[m] for m in cluster["members"]]
        first = {line.text for line in members[0].lines if not line.category}
        for copy in members[1:]:
            body = [line.text for line in copy.lines if not line.category]
            common = sum(text in first for text in body)
            assert copy.title != members[0].title
            assert common >= 3, copy.id


def test_an_outlets_pages_list_headlines_of_its_other_articles() -> None:
    article = shown(1)["hanbit-baseball"]
    assert "OPCON transfer verification" in page_of(article)
    assert not any("OPCON" in line.text for line in article.lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("words", Marked(text="words")),
        ("## words", Marked(text="words", heading=True)),
        ("!related#: 関連記事", Marked(text="関連記事", category="related", heading=True)),
        ("!ai-note: a: b", Marked(text="a: b", category="ai-note")),
        ("?foreign: x", Marked(text="x", category="foreign", quarantine=True)),
        ("Why? because: it is", Marked(text="Why? because: it is")),
    ],
)
def test_a_mark_at_the_start_of_a_line_says_what_the_line_is(text: str, expected: Marked) -> None:
    assert parse_line(text) == expected


def test_dates_are_filled_in_from_the_outlets_own_day() -> None:
    local = datetime(2026, 3, 1, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    text = "{{en}} {{en-1}} {{ko}} {{ja}} {{zh}} {{weekday}} {{ymd-1}} {{hm}} {{unknown}}"
    expected = "March 1 Feb. 28 1일 1日 3月1日 Sunday 2026-02-28 00:05 {{unknown}}"
    assert fill_dates(text, local) == expected
