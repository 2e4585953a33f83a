"""Pages and feeds of the demo's news site, as bytes.

In: the records of `demo_content` and the outlet's own page template (`seeds/site/templates/`).
Out: bytes in the outlet's charset. Nothing is served here (`demo_site`).

Templates are `string.Template` files with `$title`, `$body`, `$latest` and so on: each outlet has
its own, with its own furniture, as real outlets do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template

import seeds
from flows.demo_content import Marked, Outlet, SiteArticle

LATEST_LINKS = 6  # headlines of other articles that a page lists, as most outlets do


@lru_cache(maxsize=64)
def _template(name: str, folder: Path) -> Template:
    return Template((folder / "templates" / f"{name}.html").read_text(encoding="utf-8"))


def render_body(lines: Sequence[Marked]) -> str:
    """Return the inside of the article element, boilerplate and all."""
    parts = []
    for line in lines:
        text = escape(line.text, quote=False)
        if line.category == "caption":
            parts.append(
                f"<figure><img src='/img/photo.jpg' alt=''><figcaption>{text}</figcaption></figure>"
            )
        elif line.heading:
            parts.append(f"<h3>{text}</h3>")
        elif line.category == "related-link":
            parts.append(f"<p><a href='/latest'>{text}</a></p>")
        elif line.category:
            parts.append(f"<p class='{_CLASSES.get(line.category, 'note')}'>{text}</p>")
        else:
            parts.append(f"<p>{text}</p>")
    return "\n".join(parts)


# Class names that say nothing, as on many real sites: only the words tell what the line is.
_CLASSES = {"byline": "txt", "copyright": "txt", "related": "txt", "ai-note": "txt"}


def render_page(
    outlet: Outlet,
    article: SiteArticle,
    others: Sequence[SiteArticle],
    *,
    base_url: str,
    folder: Path | None = None,
) -> bytes:
    """Return an article's page as the outlet serves it, in the outlet's charset.

    Characters that the charset lacks become numeric references, as publishing systems do.
    """
    root = folder if folder is not None else seeds.path("site")
    local = article.published_at.astimezone(timezone(timedelta(hours=outlet.utc_offset_h)))
    name = article.kind if article.kind != "article" else outlet.id
    latest = [a for a in others if a.id != article.id][:LATEST_LINKS]
    body = article.lines
    if article.kind == "paywall":
        body = tuple(line for line in article.lines if not line.category)
        name = f"{outlet.id}_paywall"
    page = _template(name, root).substitute(
        title=escape(article.title),
        name=escape(outlet.name),
        lang=outlet.lang,
        body=render_body(body),
        byline=escape(article.byline),
        section=escape(article.section),
        summary=escape(article.summary),
        iso=local.isoformat(),
        published=local.strftime("%Y-%m-%d %H:%M"),
        dots=local.strftime("%Y.%m.%d %H:%M"),
        long_date=f"{local:%B} {local.day}, {local.year}",
        cjk_date=f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}",
        year=str(local.year),
        url=escape(base_url + article.path),
        base=base_url,
        latest="\n".join(
            f"<li><a href='{escape(a.path)}'>{escape(a.title)}</a></li>" for a in latest
        ),
        json_ld=_json_ld(outlet, article, base_url),
    )
    return page.encode(outlet.charset, errors="xmlcharrefreplace")


def _json_ld(outlet: Outlet, article: SiteArticle, base_url: str) -> str:
    record = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "datePublished": article.published_at.isoformat(),
        "dateModified": article.updated_at.isoformat(),
        "author": [{"@type": "Person", "name": article.byline or outlet.name}],
        "publisher": {"@type": "NewsMediaOrganization", "name": outlet.name},
        "mainEntityOfPage": base_url + article.path,
        "inLanguage": outlet.lang,
    }
    text = json.dumps(record, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'


def render_feed(
    outlet: Outlet, articles: Sequence[SiteArticle], *, base_url: str, built_at: datetime
) -> bytes:
    """Return the outlet's feed in its own format and charset."""
    make = {"rss2": _rss2, "rss1": _rss1, "atom": _atom}[outlet.feed_format]
    head = f'<?xml version="1.0" encoding="{_LABELS.get(outlet.feed_charset, "UTF-8")}"?>\n'
    text = head + make(outlet, articles, base_url, built_at)
    return text.encode(outlet.feed_charset, errors="xmlcharrefreplace")


_LABELS = {"utf-8": "UTF-8", "cp949": "EUC-KR", "cp932": "Shift_JIS"}


def _link(outlet: Outlet, article: SiteArticle, base_url: str) -> str:
    link = article.path if outlet.feed_link_relative else base_url + article.path
    if outlet.feed_link_query:
        link += ("&" if "?" in link else "?") + outlet.feed_link_query
    return escape(link)


def _full_text(article: SiteArticle) -> str:
    return render_body(article.lines)


