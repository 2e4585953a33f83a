"""Whether a passage goes on about what stands before it."""

from __future__ import annotations

import pytest

from extractors.subject import SAME_SUBJECT, shared_words, words_of


@pytest.mark.parametrize(
    ("before", "same", "other"),
    [
        (
            "시는 방파제를 다시 짓는다. 방파제 공사에는 다섯 해가 걸린다.",
            "방파제 공사가 끝나면 시는 항구를 넓힌다.",
            "여객선 특별법이 의회를 통과했다.",
        ),
        (
            "防波堤の建て直しが始まる。市は防波堤に十八億円を用意した。",
            "防波堤の建て直しに市は人手も集める。",
            "映画祭で新人監督が受賞した。",
        ),
        (
            "The council builds the harbour wall anew; the harbour wall broke in January.",
            "Nobody knew who would pay for the harbour wall, the council said.",
            "A novelist from another country received a famous prize on Friday.",
        ),
    ],
)
def test_a_passage_on_the_same_subject_shares_words(before: str, same: str, other: str) -> None:
    assert shared_words([same], [before]) >= SAME_SUBJECT
    assert shared_words([other], [before]) < SAME_SUBJECT


def test_a_passage_without_words_shares_nothing() -> None:
    assert shared_words(["12:04 !"], ["The harbour wall"]) == 0.0
    assert shared_words([], []) == 0.0


def test_only_the_beginning_of_a_huge_text_is_read() -> None:
    assert words_of("harbour " * 100_000 + "lighthouse") == {"harbour"}
