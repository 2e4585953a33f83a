"""Which documents are stored already: keys of articles, and the look-up of a batch of them.

An article is known by its external id within its source, its canonical address, and its guid
within its feed. Its headline within its outlet for seven days is a hint only ("Weather forecast"
comes every day), which folding takes up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from extractors.urls import key_of, url_key
from storage.known import Key, find_in_table
from storage.rows import insert_rows

if TYPE_CHECKING:
    from storage.database import Transaction

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
) -> tuple[Key, ...]:
    """Return the keys that a document is known by: pairs of kind and 64-bit hash.

    Kinds: `id` (external id within its source), `url` (fetched and canonical address), `guid`
    (within its feed). What is not given yields no key.
    """
    keys: dict[Key, None] = {}
    if external_id:
        keys["id", key_of(f"{source or ''}\x1f{external_id}")] = None
    for address in (canonical_url, url):
        if address:
            keys["url", url_key(address)] = None
    if guid:
        keys["guid", key_of(f"{feed or ''}\x1f{guid}")] = None
    return tuple(keys)


def title_key(outlet: str, normalised: str) -> int:
    """Return the hash of a normalised headline within an outlet."""
    return key_of(f"title\x1f{outlet}\x1f{normalised}")


def known_keys(tx: Transaction, keys: Sequence[Sequence[Key]]) -> list[dict[str, int]]:
    """Look up a batch of documents and return for each: kind of key → oldest article that has it.

    One look-up for the whole batch; an unknown document has an empty dict.
    """
    found = find_keys(tx, [key for own in keys for key in own])
    result: list[dict[str, int]] = []
    for own in keys:
        match: dict[str, int] = {}
        for kind, key in own:
            article = found.get((kind, key))
            if article is not None:
                match[kind] = min(article, match.get(kind, article))
        result.append(match)
    return result


def find_keys(tx: Transaction, keys: Sequence[Key]) -> dict[Key, int]:
    """Return the oldest article of each key that is known."""
    if not keys:
        return {}
    if tx.known is not None:
        return tx.known.find(tx, keys)
    return find_in_table(tx.con, keys)


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
