"""A changed topic meets the stored articles: silently, in batches, from where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from alerts.backtest import sql_screen
from alerts.match import match_some
from storage.topics import rematch

if TYPE_CHECKING:
    from alerts.topics import TopicSet
    from storage.database import Store


def rematch_all(
    store: Store,
    topics: TopicSet,
    *,
    progress: Callable[[int], None] | None = None,
    max_batches: int | None = None,
) -> list[str]:
    """Bring stored hits up to date with `topics` (all topics in use, not a selection).

    Writes hits only, never an alert. Cheap when no topic changed. Returns the changed topics.
    """
    return rematch(
        store,
        match_some(topics),
        topics.versions,
        topics.titles,
        screens={topic.id: sql_screen(topic) for topic in topics.topics},
        progress=progress,
        max_batches=max_batches,
    )
