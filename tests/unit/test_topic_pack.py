"""The shipped topics: complete, true to their own examples, and not in each other's way."""

from __future__ import annotations

import pytest

import seeds
from alerts.lint import count_languages, lint_topic, run_examples
from alerts.match import match_topics
from alerts.models import MatchInput
from alerts.topic_model import Example, Topic
from alerts.topics import load_topics, make_topic_set

PACK = {
    "aukus",
    "burden-sharing",
    "dprk-nuclear-missile",
    "extended-deterrence",
    "korean-arms-exports",
    "munitions",
    "opcon",
    "ssn",
    "taiwan-contingency",
    "three-axis",
    "us-nds",
    "usfk-posture",
}
LANGUAGES = {"en", "ko", "ja", "zh"}
# What issue 4 asks of a shipped topic.
MIN_EXAMPLES, MIN_NEGATIVES = 20, 8

# One dash per kind that newspapers use; all are a space to the matcher.
DASHES = ("-", "\u2010", "\u2011", "\u2013", "\u2212", "\uff0d")

TOPICS = load_topics([seeds.path("topics")])
ALONE = {topic.id: make_topic_set([topic], engine="standard") for topic in TOPICS.topics}

# What the neighbours of a topic write about, and nothing of which is on any of them.
EVERYDAY = (
    ("The army band plays in Seoul on Sunday, and buses will run until midnight.", "us"),
    ("Korea's exports of cars and chips rose by four per cent; ships and steel fell.", "kr"),
    ("Washington and Tokyo agreed on a price for rice and on visas for nurses.", "jp"),
    ("The defense lawyer asked the court for more time, and the judge agreed.", "us"),
    ("A nuclear power plant near Busan was shut for its yearly inspection.", "kr"),
    ("서울 지하철 요금이 다음 달부터 오른다. 시는 적자를 이유로 들었다.", "kr"),
    ("국군체육부대 소속 선수가 유도에서 금메달을 땄다.", "kr"),
    ("국방부 청사 앞 도로가 공사로 이틀 동안 통제된다.", "kr"),
    ("防衛大学校の学園祭に二万人が集まり、名物の棒倒しがあった。", "jp"),
    ("米国産の牛肉の値上がりが続き、焼肉店が頭を抱えている。", "jp"),
    ("国防部举行新年音乐会，军乐团演奏了多首民歌。", "cn"),
    ("美國職棒球季開打，台灣投手首戰獲勝。", "tw"),
)

# Texts that are on exactly these topics, and what belongs to a neighbour stays with it.
TOGETHER = (
    (
        "AUKUS partners will show underwater drones under Pillar II in the autumn.",
        {"aukus"},
    ),
    (
        "한미는 방위비분담금과 주한미군 감축 문제를 따로 다루기로 했다.",
        {"burden-sharing", "usfk-posture"},
    ),
    (
        "새 미국 국방전략은 대만 유사시 동맹의 역할을 강조했다.",
        {"us-nds", "taiwan-contingency"},
    ),
    (
        "北朝鮮が弾道ミサイルを発射し、韓国は3軸体系の即応態勢を確認した。",
        {"dprk-nuclear-missile", "three-axis"},
    ),
    (
        "韩美核磋商小组开会前，朝鲜试射了弹道导弹。",
        {"extended-deterrence", "dprk-nuclear-missile"},
    ),
    (
        "Poland ordered K9 howitzers from South Korea together with 155 mm shells for two years.",
        {"korean-arms-exports", "munitions"},
    ),
)


def levels(example: Example) -> dict[str, str]:
    """Return topic → level, as the whole pack decides on an example."""
    item = MatchInput(
        title=example.title, body=example.text, language=example.lang, country=example.country
    )
    return {hit.topic: hit.level for hit in match_topics(TOPICS, item)}


def topics_of(text: str, country: str | None = None) -> set[str]:
    item = MatchInput(title="", body=text, country=country)
    return {hit.topic for hit in match_topics(TOPICS, item)}


