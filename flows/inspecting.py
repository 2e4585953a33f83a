"""What `presswatch inspect` does: documents in, what became of them out, nothing stored.

The functions that take `shared` run in worker processes (extractors/workers.py) and are therefore
importable by name. No I/O but the files that were named.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractors.documents import article_to_json, failed_article, process_document
from extractors.models import Article, RawDocument, Status
from extractors.readers import Unreadable, numbered_lines, read_json_line
from extractors.workers import Guarded, WorkerPool

if TYPE_CHECKING:
    from alerts.topics import TopicSet
    from extractors.site_memory import HostMemory

_FAILED = (Status.TIMEOUT, Status.OUT_OF_MEMORY, Status.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What every worker needs to know; travels once a worker."""

    base_dir: str
    name: str
    topic_paths: tuple[str, ...]
    memory: dict[str, HostMemory] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """One output line, and whether reading it failed."""

    line: str
    failed: bool = False


def inspect_jsonl(
    path: Path,
    topic_paths: list[Path],
    *,
    pool: WorkerPool,
    with_memory: bool = False,
) -> Iterator[Inspected]:
    """Yield an output line for each line of a JSONL, in order (design.md §3).

    With memory the file is read twice: first to learn what recurs on each host, then to clean.
    """
    shared = Shared(
        base_dir=str(path.parent), name=path.name, topic_paths=tuple(map(str, topic_paths))
    )
    if with_memory:
        shared = Shared(
            base_dir=shared.base_dir,
            name=shared.name,
            topic_paths=shared.topic_paths,
            memory=learn_file(path, shared, pool),
        )
    numbers: list[tuple[int, bytes]] = []

    def lines() -> Iterator[tuple[int, bytes]]:
        for item in numbered_lines(path):
            numbers.append(item)
            yield item

    for outcome in pool.map(inspect_line, lines(), shared=shared):
        number, line = numbers.pop(0)
        yield outcome.value if outcome.status is None else _dead_line(number, line, outcome)


def inspect_line(item: tuple[int, bytes], shared: Shared) -> Inspected:
    """Turn one line of the input into one line of the output."""
    number, line = item
    document = read_json_line(line, number, Path(shared.base_dir), shared.name)
    if isinstance(document, Unreadable):
        return Inspected(line=_error_line(document.doc_id, document.error), failed=True)
    article = process_document(document, memory=shared.memory)
    return Inspected(line=to_line(article, shared.topic_paths))


def to_line(article: Article, topic_paths: tuple[str, ...]) -> str:
    """Return the output line of an article, with its topics."""
    from flows.pipeline import USABLE, match_input

    hits: list[Any] = []
    if article.status in USABLE:
        from alerts.match import match_topics

        hits = match_topics(_topics(topic_paths), match_input(article))
    return json.dumps(article_to_json(article, hits), ensure_ascii=False)


@functools.lru_cache(maxsize=2)
def _topics(paths: tuple[str, ...]) -> TopicSet:
    from alerts.topics import load_topics

    return load_topics([Path(p) for p in paths])


def _error_line(doc_id: str, error: str, status: Status = Status.ERROR) -> str:
    article = failed_article(RawDocument(doc_id=doc_id), status, error)
    return json.dumps(article_to_json(article), ensure_ascii=False)


def _dead_line(number: int, line: bytes, outcome: Guarded) -> Inspected:
    """The output of a document that its worker did not survive."""
    doc_id = f"line {number}"
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        doc_id = str(json.loads(line)["id"])
    status = outcome.status or Status.ERROR
    return Inspected(line=_error_line(doc_id, outcome.error, status), failed=status in _FAILED)


# ---------------------------------------------------------------- site memory within one file


def learn_file(path: Path, shared: Shared, pool: WorkerPool) -> dict[str, HostMemory]:
    """Learn what recurs on the hosts of a file from all its documents."""
    from extractors.site_memory import learn_batch

    pages = (
        outcome.value
        for outcome in pool.map(read_for_memory, numbered_lines(path), shared=shared)
        if outcome.status is None and outcome.value is not None
    )
    return learn_batch(pages)


def read_for_memory(item: tuple[int, bytes], shared: Shared) -> Any:
    """Return what a document teaches of its host, None when it teaches nothing."""
    from extractors.site_memory import lesson_of

    number, line = item
    document = read_json_line(line, number, Path(shared.base_dir), shared.name)
    if isinstance(document, Unreadable) or not document.url:
        return None
    return lesson_of(process_document(document))
