"""Site memory in the store: lessons of the newest articles of each host, and cleaning again.

In: articles as they are stored.  Out: a `HostMemory` per host for the next pages, and the ids of
stored articles that changed because a line in their body has become known as boilerplate.
What a lesson is and when a line counts as known is `extractors/site_memory.py`'s business.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from extractors.boilerplate import clean_lines
from extractors.lines import count_words
from extractors.models import Article, Block, BlockKind, Line
from extractors.site_memory import (
    ALONE,
    ALONE_INSIDE,
    MAX_LESSONS,
    OFTEN,
    HostMemory,
    Lesson,
    lesson_of_blocks,
    needed,
)
from extractors.urls import key_of
from storage.rows import clean_text, insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction

RECLEAN_DAYS: Final = 30
"""Articles fetched longer ago are left as they are: nobody is alerted by them any more."""

RECLEAN_MOST: Final = 500
"""Articles cleaned again in one run: about three seconds of work; the rest waits for the next."""

_BODY_KINDS: Final = "pl"
_THRESHOLDS: Final = frozenset(
    {
        *(needed(prose=p, inside=inside) + 1 for p in (True, False) for inside in (True, False)),
        ALONE + 1,
        ALONE_INSIDE + 1,
        OFTEN + 1,
    }
)
"""Numbers of stories at which a line may become known (the page's own story included)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One stored lesson."""

    lesson: Lesson
    seq: int
    stale: bool


# --------------------------------------------------------------------------- reading
def load_memory(con: DuckDBPyConnection, hosts: Sequence[str]) -> dict[str, HostMemory]:
    """Return what is known of these hosts; hosts of which nothing is known are left out."""
    return {
        host: HostMemory(host, [row.lesson for row in rows])
        for host, rows in _load_rows(con, hosts).items()
    }


def _load_rows(con: DuckDBPyConnection, hosts: Iterable[str]) -> dict[str, list[_Row]]:
    wanted = sorted(set(hosts))
    if not wanted:
        return {}
    rows = con.execute(
        "SELECT host, seq, article_id, keys, kinds, stale FROM core.site_lesson "
        "WHERE host IN (SELECT unnest(?::VARCHAR[])) ORDER BY host, seq",
        [wanted],
    ).fetchall()
    found: dict[str, list[_Row]] = {}
    for host, seq, article_id, keys, kinds, stale in rows:
        lesson = Lesson(host=host, story=article_id, keys=_unpack(keys), kinds=kinds)
        found.setdefault(host, []).append(_Row(lesson=lesson, seq=seq, stale=stale))
    return found


def _pack(keys: Sequence[int]) -> bytes:
    packed = array("Q", keys)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _unpack(raw: bytes) -> tuple[int, ...]:
    keys = array("Q")
    keys.frombytes(raw)
    if sys.byteorder == "big":
        keys.byteswap()
    return tuple(keys)


# --------------------------------------------------------------------------- learning
def learn(tx: Transaction, articles: Sequence[tuple[int, str, Article]]) -> None:
    """Learn from newly stored articles, in the transaction that stores them.

    Args:
        tx: the open write transaction.
        articles: article id, host and article; articles without a body sentence teach nothing.
    """
    lessons: dict[str, list[Lesson]] = {}
    for article_id, host, article in articles:
        if host and (found := lesson_of_blocks(article.blocks, host=host, story=article_id)):
            lessons.setdefault(host, []).append(found)
    if not lessons:
        return
    known = _load_rows(tx.con, lessons)
    changed: list[_Row] = []
    for host, new in lessons.items():
        changed += _learn_host(known.get(host, []), new)
    _write_rows(tx, changed)


def _learn_host(old: list[_Row], new: Sequence[Lesson]) -> list[_Row]:
    """Return the rows to be written: new lessons, and old ones that are to be cleaned again."""
    seq = old[-1].seq + 1 if old else 0
    fresh = [_Row(lesson=v, seq=seq + i, stale=False) for i, v in enumerate(new)][-MAX_LESSONS:]
    kept = [*old, *fresh][-MAX_LESSONS:]
    fresh_seqs = {row.seq for row in fresh}
    crossed = _newly_known(kept, fresh_seqs)
    changed = {row.seq: row for row in fresh}
    if crossed:
        memory = HostMemory(new[0].host, [row.lesson for row in kept])
        for row in kept:
            if not row.stale and _holds_known(row.lesson, crossed, memory):
                changed[row.seq] = replace(row, stale=True)
    return list(changed.values())


def _newly_known(rows: Sequence[_Row], fresh: set[int]) -> set[int]:
    """Lines whose number of stories has just reached one of the thresholds."""
    before: Counter[int] = Counter()
    added: Counter[int] = Counter()
    for row in rows:
        (added if row.seq in fresh else before).update(set(row.lesson.keys))
    return {
        key
        for key, n in added.items()
        if any(before[key] < threshold <= before[key] + n for threshold in _THRESHOLDS)
    }


def _holds_known(lesson: Lesson, crossed: set[int], memory: HostMemory) -> bool:
    suspects = [
        (key, kind)
        for key, kind in zip(lesson.keys, lesson.kinds, strict=True)
        if kind in _BODY_KINDS and key in crossed
    ]
    if not suspects:
        return False
    page = memory.about_hashes(lesson.prose)
    return page is not None and any(
        page.others_hashed(key) >= needed(prose=kind == "p", inside=False) for key, kind in suspects
    )


def _write_rows(tx: Transaction, rows: Sequence[_Row]) -> None:
    if not rows:
        return
    values = [
        {
            "host": row.lesson.host,
            "slot": row.seq % MAX_LESSONS,
            "seq": row.seq,
            "article_id": row.lesson.story,
            "keys": _pack(row.lesson.keys),
            "kinds": row.lesson.kinds,
            "stale": row.stale,
            "seen_at": tx.now,
        }
        for row in rows
    ]
    tx.con.execute(
        "DELETE FROM core.site_lesson WHERE (host, slot) IN "
        "(SELECT unnest(?::VARCHAR[]), unnest(?::INTEGER[]))",
        [[v["host"] for v in values], [v["slot"] for v in values]],
    )
    insert_rows(tx, "core.site_lesson", values)


# --------------------------------------------------------------------------- cleaning again
def reclean_hosts(tx: Transaction, hosts: Sequence[str], *, now: datetime) -> list[int]:
    """Clean stored articles of these hosts again whose body holds lines that are known by now.

    Only body blocks are judged again, and only downwards: what was removed stays removed.  The
    caller re-judges topics of the articles returned, and withdraws alerts that lost their ground.

    Args:
        tx: the open write transaction.
        hosts: hosts that have just learned.
        now: only articles fetched within 30 days before are touched, the newest 500.

    Returns:
        Ids of the articles whose body changed, ascending.
    """
    rows_of = _load_rows(tx.con, hosts)
    stale = {row.lesson.story: row for rows in rows_of.values() for row in rows if row.stale}
    if not stale:
        return []
    articles = tx.con.execute(
        "SELECT article_id, host, title, language FROM core.article "
        "WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ? "
        "AND fetched_at >= ? AND status IN ('ok', 'feed_content') "
        "ORDER BY fetched_at DESC, article_id DESC LIMIT ?",
        [
            sorted(stale),
            min(stale),
            max(stale),
            now - timedelta(days=RECLEAN_DAYS),
            RECLEAN_MOST + 1,
        ],
    ).fetchall()
    waiting = {row[0] for row in articles[RECLEAN_MOST:]}
    blocks_of = _load_blocks(tx.con, [row[0] for row in articles[:RECLEAN_MOST]])
    changed: dict[int, list[Block]] = {}
    for article_id, host, title, language in articles[:RECLEAN_MOST]:
        memory = HostMemory(host, [row.lesson for row in rows_of.get(host, [])])
        blocks = clean_again(
            blocks_of.get(article_id, []), memory, title=title, language=language, host=host
        )
        if blocks is not None:
            changed[article_id] = blocks
    _write_blocks(tx, changed)
    done = [_done(row, changed.get(story)) for story, row in stale.items() if story not in waiting]
    _write_rows(tx, done)
    return sorted(changed)


def clean_again(
    blocks: Sequence[Block],
    memory: HostMemory,
    *,
    title: str | None,
    language: str,
    host: str,
) -> list[Block] | None:
    """Return the blocks with newly known body lines removed; None when nothing changes."""
    places = [i for i, block in enumerate(blocks) if block.kind is BlockKind.BODY]
    lines = [
        Line(text=blocks[i].text, link_share=blocks[i].link_share, tag=blocks[i].tag)
        for i in places
    ]
    again = clean_lines(lines, title=title, lang_hint=language, host=host, memory=memory).blocks
    if len(again) != len(places) or all(b.kind is not BlockKind.BODY for b in again):
        return None  # cut differently now, or nothing would be left: better as it is
    result = list(blocks)
    for i, block in zip(places, again, strict=True):
        if block.kind is not BlockKind.BODY:
            result[i] = replace(blocks[i], kind=block.kind, reason=block.reason, rule=block.rule)
    return result if result != list(blocks) else None


def _done(row: _Row, blocks: Sequence[Block] | None) -> _Row:
    lesson = row.lesson
    if blocks is not None:
        lesson = lesson_of_blocks(blocks, host=lesson.host, story=lesson.story) or lesson
    return replace(row, lesson=lesson, stale=False)


def _load_blocks(con: DuckDBPyConnection, article_ids: Sequence[int]) -> dict[int, list[Block]]:
    """Return the blocks of these articles.

    Each table is narrowed to the articles by itself before the two are joined: as one join over a
    list of ids the same query read most of the bodies, and took 4 to 37 times as long.
    """
    if not article_ids:
        return {}
    ids = sorted(article_ids)
    rows = con.execute(
        """
        WITH a AS MATERIALIZED (
            SELECT article_id, body FROM core.article
            WHERE article_id IN (SELECT unnest($ids::BIGINT[]))
              AND article_id BETWEEN $low AND $high
        ), b AS MATERIALIZED (
            SELECT article_id, n, kind, reason, rule, lang, link_share, tag, body_at, body_len, text
            FROM core.block
            WHERE article_id IN (SELECT unnest($ids::BIGINT[]))
              AND article_id BETWEEN $low AND $high
        )
        SELECT b.article_id, b.kind, b.reason, b.rule, b.lang, b.link_share, b.tag,
               coalesce(b.text, substring(a.body, b.body_at + 1, b.body_len))
        FROM b JOIN a USING (article_id)
        ORDER BY b.article_id, b.n
        """,
        {"ids": ids, "low": ids[0], "high": ids[-1]},
    ).fetchall()
    found: dict[int, list[Block]] = {}
    for article_id, kind, reason, rule, lang, link_share, tag, text in rows:
        found.setdefault(article_id, []).append(
            Block(
                text=text or "",
                kind=BlockKind(kind),
                reason=reason or "",
                rule=rule or "",
                lang=lang or "und",
                link_share=link_share or 0.0,
                tag=tag or "",
            )
        )
    return found


def _write_blocks(tx: Transaction, changed: Mapping[int, Sequence[Block]]) -> None:
    """Replace body and blocks of these articles."""
    if not changed:
        return
    ids, bodies, rows = list(changed), [], []
    for article_id, blocks in changed.items():
        at = 0
        kept: list[str] = []
        for n, block in enumerate(blocks):
            text = clean_text(block.text)
            body = block.kind is BlockKind.BODY
            rows.append(_block_row(article_id, n, block, text, at if body else None))
            if body:
                at += len(text) + 1
                kept.append(text)
        bodies.append("\n".join(kept))
    tx.con.execute(
        """
        UPDATE core.article SET body = v.body, body_hash = v.body_hash, words = v.words, rev = ?
        FROM (SELECT unnest(?::BIGINT[]) AS article_id, unnest(?::VARCHAR[]) AS body,
                     unnest(?::UBIGINT[]) AS body_hash, unnest(?::INTEGER[]) AS words) v
        WHERE core.article.article_id = v.article_id
          AND core.article.article_id BETWEEN ? AND ?
        """,
        [tx.rev, ids, bodies, [key_of(b) for b in bodies], [count_words(b) for b in bodies],
         min(ids), max(ids)],
    )  # fmt: skip
    tx.con.execute(
        "DELETE FROM core.block WHERE article_id IN (SELECT unnest(?::BIGINT[])) "
        "AND article_id BETWEEN ? AND ?",
        [ids, min(ids), max(ids)],
    )
    insert_rows(tx, "core.block", rows)


def _block_row(article_id: int, n: int, block: Block, text: str, at: int | None) -> dict[str, Any]:
    return {
        "article_id": article_id,
        "n": n,
        "kind": str(block.kind),
        "reason": block.reason or None,
        "rule": block.rule or None,
        "lang": block.lang,
        "link_share": block.link_share,
        "tag": block.tag or None,
        "body_at": at,
        "body_len": None if at is None else len(text),
        "text": text if at is None else None,
    }
