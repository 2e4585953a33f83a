"""What a boilerplate rule is, and what it is when one fires.

In: nothing.  Out: the two records that the loader, the index and the cleaner share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_WIDTH: Final = 120
"""Default width up to which a rule applies: a cue inside a longer line is talk about the thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Phrases are compared with the normalised line (NFKC, lower case, single blanks)."""

    name: str  # file and name: `ja:related-heading`
    category: str
    reason: str
    action: str = "remove"
    lines: tuple[str, ...] = ()  # the whole line, edge signs aside, digits as 0
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    needs: tuple[str, ...] = ()  # the pattern is tried only when the line holds one of these
    place: str = "any"
    max_width: int = MAX_WIDTH
    prose: bool = True  # may hit a line that reads as a sentence
    provenance: str = ""
    field: str = ""  # "published", "author", "title": what the line yields
    match: tuple[str, ...] = ()
    miss: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A rule that fired, and where in the normalised line (for `cut`: in the line's last part)."""

    rule: Rule
    start: int
    end: int
    phrase: bool = False  # by one of `contains`
