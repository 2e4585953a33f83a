"""JSON-LD of a page: what schema.org says of the article, or nothing.

In: the parsed page. Out: a `StructuredArticle` of plain strings as the page gives them; nothing is
judged here. Broken JSON (raw newlines, trailing commas, CDATA, HTML comments) is read as far as it
can be; a block that stays unreadable is left out.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Node = Mapping[str, Any]

MAX_BLOCK_CHARS: Final = 1_000_000
"""JSON-LD blocks beyond this size are not read: the largest seen on 750 pages had 190,000."""

MAX_NODES: Final = 3_000
"""Objects looked at in one page, so that made-up nesting costs nothing."""

ARTICLE_TYPES: Final = (
    "newsarticle",
    "reportagenewsarticle",
    "analysisnewsarticle",
    "opinionnewsarticle",
    "backgroundnewsarticle",
    "reviewnewsarticle",
    "askpublicnewsarticle",
    "liveblogposting",
    "claimreview",
    "article",
    "blogposting",
    "techarticle",
    "scholarlyarticle",
    "advertisercontentarticle",
    "satiricalarticle",
    "report",
    "socialmediaposting",
    "discussionforumposting",
    "howto",
    "faqpage",
    "webpage",
)
"""Types that may describe the page's article, the most telling first."""

_COMMENT: Final = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>)\s*$"
)
_TRAILING_COMMA: Final = re.compile(r",\s*([}\]])")


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredArticle:
    """What JSON-LD says. Texts are as written, with HTML entities resolved."""

    types: tuple[str, ...] = ()
    headline: str | None = None
    authors: tuple[str, ...] = ()
    published: str | None = None
    modified: str | None = None
    body: str | None = None
    section: str | None = None
    publisher: str | None = None
    url: str | None = None
    free: bool | None = None
    language: str | None = None
    site_names: tuple[str, ...] = field(default=())


def read_json_ld(tree: Any) -> StructuredArticle:
    """Return what the page's JSON-LD says of its article; all fields empty when it has none."""
    nodes: list[Mapping[str, Any]] = []
    for script in tree.iter("script"):
        kind = (script.get("type") or "").strip().lower()
        if kind.startswith("application/ld+json") and script.text:
            nodes.extend(_objects(load_loose(script.text)))
    return _describe(nodes)


def load_loose(text: str) -> Any:
    """Parse JSON as pages write it; None when that is not possible."""
    if len(text) > MAX_BLOCK_CHARS:
        return None
    text = text.strip().rstrip(";")
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    text = _TRAILING_COMMA.sub(r"\1", _COMMENT.sub("", _COMMENT.sub("", text)).strip().rstrip(";"))
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _objects(root: Any) -> Iterator[Mapping[str, Any]]:
    """All objects below `root`, outer ones first; bounded."""
    queue, seen = [root], 0
    while queue and seen < MAX_NODES:
        value = queue.pop(0)
        seen += 1
        if isinstance(value, dict):
            yield value
            queue.extend(v for v in value.values() if isinstance(v, dict | list))
        elif isinstance(value, list):
            queue.extend(v for v in value if isinstance(v, dict | list))


_RANK: Final = {name: rank for rank, name in enumerate(ARTICLE_TYPES)}


def _types(node: Mapping[str, Any]) -> tuple[str, ...]:
    kind = node.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return tuple(str(k).rsplit("/", 1)[-1].lower() for k in kinds if isinstance(k, str))


def _describe(nodes: list[Mapping[str, Any]]) -> StructuredArticle:
    by_id = {str(n["@id"]): n for n in nodes if isinstance(n.get("@id"), str) and n.get("name")}
    ranked = []
    for place, node in enumerate(nodes):
        ranks = [_RANK[t] for t in _types(node) if t in _RANK]
        if ranks:
            ranked.append((min(ranks), place, node))
    if not ranked:
        return StructuredArticle(site_names=_site_names(nodes))
    ranked.sort(key=lambda item: item[:2])
    best = ranked[0][2]
    article = [n for rank, _, n in ranked if rank < ARTICLE_TYPES.index("webpage")] or [best]
    # Several articles on one page are a list of teasers unless they tell of the same one.
    same = [n for n in article if n is best or _text(n, "headline") == _text(best, "headline")]
    return StructuredArticle(
        types=_types(best),
        headline=_first(same, "headline", "name") or None,
        authors=_authors(same, by_id),
        published=_first(same, "datePublished", "dateCreated", "uploadDate"),
        modified=_first(same, "dateModified"),
        body=_first(same, "articleBody"),
        section=_section(same),
        publisher=_publisher(same, by_id),
        url=_first(same, "url"),
        free=_free(same),
        language=_first(same, "inLanguage"),
        site_names=_site_names(nodes),
    )


def _first(nodes: list[Mapping[str, Any]], *keys: str) -> str | None:
    for key in keys:
        for node in nodes:
            value = _text(node, key)
            if value:
                return value
    return None


def _text(node: Mapping[str, Any], key: str) -> str | None:
    value = node.get(key)
    if isinstance(value, list):
        value = next((v for v in value if isinstance(v, str)), None)
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name")
    if not isinstance(value, str):
        return None
    return html.unescape(value).strip() or None


def _authors(
    nodes: list[Mapping[str, Any]], by_id: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    for key in ("author", "creator"):
        for node in nodes:
            names = list(_names(node.get(key), by_id))
            if names:
                return tuple(dict.fromkeys(names))
    return ()


def _names(value: Any, by_id: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield html.unescape(item).strip()
        elif isinstance(item, dict):
            named = item if item.get("name") else by_id.get(str(item.get("@id")), {})
            name = named.get("name")
            for one in name if isinstance(name, list) else [name]:
                if isinstance(one, str) and one.strip():
                    yield html.unescape(one).strip()


def _publisher(
    nodes: list[Mapping[str, Any]], by_id: Mapping[str, Mapping[str, Any]]
) -> str | None:
    for node in nodes:
        name = next(_names(node.get("publisher"), by_id), None)
        if name:
            return name
    return None


def _section(nodes: list[Mapping[str, Any]]) -> str | None:
    return _first(nodes, "articleSection")


def _free(nodes: list[Mapping[str, Any]]) -> bool | None:
    for node in nodes:
        value = node.get("isAccessibleForFree")
        if value is not None:
            return str(value).strip().lower() in ("true", "1", "yes")
    return None


def _site_names(nodes: list[Mapping[str, Any]]) -> tuple[str, ...]:
    kinds = {"website", "organization", "newsmediaorganization", "webpage"} - {"webpage"}
    names = (_text(n, "name") for n in nodes if kinds & set(_types(n)))
    return tuple(dict.fromkeys(n for n in names if n))
