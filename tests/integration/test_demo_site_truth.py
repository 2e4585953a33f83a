"""The comparison with EXPECTED.toml finds each kind of fault, and nothing in a faultless store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pytest
from support.demo_truth import complaints

from extractors.urls import canonicalise
from flows.demo_site import DemoSite

NOW = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def site() -> Iterator[DemoSite]:
    with DemoSite(now=NOW, slow_s=0.0) as running:
        running.advance()
        yield running


@pytest.fixture(scope="module")
def faultless(site: DemoSite) -> Iterator[duckdb.DuckDBPyConnection]:
    """The four views as tables, filled as a faultless pipeline would fill them."""
    expected = site.expected()
    story_of: dict[str, int] = {}
    for number, story in enumerate(expected["stories"]):
        story_of |= dict.fromkeys(story["members"] + story["joins"], 1000 + number)
    copy_of = {m: c["members"][0] for c in expected["copies"] for m in c["members"][1:]}
    ids: dict[str, int] = {}
    articles, blocks, hits = [], [], []
    alerts = set()
    for number, a in enumerate(sorted(site.articles(), key=lambda a: a.published_at), start=1):
        ids[a.id] = number
        original = ids.get(copy_of.get(a.id, ""))
        story = story_of.get(a.id, original or number)
        articles.append(
            {
                "article_id": number,
                "name": a.id,
                "url": canonicalise(site.article_url(a.id)),
                "canonical_url": None,
                "title": a.title,
                "body": "\n".join(line.text for line in a.lines if not line.category),
                "language": expected["languages"][a.outlet],
                "published_at": a.published_at.isoformat(),
                "story_id": story,
                "duplicate_of": original,
                "provenance": expected["provenance"].get(a.id, []),
                "status": expected["status"].get(a.id, "ok"),
            }
        )
        for n, line in enumerate(a.lines):
            kind = "quarantine" if line.quarantine else "boilerplate" if line.category else "body"
            blocks.append({"article_id": number, "n": n, "kind": kind, "text": line.text})
        for topic, level in expected["topics"].get(a.id, {}).items():
            hits.append({"article_id": number, "topic": topic, "level": level})
            if a.id not in expected["alerts"]["never"]:
                alerts.add((story, topic))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, columns, rows in (
        ("articles", ARTICLE_COLUMNS, articles),
        ("blocks", "article_id BIGINT, n INTEGER, kind VARCHAR, text VARCHAR", blocks),
        ("topic_hits", "article_id BIGINT, topic VARCHAR, level VARCHAR", hits),
        (
            "alerts",
            "story_id BIGINT, topic VARCHAR",
            [{"story_id": story, "topic": topic} for story, topic in alerts],
        ),
    ):
        fields = columns.replace(", ", ",").split(",")
        shape = ", ".join(f'"{f.split()[0]}": "{f.split()[1]}"' for f in fields)
        connection.execute(f"CREATE TABLE {name} ({columns})")
        connection.execute(
            f"INSERT INTO {name} SELECT unnest(from_json(?, '[{{{shape}}}]'), max_depth := 2)",
            [json.dumps(rows)],
        )
    yield connection
    connection.close()


ARTICLE_COLUMNS = (
    "article_id BIGINT, name VARCHAR, url VARCHAR, canonical_url VARCHAR, title VARCHAR,"
    " body VARCHAR, language VARCHAR, published_at TIMESTAMPTZ, story_id BIGINT,"
    " duplicate_of BIGINT, provenance VARCHAR[], status VARCHAR"
)


@pytest.fixture
def con(faultless: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The faultless store, in a transaction that is taken back."""
    faultless.execute("BEGIN")
    yield faultless
    faultless.execute("ROLLBACK")


def test_a_faultless_store_gives_no_complaint(
    con: duckdb.DuckDBPyConnection, site: DemoSite
) -> None:
    assert {k: v for k, v in complaints(con, site).items() if v} == {}


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("articles", "DELETE FROM articles WHERE name = 'harbor-oysters'"),
        ("articles", "UPDATE articles SET url = 'http://x.example/' WHERE name = 'namdo-boat'"),
        ("status", "UPDATE articles SET status = 'ok' WHERE name = 'harbor-condo'"),
        ("metadata", "UPDATE articles SET title = 'x' WHERE name = 'namdo-boat'"),
        (
            "metadata",
            "UPDATE articles SET published_at = published_at + INTERVAL 9 HOUR"
            " WHERE name = 'shiokaze-rice'",
        ),
        ("language", "UPDATE articles SET language = 'ja' WHERE name = 'prism-coffee'"),
        ("provenance", "UPDATE articles SET provenance = [] WHERE name = 'hangang-aukus-ai'"),
        ("body", "UPDATE articles SET body = body[:400] WHERE name = 'hanbit-budget'"),
        (
            "boilerplate",
            "UPDATE articles SET body = body || '(0/250자)' WHERE name = 'hangang-old'",
        ),
        ("boilerplate", "DELETE FROM blocks WHERE kind = 'quarantine'"),
        ("topics", "INSERT INTO topic_hits SELECT article_id, 'ssn', 'alert' FROM articles"
                   " WHERE name = 'prism-coffee'"),
        ("topics", "UPDATE topic_hits SET level = 'alert'"),
        ("copies", "UPDATE articles SET duplicate_of = NULL WHERE name = 'namdo-prices'"),
        (
            "copies",
            "UPDATE articles SET duplicate_of = (SELECT article_id FROM articles"
            " WHERE name = 'hanbit-weather-2') WHERE name = 'hanbit-weather-1'",
        ),
        (
            "apart",
            "UPDATE articles SET story_id = 7 WHERE name LIKE 'hanbit-weather-%'",
        ),
        ("stories", "UPDATE articles SET story_id = 7 WHERE name = 'namdo-opcon'"),
        ("alerts", "DELETE FROM alerts WHERE topic = 'opcon'"),
        ("alerts", "INSERT INTO alerts SELECT * FROM alerts"),
        (
            "alerts",
            "INSERT INTO alerts SELECT story_id, 'opcon' FROM articles WHERE name = 'hangang-old'",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_found(
    con: duckdb.DuckDBPyConnection, site: DemoSite, subject: str, fault: str
) -> None:
    con.execute(fault)
    assert complaints(con, site)[subject]
