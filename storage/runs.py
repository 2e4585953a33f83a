"""The run ledger: one row a run, written when it starts and again when it ends.

A run that was killed leaves a row in state `running`; the next run, which holds the run lock,
knows that nobody works on it any more and marks it `crashed`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from storage.rows import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction


def start_run(tx: Transaction, run_id: str, kind: str) -> int:
    """Record that a run starts; return how many earlier runs were found killed half-way.

    Call it while holding the run lock.
    """
    crashed = tx.con.execute(
        "UPDATE core.run SET state = 'crashed', ended_at = started_at, rev = ?, "
        "error = 'killed before it ended' WHERE state = 'running' AND kind = ? RETURNING run_id",
        [tx.rev, kind],
    ).fetchall()
    insert_rows(
        tx,
        "core.run",
        [{"run_id": run_id, "kind": kind, "started_at": tx.now, "state": "running"}],
    )
    return len(crashed)


def end_run(
    tx: Transaction,
    run_id: str,
    *,
    state: str,
    counts: Mapping[str, Any],
    stages: Mapping[str, float],
    error: str | None = None,
    ended_at: datetime | None = None,
) -> None:
    """Record how a run ended, never before it began. `stages` are seconds per stage."""
    tx.con.execute(
        "UPDATE core.run SET state = ?, ended_at = greatest(started_at, ?), counts = ?, "
        "stages = ?, error = ?, rev = ? WHERE run_id = ?",
        [
            state,
            ended_at or tx.now,
            json.dumps(dict(counts), default=str),
            json.dumps(dict(stages)),
            error,
            tx.rev,
            run_id,
        ],
    )


def last_end(con: DuckDBPyConnection, kind: str) -> datetime | None:
    """Return when the newest run of a kind ended; None when none ever did."""
    row = con.execute("SELECT max(ended_at) FROM core.run WHERE kind = ?", [kind]).fetchone()
    return row[0] if row else None


def last_runs(con: DuckDBPyConnection, limit: int = 10) -> list[dict[str, Any]]:
    """Return the newest runs, newest first."""
    cursor = con.execute(
        "SELECT run_id, kind, started_at, ended_at, state, counts, stages, error "
        "FROM core.run ORDER BY started_at DESC LIMIT ?",
        [limit],
    )
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
