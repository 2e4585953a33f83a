"""Our own pieces (`seeds/articles/`): a text and what must become of its lines."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

import seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A line that is not body."""

    line: str
    category: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPiece:
    """A piece: its text as in the file, and the expectation beside it."""

    name: str
    text: str
    language: str
    provenance: tuple[str, ...]
    topics: dict[str, str]
    removed: tuple[Removed, ...]
    stay: tuple[str, ...]
    published: str | None
    title: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """The text's non-empty lines, in their order."""
        return tuple(line for line in self.text.splitlines() if line.strip())

    @property
    def body(self) -> tuple[str, ...]:
        """The lines that are body, in their order."""
        gone = {r.line.strip() for r in self.removed}
        return tuple(line for line in self.lines if line.strip() not in gone)


def load_pieces() -> tuple[OwnPiece, ...]:
    """Return all pieces in the order of their names."""
    return tuple(
        load_piece(path.name.removesuffix(".txt"))
        for path in sorted(seeds.path("articles").glob("*.txt"))
    )


def load_piece(name: str) -> OwnPiece:
    """Return one piece. Raises FileNotFoundError for an unknown name."""
    folder = seeds.path("articles")
    expected: dict[str, Any] = tomllib.loads(
        (folder / f"{name}.expected.toml").read_text(encoding="utf-8")
    )
    published = expected.get("published")
    return OwnPiece(
        name=name,
        text=(folder / f"{name}.txt").read_text(encoding="utf-8"),
        language=expected["language"],
        provenance=tuple(expected["provenance"]),
        topics=dict(expected["topics"]),
        removed=tuple(Removed(**row) for row in expected["removed"]),
        stay=tuple(expected["stay"]),
        published=None if published is None else published.isoformat(),
        title=expected.get("title"),
    )
