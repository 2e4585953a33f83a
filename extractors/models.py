"""The records that travel from left to right: feed entry, page, document, article.

Everything here is immutable and free of I/O. Times are timezone-aware UTC, text is NFC,
languages are BCP 47 tags (`und` when unknown), URLs are canonical unless named `raw_url`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class BlockKind(StrEnum):
    """What a block of text is: design.md §1. Matching, folding and search read `BODY` only."""

    BODY = "body"
    BOILERPLATE = "boilerplate"
    QUARANTINE = "quarantine"


class Status(StrEnum):
    """What became of a page (column `articles.status`). Only `OK` pages are matched."""

    OK = "ok"
    FEED_CONTENT = "feed_content"  # text came from the feed, because the page was not to be had
    TOO_SHORT = "too_short"
    EMPTY = "empty"
    PAYWALL = "paywall"
    COOKIE_WALL = "cookie_wall"
    CHALLENGE = "challenge"
    NOT_HTML = "not_html"
    JUNK = "junk"
    TIMEOUT = "timeout"  # the worker was killed: too much CPU time
    OUT_OF_MEMORY = "out_of_memory"
    ERROR = "error"


class Outcome(StrEnum):
    """How one item of a run ended. Each item ends in exactly one; a run's counts add up."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # stored, and folded into an earlier article
    KNOWN = "known"  # already in the store: nothing fetched, nothing written
    UPDATED = "updated"  # a new version of a stored article
    BLOCKED = "blocked"  # paywall, challenge, cookie wall, robots.txt: recorded
    UNUSABLE = "unusable"  # no article text in it: recorded with the reason
    FETCH_FAILED = "fetch_failed"  # retried by later runs
    GAVE_UP = "gave_up"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of text as the extractor found it, before cleaning.

    `link_share` is the share (0-1) of its characters that are link text; `tag` the HTML
    element it came from ("" when the input was plain text).
    """

    text: str
    link_share: float = 0.0
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of an article: body, boilerplate or quarantine, with the reason.

    `rule` names the rule that decided (file and name, e.g. `ja:related-heading`); `reason` says
    it in words. Both are "" for a body block that no rule touched.
    """

    text: str
    kind: BlockKind = BlockKind.BODY
    reason: str = ""
    lang: str = "und"
    rule: str = ""
    link_share: float = 0.0  # as in `Line`, kept so that stored text can be cleaned again
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry of a feed. `content` and `summary` are plain text, one paragraph a line."""

    feed: str  # name of the feed in feeds.toml
    feed_url: str
    guid: str
    url: str | None
    raw_url: str | None
    title: str
    summary: str = ""
    content: str = ""
    author: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    fingerprint: str = ""  # changes when title, text or dates of the entry change


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Bytes of one page as served. `url` is where the last redirect led."""

    raw_url: str
    url: str
    status: int
    content_type: str | None
    content: bytes
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDocument:
    """One document to be processed, wherever it came from (feed, file, JSONL, WARC).

    Exactly one of `text`, `html` is set, or neither when only `feed_content` is known.
    `html` is bytes as served, or already decoded text.
    """

    doc_id: str
    url: str | None = None
    text: str | None = None
    html: bytes | str | None = None
    content_type: str | None = None
    encoding: str | None = None
    title: str | None = None
    author: str | None = None
    outlet: str | None = None
    country: str | None = None
    tier: int | None = None
    lang_hint: str | None = None
    published_at: datetime | None = None
    fetched_at: datetime | None = None
    feed: str | None = None
    guid: str | None = None
    feed_content: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A cleaned document: blocks in their order, language, metadata, and how it ended."""

    doc: RawDocument
    title: str | None
    url: str | None
    canonical_url: str | None
    outlet: str | None
    author: str | None
    section: str | None
    published_at: datetime | None
    language: str
    blocks: tuple[Block, ...]
    provenance: tuple[str, ...] = ()
    status: Status = Status.OK
    method: str = ""  # which extractor yielded the text
    error: str | None = None
    published_offset_s: int | None = None  # offset from UTC that the page named, for display

    @property
    def body(self) -> str:
        """Body blocks joined by a newline: what matching, folding and search read."""
        return "\n".join(b.text for b in self.blocks if b.kind is BlockKind.BODY)
