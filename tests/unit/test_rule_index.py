"""The index of rules leaves out only rules that cannot fire."""

from __future__ import annotations

import re

import pytest

from extractors.lines import Shape, shape_of
from extractors.models import Line
from extractors.rules import Rule, builtin_rules
from extractors.rules.first_letters import first_letter, first_letters
from extractors.rules.index import RuleIndex

BUILTIN = builtin_rules()
EXAMPLES = sorted({text for rule in BUILTIN for text in (*rule.match, *rule.miss)})[::3]


def fired(index: RuleIndex, shape: Shape) -> set[str]:
    return {hit.rule.name for hit in index.hits(shape)}


def test_the_index_of_all_rules_finds_what_an_index_of_each_rule_alone_finds() -> None:
    rules = [rule for rule in BUILTIN if rule.action != "cut"]
    together = RuleIndex(rules)
    alone = [RuleIndex([rule]) for rule in rules]
    for text in EXAMPLES:
        shape = shape_of(Line(text=text))
        assert fired(together, shape) == set().union(*(fired(one, shape) for one in alone)), text


@pytest.mark.parametrize(
    "rule",
    [r for r in BUILTIN if r.pattern is not None and not r.needs],
    ids=lambda r: r.name,
)
def test_a_pattern_matches_only_lines_with_its_first_letters(rule: Rule) -> None:
    assert rule.pattern is not None
    letters = first_letters(rule.pattern)
    for text in EXAMPLES:
        shape = shape_of(Line(text=text))
        if letters is not None and rule.pattern.search(shape.norm):
            letter = first_letter(shape.low)
            assert letter in letters or not letter.isascii(), text


@pytest.mark.parametrize(
    ("pattern", "letters"),
    [
        (r"^[\W_]{0,3}(?:live|ad)$", {"l", "a"}),
        (r"^[\W_]{0,3}(?:an? )?(?:ad|\d)", {"a", *"0123456789"}),
        (r"^(?:Live|[x-z])", {"l", "L", "x", "y", "z"}),
        (r"^[\W_]{1,40}$", {""}),
        (r"^(?=x)\s?[가-갂]", {"가", "각", "갂"}),
        (r"^(?:a|b)?$", {"a", "b", ""}),
    ],
)
def test_the_first_letters_of_a_pattern_are_read_off_it(pattern: str, letters: set[str]) -> None:
    assert first_letters(re.compile(pattern, re.I)) == frozenset(letters)


@pytest.mark.parametrize(
    "pattern",
    [r"live", r"^.x", r"^(?:a|)", r"(?m)^a", r"^a|b", r"^\w", r"^[^x]", r"^[가-힣]", r"^\$\("],
)
def test_a_pattern_that_any_letter_may_begin_is_not_ruled_out(pattern: str) -> None:
    assert first_letters(re.compile(pattern)) is None
