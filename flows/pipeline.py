"""From cleaned articles to stored rows: known or new, folded, matched, owed to somebody.

`judge` is pure and can run anywhere. `store_batch` does its work inside one write transaction of
the caller: articles, blocks, keys, stories, topic hits and outbox rows become visible together
or not at all. `run`, `ingest` and the demo all go through here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alerts.intents import HitInStory
from alerts.match import match_topics
from alerts.models import AlertArticle, MatchInput, TopicHit
from alerts.policy import AlertSettings, plan_alerts
from extractors.lines import count_words
from extractors.models import Article, BlockKind, Outcome, Status
from extractors.origins import credited_agency
from extractors.sketch import Sketch, make_sketch
from extractors.urls import host_of, key_of
from storage.articles import StoredArticle, insert_articles, reserve_article_ids
from storage.folding import Fold, FoldInput, fold_batch
from storage.identity import article_keys, insert_article_keys, known_keys
from storage.known import Key
from storage.outbox import alert_context, enqueue
from storage.search import index_articles
from storage.topics import save_hits

if TYPE_CHECKING:
    from alerts.topics import TopicSet
    from extractors.vectors import Encoder
    from storage.database import Transaction

USABLE = frozenset({Status.OK, Status.FEED_CONTENT})
BLOCKED = frozenset({Status.PAYWALL, Status.COOKIE_WALL, Status.CHALLENGE})
BATCH = 200  # one transaction: .03 ms an article instead of 4.5 (research/prefect-and-duckdb.md)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An article with all that can be said of it without the store."""

    article: Article
    sketch: Sketch
    hits: tuple[TopicHit, ...]
    keys: tuple[Key, ...]
    host: str | None
    body_hash: int
    words: int
    agency: str | None
    fetched_at: datetime
    backfill: bool = False

    @property
    def at(self) -> datetime:
        """The article's own time: when it was published, else when it was fetched."""
        return self.article.published_at or self.fetched_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """How one article of a batch ended. `article_id` is the earlier one's if it was known."""

    outcome: Outcome
    article_id: int
    fold: Fold | None = None
    hits: tuple[TopicHit, ...] = ()


@dataclass(slots=True)
class BatchResult:
    """What one transaction stored, in the order of its input."""

    items: list[Stored] = field(default_factory=list)
    alerts: int = 0

    def outcomes(self) -> Counter[Outcome]:
        """Count the items by outcome."""
        return Counter(item.outcome for item in self.items)


def match_input(article: Article) -> MatchInput:
    """Return what the matcher reads of an article."""
    return MatchInput(
        title=article.title or "",
        body=article.body,
        language=article.language,
        country=article.doc.country,
        tier=article.doc.tier,
        outlet=article.outlet,
        ignored=tuple(
            (str(block.kind), block.text)
            for block in article.blocks
            if block.kind is not BlockKind.BODY
        ),
    )


def judge(
    article: Article, topics: TopicSet, *, now: datetime | None = None, backfill: bool = False
) -> Judged:
    """Match, sketch and key an article. Pure; an unusable page matches nothing."""
    doc = article.doc
    body = article.body
    usable = article.status in USABLE
    return Judged(
        article=article,
        sketch=make_sketch(
            body if usable else "", article.title, article.language, article.published_at
        ),
        hits=tuple(match_topics(topics, match_input(article))) if usable else (),
        keys=article_keys(
            external_id=None if doc.guid else doc.doc_id,
            source=doc.outlet or doc.feed,
            url=article.url,
            canonical_url=article.canonical_url,
            feed=doc.feed,
            guid=doc.guid,
        ),
        host=host_of(article.url) if article.url else None,
        body_hash=key_of(body),
        words=count_words(body),
        agency=credited_agency(article),
        fetched_at=doc.fetched_at or now or datetime.now(UTC),
        backfill=backfill,
    )


def store_batch(
    tx: Transaction,
    batch: Sequence[Judged],
    *,
    topics: TopicSet,
    alerting: AlertSettings | None,
    alerting_topics: frozenset[str] | None = None,
    encoder: Encoder | None = None,
) -> BatchResult:
    """Store a batch in the open transaction.

    Args:
        tx: the write transaction.
        batch: up to a few hundred articles, in the order in which they were seen.
        topics: the topics in use (titles, severities, channels).
        alerting: settings of alerting; None writes no outbox row at all (`ingest`).
        encoder: sentence vectors for stories (extra `vectors`); None links without them.
        alerting_topics: only these may alert; None means all. All topics are matched either way.
    """
    ids = reserve_article_ids(tx, len(batch))
    plan = _identify(tx, batch, ids)
    fresh = [n for n, (known, _) in enumerate(plan) if known is None]
    usable = [n for n in fresh if batch[n].article.status in USABLE]
    folds = dict(
        zip(
            usable,
            fold_batch(
                tx,
                [_fold_input(batch[n], ids[n], plan[n][1]) for n in usable],
                encoder=encoder,
            ),
            strict=True,
        )
    )
    insert_articles(tx, [_row(batch[n], ids[n], folds.get(n)) for n in fresh])
    insert_article_keys(tx, [(ids[n], batch[n].keys, batch[n].at) for n in fresh])
    index_articles(
        tx,
        [ids[n] for n in usable],
        [batch[n].article.title for n in usable],
        [batch[n].article.body for n in usable],
    )
    save_hits(
        tx,
        [(ids[n], folds[n].story_id, hit) for n in usable for hit in batch[n].hits],
    )
    result = BatchResult()
    for n, item in enumerate(batch):
        known = plan[n][0]
        if known is not None:
            result.items.append(Stored(outcome=Outcome.KNOWN, article_id=known))
            continue
        fold = folds.get(n)
        result.items.append(
            Stored(outcome=_outcome(item, fold), article_id=ids[n], fold=fold, hits=item.hits)
        )
    if alerting is not None:
        result.alerts = _owe(
            tx, batch, ids, folds, topics, alerting, alerting_topics or frozenset(topics.infos)
        )
    return result


