"""Clusters: the same texts give the same groups, and what one pair says has its limits."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.clusters import LEAST, LENIENCE, MANY, MOST, Text, cluster, lenience

HOUR, DAY = 3_600, 86_400
REACH = 3 * DAY


def texts(count: int, step: int = HOUR) -> list[Text]:
    return [Text(n, n * step) for n in range(count)]


def groups(
    margins: dict[tuple[int, int], float], count: int, step: int = HOUR, **more: object
) -> list[list[int]]:
    return cluster(texts(count, step), margins, reach=REACH, **more)  # type: ignore[arg-type]


def test_texts_without_a_margin_stay_alone() -> None:
    assert groups({}, 3) == [[0], [1], [2]]
    assert cluster([], {}, reach=REACH) == []


def test_a_pair_at_the_bar_is_one_story_and_one_below_is_not() -> None:
    assert groups({(1, 0): 0.0}, 2) == [[0, 1]]
    assert groups({(0, 1): -0.01}, 2) == [[0], [1]]


def test_a_round_up_joins_none_of_its_events() -> None:
    """However alike it is to both: their reports have nothing in common."""
    one = dict.fromkeys(combinations((0, 1), 2), 4.0)
    other = dict.fromkeys(combinations((2, 3), 2), 4.0)
    round_up = {(n, 4): 9.0 for n in range(4)}
    found = groups(one | other | round_up, 5)
    assert len(found) == 2
    assert {0, 1} <= set(found[0])
    assert {2, 3} <= set(found[1])
    assert len(groups({(0, 2): 9.0, (1, 2): 9.0}, 3)) == 2


def test_a_middle_text_joins_two_that_have_something_in_common() -> None:
    """Compared and found unlike is not the same as having nothing in common."""
    assert groups({(0, 2): 4.0, (1, 2): 4.0, (0, 1): LEAST}, 3) == [[0, 1, 2]]
    assert groups({(0, 2): 4.0, (1, 2): 4.0, (0, 1): -9.0}, 3) == [[0, 1, 2]]


def test_a_chain_from_day_to_day_is_not_one_story() -> None:
    chain = {(n, n + 1): 1.0 for n in range(11)}
    found = groups(chain, 12, step=DAY)
    assert max(map(len, found)) <= 3


def test_an_event_that_many_newsrooms_tell_holds_together() -> None:
    """Each report resembles some of the others; on average over all pairs it would not do."""
    rng = random.Random(3)
    count = 40
    margins = {
        pair: 2.0 if rng.random() < 0.35 else LEAST for pair in combinations(range(count), 2)
    }
    mean = sum(margins.values()) / len(margins)
    assert mean < 0
    assert max(map(len, groups(margins, count))) >= 0.9 * count


def test_what_belongs_together_stays_so_and_what_was_told_apart_too() -> None:
    assert groups({}, 4, together=[(0, 2), (2, 3), (7, 8)]) == [[0, 2, 3], [1]]
    labelled = [Text(0, 0, frozenset({5})), Text(1, HOUR, frozenset({6})), Text(2, 2 * HOUR)]
    margins = {(0, 1): 5.0, (0, 2): 3.0, (1, 2): 2.0}
    found = cluster(labelled, margins, reach=REACH, apart={frozenset({5, 6})})
    assert found == [[0, 2], [1]]
    assert cluster(labelled, margins, reach=REACH) == [[0, 1, 2]]


@pytest.mark.parametrize("margin", [MOST, 20.0])
def test_one_pair_says_no_more_than_it_may(margin: float) -> None:
    assert groups({(0, 1): 1.0, (1, 2): margin}, 3) == [[0], [1, 2]]


def test_the_fewer_others_resemble_two_texts_the_more_they_are_given() -> None:
    given_to = [lenience(others) for others in range(MANY + 3)]
    assert given_to[0] == given_to[1] == LENIENCE
    assert given_to == sorted(given_to, reverse=True)
    assert set(given_to[MANY:]) == {0.0}
    assert LEAST + LENIENCE <= 0  # else a pair that is not stored could be wanted


def test_what_a_pair_is_given_joins_groups_but_not_before_likelier_ones() -> None:
    low, high = {(0, 1): -1.0}, {(1, 2): 0.5}
    assert groups(low, 2) == [[0], [1]]
    assert groups(low, 2, given={(1, 0): 1.0}) == [[0, 1]]
    assert groups(low | high, 3, given={(0, 1): 3.0}) == [[0], [1, 2]]


@given(st.integers(2, 14), st.data())
def test_the_order_of_the_pairs_and_texts_changes_nothing(count: int, data: st.DataObject) -> None:
    """Of margins that differ, as those of real texts do."""
    pairs = list(combinations(range(count), 2))
    drawn = data.draw(st.lists(st.sampled_from(pairs), unique=True))
    rng = random.Random(data.draw(st.integers(0, 999)))
    margins = {pair: rng.uniform(-2, 3) for pair in drawn}
    lent = {pair: lenience(rng.randrange(MANY + 2)) for pair in drawn}
    expected = groups(margins, count, given=lent)
    assert sorted(n for group in expected for n in group) == list(range(count))
    shuffled = list(margins.items())
    rng.shuffle(shuffled)
    mixed = texts(count)
    rng.shuffle(mixed)
    turned = {(b, a): margin for (a, b), margin in shuffled}
    turned_lent = {(b, a): value for (a, b), value in reversed(lent.items())}
    assert cluster(mixed, turned, reach=REACH, given=turned_lent) == expected


@given(st.integers(2, 14), st.data())
def test_parts_that_no_pair_links_do_not_touch(count: int, data: st.DataObject) -> None:
    """The groups of a part that no pair links to the rest are those of the part alone."""
    rng = random.Random(data.draw(st.integers(0, 999)))
    part = [n for n in range(count) if rng.random() < 0.5]
    margins = {
        (a, b): rng.uniform(-2, 3)
        for a, b in combinations(range(count), 2)
        if (a in part) == (b in part) and rng.random() < 0.6
    }
    whole = groups(margins, count)
    own = cluster([t for t in texts(count) if t.number in part], margins, reach=REACH)
    assert [group for group in whole if group[0] in part] == own


def test_what_goes_on_for_weeks_in_one_way_is_one_story() -> None:
    """Texts out of reach of each other say nothing, whatever the order of joining."""
    count = 24
    margins = {(a, b): MOST for a, b in combinations(range(count), 2) if abs(a - b) * DAY <= REACH}
    assert groups(margins, count, step=DAY) == [list(range(count))]
