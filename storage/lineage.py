"""Lineage: which text was first and which are its copies and versions, whatever arrived first.

In: the first texts whose copies arrived out of order in a batch, or were joined. Out: for each
representative its level and its reason, judged anew in the order of time; stored articles are
corrected here, those of the batch by the caller. Articles that are no representatives keep their
level: they are copies of one, and only the first text that they name changes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from extractors.sketch import Verdict, is_revised, verify
from storage.fold_index import (
    LONGER,
    SAME_ADDRESS,
    SAME_HEADLINE,
    SAME_TEXT,
    WINDOW_S,
    FoldedText,
    rank_of,
    read_texts,
)

if TYPE_CHECKING:
    from storage.database import Transaction

MAX_JUDGED = 64  # representatives of one text that are judged anew; the later ones stay as they are
RETELLING_RULES = ("clues", "clues and vectors")
THROUGH_OTHERS = "a version through other versions"


@dataclass(slots=True, kw_only=True)
class Kin:
    """One text in a line of copies and versions. `is_new` when it is of the batch."""

    text: FoldedText
    title: str | None
    at: datetime
    is_revised: bool
    level: str | None
    reason: dict[str, Any]
    is_new: bool = False


def level_of(verdict: Verdict, shingles: int, older_shingles: int, *, revised: bool) -> str:
    """Return what a text is to an older one that it was found to be a copy or version of."""
    if verdict.reason["rule"] == SAME_TEXT:
        return "exact"
    if verdict.level == "thread" or revised or shingles > LONGER * max(1, older_shingles):
        return "version"
    return "copy"


def write_moves(tx: Transaction, moves: Mapping[int, int], low: int, high: int) -> None:
    """Give the copies of stored texts to other first texts.

    `low` and `high` are the batch's window in seconds; copies of its texts lie within two more.
    """
    if not moves:
        return
    con = tx.con
    old, new = list(moves), list(moves.values())
    window = [low - 2 * WINDOW_S, high + 2 * WINDOW_S]
    first = con.execute(
        "SELECT min(article_id) FROM core.sketch "
        "WHERE root IN (SELECT unnest(?::BIGINT[])) AND at_s BETWEEN ? AND ?",
        [old, *window],
    ).fetchone()
    if first is None or first[0] is None:
        return  # all of them are of this batch
    for table in ("core.sketch", "core.sketch_hash"):
        con.execute(
            f"UPDATE {table} SET root = m.new, rev = ? "
            "FROM (SELECT unnest(?::BIGINT[]) AS old, unnest(?::BIGINT[]) AS new) m "
            f"WHERE {table}.root = m.old AND {table}.at_s BETWEEN ? AND ?",
            [tx.rev, old, new, *window],
        )
    con.execute(
        "UPDATE core.article SET duplicate_of = m.new, rev = ?, "
        "duplicate_level = coalesce(duplicate_level, 'version') "
        "FROM (SELECT unnest(?::BIGINT[]) AS old, unnest(?::BIGINT[]) AS new) m "
        "WHERE (core.article.duplicate_of = m.old OR core.article.article_id = m.old) "
        "AND core.article.article_id >= ?",
        [tx.rev, old, new, first[0]],
    )


def judge_anew(
    tx: Transaction, roots: Sequence[int], own: Sequence[Kin], low: int, high: int
) -> dict[int, list[Kin]]:
    """Judge the lines of these first texts in the order of time; returns them by first text.

    Stored articles are written; `own` are the batch's representatives, changed in place.
    """
    lines: defaultdict[int, list[Kin]] = defaultdict(list)
    for kin in (*_stored(tx, roots, low, high), *own):
        if kin.text.root in roots:
            lines[kin.text.root].append(kin)
    changed: list[Kin] = []
    for root, line in lines.items():
        line.sort(key=lambda kin: (kin.text.article_id != root, kin.text.age))
        changed += _judge(line[:MAX_JUDGED])
    _write(tx, [kin for kin in changed if not kin.is_new])
    return dict(lines)


def _judge(line: Sequence[Kin]) -> list[Kin]:
    """Set level and reason of each text of a line; returns those that changed."""
    before = [(kin.level, kin.reason) for kin in line]
    first = line[0]
    own = {kin.text.article_id for kin in line}
    retellings = (kin.reason for kin in line if kin.reason.get("rule") in RETELLING_RULES)
    told = next((reason for reason in retellings if reason.get("to") not in own), {})
    for n, kin in enumerate(line[1:], 1):
        if kin.level is not None and kin.reason.get("rule") in (SAME_ADDRESS, SAME_HEADLINE):
            continue
        kin.level, kin.reason = _best(kin, line[:n])
    first.level, first.reason = None, told
    return [
        kin
        for kin, (level, reason) in zip(line, before, strict=True)
        if (kin.level, kin.reason.get("to")) != (level, reason.get("to"))
        or kin.reason.get("rule") != reason.get("rule")
    ]


def _best(kin: Kin, older: Sequence[Kin]) -> tuple[str, dict[str, Any]]:
    found = []
    for other in older:
        same_outlet = kin.text.outlet is not None and kin.text.outlet == other.text.outlet
        verdict = verify(kin.text.features, other.text.features, same_outlet=same_outlet)
        if verdict.level is not None:
            rank = rank_of(verdict, kin.text.shingles, other.text)
            found.append((rank, other, verdict))
    if not found:
        reason = {"rule": THROUGH_OTHERS, "to": older[0].text.article_id}
        return "version", _with_words("version", reason)
    _, other, verdict = max(found, key=lambda one: one[0])
    level = level_of(verdict, kin.text.shingles, other.text.shingles, revised=kin.is_revised)
    return level, _with_words(level, {**verdict.reason, "to": other.text.article_id})


def _with_words(level: str, reason: dict[str, Any]) -> dict[str, Any]:
    return {**reason, "link": words_for(level, reason)}


def words_for(level: str, reason: Mapping[str, Any]) -> str:
    """Say what a text is to the one it was compared with, and why."""
    what = {"exact": "the same text as", "copy": "copy of", "version": "version of"}[level]
    if reason["rule"] == SAME_TEXT:
        return f"{what} article {reason['to']}"
    return f"{what} article {reason['to']}: {reason['rule']}"


def _stored(tx: Transaction, roots: Sequence[int], low: int, high: int) -> list[Kin]:
    texts = read_texts(
        tx, "root IN (SELECT unnest(?::BIGINT[])) AND at_s BETWEEN ? AND ?",
        [list(roots), low - 2 * WINDOW_S, high + 2 * WINDOW_S],
    )  # fmt: skip
    if not texts:
        return []
    ids = sorted(text.article_id for text in texts)
    rows = tx.con.execute(
        """
        SELECT article_id, title, body, duplicate_level, fold_reason,
               coalesce(published_at, fetched_at)
        FROM core.article
        WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?
        """,
        [ids, ids[0], ids[-1]],
    ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    return [
        Kin(
            text=text, title=title, at=at, is_revised=is_revised(body or "", title), level=level,
            reason=json.loads(reason) if reason else {},
        )
        for text in texts
        if text.article_id in known
        for title, body, level, reason, at in (known[text.article_id],)
    ]  # fmt: skip


def give_reasons(tx: Transaction, reasons: Mapping[int, dict[str, Any]]) -> None:
    """Write why stored texts are in their stories; an empty reason says that one begins its."""
    if not reasons:
        return
    ids = sorted(reasons)
    tx.con.execute(
        """
        UPDATE core.article SET fold_reason = c.reason::JSON, rev = ?
        FROM (SELECT unnest(?::BIGINT[]) AS article_id, unnest(?::VARCHAR[]) AS reason) c
        WHERE core.article.article_id = c.article_id AND core.article.article_id BETWEEN ? AND ?
        """,
        [tx.rev, ids, [json.dumps(reasons[a], ensure_ascii=False) for a in ids], ids[0], ids[-1]],
    )


def _write(tx: Transaction, changed: Sequence[Kin]) -> None:
    if not changed:
        return
    ids = [kin.text.article_id for kin in changed]
    roots = [None if kin.level is None else kin.text.root for kin in changed]
    reasons = [json.dumps(kin.reason, ensure_ascii=False) for kin in changed]
    tx.con.execute(
        """
        UPDATE core.article SET duplicate_of = c.root, duplicate_level = c.level,
               fold_reason = c.reason::JSON, rev = ?
        FROM (SELECT unnest(?::BIGINT[]) AS article_id, unnest(?::BIGINT[]) AS root,
                     unnest(?::VARCHAR[]) AS level, unnest(?::VARCHAR[]) AS reason) c
        WHERE core.article.article_id = c.article_id AND core.article.article_id BETWEEN ? AND ?
        """,
        [tx.rev, ids, roots, [kin.level for kin in changed], reasons, min(ids), max(ids)],
    )
