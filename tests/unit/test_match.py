"""The matcher: words by script, conditions, zones, score, level, explanations."""

from __future__ import annotations

import unicodedata

import pytest
from support.topic_texts import HEAD, article, rule, set_of

from alerts.match import explain_topics, match_some, match_topics
from alerts.models import MatchInput, TopicHit
from alerts.topics import TopicSet

FILLER = "The council met again and spoke at length about roads, schools and the harbour. " * 8


def hits(topics: TopicSet, item: MatchInput) -> list[TopicHit]:
    return match_topics(topics, item)


def fires(rules: str, body: str, title: str = "", country: str | None = None) -> bool:
    return bool(match_topics(set_of(rules), article(body, title, country=country)))


# ---------------------------------------------------------------- words
@pytest.mark.parametrize("text", ["an OPCON plan", "OPCONs", "OPCON's", "OPCON전환", "「OPCON」"])
def test_a_latin_phrase_is_a_whole_word_with_plural_or_possessive(text: str) -> None:
    assert fires(rule(any_all='["OPCON"]'), text)


@pytest.mark.parametrize("text", ["Topcon", "opconx", "popcon", "opconsult"])
def test_a_latin_phrase_is_not_found_inside_a_word(text: str) -> None:
    assert not fires(rule(any_all='["OPCON"]'), text)


def test_a_wildcard_takes_any_ending() -> None:
    assert fires(rule(any_en='["submarin*"]'), "two submariners")
    assert not fires(rule(any_en='["submarine"]'), "two submariners")


def test_case_may_matter() -> None:
    rules = rule(any_en='["SSN"]', case="true")

    assert fires(rules, "Four SSNs")
    assert not fires(rules, "the ssn field")


@pytest.mark.parametrize("text", ["전작권조차", "‘전작권’", "軍전작권", "전작권·예산"])
def test_a_korean_phrase_begins_a_word_and_any_particle_may_follow(text: str) -> None:
    assert fires(rule(any_ko='["전작권"]'), text)


@pytest.mark.parametrize("text", ["지원잠수함", "병원잠정휴진", "1000원 잠정 인상"])
def test_a_korean_phrase_is_not_found_inside_or_across_words(text: str) -> None:
    assert not fires(rule(any_ko='["원잠"]'), text)


def test_a_star_lets_a_korean_phrase_stand_inside_a_word() -> None:
    assert fires(rule(any_ko='["*핵추진 잠수함"]'), "한국형핵추진잠수함")
    assert not fires(rule(any_ko='["핵추진 잠수함"]'), "한국형핵추진잠수함")


def test_han_phrases_count_by_the_script_of_the_text() -> None:
    japanese = rule(any_ja='["原潜"]')

    assert fires(japanese, "韓国の原潜をめぐる議論")
    assert not fires(japanese, "团队提出还原潜在变量的方法")
    assert not fires(rule(any_zh='["核潜艇"]'), "これは核潜艇についての、かなの多い文章である")


def test_a_japanese_headline_without_kana_needs_the_outlets_country() -> None:
    topics = set_of(rule(any_ja='["原潜"]'))

    assert not match_topics(topics, article(title="米原潜横須賀寄港"))
    assert match_topics(topics, article(title="米原潜横須賀寄港", country="JP"))


def test_traditional_text_meets_a_simplified_phrase() -> None:
    assert fires(rule(any_zh='["战时作战指挥权"]'), "收回戰時作戰指揮權")


# ---------------------------------------------------------------- conditions
NEAR = rule(any_en='["SSN"]', near='{ words = 3, any = ["navy"] }')


def test_near_counts_words() -> None:
    assert fires(NEAR, "The navy wants an SSN")
    assert not fires(NEAR, "The navy says that it wants an SSN")


def test_near_reaches_from_the_title_into_the_lead() -> None:
    assert fires(NEAR, "Navy officials agree.", title="More money for the SSN")


def test_two_cjk_characters_are_one_word() -> None:
    rules = rule(any_ja='["SSN"]', near='{ words = 3, any = ["海軍"] }')

    assert fires(rules, "海軍はこのSSNを")
    assert not fires(rules, "海軍は来年度の予算でこのSSNを")


def test_a_hit_is_not_its_own_context() -> None:
    rules = rule(any_en='["nuclear submarine"]', near='{ words = 9, any = ["submarine"] }')

    assert not fires(rules, "a nuclear submarine")
    assert fires(rules, "a nuclear submarine beside another submarine")


def test_with_takes_a_context_anywhere_or_the_outlets_country() -> None:
    rules = rule(any_en='["OPCON"]', **{"with": '["Korea", "source:kr"]'})

    assert fires(rules, "OPCON. " + FILLER + "Korea.")
    assert fires(rules, "OPCON", country="KR")
    assert not fires(rules, "OPCON", country="us")


def test_without_and_not_near_veto() -> None:
    assert not fires(rule(any_en='["OPCON"]', without='["NATO"]'), "OPCON. " + FILLER + "NATO.")
    veto = rule(any_en='["OPCON"]', not_near='{ words = 3, any = ["NATO"] }')
    assert not fires(veto, "OPCON for NATO")
    assert fires(veto, "OPCON. " + FILLER + "NATO.")


