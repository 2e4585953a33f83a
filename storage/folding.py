"""Folding: which new articles are copies or versions of stored ones, and to which story each goes.

In: a batch of new articles with their sketches, inside the writer's transaction and before their
rows are written. Out: one `Fold` each; sketches and story rows are written here. Articles are
decided one after the other, and later ones of a batch see the earlier ones as if those were
stored: the size of a batch changes nothing. Nor does the order, as far as what is known allows: a
first report that arrives after its copies becomes the text that they name (storage/lineage.py), and
the stories around the new texts are put together anew (storage/grouping.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from extractors.sketch import Sketch
from extractors.stories import key_clues
from extractors.urls import key_of
from storage.fold_index import LONGER, FoldedText, FoldIndex, Hit, special_keys
from storage.grouping import Changes, Grouping
from storage.lineage import Kin, give_reasons, judge_anew, words_for, write_moves
from storage.linking import Linker, Telling
from storage.rows import insert_rows
from storage.stories import StoryBook
from storage.story_rows import StoryMember
from storage.vectors import VectorBook

if TYPE_CHECKING:
    from extractors.vectors import Encoder
    from storage.database import Transaction

NEARLY_SAME = 0.8  # Jaccard above which a copy is not searched for by its own hashes
_FUTURE = timedelta(days=1)  # a publication date further ahead of the fetch is an error


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldInput:
    """One new article. Times are aware; `agency` is the credited agency (extractors/origins.py).

    `version_of` is the stored article with the same identity (address or id), when its text
    differed.
    """

    article_id: int
    sketch: Sketch
    fetched_at: datetime
    published_at: datetime | None = None
    external_id: str | None = None
    url: str | None = None
    canonical_url: str | None = None
    host: str | None = None
    outlet: str | None = None
    title: str | None = None
    language: str = "und"
    body_hash: int | None = None
    topics: tuple[str, ...] = ()
    words: int = 0
    provenance: tuple[str, ...] = ()
    agency: str | None = None
    version_of: int | None = None

    @property
    def at(self) -> datetime:
        """The article's own time: when it was published, or fetched if that is not credible."""
        if self.published_at is not None and self.published_at <= self.fetched_at + _FUTURE:
            return self.published_at
        return self.fetched_at

    @property
    def at_s(self) -> int:
        """The same in seconds since 1970 UTC."""
        return int(self.at.timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What became of one article.

    `duplicate_level` is `exact`, `copy` or `version` (materially different, or a later edition:
    topics are to be matched again) when `duplicate_of` names an article. `reason` says why, with
    the article compared with and the scores; `link_reason` why it joined its story, in words.
    """

    article_id: int
    story_id: int
    duplicate_of: int | None = None
    duplicate_level: str | None = None
    reason: dict[str, Any] = field(default_factory=dict)
    is_new_story: bool = False
    link_reason: str = ""


def fold_batch(
    tx: Transaction, items: Sequence[FoldInput], *, encoder: Encoder | None = None
) -> list[Fold]:
    """Fold a batch of new articles and return one decision each, in their order.

    Writes sketches and story rows in the open transaction, and corrects stored articles whose
    first text arrived only now; the caller writes the article rows with what the folds say.
    `encoder` (extractors/vectors.py) also links by sentence vectors.
    """
    return _Folding(tx, items, encoder).run() if items else []


class _Folding:
    """The work on one batch."""

    def __init__(
        self, tx: Transaction, items: Sequence[FoldInput], encoder: Encoder | None
    ) -> None:
        self._tx = tx
        self._items = items
        self._index = FoldIndex(tx, items)
        self._book = StoryBook(tx)
        times = [item.at_s for item in items]
        vectors = VectorBook(tx, encoder) if encoder is not None else None
        self._encoded = vectors.encode(items) if vectors is not None else [None] * len(items)
        self._linker = Linker(
            tx, [i.sketch for i in items], times, [i.topics for i in items], vectors
        )
        self._grouping = Grouping(tx, self._linker)
        self._folds: list[Fold] = []
        self._texts: list[tuple[FoldInput, FoldedText, bytes | None]] = []
        self._late: set[int] = set()  # first texts whose copies are to be judged anew
        self._bridges: dict[int, int] = {}  # by first text: the version of two that made them one
        self._bridged: dict[
            int, set[int]
        ] = {}  # by story, those connected with it by such versions

    def run(self) -> list[Fold]:
        for n, item in enumerate(self._items):
            hit = self._index.find(n, item)
            if hit is None:
                self._begin(n, item)
            else:
                self._fold(n, item, hit)
        moves = self._index.moved()
        write_moves(self._tx, moves, self._index.low, self._index.high)
        self._folds = [_moved(fold, moves) for fold in self._folds]
        lines = self._judge({moves.get(root, root) for root in self._late})
        self._regroup(moves)
        for line in lines:
            self._book.look_again(line[0].text.story_id, line)
        self._book.write(moves)
        self._grouping.write()
        _write(self._tx, self._texts)
        return self._folds

    def _regroup(self, moves: dict[int, int]) -> None:
        """Put the stories around the new texts together anew, and say so in the folds."""
        texts = [text for _, text, _ in self._texts]
        bridges = {moves.get(root, root): by for root, by in self._bridges.items()}
        changes = self._grouping.run(texts, moves, bridges, self._book.new_id)
        left: dict[tuple[int, int], int] = {}  # where texts went, by the story that they left
        for move in changes.moves:
            self._book.move_texts(
                move.texts, move.source, move.target, kind="split" if move.is_split else "move",
                reason=move.reason,
            )  # fmt: skip
            left.update({(root, move.source): move.target for root in move.texts})
        for merge in changes.merges:
            self._book.merge(merge.keep, merge.gone, reason=merge.reason)
        for text in texts:
            place = left.get((text.root, text.story_id), text.story_id)
            text.story_id = self._book.current(place)
        own = {item.article_id for item in self._items}
        give_reasons(self._tx, {a: why for a, why in changes.reasons.items() if a not in own})
        self._folds = [self._placed(fold, left, changes) for fold in self._folds]

    def _placed(self, fold: Fold, left: Mapping[tuple[int, int], int], changes: Changes) -> Fold:
        """A fold with the story in which its text ended, and why it is there."""
        root = fold.duplicate_of or fold.article_id
        story_id = left.get((root, fold.story_id), fold.story_id)
        fold = replace(fold, story_id=self._book.current(story_id))
        why = changes.reasons.get(fold.article_id)
        if why is None or fold.duplicate_of is not None:
            return fold
        if not why:
            return replace(fold, reason={}, link_reason="")
        return replace(
            fold,
            reason={key: value for key, value in why.items() if key != "link"},
            link_reason=str(why["link"]),
            is_new_story=False,
        )

    def _begin(self, n: int, item: FoldInput) -> None:
        """A text that is no copy: it begins a story, until more is known (`_regroup`)."""
        telling = self._telling(n, item)
        self._grouping.note(self._linker.find(n, telling))
        text = _text_of(item, root=item.article_id, story_id=self._book.new_id())
        self._folds.append(
            Fold(article_id=item.article_id, story_id=text.story_id, is_new_story=True)
        )
        self._linker.add(n, telling)
        self._index.add(item, text)
        self._texts.append((item, text, self._encoded[n]))
        self._book.add(_member(item, self._folds[-1]))

    def _telling(self, n: int, item: FoldInput) -> Telling:
        return Telling(
            item.article_id, item.at_s, item.language, item.sketch.clues, item.topics,
            self._encoded[n], item.outlet, item.sketch.features,
        )  # fmt: skip

    def _fold(self, n: int, item: FoldInput, hit: Hit) -> None:
        """A copy or version, or the first text of what is known already."""
        root = self._index.root_of(hit.text)
        is_first = hit.is_late and item.at_s < root.at
        if is_first:
            text = _text_of(item, root=item.article_id, story_id=root.story_id)
            self._index.join(root.root, item.article_id)
            fold = Fold(article_id=item.article_id, story_id=text.story_id)
        else:
            text = _text_of(item, root=hit.text.root, story_id=hit.text.story_id)
            fold = _copy(item, hit)
        if is_first or hit.is_late or (hit.jac < NEARLY_SAME and not hit.is_composite):
            self._index.add(item, text)
            self._texts.append((item, text, self._encoded[n] if is_first else None))
        else:
            self._index.note_copy(item, hit.text)
        self._folds.append(fold)
        self._book.add(_member(item, fold, is_round_up=hit.is_composite))
        if hit.is_late:
            self._late.add(text.root)
        for other in hit.bridged:
            self._join_texts(item, text, other)
        if is_first:
            telling = self._telling(n, item)
            self._grouping.note(self._linker.find(n, telling))
            self._linker.add(n, telling)

    def _join_texts(self, item: FoldInput, a: FoldedText, b: FoldedText) -> None:
        """Join two texts that a third one shows to be versions of one.

        The first of them is the one that copies name. Not done where a user told their stories
        apart. What becomes of these is decided with the others (`_regroup`).
        """
        firsts = (self._index.root_of(a), self._index.root_of(b))
        keep, gone = sorted(firsts, key=lambda text: text.age)
        some, others = (self._bridged.get(t.story_id, {t.story_id}) for t in firsts)
        if keep.root == gone.root or not all(
            self._book.may_merge(one, other) for one in some for other in others
        ):
            return
        self._bridged.update(dict.fromkeys(some | others, some | others))
        self._index.join(gone.root, keep.root)
        self._late.add(keep.root)
        self._bridges[keep.root] = item.article_id

    def _judge(self, roots: set[int]) -> list[list[Kin]]:
        """Judge the copies of these first texts again, in the order of their time."""
        if not roots:
            return []
        folds = {fold.article_id: n for n, fold in enumerate(self._folds)}
        own = []
        for item, text, _ in self._texts:
            if text.root in roots:
                fold = self._folds[folds[item.article_id]]
                own.append(
                    Kin(
                        text=text, title=item.title, at=item.at, is_revised=item.sketch.revised,
                        level=fold.duplicate_level, is_new=True,
                        reason={**fold.reason, "link": fold.link_reason},
                    )
                )  # fmt: skip
        lines = judge_anew(self._tx, sorted(roots), own, self._index.low, self._index.high)
        for line in lines.values():
            for kin in line:
                if kin.is_new:
                    at = folds[kin.text.article_id]
                    self._folds[at] = _judged(self._folds[at], kin)
        return list(lines.values())


def _judged(fold: Fold, kin: Kin) -> Fold:
    reason = {key: value for key, value in kin.reason.items() if key != "link"}
    return replace(
        fold,
        duplicate_of=None if kin.level is None else kin.text.root,
        duplicate_level=kin.level,
        reason=reason,
        link_reason=str(kin.reason.get("link") or ""),
        is_new_story=fold.is_new_story and kin.level is None,
    )


def _moved(fold: Fold, moves: dict[int, int]) -> Fold:
    """A fold of the batch after its first text turned out to have an older one."""
    if fold.duplicate_of in moves:
        return replace(fold, duplicate_of=moves[fold.duplicate_of])
    if fold.article_id in moves:
        return replace(
            fold, duplicate_of=moves[fold.article_id], duplicate_level="version",
            is_new_story=False,
        )  # fmt: skip
    return fold


def _text_of(item: FoldInput, *, root: int, story_id: int) -> FoldedText:
    return FoldedText(
        article_id=item.article_id,
        root=root,
        story_id=story_id,
        at=item.at_s,
        outlet=item.outlet,
        language=item.language,
        shingles=item.sketch.shingles,
        features=item.sketch.features,
    )


def _copy(item: FoldInput, hit: Hit) -> Fold:
    """The fold of a copy or version."""
    level, text = hit.level, hit.text
    longer = item.sketch.shingles > LONGER * max(1, text.shingles)
    if level == "copy" and (longer or item.sketch.revised):
        level = "version"
    return Fold(
        article_id=item.article_id,
        story_id=text.story_id,
        duplicate_of=text.root,
        duplicate_level=level,
        reason=hit.reason,
        link_reason=words_for(level, hit.reason),
    )


def _member(item: FoldInput, fold: Fold, *, is_round_up: bool = False) -> StoryMember:
    return StoryMember(
        article_id=item.article_id,
        story_id=fold.story_id,
        root=fold.duplicate_of or item.article_id,
        at=item.at,
        title=item.title,
        outlet=item.outlet or item.host,
        language=item.language,
        agency=item.agency,
        topics=item.topics,
        is_new_story=fold.is_new_story,
        is_current=fold.duplicate_level == "version" and not is_round_up,
    )


def _write(tx: Transaction, texts: Sequence[tuple[FoldInput, FoldedText, bytes | None]]) -> None:
    """Append the sketches of new representatives: two inserts, nothing is looked up."""
    if not texts:
        return
    hashes, ids, roots, times = [], [], [], []
    for item, text, _ in texts:
        own = [h for h in dict.fromkeys((*item.sketch.hashes, *special_keys(item))) if h]
        hashes += own
        ids += [text.article_id] * len(own)
        roots += [text.root] * len(own)
        times += [text.at] * len(own)
    tx.con.execute(
        "INSERT INTO core.sketch_hash (h, article_id, root, at_s, rev) SELECT "
        "unnest(?::UBIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), ?",
        [hashes, ids, roots, times, tx.rev],
    )
    insert_rows(
        tx,
        "core.sketch",
        [
            {
                "article_id": text.article_id,
                "root": text.root,
                "story_id": text.story_id,
                "at_s": text.at,
                "outlet": text.outlet,
                "language": item.language,
                "shingles": text.shingles,
                "features": text.features,
                "clues": " ".join(item.sketch.clues) or None,
                "topics": list(item.topics) or None,
                "vector": vector,
            }
            for item, text, vector in texts
        ],
    )
    clues = [
        (key_of(clue), text.article_id, text.at)
        for item, text, _ in texts
        if text.root == text.article_id
        for clue in key_clues(item.sketch.clues)
    ]
    if clues:
        hashes, ids, times = (list(column) for column in zip(*clues, strict=True))
        tx.con.execute(
            "INSERT INTO core.clue (h, article_id, at_s, rev) "
            "SELECT unnest(?::UBIGINT[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), ?",
            [hashes, ids, times, tx.rev],
        )
