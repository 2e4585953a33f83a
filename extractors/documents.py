"""One document in, one article out: the pure middle of the pipeline, and its JSON form.

In: a `RawDocument` (bytes of a page, or text), or a JSON object of design.md §3. Out: an `Article`
with cleaned blocks, or the JSON object of design.md §3. Decoding, extraction and cleaning are the
work of their own modules; this one puts them in order. The only I/O is reading the file that a
JSON object's `html_path` names.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from extractors.decode import clean_text, decode_raw
from extractors.errors import ParseError
from extractors.models import Article, BlockKind, Line, RawDocument, Status
from extractors.urls import canonicalise, host_of

if TYPE_CHECKING:
    from extractors.articles import Extraction
    from extractors.boilerplate import Cleaned
    from extractors.rules import RuleSet
    from extractors.site_memory import HostMemory

    Memory = HostMemory | Mapping[str, HostMemory] | None

MAX_FILE_BYTES: Final = 20_000_000
"""A page file is read up to here (compressed ones: their content). The parser takes 5 million
characters of it; the rest is for encodings with several bytes a character."""

MAX_TEXT_CHARS: Final = 5_000_000
MAX_TITLE_CHARS: Final = 200
"""A longer first line of a text file is no headline."""

DATE_AGREEMENT: Final = timedelta(hours=36)
"""Feed and page that differ by less mean the same publication: the feed's time is the finer."""

_KEYS_WORDS: Final = """
    id text html html_path encoding content_type url title source lang published country
"""
_KEYS: Final = frozenset(_KEYS_WORDS.split())
_SENTENCE_END: Final = re.compile(r"[.!?。！？…][\"'”’」』）)\]]{0,2}$")
_TEXT_TYPES: Final = re.compile(r"^\s*text/plain\b", re.IGNORECASE)
_HAS_TAG: Final = re.compile(
    r"<(?:!doctype|html|head|body|div|p|a|span|meta|br|h\d|table|article)\b", re.I
)
_OTHER_MARKUP: Final = re.compile(
    r"^\s*(?:<\?xml[^>]*>\s*)?<(?:rss|feed|rdf:RDF|urlset|sitemapindex|svg)\b", re.I
)


def process_document(
    doc: RawDocument,
    *,
    memory: Memory = None,
    rules: RuleSet | None = None,
    now: datetime | None = None,
) -> Article:
    """Turn a document into an article. Pure; every document gives one, with its `status`.

    `memory` is what the host's other articles taught, or a mapping from host to it. `now` bounds
    the dates that are believed (default: the current time).
    """
    url = canonicalise(doc.url) if doc.url else None
    if doc.text is not None:
        return _from_text(doc, url, memory, rules)
    from extractors.articles import Extraction, extract_page

    content = doc.html if doc.html is not None else b""
    if isinstance(content, bytes):
        from extractors.sanity import find_binary

        binary = find_binary(content, doc.content_type)
        if binary is not None:
            found = Extraction(
                title=doc.title,
                status=Status.NOT_HTML,
                reason=f"this is {binary}, not HTML",
                method="none",
            )
            return _finish(doc, url, _feed_instead(found, doc), memory, rules)
        html, _ = decode_raw(content, doc.content_type, doc.encoding)
        if "\x00" in html:
            html = html.replace("\x00", "")
    else:
        html = clean_text(content)
    if _is_plain_text(html, doc.content_type):
        return _from_text(doc, url, memory, rules, text=html)
    if _OTHER_MARKUP.match(html[:2000]):
        found = Extraction(
            title=doc.title, status=Status.NOT_HTML, reason="this is XML, not HTML", method="none"
        )
        return _finish(doc, url, _feed_instead(found, doc), memory, rules)
    found = extract_page(
        html,
        url=url,
        feed_title=doc.title,
        feed_content=doc.feed_content,
        now=now,
        search_date=doc.published_at is None,
    )
    return _finish(doc, url, found, memory, rules)


def _is_plain_text(html: str, content_type: str | None) -> bool:
    if content_type and _TEXT_TYPES.match(content_type):
        return not _HAS_TAG.search(html[:20_000])
    return bool(html.strip()) and not html.lstrip().startswith("<") and "<" not in html[:200_000]


def _feed_instead(found: Extraction, doc: RawDocument) -> Extraction:
    from extractors.articles import use_feed_content

    return use_feed_content(found, doc.feed_content)


# ---------------------------------------------------------------- text and pages


