"""Sketches: copies are told from new texts, templates are not taken for copies."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys

import pytest
from support.fold_texts import article, edited, market_wrap

from extractors.sketch import are_akin, is_revised, make_sketch, verify

LANGUAGES = ("en", "ko", "ja", "zh")


def level(a: str, b: str, *, same_outlet: bool = False) -> str | None:
    return verify(make_sketch(a), make_sketch(b), same_outlet=same_outlet).level


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_is_a_copy_of_itself_whatever_its_form(language: str) -> None:
    text = article(1, language)
    wide = text.upper().replace("\n", "  \n\n ")
    assert make_sketch(text).exact == make_sketch(wide).exact
    assert level(text, wide) == "copy"


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_articles_are_no_copies(language: str) -> None:
    assert level(article(1, language), article(2, language)) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_copy_with_foreign_boilerplate_around_it_is_found(language: str) -> None:
    text = article(3, language)
    other = "en" if language != "en" else "ja"
    assert level(text, f"{text}\n{article(9, other, 5)}") == "copy"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_copy_cut_to_its_first_third_is_found(language: str) -> None:
    text = article(4, language, 18)
    assert level(text, "\n".join(text.split("\n")[:6])) == "copy"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lightly_edited_text_is_a_copy(language: str) -> None:
    text = article(5, language)
    assert level(text, edited(text, 0.04)) == "copy"


def test_a_heavily_edited_text_is_a_version() -> None:
    text = article(6, "en")
    assert level(text, edited(text, 0.22)) == "thread"


def test_another_article_that_shares_its_second_half_is_none() -> None:
    background = article(7, "en", 6)
    first, second = article(8, "en", 8), article(9, "en", 8)
    assert level(f"{first}\n{background}", f"{second}\n{background}") is None


@pytest.mark.parametrize("same_outlet", [True, False])
def test_daily_templates_are_not_copies_of_each_other(same_outlet: bool) -> None:
    days = [market_wrap(day) for day in range(1, 21)]
    levels = {level(a, b, same_outlet=same_outlet) for n, a in enumerate(days) for b in days[:n]}
    assert levels == {None}


def test_a_template_is_kept_apart_by_its_numbers_only() -> None:
    verdict = verify(make_sketch(market_wrap(3)), make_sketch(market_wrap(5)))
    assert verdict.con > 0.3
    assert verdict.lead > 0.4
    assert verdict.reason["rule"] == "the numbers differ"


def test_a_short_template_with_three_numbers_is_kept_apart_too() -> None:
    text = (
        "気象台によると、震源の深さは{}キロ、地震の規模は{}と推定される。津波の心配はない。\n"
        "最大の震度{}を県の一部で観測した。揺れの強かった所では落石や崖崩れに注意してほしい。"
    )
    assert level(text.format(40, "4.0", 3), text.format(90, "5.2", 5)) is None
    assert level(text.format(40, "4.0", 3), text.format(40, "4.6", 3), same_outlet=True) is None
    assert level(text.format(40, "4.0", 3), text.format(40, "4.0", 3) + "取材が続く。") == "copy"


def test_a_corrected_figure_leaves_a_text_a_copy() -> None:
    text = market_wrap(3)
    assert level(text, text.replace("trillion won", "billion won")) == "copy"


def test_reordered_paragraphs_with_numbers_are_a_copy() -> None:
    lines = market_wrap(4).split("\n")
    assert level("\n".join(lines), "\n".join([lines[0], *reversed(lines[1:])])) == "copy"


def test_short_texts_must_be_nearly_equal() -> None:
    a = "The minister will speak on Monday about the plan, his office said in a short notice."
    b = "The minister will speak on Friday about the budget, his office said in a short notice."
    assert level(a, b) is None
    assert level(a, a) == "copy"


def test_a_line_that_another_text_contains_is_no_copy_of_it() -> None:
    line = "Read the full statement of the ministry below."
    assert level(line, f"{line}\n{article(14)}") is None


def test_texts_without_words_equal_nothing() -> None:
    empty = make_sketch(" \n — … ")
    assert empty.hashes == ()
    assert verify(empty, empty).level is None
    assert verify(empty, make_sketch(article(1))).level is None


def test_a_verdict_says_why() -> None:
    text = article(5, "en")
    reason = verify(make_sketch(text), make_sketch(edited(text, 0.04))).reason
    assert set(reason) == {"rule", "con", "lead", "jac", "num"}


def test_versions_of_one_text_are_akin_and_the_parts_of_a_round_up_are_not() -> None:
    text = article(11, "en")
    one, two = make_sketch(edited(text, 0.25, 1)), make_sketch(edited(text, 0.25, 2))
    assert are_akin(one, two)
    assert not are_akin(make_sketch(article(12)), make_sketch(article(13)))


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("(LEAD) Talks begin", "", True), ("UPDATE 2-Talks begin", "", True),
        ("[종합] 협상 시작", "", True), ("【訂正】協議開始", "", True),
        ("（更正）谈判开始", "", True),
        ("Lead found in water", "", False), ("Updated rules", "", False), (None, "x", False),
        ("Talks", "Talks began.\nThis story has been corrected to fix a name.", True),
        ("협상", "시작했다.\n[정정] 날짜를 바로잡습니다.", True),
        ("Talks", "He asked for a fair deal and got it.", False),
    ],
)  # fmt: skip
def test_a_text_that_calls_itself_a_later_version_is_known(
    title: str | None, body: str, expected: bool
) -> None:
    assert is_revised(body, title) is expected


def test_a_sketch_is_small_and_survives_a_process_border() -> None:
    sketch = make_sketch(article(20, "en", 60), "A headline", "en")
    packed = pickle.dumps(sketch)
    assert pickle.loads(packed) == sketch
    assert len(packed) < 5_000
    assert len(sketch.hashes) < 80


def test_a_very_long_text_keeps_a_bounded_sketch_that_still_compares() -> None:
    text = article(21, "en", 900)
    sketch = make_sketch(text)
    assert len(sketch.features) < 6_000
    assert level(text, "\n".join(text.split("\n")[:200])) == "copy"


def test_hashes_are_the_same_in_another_process() -> None:
    code = (
        "from extractors.sketch import make_sketch\n"
        "s = make_sketch('한국 정부는 오늘 発表した plan of the day and more words ' * 3)\n"
        "print(s.exact, *s.hashes)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1
    assert runs.pop().strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_follow_up_that_repeats_yesterdays_paragraphs_below_is_no_version(language: str) -> None:
    yesterday, today = article(30, language, 7), article(31, language, 3)
    background = "\n".join(yesterday.split("\n")[3:])
    verdict = verify(make_sketch(yesterday), make_sketch(f"{today}\n{background}"))
    assert verdict.con > 0.5
    assert verdict.level is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_copy_under_a_new_first_paragraph_is_found(language: str) -> None:
    text = article(32, language, 10)
    assert level(text, f"{article(33, language, 1)}\n{text}") == "copy"


def test_features_of_the_first_format_still_compare() -> None:
    text = article(34)
    blob = make_sketch(text).features
    _, shift, shingles, exact, body, lead, opening, pairs, numbers = struct.unpack_from(
        "<BBIQHHHHH", blob
    )
    before, behind = 24 + 3 * (body + lead), 24 + 3 * (body + lead + opening)
    old = struct.pack("<BBIQHHHH", 1, shift, shingles, exact + 1, body, lead, pairs, numbers)
    old += blob[24:before] + blob[behind:]
    assert verify(old, make_sketch(text)).level == "copy"
    assert verify(old, make_sketch(article(35))).level is None
