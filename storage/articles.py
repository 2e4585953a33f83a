"""Articles and their blocks: how they are written, and read back for cleaning again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from extractors.models import Article, BlockKind
from storage.rows import clean_text, insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArticle:
    """An article with what the store adds to it: id, story, and why it was folded."""

    article_id: int
    article: Article
    fetched_at: datetime
    host: str | None
    body_hash: int
    words: int
    story_id: int | None = None
    duplicate_of: int | None = None
    duplicate_level: str | None = None
    fold_reason: Mapping[str, Any] = field(default_factory=dict)
    backfill: bool = False


def reserve_article_ids(tx: Transaction, count: int) -> list[int]:
    """Take `count` new article ids, ascending."""
    rows = tx.con.execute("SELECT nextval('core.article_id') FROM range(?)", [count]).fetchall()
    return sorted(int(row[0]) for row in rows)


def insert_articles(tx: Transaction, items: Sequence[StoredArticle]) -> int:
    """Write articles and their blocks in the open transaction; return the number of articles."""
    insert_rows(tx, "core.article", [_article_row(item) for item in items])
    insert_rows(tx, "core.block", [row for item in items for row in _block_rows(item)])
    return len(items)


def _article_row(item: StoredArticle) -> dict[str, Any]:
    article, doc = item.article, item.article.doc
    return {
        "article_id": item.article_id,
        "external_id": doc.guid or doc.doc_id,
        "feed": doc.feed,
        "guid": doc.guid,
        "url": article.url,
        "canonical_url": article.canonical_url,
        "host": item.host,
        "outlet": article.outlet,
        "country": doc.country,
        "tier": doc.tier,
        "title": article.title,
        "body": clean_text(article.body),
        "language": article.language,
        "author": article.author,
        "section": article.section,
        "published_at": article.published_at,
        "fetched_at": item.fetched_at,
        "story_id": item.story_id,
        "duplicate_of": item.duplicate_of,
        "duplicate_level": item.duplicate_level,
        "fold_reason": dict(item.fold_reason) or None,
        "provenance": list(article.provenance),
        "words": item.words,
        "status": str(article.status),
        "method": article.method,
        "error": article.error,
        "backfill": item.backfill,
        "body_hash": item.body_hash,
        "metadata": dict(doc.metadata) or None,
    }


def _block_rows(item: StoredArticle) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    at = 0
    for n, block in enumerate(item.article.blocks):
        body = block.kind is BlockKind.BODY
        text = clean_text(block.text)
        rows.append(
            {
                "article_id": item.article_id,
                "n": n,
                "kind": str(block.kind),
                "reason": block.reason or None,
                "rule": block.rule or None,
                "lang": block.lang,
                "link_share": block.link_share,
                "tag": block.tag or None,
                "body_at": at if body else None,
                "body_len": len(text) if body else None,
                "text": None if body else text,
            }
        )
        if body:
            at += len(text) + 1
    return rows


def unsupported_alerts(con: DuckDBPyConnection, story_ids: Sequence[int]) -> list[str]:
    """Return keys of alerts not sent yet whose topic no article of the story hits any more."""
    if not story_ids:
        return []
    rows = con.execute(
        """
        SELECT a.alert_key FROM core.alert a
        ANTI JOIN core.topic_hit h ON h.story_id = a.story_id AND h.topic = a.topic
        WHERE a.state = 'pending' AND a.topic IS NOT NULL
          AND a.story_id IN (SELECT unnest(?::BIGINT[]))
        """,
        [list(story_ids)],
    ).fetchall()
    return [row[0] for row in rows]


def delete_topic_hits(tx: Transaction, article_ids: Sequence[int], topics: Sequence[str]) -> None:
    """Delete the hits of these topics in these articles, so that they can be judged anew."""
    tx.con.execute(
        "DELETE FROM core.topic_hit WHERE article_id IN (SELECT unnest(?::BIGINT[])) "
        "AND topic IN (SELECT unnest(?::VARCHAR[]))",
        [list(article_ids), list(topics)],
    )
