"""Who wrote a page, when, under which headline and address: each right, or None.

In: the parsed page, its JSON-LD, its address and the feed's title. Out: a `Metadata`. Sources in
order of trust: JSON-LD, OpenGraph and `article:` properties, named `<meta>`, microdata, `<time>`,
bylines in the markup, the address. Nothing is guessed from the running text: the cleaner finds
datelines there. Times without a zone are local time of the site's country where the address tells
one with a single zone, else UTC.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, Final

from lxml.etree import XPath

from extractors.datelines import parse_timestamp
from extractors.json_ld import StructuredArticle
from extractors.urls import host_of, pick_canonical, registrable_domain

EARLIEST: Final = datetime(1995, 1, 1, tzinfo=UTC)
"""News pages older than the web's newspapers are clock errors (1970, 0001)."""

FUTURE_SLACK: Final = timedelta(days=2)
"""A page may be dated ahead by its time zone and by embargo, hardly by more."""

HEADLINE_LEVELS: Final = 4
HEADLINE_ELEMENTS: Final = 60
"""How far from the headline a date may stand: levels up, elements behind it."""

MAX_TITLE_CHARS: Final = 300
MAX_AUTHOR_CHARS: Final = 80
"""Longest believable name; names of bodies ("The Editorial Board of ...") reach about 70."""

MAX_AUTHORS: Final = 8

