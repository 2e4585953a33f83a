"""Disguises and additions that must not change a decision; two engines that must agree."""

from __future__ import annotations

import functools
import html
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seeds
from alerts.match import match_topics
from alerts.models import MatchInput
from alerts.normalise import NormalText, han_fold
from alerts.topics import TopicSet, load_topics, make_topic_set

TOPICS = load_topics([seeds.path("topics")])
EXAMPLES = [(example, topic.id) for topic in TOPICS.topics for example in topic.examples]

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_UNFOLD = {}
for _code, _target in han_fold().items():
    _UNFOLD.setdefault(ord(_target), chr(_code))

DISGUISES: dict[str, Callable[[str], str]] = {
    "full width": lambda s: s.translate(_WIDE),
    "NFD": lambda s: unicodedata.normalize("NFD", s),
    "NFKD": lambda s: unicodedata.normalize("NFKD", s),
    "zero width space": lambda s: "\u200b".join(s),
    "soft hyphens": lambda s: "\u00ad".join(s),
    "word joiners": lambda s: "\u2060".join(s),
    "byte order mark": lambda s: "\ufeff" + s,
    "non-breaking hyphen": lambda s: s.replace("-", "\u2011"),
    "non-breaking space": lambda s: s.replace(" ", "\u00a0"),
    "double spaces": lambda s: s.replace(" ", "  "),
    "entities": lambda s: html.escape(s).replace("-", "&#8209;").replace(" ", "&nbsp;"),
    "other Han forms": lambda s: s.translate(_UNFOLD),
    "folded Han forms": lambda s: s.translate(han_fold()),
    "curly quotes": lambda s: s.replace('"', "“").replace("'", "’"),
}
BLOCKS = {
    "en": "\nRelated articles\nOPCON transfer: what comes next\nNavy to buy nuclear submarines",
    "ko": "\n관련기사\n전작권 전환 속도 낸다\n핵추진 잠수함 예산 확정",
    "ja": "\n関連記事\n戦時作戦統制権の移管とは\n原潜の建造費を試算",
    "zh": "\n相关阅读\n战时作战指挥权移交时间表\n核潜艇项目启动",
    "one line": "\nRead more: OPCON transfer and nuclear submarines",
}


def decision(title: str, body: str, country: str | None = None) -> list[tuple[str, str]]:
    item = MatchInput(title=title, body=body, country=country)
    return [(hit.topic, hit.level) for hit in match_topics(TOPICS, item)]


@pytest.mark.parametrize("name", DISGUISES)
def test_no_disguise_changes_a_decision(name: str) -> None:
    disguise = DISGUISES[name]
    for example, _ in EXAMPLES:
        expected = decision(example.title, example.text, example.country)
        got = decision(disguise(example.title), disguise(example.text), example.country)
        assert got == expected, example.text


@pytest.mark.parametrize("name", BLOCKS)
def test_no_related_block_changes_which_topics_fire(name: str) -> None:
    for example, _ in EXAMPLES:
        expected = decision(example.title, example.text, example.country)
        assert decision(example.title, example.text + BLOCKS[name], example.country) == expected, (
            example.text
        )


PIECES = [
    *(
        "OPCON",
        "SSN",
        "nuclear‑powered",
        " submarine",
        " ",
        "\n",
        "-",
        "Korea ",
        "전작권",
        "핵추진 ",
    ),
    *(
        "잠수함",
        "原潜",
        "核潜艇",
        "の",
        "。",
        "&amp;",
        "\u200b",
        "가\u0301",
        "ㅎㅐㄱ",
        "ﾊﾟ",
        "İ",
        "U.S. ",
    ),
]
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=14).map("".join))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_any_text_has_a_normal_form_that_leads_back_into_it(text: str) -> None:
    normal = NormalText(text)

    assert len(normal.cased) == len(normal.latin)
    spans = [normal.raw_span(i, i + 1) for i in range(len(normal.latin))]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_matching_any_text_ends_and_its_offsets_point_into_it(title: str, body: str) -> None:
    for hit in match_topics(TOPICS, MatchInput(title=title, body=body)):
        for found in hit.why["hits"]:
            source = title if found["zone"] == "title" else body
            assert source[found["start"] : found["end"]] == found["text"] != ""
        snippet = hit.why["snippet"]
        assert all(0 <= start < end <= len(snippet) for start, end in hit.why["spans"])


STANDARD = make_topic_set(TOPICS.topics, engine="standard")


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_the_automaton_and_the_standard_library_give_the_same_hits(title: str, body: str) -> None:
    automaton = make_automaton()
    item = MatchInput(title=title, body=body)
    normal = NormalText(body)
    present = [
        index
        for index, entry in enumerate(STANDARD.screen.entries)
        if entry.phrase.key in (normal.cjk if entry.phrase.is_cjk else normal.latin)
    ]

    assert automaton.screen.find(normal) == present
    assert set(STANDARD.screen.find(normal)) <= set(present)
    assert match_topics(STANDARD, item) == match_topics(automaton, item)


@functools.cache
def make_automaton() -> TopicSet:
    pytest.importorskip("ahocorasick_rs")
    return make_topic_set(TOPICS.topics, engine="ahocorasick")


def test_the_automaton_and_the_standard_library_agree_on_the_examples() -> None:
    for example, _ in EXAMPLES:
        item = MatchInput(title=example.title, body=example.text, country=example.country)
        assert match_topics(STANDARD, item) == match_topics(make_automaton(), item)
