"""The day that a report names, in the way of each language."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from extractors.days import days_of

WEDNESDAY = datetime(2026, 3, 18, 23, 30, tzinfo=UTC)  # a Thursday in Seoul already


@pytest.mark.parametrize(
    ("language", "text", "days"),
    [
        ("ko", "국방부 장관은 18일 국회에서 지난 16일 회의를 설명했다.", (18, 16)),
        ("ko", "회의는 3월 18일 열렸다.", (18,)),
        ("ko", "훈련은 11일간 이어졌고 3일째 비가 왔다. 13~15일 쉰다. 5일 동안, 7일 만에.", ()),
        ("ja", "国防相は18日、ソウルで16日の会談について述べた。", (18, 16)),
        ("ja", "訓練は11日間続き、3日目に中止された。5日ぶり、10日後。", ()),
        ("zh-Hans", "国防部长3月18日说，17日的会谈很顺利。", (18, 17)),
        ("zh-Hant", "國防部長3月18號表示，訓練持續11日間，2號艦出港。", (18,)),
        ("en", "The minister said Tuesday that talks held on March 12 went well.", (17, 12)),
        ("en", "He spoke on Thursday; the 12 March talks cost 30,000 won.", (19, 12)),
        ("en", "Friday's vote came after a week of talks.", (13,)),
        ("en", "In May 2026 the May 2,500 men came.", ()),
        ("fr", "Le ministre a parlé le 18 mars.", ()),
    ],
)
def test_the_days_that_a_text_names(language: str, text: str, days: tuple[int, ...]) -> None:
    assert days_of(text, language, WEDNESDAY) == days


def test_a_weekday_says_nothing_without_a_date_and_may_lie_a_day_ahead() -> None:
    assert days_of("The minister said Tuesday.", "en") == ()
    assert days_of("It starts Thursday.", "en", WEDNESDAY) == (19,)


def test_a_week_may_cross_the_end_of_a_month() -> None:
    assert days_of("He said on Sunday.", "en", datetime(2026, 3, 2, 1, tzinfo=UTC)) == (1,)
    assert days_of("He said on Saturday.", "en", datetime(2026, 3, 2, 1, tzinfo=UTC)) == (28,)
