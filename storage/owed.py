"""Which entries of a batch that was worked on elsewhere are still owed, and as they were then.

The queue is the ledger of batches: an entry leaves it in the transaction that stores its article,
and a failed attempt raises `attempts`. So a batch that is loaded twice finds nothing the second
time, however the first load ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from extractors.feed_state import OwedEntry


def still_owed(con: DuckDBPyConnection, entries: Sequence[OwedEntry]) -> set[int]:
    """Return the keys of the entries that nobody stored, tried again or edited meanwhile."""
    rows = con.execute(
        """
        SELECT b.key FROM (
            SELECT unnest(?::UBIGINT[]) AS key, unnest(?::INTEGER[]) AS attempts,
                   unnest(?::VARCHAR[]) AS fingerprint
        ) b
        JOIN core.pending_entry p ON p.entry_key = b.key
        WHERE p.state = 'pending' AND p.attempts = b.attempts
          AND coalesce(json_extract_string(p.entry, '$.fingerprint'), '') = b.fingerprint
        """,
        [
            [entry.entry_key for entry in entries],
            [entry.attempts for entry in entries],
            [entry.entry.fingerprint for entry in entries],
        ],
    ).fetchall()
    return {int(row[0]) for row in rows}
