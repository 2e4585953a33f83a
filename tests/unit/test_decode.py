"""Bytes become text whatever the labels say."""

from __future__ import annotations

import pytest

from extractors.decode import MAX_MARKS, clean_text, compose, decode_page

KOREAN = (
    "정부는 전시작전통제권 전환을 위한 협의를 다음 달부터 다시 시작한다고 밝혔다. "
    "국방부 관계자는 한미 양국이 일정에 합의했다고 말했다."
)
JAPANESE = (
    "政府は来月から協議を再開すると発表した。防衛省の担当者は、日程について合意したと述べた。"
    "ニュースの詳細は明らかにされていない。"
)
SIMPLIFIED = (
    "中国政府表示，两国将在下个月重新开始谈判。国防部发言人说，双方已经就时间安排达成一致。"
)
TRADITIONAL = "政府表示，兩國將在下個月重新開始談判。國防部發言人說，雙方已經就時間安排達成一致。"
RUSSIAN = "Правительство сообщило, что переговоры возобновятся в следующем месяце."
GERMAN = "Die Regierung erklärte, die Gespräche würden nächsten Monat fortgeführt, hieß es später."

LABELS = (None, "utf-8", "iso-8859-1", "euc-kr", "shift_jis", "gb2312", "big5", "nonsense-8")


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (KOREAN, "utf-8"),
        (KOREAN, "cp949"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (SIMPLIFIED, "gb18030"),
        (TRADITIONAL, "big5"),
        (KOREAN, "utf-16"),
        (SIMPLIFIED, "utf-16-le"),
        (JAPANESE, "utf-16-be"),
    ],
)
def test_east_asian_text_is_read_right_under_any_label(
    text: str, codec: str, label: str | None
) -> None:
    page = f"<html><head><title>news</title></head><body><p>{text}</p></body></html>"
    header = f"text/html; charset={label}" if label else None
    assert text in decode_page(page.encode(codec), header)[0]


@pytest.mark.parametrize(
    ("text", "codec"), [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (GERMAN, "cp1252")]
)
def test_one_byte_encodings_are_told_apart_without_a_label(text: str, codec: str) -> None:
    assert decode_page(f"<p>{text * 3}</p>".encode(codec))[0] == f"<p>{text * 3}</p>"


def test_a_meta_label_decides_where_the_text_is_too_short_to_tell() -> None:
    page = '<meta charset="windows-1250"><p>Płock</p>'.encode("cp1250")
    assert "Płock" in decode_page(page)[0]


def test_gb2312_means_gb18030_as_in_browsers() -> None:
    page = f'<meta charset="gb2312"><p>{SIMPLIFIED}朱镕基</p>'.encode("gb18030")
    text, encoding = decode_page(page)
    assert ("朱镕基" in text, encoding) == (True, "gb18030")


def test_a_page_cut_inside_a_character_stays_utf_8() -> None:
    text, encoding = decode_page(f"<p>{KOREAN}".encode()[:-1])
    assert (encoding, text[:20]) == ("utf-8", f"<p>{KOREAN}"[:20])


def test_a_few_broken_characters_do_not_change_the_encoding() -> None:
    page = f"<p>{KOREAN * 5}".encode("cp949") + b"\xff\xff"
    assert decode_page(page)[1] == "cp949"


def test_nuls_and_lone_surrogates_go_and_pairs_are_joined() -> None:
    assert clean_text("a\x00b \ud800c \ud83d\ude00 é") == "ab c 😀 é"


def test_text_comes_out_in_nfc() -> None:
    assert decode_page("e\u0301".encode())[0] == "é"


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff\xfe", bytes(range(256)), b"\x1b$B"])
def test_bytes_that_are_no_text_still_give_a_string(content: bytes) -> None:
    assert isinstance(decode_page(content)[0], str)


def test_stacks_of_combining_marks_are_cut_before_they_are_ordered() -> None:
    """Two million marks would be sorted for hours."""
    text = "a" + "\u0316\u0300" * 1_000_000 + "b"

    assert len(compose(text)) <= MAX_MARKS + 2
    assert clean_text(text).endswith("b")


@pytest.mark.parametrize("text", ["…" * 500, "é" * 100, "\u1112\u1161\u11ab" * 50, "“”«»" * 20])
def test_ordinary_runs_of_marks_and_signs_stay(text: str) -> None:
    import unicodedata

    assert compose(text) == unicodedata.normalize("NFC", text)
