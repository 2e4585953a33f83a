"""Compares a database that a run over the demo's site has filled with `EXPECTED.toml`.

In: a read-only connection (views only) and the running site. Out: complaints by subject, each a
sentence; an empty list means that the subject is as expected.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING, Any

from extractors.urls import canonicalise

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from flows.demo_site import DemoSite

SUBJECTS = (
    "articles", "status", "metadata", "language", "provenance", "body", "boilerplate", "topics",
    "copies", "apart", "stories", "alerts",
)  # fmt: skip


def complaints(con: DuckDBPyConnection, site: DemoSite) -> dict[str, list[str]]:
    """Return what is not as expected in the site's present state, by subject."""
    found: dict[str, list[str]] = {subject: [] for subject in SUBJECTS}
    expected = site.expected()
    rows, strangers = _rows_by_id(con, site)
    found["articles"] += [f"stored, but not on the site: {url}" for url in strangers]
    by_id = {a.id: a for a in site.articles()}
    blocks = _blocks(con)
    for name, article in by_id.items():
        row = rows.get(name)
        if row is None:
            found["articles"].append(f"{name}: not stored")
            continue
        status = expected["status"].get(name)
        wanted = {status} if status else {"ok", "feed_content"}
        if row["status"] not in wanted:
            found["status"].append(f"{name}: {row['status']}, not {' or '.join(sorted(wanted))}")
            continue
        if status:
            continue
        _check_article(found, expected, site, article, row, blocks[row["article_id"]])
    ok = {name: row for name, row in rows.items() if name not in expected["status"]}
    _check_topics(found, con, expected, ok, set(by_id))
    _check_groups(found, expected, ok, site.state)
    _check_alerts(found, con, expected, ok, site.state)
    return found


