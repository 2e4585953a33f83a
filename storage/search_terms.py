"""What of a text goes into the search index, and what of a query is looked up. Pure functions.

In: any text. Out: *pieces* (words of scripts that put spaces between words; runs of Chinese,
Japanese and Korean characters) and *terms*, the numbers that the index holds. A word is one
term; a run of CJK characters gives each pair of neighbours and its last character, so that a word
is found inside a compound or before a particle (전작권 in 전작권은, 指揮 in 作戦指揮権) without
knowing where words end. Han characters are folded to one form, so that 戰作權 finds 战作权 too.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add

from alerts.normalise import CJK_RANGES, INVISIBLE, han_fold

WORD_BIT = 1 << 63  # tells the hash of a word from a pair of characters (at most 42 bits)
PAIR_SHIFT = 21  # a Unicode code point needs 21 bits
LONGEST_WORD = 40  # longer "words" are encoded data; nobody looks for them
TITLE_WEIGHT = 3  # a title's word counts as often; 3 of BM25F's usual 2-5, not tuned
MOST_OFTEN = 255  # the column is one byte

_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_TOKEN = re.compile(r"[^\W_]+")
_RUNS = re.compile(f"[{CJK_RANGES}]+|[^{CJK_RANGES}]+")
_CJK_CHAR = re.compile(f"[{CJK_RANGES}]")
_CJK_CHARS = re.compile(f"[{CJK_RANGES}]+")
_QUERY = re.compile(r'(-?)(?:"([^"]*)"?|“([^”]*)”?|「([^」]*)」?|(\S+))')


def normal_text(text: str) -> str:
    """Return `text` in the form that is compared: NFKC, case folded, Han characters folded."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return text if text.isascii() else text.translate(han_fold())


def pieces(text: str) -> Iterator[str]:
    """Yield words and CJK runs of a text in its order, in normal form."""
    for token in _TOKEN.findall(normal_text(text)):
        if token.isascii():
            yield token
        else:
            yield from _RUNS.findall(token)


def is_cjk(piece: str) -> bool:
    """Tell whether a piece is a run of Chinese, Japanese or Korean characters."""
    return _CJK_CHAR.match(piece) is not None


@lru_cache(maxsize=200_000)
def word_term(word: str) -> int:
    """Return the term of a word; SQL: `md5_number_upper(word) | (1 << 63)`."""
    digest = hashlib.md5(word.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "little") | WORD_BIT


def pair_term(pair: str) -> int:
    """Return the term of two neighbouring CJK characters, or of a run's last one."""
    return ord(pair[0]) << PAIR_SHIFT | (ord(pair[1]) if len(pair) > 1 else 0)


def run_terms(run: str) -> list[int]:
    """Return the terms to look up for a CJK run of two characters or more."""
    return [pair_term(run[n : n + 2]) for n in range(len(run) - 1)]


def index_terms(title: str | None, body: str) -> tuple[dict[int, int], set[str]]:
    """Return the terms of an article with their weights (1-255), and its words."""
    counts: dict[int, int] = {}
    words: set[str] = set()
    for text, weight in ((title or "", TITLE_WEIGHT), (body, 1)):
        flat = normal_text(text)
        if not flat.isascii() and _CJK_CHAR.search(flat):
            # Counting all neighbours at once is faster than run by run.
            for pair, count in Counter(map(add, flat, flat[1:] + " ")).items():
                term = _neighbours_term(pair)
                if term:
                    counts[term] = counts.get(term, 0) + count * weight
            flat = _CJK_CHARS.sub(" ", flat)
        latin = Counter(_TOKEN.findall(flat))
        for word, count in latin.items():
            if len(word) <= LONGEST_WORD:
                term = word_term(word)
                counts[term] = counts.get(term, 0) + count * weight
        words.update(latin)
    return {term: min(count, MOST_OFTEN) for term, count in counts.items()}, words


@lru_cache(maxsize=500_000)
def _neighbours_term(pair: str) -> int:
    """Return the term of two neighbours in a text; 0 when the first is no CJK character.

    A pair whose second is none stands for the last character of a run.
    """
    if not _is_cjk_letter(pair[0]):
        return 0
    return pair_term(pair if _is_cjk_letter(pair[1]) else pair[0])


def _is_cjk_letter(char: str) -> bool:
    """Also a letter for Python: newer ones than its tables end a word, see `_TOKEN`."""
    return char.isalnum() and _CJK_CHAR.match(char) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One thing that must be in an article, or must not (`negative`).

    `pieces` follow each other in the text; with `prefix` the last one may go on.
    """

    pieces: tuple[str, ...]
    prefix: bool = False
    negative: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the index alone decides, without reading the article."""
        if len(self.pieces) > 1:
            return False
        return not is_cjk(self.pieces[0]) or len(self.pieces[0]) <= 2

    def is_in(self, canonical: str, squeezed: str) -> bool:
        """Tell whether the clause is in an article, given by `canonical_text`."""
        if all(is_cjk(piece) for piece in self.pieces):
            return "".join(self.pieces) in squeezed
        wanted = " ".join(self.pieces)
        before = "" if is_cjk(self.pieces[0]) else " "
        after = "" if self.prefix or is_cjk(self.pieces[-1]) else " "
        return before + wanted + after in canonical


def canonical_text(*texts: str | None) -> tuple[str, str]:
    """Return the pieces of texts joined by a space, and without any space."""
    canonical = " " + " ".join(piece for text in texts if text for piece in pieces(text)) + " "
    return canonical, canonical.replace(" ", "")


def parse_query(words: str) -> list[Clause]:
    """Read a query: words are all wanted; "a phrase"; a beginning*; -not this.

    A word written together from several pieces (F-35, AI가) is a phrase.
    """
    clauses = []
    for minus, *quoted, bare in _QUERY.findall(words):
        text = next((part for part in quoted if part), bare)
        prefix = text.endswith(("*", "＊"))
        found = tuple(pieces(text))
        if found:
            clauses.append(
                Clause(pieces=found, prefix=prefix and not is_cjk(found[-1]), negative=bool(minus))
            )
    return clauses


def mark(text: str, clauses: Sequence[Clause]) -> list[tuple[int, int]]:
    """Return the places (start, end) in `text` where pieces of the clauses are, in order."""
    letters: list[str] = []
    origin: list[int] = []
    for n, char in enumerate(text):
        for letter in normal_text(char):
            letters.append(letter)
            origin.append(n)
    flat = "".join(letters)
    origin.append(len(text))
    found: set[tuple[int, int]] = set()
    for clause in clauses:
        if clause.negative:
            continue
        for n, piece in enumerate(clause.pieces):
            prefix = clause.prefix and n == len(clause.pieces) - 1
            found.update(
                (origin[start], origin[end - 1] + 1) for start, end in _places(flat, piece, prefix)
            )
    return _joined(sorted(found))


def _places(flat: str, piece: str, prefix: bool) -> Iterator[tuple[int, int]]:
    start = flat.find(piece)
    while start >= 0:
        end = start + len(piece)
        if is_cjk(piece):
            yield start, end
        elif not (start and _is_latin(flat[start - 1])):
            if prefix:
                while end < len(flat) and _is_latin(flat[end]):
                    end += 1
            if end == len(flat) or not _is_latin(flat[end]):
                yield start, end
        start = flat.find(piece, start + 1)


def _is_latin(char: str) -> bool:
    return char.isalnum() and not is_cjk(char)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
