"""Loads topic files: folders or files in, a `TopicSet` out that the matcher can use.

Reads the disk once; matching itself is in match.py, the file format in topic_format.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from alerts.models import TopicInfo
from alerts.screen import Screen, make_screen
from alerts.topic_format import parse_topic
from alerts.topic_model import Topic
from extractors.errors import UsageError
from extractors.suggest import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSet:
    """The topics in use, with the compiled screen over all their phrases."""

    topics: tuple[Topic, ...]
    infos: Mapping[str, TopicInfo]
    screen: Screen = field(repr=False)

    def get(self, topic_id: str) -> Topic:
        """Return one topic.

        Raises:
            UsageError: there is no such topic; names those that there are.
        """
        for topic in self.topics:
            if topic.id == topic_id:
                return topic
        known = sorted(t.id for t in self.topics)
        raise UsageError(
            f"there is no topic {topic_id!r}: choose one of {', '.join(known) or 'none'}"
            + did_you_mean(topic_id, known)
        )

    def only(self, topic_ids: Iterable[str]) -> TopicSet:
        """Return a set of just these topics.

        Raises:
            UsageError: there is no such topic; names those that there are.
        """
        wanted = {self.get(topic_id).id for topic_id in topic_ids}
        return make_topic_set([topic for topic in self.topics if topic.id in wanted])

    @property
    def versions(self) -> dict[str, str]:
        """Topic id → version, as the store's ledger wants it."""
        return {topic.id: topic.version for topic in self.topics}

    @property
    def titles(self) -> dict[str, str]:
        """Topic id → title."""
        return {topic.id: topic.title for topic in self.topics}


def make_topic_set(topics: Sequence[Topic], *, engine: str = "auto") -> TopicSet:
    """Compile topics that are already read. `engine` as in `screen.make_screen`."""
    return TopicSet(
        topics=tuple(topics),
        infos=MappingProxyType({t.id: t.info for t in topics}),
        screen=make_screen(topics, engine=engine),
    )


def topic_files(paths: Sequence[Path]) -> list[Path]:
    """Return the topic files that `paths` (folders or files) name, in a fixed order.

    Raises:
        UsageError: a path does not exist, or a folder holds no topic file.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob("*.toml"))
            if not found:
                raise UsageError(f"{path}: no topic files (*.toml) in this folder")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError(f"{path}: there is no such file or folder of topics")
    return files


def load_topics(paths: Sequence[Path], *, engine: str = "auto") -> TopicSet:
    """Read all topic files under `paths`.

    Raises:
        UsageError: a file is wrong; one line with file, line, what is wrong, what to write.
    """
    topics: dict[str, Topic] = {}
    for path in topic_files(paths):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: cannot be read as UTF-8 text ({error})") from error
        topic = parse_topic(text, path)
        if topic.id in topics:
            raise UsageError(
                f"{path}: id {topic.id!r} is taken by {topics[topic.id].path}: choose another"
            )
        topics[topic.id] = topic
    return make_topic_set(list(topics.values()), engine=engine)