def _from_text(
    doc: RawDocument,
    url: str | None,
    memory: Memory,
    rules: RuleSet | None,
    text: str | None = None,
) -> Article:
    """A text: its non-empty lines in their order."""
    from extractors.articles import Extraction

    text = clean_text((doc.text or "") if text is None else text)[:MAX_TEXT_CHARS]
    lines = tuple(Line(text=line) for line in text.splitlines() if line.strip())
    # A headline without a text (a ticker, a feed of titles) is read as what it is.
    status, reason = Status.OK, ""
    if not lines and not (doc.title or "").strip():
        status, reason = Status.EMPTY, "no text"
    elif lines and doc.text is None:  # served as a page: it may be anything
        from extractors.sanity import judge_text

        status, reason = judge_text(lines)
    method = "text" if lines else "headline"
    found = Extraction(lines=lines, status=status, reason=reason, method=method)
    return _finish(doc, url, found, memory, rules)


def _finish(
    doc: RawDocument,
    url: str | None,
    found: Extraction,
    memory: Memory,
    rules: RuleSet | None,
) -> Article:
    """Clean the lines and put together what page, feed and text say."""
    from extractors.boilerplate import clean_lines

    host = host_of(url) if url else None
    cleaned = clean_lines(
        found.lines,
        title=_headline_in(found) or doc.title or found.title,
        lang_hint=doc.lang_hint or found.lang_hint,
        host=host,
        memory=_memory_of(memory, host),
        rules=rules,
    )
    title = found.title or doc.title or cleaned.title
    status, error = found.status, found.reason or None
    if found.method == "text" and title is None:
        title = _first_line_title(cleaned)
    if status is Status.OK and found.lines and not cleaned.body:
        status, error = Status.JUNK, "every line is boilerplate"
    published, offset = _published(doc, found, cleaned)
    language = cleaned.language
    if language == "und" and title:
        from extractors.language import tag_language

        language = tag_language(title, doc.lang_hint or found.lang_hint).lang
    return Article(
        doc=doc,
        title=title,
        url=url,
        canonical_url=found.canonical_url or url,
        outlet=doc.outlet or found.outlet,
        author=found.author or doc.author or cleaned.author,
        section=found.section,
        published_at=published,
        language=language,
        blocks=cleaned.blocks,
        provenance=tuple(dict.fromkeys((*cleaned.provenance, *found.provenance))),
        status=status,
        method=found.method,
        error=error if status not in (Status.OK, Status.FEED_CONTENT) else None,
        published_offset_s=offset,
    )


def _memory_of(memory: Memory, host: str | None) -> HostMemory | None:
    if isinstance(memory, Mapping):
        return memory.get(host or "")
    return memory


def _headline_in(found: Extraction) -> str | None:
    """The spelling of the headline that the first lines repeat, if any of them does."""
    from extractors.metadata import plain

    spelled = {plain(t): t for t in found.titles}
    for line in found.lines[:4]:
        known = spelled.get(plain(line.text)) if len(line.text) <= 300 else None
        if known:
            return known
    return None


def _first_line_title(cleaned: Cleaned) -> str | None:
    """The first line of a text when it stands there as a headline: short, and no sentence."""
    if len(cleaned.blocks) < 2:
        return None
    first = cleaned.blocks[0]
    text = first.text.strip()
    if first.kind is not BlockKind.BODY or not 8 <= len(text) <= MAX_TITLE_CHARS:
        return None
    rest = max((len(b.text) for b in cleaned.blocks[1:4]), default=0)
    if _SENTENCE_END.search(text) or rest < len(text):
        return None
    return text


def _published(
    doc: RawDocument, found: Extraction, cleaned: Cleaned
) -> tuple[datetime | None, int | None]:
    """Publication time in UTC and the offset that its source named."""
    moment = doc.published_at
    if found.published_at is not None and (
        moment is None or abs(found.published_at - moment) > DATE_AGREEMENT
    ):
        # A feed that stamps old items anew is later than the page, a page re-dated is later too.
        moment = found.published_at if moment is None else min(found.published_at, moment)
    moment = moment or cleaned.published
    if moment is None:
        return None, None
    offset = moment.utcoffset() or timedelta(0)
    return moment.astimezone(UTC), int(offset.total_seconds()) or None


# ---------------------------------------------------------------- JSON


def article_to_json(article: Article, hits: Sequence[Any] = ()) -> dict[str, Any]:
    """Return the object of design.md §3 "Out", and `status`, `canonical_url`, `outlet`, `section`.

    `hits` are the `TopicHit`s of the article.
    """
    return {
        "id": article.doc.doc_id,
        "title": article.title,
        "text": article.body,
        "language": article.language,
        "published": _published_text(article),
        "author": article.author,
        "provenance": list(article.provenance),
        "blocks": [
            {
                "text": b.text,
                "kind": b.kind.value,
                "reason": b.reason,
                "lang": b.lang,
                "rule": b.rule,
            }
            for b in article.blocks
        ],
        "topics": [
            {"id": h.topic, "level": h.level, "score": h.score, "why": dict(h.why)} for h in hits
        ],
        "error": article.error,
        "status": article.status.value,
        "url": article.url,
        "canonical_url": article.canonical_url,
        "outlet": article.outlet,
        "section": article.section,
    }


