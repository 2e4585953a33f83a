"""Sketches: what holds for any two texts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.sketch import make_sketch, verify
from extractors.stories import compare, make_clues, shared_sentences

TEXTS = st.text(st.sampled_from("ab c1 2.。가나 다漢字かなカナ\n,Xx９９"), max_size=400)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_comparing_is_symmetric_and_within_bounds(a: str, b: str) -> None:
    first, second = make_sketch(a), make_sketch(b)
    there, back = verify(first, second), verify(second.features, first.features)
    assert there == back
    assert all(0 <= share <= 1 for share in (there.con, there.lead, there.jac, there.num))


@settings(deadline=None)
@given(st.text(max_size=500))
def test_any_text_equals_itself_or_has_no_words(text: str) -> None:
    sketch = make_sketch(text, text[:50], "en")
    assert (sketch.exact == 0) == (not sketch.features)
    if sketch.shingles:
        assert verify(sketch, sketch).level == "copy"


@settings(deadline=None)  # the first call reads the lexicon
@given(TEXTS, TEXTS, st.sampled_from(["en", "ko", "ja", "zh-Hans", "und"]))
def test_clues_compare_alike_both_ways(a: str, b: str, language: str) -> None:
    first, second = make_clues(a[:40], a, language), make_clues(b[:40], b, language)
    assert compare(first, second) == compare(second, first)
    assert all(" " not in clue for clue in first)


@given(TEXTS, TEXTS)
def test_shared_sentences_are_of_the_first_text(a: str, b: str) -> None:
    assert all(sentence in a for sentence in shared_sentences(a, b))
