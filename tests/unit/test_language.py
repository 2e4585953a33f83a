"""Language tags: scripts, codecs, words, hints; the same answer in every run and thread."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from extractors.language import (
    article_language,
    base_language,
    normalize_language,
    tag_language,
)
from extractors.language_engines import set_default_engine

JUNK = [
    "", " ", "\n", "123,456", "06:00", "2026-01-26", "https://harbour.example/a?b=c", "...", "—",
    "▲", "😀😀", "@harbour", "#1", "(0/250)", "$5.5", "%", "\0", "\ud800", "\u200b", "***", "1/2",
    "www.harbour.example", "desk@harbour.example", "ⓒ", "①②", "∑∫", "→", "a", "A", "+", "×", "|",
    "()", "「」", "・", "々", "ー", "٣", "१", "\ufeff", "_", "=", "\t", "00", "12:30 PM",
]  # fmt: skip

KNOWN = [
    ("관련기사", "ko"),
    ("関連記事", "ja"),
    ("相关阅读", "zh-Hans"),
    ("延伸閱讀", "zh-Hant"),
    ("항구의 방파제가 무너졌다", "ko"),
    ("港の壁が崩れたと市が発表した。", "ja"),
    ("市长说，港口的防波堤已经倒塌。", "zh-Hans"),
    ("市長說，港口的防波堤已經倒塌。", "zh-Hant"),
    ("The wall of the harbour has fallen, the mayor said.", "en"),
    ("Le mur du port est tombé, a déclaré le maire hier soir.", "fr"),
    ("Die Mauer des Hafens ist gefallen, sagte der Bürgermeister.", "de"),
    ("El muro del puerto ha caído, dijo la alcaldesa.", "es"),
    ("Стена порта упала, сказал мэр города.", "ru"),
    ("Стіна порту впала, сказав мер міста.", "uk"),
    ("Bức tường của cảng đã sập, thị trưởng cho biết.", "vi"),
    ("Το τείχος του λιμανιού έπεσε.", "el"),
    ("กำแพงท่าเรือพังลงแล้ว", "th"),
    ("سقط جدار الميناء كما قالت رئيسة البلدية", "ar"),
    ("חומת הנמל נפלה", "he"),
]
JAPANESE_HEADLINES = [
    "首相訪米延期", "日銀追加利上見送", "関東甲信大雪警報発表", "防衛省新型艦建造開始",
    "東証大幅続落", "与党内慎重論拡大", "県警巡査部長逮捕", "韓国大統領会見詳報",
    "原発再稼働差止決定", "新型気象衛星打上成功", "選手団帰国会見", "円安進行株価続伸",
]  # fmt: skip
ENGLISH = "The council voted on the harbour wall on Monday, and the mayor said it would hold. "


@pytest.mark.parametrize("text", JUNK)
def test_what_carries_no_language_is_und_and_never_raises(text: str) -> None:
    tag = tag_language(text)
    assert tag.lang in ("und", "ja", "zh-Hans", "zh-Hant", "ar", "hi")
    assert article_language([text]) in ("und", tag.lang)


@pytest.mark.parametrize("text", ["123,456", "06:00", "", "https://harbour.example/a", "OPCON"])
def test_numbers_addresses_and_one_abbreviation_are_und(text: str) -> None:
    assert tag_language(text).lang == "und"


@pytest.mark.parametrize(("text", "lang"), KNOWN)
def test_a_line_of_one_language_is_told(text: str, lang: str) -> None:
    assert tag_language(text).lang == lang


def test_headlines_in_kanji_only_are_japanese_with_the_feeds_hint() -> None:
    right = [t for t in JAPANESE_HEADLINES if tag_language(t, "ja-JP").lang == "ja"]
    assert len(right) == len(JAPANESE_HEADLINES)


def test_a_hint_does_not_outvote_the_text() -> None:
    assert tag_language(ENGLISH, "ko").lang == "en"
    assert tag_language("항구의 방파제가 무너졌다", "en").lang == "ko"
    assert tag_language("市长说，港口的防波堤已经倒塌。", "ja").lang == "zh-Hans"


def test_a_hint_decides_what_is_too_short() -> None:
    assert tag_language("Harbour wall", "fr").lang == "fr"
    assert base_language(tag_language("太陽誘電", "ja").lang) == "ja"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("zh_TW", "zh-Hant"), ("zh-cn", "zh-Hans"), ("ja-JP", "ja"), ("kr", "ko"), ("en-US", "en"),
        ("", None), (None, None), ("x-default", None), ("und", None), ("zh-Hant-HK", "zh-Hant"),
    ],
)  # fmt: skip
def test_hints_in_any_spelling_are_understood(raw: str | None, expected: str | None) -> None:
    assert normalize_language(raw) == expected


def test_fifty_runs_in_any_order_give_the_same_tags() -> None:
    texts = [text for text, _ in KNOWN] + JAPANESE_HEADLINES
    first = {text: tag_language(text) for text in texts}
    for n in range(50):
        turned = texts[n % len(texts) :] + texts[: n % len(texts)]
        assert {text: tag_language(text + " " * (n % 3)).lang for text in turned} == {
            text: tag.lang for text, tag in first.items()
        }


def test_eight_cold_threads_give_the_same_tags_as_one() -> None:
    program = """
import sys
from concurrent.futures import ThreadPoolExecutor
from extractors.language import tag_language
texts = ["Mitarbeitende fordern Lohnerhoehungen", "Regering presenterar budgetfoerslag",
         "Kabinet presenteert begrotingsvoorstel", "Governo apresenta proposta orcamental"] * 4
with ThreadPoolExecutor(8) as pool:
    print(",".join(t.lang for t in pool.map(tag_language, texts)))
"""
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    }
    with ThreadPoolExecutor(1) as pool:
        texts = [
            "Mitarbeitende fordern Lohnerhoehungen", "Regering presenterar budgetfoerslag",
            "Kabinet presenteert begrotingsvoorstel", "Governo apresenta proposta orcamental",
        ] * 4  # fmt: skip
        alone = ",".join(t.lang for t in pool.map(tag_language, texts)) + "\n"
    assert runs == {alone}


def test_a_tag_says_how_it_was_found() -> None:
    tag = tag_language("항구의 방파제가 무너졌다")
    assert (tag.lang, tag.method, tag.letters) == ("ko", "script", 11)
    assert tag.share == 1.0
    assert tag_language(ENGLISH).method == "words"


@pytest.mark.parametrize(
    "foreign",
    [
        "港の壁が崩れたと市が発表した。",
        "항구의 방파제가 무너졌다고 시가 밝혔다.",
        "市长说，港口的防波堤已经倒塌。",
    ],
)
@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4])
def test_an_article_is_in_the_language_it_opens_in(foreign: str, share: float) -> None:
    own = [ENGLISH.strip()] * 12
    count = int(share / (1 - share) * sum(map(len, own)) / len(foreign))
    assert article_language([*own, *[foreign] * count]) == "en"


def test_quotations_do_not_make_the_language() -> None:
    lines = [
        "市は会見で次のように述べた。港の工事は来年の春に始まる見通しである。",
        "“" + ENGLISH * 3 + "”",
        "工事には五年かかると担当者は説明し、住民に理解を求めている。",
    ]
    assert article_language(lines) == "ja"


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="one of hybrid, py3langid"):
        set_default_engine("oracle")
