"""Clues: retellings of one event share them across languages, other events do not."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from itertools import combinations, product

import pytest

from extractors.likelihood import likelihood, margin
from extractors.sounds import sound_of
from extractors.stories import (
    HEADLINE,
    Day,
    Likeness,
    are_one_language,
    compare,
    days_ahead,
    key_clues,
    make_clues,
    shared_sentences,
)

# Events of our own invention, each told in up to four languages: (headline, first sentence).
EVENTS: dict[str, dict[str, tuple[str, str]]] = {
    "carrier": {
        "en": ("U.S. aircraft carrier enters Busan for joint drills with South Korean Navy",
               "A U.S. aircraft carrier strike group made a port call at Busan on Monday ahead of "
               "Freedom Edge, the exercise that Seoul, Washington and Tokyo hold each autumn."),
        "ko": ("美 항모 부산 입항…프리덤에지 훈련 참가",
               "미국 항공모함 강습단이 월요일 부산에 입항했다. "
               "한미일 프리덤에지 훈련에 참가할 예정이라고 해군이 밝혔다."),
        "ja": ("米空母が釜山に入港、フリーダムエッジに参加へ",
               "米国の空母が月曜日、釜山に入港した。"
               "韓国海軍によると、日米韓の共同訓練フリーダムエッジに参加する。"),
        "zh": ("美国航母停靠釜山 将参加自由之刃演习",
               "美国航空母舰周一停靠韩国釜山港。韩国海军表示，航母将参加韩美日自由之刃演习。"),
    },
    "tariff": {
        "en": ("Trump to raise tariffs on South Korean cars to 25 percent",
               "President Trump said the United States would raise tariffs on cars from South "
               "Korea to 25 percent, saying its parliament had not approved the trade deal."),
        "ko": ("트럼프 \"한국산 자동차 관세 25%로 인상\"",
               "트럼프 미국 대통령은 한국 국회가 무역 합의를 승인하지 "
               "않았다며 자동차 관세를 25%로 인상하겠다고 말했다."),
        "ja": ("トランプ氏、韓国車の関税を25%に引き上げ",
               "トランプ米大統領は、"
               "韓国の国会が貿易合意を承認していないとして自動車への関税を25%に引き上げると述べた。"),
        "zh": ("特朗普：将韩国汽车关税上调至25%",
               "美国总统特朗普表示，因韩国国会未批准贸易协议，将把对韩国汽车的关税提高到25%。"),
    },
    "satellite": {
        "en": ("North Korea says it will launch a spy satellite before party congress",
               "North Korea will launch a reconnaissance satellite from the Sohae station before "
               "the Workers' Party congress, KCNA reported."),
        "ko": ("북한 \"당대회 전 정찰위성 발사\"",
               "북한이 노동당 당대회 전에 동창리 "
               "서해위성발사장에서 정찰위성을 발사하겠다고 조선중앙통신이 전했다."),
        "ja": ("北朝鮮、党大会前に偵察衛星発射と表明",
               "北朝鮮は労働党大会の前に西海衛星発射場から"
               "偵察衛星を発射すると、朝鮮中央通信が伝えた。"),
    },
    "budget": {
        "en": ("South Korea's defense budget to grow 8.2 percent",
               "The government proposed a defense budget of 66.3 trillion won, up 8.2 percent, "
               "the largest rise in years, the defense ministry said."),
        "ko": ("내년 국방예산 8.2% 증가한 66조3천억원",
               "정부는 내년 국방예산을 올해보다 8.2% 늘린 "
               "66.3조원으로 편성했다고 국방부가 밝혔다."),
        "ja": ("韓国の国防予算8.2%増、66.3兆ウォン",
               "韓国政府は来年の国防予算を8.2%増の66.3"
               "兆ウォンとする案をまとめた。国防省が発表した。"),
    },
    "rate": {
        "en": ("Bank of Korea raises key rate to 2.75 percent",
               "South Korea's central bank raised its benchmark interest rate by a quarter point "
               "to 2.75 percent, citing the weak won."),
        "ko": ("한은, 기준금리 2.75%로 인상",
               "한국은행은 환율 부담을 이유로 기준금리를 연 2.75%로 인상했다."),
    },
    "drone": {
        "en": ("Seoul probes drone flight over Pyongyang", "South Korean prosecutors raided a "
               "drone maker over a flight across the Military Demarcation Line last week."),
        "ko": ("군, 평양 무인기 의혹 수사…업체 압수수색",
               "한국 검찰이 지난주 군사분계선을 넘은 무인기 제작 업체를 압수수색했다."),
    },
}  # fmt: skip


def linked(
    a: tuple[str, ...], b: tuple[str, ...], *, across: bool = False, days: float = 0.0
) -> bool:
    """Two texts of one hour, or `days` apart, compared without vectors."""
    likeness = compare(a, b, words=not across)
    probability = likelihood(likeness, days=days, across=across)
    return margin(probability, likeness, vectors=False, across=across) >= 0


TELLINGS = [(event, lang, make_clues(*text, lang)) for event, tellings in EVENTS.items()
            for lang, text in tellings.items()]  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b"),
    [(a, b) for a, b in combinations(TELLINGS, 2) if a[0] == b[0]],
    ids=lambda telling: f"{telling[0]}-{telling[1]}",
)
def test_tellings_of_one_event_are_linked(
    a: tuple[str, str, tuple[str, ...]], b: tuple[str, str, tuple[str, ...]]
) -> None:
    assert linked(a[2], b[2], across=True), compare(a[2], b[2], words=False)


def test_tellings_of_different_events_are_never_linked() -> None:
    wrong = [
        (a[:2], b[:2], compare(a[2], b[2]))
        for a, b in combinations(TELLINGS, 2)
        if a[0] != b[0] and linked(a[2], b[2], across=a[1] != b[1])
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "texts",
    [
        ("25 percent", "25%", "25 pct", "25퍼센트"),
        ("66.3 trillion won", "66.3조원", "66.3兆ウォン", "66.3兆韩元"),
        ("350 billion dollars", "3500억 달러", "3500億ドル", "3500亿美元", "3천500억 달러"),
        ("1.2 million people", "120만 명", "120万人", "120萬人"),
        ("about 70 minutes", "70여분간", "70分"),
        ("in 2032", "2032년", "2032年", "32年から"),
    ],
)  # fmt: skip
def test_an_amount_reads_the_same_in_every_language(texts: tuple[str, ...]) -> None:
    clues = [{c for c in make_clues("", text, "und") if c[0] in "ny"} for text in texts]
    assert all(clue == clues[0] for clue in clues)
    assert clues[0]


@pytest.mark.parametrize("text", ["on 19 May at 8:45", "19일 오전 8시", "19日午前8時", "3 people"])
def test_days_hours_and_small_counts_are_no_clues(text: str) -> None:
    assert not [clue for clue in make_clues("", text, "und") if clue.startswith("n.")]


def test_one_sign_names_count_in_headlines_of_their_language_only() -> None:
    assert "g.kp" in make_clues("北, 미사일 발사", "", "ko")
    assert "g.kp" not in make_clues("", "北쪽 길", "ko")
    assert "g.us" not in make_clues("美しい秋", "", "en")


def test_short_words_of_the_lexicon_do_not_match_inside_others_or_in_lower_case() -> None:
    clues = make_clues("Tell us what APECS is", "The uncle runs a museum", "en")
    assert not [clue for clue in clues if clue[0] in "gopw"]


@pytest.mark.parametrize(
    "names", [("Brunson", "ブランソン", "브런슨은"), ("Hegseth", "헤그세스"), ("Trump", "トランプ")]
)
def test_a_foreign_name_sounds_the_same_in_every_script(names: tuple[str, ...]) -> None:
    sounds = [sound_of(name) for name in names]
    assert sounds[0]
    assert all(sound == sounds[0] for sound in sounds)


def test_words_count_within_one_language_only() -> None:
    a = make_clues("Harbour bridge closed", "The harbour bridge closed for repairs", "en")
    b = make_clues("Harbour bridge closed", "The harbour bridge closed for a race", "en")
    assert any(clue.startswith("=") for clue in compare(a, b).shared)
    assert not any(clue.startswith("=") for clue in key_clues(a))


def test_characters_that_two_languages_share_do_not_thin_out_what_a_report_has_in_common() -> None:
    ja = make_clues(
        "米国防長官、戦時作戦統制権の移管に同意", "韓国国防部と9870億ウォンで合意", "ja"
    )
    zh = make_clues(
        "美國防長同意移交戰時作戰統制權", "韓國國防部與美方就9870億韓元達成協議", "zh-Hant"
    )
    assert any(clue.startswith("=") for clue in set(ja) & set(zh))

    apart = compare(ja, zh, words=False)
    assert not any(clue.startswith("=") for clue in apart.shared)
    assert apart.words == 0
    assert compare(ja, zh).words > 0
    assert linked(ja, zh, across=True)


def test_shared_sentences_ignore_blanks_case_and_what_is_short() -> None:
    a = "The talks  began on Monday. He said. Nobody knows how they will end."
    b = "Nobody else came. he said. THE TALKS BEGAN ON MONDAY."
    assert shared_sentences(a, b) == ("The talks  began on Monday.",)


def test_comparing_with_nothing_shares_nothing() -> None:
    for a, b in product([(), TELLINGS[0][2]], [()]):
        assert compare(a, b).shared == ()
        assert not linked(a, b)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("3조2천억원", "n.3.2e+12"), ("1만1천t급 여객선", "n.11000"), ("2만3천350원", "n.23350"),
        ("6천400억원", "n.6.4e+11"), ("１・７５％", "n.1.75%"), ("17億4千万円", "n.1.74e+09"),
        ("1.1万吨", "n.11000"), ("an 11,000-ton ship", "n.11000"), ("$2.5 billion", "n.2.5e+09"),
    ],
)  # fmt: skip
def test_amounts_read_alike_however_they_are_written(text: str, amount: str) -> None:
    assert amount in make_clues(None, text)


def test_two_launches_of_a_week_are_told_apart_by_their_figures() -> None:
    text = "North Korea fired {} from Wonsan toward the East Sea. It flew {} km at {} km, JCS said."
    first = make_clues("N. Korea fires missile", text.format("a ballistic missile", 640, 48), "en")
    same = make_clues("Missile from Wonsan", text.format("one ballistic missile", 640, 50), "en")
    other = make_clues("N. Korea fires missile", text.format("a ballistic missile", 350, 92), "en")
    assert linked(first, same)
    assert not linked(first, other)
    assert compare(first, other).clash == 2


@pytest.mark.parametrize(
    ("text", "amount"),
    [("总额1.25万亿元", "n.1.25e+12"), ("總額1.25兆元", "n.1.25e+12"), ("總額3萬億元", "n.3e+12")],
)
def test_ten_thousand_times_a_hundred_million_is_one_scale(text: str, amount: str) -> None:
    assert amount in make_clues("預算", text, "zh")


def test_a_sign_inside_a_word_names_no_country() -> None:
    assert "g.kp" not in make_clues("東北新幹線は始発から見合わせ", "", "ja")
    assert "g.kp" in make_clues("北、ミサイル発射か", "", "ja")
    assert "g.us" in make_clues("訪米の成果を強調", "", "ja")
    assert "g.us" in make_clues('美국방 "동맹 굳건"', "", "ko")


def told_on(day: int, language: str) -> tuple[str, ...]:
    """A report of what a minister said about the transfer, in one of two languages."""
    if language == "ko":
        body = (
            f"안규백 국방부 장관은 {day}일 국회에서 전작권 전환 검증을 마무리하겠다고 밝혔다. "
            "예산과 법안, 미국과의 협상도 설명했다."
        )
        return make_clues("안규백 국방장관 전작권 발언", body, "ko")
    body = (
        f"韓国の安圭伯国防相は{day}日、戦時作戦統制権の移管の検証を終えると述べた。"
        "北朝鮮のミサイル発射の脅威、原子力潜水艦の建造、在韓米軍の撤退論にも触れた。"
    )
    return make_clues("韓国国防相が発言", body, "ja")


def test_what_was_said_on_another_day_needs_more_in_common() -> None:
    same = compare(told_on(6, "ko"), told_on(6, "ja"), words=False)
    assert same.day is Day.SAME
    assert linked(told_on(6, "ko"), told_on(6, "ja"), across=True)
    other = compare(told_on(6, "ko"), told_on(8, "ja"), words=False)
    assert other.day is Day.OTHER
    assert other.share == same.share
    assert not linked(told_on(6, "ko"), told_on(8, "ja"), across=True, days=2.0)
    assert likelihood(other, days=0, across=True) < likelihood(same, days=0, across=True)


def test_two_newsrooms_of_one_language_tell_an_event_in_words_of_their_own() -> None:
    first = make_clues(
        "Hegseth, Ahn set 2028 as target for OPCON transfer",
        "The two defense chiefs agreed Thursday in Washington that South Korea should retake "
        "wartime operational control in 2028, their joint communique says.",
        "en", datetime(2026, 11, 6, tzinfo=UTC),
    )  # fmt: skip
    second = make_clues(
        "Seoul to command allied troops from 2028 under deal with Pentagon",
        "After hours of haggling on Thursday, Ahn Gyu-back won what he came for: Pete Hegseth put "
        "his name to a year. OPCON, long a matter of pride, moves in 2028 unless somebody blinks.",
        "en", datetime(2026, 11, 6, tzinfo=UTC),
    )  # fmt: skip
    assert compare(first, second).words < 0.15
    assert linked(first, second)


def test_names_by_their_sound_alone_do_not_join_the_sports_pages_of_a_week() -> None:
    first = make_clues(
        "Gebreyesus plans a triple",
        "Olympic champion Gebreyesus will start in three races this winter, his manager told "
        "Bremerton radio, and wants the prize money that he lost through injury. Sponsors Harlan "
        "and Oduya pay for the hall, the hotel and the physiotherapist, while Karlsbad waits for "
        "an answer about its meeting in February.",
        "en",
    )
    second = make_clues(
        "Record within reach, says rival",
        "Nobody has run the distance faster than Gebreyesus, but young Mulgeta thinks the track at "
        "Bremerton suits him better. Pupils from Karlsbad will sing before the gun; Yelena and "
        "Dorotea, who coach the relay, expect rain, wind and a slow first lap at the stadium.",
        "en",
    )
    assert compare(first, second).weight > 4
    assert not linked(first, second)


@pytest.mark.parametrize(
    ("language", "title", "countries"),
    [
        ("ja", "米大統領、来週にも訪日", {"g.us", "g.jp"}),
        ("ja", "中核市の議会、28日に新庁舎を承認", set()),
        ("ja", "中部電力、東北の2発電所を点検", set()),
        ("zh", "美防长与韩海军参谋总长会谈", {"g.us", "g.kr"}),
        ("zh", "中小企业在北海寻找合作", set()),
        ("zh", "东北三省完美收官", set()),
    ],
)
def test_offices_and_forces_may_follow_a_sign(
    language: str, title: str, countries: set[str]
) -> None:
    found = {clue for clue in make_clues(title, "", language) if clue.startswith("g.")}
    assert found == countries


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("북한은 참가자들이 돌아갈 수 있을지 밝히지 않았다", {"o.bok", "g.gaza", "w.ufs"}),
        ("작전통제권이란 무엇인가, 현실적인 답", {"g.ir", "a.profit"}),
        ("여왕이 인도네시아에 인도적 지원을 약속했다", {"p.wangyi", "a.commission"}),
        ("两国关系正常 其中方案待定 完美方案", {"g.cn", "g.us"}),
    ],
)
def test_names_inside_other_words_are_not_found(text: str, wrong: set[str]) -> None:
    assert not wrong & set(make_clues(text, "", "zh" if "两" in text else "ko"))


def test_names_at_the_beginning_of_a_word_are_found() -> None:
    clues = make_clues("이란 핵협상 재개…한은, 을지연습 기간 금리 동결", "가자 휴전 합의", "ko")
    assert {"g.ir", "o.bok", "w.ufs", "g.gaza"} <= set(clues)


def test_a_later_event_that_names_the_day_of_an_earlier_one_stays_apart() -> None:
    """The House votes on the bill that the Senate passed two days before."""
    told = "한국 주둔 미군 2만8천500명을 유지하도록 한 미국 국방수권법안"
    senate = make_clues(
        "상원 통과", f"미국 상원은 15일 {told}을 통과시켰다. 한국 정부는 환영했다.", "ko"
    )
    house = make_clues(
        "하원 통과",
        f"미국 하원은 17일 {told}을 통과시켰다. 상원은 15일 통과시켰고 관세는 빠졌다.",
        "ko",
    )
    again = make_clues("상원, 법안 가결", f"미국 상원이 15일 {told}을 가결했다고 밝혔다.", "ko")
    assert compare(senate, house).day is compare(again, house).day is Day.OTHER
    assert compare(senate, again).day is not Day.OTHER


def test_a_day_named_by_the_clock_of_another_place_is_the_same() -> None:
    """What happens on the evening of the 22nd in Washington is reported on the 23rd in Seoul."""
    here = make_clues(
        "전작권 회의", "한미 양국은 23일 전작권 전환을 논의했다. 회의는 22일 열렸다.", "ko"
    )
    there = make_clues("戦作権協議", "米韓両国は22日、作戦統制権の移管を協議した。", "ja")
    assert compare(here, there, words=False).day is not Day.OTHER


@pytest.mark.parametrize("clue", ["n.120", "s.PKSN", "o.mofa", "l.CEO", "a.talks"])
def test_one_clue_that_chance_may_share_joins_no_two_languages(clue: str) -> None:
    alone = Likeness(shared=(clue,), weight=2.4, share=0.9, day=Day.SAME)
    assert likelihood(alone, days=0, across=True) == 0
    assert likelihood(alone, days=0, across=True, on_topic=True) > 0.9
    assert likelihood(alone, days=0, across=True, cosine=0.6) > 0.9
    named = Likeness(shared=("p.brunson",), weight=2.4, share=0.9, day=Day.SAME)
    assert likelihood(named, days=0, across=True) > 0.9


def test_in_a_crowd_texts_on_no_common_topic_must_share_a_name_and_more() -> None:
    for weight, linked in ((2.9, False), (3.1, True)):
        found = Likeness(shared=("p.trump", "a.talks"), weight=weight, share=0.6, day=Day.SAME)
        alone = likelihood(found, days=0, across=True)
        assert alone > 0.9
        assert (likelihood(found, days=0, across=True, crowded=True) == alone) is linked
        assert likelihood(found, days=0, across=True, crowded=True, on_topic=True) == alone
    near = Likeness(shared=("p.trump",), weight=2.2, share=0.6, day=Day.SAME)
    for cosine, linked in ((0.4, False), (0.5, True)):
        apart = likelihood(near, days=0, across=True, crowded=True, cosine=cosine)
        assert (apart > 0) is linked


def test_two_earthquakes_with_other_figures_are_two_events() -> None:
    one_term = Likeness(shared=("w.quake",), weight=2.0, share=0.6, clash=1, day=Day.SAME)
    assert likelihood(one_term, days=0, across=True, cosine=0.6, on_topic=True) == 0
    alike = Likeness(shared=("w.quake",), weight=2.0, share=0.6, day=Day.SAME)
    assert likelihood(alike, days=0, across=True, cosine=0.6, on_topic=True) > 0.9
    named = Likeness(shared=("w.quake", "g.tw"), weight=2.6, share=0.6, clash=1, day=Day.SAME)
    assert likelihood(named, days=0, across=True, cosine=0.6, on_topic=True) > 0.9


def test_what_the_headlines_name_counts_for_itself() -> None:
    """A background piece shares the event's words in its text, a retelling in its headline."""
    event = make_clues(
        "Assembly passes submarine act, 178 to 61", "Enrichment and exports are left open.", "en"
    )
    retelling = make_clues("국회, 핵추진잠수함법 178명 찬성 통과", "수출은 빠졌다.", "ko")
    forum = make_clues("학자들 “에너지부터 따져야”", "농축과 수출, 잠수함, 국회를 논했다.", "ko")
    same, other = (compare(event, clues, words=False) for clues in (retelling, forum))
    assert same.headlines > 0.3
    assert other.headlines == 0.0
    assert same.told > other.told > 0.0
    assert not any(clue.startswith(HEADLINE) for clue in same.shared)
    told = [likelihood(likeness, days=0.1, across=True) for likeness in (same, other)]
    assert told[0] > told[1]