def test_not_swallows_a_hit_that_is_part_of_a_longer_phrase() -> None:
    rules = rule(any_ko='["핵잠"]', **{"not": '["핵잠재력"]'})

    assert not fires(rules, "이란의 핵잠재력 논쟁")
    assert fires(rules, "핵잠재력이 아니라 핵잠 이야기")


def test_zones_restrict_a_rule() -> None:
    rules = rule(any_en='["OPCON"]', zones='["title"]')

    assert fires(rules, "", title="OPCON")
    assert not fires(rules, "OPCON")


def test_sources_of_other_tiers_and_countries_do_not_count_unknown_ones_do() -> None:
    head = HEAD + 'sources = { max_tier = 2, countries = ["kr"] }\n'
    topics = set_of(rule(any_en='["OPCON"]'), head)

    assert not match_topics(topics, article("OPCON", tier=3, country="kr"))
    assert not match_topics(topics, article("OPCON", tier=1, country="us"))
    assert match_topics(topics, article("OPCON"))


def test_the_phrase_does_not_reach_from_the_title_into_the_body() -> None:
    assert not fires(rule(any_en='["OPCON transfer"]'), "transfer", title="OPCON")


# ---------------------------------------------------------------- score and level
def test_the_score_is_the_best_hit_and_a_little_for_each_further_one() -> None:
    topics = set_of(rule(any_en='["OPCON"]', score="10"))
    hit = match_topics(topics, article("OPCON, " + FILLER + "OPCON and OPCON.", title="OPCON"))[0]

    assert hit.score == 10 * 2.0 + 3 * 2
    assert hit.score == max(h["score"] * h["weight"] for h in hit.why["hits"]) + 6


def test_at_most_five_further_hits_count() -> None:
    hit = match_topics(set_of(rule(any_en='["OPCON"]')), article("OPCON " * 30))[0]

    assert hit.score == 15 + 5 * 2


def test_overlapping_phrases_are_one_hit() -> None:
    topics = set_of(rule(any_en='["OPCON", "OPCON transfer", "wartime OPCON transfer"]'))
    hit = match_topics(topics, article("wartime OPCON transfer"))[0]

    assert hit.why["phrases"] == ["wartime OPCON transfer"]


def test_a_low_score_needs_the_title() -> None:
    topics = set_of(rule(any_en='["OPCON"]', score="6"))

    assert match_topics(topics, article(title="OPCON"))
    assert not match_topics(topics, article("OPCON"))


def test_one_hit_deep_in_the_text_is_a_mention_and_three_sentences_are_an_alert() -> None:
    topics = set_of(rule(any_en='["OPCON", "CFC"]'))

    assert hits(topics, article(FILLER + "OPCON."))[0].level == "mention"
    assert hits(topics, article(FILLER + "OPCON, OPCON, CFC."))[0].level == "mention"
    assert hits(topics, article(FILLER + "OPCON. Yes. CFC. No. OPCON."))[0].level == "alert"
    assert hits(topics, article("OPCON. " + FILLER))[0].level == "alert"


# ---------------------------------------------------------------- what does not count
@pytest.mark.parametrize(
    "block",
    [
        "\nRelated articles\nOPCON transfer nears\nRain in Busan",
        "\nRead more: OPCON transfer nears",
        "\n관련기사\nOPCON 전환 임박",
        "\n【関連記事】OPCON移管へ",
        "\n관련기사 한미 OPCON 전환 논의 날씨 소식",
        "\n이 시각 주요 뉴스 OPCON 전환 논의",
        "\n延伸閱讀：OPCON移交",
        "\n韓国が長年求めてきた戦時の指揮権(OPCON)の返還について背景を分析する。",
    ],
)
def test_a_block_of_other_articles_does_not_count(block: str) -> None:
    text = "The game was called off after five innings and will be played on Monday."

    assert not fires(rule(any_all='["OPCON"]'), text + block)


def test_prose_after_a_related_block_counts_again() -> None:
    text = (
        FILLER
        + "\nRead more\nRain in Busan\nThe minister then turned to OPCON, which he called the "
        "most important step of the year for the alliance, for the army and for the budget."
        "\n" + FILLER * 3
    )

    assert fires(rule(any_en='["OPCON"]'), text)


def test_removed_blocks_are_shown_and_not_counted() -> None:
    topics = set_of(rule(any_en='["OPCON"]'))
    item = MatchInput(title="", body="Nothing.", ignored=(("boilerplate", "OPCON teaser"),))

    explanation = explain_topics(topics, item)[0]

    assert explanation.hit is None
    assert explanation.lines == ("“OPCON” ignored: boilerplate",)


