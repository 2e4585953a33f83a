"""What the cleaner takes, what it leaves, and what it reads off the lines that it takes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from support.cleaning_texts import CHINESE, ENGLISH, JAPANESE, KOREAN, body, clean, removed

from extractors.boilerplate import Cleaned, clean_lines
from extractors.models import BlockKind, Line

# The shape of a tail that one outlet glues under its English articles: note, heading, blurbs.
JAPANESE_TAIL = [
    "この要約はAIが元の記事を基に作成したものです。誤りを含む可能性があります。",
    "関連記事",
    "島をめぐる船の欠航が続くなか、町は新しい桟橋を検討している。背景と課題を解説する。",
    "灯台の灯が百年ぶりに消える。守り人の証言から、その歴史を多角的に分析する。",
]


# --------------------------------------------------------------------------- shapes of the seeds
def test_a_copyright_line_goes() -> None:
    cleaned = clean([*ENGLISH, "Copyright ⓒ Harbour Press All rights reserved."])
    assert removed(cleaned) == ["Copyright ⓒ Harbour Press All rights reserved."]


def test_a_glued_head_becomes_date_and_title() -> None:
    cleaned = clean([" date 2026-01-26 Seaport to build its harbour wall anew", *ENGLISH])
    assert cleaned.title == "Seaport to build its harbour wall anew"
    assert cleaned.published == datetime(2026, 1, 26, tzinfo=UTC)
    assert body(cleaned) == ENGLISH


def test_a_head_glued_to_the_line_before_is_found_too() -> None:
    glued = "Copyright ⓒ Harbour Press All rights reserved. date 2026-01-26 Ferry sinks"
    cleaned = clean([*ENGLISH, glued, "Published: 26 Jan. 2026, 06:00"])
    assert body(cleaned) == ENGLISH
    assert cleaned.published == datetime(2026, 1, 26, 6, tzinfo=UTC)


def test_the_time_of_a_stamp_is_in_the_outlets_zone_when_it_is_known() -> None:
    lines = ["Published: 26 Jan. 2026, 06:00", *ENGLISH]
    assert clean(lines).published == datetime(2026, 1, 26, 6, tzinfo=UTC)
    in_seoul = clean(lines, zone=ZoneInfo("Asia/Seoul"))
    assert in_seoul.published == datetime(2026, 1, 25, 21, tzinfo=UTC)
    assert not in_seoul.published_zoned


def test_the_end_matter_of_a_translated_article_goes_and_is_kept_as_provenance() -> None:
    tail = [
        "This report first ran in Korean and was translated by our desk with the help of"
        " generative AI tools. It was then edited by a native speaker.",
        "BY HAN GA-RAM [[email protected]]",
        "with the Harbour Ilbo Daily",
        "To write comments, please log in first.",
        "House Policy (0/250자)",
    ]
    cleaned = clean([*ENGLISH, *tail])
    assert body(cleaned) == ENGLISH
    assert cleaned.provenance == ("ai-translated",)
    assert cleaned.author == "HAN GA-RAM"


@pytest.mark.parametrize("own", [ENGLISH, KOREAN, CHINESE, JAPANESE], ids=["en", "ko", "zh", "ja"])
def test_the_same_tail_goes_under_any_article(own: list[str]) -> None:
    cleaned = clean([*own, *JAPANESE_TAIL])
    assert body(cleaned) == own
    assert cleaned.provenance == ("ai-generated",)


def test_a_foreign_tail_without_any_mark_is_quarantined() -> None:
    tail = JAPANESE_TAIL[2:]
    cleaned = clean([*ENGLISH, *tail])
    assert [(b.kind, b.rule) for b in cleaned.blocks if b.text in tail] == [
        (BlockKind.QUARANTINE, "language:foreign-tail")
    ] * 2
    assert cleaned.language == "en"


def test_a_korean_article_does_not_take_japanese_for_its_own_script() -> None:
    cleaned = clean([*KOREAN, JAPANESE_TAIL[3], JAPANESE_TAIL[0], JAPANESE_TAIL[2]])
    assert body(cleaned) == KOREAN


# ---------------------------------------------------------------- foreign lines that stay
@pytest.mark.parametrize(
    "lines",
    [
        [*ENGLISH[:2], "「港は私たちの命だ。壁がなければ町は残らない」", *ENGLISH[2:]],
        [*ENGLISH, "The statement reads as follows:", *KOREAN],
        [*ENGLISH[:2], KOREAN[0], *ENGLISH[2:]],
        [line for pair in zip(ENGLISH, KOREAN, strict=False) for line in pair],
        [*ENGLISH, "Full text of the joint statement", *JAPANESE],
        [*ENGLISH, "Korean text", *KOREAN],
        [*KOREAN, "시장은 다음과 같이 밝혔다.", *ENGLISH[:2]],
    ],
    ids=["quoted", "introduced", "between", "bilingual", "full text", "labelled", "said"],
)
def test_a_foreign_passage_that_belongs_to_the_article_stays(lines: list[str]) -> None:
    assert removed(clean(lines)) == []


# --------------------------------------------------------------------------- look-alikes that stay
@pytest.mark.parametrize(
    "lines",
    [
        ["SEAPORT, Jan. 26 (Yonhap) -- " + ENGLISH[0], *ENGLISH[1:]],
        ["(서울=연합뉴스) 한가람 기자 = " + KOREAN[0], *KOREAN[1:]],
        ["【ソウル聯合ニュース】" + JAPANESE[0], *JAPANESE[1:]],
        ["新华社海港1月26日电 " + CHINESE[0], *CHINESE[1:]],
        ["【記者王港／台北報導】" + CHINESE[0], *CHINESE[1:]],
    ],
    ids=["yonhap en", "yonhap ko", "yonhap ja", "xinhua", "taipei"],
)
def test_a_dateline_is_body_and_names_the_agency(lines: list[str]) -> None:
    cleaned = clean(lines)
    assert removed(cleaned) == []
    if "記者" not in lines[0]:
        assert cleaned.provenance[0] == "wire"


def test_speakers_of_an_interview_are_not_links() -> None:
    lines = [
        KOREAN[0], "▶인터뷰 : 한가람 / 선장", "\"저희는 방파제가 없으면 배를 댈 수가 없습니다.\"",
        "▷김가람 : 그렇군요.", "▶한가람 : 네, 그렇습니다.", "[앵커]", KOREAN[1], KOREAN[2],
    ]  # fmt: skip
    assert removed(clean(lines)) == []


def test_talk_about_a_cue_stays() -> None:
    lines = [
        ENGLISH[0],
        "The paper had printed “All rights reserved” under every picture since 1901.",
        "By noon somebody had painted the words “Related articles” on the harbour wall.",
        "Follow-up questions about copyright law were not answered by the council on Monday.",
        ENGLISH[3],
    ]
    assert removed(clean(lines)) == []


@pytest.mark.parametrize(
    ("article", "line"),
    [
        (
            JAPANESE,
            "成果は国際的な科学誌の電子版に掲載された。チームは来春、別の海でも調べる予定だ。",
        ),
        (JAPANESE, "組合は公式アカウントで謝罪し、船の運航を今月の末まで取りやめると説明した。"),
        (KOREAN, "경찰은 그가 운영하던 유튜브 채널과 배의 항해 기록을 함께 살펴보고 있다."),
    ],
)
def test_a_report_about_an_edition_or_a_channel_is_no_invitation(
    article: list[str], line: str
) -> None:
    assert removed(clean([*article, line])) == []


def test_an_invitation_in_the_polite_form_goes() -> None:
    line = "電子版では全ての記事を読むことができます。お申し込みは電子版のページからお願いします。"
    assert removed(clean([*JAPANESE, line])) == [line]


def test_a_short_first_sentence_with_date_and_time_stays() -> None:
    for line in ("3日午前7時2分ごろ、地震がありました。", "1月26日、港で火事があった。"):
        assert removed(clean([line, *JAPANESE])) == []


def test_a_sentence_may_end_in_an_abbreviation() -> None:
    line = "The next ferry will leave the old pier at 5 p.m."
    assert removed(clean([*ENGLISH, line])) == []
    for label in ("Updated Monday at 5 p.m.", "Seaport Pier and Ferry Holding Co."):
        assert removed(clean([*ENGLISH, label])) == [label]


def test_the_mark_of_the_first_speaker_stays() -> None:
    lines = ["[앵커]", KOREAN[0], "[기자]", *KOREAN[1:]]
    assert removed(clean(lines)) == []


@pytest.mark.parametrize("lines", [ENGLISH, KOREAN, CHINESE])
def test_a_stamp_behind_the_name_of_a_section_goes(lines: list[str]) -> None:
    for stamp in ("All News 2026-01-26 13:14", "2026-01-26 09:41 来源：港口早报 字号：大 中 小"):
        cleaned = clean([stamp, *lines])
        assert body(cleaned) == lines
        assert cleaned.published is not None


def test_tables_and_lists_inside_the_text_stay() -> None:
    prices = [f"Pier {n}: {n * 12}.5 crowns" for n in range(1, 12)]
    names = ["Ada Brook", "Ben Carr", "Cleo Dunn", "Dov Eker", "Eve Fox", "Finn Gale", "Gus Hart",
             "Hal Ives", "Ina Jost", "Jon Kerr"]  # fmt: skip
    assert removed(clean([*ENGLISH[:2], *prices, *ENGLISH[2:]])) == []
    assert removed(clean([*ENGLISH[:2], *names, *ENGLISH[2:]])) == []
    assert removed(clean([*ENGLISH, *prices])) == []


def test_sub_headings_stay() -> None:
    lines = [
        ENGLISH[0],
        "A wall for the harbour",
        ENGLISH[1],
        ENGLISH[2],
        "Who will pay",
        ENGLISH[3],
    ]
    assert removed(clean(lines)) == []


# --------------------------------------------------------------------------- what goes
def test_everything_behind_a_related_heading_goes() -> None:
    tail = ["Related articles", "Ferry sinks in harbour", "Mayor of Seaport steps down"]
    assert body(clean([*ENGLISH, *tail])) == ENGLISH


def test_headlines_with_blurbs_behind_a_heading_go_though_they_are_long() -> None:
    tail = ["SeaportNews.example Top Stories"]
    for n in range(6):
        tail += [
            f"Ferry number {n} sinks in the harbour",
            f"The ferry that carried {n} passengers sank in the harbour on Sunday night, and the"
            " council has asked the captain to explain what had happened to the rudder.",
        ]
    assert body(clean([*ENGLISH, *tail])) == ENGLISH


def test_a_box_inside_the_article_does_not_end_it() -> None:
    lines = [*ENGLISH[:2], "Read more", "Ferry sinks in harbour", *ENGLISH[2:]]
    assert removed(clean(lines)) == ["Read more", "Ferry sinks in harbour"]


def test_a_menu_before_and_a_footer_behind_the_article_go() -> None:
    menu = ["Home", "News", "World", "Harbour", "Fishing", "Weather", "Tides", "Opinion", "Shop"]
    footer = ["About us", "Contact", "Privacy policy", "Jobs"]
    assert body(clean([*menu, *ENGLISH, *footer])) == ENGLISH


def test_the_second_copy_of_the_article_goes() -> None:
    cleaned = clean([*ENGLISH, "Share", *ENGLISH])
    assert [b.kind is BlockKind.BODY for b in cleaned.blocks] == [True] * 4 + [False] * 5


def test_a_notice_glued_to_the_last_paragraph_is_cut_off() -> None:
    last = ENGLISH[3] + " (c) 2026 Harbour Herald"
    cleaned = clean([*ENGLISH[:3], last])
    assert body(cleaned) == ENGLISH
    assert removed(cleaned) == ["(c) 2026 Harbour Herald"]


def test_whole_line_links_go_outside_the_text() -> None:
    lines = [Line(text=text) for text in ENGLISH]
    lines.append(Line(text="The ferry that sank on Sunday night had been old.", link_share=1.0))
    cleaned = clean_lines(lines)
    assert [b.rule for b in cleaned.blocks if b.kind is not BlockKind.BODY] == ["general:link-line"]


def test_the_title_is_taken_only_outside_the_text() -> None:
    cleaned = clean(["Seaport builds a wall", *ENGLISH], title="Seaport builds a wall")
    assert removed(cleaned) == ["Seaport builds a wall"]


# --------------------------------------------------------------------------- bounds
@pytest.mark.parametrize("sign", ["a", " ", "“", "가", "の漢", "#a ", "a | ", "By A ", "\0", ". "])
def test_a_line_of_a_megabyte_is_one_block(sign: str) -> None:
    text = ENGLISH[0] + sign * (1_000_000 // len(sign)) + "."
    cleaned = clean([*ENGLISH[1:], text])
    assert "".join(b.text for b in cleaned.blocks[3:]) == text


def test_an_empty_page_has_no_blocks_and_no_language() -> None:
    assert clean(["", "   ", "\n"]) == Cleaned(blocks=(), language="und")
