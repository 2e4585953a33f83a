"""What `topics check` finds, the drafts of `topics new`, and loading of folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.topic_texts import HEAD, article, rule, topic_of

from alerts.lint import guess_language, lint_topic, run_examples
from alerts.topic_draft import append_example, draft_topic
from alerts.topic_format import parse_topic
from alerts.topics import load_topics
from extractors.errors import UsageError


def findings(rules: str, head: str = HEAD) -> list[str]:
    return [f.message for f in lint_topic(topic_of(rules, head)) if "examples" not in f.message]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (rule(any_en='["SSN"]'), "too short to stand alone"),
        (rule(any_zh='["核"]'), "too short to stand alone"),
        (rule(any_zh='["の潜艇"]'), "write it under any.ja"),
        (rule(any_ja='["핵잠"]'), "write it under any.ko"),
        (rule(any_ko='["핵잠"]', **{"not": '["핵잠"]'}), "swallowed by its own not"),
        (rule(any_ko='["핵잠"]', **{"not": '["원잠종"]'}), "never applies"),
        (rule(any_en='["OPCON", "opcon"]'), "duplicate"),
        (rule(any_zh='["战作权", "戰作權"]'), "duplicate"),
        (rule(any_en='["war plan"]', near='{ words = 5, any = ["plan"] }'), "do not count as its"),
        (rule(any_en='["OPCON"]') + '[lists.x]\nen = ["abc"]\n', "never used"),
    ],
)
def test_lint_names_what_cannot_work(rules: str, words: str) -> None:
    found = findings(rules)

    assert len(found) == 1
    assert words in found[0]


def test_lint_knows_when_a_score_is_out_of_reach() -> None:
    head = HEAD + "min_score = 20\n"

    assert findings(rule(any_en='["OPCON"]', score="9", zones='["body"]'), head) == [
        "rule “r”: never reaches min_score 20 (score 9, best zone 9): "
        "raise score or lower min_score"
    ]
    assert findings(rule(any_en='["OPCON"]', score="10", zones='["body"]'), head) == []


def test_a_good_rule_has_no_findings() -> None:
    assert findings(rule(any_en='["SSN"]', near='{ words = 5, any = ["navy"] }')) == []


def test_case_makes_two_phrases_of_one() -> None:
    assert findings(rule(any_en='["OPCON", "Opcon"]', case="true")) == []


def test_languages_are_compared_with_the_rules() -> None:
    head = HEAD + 'languages = ["en", "ja"]\n'

    assert findings(rule(any_en='["OPCON"]', any_ko='["전작권"]'), head) == [
        "languages names ja, but no rule has any.ja",
        "rules have any.ko, but languages does not name ko",
    ]


def test_examples_are_run_and_explained() -> None:
    topic = topic_of(
        rule(any_en='["OPCON"]', near='{ words = 5, any = ["Korea"] }')
        + '[[example]]\ntext = "OPCON for Korea"\nexpect = "hit"\n'
        + '[[example]]\ntext = "OPCON for Latvia"\nexpect = "alert"\n'
    )

    first, second = run_examples(topic)

    assert (first.ok, first.outcome) == (True, "alert")
    assert (second.ok, second.outcome) == (False, "none")
    assert second.lines == ("“OPCON” in the lead, but none of Korea within 5 words",)


@pytest.mark.parametrize(
    ("text", "lang"), [("핵잠", "ko"), ("原潜の", "ja"), ("核潜艇", "zh"), ("SSN", "en")]
)
def test_the_language_of_a_phrase_is_guessed_by_its_script(text: str, lang: str) -> None:
    assert guess_language(text) == lang


def test_a_draft_is_a_topic_that_can_be_read_and_checked() -> None:
    lines = ["# a comment", "ship repair", "ship-repair", "함정 정비", "ja: 艦船修理", "MRO"]
    topic = parse_topic(draft_topic("mro", 'The "MRO" deal', lines), Path("mro.toml"))

    assert topic.title == 'The "MRO" deal'
    assert topic.languages == ("en", "ja", "ko")
    assert [p.text for p in topic.rules[0].phrases] == ["ship repair", "艦船修理", "함정 정비"]
    assert [p.text for p in topic.rules[1].phrases] == ["MRO"]
    assert [f for f in lint_topic(topic) if f.level == "error"] == []
    assert all(result.ok for result in run_examples(topic))


@pytest.mark.parametrize("lines", [[], ["# only a comment"], ["*"]])
def test_a_draft_needs_phrases(lines: list[str]) -> None:
    with pytest.raises(UsageError):
        draft_topic("x", "X", lines)


def test_an_article_becomes_an_example(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(HEAD + rule(any_en='["OPCON"]'), encoding="utf-8")
    topic = load_topics([path]).topics[0]
    item = article('He said "no".\nOPCON moved to Riga. More.', "A \\ headline", country="LV")

    append_example(topic, item, relevant=False, note="NATO")

    example = load_topics([tmp_path]).topics[0].examples[0]
    assert (example.title, example.text) == ("A \\ headline", "OPCON moved to Riga.")
    assert (example.expect, example.country, example.note) == ("none", "lv", "NATO")


def test_folders_and_files_are_read_and_ids_are_unique(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HEAD + rule(any_en='["OPCON"]'), encoding="utf-8")
    assert load_topics([tmp_path]).infos["t"].title == "T"

    (tmp_path / "b.toml").write_text(HEAD + rule(any_en='["OPCON"]'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"b\.toml: id 't' is taken by .*a\.toml"):
        load_topics([tmp_path])
    with pytest.raises(UsageError, match="no such file"):
        load_topics([tmp_path / "c.toml"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no topic files"):
        load_topics([tmp_path / "empty"])


def test_only_the_named_topics_and_a_wrong_name() -> None:
    topics = load_topics([_shipped()])

    assert [t.id for t in topics.only(["ssn"]).topics] == ["ssn"]
    with pytest.raises(UsageError, match="opcon"):
        topics.only(["opkon"])


def _shipped() -> Path:
    import seeds

    return seeds.path("topics")


@pytest.mark.parametrize("path", sorted(_shipped().glob("*.toml")), ids=lambda p: p.stem)
def test_a_shipped_topic_is_without_findings_and_its_examples_hold(path: Path) -> None:
    topic = load_topics([path]).topics[0]

    assert [f.message for f in lint_topic(topic)] == []
    wrong = [(r.example.text, r.outcome, r.lines) for r in run_examples(topic) if not r.ok]
    assert wrong == []
    assert len(topic.examples) >= 20
    assert sum(e.expect == "none" for e in topic.examples) >= 8