# Hours east of UTC in countries with one zone and no summer time, by top-level domain.
_ZONE_OF_TLD: Final = {
    "kr": 9.0, "jp": 9.0, "cn": 8.0, "tw": 8.0, "hk": 8.0, "sg": 8.0, "my": 8.0, "ph": 8.0,
    "mo": 8.0, "th": 7.0, "vn": 7.0, "in": 5.5, "lk": 5.5, "bd": 6.0, "pk": 5.0, "ae": 4.0,
    "tr": 3.0, "sa": 3.0, "ke": 3.0, "qa": 3.0, "kw": 3.0, "za": 2.0, "ng": 1.0, "gh": 0.0,
}  # fmt: skip
_ZONE_OF_LANGUAGE: Final = {"ko": 9.0, "ja": 9.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a page says of itself. `published_at` keeps the offset that the page named."""

    title: str | None = None
    titles: tuple[str, ...] = ()  # every headline the page gives, cleaned: to spot repetitions
    author: str | None = None
    published_at: datetime | None = None
    canonical_url: str | None = None
    outlet: str | None = None
    section: str | None = None
    lang_hint: str | None = None
    free: bool | None = None
    page_type: str | None = None
    description: str | None = None


def read_metadata(
    tree: Any,
    structured: StructuredArticle,
    *,
    url: str | None = None,
    feed_title: str | None = None,
    now: datetime | None = None,
    search_date: bool = True,
) -> Metadata:
    """Return the page's metadata. `now` bounds dates (default: the current time).

    `search_date` allows a search of the page when its metadata name no date.
    """
    metas = _metas(tree)
    classes = cache(lambda: _Classes(tree))
    marked = cache(lambda: _MARKED(tree))
    outlet = _outlet(metas, structured)
    lang = _language(tree, metas, structured)
    names = [n for n in (outlet, *structured.site_names, structured.publisher) if n]
    title, titles = _title(tree, metas, structured, names, url, feed_title)
    return Metadata(
        title=title,
        titles=titles,
        author=_author(marked, classes, metas, structured, names),
        published_at=_published(
            tree,
            marked,
            classes,
            metas,
            structured,
            _zone(url, lang),
            now or datetime.now(UTC),
            url,
            search_date,
        ),
        canonical_url=_canonical(tree, metas, url),
        outlet=outlet,
        section=_section(metas, structured),
        lang_hint=lang,
        free=_free(metas, structured),
        page_type=_one(metas, "og:type"),
        description=_one(metas, "og:description", "description"),
    )


def _metas(tree: Any) -> dict[str, list[str]]:
    """Values of all `<meta>` by lower-case property, name or itemprop."""
    out: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
        content = meta.get("content")
        if not content or not content.strip():
            continue
        for attribute in ("property", "name", "itemprop"):
            key = meta.get(attribute)
            if key:
                out.setdefault(key.strip().lower(), []).append(_text(content))
    return out


def _one(metas: dict[str, list[str]], *keys: str) -> str | None:
    return next((metas[k][0] for k in keys if metas.get(k)), None)


def _text(value: str) -> str:
    if "&" in value and ";" in value:
        value = html.unescape(value)  # pages escape twice
    if value.isascii():
        return " ".join(value.split())
    text = " ".join(value.replace("\u00ad", "").replace("\u200b", "").split())
    return unicodedata.normalize("NFC", text)


_NO_WORD: Final = re.compile(r"[\W_]+")


@lru_cache(maxsize=1024)
def plain(text: str) -> str:
    """Letters and digits in lower case: how headlines and names are compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _NO_WORD.sub("", text.lower())


# ---------------------------------------------------------------- headline

_SEPARATOR: Final = re.compile(r"\s+[|｜ㅣ–—\-·•:»«›/]+\s+|\s*[|｜ㅣ]\s*|\s+::\s+")
_LABEL: Final = re.compile(
    r"^(?:opinion|news|blog|video|photos?|live|comment|editorial|analysis|articles?|"
    r"뉴스|사회|정치|경제|국제|ニュース|新闻|新聞)$",
    re.IGNORECASE,
)
_NOT_TITLE: Final = re.compile(
    r"^(?:home|index|untitled|news|article|404|403|error|not found|access denied|just a moment.*|"
    r"page not found.*|403 forbidden|404 not found|loading.*|뉴스|기사|ニュース|新闻|新聞)$",
    re.IGNORECASE,
)


def _title(
    tree: Any,
    metas: dict[str, list[str]],
    structured: StructuredArticle,
    names: Sequence[str],
    url: str | None,
    feed_title: str | None,
) -> tuple[str | None, tuple[str, ...]]:
    """Choose the headline: what a reader sees as such, checked against what the page declares."""
    site = {plain(n) for n in names} | ({plain(_domain_word(url))} if url else set())
    heads = [t for t in (_head_text(h) for h in _headings(tree)) if _is_title(t, site)]
    element = tree.find(".//title")
    page_title = _text(element.text_content()) if element is not None else ""
    declared = [
        _cut_site(t, site)
        for t in (
            feed_title,
            structured.headline,
            *metas.get("og:title", [])[:1],
            *metas.get("twitter:title", [])[:1],
            *metas.get("headline", [])[:1],
            *metas.get("title", [])[:1],
            *metas.get("dc.title", [])[:1],
            page_title,
        )
        if t
    ]
    declared = [t for t in declared if _is_title(t, site)]
    everything = tuple(dict.fromkeys([*heads, *declared]))
    return _choose_title(heads, declared, page_title), everything


def _choose_title(heads: list[str], declared: list[str], page_title: str) -> str | None:
    spelled = {plain(t): t for t in reversed(heads)}
    # 1. a heading that the page also declares
    for text in declared:
        if plain(text) in spelled:
            return spelled[plain(text)]
    # 2. a heading of which a declared title is a piece, or the other way round
    whole = plain(page_title)
    for text in heads:
        key = plain(text)
        if len(key) >= 12 and (key in whole or any(key in plain(d) for d in declared)):
            return text
    # 3. what most declarations agree on, the first of them otherwise
    if declared:
        counts = Counter(plain(t) for t in declared)
        best = max(counts, key=lambda k: counts[k])
        if counts[best] > 1:
            return next(t for t in declared if plain(t) == best)
        return declared[0]
    return heads[0] if heads else None


def _headings(tree: Any) -> Iterator[Any]:
    yield from islice(tree.iter("h1"), 5)


def _head_text(element: Any) -> str:
    return _text(" ".join(element.itertext()))


def _is_title(text: str, site: set[str]) -> bool:
    return (
        1 < len(text) <= MAX_TITLE_CHARS
        and any(c.isalpha() for c in text)
        and not _NOT_TITLE.match(text)
        and plain(text) not in site
    )


def _cut_site(title: str, site: set[str]) -> str:
    """Cut the outlet's name off a title: by its known names, else nothing is cut."""
    text = _text(title)
    for _ in range(3):
        pieces = list(_SEPARATOR.finditer(text))
        if not pieces:
            break
        last, first = pieces[-1], pieces[0]
        tail, head = plain(text[last.end() :]), plain(text[: first.start()])
        if not tail or _names_site(tail, site) or _LABEL.match(text[last.end() :].strip()):
            text = text[: last.start()]
        elif head and _names_site(head, site):
            text = text[first.end() :]
        else:
            break
    return text.strip()


def _names_site(piece: str, site: set[str]) -> bool:
    return any(
        (
            name
            and (piece == name or (len(name) > 3 and name in piece and len(piece) < 2 * len(name)))
        )
        or (len(piece) > 3 and piece in name)
        for name in site
    )


def _domain_word(url: str) -> str:
    """The name in the address: `example` of www.example.co.kr."""
    return registrable_domain(host_of(url)).split(".")[0]


# ---------------------------------------------------------------- authors

_BY: Final = re.compile(
    r"^(?:by|von|par|por|di|af|door|written by|words by|story by|reported by|posted by|texte? by|"
    r"autor(?:en)?|authors?|quelle|source|글|文|取材|記者|记者|撰文|作者)(?:\s*[:：]\s*|\s+)",
    re.IGNORECASE,
)
_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s+\d{1,2}\b|"
    r"\d{1,2}\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b"
)
_AUTHOR_TAIL: Final = re.compile(
    r"\s*(?:[|｜/<(（\[【].*|\S+@\S+.*|"
    r",?\s+(?:updated|published|posted|more (?:about|by|from))\b.*|"
    r"[\s,–—-]+(?:" + _MONTH + r"|\d{4}[-./]\d|\d+ (?:min|hour|day|week|month)).*|"
    r"\s+(?:특파원|선임기자|수습기자|인턴기자|객원기자|논설위원|기자|記者|记者)\s*$)",
    re.IGNORECASE | re.DOTALL,
)
_NO_AUTHOR: Final = re.compile(
    r"^(?:admin(?:istrator)?|editor(?:ial)?|webmaster|root|user\d*|null|none|undefined|unknown|"
    r"anonymous|n/?a|author|by|staff|guest|default|test|news|redaktion|unserer redaktion|"
    r"(?:more )?(?:about|from|by)\b.*|share|follow|sponsored.*|updated?|written|read more|"
    r"기자|記者|记者|편집부|\d+|.*(?:://|\.(?:com|org|net|php|html)\b|www\.).*|"
    r".*[{}<>].*|\[object object\]|@\w+|(?:" + _MONTH + r").*)$",
    re.IGNORECASE,
)
_AUTHOR_SPLIT: Final = re.compile(
    r"\s*(?:[;；、·/\n]|\s&\s|,(?!\s*(?:[A-Z]\.?){2,6}(?:$|[\s,])|\s*(?:Jr|Sr|Ph\.?D|Esq))|"
    r"\s(?:and|und|et|y|e)\s)\s*"
)
_AUTHOR_KEYS: Final = (
    "author",
    "article:author",
    "og:author",
    "og:article:author",
    "dable:author",
    "byl",
    "parsely-author",
    "sailthru.author",
    "dc.creator",
    "dc:creator",
    "dcterms.creator",
    "citation_author",
    "cxenseparse:author",
    "article:author_name",
    "twitter:data1",
)
_LIST: Final = re.compile(r"[;；、]|\s(?:and|und|&|et)\s")
_BYLINE_HINT: Final = re.compile("by-?line|author|writer|reporter|journal|contrib|autor|auteur")
_BYLINE: Final = re.compile(
    r"(?<![^\s_-])(?:by-?line|author(?:s|-?name)?|writer|reporter|journalist|contributor|autor|"
    r"auteur|article-?author|post-?author|entry-?author)(?![^\s_-])",
    re.IGNORECASE,
)


