"""Reads one topic file: TOML in, a checked `Topic` out, or an error that says what to write.

Every mistake is a `UsageError` of one line: file, line, what is wrong, what to write instead.
Unknown keys are errors. TOML parsers give no line numbers for such mistakes, so the line is found
by looking the key up in the text. The format is described in docs/topics.md. It does not match
anything (match.py) and does not judge whether a topic is a good one (lint.py).
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

from alerts.topic_model import (
    DEFAULT_MIN_SCORE,
    DEFAULT_WEIGHTS,
    ZONES,
    Example,
    Expectation,
    Near,
    Phrase,
    Rule,
    Topic,
    make_phrase,
)
from extractors.errors import UsageError

# Part of every topic's version: raised when the matcher itself would decide otherwise, so that
# stored hits are made anew.
MATCHER_VERSION = 2  # 2: short Korean phrases with a dash; why-lines in the text's words
MAX_NEAR_WORDS = 200

TOPIC_KEYS = (
    *("id", "title", "description", "languages", "min_score", "mentions", "severity", "channel"),
    *("cooldown", "sources", "weights", "lists", "rule", "example"),
)
RULE_KEYS = (
    *("name", "score", "any", "near", "with", "without"),
    *("not", "not_near", "case", "context_case", "zones"),
)
EXAMPLE_KEYS = ("text", "title", "expect", "lang", "country", "note")
EXPECTATIONS = ("alert", "mention", "hit", "none")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*|all")


class _Reader:
    """One file while it is read: knows how to point at a line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        # Every value asks for its line, and a start-up reads a dozen files of 500 values.
        self._tables: dict[str, list[int]] = {}
        self._found: dict[tuple[str, int, str | None], int] = {}

    def find(self, table: str, index: int, key: str | None = None) -> int:
        """Return the line of `key` in the index-th `[[table]]` (or `[table]`), else of the table.

        `table` "" is the top of the file. Lines count from 1.
        """
        place = (table, index, key)
        if place not in self._found:
            self._found[place] = self._search(table, index, key)
        return self._found[place]

    def _search(self, table: str, index: int, key: str | None) -> int:
        start = 0
        if table:
            places = self._places(table)
            if not places:
                return self._find_key(table.split(".")[0], 0) or 1
            start = places[min(index, len(places) - 1)]
        if key is None:
            return start + 1
        return self._find_key(key, start + 1 if table else 0) or start + 1

    def _places(self, table: str) -> list[int]:
        if table not in self._tables:
            header = re.compile(rf"\s*\[\[?\s*{re.escape(table)}\s*\]\]?")
            self._tables[table] = [i for i, line in enumerate(self.lines) if header.match(line)]
        return self._tables[table]

    def _find_key(self, key: str, start: int) -> int | None:
        pattern = re.compile(rf'\s*"?{re.escape(key)}"?\s*[.=\]]|\s*\[\[?\s*{re.escape(key)}\b')
        for i in range(start, len(self.lines)):
            if pattern.match(self.lines[i]):
                return i + 1
            if i > start and re.match(r"\s*\[", self.lines[i]) and start:
                break
        return None

    def find_text(self, text: str, start: int) -> int:
        """Return the first line from `start` on that holds `text`, else `start`."""
        for i in range(max(0, start - 1), len(self.lines)):
            if text in self.lines[i]:
                return i + 1
        return start

    def fail(self, line: int, message: str) -> NoReturn:
        raise UsageError(f"{self.path}:{line}: {message}")


def _check_keys(
    reader: _Reader, line_of: Any, table: Mapping[str, Any], known: Sequence[str], where: str
) -> None:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
            reader.fail(line_of(key), f"{where}unknown key {key!r}: {hint}")


