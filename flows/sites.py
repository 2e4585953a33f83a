"""What a site's articles teach about its boilerplate, and what follows for stored articles.

Learning belongs to the transaction that stores the articles. Looking back happens after it: when
lines have become known as boilerplate, stored articles of the host are cleaned again and their
topic hits are judged anew. That never sends an alert; an alert that has not left yet is withdrawn
when its only evidence has vanished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alerts.intents import EVIDENCE_GONE
from alerts.match import match_topics
from extractors.urls import canonicalise, host_of
from storage.articles import delete_topic_hits, unsupported_alerts
from storage.outbox import withdraw
from storage.search import reindex_articles
from storage.site_memory import learn, load_memory, reclean_hosts
from storage.topics import read_article, save_hits

if TYPE_CHECKING:
    from alerts.topics import TopicSet
    from extractors.models import RawDocument
    from extractors.site_memory import HostMemory
    from flows.pipeline import BatchResult, Judged
    from storage.database import Store, Transaction


def load_sites(store: Store, documents: Sequence[RawDocument]) -> Mapping[str, HostMemory]:
    """Return what is known of the hosts of these documents, host → memory."""
    hosts = {host_of(url) for doc in documents if doc.url and (url := canonicalise(doc.url))}
    if not hosts:
        return {}
    with store.write() as tx:  # the writer's own file: the published one may be a run behind
        return load_memory(tx.con, sorted(hosts))


def learn_sites(tx: Transaction, judged: Sequence[Judged], result: BatchResult) -> None:
    """Let the newly stored articles teach their hosts' memories."""
    rows = [
        (stored.article_id, item.host, item.article)
        for item, stored in zip(judged, result.items, strict=True)
        if stored.fold is not None and item.host
    ]
    if rows:
        learn(tx, rows)


def look_back(store: Store, hosts: Sequence[str], topics: TopicSet) -> int:
    """Clean stored articles of these hosts again where the memory knows more now.

    Returns:
        The number of articles whose body changed.
    """
    if not hosts:
        return 0
    with store.write() as tx:
        changed = reclean_hosts(tx, hosts, now=tx.now)
        if not changed:
            return 0
        texts = [text for n in changed if (text := read_article(tx.con, n)) is not None]
        reindex_articles(
            tx,
            [text.article_id for text in texts],
            [text.item.title for text in texts],
            [text.item.body for text in texts],
        )
        hits = []
        stories = set()
        for text in texts:
            article_id = text.article_id
            if text.story_id is not None:
                stories.add(text.story_id)
            hits += [(article_id, text.story_id, hit) for hit in match_topics(topics, text.item)]
        delete_topic_hits(tx, changed, sorted(topics.infos))
        save_hits(tx, hits)
        gone = unsupported_alerts(tx.con, sorted(stories))
        withdraw(tx, gone, EVIDENCE_GONE)
    return len(changed)
