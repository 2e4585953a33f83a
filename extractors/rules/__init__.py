"""Boilerplate rules as data: one TOML file a language, `general.toml`, and `sites.toml`.

In: the TOML files beside this module, and an operator's own folder of such files.
Out: a `RuleSet` that tells which rule fires on a line.  The format is in docs/boilerplate-rules.md.
Nothing here knows about articles: where in the page a rule may fire is asked by the cleaner.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from extractors.errors import UsageError
from extractors.lines import Shape, normalize, shape_of
from extractors.models import Line
from extractors.rules.index import RuleIndex
from extractors.rules.model import MAX_WIDTH, Hit, Rule

__all__ = [
    "ACTIONS", "CUT_CHARS", "FILES", "FOLDER_VARIABLE", "MAX_WIDTH", "PLACES", "Hit", "Rule",
    "RuleSet", "builtin_rules", "load_rules", "parse_rules", "parse_sites",
]  # fmt: skip

ACTIONS: Final = ("remove", "ends", "box", "keep", "cut", "note")
"""remove: the line is boilerplate.  ends: a heading that ends the article.  box: a heading of a
box inside the article.  keep: never boilerplate by shape.  cut: the matched end of a longer line
is boilerplate, the rest stays.  note: says something (provenance), stays where it is."""

PLACES: Final = ("any", "head", "tail", "edge")
"""head: before the first sentence of the body; tail: after the last; edge: either."""

FOLDER_VARIABLE: Final = "PRESSWATCH_RULES_FOLDER"
FILES: Final = ("general", "en", "ko", "ja", "zh", "de", "fr", "es")
_KNOWN: Final = frozenset({
    "name", "category", "reason", "action", "lines", "starts", "ends", "contains", "pattern",
    "needs", "place", "max_width", "prose", "provenance", "match", "miss", "ignore_case", "field",
})  # fmt: skip


class RuleSet:
    """Rules of all languages, and of sites. Immutable once built; safe to share by threads."""

    def __init__(
        self,
        rules: Mapping[str, Sequence[Rule]],
        sites: Mapping[str, Sequence[Rule]] | None = None,
        off: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.rules: dict[str, tuple[Rule, ...]] = {k: tuple(v) for k, v in rules.items()}
        self.sites: dict[str, tuple[Rule, ...]] = {k: tuple(v) for k, v in (sites or {}).items()}
        self.off: dict[str, frozenset[str]] = dict(off or {})
        self._order = {rule.name: n for n, rule in enumerate(self)}  # as written in the files
        self._index: dict[tuple[str, ...], RuleIndex] = {}
        self._site_index = {k: RuleIndex(v) for k, v in self.sites.items()}

    def __iter__(self) -> Iterator[Rule]:
        for group in (*self.rules.values(), *self.sites.values()):
            yield from group

    @cached_property
    def row_names(self) -> frozenset[str]:
        """Names of sections and buttons, in all languages: what rules hold as whole lines."""
        return frozenset(
            line
            for rules in self.rules.values()
            for rule in rules
            if rule.category in ("nav", "share", "ui")
            for line in rule.lines
        )

    def hits(self, shape: Shape, host: str | None = None) -> list[Hit]:
        """Return every rule that fires on the line, sites first, then the line's languages."""
        found: list[Hit] = []
        off: frozenset[str] = frozenset()
        for site in _host_suffixes(host) if self._site_index or self.off else ():
            if site in self._site_index:
                found += self._site_index[site].hits(shape)
            off |= self.off.get(site, frozenset())
        found += self._joined(_files_for(shape)).hits(shape)
        if off:
            found = [h for h in found if h.rule.name not in off]
        return sorted(found, key=lambda h: self._order[h.rule.name]) if len(found) > 1 else found

    def _joined(self, names: tuple[str, ...]) -> RuleIndex:
        """The index of several files together: a line is looked up once."""
        known = self._index.get(names)
        if known is None:
            known = RuleIndex(rule for name in names for rule in self.rules.get(name, ()))
            self._index[names] = known
        return known

    def cuts(self, shape: Shape) -> Hit | None:
        """Return the first rule that cuts the end of a longer line off, or None."""
        index = self._joined(_files_for(shape))
        tail, low = shape.norm, shape.low
        if len(shape.text) > CUT_CHARS:
            tail = normalize(shape.text[-CUT_CHARS:])
            low = tail.lower()
        for rule in index.cuts_for(low):
            assert rule.pattern is not None
            found = rule.pattern.search(tail)
            if found:
                return Hit(rule=rule, start=found.start(), end=found.end())
        return None


CUT_CHARS: Final = 240
"""Characters at the end of a line that `cut` rules see."""


def _files_for(shape: Shape) -> tuple[str, ...]:
    return _files(shape.latin > 0, shape.has_hangul, shape.has_kana, shape.has_han)


@lru_cache(maxsize=16)
def _files(latin: bool, hangul: bool, kana: bool, han: bool) -> tuple[str, ...]:
    names = ["general"]
    if latin:
        names += ("en", "de", "fr", "es")
    if hangul:
        names.append("ko")
    if kana:
        names.append("ja")
        if han:
            names.append("zh")
    elif han:
        names += ("ja", "zh")
    return tuple(names)


def _host_suffixes(host: str | None) -> list[str]:
    if not host:
        return []
    parts = host.lower().rstrip(".").split(".")
    return [".".join(parts[i:]) for i in range(min(len(parts) - 1, 8))]


