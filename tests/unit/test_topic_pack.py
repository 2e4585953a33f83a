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


# Headlines without a body, as feeds give them: our own words; the rules were completed with them.
HEADLINES = (
    ("burden-sharing", "Trump says Seoul should pay $10 billion a year for troops", "kr"),
    (
        "burden-sharing",
        "S. Korea, U.S. conclude talks on sharing cost for upkeep of American troops",
        "kr",
    ),
    ("burden-sharing", "韩美就驻韩美军防卫费分担达成一致", "cn"),
    ("burden-sharing", "美要求日本增加駐日美軍費用", "tw"),
    ("burden-sharing", '트럼프 "한국, 방위비 100억달러 내야"', "kr"),
    ("burden-sharing", "在日米軍駐留経費、米が増額要求へ", "jp"),
    ("burden-sharing", "韓国、在韓米軍の駐留経費負担で米国と合意", "jp"),
    (
        "usfk-posture",
        "Washington mulls withdrawal of some troops from South Korea, paper says",
        "us",
    ),
    (
        "usfk-posture",
        "U.S. House panel passes NDAA limiting troop reduction in Korea below 28,500",
        "us",
    ),
    ("usfk-posture", "Brunson: USFK needs to be able to operate beyond the peninsula", "kr"),
    ("usfk-posture", "미 상원, 주한미군 2만8500명 유지 국방수권법안 통과", "kr"),
    ("usfk-posture", '주한미군 사령관 "숫자보다 능력이 중요"', "kr"),
    ("usfk-posture", "美拟将4500名驻韩美军调往关岛", "cn"),
    ("usfk-posture", "在韓米軍4500人の移転検討 米紙報道", "jp"),
    ("extended-deterrence", "Seoul, Washington hold NCG meeting, discuss nuclear planning", "kr"),
    ("extended-deterrence", "한미, 제5차 핵협의그룹(NCG) 회의 개최", "kr"),
    ("extended-deterrence", "日米、拡大抑止協議を開催", "jp"),
    ("extended-deterrence", "韩国国内拥核呼声再起", "cn"),
    (
        "extended-deterrence",
        "USS Carl Vinson arrives in Busan as Seoul touts US deterrence commitment",
        "kr",
    ),
    ("three-axis", "South Korea deploys Hyunmoo-5 missiles", "kr"),
    ("three-axis", "軍, 고위력 현무-5 실전배치 시작", "kr"),
    ("three-axis", "전략사령부 창설 1년… 3축체계 통합 운용", "kr"),
    ("three-axis", "韓国、L-SAMの量産に着手", "jp"),
    (
        "dprk-nuclear-missile",
        "N. Korea launches multiple short-range ballistic missiles toward East Sea: JCS",
        "kr",
    ),
    ("dprk-nuclear-missile", "北, 동해상으로 단거리 탄도미사일 수발 발사", "kr"),
    ("dprk-nuclear-missile", "김정은, 새 구축함서 순항미사일 시험발사 참관", "kr"),
    ("dprk-nuclear-missile", "IAEA chief: Yongbyon activity continues", "us"),
    ("dprk-nuclear-missile", "朝鲜称成功试射新型高超音速导弹", "cn"),
    ("dprk-nuclear-missile", "北朝鮮、核実験場で新たな動き", "jp"),
    ("dprk-nuclear-missile", "Kim says North Korea will never give up nukes", "us"),
    ("dprk-nuclear-missile", '김여정 "비핵화 논의는 끝났다"', "kr"),
    ("korean-arms-exports", "Hanwha Aerospace wins $1.3 bln Chunmoo deal with Poland", "kr"),
    ("korean-arms-exports", "Hyundai Rotem signs Peru K2 tank contract", "kr"),
    ("korean-arms-exports", "한화에어로, 노르웨이에 천무 1조3천억 수출", "kr"),
    ("korean-arms-exports", "현대로템, 페루와 K2 전차 계약", "kr"),
    ("korean-arms-exports", "LIG넥스원, 이라크 천궁-Ⅱ 수출", "kr"),
    ("korean-arms-exports", "カナダ潜水艦計画、韓国ハンファとドイツの一騎打ち", "jp"),
    ("korean-arms-exports", "韩国FA-50战机出口菲律宾", "cn"),
    ("korean-arms-exports", "Indonesia to buy 16 KF-21 fighters from South Korea", "us"),
    ("munitions", "US Army misses 155mm shell production goal", "us"),
    ("munitions", "Rheinmetall opens Europe's largest ammunition plant", "us"),
    ("munitions", "Pentagon pushes to double missile production", "us"),
    ("munitions", "EU grants €500m under ASAP to boost shell output", "us"),
    ("munitions", "미, 패트리엇 재고 바닥… 증산 압박", "kr"),
    ("munitions", "풍산, 탄약 공장 증설", "kr"),
    ("munitions", "欧盟未能兑现百万发炮弹承诺", "cn"),
    ("munitions", "弾薬増産へ国内工場を支援 防衛省", "jp"),
    ("us-nds", "Pentagon releases 2026 National Defense Strategy", "us"),
    ("us-nds", "美 국가안보전략에 북한 언급 없어", "kr"),
    ("us-nds", "米、国家防衛戦略を公表 本土防衛を最優先", "jp"),
    ("us-nds", "美国发布新版国家安全战略", "cn"),
    ("us-nds", "美 NDS, “한국, 북 억제 주된 책임”", "kr"),
    ("aukus", "AUKUS: New Zealand weighs joining Pillar Two", "us"),
    ("aukus", "澳洲再付AUKUS第三期款", "tw"),
    (
        "taiwan-contingency",
        "Takaichi says Taiwan attack could be survival-threatening situation",
        "jp",
    ),
    ("taiwan-contingency", "高市首相「台湾有事は存立危機事態」答弁", "jp"),
    ("taiwan-contingency", "대만 유사시 주한미군 투입 가능성", "kr"),
    ("taiwan-contingency", "高市早苗涉台错误言论引发强烈反对", "cn"),
    ("taiwan-contingency", "US presses allies on role in potential Taiwan war", "us"),
    ("taiwan-contingency", "Hegseth: Korea must prepare for Taiwan conflict", "us"),
    ("", "Russia fires record missile barrage at Kyiv", "us"),
    ("", "Kia K9 sales rise 12% in Korea on new order incentives", "kr"),
    ("", "Hyundai Rotem wins Morocco train order", "kr"),
    ("", "LG Energy to double Poland battery production", "kr"),
    ("", "Hanwha Eagles sign Canadian pitcher", "kr"),
    ("", "한화오션, LNG운반선 2척 수주… 캐나다 선주", "kr"),
    ("", "한화생명, 인도네시아 은행 인수 계약", "kr"),
    ("", "K리그 전북, 핵심 공격수 이적료 협상", "kr"),
    ("", "Seoul stocks open higher on Nvidia deal", "kr"),
    ("", "NATO chief urges allies to share burden fairly", "us"),
    ("", "日本政府、安保3文書の改定へ有識者会議", "jp"),
    ("", "台湾东部海域发生6.1级地震", "cn"),
    ("", "U.S. soldier in Korea indicted over crash", "kr"),
    ("", "中国空间站航天员出舱 火星-15任务启动", "cn"),
    ("", "Iran launches ballistic missile at Israel as nuclear talks stall", "us"),
    ("", "북한 선수단 아시안게임 참가", "kr"),
    ("", "대북 전단 살포 금지 법안 통과", "kr"),
    ("", "Poland signs deal for Patriot launchers with Raytheon", "us"),
    ("", "Army to buy 300 dogs for K-9 units in Korea", "us"),
    ("", "美国国防部长辞职", "cn"),
    ("", "미국 국방부, 전쟁부로 개명", "kr"),
    ("", "Trump, Lee agree on shipbuilding investment", "kr"),
    ("", "Chinese warships sail near Taiwan", "us"),
    ("", "Taiwan blockade drill ends, says Beijing", "us"),
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


@pytest.mark.parametrize(("topic", "title", "country"), HEADLINES)
def test_a_headline_alone_is_enough_and_its_look_alike_is_not(
    topic: str, title: str, country: str
) -> None:
    item = MatchInput(title=title, body="", country=country)
    found = {hit.topic for hit in match_topics(TOPICS, item)}
    assert found >= {topic} if topic else found == set()


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