# ---------------------------------------------------------------- explanations
def test_why_shows_the_original_words_and_where_they_stand() -> None:
    topics = set_of(rule(any_en='["nuclear-powered submarine"]'))
    body = "He spoke. Seoul wants nuclear‑pow\u200bered\nsubmarines soon. She left."
    why = match_topics(topics, article(body))[0].why

    found = why["hits"][0]
    assert body[found["start"] : found["end"]] == "nuclear‑pow\u200bered\nsubmarine"
    start, end = why["spans"][0]
    assert why["snippet"][start:end] == "nuclear‑pow\u200bered submarines"
    assert why["snippet"].startswith("Seoul wants") and why["snippet"].endswith("soon.")


def test_why_shows_the_context_found() -> None:
    why = match_topics(set_of(NEAR), article("The Navy wants an SSN."))[0].why

    context = why["hits"][0]["contexts"][0]
    assert (context["phrase"], context["text"]) == ("navy", "Navy")
    assert why["line"] == "t 15 (≥10): “SSN” lead ×1"


def test_a_near_miss_says_what_was_missing() -> None:
    explanation = explain_topics(set_of(NEAR), article(title="SSN leak at a clinic"))[0]

    assert explanation.hit is None
    assert explanation.lines == ("“SSN” in the title, but none of navy within 3 words",)
    assert explanation.near_misses[0]["start"] == 0


def test_the_snippet_is_bounded_and_cut_at_words() -> None:
    body = "word " * 400 + "OPCON " + "word " * 400
    why = match_topics(set_of(rule(any_en='["OPCON"]')), article(body))[0].why

    assert len(why["snippet"]) < 360
    assert "OPCON" in why["snippet"]


def test_an_abbreviation_does_not_end_the_sentence() -> None:
    body = "First. The U.S. Forces Korea chief, Gen. Brunson, spoke of OPCON today. Last."
    why = match_topics(set_of(rule(any_en='["OPCON"]')), article(body))[0].why

    assert why["snippet"] == body[7:-6]


def test_some_topics_only() -> None:
    topics = set_of(rule(any_en='["OPCON"]'))
    match = match_some(topics)

    assert [h.topic for h in match(article("OPCON"), frozenset({"t"}))] == ["t"]
    assert match(article("OPCON"), frozenset()) == []


@pytest.mark.parametrize("form", ["NFD", "NFKD"])
def test_a_decomposed_text_is_explained_in_its_own_form(form: str) -> None:
    body = unicodedata.normalize(form, "국방부는 전작권 전환을 논의했다.")
    why = match_topics(set_of(rule(any_ko='["전작권"]')), article(body))[0].why

    assert unicodedata.normalize("NFC", why["hits"][0]["text"]) == "전작권"


def test_a_page_that_repeats_a_phrase_endlessly_is_cut_short() -> None:
    why = match_topics(set_of(NEAR), article("The navy wants an SSN. " * 5_000))[0].why

    assert why["n_hits"] == 200
    assert len(why["hits"]) == 20


def test_the_line_and_the_emphasis_show_the_words_of_the_text_not_the_pattern() -> None:
    topics = set_of(rule(any_en='["nuclear submarine", "shipbuild*"]', any_ko='["*버지니아급"]'))
    body = (
        "Seoul wants nuclear submarines, and shipbuilders agree. 미 버지니아급 잠수함도 거론됐다."
    )
    why = match_topics(topics, article(body))[0].why

    for shown in ("“nuclear submarines”", "“shipbuilders”", "“버지니아급”"):
        assert shown in why["line"]
    assert "*" not in why["line"]
    marked = {why["snippet"][start:end] for start, end in why["spans"]}
    assert marked == {"nuclear submarines", "shipbuilders"}


def test_a_short_korean_phrase_with_a_dash_is_found_with_any_dash_and_without() -> None:
    topics = set_of(rule(any_ko='["한-미"]'))

    for text in ("한-미 정상이 만났다.", "한–미 정상이 만났다.", "한미 정상이 만났다."):
        assert match_topics(topics, article(text)), text
    # A space keeps it from being found by chance, with a dash in the file and without.
    assert not match_topics(topics, article("한 미국인이 착한 미소로 인사했다."))
    assert not match_topics(set_of(rule(any_ko='["원잠"]')), article("100 원 잠정 합의"))


def test_contexts_obey_capitals_when_the_rule_says_so() -> None:
    near = '{ words = 5, any = ["US"] }'
    plain = set_of(rule(any_en='["submarine deal"]', near=near))
    strict = set_of(rule(any_en='["submarine deal"]', near=near, context_case="true"))

    assert match_topics(plain, article("They told us of a submarine deal."))
    assert not match_topics(strict, article("They told us of a submarine deal."))
    assert match_topics(strict, article("The US wants a submarine deal."))
    for key in ("with", "without", "not"):
        text = "The IT submarine deal." if key != "with" else "it is a submarine deal"
        words = '["it submarine deal"]' if key == "not" else '["IT"]' if key == "with" else '["it"]'
        free = set_of(rule(any_en='["submarine deal"]', **{key: words}))
        bound = set_of(rule(any_en='["submarine deal"]', context_case="true", **{key: words}))
        assert bool(match_topics(free, article(text))) != bool(
            match_topics(bound, article(text))
        ), key