def _author(
    marked: Callable[[], list[Any]],
    classes: Callable[[], _Classes],
    metas: dict[str, list[str]],
    structured: StructuredArticle,
    site_names: Sequence[str],
) -> str | None:
    site = {plain(n) for n in site_names}
    whole = [v for v in structured.authors if len(v.split()) <= 6 and not _LIST.search(v)]
    groups: list[Iterable[str]] = [structured.authors]
    if structured.authors and len(whole) == len(structured.authors):
        names = [n for n in map(_name, whole) if n and plain(n) not in site]
        if names:
            return ", ".join(dict.fromkeys(names[:MAX_AUTHORS]))
    says_by = "written by" in (_one(metas, "twitter:label1") or "").lower()
    for key in _AUTHOR_KEYS:
        if key == "twitter:data1" and not says_by:
            continue
        groups.append(metas.get(key, []))
    fallback: str | None = None
    for group in groups:
        people = _people(group)
        own = [p for p in people if plain(p) not in site]
        if own:
            return ", ".join(own)
        if people and fallback is None:
            fallback = ", ".join(people)
    return _marked_author(marked, classes, site) or fallback


def _people(values: Iterable[str]) -> list[str]:
    out: dict[str, str] = {}
    for value in list(values)[:MAX_AUTHORS]:
        if "://" in value or value.startswith("www."):
            continue
        for piece in _AUTHOR_SPLIT.split(value[:400]):
            name = _name(piece)
            if name:
                out.setdefault(plain(name), name)
    return list(out.values())[:MAX_AUTHORS]


