"""Origins: a credit is told from a quotation."""

from __future__ import annotations

import pytest

from extractors.models import Article, Block, BlockKind, RawDocument
from extractors.origins import agency_of, credited_agency


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("SEOUL, March 2 (Yonhap) -- Talks began on Monday.", "yonhap"),
        ("LONDON (Reuters) - Talks began on Monday.", "reuters"),
        ("TOKYO — (AP) — Talks began.", "ap"),
        ("(서울=연합뉴스) 김하나 기자 = 협상이 시작됐다.", "yonhap"),
        ("[서울=뉴시스] 이두리 기자 = 협상이 시작됐다.", "newsis"),
        ("【ソウル共同】協議が始まった。", "kyodo"),
        ("[ソウル　２日　ロイター] - 協議が始まった。", "reuters"),
        ("【ソウル聯合ニュース】協議が始まった。", "yonhap"),
        ("協議が月曜日に始まった。詳細は不明だ。（時事）", "jiji"),
        ("新华社首尔3月2日电 会谈周一开始。", "xinhua"),
        ("（中央社記者王小明台北2日電）會談週一開始。", "cna"),
        ("Talks began.\nReporting by Ann Poe; Editing by Bob Roe", "reuters"),
        ("会谈周一开始。\n来源：新华社", "xinhua"),
        ("협상이 시작됐다.\n출처: 연합뉴스", "yonhap"),
        ("Talks began on Monday, Reuters reported, citing Kyodo.", None),
        ("조선중앙통신은 협상이 시작됐다고 보도했다.", None),
        ("共同通信によると、協議が始まった。", None),
        ("据路透社报道，会谈周一开始。", None),
        ("Leaders of APEC met; the CNAS think tank (CNAS) said so.", None),
        ("The Conversation began on Monday (a holiday) -- in a hall.", None),
        ("", None),
    ],
)  # fmt: skip
def test_an_agency_is_credited_by_place_not_by_mention(body: str, expected: str | None) -> None:
    assert agency_of(body) == expected


@pytest.mark.parametrize(
    ("author", "expected"),
    [("Reuters", "reuters"), ("By Ann Poe, Associated Press", "ap"), ("AFP=時事", "afp"),
     ("연합뉴스", "yonhap"), ("Ann Poe", None), ("Apple Staff", None), (None, None)],
)  # fmt: skip
def test_a_byline_can_credit_an_agency(author: str | None, expected: str | None) -> None:
    assert agency_of("Talks began.", author=author) == expected


@pytest.mark.parametrize(
    ("outlet", "expected"),
    [("Reuters", "reuters"), ("Yonhap News", "yonhap"), ("AP News", "ap"), ("The Desk", None),
     ("Bloomberg Businessweek Poland", None)],
)  # fmt: skip
def test_an_agency_is_the_origin_of_its_own_site(outlet: str, expected: str | None) -> None:
    assert agency_of("Talks began.", outlet=outlet) == expected


def test_a_copyright_line_that_was_removed_from_the_body_still_credits() -> None:
    article = Article(
        doc=RawDocument(doc_id="1"), title="Talks", url=None, canonical_url=None, outlet="The Desk",
        author=None, section=None, published_at=None, language="en",
        blocks=(
            Block(text="Talks began on Monday."),
            Block(text="© 2026 AFP", kind=BlockKind.BOILERPLATE),
        ),
    )  # fmt: skip
    assert credited_agency(article) == "afp"