def _published_text(article: Article) -> str | None:
    if article.published_at is None:
        return None
    offset = timedelta(seconds=article.published_offset_s or 0)
    return article.published_at.astimezone(timezone(offset) if offset else UTC).isoformat()


def failed_article(doc: RawDocument, status: Status, error: str) -> Article:
    """The article of a document that could not be processed; `error` is a sentence."""
    return Article(
        doc=doc,
        title=doc.title,
        url=canonicalise(doc.url) if doc.url else None,
        canonical_url=None,
        outlet=doc.outlet,
        author=doc.author,
        section=None,
        published_at=doc.published_at,
        language="und",
        blocks=(),
        status=status,
        method="none",
        error=error,
    )


def document_from_json(obj: Any, base_dir: Path) -> RawDocument:
    """Return the document that a JSON object of design.md §3 "In" describes.

    `html_path` is read relative to `base_dir`; `.gz` files are unpacked.

    Raises:
        ParseError: what is wrong with the object, in one sentence.
    """
    if not isinstance(obj, dict):
        raise ParseError(f"a document must be a JSON object, not {_kind(obj)}")
    doc_id = obj.get("id")
    if isinstance(doc_id, int) and not isinstance(doc_id, bool):
        doc_id = str(doc_id)
    if not isinstance(doc_id, str) or not doc_id:
        raise ParseError("the key `id` is missing or not a string")
    given = [k for k in ("text", "html", "html_path") if obj.get(k) is not None]
    if len(given) != 1:
        found = "none of them" if not given else " and ".join(given)
        raise ParseError(f"exactly one of `text`, `html`, `html_path` is needed, found {found}")
    for key in _KEYS - {"id"}:
        if obj.get(key) is not None and not isinstance(obj[key], str):
            raise ParseError(f"the key `{key}` must be a string, not {_kind(obj[key])}")
    html: bytes | str | None = obj.get("html")
    if "html_path" in given:
        html = _read_page(base_dir / obj["html_path"])
    return RawDocument(
        doc_id=doc_id,
        url=obj.get("url") or None,
        text=obj.get("text"),
        html=html,
        content_type=obj.get("content_type"),
        encoding=obj.get("encoding"),
        title=_short(obj.get("title")),
        outlet=_short(obj.get("source")),
        country=_short(obj.get("country")),
        lang_hint=_short(obj.get("lang")),
        published_at=_moment(obj.get("published")),
        metadata={k: v for k, v in obj.items() if k not in _KEYS},
    )


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return names.get(type(value), "null" if value is None else "a number")


def _short(value: str | None) -> str | None:
    text = " ".join(clean_text(value).split()) if value else ""
    return text or None


def _moment(value: str | None) -> datetime | None:
    from extractors.metadata import parse_moment

    if not value:
        return None
    moment = parse_moment(value)
    if moment is None:
        raise ParseError(f"the key `published` is not an ISO 8601 time: {value[:60]!r}")
    return moment


def _read_page(path: Path) -> bytes:
    """Bytes of a page file, unpacked when it is gzip; at most `MAX_FILE_BYTES`."""
    try:
        if path.exists() and not path.is_file():  # a named pipe would be waited for, for ever
            raise ParseError(f"the file of `html_path` is not an ordinary file: {path.name}")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ParseError(
            f"the file of `html_path` cannot be read: {path.name}: {reason}"
        ) from error
    except ValueError as error:
        raise ParseError(f"`html_path` is not a file name: {error}") from error
    if path.suffix.lower() == ".gz" or content.startswith(b"\x1f\x8b\x08"):
        return gunzip(content, path.name)
    return content


def gunzip(content: bytes, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
    """Unpack gzip data, at most `limit` bytes of it.

    Raises:
        ParseError: the data is not gzip or is broken from the start.
    """
    out = bytearray()
    rest = content
    while rest and len(out) < limit:
        unpacker = zlib.decompressobj(31)
        try:
            out += unpacker.decompress(rest, limit - len(out))
        except zlib.error as error:
            if out:
                break  # a cut file still holds most of its page
            raise ParseError(f"{name} is not readable gzip data: {error}") from error
        if not unpacker.eof:
            break
        rest = unpacker.unused_data.lstrip(b"\0")
    return bytes(out)