def _name(text: str) -> str | None:
    """One author's name, or None when the text cannot be one."""
    if "://" in text:
        return None
    text = _text(text).strip(" ,;:|-–—·")
    text = _BY.sub("", text)
    text = _AUTHOR_TAIL.sub("", f" {text}").strip(" ,;:|-–—·")
    if not 1 < len(text) <= MAX_AUTHOR_CHARS or _NO_AUTHOR.match(text):
        return None
    letters = sum(1 for c in text if c.isalpha())
    if letters < 2 or letters < 0.6 * len(text) or len(text.split()) > 8:
        return None
    return text


def _marked_author(
    marked: Callable[[], list[Any]], classes: Callable[[], _Classes], site: set[str]
) -> str | None:
    """Names that the markup marks: rel=author, itemprop=author, byline classes."""
    found: dict[str, str] = {}
    authors = (
        element
        for element in marked()
        if "author" in (element.get("rel") or "") or "author" in (element.get("itemprop") or "")
    )
    for element in islice(authors, MAX_MARKED):
        text = _short_text(element)
        name = _name(text) if text else None
        if name and plain(name) not in site:
            found.setdefault(plain(name), name)
    if found and len(found) <= 4:
        return ", ".join(found.values())
    for element, _ in islice(classes().find(_BYLINE, _BYLINE_HINT), MAX_MARKED):
        text = _short_text(element)
        people = _people([text]) if text else []
        people = [p for p in people if plain(p) not in site and len(p.split()) <= 5]
        if people and len(people) <= 3:
            return ", ".join(people)
    return None


_STRING: Final = XPath("string()", smart_strings=False)
MAX_MARKED: Final = 200
_MARKED: Final = XPath("descendant::*/@itemprop/.. | descendant::*/@rel/..")


class _Classes:
    """Class and id of all elements: each spelling is searched once, however often it stands."""

    def __init__(self, tree: Any) -> None:
        self._elements: list[tuple[Any, str]] = []
        for element in tree.iterdescendants():
            name, ident = element.get("class"), element.get("id")
            if name is None and ident is None:
                continue
            word = f"{name or ''} {ident or ''}"[:200]
            self._elements.append((element, word.replace("\n", " ") if "\n" in word else word))
        self._words = set(map(itemgetter(1), self._elements))

    def find(self, pattern: re.Pattern[str], hint: re.Pattern[str]) -> Iterator[tuple[Any, str]]:
        """Elements whose class or id matches, in page order, with those words.

        `hint` finds something in the small letters of whatever `pattern` matches, and is faster.
        """
        words = {w for w in self._words if hint.search(w.lower()) and pattern.search(w)}
        return (pair for pair in self._elements if pair[1] in words)


