"""Which lines of a page site memory takes: by how many other stories, where, and in what company.

In: the rows of a page, the memory of its host.  Out: rows marked as boilerplate.
Boxes of a site come in several lines; background paragraphs that stories share stand alone, and
so do the standing phrases of a subject.  What a memory is, and the numbers of witnesses, is in
`extractors/site_memory.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from extractors.passages import Row
from extractors.site_memory import (
    COMPANY_INSIDE,
    LINE_OTHERS,
    LINE_OTHERS_INSIDE,
    MEMORY_RULE,
    OFTEN,
    OPENING_PROSE,
    HostMemory,
    PageMemory,
    stands_alone,
)

MEMORY_MOST: Final = 0.6
"""Above this share of a page's prose, site memory takes only sentences with four witnesses, and
never all: the page may be a copy that the guard against versions did not know."""

SHARED_LABELS: Final = 3
"""Known labels at the end of a page that vouch for the sentences between them."""

BOX_RUN: Final = 3
"""Lines in a row, each known from another story or taken by a rule, that are a box of the site."""


def judge_by_memory(rows: Sequence[Row], memory: HostMemory, title_key: str) -> None:
    """Mark the lines that stood in enough other stories of the host, the title never."""
    page = memory.about([r.shape.memory_key for r in rows if r.live and r.shape.prose])
    if page is None:
        return
    live = [r for r in rows if r.live and r.shape.key]
    opening, prose = 0, 0
    for i, row in enumerate(live):
        opening, prose = i, prose + row.shape.prose
        if prose == OPENING_PROSE:
            break
    others = [page.others(r.shape.memory_key, opening=i <= opening) for i, r in enumerate(live)]
    beside = _beside(rows, live, others)
    boxed = _known_boxes(rows, live, others)
    edge = [_known_at_edge(r, n, page, at) for r, n, at in zip(live, others, beside, strict=True)]
    _allow_shared_tail(live, others, edge, [at[0] for at in beside])
    first = next((i for i, r in enumerate(live) if r.shape.prose and not edge[i]), len(live))
    last = next((i for i in reversed(range(len(live))) if live[i].shape.prose and not edge[i]), -1)
    known: list[tuple[Row, int]] = []
    for i, row in enumerate(live):
        if row.keep or row.shape.key == title_key:
            continue
        if id(row) not in boxed:
            if not first < i < last:
                if not edge[i]:
                    continue
            elif row.shape.letters < 2 or not _known_inside(row, others[i], page, beside[i]):
                continue
        known.append((row, others[i]))
    weight = sum(r.shape.weight for r in live if r.shape.prose)
    taken = sum(r.shape.weight for r, _ in known if r.shape.prose)
    least = 0
    if taken > MEMORY_MOST * weight:  # most of the text: then only what is sure
        least = OFTEN
    for row, n in known:
        if not row.shape.prose or (n >= least and taken < weight):
            row.drop(MEMORY_RULE, "on other articles of this site too")


def _known_at_edge(row: Row, others: int, page: PageMemory, beside: tuple[bool, bool]) -> bool:
    """Whether a line before or behind the article's sentences is the site's."""
    if not row.shape.prose:
        return others >= LINE_OTHERS
    if any(beside) and others >= COMPANY_INSIDE:
        return True
    return stands_alone(others, page.stories, inside=False)


def _known_inside(row: Row, others: int, page: PageMemory, beside: tuple[bool, bool]) -> bool:
    """Whether a line between the article's sentences is the site's."""
    if not row.shape.prose:
        return others >= (LINE_OTHERS if all(beside) else LINE_OTHERS_INSIDE)
    if any(beside) and others >= COMPANY_INSIDE:
        return True
    return stands_alone(others, page.stories, inside=True)


def _beside(rows: Sequence[Row], live: Sequence[Row], others: list[int]) -> list[tuple[bool, bool]]:
    """For each live line whether the line before it, and the one behind it, is the site's.

    That is a line that a rule took, or no sentence and known from another story.
    """
    known = {id(r): n > 0 and not r.shape.prose for r, n in zip(live, others, strict=True)}
    marks = [False, *(known.get(id(r), not r.live) for r in rows), False]
    place = {id(r): i for i, r in enumerate(rows)}
    return [(marks[place[id(r)]], marks[place[id(r)] + 2]) for r in live]


def _known_boxes(rows: Sequence[Row], live: Sequence[Row], others: list[int]) -> set[int]:
    """Lines in runs that are the site's as a whole: known from another story, or taken by a rule.

    Stories of one matter share paragraphs in a row, so sentences may be half of a run at most.
    """
    known = {id(r): n > 0 for r, n in zip(live, others, strict=True)}
    found: set[int] = set()
    run: list[Row] = []
    for row in [*rows, None]:
        if row is not None and (known.get(id(row)) or not row.live):
            run.append(row)
            continue
        prose = sum(1 for r in run if r.live and r.shape.prose)
        marked = prose > 0 or any(not r.live for r in run)
        if len(run) >= BOX_RUN and marked and 2 * prose <= len(run):
            found.update(id(r) for r in run if r.live and not r.keep and r.shape.letters > 1)
        run = []
    return found


def _allow_shared_tail(
    live: Sequence[Row], others: list[int], edge: list[bool], before: list[bool]
) -> None:
    """One other story is enough for sentences at the end that come with as many known labels.

    Two stories share a list of teasers at their end; two that share a background paragraph do
    not share headlines along with it.  A sentence right behind a line of the site needs no more
    company: a background paragraph stands behind the article's own sentences.
    """
    tail = []
    for i in reversed(range(len(live))):
        if not others[i] and (live[i].shape.prose or live[i].shape.sentence):
            break
        tail.append(i)
    known = [i for i in tail if others[i]]
    for i in known:
        edge[i] = edge[i] or before[i]
    labels = sum(1 for i in known if not live[i].shape.prose)
    if labels >= SHARED_LABELS and 2 * labels >= len(known) - labels:
        for i in known:
            edge[i] = True
