"""What the report shows, read from the published file in a handful of queries.

In: a read-only connection, the time of the report, the number of days. Out: `ReportData`, plain
rows. Only rows of the period are read, but for feeds and the totals. It renders nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STORIES = 200
ALERTS = 500
RUNS = 300
REASONS = 100
SAMPLES = 3

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything on the page. Lists are in the order in which they are shown."""

    made_at: datetime
    days: int
    totals: Row
    per_day: list[Row]
    topic_days: list[Row]
    topics: list[Row]
    stories: list[Row]
    alerts: list[Row]
    feeds: list[Row]
    polls: list[Row]
    removed: list[Row]
    removed_by_outlet: list[Row]
    runs: list[Row]


def read_report(con: DuckDBPyConnection, *, now: datetime, days: int) -> ReportData:
    """Read the report's rows for the `days` before `now`."""
    since = now - timedelta(days=days)
    first = con.execute(
        "SELECT coalesce(min(article_id), 0) FROM core.article WHERE fetched_at >= ?", [since]
    ).fetchone()
    first_id = int(first[0]) if first else 0
    period: dict[str, Any] = {"since": since, "first": first_id}
    day = {**period, "day": now - timedelta(days=1)}
    return ReportData(
        made_at=now,
        days=days,
        totals=_rows(con, _TOTALS, {"since": since})[0],
        per_day=_rows(con, _PER_DAY, {"since": since}),
        topic_days=_rows(con, _TOPIC_DAYS, period),
        topics=_rows(con, _TOPICS, period),
        stories=_with_articles(con, _rows(con, _STORIES, day), first_id),
        alerts=_rows(con, _ALERTS, {"since": since}),
        feeds=_rows(con, _FEEDS, {"now": now}),
        polls=_rows(con, _POLLS, {"since": since}),
        removed=_rows(con, _REMOVED, period),
        removed_by_outlet=_rows(con, _REMOVED_BY_OUTLET, period),
        runs=_rows(con, _RUNS, {"since": since}),
    )


def _rows(con: DuckDBPyConnection, sql: str, params: dict[str, Any]) -> list[Row]:
    wanted = {name: value for name, value in params.items() if f"${name}" in sql}
    cursor = con.execute(sql, wanted or None)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _with_articles(con: DuckDBPyConnection, stories: list[Row], first: int) -> list[Row]:
    """Add each story's articles of the period."""
    by_story: dict[int, list[Row]] = {story["story_id"]: [] for story in stories}
    if by_story:
        rows = _rows(con, _ARTICLES, {"ids": list(by_story), "first": first})
        for row in rows:
            by_story[row["story_id"]].append(row)
    return [{**story, "articles": by_story[story["story_id"]]} for story in stories]