def above_bar(probability: float, likeness: Likeness, **more: bool) -> float:
    return margin(probability, likeness, **{"vectors": False, "across": True, **more})


def test_a_desk_with_vectors_links_more_freely() -> None:
    words = Likeness(shared=("w.enrich", "w.export"), weight=4.0, share=0.35)
    assert above_bar(0.6, words, vectors=True, on_topic=True) > 0
    assert above_bar(0.65, words, vectors=True) > 0 > above_bar(0.5, words, vectors=True)
    assert above_bar(0.95, words) > 0 > above_bar(0.8, words)
    assert above_bar(0.8, words, vectors=True, across=False) < 0  # of one language, on no topic
    low = [above_bar(p, words, vectors=True, on_topic=True) for p in (0.0, 1e-4)]
    assert low[0] < low[1] < -3
    assert above_bar(1.0, words) > above_bar(0.999, words)


def test_below_the_bar_only_texts_on_a_common_topic_count() -> None:
    """Where few texts are around they are lent something; by chance many come near the bar."""
    words = Likeness(shared=("w.enrich", "w.export"), weight=4.0, share=0.35)
    for vectors, probability in ((True, 0.3), (False, 0.8)):
        assert above_bar(probability, words, vectors=vectors) == -math.inf
        assert -1 < above_bar(probability, words, vectors=vectors, on_topic=True) < 0


