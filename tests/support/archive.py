"""Fills a store with articles written for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.articles import reserve_article_ids
from storage.database import Store, Transaction
from storage.rows import insert_rows
from storage.search import index_articles

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """An article as a test writes it."""

    title: str
    body: str
    language: str = "en"
    outlet: str = "Harbor Post"
    at: datetime = AT
    topic: str | None = None
    copy_of: int | None = None
    removed: str | None = None


def add_pieces(tx: Transaction, pieces: Sequence[Piece], *, indexed: bool = True) -> list[int]:
    """Store pieces, each in a story of its own unless it is a copy; return their ids."""
    ids = reserve_article_ids(tx, len(pieces))
    insert_rows(
        tx,
        "core.article",
        [
            {
                "article_id": n,
                "url": f"https://news.example/{n}",
                "outlet": piece.outlet,
                "title": piece.title,
                "body": piece.body,
                "language": piece.language,
                "published_at": piece.at,
                "fetched_at": piece.at,
                "story_id": piece.copy_of or n,
                "duplicate_of": piece.copy_of,
                "words": len(piece.body.split()) or 1,
                "status": "ok",
            }
            for n, piece in zip(ids, pieces, strict=True)
        ],
    )
    blocks = [
        {
            "article_id": n,
            "n": 0,
            "kind": "body",
            "reason": None,
            "rule": None,
            "lang": piece.language,
            "body_at": 0,
            "body_len": len(piece.body),
            "text": None,
        }
        for n, piece in zip(ids, pieces, strict=True)
    ]
    blocks += [
        {
            "article_id": n,
            "n": 1,
            "kind": "boilerplate",
            "reason": "related stories",
            "rule": "test:related",
            "lang": piece.language,
            "body_at": None,
            "body_len": None,
            "text": piece.removed,
        }
        for n, piece in zip(ids, pieces, strict=True)
        if piece.removed
    ]
    insert_rows(tx, "core.block", blocks)
    own = [(n, piece) for n, piece in zip(ids, pieces, strict=True) if piece.copy_of is None]
    insert_rows(
        tx,
        "core.story",
        [
            {
                "story_id": n,
                "title": piece.title,
                "first_seen": piece.at,
                "last_seen": piece.at,
                "n_articles": 1,
                "n_outlets": 1,
                "n_origins": 1,
                "languages": [piece.language],
                "outlets": [piece.outlet],
            }
            for n, piece in own
        ],
    )
    insert_rows(
        tx,
        "core.topic_hit",
        [
            {
                "article_id": n,
                "story_id": piece.copy_of or n,
                "topic": piece.topic,
                "topic_version": "v1",
                "level": "alert",
                "score": 1.0,
            }
            for n, piece in zip(ids, pieces, strict=True)
            if piece.topic
        ],
    )
    if indexed:
        index_articles(tx, ids, [p.title for p in pieces], [p.body for p in pieces])
    return ids


def store_pieces(store: Store, *pieces: Piece) -> list[int]:
    """Store pieces in one transaction and publish."""
    with store.write() as tx:
        ids = add_pieces(tx, pieces)
    store.publish()
    return ids
