"""Whatever comes, in whatever order, and whatever people correct: the tables agree."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace

import pytest
from support.fold_texts import article, edited, fold_input
from support.folding_store import write_articles

from extractors.errors import UsageError
from extractors.stories import HEADLINE
from storage.database import Store, Transaction
from storage.folding import Fold, FoldInput, fold_batch
from storage.rows import insert_rows
from storage.story_edits import merge_stories, split_story, undo_event

CLUES = ("p.a", "p.b", "p.c", "w.a", "w.b", "w.c", "w.d", "t.a", "t.b", "o.a", "l.q", "g.kr",
         "n.1000000")  # fmt: skip

# What must be empty after every batch and every correction.
INVARIANTS = {
    "a story's counts": """
        SELECT s.story_id, s.n_articles, a.n, s.n_outlets, a.outlets FROM core.story s
        JOIN (SELECT story_id, count(*) AS n, count(DISTINCT outlet) AS outlets
              FROM core.article GROUP BY 1) a USING (story_id)
        WHERE (s.n_articles, s.n_outlets) <> (a.n, a.outlets) OR s.merged_into IS NOT NULL""",
    "a story's origins": """
        SELECT s.story_id, s.origin_roots, a.roots FROM core.story s
        JOIN (SELECT story_id, list_sort(list(DISTINCT coalesce(duplicate_of, article_id))) AS roots
              FROM core.article GROUP BY 1) a USING (story_id)
        WHERE s.merged_into IS NULL AND list_sort(s.origin_roots) <> a.roots""",
    "a story's topics": """
        SELECT s.story_id FROM core.story s
        JOIN (SELECT story_id, list_sort(list(DISTINCT topic)) AS topics
              FROM core.topic_hit GROUP BY 1) h USING (story_id)
        WHERE list_sort(s.topics) <> h.topics""",
    "an article without a story": "SELECT article_id FROM core.article ANTI JOIN core.story "
                                  "USING (story_id)",
    "a story without an article": "SELECT story_id FROM core.story s ANTI JOIN core.article "
                                  "USING (story_id) WHERE s.merged_into IS NULL",
    "a sketch's place": """
        SELECT k.article_id FROM core.sketch k JOIN core.article a USING (article_id)
        WHERE (k.story_id, k.root) <> (a.story_id, coalesce(a.duplicate_of, a.article_id))""",
    "a hit's story": "SELECT article_id FROM core.topic_hit h JOIN core.article a "
                     "USING (article_id) WHERE h.story_id <> a.story_id",
    "a copy's story": """
        SELECT a.article_id FROM core.article a JOIN core.article b
            ON b.article_id = a.duplicate_of
        WHERE a.story_id <> b.story_id OR b.duplicate_of IS NOT NULL""",
    "a story's current text": """
        SELECT s.story_id FROM core.story s JOIN core.article a
            ON a.article_id = s.current_article
        WHERE s.merged_into IS NULL AND a.story_id <> s.story_id""",
    "an alert that waits for a story that is gone": """
        SELECT alert_key FROM core.alert l JOIN core.story s USING (story_id)
        WHERE s.merged_into IS NOT NULL AND l.kind = 'alert' AND l.state = 'pending'""",
    "two alerts that wait for one story": """
        SELECT story_id, topic FROM core.alert WHERE kind = 'alert' AND state = 'pending'
        GROUP BY ALL HAVING count(*) > 1""",
}  # fmt: skip
REASONS = """
    SELECT a.article_id FROM core.article a JOIN core.article b
        ON b.article_id = (a.fold_reason ->> '$.to')::BIGINT
    WHERE a.story_id <> b.story_id"""


def reports(seed: int, count: int) -> list[FoldInput]:
    """Texts with few clues among them, a quarter of them copies, excerpts and rewritten ones."""
    rng = random.Random(seed)
    known: list[tuple[str, tuple[str, ...]]] = []
    items = []
    for n in range(1, count + 1):
        if known and rng.random() < 0.25:
            body, clues = rng.choice(known)
            text = edited(body, rng.choice([0.0, 0.04, 0.15]), n)
            if rng.random() < 0.4:
                text = "\n".join(body.split("\n")[:7])
        else:
            text, clues = article(1000 * seed + n), tuple(rng.sample(CLUES, rng.randint(2, 6)))
            known.append((text, clues))
        item = fold_input(
            n, text, title=f"T{n}", outlet=f"o{rng.randint(0, 9)}", hours=rng.uniform(0, 120),
            language=rng.choice(["en", "ko", "ja"]),
            topics=rng.choice([(), ("x",), ("x", "y"), ("y",)]),
        )  # fmt: skip
        own = tuple(sorted({*clues, *(f"{HEADLINE}{clue}" for clue in clues)}))
        items.append(replace(item, sketch=replace(item.sketch, clues=own)))
    return items


def store_hits_and_alerts(
    tx: Transaction, batch: list[FoldInput], folds: list[Fold], rng: random.Random
) -> None:
    """As the pipeline does it: one parent for each story and topic."""
    for item, made in zip(batch, folds, strict=True):
        for topic in item.topics:
            insert_rows(
                tx, "core.topic_hit",
                [{"article_id": item.article_id, "story_id": made.story_id, "topic": topic,
                  "topic_version": "1", "level": "full", "score": 1.0}],
            )  # fmt: skip
            key = f"s{made.story_id}/{topic}/desk"
            found = tx.con.execute(
                "SELECT count(*) FILTER (state <> 'withdrawn' AND story_id = ? AND topic = ?), "
                "count(*) FILTER (alert_key = ? AND state <> 'withdrawn') FROM core.alert "
                "WHERE kind = 'alert'",
                [made.story_id, topic, key],
            ).fetchone()
            assert found is not None
            if not found[0]:
                assert not found[1], "another story's alert has this key: this one would be lost"
                tx.con.execute("DELETE FROM core.alert WHERE alert_key = ?", [key])
                insert_rows(
                    tx, "core.alert",
                    [{"alert_key": key, "story_id": made.story_id, "topic": topic,
                      "channel": "desk", "kind": "alert", "created_at": tx.now,
                      "state": rng.choice(["sent", "pending"]), "article_id": item.article_id,
                      "thread_ts": "1.2"}],
                )  # fmt: skip


def correct(tx: Transaction, rng: random.Random) -> None:
    """What a person may do: merge, split or undo something."""
    live = tx.con.execute("SELECT story_id FROM core.story WHERE merged_into IS NULL").fetchall()
    stories = [row[0] for row in live]
    events = [row[0] for row in tx.con.execute("SELECT event_id FROM core.story_event").fetchall()]
    what = rng.choice(["merge", "split", "undo", "undo"])
    with contextlib.suppress(UsageError):
        if what == "merge" and len(stories) > 1:
            merge_stories(tx, *rng.sample(stories, 2))
        elif what == "split":
            story = rng.choice(stories)
            members = tx.con.execute(
                "SELECT article_id FROM core.article WHERE story_id = ?", [story]
            ).fetchall()
            split_story(tx, story, [rng.choice(members)[0]])
        elif events:
            undo_event(tx, rng.choice(events))


def broken(tx: Transaction, *, reasons: bool) -> dict[str, object]:
    """The invariants that do not hold, with what breaks them."""
    queries = INVARIANTS | ({"a reason's story": REASONS} if reasons else {})
    found = {name: tx.con.execute(query).fetchall() for name, query in queries.items()}
    return {name: rows for name, rows in found.items() if rows}


@pytest.mark.parametrize(("seed", "corrections"), [(2, 0.0), (100, 0.0), (13, 0.15), (26, 0.15)])
def test_the_tables_agree_after_every_batch_and_correction(
    seed: int, corrections: float, store: Store
) -> None:
    rng = random.Random(seed)
    items = reports(seed, 40)
    while items:
        size = rng.choice([1, 1, 2, 5])
        batch, items = items[:size], items[size:]
        with store.write() as tx:
            folds = fold_batch(tx, batch)
            write_articles(tx, batch, folds)
            store_hits_and_alerts(tx, batch, folds, rng)
        with store.write() as tx:
            if rng.random() < corrections:
                correct(tx, rng)
            assert broken(tx, reasons=not corrections) == {}
    with store.write() as tx:
        kinds = {row[0] for row in tx.con.execute("SELECT kind FROM core.story_event").fetchall()}
    assert {"merge", "move"} <= kinds  # or nothing was tried
