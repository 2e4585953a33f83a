"""Hits in stories, as the pipeline hands them to alerting, and the way into the outbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.intents import HitInStory
from alerts.models import AlertArticle, TopicHit, TopicInfo
from alerts.policy import AlertSettings, plan_alerts
from storage import outbox
from storage.database import Store

TOPIC = TopicInfo(topic="opcon", title="Wartime operational control", topic_version="abc")
SETTINGS = AlertSettings()


def article(n: int, *, story: int = 1, outlet: str | None = None, **more: Any) -> AlertArticle:
    """Return article `n` of a story, published five minutes ago."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "article_id": n,
        "story_id": story,
        "title": f"Allies agree on a roadmap, part {n}",
        "url": f"https://news.example/{n}",
        "outlet": outlet or f"Outlet {n}",
        "country": "kr",
        "tier": 1,
        "language": "en",
        "published_at": now - timedelta(minutes=5),
        "fetched_at": now,
    }
    return AlertArticle(**(values | more))


def hit(
    n: int,
    *,
    topic: TopicInfo = TOPIC,
    level: str = "alert",
    backfill: bool = False,
    **more: Any,
) -> HitInStory:
    """Return a hit of a topic in article `n`."""
    snippet = "The OPCON transfer is due soon."
    return HitInStory(
        article=article(n, **more),
        hit=TopicHit(
            topic=topic.topic,
            topic_version="abc",
            level=level,  # type: ignore[arg-type]
            score=15,
            why={"snippet": snippet, "spans": [[4, 18]], "line": 'opcon 15: "OPCON transfer"'},
        ),
        topic=topic,
        backfill=backfill,
    )


def put(store: Store, *hits: HitInStory, settings: AlertSettings = SETTINGS) -> int:
    """Write the alerts of hits into the outbox; return how many messages are new."""
    with store.write() as tx:
        stories = {h.article.story_id for h in hits}
        context = outbox.alert_context(tx.con, stories, now=tx.now)
        return outbox.enqueue(tx, plan_alerts(hits, context, settings, tx.now))
