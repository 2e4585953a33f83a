"""Pages become lines and metadata, each right or None, with a verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from extractors.articles import Extraction, extract_page
from extractors.models import Line, Status
from extractors.sanity import judge_text, tame_markup

SENTENCE = "The harbour board agreed on Tuesday to dredge the northern channel before winter. "
PARAGRAPHS = "".join(f"<p>{SENTENCE * 3}Part {n}.</p>" for n in range(1, 6))
URL = "https://www.gazette.example/2026/01/20/harbour-board"
NOW = datetime(2026, 2, 1, tzinfo=UTC)


def page(head: str = "", body: str = PARAGRAPHS) -> str:
    return (
        f"<html lang='en'><head><title>Harbour board to dredge channel | The Gazette</title>{head}"
        "</head><body><article><h1>Harbour board to dredge channel</h1>"
        f"{body}</article></body></html>"
    )


def extract(html: str, *, url: str | None = URL, feed_content: str | None = None) -> Extraction:
    return extract_page(html, url=url, feed_content=feed_content, now=NOW)


def json_ld(**fields: object) -> str:
    value = {"@context": "https://schema.org", "@type": "NewsArticle", **fields}
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


def test_the_paragraphs_come_out_in_order_and_the_verdict_is_ok() -> None:
    found = extract(page())
    assert found.status is Status.OK
    assert [x.text[-7:] for x in found.lines][-2:] == ["Part 4.", "Part 5."]


def test_a_line_that_is_mostly_a_link_is_known_from_a_sentence_with_a_link() -> None:
    related = '<p>Also: <a href="/other">Fishing quota talks collapse in the south</a></p>'
    linked = f'<p>{SENTENCE * 2}<a href="/board">The board</a> meets again in May.</p>'
    found = extract(page(body=PARAGRAPHS + related + linked))
    shares = {line.text: line.link_share for line in found.lines}
    assert shares["Also: Fishing quota talks collapse in the south"] > 0.8
    assert 0 < next(s for t, s in shares.items() if t.endswith("in May.")) < 0.2


def test_list_items_and_headings_keep_their_tag() -> None:
    found = extract(page(body=PARAGRAPHS + f"<h2>What comes next</h2><ul><li>{SENTENCE}</li></ul>"))
    tags = {line.text: line.tag for line in found.lines}
    assert (tags["What comes next"], tags[SENTENCE.strip()]) == ("h2", "li")


def test_the_outlet_is_cut_off_the_title() -> None:
    head = '<meta property="og:site_name" content="The Gazette">'
    assert extract(page(head)).title == "Harbour board to dredge channel"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-01-20T06:30:00+09:00", "2026-01-20T06:30:00+09:00"),
        ("2026-01-20T06:30:00Z", "2026-01-20T06:30:00+00:00"),
        ("2026-01-20 06:30", "2026-01-20T06:30:00+00:00"),
        ("1970-01-01T00:00:00Z", None),
        ("2099-01-01T00:00:00Z", None),
        ("soon", None),
    ],
)
def test_the_time_of_publication_is_zone_aware_or_none(stated: str, expected: str | None) -> None:
    found = extract(page(json_ld(datePublished=stated)), url=None)
    assert (found.published_at and found.published_at.isoformat()) == expected


def test_a_time_without_zone_is_local_time_of_the_country() -> None:
    head = '<meta property="article:published_time" content="2026-01-20T06:30:00">'
    found = extract(page(head), url="https://news.example.co.kr/1")
    assert found.published_at == datetime(2026, 1, 19, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "line", ["2026년 1월 20일 오전 6시 30분", "2026年1月20日 6時30分", "입력 2026.01.20 06:30"]
)
def test_printed_dates_by_the_headline_are_read(line: str) -> None:
    found = extract(page(body=f"<div><span>{line}</span></div>{PARAGRAPHS}"), url=None)
    assert found.published_at == datetime(2026, 1, 20, 6, 30, tzinfo=UTC)


def test_dates_of_the_last_change_are_not_publication_dates() -> None:
    body = f'<span class="updated-date">2026-01-25</span><p>{SENTENCE * 9}</p>'
    assert extract(page(json_ld(headline="x"), body), url=None).published_at is None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"@type": "Person", "name": "Ada Fisher"}, "Ada Fisher"),
        ([{"name": "Ada Fisher"}, {"name": "Ben Marsh"}], "Ada Fisher, Ben Marsh"),
        ("By Ada Fisher and Ben Marsh", "Ada Fisher, Ben Marsh"),
        ("홍길동 기자", "홍길동"),
        ("https://www.facebook.com/gazette", None),
        ("admin", None),
        ("user123", None),
        ("", None),
    ],
)
def test_authors_are_names_or_none(stated: object, expected: str | None) -> None:
    assert extract(page(json_ld(author=stated))).author == expected


def test_a_byline_in_the_markup_is_found_and_freed_of_its_date() -> None:
    body = f'<div class="byline">By Ada Fisher | 20 January 2026</div>{PARAGRAPHS}'
    assert extract(page(body=body)).author == "Ada Fisher"


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        ("https://gazette.example/2026/01/20/harbour-board", "https://gazette.example/2026/01/20/harbour-board"),
        ("https://elsewhere.example/2026/01/20/harbour-board", URL),
        ("https://www.gazette.example/", URL),
    ],
)  # fmt: skip
def test_a_canonical_address_counts_only_on_the_same_site(canonical: str, expected: str) -> None:
    head = f'<link rel="canonical" href="{canonical}">'
    assert extract(page(head)).canonical_url == expected


def test_broken_json_ld_is_read_as_far_as_it_can_be() -> None:
    head = (
        '<script type="application/ld+json">\n<!--\n{"@type": "NewsArticle", "author": '
        '{"name": "Ada\tFisher",},}\n-->\n</script>'
    )
    assert extract(page(head)).author == "Ada Fisher"


# ---------------------------------------------------------------- fallbacks


def test_article_body_of_json_ld_stands_in_for_an_empty_page() -> None:
    head = json_ld(articleBody=SENTENCE * 12)
    found = extract(f"<html><head>{head}</head><body><div id='root'></div></body></html>")
    assert found.status is Status.OK
    assert "".join(line.text for line in found.lines).count("northern channel") == 12


def test_text_in_flight_data_of_next_js_is_found() -> None:
    html = "".join(f"<p>{SENTENCE * 3}</p>" for _ in range(4))
    row = f"1a:T{len(html.encode()):x},"
    pushes = [row, html, '1b:["$","div",null,{"children":"menu"}]\n']
    scripts = "".join(
        f"<script>self.__next_f.push({json.dumps([1, piece])})</script>" for piece in pushes
    )
    found = extract(f"<html><body><div id='x'></div>{scripts}</body></html>")
    assert (found.method, len(found.lines)) == ("script-data", 4)


def test_paragraphs_given_one_by_one_in_page_data_are_joined() -> None:
    pieces = [{"type": "text", "content": SENTENCE * 2 + str(n)} for n in range(5)]
    data = json.dumps({"story": {"headline": "x", "content_elements": pieces}})
    found = extract(
        f"<html><body><div></div><script>window.Fusion = {data};</script></body></html>"
    )
    assert (found.method, len(found.lines)) == ("script-data", 5)


def test_the_feeds_text_stands_in_for_a_blocked_page() -> None:
    html = "<html><title>Just a moment...</title><body>Checking your browser</body></html>"
    found = extract(html, feed_content=SENTENCE * 8)
    assert (found.status, found.method) == (Status.FEED_CONTENT, "feed")


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Status.EMPTY),
        ("Verify you are human. Press & hold to confirm.", Status.CHALLENGE),
        ("비정상적인 접근이 감지되었습니다. 로봇이 아닙니다를 눌러 주세요.", Status.CHALLENGE),
        (
            "We and our 120 partners use cookies.\nManage consent and privacy for cookies.",
            Status.COOKIE_WALL,
        ),
        (SENTENCE * 3 + "\nSubscribe now to continue reading this story.", Status.PAYWALL),
        ("정부는 협의를 다시 시작한다고 밝혔다. " * 6 + "\n유료회원 기사입니다.", Status.PAYWALL),
        ("政府は協議を再開すると発表した。" * 6 + "\n残り1,234文字", Status.PAYWALL),
        ("Read more", Status.TOO_SHORT),
        ("{{{}}};;;0x1f,0x2f,0x3f;;;[[[]]]" * 20, Status.JUNK),
        (SENTENCE * 4, Status.OK),
        ("(서울=연합뉴스) 정부는 다음 달 협의를 다시 시작한다고 20일 밝혔다. (끝)", Status.OK),
    ],
)  # fmt: skip
def test_pages_that_are_no_articles_are_named(text: str, expected: Status) -> None:
    lines = [Line(text=line) for line in text.split("\n") if line]
    assert judge_text(lines)[0] is expected


def test_an_article_about_cookies_and_captchas_is_an_article() -> None:
    about = (
        "Regulators fined two firms over the cookies that they set without consent. "
        "Researchers said a captcha no longer tells a robot from a human reader. "
    )
    assert judge_text([Line(text=about + SENTENCE * 2)] * 8)[0] is Status.OK


def test_a_full_text_on_a_page_that_calls_itself_not_free_is_kept() -> None:
    assert judge_text([Line(text=SENTENCE * 4)] * 4, free=False)[0] is Status.OK


def test_attributes_by_the_thousand_are_cut_and_the_text_stays() -> None:
    for attribute in ('a{}="1"', 'b{}=">"', "c{}"):
        many = " ".join(attribute.format(n) for n in range(20_000))
        html = tame_markup(f"<html><body><div {many}>{PARAGRAPHS}</div></body></html>")
        assert len(html) < 4_000
        assert "Part 5." in html


def test_long_tags_with_few_attributes_are_left_alone() -> None:
    html = f'<img src="data:image/png;base64,{"A" * 50_000}"><path d="{"M1 2 L3 4 " * 900}">'
    assert tame_markup(html) == html
