"""What is in a text is found by its terms, whatever the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.search_terms import (
    canonical_text,
    index_terms,
    is_cjk,
    mark,
    pair_term,
    parse_query,
    pieces,
    run_terms,
    word_term,
)

TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("전작권은는 작戦時統制権战权。、·「」abcF-35 ＯＰ\n\u200bé"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)


@given(TEXT)
def test_every_piece_of_a_text_is_found_by_its_terms(text: str) -> None:
    terms, words = index_terms(None, text)
    for piece in pieces(text):
        if not is_cjk(piece):
            assert word_term(piece) in terms or len(piece) > 40
            assert piece in words
        elif len(piece) > 1:
            assert set(run_terms(piece)) <= set(terms)
        else:
            assert pair_term(piece) in terms


@given(TEXT)
def test_a_text_searched_by_its_own_words_passes_the_check(text: str) -> None:
    canonical = canonical_text(text)
    for piece in pieces(text):
        for clause in parse_query(f'"{piece}"'):
            assert clause.is_in(*canonical)


@given(TEXT, TEXT)
def test_marks_lie_in_the_text_in_order_and_apart(text: str, query: str) -> None:
    spans = mark(text, parse_query(query))
    flat = [place for span in spans for place in span]
    assert flat == sorted(set(flat))
    assert all(0 <= place <= len(text) for place in flat)


@given(TEXT)
def test_any_query_can_be_read(query: str) -> None:
    for clause in parse_query(query):
        assert clause.pieces and all(clause.pieces)