_TOTALS = """
SELECT (SELECT count(*) FROM articles) AS articles,
       (SELECT count(*) FROM articles WHERE fetched_at >= $since) AS new_articles,
       (SELECT count(*) FROM stories) AS stories,
       (SELECT count(*) FROM alerts WHERE kind = 'alert' AND created_at >= $since) AS alerts,
       (SELECT count(*) FROM feeds WHERE active) AS feeds,
       (SELECT count(*) FROM feeds WHERE active AND failures > 0) AS failing,
       (SELECT max(started_at) FROM runs) AS last_run
"""
_PER_DAY = """
SELECT CAST(fetched_at AS DATE) AS day, split_part(language, '-', 1) AS language,
       count(*) AS articles
FROM articles WHERE fetched_at >= $since GROUP BY ALL ORDER BY ALL
"""
_TOPIC_DAYS = """
SELECT CAST(coalesce(a.published_at, a.fetched_at) AS DATE) AS day, h.topic,
       count(*) AS articles, count(DISTINCT h.story_id) AS stories
FROM topic_hits h JOIN articles a USING (article_id)
WHERE h.article_id >= $first AND coalesce(a.published_at, a.fetched_at) >= $since
GROUP BY ALL ORDER BY ALL
"""
_TOPICS = """
SELECT h.topic, count(*) FILTER (h.level = 'alert') AS alerts,
       count(*) FILTER (h.level <> 'alert') AS mentions,
       count(DISTINCT h.story_id) AS stories, count(DISTINCT a.outlet) AS outlets,
       list_sort(list(DISTINCT a.language)) AS languages,
       max(coalesce(a.published_at, a.fetched_at)) AS newest
FROM topic_hits h JOIN articles a USING (article_id)
WHERE h.article_id >= $first AND a.fetched_at >= $since
GROUP BY ALL ORDER BY alerts DESC, stories DESC, topic
"""
_STORIES = f"""
WITH hit AS (
    SELECT story_id, list_sort(list(DISTINCT topic)) AS topics FROM topic_hits
    WHERE article_id >= $first GROUP BY story_id
)
SELECT s.story_id, s.title, s.first_seen, s.last_seen, s.n_articles, s.n_outlets, s.n_origins,
       s.languages, coalesce(hit.topics, []) AS topics
FROM stories s LEFT JOIN hit USING (story_id)
WHERE s.last_seen >= $day
ORDER BY len(coalesce(hit.topics, [])) > 0 DESC, s.n_outlets DESC, s.n_articles DESC,
         s.last_seen DESC
LIMIT {STORIES}
"""
_ARTICLES = """
SELECT story_id, article_id, title, outlet, language, coalesce(canonical_url, url) AS url,
       coalesce(published_at, fetched_at) AS at_, duplicate_level, provenance
FROM articles
WHERE story_id IN (SELECT unnest($ids::BIGINT[])) AND article_id >= $first
ORDER BY story_id, at_, article_id
"""
_ALERTS = f"""
WITH told AS (
    SELECT alert_key, list(action || coalesce(': ' || nullif(reason, ''), '')
           || coalesce(' (' || nullif(actor, '') || ')', '') ORDER BY acted_at) AS actions
    FROM alert_actions WHERE alert_key IS NOT NULL GROUP BY alert_key
), said AS (
    SELECT story_id, topic, list(verdict || coalesce(': ' || nullif(reason, ''), '')
           || coalesce(' (' || nullif(actor, '') || ')', '') ORDER BY marked_at) AS verdicts
    FROM topic_feedback GROUP BY ALL
)
SELECT l.alert_key, l.created_at, coalesce(l.topic, l.kind) AS topic, s.title,
       l.story_id, l.channel, l.state, l.severity, l.attempts, l.sent_at, l.last_error, l.reason,
       list_concat(coalesce(told.actions, []), coalesce(said.verdicts, [])) AS feedback
FROM alerts l LEFT JOIN stories s USING (story_id) LEFT JOIN told USING (alert_key)
     LEFT JOIN said ON said.story_id = l.story_id AND said.topic = l.topic
WHERE l.created_at >= $since
ORDER BY l.created_at DESC LIMIT {ALERTS}
"""
_FEEDS = """
SELECT feed, outlet, url, state, state_reason, last_ok, newest_item_at, failures, last_error,
       lang, tier, date_diff('minute', last_ok, $now) / 60.0 AS silent_h
FROM feeds WHERE active ORDER BY failures DESC, last_ok NULLS FIRST, feed
"""
_POLLS = """
SELECT CAST(polled_at AS DATE) AS day, outcome, count(*) AS polls,
       coalesce(sum(new_entries), 0) AS entries
FROM feed_polls WHERE polled_at >= $since GROUP BY ALL ORDER BY ALL
"""
_REMOVED = f"""
SELECT b.kind, coalesce(b.reason, '') AS reason, count(*) AS blocks,
       count(DISTINCT b.article_id) AS articles, sum(length(b.text)) AS chars,
       list(DISTINCT left(b.text, 160))[1:{SAMPLES}] AS samples
FROM core.block b JOIN core.article a USING (article_id)
WHERE b.kind <> 'body' AND b.article_id >= $first AND a.fetched_at >= $since
GROUP BY ALL ORDER BY chars DESC LIMIT {REASONS}
"""
_REMOVED_BY_OUTLET = """
WITH gone AS (
    SELECT article_id, sum(length(text)) AS chars FROM core.block
    WHERE kind <> 'body' AND article_id >= $first GROUP BY article_id
)
SELECT coalesce(a.outlet, a.host, 'unknown') AS outlet, count(*) AS articles,
       coalesce(sum(gone.chars), 0) AS removed, sum(length(a.body)) AS kept,
       coalesce(sum(gone.chars), 0) / greatest(1, coalesce(sum(gone.chars), 0)
           + coalesce(sum(length(a.body)), 0)) AS share
FROM core.article a LEFT JOIN gone USING (article_id)
WHERE a.fetched_at >= $since AND a.article_id >= $first
GROUP BY ALL ORDER BY share DESC, outlet LIMIT 200
"""
_RUNS = f"""
SELECT run_id, kind, started_at, duration_s, state, counts, error FROM runs
WHERE started_at >= $since ORDER BY started_at DESC LIMIT {RUNS}
"""
