"""The normal form: what makes no difference, and the way back to the original words."""

from __future__ import annotations

import unicodedata

import pytest

from alerts.normalise import NormalText, fold_cjk, han_fold


@pytest.mark.parametrize(
    "disguised",
    [
        "nuclear-powered submarine",
        "nuclear‑powered submarine",
        "nuclear–powered submarine",
        "Nuclear- powered  submarine",
        "nuclear\u00a0powered\nsubmarine",
        "ｎｕｃｌｅａｒ－ｐｏｗｅｒｅｄ　ｓｕｂｍａｒｉｎｅ",
        "nuc\u200blear-pow\u00adered sub\u2060marine",
        "nuclear&#8209;powered&nbsp;submarine",
        "“nuclear”-powered submarine",
    ],
)
def test_dashes_spaces_widths_and_invisible_characters_make_no_difference(disguised: str) -> None:
    assert NormalText(disguised).latin.strip() == "nuclear powered submarine"


def test_dotted_acronyms_are_joined() -> None:
    assert NormalText("O.P.C.O.N. and the U.S.-led CFC.").latin == "opcon and the us led cfc."


def test_decomposed_hangul_is_composed() -> None:
    assert NormalText(unicodedata.normalize("NFD", "전작권 전환")).latin == "전작권 전환"


def test_han_forms_of_four_scripts_meet() -> None:
    forms = ["战时作战指挥权", "戰時作戰指揮權", "戦時作戦指揮権"]

    assert len({NormalText(form).cjk for form in forms}) == 1


def test_brackets_and_middle_dots_do_not_break_a_cjk_name() -> None:
    assert NormalText("“弗吉尼亚”级").cjk == NormalText("维·弗吉尼亚级").cjk[1:]


def test_a_text_without_cjk_has_no_cjk_key() -> None:
    assert NormalText("Plain English, naïve café.").cjk == ""


def test_lower_casing_keeps_the_length() -> None:
    normal = NormalText("İSTANBUL SSN")

    assert len(normal.latin) == len(normal.cased)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("The nuclear‑pow\u200bered sub", "nuclear‑pow\u200bered"),
        ("A&amp;B: nuclear&#8209;powered", "nuclear&#8209;powered"),
        ("ＡＵＫＵＳ nuclear-powered", "nuclear-powered"),
    ],
)
def test_a_span_of_the_key_leads_back_to_the_original_words(raw: str, found: str) -> None:
    normal = NormalText(raw)
    at = normal.latin.index("nuclear powered")
    start, end = normal.raw_span(at, at + len("nuclear powered"))

    assert raw[start:end] == found


def test_a_span_of_the_cjk_key_leads_back_through_decomposed_hangul() -> None:
    raw = unicodedata.normalize("NFD", "한국의 핵추진 잠수함 건조")
    normal = NormalText(raw)
    at = normal.cjk.index("핵추진잠수함")
    start, end = normal.raw_span(*normal.cjk_to_latin(at, at + 6))

    assert unicodedata.normalize("NFC", raw[start:end]) == "핵추진 잠수함"


def test_folding_twice_changes_nothing() -> None:
    table = han_fold()

    assert all(ord(target) not in table for target in table.values())
    assert fold_cjk(fold_cjk("戰時 權")) == fold_cjk("戰時 權")


def test_many_foldable_characters_are_folded_like_few() -> None:
    characters = "".join(map(chr, list(han_fold())[:200]))

    assert fold_cjk(characters) == "".join(fold_cjk(c) for c in characters)