def _identify(
    tx: Transaction, batch: Sequence[Judged], ids: Sequence[int]
) -> list[tuple[int | None, int | None]]:
    """Return for each article (the stored one it is, or None; the one it is a version of)."""
    found = known_keys(tx, [item.keys for item in batch])
    earlier = sorted({n for match in found for n in match.values()})
    hashes: dict[int, int] = {}
    if earlier:
        hashes = dict(
            tx.con.execute(
                "SELECT article_id, body_hash FROM core.article "
                "WHERE article_id IN (SELECT unnest(?::BIGINT[])) AND article_id BETWEEN ? AND ?",
                [earlier, earlier[0], earlier[-1]],
            ).fetchall()
        )
    own: dict[Key, int] = {}
    plan: list[tuple[int | None, int | None]] = []
    for n, item in enumerate(batch):
        match = dict(found[n])
        for kind, key in item.keys:
            if (kind, key) in own:
                match.setdefault(kind, own[kind, key])
        same = match.get("guid", match.get("id"))
        before = same if same is not None else match.get("url")
        known: int | None = None
        version: int | None = None
        if before is not None:
            unchanged = hashes.get(before) == item.body_hash
            if unchanged and (same is not None or item.article.doc.guid is not None):
                known = before
            elif not unchanged:
                version = before
        plan.append((known, version))
        if known is None:
            hashes[ids[n]] = item.body_hash
            own.update(dict.fromkeys(item.keys, ids[n]))
    return plan


def _fold_input(item: Judged, article_id: int, version_of: int | None) -> FoldInput:
    article = item.article
    return FoldInput(
        article_id=article_id,
        sketch=item.sketch,
        fetched_at=item.fetched_at,
        published_at=article.published_at,
        external_id=article.doc.doc_id,
        url=article.url,
        canonical_url=article.canonical_url,
        host=item.host,
        outlet=article.outlet,
        title=article.title,
        language=article.language,
        body_hash=item.body_hash,
        topics=tuple(hit.topic for hit in item.hits),
        words=item.words,
        provenance=article.provenance,
        agency=item.agency,
        version_of=version_of,
    )


def _row(item: Judged, article_id: int, fold: Fold | None) -> StoredArticle:
    row = StoredArticle(
        article_id=article_id,
        article=item.article,
        fetched_at=item.fetched_at,
        host=item.host,
        body_hash=item.body_hash,
        words=item.words,
        backfill=item.backfill,
    )
    if fold is None:
        return row
    return replace(
        row,
        story_id=fold.story_id,
        duplicate_of=fold.duplicate_of,
        duplicate_level=fold.duplicate_level,
        fold_reason={**fold.reason, "link": fold.link_reason} if fold.link_reason else fold.reason,
    )


def _outcome(item: Judged, fold: Fold | None) -> Outcome:
    if fold is None:
        return Outcome.BLOCKED if item.article.status in BLOCKED else Outcome.UNUSABLE
    if fold.duplicate_level == "version":
        return Outcome.UPDATED
    return Outcome.DUPLICATE if fold.duplicate_of is not None else Outcome.STORED


def _owe(
    tx: Transaction,
    batch: Sequence[Judged],
    ids: Sequence[int],
    folds: Mapping[int, Fold],
    topics: TopicSet,
    settings: AlertSettings,
    allowed: frozenset[str],
) -> int:
    hits = [
        HitInStory(
            article=alert_article(batch[n], ids[n], fold),
            hit=hit,
            topic=topics.infos[hit.topic],
            backfill=batch[n].backfill,
            change="update" if fold.duplicate_level == "version" else "new",
        )
        for n, fold in folds.items()
        for hit in batch[n].hits
        if hit.topic in allowed
    ]
    if not hits:
        return 0
    stories = sorted({hit.article.story_id for hit in hits})
    context = alert_context(tx.con, stories, now=tx.now)
    return enqueue(tx, plan_alerts(hits, context, settings, tx.now))


def alert_article(item: Judged, article_id: int, fold: Fold) -> AlertArticle:
    """Return what a message shows of an article."""
    article = item.article
    return AlertArticle(
        article_id=article_id,
        story_id=fold.story_id,
        title=article.title or first_words(article.body),
        url=article.canonical_url or article.url,
        outlet=article.outlet or item.host or "unknown outlet",
        country=article.doc.country,
        tier=article.doc.tier,
        language=article.language,
        published_at=article.published_at,
        fetched_at=item.fetched_at,
        provenance=article.provenance,
        duplicate_level=fold.duplicate_level,
        duplicate_of=fold.duplicate_of,
    )


def first_words(text: str, limit: int = 90) -> str:
    """Return the beginning of a text as a stand-in for a missing title."""
    line = text.split("\n", 1)[0].strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def batches(items: Iterable[Any], size: int = BATCH) -> Iterable[list[Any]]:
    """Cut `items` into lists of up to `size`."""
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
