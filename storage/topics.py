"""Topic hits, versions of topics, feedback: how they are written, counted and made anew.

The matcher itself is handed in as a function: storage knows topics by id and version only.
Matching stored articles again writes hits and nothing else, so that no alert comes from the past.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from alerts.models import MatchInput, TopicHit
from storage.rows import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Store, Transaction

# Article ids per transaction when stored articles are matched again: a second or two of work.
REMATCH_BATCH = 20_000
_READ_BATCH = 2_000
_USABLE = "('ok', 'feed_content')"

HitRow = tuple[int, int | None, TopicHit]
Matcher = Callable[[MatchInput, frozenset[str]], Sequence[TopicHit]]
"""Matches an article against the topics with the given ids only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredText:
    """A stored article as the matcher and the back-test read it."""

    article_id: int
    story_id: int | None
    at: datetime
    duplicate_of: int | None
    item: MatchInput
    topic_version: str | None = None  # of the stored hit of the topic asked for, if any
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackCounts:
    """How often hits of a topic were marked "not relevant", per phrase and per outlet."""

    phrases: Mapping[str, int] = field(default_factory=dict)
    outlets: Mapping[str, int] = field(default_factory=dict)
    marks: int = 0


# ---------------------------------------------------------------------- hits
def save_hits(tx: Transaction, rows: Sequence[HitRow]) -> int:
    """Write topic hits: (article_id, story_id, hit) each. Returns their number."""
    return insert_rows(
        tx,
        "core.topic_hit",
        [
            {
                "article_id": article_id,
                "story_id": story_id,
                "topic": hit.topic,
                "topic_version": hit.topic_version,
                "level": hit.level,
                "score": hit.score,
                "why": dict(hit.why),
            }
            for article_id, story_id, hit in rows
        ],
    )


# ---------------------------------------------------------------------- versions
_NEWEST = (
    "SELECT topic, topic_version, upto, done_to, rev FROM core.topic_version "
    "QUALIFY row_number() OVER (PARTITION BY topic ORDER BY rev DESC) = 1"
)


def register_versions(
    tx: Transaction, versions: Mapping[str, str], titles: Mapping[str, str] | None = None
) -> list[str]:
    """Note which topics and versions are in use from now on.

    Args:
        tx: the write transaction.
        versions: all topics in use, id → version. A known topic that is missing is out of use;
            should it come back, the articles stored meanwhile are matched.
        titles: id → title, for people.

    Returns:
        The topics whose stored articles have to be matched again.
    """
    newest = {row[0]: row[1] for row in tx.con.execute(_NEWEST).fetchall()}
    row = tx.con.execute("SELECT coalesce(max(article_id), 0) FROM core.article").fetchone()
    upto = int(row[0]) if row else 0
    changed = {t: v for t, v in versions.items() if newest.get(t) != v}
    gone = [t for t, v in newest.items() if v and t not in versions]
    insert_rows(
        tx,
        "core.topic_version",
        [
            {
                "topic": topic,
                "topic_version": version,
                "title": (titles or {}).get(topic),
                "in_use_since": tx.now,
                "upto": upto if version else 0,
                "done_to": 0,
            }
            for topic, version in [*changed.items(), *((t, "") for t in gone)]
        ],
    )
    return list(changed) if upto else []


def pending_rematch(con: DuckDBPyConnection, versions: Mapping[str, str]) -> list[str]:
    """Return the topics that are new, changed, or not matched through to the end."""
    rows = {row[0]: row[1:] for row in con.execute(_NEWEST).fetchall()}
    return [
        topic
        for topic, version in versions.items()
        if topic not in rows or rows[topic][0] != version or rows[topic][2] < rows[topic][1]
    ]


def rematch_batch(
    tx: Transaction,
    match: Matcher,
    versions: Mapping[str, str],
    *,
    screens: Mapping[str, str] | None = None,
    batch: int = REMATCH_BATCH,
) -> int:
    """Match the next stored articles by the topics that are behind; hits are replaced.

    Writes no alert. Several calls, each in its own transaction, come to the end.

    Args:
        tx: the write transaction.
        match: the matcher.
        versions: topics in use, id → version.
        screens: id → regular expression (RE2) that every text with one of the topic's phrases
            matches; spares reading texts that cannot hit.
        batch: article ids to look at.

    Returns:
        How many article ids are left to look at; 0 when all topics are done.
    """
    behind = [
        (str(topic), int(upto), int(done))
        for topic, version, upto, done, _ in tx.con.execute(_NEWEST).fetchall()
        if versions.get(topic) == version and done < upto
    ]
    if not behind:
        return 0
    low = min(done for _, _, done in behind)
    group = [(topic, upto) for topic, upto, done in behind if done == low]
    others = [done for _, _, done in behind if done > low]
    high = min([low + batch, max(upto for _, upto in group), *others])
    ids = frozenset(topic for topic, _ in group)
    found: list[HitRow] = []
    wanted = [screens[topic] for topic, _ in group if topic in screens] if screens else []
    for text in _read_range(tx.con, low, high, wanted):
        hits = match(text.item, ids)
        if hits:
            ignored = _removed_blocks(tx.con, text.article_id)
            item = _with_ignored(text.item, ignored)
            found += [(text.article_id, text.story_id, h) for h in match(item, ids)]
    tx.con.execute(
        "DELETE FROM core.topic_hit WHERE article_id > ? AND article_id <= ? "
        "AND topic IN (SELECT unnest(?::VARCHAR[]))",
        [low, high, sorted(ids)],
    )
    save_hits(tx, found)
    tx.con.execute(
        "UPDATE core.topic_version SET done_to = least(upto, ?), rev = ? "
        "WHERE (topic, rev) IN (SELECT (topic, max(rev)) FROM core.topic_version GROUP BY topic) "
        "AND topic IN (SELECT unnest(?::VARCHAR[]))",
        [high, tx.rev, sorted(ids)],
    )
    return sum(
        upto - max(done, high if topic in ids else done)
        for topic, upto, done in behind
        if upto > (high if topic in ids else done)
    )