def _short_text(element: Any) -> str | None:
    if len(_STRING(element)) > 300:
        return None
    return _text(" ".join(element.itertext()))


# ---------------------------------------------------------------- dates

_ISO: Final = re.compile(
    r"(?P<y>(?:19|20)\d\d)-(?P<m>\d{1,2})-(?P<d>\d{1,2})"
    r"(?:[T\s]+(?P<h>\d{1,2}):(?P<min>\d{2})(?::(?P<s>\d{2})(?:[.,]\d+)?)?\s*"
    r"(?P<zone>Z|[+-]\d{1,2}:?\d{2}|[+-]\d{2})?)?",
    re.IGNORECASE,
)
_COMPACT: Final = re.compile(
    r"^(?P<y>20\d\d)(?P<m>\d\d)(?P<d>\d\d)(?:T?(?P<h>\d\d)(?P<min>\d\d)(?P<s>\d\d)?)?$"
)
_EPOCH: Final = re.compile(r"^1\d{9}(?:\d{3})?$")
_URL_DATE: Final = re.compile(
    r"/(20[012]\d)[/-]?(0[1-9]|1[0-2])[/-]?(0[1-9]|[12]\d|3[01])(?=[/_.-]|\d{3,}|$)"
)
_DATE_KEYS: Final = (
    "article:published_time",
    "og:article:published_time",
    "og:published_time",
    "article:published",
    "datepublished",
    "date_published",
    "published_time",
    "publishdate",
    "publish-date",
    "publish_date",
    "publication_date",
    "pubdate",
    "article_date_original",
    "article.published",
    "sailthru.date",
    "parsely-pub-date",
    "cxenseparse:recs:publishtime",
    "dc.date.issued",
    "dc.date.created",
    "dcterms.created",
    "dcterms.date",
    "dcterms.issued",
    "dc.date",
    "citation_publication_date",
    "article:create",
    "ptime",
    "originalpublicationdate",
    "og:regdate",
    "regdate",
    "datecreated",
    "creation_date",
    "rnews:datepublished",
    "date",
)
_DATE_MARK: Final = re.compile(
    r"publish|pubdate|posted|entry-date|post-date|article-?date|date-?time|datetime|dateline|"
    r"timestamp|regist|write-?date|input-?date|byline|created|(?<![^\s_-])date(?![^\s_-])",
    re.IGNORECASE,
)
_DATE_HINT: Final = re.compile("date|publish|posted|timestamp|regist|byline|created")
_DATE_KEY: Final = re.compile(
    r"(?:^|[^a-z])(?:publish(?:ed|ing)?|publication|pub|issue[d]?|post(?:ed)?|create[d]?|"
    r"regist(?:er|ered)?|release)(?:$|[^a-z]?(?:date|time|at|on)(?:$|[^a-z]))"
)
_DATE_VALUE: Final = re.compile(
    r"\\?\"(?:date_?published|published_?(?:at|on|date|time)?|publish_?(?:date|time|at)|"
    r"publication_?date|first_?published?_?(?:at|date)|pub_?date|deploy_?(?:date|dt)|"
    r"reg_?(?:date|dt))"
    r"\\?\"\s*:\s*\\?\"([^\"\\]{8,40})",
    re.IGNORECASE,
)
_SCRIPT_TEXTS: Final = XPath("descendant::script[not(@src)]/text()", smart_strings=False)
_NOT_PUBLISHED: Final = re.compile(
    r"modif|updat|수정|更新|related|comment|sidebar|footer|expire", re.IGNORECASE
)