def _rss2(
    outlet: Outlet, articles: Sequence[SiteArticle], base_url: str, built_at: datetime
) -> str:
    items = []
    for a in articles:
        guid = f"<guid isPermaLink='false'>{outlet.id}-{a.n}</guid>" if outlet.feed_guid else ""
        full = ""
        if outlet.feed_full_text:
            full = f"<content:encoded><![CDATA[{_full_text(a)}]]></content:encoded>"
        items.append(
            f"<item><title>{escape(a.title)}</title>"
            f"<link>{_link(outlet, a, base_url)}</link>{guid}"
            f"<pubDate>{format_datetime(_local(outlet, a.published_at))}</pubDate>"
            f"<dc:creator>{escape(a.byline)}</dc:creator>"
            f"<description>{escape(a.summary)}</description>{full}</item>"
        )
    return (
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/">\n<channel>'
        f"<title>{escape(outlet.feed_title or outlet.name)}</title><link>{base_url}/</link>"
        f"<description>{escape(outlet.name)}</description><language>{outlet.lang}</language>"
        f"<lastBuildDate>{format_datetime(_local(outlet, built_at))}</lastBuildDate>\n"
        + "\n".join(items)
        + "\n</channel></rss>\n"
    )


def _rss1(
    outlet: Outlet, articles: Sequence[SiteArticle], base_url: str, built_at: datetime
) -> str:
    links = [_link(outlet, a, base_url) for a in articles]
    sequence = "".join(f'<rdf:li rdf:resource="{link}"/>' for link in links)
    items = [
        f'<item rdf:about="{link}"><title>{escape(a.title)}</title><link>{link}</link>'
        f"<dc:date>{_local(outlet, a.published_at).isoformat()}</dc:date>"
        f"<dc:subject>{escape(a.section)}</dc:subject>"
        f"<description>{escape(a.summary)}</description></item>"
        for link, a in zip(links, articles, strict=True)
    ]
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
        f'<channel rdf:about="{base_url}{outlet.feed_path}">'
        f"<title>{escape(outlet.feed_title or outlet.name)}</title><link>{base_url}/</link>"
        f"<description>{escape(outlet.name)}</description>"
        f"<dc:date>{_local(outlet, built_at).isoformat()}</dc:date>"
        f"<items><rdf:Seq>{sequence}</rdf:Seq></items></channel>\n"
        + "\n".join(items)
        + "\n</rdf:RDF>\n"
    )


def _atom(
    outlet: Outlet, articles: Sequence[SiteArticle], base_url: str, built_at: datetime
) -> str:
    entries = []
    for a in articles:
        full = ""
        if outlet.feed_full_text:
            full = f'<content type="html">{escape(_full_text(a))}</content>'
        entries.append(
            f'<entry><title type="text">{escape(a.title)}</title>'
            f'<link rel="alternate" type="text/html" href="{_link(outlet, a, base_url)}"/>'
            f"<id>tag:{outlet.id}.example,{a.published_at.year}:{a.n}</id>"
            f"<published>{_local(outlet, a.published_at).isoformat()}</published>"
            f"<updated>{_local(outlet, a.updated_at).isoformat()}</updated>"
            f"<author><name>{escape(a.byline or outlet.name)}</name></author>"
            f'<summary type="text">{escape(a.summary)}</summary>{full}</entry>'
        )
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{outlet.lang}">'
        f"<title>{escape(outlet.feed_title or outlet.name)}</title>"
        f'<link rel="self" href="{base_url}{outlet.feed_path}"/>'
        f'<link rel="alternate" href="{base_url}/"/>'
        f"<id>tag:{outlet.id}.example,2020:feed</id>"
        f"<updated>{built_at.astimezone(UTC).replace(microsecond=0).isoformat()}</updated>\n"
        + "\n".join(entries)
        + "\n</feed>\n"
    )


def _local(outlet: Outlet, moment: datetime) -> datetime:
    zone = timezone(timedelta(hours=outlet.utc_offset_h))
    return moment.astimezone(zone).replace(microsecond=0)


def render_front_page(outlet: Outlet, articles: Sequence[SiteArticle], *, base_url: str) -> bytes:
    """Return the outlet's front page: a list of headlines with a link to the feed."""
    rows = "\n".join(f"<li><a href='{escape(a.path)}'>{escape(a.title)}</a></li>" for a in articles)
    page = (
        f"<!doctype html><html lang='{outlet.lang}'><head>"
        f"<title>{escape(outlet.name)}</title>"
        f"<link rel='alternate' type='{_FEED_TYPES[outlet.feed_format]}' "
        f"href='{base_url}{outlet.feed_path}'></head>"
        f"<body><h1>{escape(outlet.name)}</h1><ul>\n{rows}\n</ul></body></html>"
    )
    return page.encode(outlet.charset, errors="xmlcharrefreplace")


_FEED_TYPES = {
    "rss2": "application/rss+xml",
    "rss1": "application/rdf+xml",
    "atom": "application/atom+xml",
}