# --------------------------------------------------------------------------- loading
def parse_rules(text: str, *, origin: str, file: str) -> list[Rule]:
    """Read one language file. Raises `UsageError` naming file and rule when something is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{origin}: not valid TOML: {error}") from error
    return [_rule(raw, origin=origin, file=file) for raw in data.get("rule", [])]


def parse_sites(
    text: str, *, origin: str
) -> tuple[dict[str, list[Rule]], dict[str, frozenset[str]]]:
    """Read a sites file: `[site."host"]` with `off = [...]` and `[[site."host".rule]]`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{origin}: not valid TOML: {error}") from error
    rules: dict[str, list[Rule]] = {}
    off: dict[str, frozenset[str]] = {}
    for host, entry in data.get("site", {}).items():
        if not isinstance(entry, dict):
            raise UsageError(f'{origin}: [site."{host}"] must be a table')
        off[host.lower()] = frozenset(entry.get("off", ()))
        rules[host.lower()] = [
            _rule(raw, origin=origin, file=f"site/{host.lower()}") for raw in entry.get("rule", [])
        ]
    return rules, off


def _rule(raw: Mapping[str, Any], *, origin: str, file: str) -> Rule:
    name = raw.get("name")
    if not isinstance(name, str) or not name:
        raise UsageError(f"{origin}: a rule without a name")
    where = f"{origin}: rule {name!r}"
    unknown = sorted(set(raw) - _KNOWN)
    if unknown:
        raise UsageError(f"{where}: unknown key {', '.join(unknown)}")
    for key in ("category", "reason"):
        if not isinstance(raw.get(key), str):
            raise UsageError(f"{where}: {key} is missing")
    action, place = raw.get("action", "remove"), raw.get("place", "any")
    if action not in ACTIONS:
        raise UsageError(f"{where}: action {action!r} is none of {', '.join(ACTIONS)}")
    if place not in PLACES:
        raise UsageError(f"{where}: place {place!r} is none of {', '.join(PLACES)}")
    if not raw.get("match"):
        raise UsageError(f"{where}: needs at least one example in match")
    pattern = None
    if "pattern" in raw:
        try:
            pattern = re.compile(raw["pattern"], re.I if raw.get("ignore_case", True) else 0)
        except re.error as error:
            raise UsageError(f"{where}: pattern: {error}") from error
    if action == "cut" and pattern is None:
        raise UsageError(f"{where}: action cut needs a pattern")
    phrases = {k: _phrases(raw.get(k, ()), where, k) for k in ("lines", "starts", "ends",
                                                               "contains", "needs")}  # fmt: skip
    if not (pattern or any(phrases[k] for k in ("lines", "starts", "ends", "contains"))):
        raise UsageError(f"{where}: has neither phrases nor a pattern")
    phrases["lines"] = tuple(shape_of(Line(text=p)).key for p in phrases["lines"])
    return Rule(
        name=f"{file}:{name}",
        category=raw["category"],
        reason=raw["reason"],
        action=action,
        pattern=pattern,
        place=place,
        max_width=int(raw.get("max_width", MAX_WIDTH)),
        prose=bool(raw.get("prose", True)),
        provenance=raw.get("provenance", ""),
        field=raw.get("field", ""),
        match=tuple(raw["match"]),
        miss=tuple(raw.get("miss", ())),
        **phrases,
    )


def _phrases(raw: Any, where: str, key: str) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not all(isinstance(p, str) and p for p in raw):
        raise UsageError(f"{where}: {key} must be a list of phrases")
    phrases = tuple(normalize(p).lower() for p in raw)
    if not all(phrases):
        raise UsageError(f"{where}: {key} holds a phrase of blanks only")
    return phrases


@lru_cache(maxsize=1)
def builtin_rules() -> RuleSet:
    """The rules in use when none are given: the shipped ones, and the operator's.

    The operator's folder is named by `FOLDER_VARIABLE`, so that worker processes find it too.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    return load_rules(Path(folder) if folder else None)


def load_rules(folder: Path | None) -> RuleSet:
    """Built-in rules, extended by the TOML files in an operator's `folder`.

    Files named like a built-in one add rules to it, `sites.toml` adds sites; a rule with the name
    of a built-in rule replaces it. Any other file name is read as rules for all lines.
    Raises `UsageError` (file, rule, what is wrong).
    """
    groups: dict[str, list[Rule]] = {}
    sites: dict[str, list[Rule]] = {}
    off: dict[str, frozenset[str]] = {}
    here = resources.files(__name__)
    sources = [(f"{n}.toml", (here / f"{n}.toml").read_text("utf-8")) for n in (*FILES, "sites")]
    if folder is not None:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder of boilerplate rules")
        sources += [(str(p), p.read_text("utf-8")) for p in sorted(folder.glob("*.toml"))]
    for origin, text in sources:
        stem = Path(origin).stem
        if stem == "sites":
            new_rules, new_off = parse_sites(text, origin=origin)
            for host, rules in new_rules.items():
                _extend(sites.setdefault(host, []), rules)
            for host, names in new_off.items():
                off[host] = off.get(host, frozenset()) | names
            continue
        file = stem if stem in FILES else "general"
        new = parse_rules(text, origin=origin, file=stem)
        _extend(groups.setdefault(file, []), new)
    return RuleSet(groups, sites, off)


def _extend(into: list[Rule], rules: Iterable[Rule]) -> None:
    for rule in rules:
        at = next((i for i, r in enumerate(into) if r.name == rule.name), None)
        if at is None:
            into.append(rule)
        else:
            into[at] = replace(rule)
