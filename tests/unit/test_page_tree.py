"""A page's tree is the one trafilatura would parse, and lighter by what it never reads."""

from __future__ import annotations

import pytest
from lxml.etree import tostring
from trafilatura.utils import load_html

from extractors.decode import decode_page
from extractors.legacy_text import most_plausible, plausibility
from extractors.page_tree import lighten, parse_page
from extractors.sanity import LONG_TAG_CHARS, MAX_ATTRIBUTES, tame_markup

PAGES = [
    "<!doctype html><html><head></head><body><p>Port “wall” 항구 港</p></body></html>",
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML//EN" "xhtml1.dtd" />\n<html><body><p>a</p></body>',
    '<html lang="en"/>\n<body><p>a</p><p>b</p></body>',
    "<html><body><p>bell \x07 and \ufffe no character</p><p>\ud83d half</p></body></html>",
    '<?xml version="1.0" encoding="gb2312"?><html><body><p>港口</p><p>b</p></body></html>',
    "<div><p>one</p><p>two</p></div><!-- comment --><p>three</p>",
    "<html><head><meta charset='euc-kr'></head><body><form><input><p>항구</p></form></body></html>",
]


@pytest.mark.parametrize("html", PAGES)
def test_a_page_is_parsed_as_trafilatura_parses_it(html: str) -> None:
    theirs = load_html(html)
    assert theirs is not None
    assert tostring(parse_page(html)).strip() == tostring(theirs).strip()


@pytest.mark.parametrize("html", ["", "  \n", "no markup at all"])
def test_what_holds_no_markup_gives_no_tree(html: str) -> None:
    assert parse_page(html) is None


def test_a_single_block_gets_a_body_around_it() -> None:
    tree = parse_page("<p>The ferry leaves at noon.</p>")
    assert tree is not None
    assert "".join(tree.itertext()) == "The ferry leaves at noon."


def test_scripts_styles_and_head_links_go_and_the_text_around_them_stays() -> None:
    tree = parse_page(
        "<html><head><title>T</title><meta name='a' content='b'><link rel='x' href='y'>"
        '<script type="application/ld+json">{}</script></head>'
        "<body><p>one<script>code()</script> two</p><style>p{}</style>three</body></html>"
    )
    scripts = lighten(tree)
    assert [s.text for s in scripts] == ["code()"]
    assert "".join(tree.find("body").itertext()) == "one twothree"
    assert [e.tag for e in tree.find("head")] == ["title", "script"]


def test_a_tag_of_too_many_attributes_is_found_wherever_it_begins() -> None:
    giant = "<p " + "a b c " * MAX_ATTRIBUTES + ">text</p>"
    for before in (0, 1, LONG_TAG_CHARS // 2 - 1, LONG_TAG_CHARS):
        page = "<html><body>" + "x" * before + giant + "</body></html>"
        assert len(tame_markup(page)) < before + 100
    data = '<script>var a = "' + "word " * LONG_TAG_CHARS + '";</script>'
    assert tame_markup(data) == data


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cp949", "항구의 방파제가 무너졌다고 시장이 말했다."),
        ("cp932", "港の壁が崩れたと市が発表した。"),
        ("gb18030", "市长说，港口的防波堤已经倒塌。"),
        ("big5hkscs", "市長說，港口的防波堤已經倒塌。"),
        ("windows-1251", "Стена порта упала, сказал мэр города вчера вечером."),
        ("windows-1252", "Le mur du port est tombé, a déclaré le maire, désolé, hier à l’aube."),
    ],
)
def test_no_text_is_more_plausible_than_its_encoding_can_be(name: str, text: str) -> None:
    assert 0 < plausibility(text, name) <= most_plausible(name)
    assert decode_page(text.encode(name))[0] == text
