"""Folding into a real store, as the writer does it: decide, then write the article rows."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from storage.database import Store
from storage.folding import Fold, FoldInput, fold_batch
from storage.rows import insert_rows

if TYPE_CHECKING:
    from storage.database import Transaction


def new_store(folder: Path, migrated: Path) -> Store:
    """An empty store in a folder; `migrated` is the fixture of that name."""
    store = Store(folder / "presswatch.duckdb")
    store.folder.mkdir()
    shutil.copyfile(migrated, store.main)
    return store


def fold(store: Store, *batches: Sequence[FoldInput]) -> list[Fold]:
    """Fold batches, each in a transaction of its own, and write the article rows they belong to."""
    folds: list[Fold] = []
    for batch in batches:
        with store.write() as tx:
            own = fold_batch(tx, batch)
            write_articles(tx, batch, own)
        folds += own
    return folds


def write_articles(tx: Transaction, batch: Sequence[FoldInput], folds: Sequence[Fold]) -> None:
    """Write the rows; the body is the sketch's opening."""
    insert_rows(
        tx,
        "core.article",
        [
            {
                "article_id": item.article_id, "external_id": item.external_id,
                "outlet": item.outlet, "title": item.title, "language": item.language,
                "body": f"{item.sketch.opening}\n{'[정정]' if item.sketch.revised else ''}",
                "published_at": item.published_at, "fetched_at": item.fetched_at,
                "story_id": f.story_id, "duplicate_of": f.duplicate_of,
                "duplicate_level": f.duplicate_level,
                "fold_reason": {**f.reason, "link": f.link_reason}, "words": 1, "status": "ok",
            }
            for item, f in zip(batch, folds, strict=True)
        ],
    )  # fmt: skip
