"""Boilerplate rules are data: every example in the files is run, and the files' format is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from extractors.errors import UsageError
from extractors.lines import shape_of
from extractors.models import Line
from extractors.rules import (
    FILES,
    Rule,
    RuleSet,
    builtin_rules,
    load_rules,
    parse_rules,
    parse_sites,
)

BUILTIN = builtin_rules()
ALL = list(BUILTIN)


def fires(rules: RuleSet, rule: Rule, text: str) -> bool:
    shape = shape_of(Line(text=text))
    if rule.action == "cut":
        return rules.cuts(shape) is not None  # files overlap here: any of them may cut
    host = rule.name.removeprefix("site/").split(":")[0] if "site/" in rule.name else None
    return any(hit.rule is rule for hit in rules.hits(shape, host))


@pytest.mark.parametrize("rule", ALL, ids=lambda r: r.name)
def test_a_rule_fires_on_its_examples_and_not_on_its_counter_examples(rule: Rule) -> None:
    assert [text for text in rule.match if not fires(BUILTIN, rule, text)] == []
    assert [text for text in rule.miss if fires(BUILTIN, rule, text)] == []


def test_names_of_rules_are_unique() -> None:
    names = [rule.name for rule in ALL]
    assert len(names) == len(set(names))


def test_there_is_a_file_for_each_language_with_all_its_kinds() -> None:
    assert set(BUILTIN.rules) == set(FILES)
    wanted = {
        "related", "copyright", "byline", "date", "photo", "share", "comment", "nav", "ad",
        "endmark", "tipline", "disclaimer", "ai_disclaimer",
    }  # fmt: skip
    for name in ("en", "ja", "ko", "zh"):
        kinds = {rule.category for rule in (*BUILTIN.rules["general"], *BUILTIN.rules[name])}
        assert wanted - kinds == set(), name


def test_an_operator_adds_a_rule_replaces_one_and_switches_one_off(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text(
        """
        [[rule]]
        name = "tide"
        category = "nav"
        reason = "tide table"
        starts = ["high water"]
        match = ["High water 06:12"]

        [[rule]]
        name = "end-mark"
        category = "endmark"
        reason = "our own end mark"
        lines = ["finis"]
        match = ["FINIS"]
        """
    )
    (tmp_path / "sites.toml").write_text('[site."harbour.example"]\noff = ["en:tide"]\n')
    rules = load_rules(tmp_path)

    def names(text: str, host: str | None = None) -> set[str]:
        return {hit.rule.name for hit in rules.hits(shape_of(Line(text=text)), host)}

    assert "en:tide" in names("High water 06:12")
    assert "en:tide" not in names("High water 06:12", "www.harbour.example")
    assert "en:end-mark" in names("FINIS")
    assert "en:end-mark" not in names("(more)")


def test_a_rule_of_a_site_counts_for_its_subdomains_only() -> None:
    hits = BUILTIN.hits(shape_of(Line(text="High water today 06:12")), "m.harbour-herald.example")
    assert [hit.rule.category for hit in hits] == ["nav"]
    assert BUILTIN.hits(shape_of(Line(text="High water today 06:12")), "herald.example") == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[rule]", "not valid TOML"),
        ('[[rule]]\ncategory = "nav"', "a rule without a name"),
        ('[[rule]]\nname = "x"\nreason = "r"', "category is missing"),
        ('[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"\ncolour = 1', "unknown key colour"),
        (
            '[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"\naction = "burn"',
            "action 'burn' is none of",
        ),
        (
            '[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"\nplace = "sky"',
            "place 'sky' is none of",
        ),
        ('[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"', "at least one example"),
        (
            '[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"\nmatch = ["a"]',
            "neither phrases nor a pattern",
        ),
        (
            '[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"\nmatch = ["a"]\npattern = "("',
            "pattern: ",
        ),
        (
            '[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"\nmatch = ["a"]\nstarts = "a"',
            "must be a list of phrases",
        ),
        (
            '[[rule]]\nname = "x"\ncategory = "c"\nreason = "r"\nmatch = ["a"]\nneeds = [" "]\n'
            'pattern = "a"',
            "blanks only",
        ),
    ],
)
def test_a_mistake_in_a_file_is_named_in_one_line(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=r"^my\.toml: ") as caught:
        parse_rules(text, origin="my.toml", file="my")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_the_sites_file_is_named() -> None:
    with pytest.raises(UsageError, match="must be a table"):
        parse_sites('[site]\n"a.example" = 1', origin="sites.toml")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load_rules(tmp_path / "nowhere")
