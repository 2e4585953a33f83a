"""Which documents are stored already: keys of articles, and the look-up of a batch of them.

An article is known by its external id within its source, its canonical address, its guid within
its feed, and its headline within its outlet for seven days. The last is a hint only: "Weather
forecast" comes every day; it counts where one of the two has no text to compare.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from extractors.urls import key_of, url_key
from storage.rows import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction

Key = tuple[str, int]

TITLE_DAYS = 7  # Media Cloud's rule: normalised title per source, seven days
MIN_TITLE_CHARS = 10  # shorter headlines ("Round-up", "오늘의 날씨") name a column, not an article
_TITLE_TAG = re.compile(
    r"^(?:\s*[\[(【〈<（［][^\])】〉>）］]{1,20}[\])】〉>）］]\s*)+|^\s*\w{2,12}:\s+"
)
_NO_WORD = re.compile(r"[\W_]+")


def normalise_title(title: str | None) -> str:
    """Return a headline without case, punctuation and opening tags; "" when it is too short."""
    if not title:
        return ""
    text = unicodedata.normalize("NFKC", title).casefold()
    bare = _NO_WORD.sub("", _TITLE_TAG.sub("", text))
    return bare if len(bare) >= MIN_TITLE_CHARS else ""


def article_keys(
    *,
    external_id: str | None = None,
    source: str | None = None,
    url: str | None = None,
    canonical_url: str | None = None,
    feed: str | None = None,
    guid: str | None = None,
    outlet: str | None = None,
    title: str | None = None,
) -> tuple[Key, ...]:
    """Return the keys that a document is known by: pairs of kind and 64-bit hash.

    Kinds: `id` (external id within its source), `url` (fetched and canonical address), `guid`
    (within its feed), `title` (within its outlet). What is not given yields no key.
    """
    keys: dict[Key, None] = {}
    if external_id:
        keys["id", key_of(f"{source or ''}\x1f{external_id}")] = None
    for address in (canonical_url, url):
        if address:
            keys["url", url_key(address)] = None
    if guid:
        keys["guid", key_of(f"{feed or ''}\x1f{guid}")] = None
    bare = normalise_title(title)
    if bare and outlet:
        keys["title", title_key(outlet, bare)] = None
    return tuple(keys)


def title_key(outlet: str, normalised: str) -> int:
    """Return the hash of a normalised headline within an outlet."""
    return key_of(f"title\x1f{outlet}\x1f{normalised}")


def known_keys(
    con: DuckDBPyConnection,
    keys: Sequence[Sequence[Key]],
    at: Sequence[datetime | None] | None = None,
) -> list[dict[str, int]]:
    """Look up a batch of documents and return for each: kind of key → oldest article that has it.

    `at` gives the documents' own times; title keys hold for `TITLE_DAYS` around them (without a
    time for ever). One join for the whole batch; an unknown document has an empty dict.
    """
    found: list[dict[str, int]] = [{} for _ in keys]
    flat = [(n, kind, key) for n, own in enumerate(keys) for kind, key in own]
    if not flat:
        return found
    rows = con.execute(
        """
        SELECT b.n, b.kind, k.article_id, k.seen_at
        FROM (SELECT unnest(?::INTEGER[]) AS n, unnest(?::VARCHAR[]) AS kind,
                     unnest(?::UBIGINT[]) AS key) b
        JOIN core.article_key k ON k.key = b.key AND k.kind = b.kind
        ORDER BY k.article_id DESC
        """,
        [[n for n, _, _ in flat], [kind for _, kind, _ in flat], [key for _, _, key in flat]],
    ).fetchall()
    reach = timedelta(days=TITLE_DAYS)
    for n, kind, article_id, seen_at in rows:
        own_time = at[n] if at is not None else None
        if kind == "title" and own_time is not None and abs(seen_at - own_time) > reach:
            continue
        found[n][kind] = article_id
    return found


def insert_article_keys(
    tx: Transaction, rows: Sequence[tuple[int, Sequence[Key], datetime]]
) -> None:
    """Write the keys of articles: (article id, keys, the article's own time)."""
    insert_rows(
        tx,
        "core.article_key",
        [
            {"kind": kind, "key": key, "article_id": article_id, "seen_at": seen_at}
            for article_id, keys, seen_at in rows
            for kind, key in keys
        ],
    )