def _text(reader: _Reader, line: int, value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        reader.fail(line, f"{where} must be a text in quotes, not {value!r}")
    return value


def _number(reader: _Reader, line: int, value: Any, where: str, *, positive: bool = True) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or (positive and value <= 0):
        reader.fail(line, f"{where} must be a number above 0, not {value!r}")
    return float(value)


def _choice(reader: _Reader, line: int, value: Any, allowed: Sequence[str], where: str) -> str:
    if value not in allowed:
        reader.fail(line, f"{where} must be one of {', '.join(allowed)}, not {value!r}")
    return cast(str, value)


def parse_duration(value: str) -> float:
    """Return seconds for "90s", "30m", "6h", "2d".

    Raises:
        ValueError: any other text.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value)
    if not match:
        raise ValueError(value)
    return float(match.group(1)) * _UNITS[match.group(2)]


def _phrases(
    reader: _Reader, line: int, values: Any, where: str, lang: str = "all"
) -> list[Phrase]:
    if not isinstance(values, list) or not values:
        reader.fail(line, f'{where} must be a list of phrases such as ["OPCON transfer"]')
    found = []
    for value in values:
        if not isinstance(value, str) or not value.strip():
            reader.fail(line, f"{where}: a phrase must be a text in quotes, not {value!r}")
        try:
            found.append(make_phrase(value, lang))
        except ValueError as error:
            reader.fail(reader.find_text(value, line), f"{where}: phrase {value!r}: {error}")
    return found


def _read_lists(reader: _Reader, table: Any) -> dict[str, tuple[Phrase, ...]]:
    if not isinstance(table, dict):
        reader.fail(reader.find("lists", 0), "lists must be tables: write [lists.NAME]")
    lists: dict[str, tuple[Phrase, ...]] = {}
    for name, content in table.items():
        line = reader.find(f"lists.{name}", 0)
        if isinstance(content, list):
            lists[name] = tuple(_phrases(reader, line, content, f"list {name!r}"))
            continue
        if not isinstance(content, dict) or not content:
            reader.fail(line, f'list {name!r}: write en = ["..."] below [lists.{name}]')
        phrases: list[Phrase] = []
        for lang, values in content.items():
            key_line = reader.find(f"lists.{name}", 0, lang)
            if not _LANGUAGE.fullmatch(lang):
                reader.fail(key_line, f"list {name!r}: {lang!r} is not a language code such as ko")
            phrases += _phrases(reader, key_line, values, f"list {name!r}.{lang}", lang)
        lists[name] = tuple(phrases)
    return lists


class _RuleReader:
    """Reads one `[[rule]]`."""

    def __init__(
        self, reader: _Reader, index: int, table: Any, lists: Mapping[str, tuple[Phrase, ...]]
    ) -> None:
        self.reader, self.index, self.lists = reader, index, lists
        self.used: set[str] = set()
        if not isinstance(table, dict):
            reader.fail(reader.find("rule", index), "write each rule below a line [[rule]]")
        self.table = table
        name = table.get("name")
        self.where = f"rule {index + 1}" + (f" “{name}”" if isinstance(name, str) else "") + ": "

    def line(self, key: str | None = None) -> int:
        return self.reader.find("rule", self.index, key)

    def terms(self, key: str, values: Any) -> tuple[Phrase, ...]:
        """Read a list of contexts in which `@name` stands for a list of the file."""
        line = self.line(key)
        if not isinstance(values, list) or not values:
            self.reader.fail(line, f'{self.where}{key} must be a list such as ["@naval", "Navy"]')
        found: list[Phrase] = []
        for value in values:
            if isinstance(value, str) and value.startswith("@"):
                name = value[1:]
                if name not in self.lists:
                    known = ", ".join("@" + n for n in self.lists) or "none is defined"
                    self.reader.fail(
                        self.reader.find_text(value, line),
                        f"{self.where}{key}: list {value!r} is not defined ({known}): "
                        f"add [lists.{name}]",
                    )
                self.used.add(name)
                found += self.lists[name]
            else:
                found += _phrases(self.reader, line, [value], f"{self.where}{key}")
        return tuple(found)

    def nears(self, key: str) -> tuple[Near, ...]:
        value = self.table.get(key)
        if value is None:
            return ()
        found = []
        for entry in value if isinstance(value, list) else [value]:
            line = self.line(key)
            form = f'{key} = {{ words = 20, any = ["navy"] }}'
            if not isinstance(entry, dict):
                self.reader.fail(line, f"{self.where}write {form}")
            _check_keys(
                self.reader, lambda _, n=line: n, entry, ("words", "any"), f"{self.where}{key}: "
            )
            words = entry.get("words")
            if not isinstance(words, int) or isinstance(words, bool):
                self.reader.fail(line, f"{self.where}{key} needs a number of words: {form}")
            if not 1 <= words <= MAX_NEAR_WORDS:
                self.reader.fail(
                    line, f"{self.where}{key}: words must be 1 to {MAX_NEAR_WORDS}, not {words}"
                )
            if "any" not in entry:
                self.reader.fail(line, f"{self.where}{key} needs a list: {form}")
            terms = self.terms(key, entry["any"])
            found.append(Near(words=words, terms=terms, label=_label(entry["any"])))
        return tuple(found)

    def _flag(self, key: str) -> bool:
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            self.reader.fail(
                self.line(key), f"{self.where}{key} must be true or false, not {value!r}"
            )
        return value

    def read(self) -> Rule:
        table, reader, where = self.table, self.reader, self.where
        _check_keys(reader, self.line, table, RULE_KEYS, where)
        if "name" not in table:
            reader.fail(self.line(), f'{where}has no name: write name = "what it finds"')
        name = _text(reader, self.line("name"), table["name"], f"{where}name")
        phrases = self._any()
        case, context_case = self._flag("case"), self._flag("context_case")
        zones = table.get("zones", list(ZONES))
        if not isinstance(zones, list) or not zones:
            reader.fail(self.line("zones"), f'{where}zones must be a list such as ["title"]')
        for zone in zones:
            _choice(reader, self.line("zones"), zone, ZONES, f"{where}zones")
        nots: tuple[Phrase, ...] = ()
        if "not" in table:
            nots = self.terms("not", table["not"])
            if any(p.country for p in nots):
                reader.fail(
                    self.line("not"), f"{where}not takes phrases; write source:xx in without"
                )
        return Rule(
            name=name,
            score=_number(
                reader, self.line("score"), table.get("score", DEFAULT_MIN_SCORE), f"{where}score"
            ),
            phrases=phrases,
            near=self.nears("near"),
            not_near=self.nears("not_near"),
            with_any=self.terms("with", table["with"]) if "with" in table else (),
            with_label=_label(table.get("with", [])),
            without=self.terms("without", table["without"]) if "without" in table else (),
            without_label=_label(table.get("without", [])),
            nots=nots,
            case=case,
            context_case=context_case,
            zones=frozenset(zones),
            line=self.line(),
        )

    def _any(self) -> tuple[Phrase, ...]:
        line = self.line("any")
        value = self.table.get("any")
        form = 'any.en = ["OPCON transfer"]'
        if value is None:
            self.reader.fail(self.line(), f"{self.where}has no phrases: write {form}")
        if isinstance(value, list):
            value = {"all": value}
        if not isinstance(value, dict) or not value:
            self.reader.fail(line, f"{self.where}write {form}")
        phrases: list[Phrase] = []
        for lang, values in value.items():
            key_line = self.line(f"any.{lang}")
            if key_line == self.line():
                key_line = line
            where = f"{self.where}any.{lang}"
            if not _LANGUAGE.fullmatch(lang):
                self.reader.fail(key_line, f"{where}: {lang!r} is not a language code such as ko")
            if not isinstance(values, list):
                self.reader.fail(key_line, f"{where} must be a list of phrases: write {form}")
            for entry in values:
                if isinstance(entry, str) and entry.startswith("@"):
                    for phrase in self.terms("any", [entry]):
                        if lang in ("all", phrase.lang) or phrase.lang == "all":
                            phrases.append(phrase)
                else:
                    phrases += _phrases(self.reader, key_line, [entry], where, lang)
        for phrase in phrases:
            if phrase.country:
                self.reader.fail(
                    line, f"{self.where}any takes phrases; write {phrase.text!r} in with"
                )
        if not phrases:
            self.reader.fail(line, f"{self.where}any is empty: write {form}")
        return tuple(phrases)


def _label(values: Any) -> str:
    """Say a list of contexts in few words for people."""
    shown = [str(v) for v in values[:4]] if isinstance(values, list) else []
    return ", ".join(shown) + (", …" if isinstance(values, list) and len(values) > 4 else "")


def _read_examples(reader: _Reader, entries: Any) -> tuple[Example, ...]:
    if not isinstance(entries, list):
        reader.fail(reader.find("example", 0), "write each example below a line [[example]]")
    found = []
    for index, entry in enumerate(entries):
        where = f"example {index + 1}: "

        def line(key: str | None = None, index: int = index) -> int:
            return reader.find("example", index, key)

        _check_keys(reader, line, entry, EXAMPLE_KEYS, where)
        if not entry.get("text") and not entry.get("title"):
            reader.fail(line(), f'{where}has no text: write text = "..."')
        for key in EXAMPLE_KEYS:
            if key in entry and not isinstance(entry[key], str):
                reader.fail(line(key), f"{where}{key} must be a text in quotes")
        expect = _choice(
            reader, line("expect"), entry.get("expect"), EXPECTATIONS, f"{where}expect"
        )
        found.append(
            Example(
                text=entry.get("text", ""),
                title=entry.get("title", ""),
                expect=cast(Expectation, expect),
                lang=entry.get("lang", "und"),
                country=entry.get("country"),
                note=entry.get("note", ""),
                line=line(),
            )
        )
    return tuple(found)


def _read_sources(reader: _Reader, value: Any) -> tuple[int | None, frozenset[str]]:
    line = reader.find("", 0, "sources")
    form = 'write sources = { max_tier = 3, countries = ["kr", "us"] }'
    if not isinstance(value, dict):
        reader.fail(line, f"sources: {form}")
    _check_keys(reader, lambda _: line, value, ("max_tier", "countries"), "sources: ")
    tier = value.get("max_tier")
    if tier is not None and (isinstance(tier, bool) or tier not in (1, 2, 3, 4)):
        reader.fail(line, f"sources: max_tier must be 1, 2, 3 or 4, not {tier!r}")
    countries = value.get("countries", [])
    if not isinstance(countries, list) or not all(
        isinstance(c, str) and re.fullmatch(r"[A-Za-z]{2}", c) for c in countries
    ):
        reader.fail(line, f"sources: countries are two-letter codes: {form}")
    return tier, frozenset(c.lower() for c in countries)


def _read_weights(reader: _Reader, value: Any) -> dict[str, float]:
    weights = dict(DEFAULT_WEIGHTS)
    if not isinstance(value, dict):
        reader.fail(reader.find("", 0, "weights"), "weights: write title = 2.0 below [weights]")
    _check_keys(
        reader, lambda key: reader.find("weights", 0, key), value, list(weights), "weights: "
    )
    for key, number in value.items():
        line = reader.find("weights", 0, key)
        if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
            reader.fail(line, f"weights: {key} must be a number, 0 or more, not {number!r}")
        weights[key] = float(number)
    return weights


def _version(topic: Mapping[str, Any]) -> str:
    """Return 12 hex digits that change exactly when the topic could match otherwise."""
    keys = ("id", "min_score", "sources", "weights", "lists", "rule")
    meaning = {key: topic.get(key) for key in keys} | {"matcher": MATCHER_VERSION}
    text = json.dumps(meaning, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def parse_topic(text: str, path: Path) -> Topic:
    """Read the text of one topic file; `path` is named in errors.

    Raises:
        UsageError: one line that names file, line, what is wrong and what to write.
    """
    reader = _Reader(path, text)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(match.group(1)) if match and match.group(1) else len(reader.lines)
        reason = re.sub(r"\s*\(at .*\)", "", str(error))
        reader.fail(line, f"not valid TOML: {reason}; lists and texts must be closed and quoted")

    def line_of(key: str) -> int:
        return reader.find("", 0, key)

    _check_keys(reader, line_of, table, TOPIC_KEYS, "")
    for key, form in (("id", 'id = "opcon"'), ("title", 'title = "Wartime control"')):
        if key not in table:
            reader.fail(1, f"has no {key}: write {form} at the top")
    topic_id = _text(reader, line_of("id"), table["id"], "id")
    if not _ID.fullmatch(topic_id):
        reader.fail(line_of("id"), f"id {topic_id!r}: use small letters, digits, - and _ only")
    languages = table.get("languages", [])
    if not isinstance(languages, list) or not all(
        isinstance(code, str) and _LANGUAGE.fullmatch(code) for code in languages
    ):
        reader.fail(line_of("languages"), 'languages: write ["en", "ko", "ja", "zh"]')
    channel = table.get("channel")
    if channel is not None:
        channel = _text(reader, line_of("channel"), channel, "channel")
    try:
        cooldown_s = parse_duration(table.get("cooldown", "0s"))
    except (ValueError, TypeError):
        reader.fail(line_of("cooldown"), 'cooldown: write a time such as "30m", "6h" or "2d"')
    max_tier, countries = _read_sources(reader, table.get("sources", {}))
    lists = _read_lists(reader, table.get("lists", {}))
    rules, used = [], set()
    entries = table.get("rule", [])
    if not isinstance(entries, list) or not entries:
        reader.fail(
            reader.find("rule", 0), "has no rules: write at least one [[rule]] with name and any.en"
        )
    for index, entry in enumerate(entries):
        rule_reader = _RuleReader(reader, index, entry, lists)
        rules.append(rule_reader.read())
        used |= rule_reader.used
    return Topic(
        id=topic_id,
        title=_text(reader, line_of("title"), table["title"], "title"),
        version=_version(table),
        path=path,
        description=str(table.get("description", "")),
        languages=tuple(languages),
        min_score=_number(
            reader, line_of("min_score"), table.get("min_score", DEFAULT_MIN_SCORE), "min_score"
        ),
        mentions=cast(
            Any,
            _choice(
                reader,
                line_of("mentions"),
                table.get("mentions", "alert"),
                ("alert", "digest", "off"),
                "mentions",
            ),
        ),
        severity=cast(
            Any,
            _choice(
                reader,
                line_of("severity"),
                table.get("severity", "normal"),
                ("low", "normal", "high", "critical"),
                "severity",
            ),
        ),
        channel=channel,
        cooldown_s=cooldown_s,
        max_tier=max_tier,
        countries=countries,
        weights=_read_weights(reader, table.get("weights", {})),
        lists=lists,
        used_lists=frozenset(used),
        rules=tuple(rules),
        examples=_read_examples(reader, table.get("example", [])),
    )