def rematch(
    store: Store,
    match: Matcher,
    versions: Mapping[str, str],
    titles: Mapping[str, str] | None = None,
    *,
    screens: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
    max_batches: int | None = None,
) -> list[str]:
    """Bring the stored hits up to date with the topics in use, silently and in batches.

    Cheap when nothing changed: one small read. Can be cut short (`max_batches`) or killed at any
    time; the next call goes on where this one stopped.

    Returns:
        The topics that had changed.
    """
    with store.write() as tx:
        register_versions(tx, versions, titles)
        changed = pending_rematch(tx.con, versions)
    left = 1 if changed else 0
    done = 0
    while left and (max_batches is None or done < max_batches):
        with store.write() as tx:
            left = rematch_batch(tx, match, versions, screens=screens)
        done += 1
        if progress is not None:
            progress(left)
    return changed


def _read_range(
    con: DuckDBPyConnection, low: int, high: int, screens: Sequence[str] = ()
) -> Iterator[StoredText]:
    screen = " OR ".join("regexp_matches(body, ?) OR regexp_matches(title, ?)" for _ in screens)
    # Fetched whole: the connection is needed for other statements while this is read.
    rows = con.execute(
        f"""
        SELECT article_id, story_id, coalesce(published_at, fetched_at), duplicate_of,
               title, body, language, country, tier, outlet
        FROM core.article
        WHERE article_id > ? AND article_id <= ? AND status IN {_USABLE} AND ({screen or "true"})
        ORDER BY article_id
        """,
        [low, high, *(expression for screen in screens for expression in (screen, screen))],
    ).fetchall()
    for row in rows:
        yield _stored_text(row)


def _stored_text(row: Sequence[Any], hit: Sequence[Any] = (None, None)) -> StoredText:
    article_id, story_id, at, duplicate_of, title, body, language, country, tier, outlet = row
    return StoredText(
        article_id=article_id,
        story_id=story_id,
        at=at,
        duplicate_of=duplicate_of,
        item=MatchInput(
            title=title or "",
            body=body or "",
            language=language,
            country=country,
            tier=tier,
            outlet=outlet,
        ),
        topic_version=hit[0],
        level=hit[1],
    )


def _removed_blocks(con: DuckDBPyConnection, article_id: int) -> tuple[tuple[str, str], ...]:
    rows = con.execute(
        "SELECT kind, text FROM core.block "
        "WHERE article_id = ? AND kind <> 'body' AND text IS NOT NULL ORDER BY n",
        [article_id],
    ).fetchall()
    return tuple((str(kind), str(text)) for kind, text in rows)


def _with_ignored(item: MatchInput, ignored: tuple[tuple[str, str], ...]) -> MatchInput:
    return MatchInput(
        title=item.title,
        body=item.body,
        language=item.language,
        country=item.country,
        tier=item.tier,
        outlet=item.outlet,
        ignored=ignored,
    )


def read_article(con: DuckDBPyConnection, article_id: int) -> StoredText | None:
    """Return one stored article with its removed blocks, or None."""
    texts = list(_read_range(con, article_id - 1, article_id))
    if not texts:
        return None
    text = texts[0]
    item = _with_ignored(text.item, _removed_blocks(con, article_id))
    return StoredText(
        article_id=text.article_id,
        story_id=text.story_id,
        at=text.at,
        duplicate_of=text.duplicate_of,
        item=item,
    )


