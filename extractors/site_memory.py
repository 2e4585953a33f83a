"""What recurs on a site's articles: memory per host, learned from its documents.

In: cleaned articles, as `Lesson`s.  Out: a `HostMemory`, which tells for the lines of a page in how
many other stories of the host each line stood.  Pure: loading and saving is
`storage/site_memory.py`.

A lesson keeps hashes of an article's lines in their order, never their text.  Three traps shape
the counting (research/language-and-boilerplate.md section 2, rule 5):

* Versions and copies of a story share its sentences.  A lesson that holds a fifth of the opening
  sentences of a page does not speak about that page.  So a page never teaches itself either, and
  the lessons of one file may be used for every page of it, in any order.
* The blurb under "related" on two pages is the opening of a third page.  A line in the opening
  of a page is counted only where it stands in the opening of another.
* A background paragraph recurs in the middle of stories for weeks.  Between other sentences a
  sentence needs more witnesses than at the end of the page (`clean_lines` decides by `needed`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from extractors.lines import shape_of
from extractors.models import Article, Block, BlockKind, Line
from extractors.urls import host_of, key_of

MAX_LESSONS: Final = 48
"""Lessons kept per host: three pages bring most of the gain and it is flat after six (research,
section 4b); more only delay forgetting when a site changes."""

MAX_LINES: Final = 240
"""Lines of a page that are learned, half from its start, half from its end."""

VERSION_SHARE: Final = 0.20
"""Share of opening sentences that makes two pages versions of one story (research, rule 5)."""

VERSION_SENTENCES: Final = 2
VERSION_HALF: Final = 0.5
"""... and so many of them, unless they are half of it: a notice above every article is one."""

COMMON_SHARE: Final = 0.5
COMMON_FROM: Final = 3
"""Sentences on half of the pages, and on at least so many, are the site's: they do not make
versions."""

OPENING_PROSE: Final = 2
"""The opening of a page ends with its second sentence line."""

ALONE: Final = 2
ALONE_INSIDE: Final = 3
EVERYWHERE: Final = 0.6
"""A sentence that stands alone is the site's when it stood in so many other stories of the host,
and in this share of them: standing phrases of a subject (launches, quakes, markets) recur in the
stories of that subject only."""

OFTEN: Final = 4
OFTEN_SHARE: Final = 0.5
"""At the edge of the page, this often will do."""

COMPANY: Final = 1
COMPANY_INSIDE: Final = 2
"""Next to a line of the site fewer will do, as boxes come in several lines: two on either side of
it; one right behind it at the end of the page."""

LINE_OTHERS: Final = 1
LINE_OTHERS_INSIDE: Final = 2
"""Stories that must have carried a line that is no sentence, at the edge of the page and between
the article's own sentences."""

MEMORY_RULE: Final = "memory:host"

_PROSE, _LABEL, _RULED, _REMEMBERED = "p", "l", "r", "m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one article teaches: its lines in order, as hashes, and what each one was.

    `kinds` has one letter a line: p sentence and body, l other body line, r removed by a rule,
    m removed by site memory.
    """

    host: str
    story: int  # article id; 0 when there is none
    keys: tuple[int, ...]
    kinds: str

    @property
    def prose(self) -> tuple[int, ...]:
        """The body's sentences in order."""
        return tuple(k for k, kind in zip(self.keys, self.kinds, strict=True) if kind == _PROSE)

    def opening(self) -> frozenset[int]:
        """Lines up to the second sentence of the body."""
        prose = 0
        for i, kind in enumerate(self.kinds):
            prose += kind == _PROSE
            if prose == OPENING_PROSE:
                return frozenset(self.keys[: i + 1])
        return frozenset(self.keys)


def lesson_of(article: Article, *, host: str | None = None, story: int = 0) -> Lesson | None:
    """Return what an article teaches of its host; None when it has no host or no sentence."""
    if host is None:
        host = host_of(article.url) if article.url else None
    return lesson_of_blocks(article.blocks, host=host, story=story) if host else None