def _published(
    tree: Any,
    marked: Callable[[], list[Any]],
    classes: Callable[[], _Classes],
    metas: dict[str, list[str]],
    structured: StructuredArticle,
    zone: tzinfo,
    now: datetime,
    url: str | None,
    search: bool,
) -> datetime | None:
    def moments() -> Iterator[datetime | None]:
        yield parse_moment(structured.published, zone)
        for key in _DATE_KEYS:
            for value in metas.get(key, [])[:1]:
                yield parse_moment(value, zone)
        yield from _named_dates(metas, zone)
        yield from _marked_dates(tree, marked, classes, zone)
        yield _url_date(url, zone)
        yield parse_moment(structured.modified, zone)
        if search:
            yield _date_by_headline(tree, zone)
            yield _date_in_scripts(tree, zone)

    for moment in moments():
        if moment is not None and EARLIEST <= moment <= now + FUTURE_SLACK:
            return moment
    return None


def _named_dates(metas: dict[str, list[str]], zone: tzinfo) -> Iterator[datetime | None]:
    """Dates in `<meta>` under names that no list foresees (`w-published-date`)."""
    for key, values in metas.items():
        if _DATE_KEY.search(key) and not _NOT_PUBLISHED.search(key):
            yield parse_moment(values[0], zone)


def _date_in_scripts(tree: Any, zone: tzinfo) -> datetime | None:
    """The publication date in the page's data, when all that say one agree on the day."""
    found: dict[object, datetime] = {}
    for text in _SCRIPT_TEXTS(tree):
        for match in islice(_DATE_VALUE.finditer(text), 20):
            moment = parse_moment(match[1], zone)
            if moment is not None:
                found.setdefault(moment.date(), moment)
    return next(iter(found.values())) if len(found) == 1 else None


def parse_moment(text: str | None, zone: tzinfo = UTC) -> datetime | None:
    """Read a time as metadata gives it; `zone` holds where it names none. Keeps the offset."""
    if not text:
        return None
    text = text.strip()[:120]
    if _EPOCH.match(text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    found = _ISO.search(text) or _COMPACT.match(text)
    if found:
        parts = found.groupdict()
        try:
            return datetime(
                int(parts["y"]),
                int(parts["m"]),
                int(parts["d"]),
                int(parts["h"] or 0),
                int(parts["min"] or 0),
                int(parts["s"] or 0),
                tzinfo=_offset(parts.get("zone")) or zone,
            )
        except ValueError:
            return None
    stamp = parse_timestamp(text, zone)
    return stamp[0].astimezone(zone) if stamp else None


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text in "Zz":
        return UTC
    digits = (
        text[1:].replace(":", "").ljust(4, "0") if len(text) <= 3 else text[1:].replace(":", "")
    )
    minutes = int(digits[:-2]) * 60 + int(digits[-2:])
    if minutes > 14 * 60:
        return None
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _marked_dates(
    tree: Any, marked: Callable[[], list[Any]], classes: Callable[[], _Classes], zone: tzinfo
) -> Iterator[datetime | None]:
    """Dates that the markup marks: itemprop, `<time>`, then date classes near the headline."""
    late: list[str] = []
    for element in tree.iter("time"):
        value = element.get("datetime") or _short_text(element) or ""
        words = f"{element.get('class') or ''} {element.get('itemprop') or ''}"
        if "datepublished" in words.lower() or element.get("pubdate") is not None:
            yield parse_moment(value, zone)
        elif not _NOT_PUBLISHED.search(words) and len(late) < 10:
            late.append(value)
    for element in marked():
        if element.get("itemprop") == "datePublished" and element.tag != "time":
            yield parse_moment(
                element.get("datetime") or element.get("content") or _short_text(element), zone
            )
    for value in late:
        yield parse_moment(value, zone)
    tried = 0
    for element, words in islice(classes().find(_DATE_MARK, _DATE_HINT), MAX_MARKED):
        if element.tag in ("script", "body", "html", "time") or _NOT_PUBLISHED.search(words):
            continue
        text = _short_text(element)
        if text and any(map(str.isdigit, text)):
            yield parse_moment(text, zone)
            tried += 1
            if tried == 6:
                return


def _date_by_headline(tree: Any, zone: tzinfo) -> datetime | None:
    """The first date in a short text around the headline: right on 7 of the 7 pages it decided."""
    for headline in islice(tree.iter("h1"), 3):
        top = headline
        for _ in range(HEADLINE_LEVELS):
            above = top.getparent()
            if above is None or above.tag in ("body", "html"):
                break
            top = above
        behind = 0
        for element in top.iter():
            if not isinstance(element.tag, str) or element.tag in _NO_DATES:
                continue
            if _NOT_PUBLISHED.search(f"{element.get('class') or ''} {element.text or ''}"[:200]):
                continue
            for text in (element.text, element.tail):
                if text and 6 <= len(text) <= 200 and any(map(str.isdigit, text)):
                    text = text.strip()
                    stamp = parse_timestamp(text, zone) if len(text) <= 80 else None
                    if stamp:
                        return stamp[0].astimezone(zone)
            behind += behind > 0 or element is headline
            if behind > HEADLINE_ELEMENTS:
                break
    return None


_NO_DATES: Final = frozenset(["script", "style", "svg", "path", "use", "img", "source", "picture"])


def _url_date(url: str | None, zone: tzinfo) -> datetime | None:
    found = _URL_DATE.search(url or "")
    if not found:
        return None
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=zone)
    except ValueError:
        return None