def test_a_text_on_no_topic_must_share_a_name_or_a_headline_with_one_on_a_topic() -> None:
    words = Likeness(shared=("w.enrich", "w.export"), weight=4.0, share=0.35)
    for likeness, is_linked in (
        (words, False),
        (replace(words, headlines=0.2), True),
        (replace(words, shared=("o.assembly", *words.shared)), True),
    ):
        assert (above_bar(0.65, likeness, vectors=True, mixed=True) >= 0) is is_linked
        assert above_bar(0.65, likeness, vectors=True) >= 0
    assert above_bar(0.95, words, vectors=True, mixed=True) >= 0


def test_plain_words_are_compared_within_one_language_only() -> None:
    assert are_one_language("en", "en-GB")
    assert are_one_language("ko", "und")
    assert not are_one_language("ko", "ja")
    assert not are_one_language("zh-Hans", "zh-Hant")


def test_no_form_of_the_lexicon_stands_for_two_clues() -> None:
    clues: defaultdict[str, set[str]] = defaultdict(set)
    ids = []
    for line in files("extractors").joinpath("lexicon.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            clue, *columns = (part.strip() for part in line.split("|"))
            ids.append(clue)
            for column in columns:
                for form in column.split(","):
                    clues[form.strip().removeprefix("^")].add(clue)
    assert len(ids) == len(set(ids)) > 600
    # One sign may be a country here and another there (日, 韓): those are read by language.
    assert {form for form, own in clues.items() if len(form) > 1 and len(own) > 1} == set()


@pytest.mark.parametrize(
    ("western", "eastern", "day"),
    [
        (24, 24, Day.SAME),
        (24, 25, Day.UNKNOWN),  # Tuesday in Washington, Wednesday in Seoul
        (30, 1, Day.UNKNOWN),
        (25, 24, Day.OTHER),
        (1, 31, Day.OTHER),
        (24, 26, Day.OTHER),
    ],
)
def test_it_is_a_day_later_in_the_east_and_never_a_day_earlier(
    western: int, eastern: int, day: Day
) -> None:
    first, second = (tuple(f"{kind}{n}" for kind in ("d.", "d1.")) for n in (western, eastern))
    assert compare(first, second, ahead=days_ahead("en", "ko")).day is day
    assert compare(second, first, ahead=days_ahead("zh-Hant", "en-GB")).day is day
    if western != eastern:
        assert compare(first, second, ahead=days_ahead("ko", "ja")).day is Day.OTHER
