"""Writing what a query yields, or the whole archive, to files that other tools read.

`write_query` lets DuckDB write one file without keeping its rows in memory. `export_archive`
writes every table as Parquet, the large ones in a folder a month, with a manifest of row counts
and checksums; `import_archive` makes an empty database equal to the exported one again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.query import stream

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MANIFEST = "manifest.json"
FORMAT = 1
# Parts of a table are put in the month of this time of theirs; an article's rows stay together.
_MONTH_OF = {
    "article": "fetched_at",
    "feed_poll": "polled_at",
    "article_key": "seen_at",
}
_BY_ARTICLE = ("block", "topic_hit")
# The search index and the folding sketches are made of the articles: kept, since making them
# anew takes long, but in one file each.
_ORDER = {
    "article": "article_id",
    "block": "article_id, n",
    "topic_hit": "article_id, topic",
    "story": "story_id",
}


def write_query(
    con: DuckDBPyConnection,
    sql: str,
    params: Mapping[str, Any],
    path: Path,
    *,
    timeout_s: float,
) -> int:
    """Write the rows of one query to a Parquet file; return how many.

    `con` must be a `sandbox` with `write_to=path`.

    Raises:
        UsageError: the query is wrong, is not a single one, or took too long.
    """
    target = str(path.absolute()).replace("'", "''")
    copy = (
        f"COPY (\n{sql.strip().rstrip(';')}\n) TO '{target}' "
        "(FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
    )
    with stream(con, copy, params, timeout_s=timeout_s) as running:
        return sum(int(row[0]) for chunk in running.chunks for row in chunk)