def test_the_pack_holds_the_topics_of_this_desk() -> None:
    assert {topic.id for topic in TOPICS.topics} == PACK
    assert len({topic.title for topic in TOPICS.topics}) == len(PACK)


def test_each_topic_is_in_a_file_of_its_name() -> None:
    assert {topic.path.name for topic in TOPICS.topics} == {f"{name}.toml" for name in PACK}


@pytest.mark.parametrize("topic", TOPICS.topics, ids=lambda t: t.id)
class TestEachTopic:
    def test_it_says_what_it_is_and_leaves_the_channel_to_the_settings(self, topic: Topic) -> None:
        assert topic.title
        assert topic.description
        assert topic.channel is None
        assert topic.cooldown_s > 0

    def test_it_has_phrases_and_examples_in_four_languages(self, topic: Topic) -> None:
        phrases = {phrase.lang for rule in topic.rules for phrase in rule.phrases}
        assert set(topic.languages) == LANGUAGES
        assert phrases >= LANGUAGES
        assert set(count_languages(topic.examples)) == LANGUAGES

    def test_it_finds_and_refuses_something_in_each_language(self, topic: Topic) -> None:
        found = [e for e in topic.examples if e.expect != "none"]
        refused = [e for e in topic.examples if e.expect == "none"]
        assert set(count_languages(found)) == LANGUAGES
        assert set(count_languages(refused)) == LANGUAGES

    def test_it_has_enough_examples_and_hard_negatives(self, topic: Topic) -> None:
        texts = [example.title + "\n" + example.text for example in topic.examples]
        assert len(texts) >= MIN_EXAMPLES
        assert sum(e.expect == "none" for e in topic.examples) >= MIN_NEGATIVES
        assert len(set(texts)) == len(texts)

    def test_nothing_in_it_is_worth_a_remark(self, topic: Topic) -> None:
        assert lint_topic(topic) == []

    def test_its_examples_come_out_as_expected(self, topic: Topic) -> None:
        wrong = [(r.example.text, r.outcome, r.lines) for r in run_examples(topic) if not r.ok]
        assert wrong == []

    def test_the_other_topics_do_not_change_its_decisions(self, topic: Topic) -> None:
        for other in TOPICS.topics:
            for example in other.examples:
                item = MatchInput(title=example.title, body=example.text, country=example.country)
                alone = {h.topic: h.level for h in match_topics(ALONE[topic.id], item)}
                assert alone.get(topic.id) == levels(example).get(topic.id), example.text

    def test_a_dash_of_any_kind_is_the_same_dash(self, topic: Topic) -> None:
        with_dash = [e for e in topic.examples if "-" in e.text]
        for example in with_dash:
            expected = levels(example)
            for dash in DASHES:
                text = example.text.replace("-", dash)
                item = MatchInput(title=example.title, body=text, country=example.country)
                got = {hit.topic: hit.level for hit in match_topics(TOPICS, item)}
                assert got == expected, text


@pytest.mark.parametrize(("text", "country"), EVERYDAY)
def test_everyday_news_is_on_no_topic(text: str, country: str) -> None:
    assert topics_of(text, country) == set()


@pytest.mark.parametrize(("text", "expected"), TOGETHER)
def test_a_text_on_two_subjects_is_on_both_topics_and_no_third(
    text: str, expected: set[str]
) -> None:
    assert topics_of(text) == expected


def test_a_homonym_of_one_topic_is_no_alarm_on_another() -> None:
    """A hard negative may be on a neighbour's subject; only these few are, and rightly."""
    strays = {
        (topic.id, other)
        for topic in TOPICS.topics
        for example in topic.examples
        if example.expect == "none"
        for other in levels(example)
    }
    assert strays == STRAYS


# Hard negatives of the first topic that are on the subject of the second.
STRAYS = {
    ("ssn", "aukus"),  # Pillar 2, without submarines
    ("ssn", "extended-deterrence"),  # a missile boat that shows the umbrella
}
