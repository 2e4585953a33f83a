"""The demo's news site as data: outlets and articles, read from `seeds/site/`.

In: `outlets.toml` and `articles/<outlet>.toml`. Out: immutable records, the text already cut into
marked lines and the dates filled in. Nothing is rendered or served here (`demo_render`,
`demo_site`).

An article's text is one line a paragraph (blank lines are for the eye). A line may begin with a
mark:

    ## words                a sub-heading of the body
    !category: words        boilerplate inside the article element (`!category#:` as a heading)
    ?category: words        text that is neither: a foreign tail that nothing announces

Dates are written as `{{…}}` and filled in from the time of publication (`fill_dates`), so that the
bundled site is always today's news.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import seeds

Kind = Literal["article", "paywall", "cookie_wall", "challenge"]
_MARK = re.compile(r"^(?P<sign>[!?])(?P<category>[a-z-]+)(?P<heading>#?): (?P<text>.*)$", re.DOTALL)
_PLACE = re.compile(r"\{\{([a-z]+)([+-]\d+)?\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """One line of an article element. `category` is "" for body text."""

    text: str
    category: str = ""
    heading: bool = False
    quarantine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """One outlet: where it is served, in which charset, with which feed and furniture."""

    id: str
    name: str
    host: int  # last number of its loopback address
    lang: str
    country: str
    tier: int
    feed_path: str
    feed_format: Literal["rss2", "rss1", "atom"]
    url: str  # path of an article: {slug} {n} {y} {m} {d}
    utc_offset_h: int = 0
    fetch: Literal["page", "feed"] = "page"
    charset: str = "utf-8"  # Python codec of the page's bytes
    content_type: str = "text/html; charset=utf-8"  # header as sent, true or not
    feed_charset: str = "utf-8"
    feed_title: str = ""
    feed_link_query: str = ""  # tracking parameters glued to the feed's links
    feed_link_relative: bool = False
    feed_guid: bool = True
    feed_full_text: bool = False
    feed_redirect_from: str = ""
    feed_slow: bool = False
    conditional: bool = False  # the feed sends ETag and Last-Modified, and answers 304
    gzip: bool = False
    pages_forbidden: bool = False  # every page answers 403: the text is in the feed only
    head: tuple[str, ...] = ()  # marked lines before each article's text
    tail: tuple[str, ...] = ()  # marked lines after it


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteArticle:
    """One page of an outlet, as one state of the site shows it."""

    id: str
    outlet: str
    n: int
    slug: str
    title: str
    summary: str
    byline: str
    section: str
    published_at: datetime
    updated_at: datetime
    lines: tuple[Marked, ...]
    kind: Kind
    path: str
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All outlets by id, and the raw article tables by outlet."""

    outlets: Mapping[str, Outlet]
    tables: Mapping[str, tuple[Mapping[str, Any], ...]]
    extra_feeds: tuple[Mapping[str, Any], ...] = field(default=())


def load_site(folder: Path | None = None) -> Site:
    """Return the bundled site, or the one in `folder` (same layout as `seeds/site/`)."""
    root = folder if folder is not None else seeds.path("site")
    listing = tomllib.loads((root / "outlets.toml").read_text(encoding="utf-8"))
    outlets: dict[str, Outlet] = {}
    tables: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for row in listing["outlet"]:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        outlet = Outlet(**values)
        outlets[outlet.id] = outlet
        text = (root / "articles" / f"{outlet.id}.toml").read_text(encoding="utf-8")
        tables[outlet.id] = tuple(tomllib.loads(text)["article"])
    return Site(outlets=outlets, tables=tables, extra_feeds=tuple(listing.get("extra_feed", ())))


def load_expected(folder: Path | None = None) -> dict[str, Any]:
    """Return what a correct pipeline makes of the site (`EXPECTED.toml`)."""
    root = folder if folder is not None else seeds.path("site")
    return tomllib.loads((root / "EXPECTED.toml").read_text(encoding="utf-8"))


def articles_of(
    site: Site, outlet_id: str, *, state: int, times: Mapping[int, datetime]
) -> tuple[SiteArticle, ...]:
    """Return the articles that an outlet shows in `state`, newest first.

    `times` holds the moment at which each state began: an article's age counts back from the
    moment of the state in which it appeared.
    """
    outlet = site.outlets[outlet_id]
    shown = []
    for n, row in enumerate(site.tables[outlet_id], start=1):
        born = int(row.get("state", 1))
        if born > state:
            continue
        shown.append(_article(outlet, n, row, state=state, times=times))
    return tuple(sorted(shown, key=lambda a: a.published_at, reverse=True))


