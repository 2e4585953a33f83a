"""Topic files: what is read, and what the errors say."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.topic_texts import HEAD, rule, topic_of

from alerts.topic_format import parse_duration, parse_topic
from alerts.topic_model import make_phrase
from extractors.errors import UsageError


def error_of(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_topic(text, Path("topics/t.toml"))
    return str(caught.value)


def test_a_whole_topic_is_read() -> None:
    topic = topic_of(
        """
        mentions = "digest"
        severity = "critical"
        channel = "#navy"
        cooldown = "6h"
        sources = { max_tier = 3, countries = ["KR", "us"] }
        [weights]
        title = 3
        [lists.naval]
        en = ["submarine*", "Navy"]
        ko = ["*잠수함"]
        [[rule]]
        name = "acronym"
        score = 12
        case = true
        any.en = ["SSN"]
        zones = ["title"]
        with = ["source:kr", "@naval"]
        near = { words = 20, any = ["@naval"] }
        not = ["SSN College"]
        not_near = [ { words = 5, any = ["credit"] }, { words = 9, any = ["bank"] } ]
        [[example]]
        text = "The Navy wants an SSN"
        expect = "alert"
        """
    )

    assert topic.info.cooldown_s == 6 * 3600
    assert (topic.max_tier, topic.countries) == (3, frozenset({"kr", "us"}))
    assert topic.weights == {"title": 3.0, "lead": 1.5, "body": 1.0, "repeat": 2.0}
    assert [p.text for p in topic.rules[0].with_any] == [
        "source:kr",
        "submarine*",
        "Navy",
        "*잠수함",
    ]
    assert [n.words for n in topic.rules[0].not_near] == [5, 9]
    assert topic.examples[0].expect == "alert"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + 'severty = "high"\n' + rule(any_en='["abcd"]'), 3, "did you mean 'severity'"),
        (HEAD + rule(any_en='["abcd"]', neer='["x"]'), 6, "did you mean 'near'"),
        (HEAD + rule(any_en='["abcd"]', near='["x"]'), 6, "write near = { words = 20"),
        (HEAD + rule(any_en='["abcd"]', near='{ any = ["x"] }'), 6, "number of words"),
        (HEAD + rule(any_en='["abcd"]', near='{ words = 900, any = ["x"] }'), 6, "1 to 200"),
        (HEAD + rule(any_en='["abcd"]', near='{ words = 9, any = ["@nav"] }'), 6, "[lists.nav]"),
        (HEAD + rule(any_en='["ab*"]'), 5, "at least 4 letters"),
        (HEAD + rule(any_en='["sub*marine"]'), 5, "only at the end"),
        (HEAD + rule(any_en='["*marine"]'), 5, "Korean words only"),
        (HEAD + rule(any_en='["..."]'), 5, "nothing to search for"),
        (HEAD + rule(any_english='["x"]'), 5, "not a language code"),
        (HEAD + rule(any_en='"abcd"'), 5, "must be a list of phrases"),
        (HEAD + rule(any_en='["source:kr"]'), 5, "in with"),
        (HEAD + rule(any_en='["abcd"]', score="-1"), 6, "above 0"),
        (HEAD + rule(any_en='["abcd"]', case='"yes"'), 6, "true or false"),
        (HEAD + rule(any_en='["abcd"]', zones='["headline"]'), 6, "title, lead, body"),
        (HEAD + '[[rule]]\nany.en = ["abcd"]\n', 3, "has no name"),
        (HEAD + '[[rule]]\nname = "r"\n', 3, "has no phrases"),
        (HEAD, 1, "has no rules"),
        ('title = "T"\n', 1, "has no id"),
        ('id = "Op Con"\ntitle = "T"\n' + rule(any_en='["abcd"]'), 1, "small letters"),
        (HEAD + 'cooldown = "6 hours"\n' + rule(any_en='["abcd"]'), 3, '"30m", "6h"'),
        (HEAD + 'mentions = "never"\n' + rule(any_en='["abcd"]'), 3, "alert, digest, off"),
        (HEAD + "sources = { max_tier = 9 }\n" + rule(any_en='["abcd"]'), 3, "1, 2, 3 or 4"),
        (HEAD + "[weights]\ntitel = 2\n" + rule(any_en='["abcd"]'), 4, "'title'"),
        (HEAD + "[lists.x]\nen = []\n" + rule(any_en='["abcd"]'), 4, "list of phrases"),
        (HEAD + rule(any_en='["abcd"]') + '[[example]]\nexpect = "none"\n', 6, "no text"),
        (HEAD + rule(any_en='["abcd"]') + '[[example]]\ntext = "x"\n', 6, "must be one of"),
        (HEAD + '[[rule]\nname = "r"\n', 3, "not valid TOML"),
    ],
)
def test_an_error_names_file_line_what_is_wrong_and_what_to_write(
    text: str, line: int, words: str
) -> None:
    message = error_of(text)

    assert message.startswith(f"topics/t.toml:{line}: ")
    assert words in message
    assert "\n" not in message


def test_the_line_of_the_right_rule_is_named() -> None:
    text = HEAD + rule(any_en='["abcd"]') + rule(any_en='["abcd"]', scor="3")

    assert error_of(text).startswith("topics/t.toml:9: rule 2 “r”: unknown key 'scor'")


def test_the_version_follows_the_meaning_only() -> None:
    base = topic_of(rule(any_en='["abcd"]'))
    same = topic_of('channel = "#x"\nseverity = "high"\n# a comment\n' + rule(any_en='["abcd"]'))
    other = topic_of(rule(any_en='["abce"]'))

    assert base.version == same.version
    assert base.version != other.version
    assert len(base.version) == 12


def test_a_phrase_knows_its_key() -> None:
    assert make_phrase("nuclear‑powered sub*").key == "nuclear powered sub"
    assert make_phrase("*핵추진 잠수함").inside
    assert make_phrase("source:KR").country == "kr"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
