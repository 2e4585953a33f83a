"""What a site's articles teach about its boilerplate. Not learnt yet in this version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alerts.topics import TopicSet
    from extractors.models import RawDocument
    from extractors.site_memory import HostMemory
    from flows.pipeline import BatchResult, Judged
    from storage.database import Store, Transaction


def load_sites(store: Store, documents: Sequence[RawDocument]) -> Mapping[str, HostMemory]:
    """Return what is known of the hosts of these documents, host → memory."""
    return {}


def learn_sites(tx: Transaction, judged: Sequence[Judged], result: BatchResult) -> None:
    """Let the newly stored articles teach their hosts' memories."""


def look_back(store: Store, hosts: Sequence[str], topics: TopicSet) -> int:
    """Clean stored articles of these hosts again; return how many changed."""
    return 0