def _article(
    outlet: Outlet, n: int, row: Mapping[str, Any], *, state: int, times: Mapping[int, datetime]
) -> SiteArticle:
    published = times[int(row.get("state", 1))] - timedelta(minutes=int(row["age_min"]))
    published = published.replace(microsecond=0)
    updated = published
    fields = dict(row)
    revision = row.get("revision")
    if revision is not None and state >= 2:
        fields.update(revision)
        updated = times[2].replace(microsecond=0) - timedelta(minutes=2)
    local = published.astimezone(timezone(timedelta(hours=outlet.utc_offset_h)))
    byline = str(fields.get("byline", ""))

    told = _day_of_the_news(local, times[1])

    def fill(text: str) -> str:
        return fill_dates(text, local, told)

    raw = [*outlet.head, *_split(str(fields["text"])), *outlet.tail]
    lines = tuple(parse_line(fill(t.replace("{{byline}}", byline))) for t in raw if t.strip())
    slug = str(fields.get("slug", fields["id"]))
    number = 10_000 * outlet.host + 7 * n
    path = outlet.url.format(
        slug=quote(slug), n=number, y=local.year, m=f"{local.month:02}", d=f"{local.day:02}"
    )
    return SiteArticle(
        id=str(fields["id"]),
        outlet=outlet.id,
        n=number,
        slug=slug,
        title=fill(str(fields["title"])),
        summary=fill(str(fields.get("summary", ""))),
        byline=byline,
        section=str(fields.get("section", "News")),
        published_at=published.astimezone(UTC),
        updated_at=updated.astimezone(UTC),
        lines=tuple(line for line in lines if line.text),
        kind=fields.get("kind", "article"),
        path=path,
        keywords=tuple(fields.get("keywords", ())),
    )


def _split(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def parse_line(text: str) -> Marked:
    """Return a line of an article's text without its mark."""
    text = text.strip()
    if text.startswith("## "):
        return Marked(text=text[3:], heading=True)
    found = _MARK.match(text)
    if found is None:
        return Marked(text=text)
    return Marked(
        text=found["text"].strip(),
        category=found["category"],
        heading=bool(found["heading"]),
        quarantine=found["sign"] == "?",
    )


_EN_MONTHS = (
    "Jan.", "Feb.", "March", "April", "May", "June",
    "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.",
)  # fmt: skip
_EN_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


_NEWS_H = 11  # hours before the site's first state: when what its fresh articles tell happened
_NEWS_ZONE = timezone(timedelta(hours=9))  # and where: most of it in Seoul


def _day_of_the_news(local: datetime, now: datetime) -> datetime:
    """Return the day that an article names: all of one day's articles name the same one.

    Else an event would have two days whenever midnight lies between two reports of it.
    """
    news = (now - timedelta(hours=_NEWS_H)).astimezone(_NEWS_ZONE)
    is_fresh = local > news - timedelta(hours=24)
    return local + timedelta(days=(news.date() - local.date()).days) if is_fresh else local


def fill_dates(text: str, local: datetime, told: datetime | None = None) -> str:
    """Return `text` with its date marks filled in; `{{en-1}}` is the day before.

    Marks for the day of the news (`told`, else `local`): `en` "Nov. 22", `ko` "22일", `ja` "22日",
    `zh` "11月22日", `weekday`; for the moment of publication: `year`, `ymd` "2026-11-22", `dots`
    "2026.11.22", `hm` "14:05".
    """

    def words(found: re.Match[str]) -> str:
        ahead = timedelta(days=int(found[2] or 0))
        day = (local if found[1] in ("year", "ymd", "dots", "hm") else told or local) + ahead
        return {
            "en": f"{_EN_MONTHS[day.month - 1]} {day.day}",
            "ko": f"{day.day}일",
            "ja": f"{day.day}日",
            "zh": f"{day.month}月{day.day}日",
            "weekday": _EN_DAYS[day.weekday()],
            "year": str(day.year),
            "ymd": day.strftime("%Y-%m-%d"),
            "dots": day.strftime("%Y.%m.%d"),
            "hm": day.strftime("%H:%M"),
        }.get(found[1], found[0])

    return _PLACE.sub(words, text)
