"""Fenced blocks of a Markdown page, as the tests of the documentation read them.

A block that cannot run where tests run carries its reason in an invisible comment before the
fence: `<!-- not run: needs systemd -->`. `<!-- test: the site publishes more -->` names a step
that the test takes before the block.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHELL = ("sh", "bash", "console")
_FENCE = re.compile(r"^ *```(\S*)\s*$")
_MARK = re.compile(r"^<!--\s*(not run|test):\s*(.*?)\s*-->\s*$")
_INLINE = re.compile(r"`((?:\S*/)?presswatch [^`\n]+)`")
_BREAKS = {"&&", "||", "|", ";", "&", "(", ")", ">", ">>", "<"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block. `line` is that of its first line of text, from 1."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None = None
    step: str | None = None

    @property
    def where(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a shell block with the output that the page shows after it."""

    text: str
    shown: str = ""


def blocks_of(page: Path) -> list[Block]:
    """Return the page's fenced blocks in their order."""
    found: list[Block] = []
    language: str | None = None
    start, lines = 0, []
    marks: dict[str, str] = {}
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if language is None:
            if mark := _MARK.match(line):
                marks[mark[1]] = mark[2]
            elif fence:
                language, start, lines = fence[1], number + 1, []
            elif line.strip():
                marks = {}
        elif fence and not fence[1]:
            found.append(
                Block(
                    page=page,
                    line=start,
                    language=language,
                    text=textwrap.dedent("\n".join(lines) + "\n"),
                    not_run=marks.get("not run"),
                    step=marks.get("test"),
                )
            )
            language, marks = None, {}
        else:
            lines.append(line)
    assert language is None, f"{page.name}: the block of line {start} is not closed"
    return found


def commands_of(block: Block) -> list[Command]:
    """Return a block's commands; those of `console` blocks stand behind `$ `."""
    if block.language != "console":
        return [Command(text=block.text)]
    commands: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif commands and not commands[-1][1] and not _is_complete(commands[-1][0]):
            commands[-1] = (commands[-1][0] + "\n" + line, [])
        else:
            assert commands, f"{block.where}: output before the first command"
            commands[-1][1].append(line)
    return [Command(text=text, shown="\n".join(shown).strip()) for text, shown in commands]


def _is_complete(text: str) -> bool:
    if text.rstrip().endswith("\\"):
        return False
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def invocations(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of presswatch in a shell text."""
    lines = _without_comments(text.replace("\\\n", " ")).replace("\n", " ;\n")
    lexer = shlex.shlex(lines, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for token in [*lexer, ";"]:
        if token in _BREAKS or set(token) <= set("();<>|&"):
            at = next((i for i, w in enumerate(words) if w.split("/")[-1] == "presswatch"), None)
            if at is not None and all(_is_prefix(w) for w in words[:at]):
                yield words[at + 1 :]
            words = []
        else:
            words.append(token)


def _without_comments(text: str) -> str:
    """Drop what bash takes for a comment: from a `#` at a word's beginning, outside quotes."""
    kept: list[str] = []
    quote, comment = "", False
    for before, sign in zip("\n" + text, text, strict=False):
        comment = sign != "\n" and (comment or (sign == "#" and not quote and before.isspace()))
        if not comment:
            kept.append(sign)
            if sign in "'\"":
                quote = sign if not quote else "" if quote == sign else quote
    return "".join(kept)


def _is_prefix(word: str) -> bool:
    return word in ("sudo", "nice", "exec", "time") or "=" in word


def inline_invocations(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each call of presswatch that stands inside a sentence."""
    fenced = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            for found in _INLINE.finditer(line):
                yield number, found[1]
