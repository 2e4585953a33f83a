"""Layout tables, dropped headings, and pages that bar the reader."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from extractors.articles import Extraction, extract_page
from extractors.models import Line, Status
from extractors.sanity import judge_text

EN = "The ferry company said on Monday that it would add a second boat in April. "
JA = "市は月曜日、古い橋を来年三月までに架け替えると発表した。"
KO = "시는 오래된 다리를 내년 3월까지 새로 놓겠다고 월요일 밝혔다. "
NOW = datetime(2026, 2, 1, tzinfo=UTC)


def extract(body: str, *, lang: str = "en", feed_content: str | None = None) -> Extraction:
    html = f"<html lang='{lang}'><head><title>Second boat</title></head><body>{body}</body></html>"
    return extract_page(html, url="http://a.example/1", feed_content=feed_content, now=NOW)


def texts(found: Extraction) -> list[str]:
    return [line.text for line in found.lines]


# ---------------------------------------------------------------- layout tables


def column(inner: str) -> str:
    menu = "<td width=120><a href='/1'>News</a><br><a href='/2'>Sport</a></td>"
    return f"<table width=900><tr>{menu}<td>{inner}</td></tr></table>"


PARTS = [f"{EN * 2}Part {n}." for n in range(1, 6)]


@pytest.mark.parametrize(
    "inner",
    [
        "<br><br>".join(PARTS),
        "".join(f"<p>{p}</p>" for p in PARTS),
        "".join(f"<div>{p}</div>" for p in PARTS),
        f"<table><tr><td>Second boat</td></tr><tr><td>{'<br/>'.join(PARTS)}</td></tr></table>",
        f"<div class=box>{'<br><br>'.join(PARTS)}<br><br>desk@a.example</div>",
    ],
)
def test_paragraphs_in_a_layout_table_stay_lines_of_their_own(inner: str) -> None:
    lines = texts(extract(column(inner)))
    assert [line for line in lines if line in PARTS] == PARTS


def test_what_stands_below_an_article_in_a_cell_is_not_glued_to_it() -> None:
    inner = "<br><br>".join([*PARTS, "By Ada Fisher desk@a.example", "Comments (0)"])
    lines = texts(extract(column(inner)))
    assert not [line for line in lines if "Part 5." in line and "Comments" in line]


def test_a_table_of_figures_stays_a_table() -> None:
    rows = "".join(f"<tr><td>Week {n}</td><td>{n * 311} passengers</td></tr>" for n in range(1, 7))
    body = "".join(f"<p>{p}</p>" for p in PARTS)
    lines = texts(extract(f"<article>{body}<table>{rows}</table></article>"))
    assert any("Week 3" in line and "933 passengers" in line for line in lines)


def test_a_layout_table_leaves_the_article_element_its_place() -> None:
    body = "".join(f"<p>{p}</p>" for p in PARTS)
    aside = "<br>".join(["Harbour fees rise again for small boats in all towns"] * 9)
    lines = texts(extract(f"<article>{body}</article><table><tr><td>{aside}</td></tr></table>"))
    assert lines[-1].endswith("Part 5.")


# ---------------------------------------------------------------- headings

BLURB = "The island council wants a bridge instead, and a report on its cost is due in the summer. "


@pytest.mark.parametrize(
    "label", ["<h3>Related stories</h3>", "<h2>Related stories</h2>", "<div>Related stories</div>"]
)
def test_a_heading_over_related_blurbs_is_kept_where_no_container_is_known(label: str) -> None:
    body = "".join(f"<p>{p}</p>" for p in PARTS)
    lines = texts(extract(f"<div class=Txt>{body}{label}<p>{BLURB}</p><p>{BLURB}Two.</p></div>"))
    at = lines.index("Related stories")
    assert (lines[at - 1], lines[at + 1]) == (PARTS[-1], BLURB.strip())


def test_the_linked_headline_of_another_story_is_not_brought_back() -> None:
    body = "".join(f"<p>{p}</p>" for p in PARTS)
    card = f"<h3><a href='/2'>A bridge to the island</a></h3><p>{BLURB}</p>"
    assert "A bridge to the island" not in texts(extract(f"<div class=Txt>{body}{card}</div>"))


def test_a_headline_in_two_spellings_is_not_doubled() -> None:
    body = "".join(f"<p>{p}</p>" for p in PARTS)
    head = "<div class=Txt><p>Ferries: a second boat</p><h2>Ferries – a second boat</h2>"
    assert "Ferries – a second boat" not in texts(extract(f"{head}{body}</div>"))


def test_source_lines_behind_a_break_are_one_line() -> None:
    wrapped = "<br><br>".join(p.replace("would", "\n  would") for p in PARTS)
    assert texts(extract(column(wrapped)))[-5:] == PARTS


def test_headings_that_were_kept_are_not_doubled() -> None:
    body = f"<h2>The route</h2><p>{PARTS[0]}</p><h2>The fare</h2>" + "".join(
        f"<p>{p}</p>" for p in PARTS[1:]
    )
    lines = texts(extract(f"<article>{body}</article>"))
    assert (lines.count("The route"), lines.count("The fare")) == (1, 1)


def test_a_heading_over_dropped_links_is_not_brought_back() -> None:
    links = "".join(f"<li><a href='/{n}'>Another story of the day {n}</a></li>" for n in range(8))
    body = "".join(f"<p>{p}</p>" for p in PARTS)
    lines = texts(extract(f"<div class=Txt>{body}</div><h3>Most read</h3><ul>{links}</ul>"))
    assert "Most read" not in lines


# ---------------------------------------------------------------- paywalls

PROMO_JA = "有料会員になると、すべての記事をお読みいただけます。"
PROMO_KO = "유료회원이 되시면 더 많은 혜택이 있습니다."
PROMO_EN = "Already a subscriber? Log in for members-only content."


def verdict(*parts: str, free: bool | None = None) -> Status:
    return judge_text([Line(text=part) for part in parts], free=free)[0]


@pytest.mark.parametrize(
    ("sentence", "promo"), [(JA, PROMO_JA), (KO, PROMO_KO), (EN, PROMO_EN)], ids=["ja", "ko", "en"]
)
def test_a_whole_text_above_a_membership_promotion_is_an_article(sentence: str, promo: str) -> None:
    assert verdict(sentence * 2, sentence * 2, "社会部・佐藤", promo) is Status.OK
    assert verdict(promo, sentence * 2, sentence * 2) is Status.OK


@pytest.mark.parametrize(
    ("sentence", "promo"), [(JA, PROMO_JA), (KO, PROMO_KO), (EN, PROMO_EN)], ids=["ja", "ko", "en"]
)
def test_a_short_or_cut_text_above_a_promotion_is_a_teaser(sentence: str, promo: str) -> None:
    assert verdict(sentence, promo) is Status.PAYWALL
    assert verdict(sentence * 2, sentence.strip()[:-6] + "…", promo) is Status.PAYWALL
    assert verdict(sentence * 2, sentence * 2, promo, free=False) is Status.PAYWALL


@pytest.mark.parametrize(
    "words", ["この記事は有料会員限定です。", "残り820文字", "Subscribe to continue reading"]
)
def test_words_about_this_very_text_tell_a_teaser_from_any_short_text(words: str) -> None:
    assert verdict(JA * 4, words) is Status.PAYWALL


# ---------------------------------------------------------------- walls and feeds

COOKIES = (
    "We and our partners store and access information on your device to show advertising.",
    "You can accept or manage your choices at any time in the settings.",
    "Continue without tracking",
)
ROBOTS = "<h1>a.example</h1><p>Checking your browser. Verify you are human. Ray ID: 1f</p>"


def test_a_consent_notice_is_a_cookie_wall() -> None:
    assert verdict(*COOKIES) is Status.COOKIE_WALL
    body = "<div role=dialog>" + "".join(f"<p>{x}</p>" for x in COOKIES) + "</div>"
    assert extract(body).status is Status.COOKIE_WALL


def test_a_short_report_on_consent_is_an_article() -> None:
    report = (
        "The regulator fined a shop over personal data that it kept without consent. "
        "It said cookies were set before visitors had agreed, against the privacy policy."
    )
    assert verdict(report, "The firm will appeal against the decision.") is Status.OK


@pytest.mark.parametrize("page", [ROBOTS, "".join(f"<p>{x}</p>" for x in COOKIES)])
def test_a_summary_in_the_feed_leaves_a_barred_page_its_verdict(page: str) -> None:
    found = extract(page, feed_content=f"<p>{EN * 2}</p>")
    assert found.status in (Status.CHALLENGE, Status.COOKIE_WALL)


@pytest.mark.parametrize(("sentence", "times"), [(EN, 8), (JA, 9), (KO, 9)], ids=["en", "ja", "ko"])
def test_a_full_text_in_the_feed_stands_in_for_a_barred_page(sentence: str, times: int) -> None:
    found = extract(ROBOTS, feed_content=f"<p>{sentence * times}</p>")
    assert (found.status, found.method) == (Status.FEED_CONTENT, "feed")
