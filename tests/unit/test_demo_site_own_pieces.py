"""Our own pieces are consistent: what is expected of a line is said of a line that is there."""

from __future__ import annotations

import pytest
from support.own_pieces import OwnPiece, load_pieces

PIECES = load_pieces()


def test_pieces_cover_five_written_languages_and_both_topics() -> None:
    assert len(PIECES) >= 12
    assert {p.language for p in PIECES} == {"en", "ko", "ja", "zh-Hans", "zh-Hant"}
    assert {(t, level) for p in PIECES for t, level in p.topics.items()} == {
        ("opcon", "alert"),
        ("opcon", "mention"),
        ("ssn", "alert"),
        ("ssn", "mention"),
    }
    assert sum(not p.topics for p in PIECES) >= 4


@pytest.mark.parametrize("piece", PIECES, ids=lambda p: p.name)
def test_each_expected_line_is_a_line_of_the_text(piece: OwnPiece) -> None:
    lines = list(piece.lines)
    assert len(set(lines)) == len(lines)
    assert {r.line for r in piece.removed} <= set(lines)
    assert set(piece.stay) <= set(piece.body)
    assert {r.kind for r in piece.removed} <= {"boilerplate", "quarantine"}
    assert len(piece.body) + len(piece.removed) == len(lines)


@pytest.mark.parametrize("piece", PIECES, ids=lambda p: p.name)
def test_every_piece_has_something_to_remove_and_more_to_keep(piece: OwnPiece) -> None:
    removed = sum(len(r.line) for r in piece.removed)
    assert 0 < removed < sum(len(line) for line in piece.body)