def _zone(url: str | None, lang: str | None) -> tzinfo:
    """The zone of times that name none."""
    tld = host_of(url).rsplit(".", 1)[-1] if url else ""
    hours = _ZONE_OF_TLD.get(tld)
    if hours is None:
        hours = _ZONE_OF_LANGUAGE.get((lang or "").split("-")[0].lower(), 0.0)
    return timezone(timedelta(hours=hours)) if hours else UTC


# ---------------------------------------------------------------- the rest


def _outlet(metas: dict[str, list[str]], structured: StructuredArticle) -> str | None:
    for name in (
        _one(metas, "og:site_name"),
        structured.publisher,
        _one(metas, "application-name", "apple-mobile-web-app-title", "dc.publisher"),
        next(iter(structured.site_names), None),
    ):
        if name and 1 < len(name) <= 80 and not name.startswith(("http", "@", "{")):
            return _text(name)
    return None


def _section(metas: dict[str, list[str]], structured: StructuredArticle) -> str | None:
    for value in (
        structured.section,
        _one(metas, "article:section", "og:article:section", "section", "cxenseparse:section"),
    ):
        if value and 1 < len(value) <= 60 and not value.startswith(("http", "{")):
            return _text(value)
    return None


def _language(tree: Any, metas: dict[str, list[str]], structured: StructuredArticle) -> str | None:
    """The declared language; a hint only, as templates often keep a wrong one."""
    for value in (
        tree.get("lang"),
        tree.get("xml:lang"),
        _one(metas, "og:locale"),
        structured.language,
    ):
        if value and re.match(r"^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*$", value.strip()):
            return str(value).strip().replace("_", "-")
    return None


def _canonical(tree: Any, metas: dict[str, list[str]], url: str | None) -> str | None:
    rel, amp = None, None
    for link in tree.iter("link"):
        words = (link.get("rel") or "").lower().split()
        if "canonical" in words:
            rel = rel or link.get("href")
        elif "amphtml" in words:
            amp = amp or link.get("href")
    if url is None:
        return pick_canonical(rel, rel) if rel and rel.startswith(("http://", "https://")) else None
    return pick_canonical(url, rel or _one(metas, "og:url"), amp)


def _free(metas: dict[str, list[str]], structured: StructuredArticle) -> bool | None:
    tier = (_one(metas, "article:content_tier") or "").lower()
    if tier in ("locked", "metered", "free"):
        return tier == "free" if tier != "metered" else structured.free
    return structured.free
