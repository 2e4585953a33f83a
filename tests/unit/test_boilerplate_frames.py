"""What portals and sites print around articles, and what looks like it and is the article."""

from __future__ import annotations

from collections import Counter

import pytest
from support.cleaning_texts import CHINESE, ENGLISH, JAPANESE, KOREAN, body, clean, removed

from extractors import page_shapes
from extractors.boilerplate import clean_lines
from extractors.models import Line
from extractors.page_rows import PageRow


# --------------------------------------------------------------------------- goes
@pytest.mark.parametrize(
    ("article", "menu"),
    [
        (ENGLISH, "Local Politics Business Opinion Sports"),
        (JAPANESE, "トップ 速報 政治 経済 社会 スポーツ"),
        (CHINESE, "即時 要聞 娛樂 運動 社會 國際"),
        (KOREAN, "정치 | 경제 | 사회 | 문화 | 스포츠"),
    ],
)
def test_names_of_sections_in_a_row_go_beside_the_article(article: list[str], menu: str) -> None:
    assert removed(clean([menu, *article])) == [menu]


def test_words_that_happen_to_name_sections_stay_inside_the_article() -> None:
    line = "politics business sports opinion"
    assert removed(clean([*ENGLISH[:2], line, *ENGLISH[2:]])) == []


@pytest.mark.parametrize(
    ("article", "title"),
    [
        (JAPANESE, "港の壁を建て直し　市が来春に着工｜港プレス"),
        (CHINESE, "港口防波堤明年春天重建_港口新闻网"),
        (ENGLISH, "Seaport to build harbour wall anew - Seaport Herald"),
        (KOREAN, "방파제 다시 짓는다 | 항구일보"),
    ],
)
def test_the_title_of_the_page_goes(article: list[str], title: str) -> None:
    assert removed(clean([title, *article])) == [title]


@pytest.mark.parametrize(
    "headline", ["Seaport to build harbour wall anew", "Wall or no wall - what the council wants"]
)
def test_a_headline_without_the_name_of_a_site_stays(headline: str) -> None:
    assert removed(clean([headline, *ENGLISH])) == []


def test_a_pull_quote_goes_and_the_paragraph_stays() -> None:
    pulled = "We have waited for this for thirty years"
    cleaned = clean([*ENGLISH[:3], pulled, *ENGLISH[3:]])
    assert removed(cleaned) == [pulled]
    assert body(cleaned) == ENGLISH


# --------------------------------------------------------------------------- stays
@pytest.mark.parametrize(
    ("article", "line"),
    [
        (KOREAN, "신문사가 붙인 '무단 전재 및 재배포 금지' 문구를 두고 법원의 판단이 나왔다."),
        (KOREAN, "법원은 짧은 기사는 저작권법의 보호를 받지 못한다고 판단했다."),
        (JAPANESE, "著作権法は図書館での複製を幅広く認めている、と裁判長は述べた。"),
    ],
)
def test_a_report_about_copyright_is_no_notice(article: list[str], line: str) -> None:
    assert removed(clean([line, *article])) == []


@pytest.mark.parametrize(
    ("article", "question"),
    [(CHINESE, "記者：會不會加開渡輪？"), (JAPANESE, "記者：費用はいくらですか？")],
)
def test_what_an_interviewer_asks_is_no_byline(article: list[str], question: str) -> None:
    assert removed(clean([*article[:1], question, *article[1:]])) == []


@pytest.mark.parametrize(
    ("article", "table"),
    [
        (
            KOREAN,
            ["◇ 8일 전적", "항구 5-4 등대", "나루 2-7 섬돌", "포구 0-1 물결",
             "▲ 홈런 = 홍가람(3회 2점)"],
        ),
        (
            JAPANESE,
            ["記", "1 目的", "港の警備の向上", "2 方法", "机上訓練、実動訓練", "3 経費",
             "市の予算による", "4 参加部隊", "(1)巡視船 2隻", "(2)消防艇 1隻"],
        ),
    ],
)  # fmt: skip
def test_a_table_or_numbered_list_behind_the_last_sentence_stays(
    article: list[str], table: list[str]
) -> None:
    assert removed(clean([*article, *table])) == []


def test_results_under_their_headings_stay_before_the_first_sentence() -> None:
    results = ["Class 4A", "Seaport 27, Eastlake 24", "Class 3A", "Pine Ridge 14, Dunmore 13"]
    assert removed(clean([*results, *ENGLISH])) == []


@pytest.mark.parametrize("article", [KOREAN, ENGLISH])
def test_a_related_box_in_another_language_does_not_end_the_article(article: list[str]) -> None:
    heading = "関連記事"
    blurb = "灯台の灯が百年ぶりに消える。守り人の証言から、その歴史を分析する。"
    cleaned = clean([*article[:2], heading, blurb, *article[2:]])
    assert body(cleaned) == article


def test_a_point_of_a_list_is_no_copyright_notice() -> None:
    line = "(c) yard modernization and a second slipway."
    assert removed(clean([*ENGLISH[:2], line, *ENGLISH[2:]])) == []


@pytest.mark.parametrize("article", [ENGLISH[:2], KOREAN[:2]])
def test_a_tail_in_another_language_does_not_become_the_article_of_a_short_report(
    article: list[str],
) -> None:
    tail = [
        "関連記事",
        "島をめぐる船の欠航が続くなか、町は新しい桟橋を検討している。その背景と残された課題を解説する。",
        "灯台の灯が百年ぶりに消える。守り人の証言から、港町の歴史を多角的に分析する。",
        "港の魚の値段が二割上がる一方、漁師の数は減り続けている。その理由と見通しをまとめる。",
    ]
    cleaned = clean([*article, *tail])
    assert body(cleaned) == article
    assert cleaned.language == ("en" if article[0] == ENGLISH[0] else "ko")


def test_an_article_in_the_language_of_its_heading_of_links_keeps_its_language() -> None:
    notice = "We use cookies to make this site work better for you."
    cleaned = clean([notice, *JAPANESE, "関連記事", "灯台の灯が百年ぶりに消える"])
    assert cleaned.language == "ja"
    assert [line for line in body(cleaned) if line in JAPANESE] == JAPANESE


@pytest.mark.parametrize("line", ["Row {n} of the list 5-4", "{n}. Point of the mayor's plan"])
def test_a_list_of_any_length_behind_the_article_is_read_once(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of 20,000 such lines took minutes when each length of the table was tried apart."""
    looked = Counter[int]()
    figures = page_shapes._has_figures

    def count(row: PageRow) -> bool:
        looked[id(row)] += 1
        return figures(row)

    monkeypatch.setattr(page_shapes, "_has_figures", count)
    opening = "The council voted on Monday to build the harbour wall anew, the mayor said."
    lines = [opening] + [line.format(n=n) for n in range(1, 61)]
    cleaned = clean_lines([Line(text=text) for text in lines])
    assert cleaned.body.count("\n") == 60
    assert looked and max(looked.values()) <= 3


def test_a_page_of_very_many_paragraphs_is_not_searched_for_pull_quotes() -> None:
    phrase = "waited for this harbour wall for thirty long years"
    told = [f"The people of pier {n} have {phrase}, said the mayor of it." for n in range(600)]
    few = clean_lines([Line(text=text) for text in [*told[:20], phrase, *told[20:40]]])
    assert [b.rule for b in few.blocks if b.rule] == ["general:pull-quote"]
    many = clean_lines([Line(text=text) for text in [*told[:300], phrase, *told[300:]]])
    assert not [b.rule for b in many.blocks if b.rule]