def lesson_of_blocks(blocks: Sequence[Block], *, host: str, story: int = 0) -> Lesson | None:
    """Return what cleaned blocks teach of their host; None when no body sentence is among them."""
    if len(blocks) > MAX_LINES:
        blocks = (*blocks[: MAX_LINES // 2], *blocks[-MAX_LINES // 2 :])
    keys: list[int] = []
    kinds: list[str] = []
    for block in blocks:
        shape = shape_of(Line(text=block.text, link_share=block.link_share, tag=block.tag))
        if not shape.key:
            continue
        if block.kind is BlockKind.BODY:
            kind = _PROSE if shape.prose else _LABEL
        else:
            kind = _REMEMBERED if block.rule == MEMORY_RULE else _RULED
        keys.append(key_of(shape.memory_key))
        kinds.append(kind)
    if _PROSE not in kinds:
        return None
    return Lesson(host=host, story=story, keys=tuple(keys), kinds="".join(kinds))


class PageMemory:
    """What a host's memory says about one page: versions of the page are left out."""

    __slots__ = ("_anywhere", "_opening", "stories")

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.stories = len(lessons)
        self._anywhere: Counter[int] = Counter()
        self._opening: Counter[int] = Counter()
        for lesson in lessons:
            self._anywhere.update(set(lesson.keys))
            self._opening.update(lesson.opening())

    def others(self, key: str, *, opening: bool) -> int:
        """In how many other stories the line stood (for a line of the opening: in theirs)."""
        return (self._opening if opening else self._anywhere)[key_of(key)]

    def others_hashed(self, key: int) -> int:
        """In how many other stories the hashed line stood, anywhere in them."""
        return self._anywhere[key]


class HostMemory:
    """The lessons of one host. Immutable; the order of the lessons does not matter."""

    def __init__(self, host: str, lessons: Sequence[Lesson]) -> None:
        self.host = host
        self.lessons = tuple(lessons)

    def __len__(self) -> int:
        return len(self.lessons)

    def about(self, prose: Sequence[str]) -> PageMemory | None:
        """Return what the memory says of a page with these sentences (line keys, in order).

        None when nothing can be said: no sentence, or no lesson but of the same story.
        """
        if not prose or not self.lessons:
            return None
        return self.about_hashes([key_of(key) for key in prose])

    def about_hashes(self, prose: Sequence[int]) -> PageMemory | None:
        """The same for hashed sentences."""
        half, everything = self._own(prose)
        rest = [
            lesson
            for lesson, (opening, known) in zip(self.lessons, self._sentences, strict=True)
            if not _same_story(half, everything, opening, known)
        ]
        return PageMemory(rest) if rest else None

    @cached_property
    def _common(self) -> frozenset[int]:
        """Sentences on so many pages that they say nothing about a common story."""
        if len(self.lessons) < COMMON_FROM:
            return frozenset()
        counts = Counter(k for lesson in self.lessons for k in set(lesson.prose))
        least = max(COMMON_FROM, COMMON_SHARE * len(self.lessons))
        return frozenset(k for k, n in counts.items() if n >= least)

    @cached_property
    def _sentences(self) -> list[tuple[set[int], set[int]]]:
        """Opening and all of each lesson's own sentences."""
        return [self._own(lesson.prose) for lesson in self.lessons]

    def _own(self, prose: Sequence[int]) -> tuple[set[int], set[int]]:
        """Opening and all of a text's own sentences.

        Where the host's common sentences are most of a text, they may as well be a story that
        was told in many versions: then its first sentences decide, common or not.
        """
        own = [k for k in prose if k not in self._common]
        if 2 * len(own) < len(prose):
            return set(prose[:OPENING_PROSE]), set(prose)
        return set(own[: (len(own) + 1) // 2]), set(own)


def _same_story(half: set[int], all_: set[int], other_half: set[int], other: set[int]) -> bool:
    """Tell whether one text's opening stands in the other: versions keep what they open with.

    Only the opening is asked: at the end of a page stand the blurbs that all pages share.
    """
    return _opens_alike(half, other) or _opens_alike(other_half, all_)


def _opens_alike(half: set[int], other: set[int]) -> bool:
    shared = len(half & other)
    if shared >= VERSION_SENTENCES or not half:
        return shared >= VERSION_SHARE * len(half)
    return shared >= VERSION_HALF * len(half)


def learn_batch(lessons: Iterable[Lesson | None]) -> dict[str, HostMemory]:
    """Return a memory for each host of a batch of documents, the same in any order of them."""
    hosts: dict[str, dict[tuple[int, ...], Lesson]] = {}
    for lesson in lessons:
        if lesson is not None:
            hosts.setdefault(lesson.host, {}).setdefault(lesson.keys, lesson)
    return {host: HostMemory(host, _chosen(found)) for host, found in hosts.items()}


def _chosen(found: Mapping[tuple[int, ...], Lesson]) -> list[Lesson]:
    """At most `MAX_LESSONS` lessons, picked by content so that their order does not matter."""
    return [found[keys] for keys in sorted(found)[:MAX_LESSONS]]


def needed(*, prose: bool, inside: bool) -> int:
    """How many other stories must have carried a line at least before it is the site's own."""
    if prose:
        return COMPANY_INSIDE if inside else COMPANY
    return LINE_OTHERS_INSIDE if inside else LINE_OTHERS


def stands_alone(others: int, stories: int, *, inside: bool) -> bool:
    """Whether a sentence in `others` of `stories` stories is the site's without any company."""
    if others >= (ALONE_INSIDE if inside else ALONE) and others >= EVERYWHERE * stories:
        return True
    return not inside and others >= OFTEN and others >= OFTEN_SHARE * stories
