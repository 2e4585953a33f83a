"""Boxes between the paragraphs: what goes with them, and that the article goes on behind them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from extractors.boilerplate import clean_lines
from extractors.models import BlockKind, Line

OPENING = [
    "The council of Seaport voted on Monday to build the harbour wall anew, the mayor said.",
    "The work will begin next spring and cost about 40 million crowns, according to the council.",
]
GOING_ON = [
    "Fishermen who had asked for a new wall for thirty years were glad of it, but nobody could say "
    "who would pay for the stones, the cranes and the divers that it needs.",
    "The last wall stood for ninety years, and the storm that broke it in January carried eleven "
    "of its blocks as far as the lighthouse on the other side of the bay.",
]
ITEMS = ["Ferry sails again", "A lighthouse for sale", "Herring are back"]


def removed(texts: Sequence[str]) -> list[str]:
    blocks = clean_lines([Line(text=t) for t in texts]).blocks
    assert [b.text for b in blocks] == list(texts)
    return [b.text for b in blocks if b.kind is not BlockKind.BODY]


def test_paragraphs_in_a_row_behind_a_box_are_the_article() -> None:
    box = ["Related", *ITEMS]
    about = ["About the author", "Jane Roe covers ports and ferries for the Harbour Herald."]
    page = [*OPENING, *box, *GOING_ON, *about]
    assert removed(page) == [*box, *about]


def test_blurbs_under_headlines_of_their_own_are_a_list() -> None:
    listed = ["Related"]
    for item, blurb in zip(ITEMS, [*GOING_ON, GOING_ON[0][:120] + "."], strict=True):
        listed += [item, blurb]
    assert removed([*OPENING, *OPENING, *listed])[-len(listed) :] == listed


def test_one_very_long_paragraph_behind_a_box_is_the_article() -> None:
    sand = "Only then did the town see that the stones had been laid on nothing but sand and rope."
    long = " ".join([*GOING_ON, sand, "It did not like what it saw."])
    assert removed([*OPENING, "More on this story", *ITEMS, long]) == ["More on this story", *ITEMS]


def test_a_heading_whose_list_was_dropped_does_not_end_an_article_in_the_middle() -> None:
    page = [*OPENING, "Related stories", OPENING[0][:80] + "ly.", OPENING[1][:80] + "ing."]
    assert removed(page) == ["Related stories"]


def test_blurbs_in_a_row_under_a_heading_are_no_article_when_they_tell_of_other_things() -> None:
    story = [
        "산골의 한 초등학교가 문을 닫은 지 여섯 해 만에 마을 도서관으로 다시 태어났다.",
        "교실 네 칸을 튼 열람실에는 주말이면 이백 명 가까운 사람이 책을 빌리러 찾아온다.",
        "목수였던 주민이 책장을 짜고 읍내 서점이 책 삼천 권을 내놓아 도서관을 꾸렸다.",
    ]
    blurbs = [
        "시장이 방파제 철거 일정에 합의했다. 항구를 되살리기 위한 조건과 남은 과제를 짚어 본다.",
        "여객선 특별법이 의회를 통과했다. 첫 배는 언제 바다에 나올 수 있을지 전문가들에게 물었다.",
    ]
    assert removed([*story, "관련기사", *blurbs]) == ["관련기사", *blurbs]


def test_a_credit_with_a_copyright_sign_does_not_close_the_article() -> None:
    credit = "© Harbour Archive/Jane Roe"
    told = [text.replace("the", "their") for text in (*OPENING, *GOING_ON)]
    assert removed([*told, credit, *GOING_ON]) == [credit]


@pytest.mark.parametrize(
    "line",
    [
        "Sign up to Harbour Mornings",
        "Subscribe to our newsletter",
        "By signing up you agree to our terms of use.",
        "This article contains affiliate links. We may earn a commission.",
        "Listen to this article 5 min",
    ],
)
def test_invitations_and_notices_between_paragraphs_go(line: str) -> None:
    assert removed([*OPENING, line, *GOING_ON]) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "Newsletters are what the town reads",
        "A harbour without a wall",
        "“Subscribe to fear and you will never sail,” the old captain said.",
        "The app lets passengers book the ferry.",
    ],
)
def test_sub_headings_and_sentences_on_such_things_stay(line: str) -> None:
    assert removed([*OPENING, line, *GOING_ON]) == []


KOREAN = [
    "시장은 방파제를 다시 짓겠다고 밝혔다. 공사는 내년 봄에 시작되어 다섯 해가 걸릴 전망이다.",
    "어민들은 반겼지만 비용을 누가 낼지는 아무도 몰랐다고 한 주민이 말했다.",
]


@pytest.mark.parametrize(
    "block",
    [
        "관련기사 항구 수출 석 달째 늘어 방파제 공사 다시 시작",
        "관련기사 항구 수출 석 달째 늘어…역대 최고 눈앞 방파제 공사 다시 시작, 내년 봄 끝난다 "
        "여객선 요금 다음 달부터 오른다 등대 마지막 지기 은퇴 청어 떼 돌아왔다",
        "▶ 항구 수출 사상 최대 ▶ 방파제 공사 다시 시작 ▶ 등대 문 열다",
        '▶ [단독] 항구 공사비 문건 입수…시장 측 "사실 아니다"',
    ],
)
def test_a_related_block_on_one_line_goes_wherever_it_stands(block: str) -> None:
    assert removed([KOREAN[0], block, KOREAN[1]]) == [block]
    assert removed([*KOREAN, block]) == [block]


def test_a_line_that_says_who_speaks_and_quotes_in_another_language_stays() -> None:
    page = [
        "市长说，港口的防波堤将重建，工程明年春天开始，预计需要五年时间才能完成。",
        "渔民们都很高兴，但是没有人知道费用由谁来支付，一位居民这样告诉记者。",
        "局长回应时说：“We will not let cost be the reason that our boats stay on land.”",
    ]
    assert removed(page) == []
