"""What recurs on a site's articles: memory per host, learned from its documents.

In: the lines of documents.  Out: `HostMemory`, which knows a line when enough other stories of the
host carried it.  Pure: loading and saving is `storage/site_memory.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from extractors.lines import Shape

PROSE_OTHERS: Final = 2
"""Stories that must have carried a sentence before it counts as the site's (research, rule 5)."""

LINE_OTHERS: Final = 1


@dataclass(frozen=True, slots=True)
class HostMemory:
    """Line key -> number of distinct stories of the host it was seen in."""

    host: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def knows(self, shape: Shape) -> bool:
        """Tell whether the line is the site's own rather than the article's."""
        return self.counts.get(shape.key, 0) >= (PROSE_OTHERS if shape.prose else LINE_OTHERS)
