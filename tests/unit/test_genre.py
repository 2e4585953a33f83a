"""Headlines that call their text comment or background, and reports that use the same words."""

from __future__ import annotations

import pytest

from extractors.genre import is_comment
from extractors.stories import COMMENT, compare, make_clues

COMMENTS = [
    "Analysis: what the transfer would change for the combined command",
    "Opinion | The alliance needs a plan, not a date",
    "Who commands in war? - Editorial",
    "Fuel for submarines explained: the law, the money, the treaties",
    "Why a reactor at sea needs its own safeguards",
    "[사설] 전작권 전환, 서두를 일 아니다",
    "【그래픽 해설】 핵추진잠수함은 무엇이 다른가",
    "[한반도 인사이드] 핵연료 협상 왜 늦어지나",
    "김 교수 인터뷰 “억제력은 동맹에서 나온다”",
    "해군력 증강의 그늘 | 특집",
    "社説：統制権の移管に問われる準備",
    "（論説）原潜をめぐる議論の前に",
    "原子力潜水艦とは何か　燃料と規制を読む",
    "なぜいま統制権か",
    "【詳しく解説】潜水艦の燃料",
    "社评：半岛需要的不是潜艇",
    "战时指挥权为何难以移交",
    "深度｜核潜艇燃料从哪里来",
    "专访前驻韩大使",
    "뉴스해설: 연합사 지휘구조가 바뀌면",
    "ニュース解説：統制権とは別の争点",
    "国际锐评｜潜艇交易的代价",
    "科普：低浓缩铀与高浓缩铀",
]
REPORTS = [
    "Seoul sets timeline for transfer of wartime control",
    "Ministers agree on background checks for shipyard workers",
    "Navy opens review of submarine accident",
    "Lee explains delay in talks on fuel",
    "Background-check law for shipyards passes Senate",
    "Feature-length film on the alliance opens in Busan",
    "Frigate order (under policy review) goes to Geoje",
    "기획재정부, 내년 예산안 발표",
    "합참 “발사체 분석 중”",
    "역사 왜곡 교과서에 항의",
    "왜관서 미군 훈련",
    "戦時作戦統制権の移管、年内に能力検証を完了",
    "衛星画像を分析、新型潜水艦の進水か",
    "指揮権の移管、第2段階（能力検証）を完了",
    "首相、移管することは時期尚早と答弁",
    "韩国国防部长视察潜艇基地",
    "中国军方观察员出席联合演习",
    "香山论坛：多国防长谈海上安全",
    "能力検証：第2段階が完了",
]


@pytest.mark.parametrize("headline", COMMENTS)
def test_a_headline_that_labels_its_text_is_known(headline: str) -> None:
    assert is_comment(headline)


@pytest.mark.parametrize("headline", REPORTS)
def test_the_same_words_in_a_report_are_no_label(headline: str) -> None:
    assert not is_comment(headline)


def test_a_comment_is_noted_beside_a_report_and_beside_another_comment() -> None:
    report = make_clues("Seoul and Washington agree on OPCON date", "The ministers met.", "en")
    comment = make_clues("Opinion: an OPCON date is no plan", "The ministers met.", "en")
    assert COMMENT in comment
    assert compare(report, comment).comment
    assert not compare(report, report).comment
    assert compare(comment, comment).comment
    assert COMMENT not in compare(comment, comment).shared
