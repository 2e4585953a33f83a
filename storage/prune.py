"""Retention: old stories that nobody was alerted to are dropped, and their space given back.

In: a time. A story is old when its newest article was stored before it; stories with an alert,
a mark of a person or a user's edit are kept for ever, with all their articles. What goes with a
story: articles, blocks, keys, hits, sketches, search postings. Polls and runs before the time go
too. Nothing is dropped that a kept article is a copy of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from storage.database import connect_writer
from storage.migrate import applied_versions
from storage.rebuild import build_database, sequences

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Store, Transaction

# Tables whose rows belong to an article.
_OF_ARTICLE = (
    "article",
    "block",
    "article_key",
    "topic_hit",
    "sketch",
    "sketch_hash",
    "clue",
    "resemblance",
    "search_posting",
    "search_recent",
)
_BY_TIME = (("feed_poll", "polled_at"), ("run", "started_at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows went, or would go."""

    articles: int
    stories: int
    polls: int
    runs: int


def prune(tx: Transaction, before: datetime, *, dry_run: bool = False) -> Pruned:
    """Drop what is older than `before` in the open transaction; count only with `dry_run`."""
    con = tx.con
    _find(con, before)
    counts = [_count(con, "old_article"), _count(con, "old_story")]
    for table, column in _BY_TIME:
        row = con.execute(f"SELECT count(*) FROM core.{table} WHERE {column} < ?", [before])
        counts.append(int((row.fetchone() or (0,))[0]))
    if not dry_run:
        for table in _OF_ARTICLE:
            con.execute(
                f"DELETE FROM core.{table} WHERE article_id IN (SELECT article_id FROM old_article)"
            )
        con.execute("DELETE FROM core.story WHERE story_id IN (SELECT story_id FROM old_story)")
        for table, column in _BY_TIME:
            con.execute(f"DELETE FROM core.{table} WHERE {column} < ?", [before])
    con.execute("DROP TABLE old_article")
    con.execute("DROP TABLE old_story")
    return Pruned(articles=counts[0], stories=counts[1], polls=counts[2], runs=counts[3])


def _find(con: DuckDBPyConnection, before: datetime) -> None:
    """Make the temporary tables `old_story` and `old_article`."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE old_story AS
        SELECT story_id FROM core.story
        ANTI JOIN (SELECT DISTINCT story_id FROM core.article WHERE fetched_at >= $before)
            USING (story_id)
        ANTI JOIN (SELECT story_id FROM core.alert UNION SELECT story_id FROM core.topic_feedback
                   UNION SELECT story_id FROM core.alert_action
                   UNION SELECT story_id FROM core.story_event WHERE made_by = 'user'
                   UNION SELECT other_story FROM core.story_event WHERE made_by = 'user')
            USING (story_id)
        WHERE last_seen < $before AND merged_into IS NULL
        """,
        {"before": before},
    )
    while True:
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE old_article AS
            SELECT article_id, story_id FROM core.article
            WHERE fetched_at < $before
              AND (story_id IS NULL OR story_id IN (SELECT story_id FROM old_story))
            """,
            {"before": before},
        )
        # A text that a kept article is a copy of stays, with its whole story.
        kept = con.execute(
            """
            DELETE FROM old_story WHERE story_id IN (
                SELECT o.story_id FROM old_article o JOIN core.article c
                    ON c.duplicate_of = o.article_id
                WHERE c.article_id NOT IN (SELECT article_id FROM old_article))
            RETURNING story_id
            """
        ).fetchall()
        if not kept:
            return


def _count(con: DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def compact(store: Store) -> tuple[int, int]:
    """Write the writer's file anew without its holes; return its size in bytes before and after.

    DuckDB reuses the space of deleted rows but does not shrink the file. Nothing else can be
    written meanwhile: a minute or two for a million articles. Hold the run lock.
    """
    with store.exclusive() as main:
        before = main.stat().st_size
        part = main.with_name("compact.part")
        part.unlink(missing_ok=True)
        con = connect_writer(main)
        try:
            con.execute("CHECKPOINT")
            versions, starts = applied_versions(con), sequences(con)
        finally:
            con.close()

        def fill(fresh: DuckDBPyConnection, table: str) -> None:
            fresh.execute(f"INSERT INTO core.{table} BY NAME SELECT * FROM old.core.{table}")

        try:
            build_database(part, versions=versions, starts=starts, fill=fill, source=main)
            part.replace(main)
            store.forget_published()  # its rows are the same, its holes are not
        finally:
            part.unlink(missing_ok=True)
        return before, main.stat().st_size