def _rows_by_id(
    con: DuckDBPyConnection, site: DemoSite
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    at = {canonicalise(site.article_url(a.id)): a.id for a in site.articles()}
    cursor = con.execute(
        "SELECT article_id, url, canonical_url, title, body, language, published_at, story_id,"
        " duplicate_of, provenance, status FROM articles"
    )
    names = [column[0] for column in cursor.description or ()]
    rows: dict[str, dict[str, Any]] = {}
    strangers = []
    for values in cursor.fetchall():
        row = dict(zip(names, values, strict=True))
        name = at.get(row["url"]) or at.get(row["canonical_url"])
        if name is None:
            strangers.append(str(row["url"]))
        else:
            rows[name] = row
    return rows, strangers


def _blocks(con: DuckDBPyConnection) -> dict[int, list[tuple[str, str]]]:
    blocks: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for article_id, kind, text in con.execute(
        "SELECT article_id, kind, text FROM blocks ORDER BY article_id, n"
    ).fetchall():
        blocks[article_id].append((kind, text))
    return blocks


def _check_article(
    found: dict[str, list[str]],
    expected: dict[str, Any],
    site: DemoSite,
    article: Any,
    row: dict[str, Any],
    blocks: list[tuple[str, str]],
) -> None:
    name, body = article.id, row["body"] or ""
    if " ".join((row["title"] or "").split()) != " ".join(article.title.split()):
        found["metadata"].append(f"{name}: title {row['title']!r}")
    published = row["published_at"]
    if published is None or abs((published - article.published_at).total_seconds()) > 60:
        found["metadata"].append(f"{name}: published {published}, not {article.published_at}")
    if row["language"] != expected["languages"][article.outlet]:
        found["language"].append(f"{name}: {row['language']}")
    wanted = expected["provenance"].get(name)
    if wanted and not set(wanted) & set(_listed(row["provenance"])):
        found["provenance"].append(f"{name}: {row['provenance']}, none of {wanted}")
    for line in article.lines:
        if not line.category and not line.heading and line.text not in body:
            found["body"].append(f"{name}: lost {line.text[:60]!r}")
    for removed in expected["removed"]:
        if removed["outlet"] != article.outlet or removed["article"] not in ("*", name):
            continue
        if removed["text"] in body:
            found["boilerplate"].append(f"{name}: {removed['category']} {removed['text'][:50]!r}")
        elif removed["kind"] == "quarantine" and not any(
            kind != "body" and removed["text"] in text for kind, text in blocks
        ):
            found["boilerplate"].append(f"{name}: thrown away {removed['text'][:50]!r}")
    titles = {a.title for a in site.articles(article.outlet)} - {article.title}
    for title in titles:
        if title in body:
            found["boilerplate"].append(f"{name}: another headline {title[:50]!r}")


def _check_topics(
    found: dict[str, list[str]],
    con: DuckDBPyConnection,
    expected: dict[str, Any],
    rows: dict[str, dict[str, Any]],
    shown: set[str],
) -> None:
    hits: dict[int, dict[str, str]] = defaultdict(dict)
    for article_id, topic, level in con.execute(
        "SELECT article_id, topic, level FROM topic_hits"
    ).fetchall():
        hits[article_id][topic] = level
    for name, row in rows.items():
        got = hits[row["article_id"]]
        wanted = expected["topics"].get(name, {}) if name in shown else {}
        if got != wanted:
            trap = expected["traps"].get(name)
            found["topics"].append(f"{name}: {got}, not {wanted}" + (f" ({trap})" if trap else ""))


def _check_groups(
    found: dict[str, list[str]],
    expected: dict[str, Any],
    rows: dict[str, dict[str, Any]],
    state: int,
) -> None:
    cluster = {n: row["duplicate_of"] or row["article_id"] for n, row in rows.items()}
    story = {n: row["story_id"] for n, row in rows.items()}
    in_copies: dict[str, int] = {}
    for number, group in enumerate(expected["copies"]):
        members = [m for m in group["members"] if m in rows]
        in_copies |= dict.fromkeys(members, number)
        if len({cluster[m] for m in members}) > 1:
            found["copies"].append(f"not one cluster: {_grouped(members, cluster)}")
    for one, other in combinations(rows, 2):
        if cluster[one] == cluster[other] and (
            one not in in_copies or in_copies[one] != in_copies.get(other)
        ):
            found["copies"].append(f"{one} and {other} are no copies")
    for apart in expected["apart"]:
        for first, second in combinations(apart["groups"], 2):
            for one in first:
                for other in second:
                    if one in rows and other in rows and story[one] == story[other]:
                        found["apart"].append(f"{one} and {other}: {apart['why']}")
    for wanted in expected["stories"]:
        members = wanted["members"] + (wanted["joins"] if state >= 2 else [])
        members = [m for m in members if m in rows]
        if len({story[m] for m in members}) > 1:
            found["stories"].append(f"{wanted['name']}: {_grouped(members, story)}")


def _check_alerts(
    found: dict[str, list[str]],
    con: DuckDBPyConnection,
    expected: dict[str, Any],
    rows: dict[str, dict[str, Any]],
    state: int,
) -> None:
    parents = con.execute("SELECT story_id, topic FROM alerts WHERE topic IS NOT NULL").fetchall()
    for (story, topic), count in Counter(parents).items():
        if count > 1:
            found["alerts"].append(f"{count} parent messages on {topic} for story {story}")
    stories = {s["name"]: s for s in expected["stories"]}
    alerted = set(parents)
    for wanted in expected["alerts"]["parents"]:
        names = [n for n in stories[wanted["story"]]["members"] if n in rows]
        if not any((rows[n]["story_id"], wanted["topic"]) in alerted for n in names):
            found["alerts"].append(f"no alert on {wanted['topic']}: {wanted['story']}")
    for wanted in expected["alerts"]["mentions"]:
        row = rows.get(wanted["article"])
        if row and (row["story_id"], wanted["topic"]) not in alerted:
            found["alerts"].append(f"no alert on {wanted['topic']}: {wanted['article']}")
    fine = {n for n in expected["topics"] if n not in expected["alerts"]["never"]}
    explained = {(rows[n]["story_id"], t) for n in fine & set(rows) for t in expected["topics"][n]}
    for story, topic in sorted(alerted - explained):
        names = [n for n, row in rows.items() if row["story_id"] == story]
        if names:  # a story without a row was merged into another after it had alerted
            found["alerts"].append(f"false alarm on {topic}: {', '.join(names)}")


def _grouped(members: Iterable[str], key: dict[str, Any]) -> str:
    groups: dict[Any, list[str]] = defaultdict(list)
    for member in members:
        groups[key[member]].append(member)
    return " | ".join(", ".join(group) for group in groups.values())


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return list(json.loads(value)) if value.startswith("[") else value.split(",")
    return list(value or ())