# ---------------------------------------------------------------------- back-test
def read_for_backtest(
    con: DuckDBPyConnection, topic: str, *, screen: str, since: datetime | None = None
) -> Iterator[StoredText]:
    """Yield the stored articles that may hit a topic, or have a stored hit of it.

    Args:
        con: a read-only connection.
        topic: its id; stored hits come with the article.
        screen: a regular expression (RE2) that any text with one of the topic's phrases matches;
            DuckDB runs it over all articles on all cores.
        since: only articles published (else fetched) from then on.
    """
    cursor = con.execute(
        f"""
        WITH hit AS (
            SELECT article_id, any_value(topic_version) AS topic_version, min(level) AS level
            FROM core.topic_hit WHERE topic = $topic GROUP BY article_id
        )
        SELECT a.article_id, a.story_id, coalesce(a.published_at, a.fetched_at), a.duplicate_of,
               a.title, a.body, a.language, a.country, a.tier, a.outlet,
               h.topic_version, h.level
        FROM core.article a LEFT JOIN hit h USING (article_id)
        WHERE a.status IN {_USABLE}
          AND ($since IS NULL OR coalesce(a.published_at, a.fetched_at) >= $since)
          AND (h.topic_version IS NOT NULL
               OR regexp_matches(a.body, $screen) OR regexp_matches(a.title, $screen))
        """,
        {"topic": topic, "since": since, "screen": screen},
    )
    while rows := cursor.fetchmany(_READ_BATCH):
        for row in rows:
            yield _stored_text(row[:10], row[10:])


def count_articles(
    con: DuckDBPyConnection, since: datetime | None = None
) -> tuple[int, datetime | None, datetime | None]:
    """Return how many usable articles there are, and the first and last of their times."""
    row = con.execute(
        f"""
        SELECT count(*), min(coalesce(published_at, fetched_at)),
               max(coalesce(published_at, fetched_at))
        FROM core.article
        WHERE status IN {_USABLE}
          AND ($since IS NULL OR coalesce(published_at, fetched_at) >= $since)
        """,
        {"since": since},
    ).fetchone()
    assert row is not None
    return int(row[0]), row[1], row[2]


# ---------------------------------------------------------------------- feedback
def save_feedback(
    tx: Transaction,
    *,
    topic: str,
    article_id: int,
    relevant: bool,
    reason: str | None = None,
    actor: str | None = None,
) -> bool:
    """Store what a person thinks of a hit, with the phrases that had hit.

    Returns:
        False, and stores nothing, when the article has no hit of the topic.
    """
    row = tx.con.execute(
        """
        SELECT h.topic_version, h.story_id, h.why, a.outlet
        FROM core.topic_hit h JOIN core.article a USING (article_id)
        WHERE h.topic = ? AND h.article_id = ?
        """,
        [topic, article_id],
    ).fetchone()
    if row is None:
        return False
    version, story_id, why, outlet = row
    insert_rows(
        tx,
        "core.topic_feedback",
        [
            {
                "topic": topic,
                "article_id": article_id,
                "story_id": story_id,
                "topic_version": version,
                "verdict": "relevant" if relevant else "not_relevant",
                "reason": reason,
                "actor": actor,
                "outlet": outlet,
                "phrases": _phrases_of(why),
                "marked_at": tx.now,
            }
        ],
    )
    return True


def count_feedback(con: DuckDBPyConnection, topic: str) -> FeedbackCounts:
    """Count "not relevant" marks per phrase and outlet, from the command line and from Slack.

    The newest mark of an article counts; a mark in Slack is on the alert's first article.
    """
    rows = con.execute(
        """
        WITH marks AS (
            SELECT article_id, verdict = 'not_relevant' AS bad, marked_at
            FROM core.topic_feedback WHERE topic = $topic
            UNION ALL
            SELECT a.article_id, true, x.acted_at
            FROM core.alert_action x JOIN core.alert a USING (alert_key)
            WHERE x.action = 'not_relevant' AND a.topic = $topic AND a.article_id IS NOT NULL
        ), newest AS (
            SELECT article_id, bad FROM marks
            QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY marked_at DESC) = 1
        )
        SELECT n.article_id, a.outlet, any_value(h.why), any_value(f.phrases)
        FROM newest n
        JOIN core.article a USING (article_id)
        LEFT JOIN core.topic_hit h ON h.article_id = n.article_id AND h.topic = $topic
        LEFT JOIN core.topic_feedback f ON f.article_id = n.article_id AND f.topic = $topic
        WHERE n.bad
        GROUP BY n.article_id, a.outlet
        """,
        {"topic": topic},
    ).fetchall()
    phrases: dict[str, int] = {}
    outlets: dict[str, int] = {}
    for _, outlet, why, stored in rows:
        for phrase in _phrases_of(why) or stored or []:
            phrases[phrase] = phrases.get(phrase, 0) + 1
        outlets[outlet or "unknown"] = outlets.get(outlet or "unknown", 0) + 1
    return FeedbackCounts(phrases=phrases, outlets=outlets, marks=len(rows))


def _phrases_of(why: str | None) -> list[str]:
    if not why:
        return []
    return [str(phrase) for phrase in json.loads(why).get("phrases", [])]
