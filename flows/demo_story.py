"""What the demo says at its end: alerts in full, what was folded, what was suppressed, and why."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerts.match import match_topics
from alerts.models import MatchInput
from flows.context import AppContext
from flows.summary import RunSummary

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from alerts.topics import TopicSet

_WIDTH = 98


def closing_text(app: AppContext, first: RunSummary, second: RunSummary, folder: Path) -> str:
    """Return the demo's account, read from the database that it filled."""
    with app.store.read() as con:
        parts = [
            _heading("The two runs"),
            first.as_text(),
            second.as_text(),
            _heading("Alerts"),
            _alerts(app),
            _heading("Folded into one story"),
            _folded(con),
            _heading("Suppressed: topic words that stood in boilerplate only"),
            _suppressed(con, app.topics),
            _heading("Try next"),
            _next(folder),
        ]
    return "\n".join(parts)


def _heading(text: str) -> str:
    return f"\n── {text} {'─' * max(3, _WIDTH - len(text) - 4)}"


def _alerts(app: AppContext) -> str:
    texts = app.shown_alerts
    if not texts:
        return "Posted to Slack: look at the channel, or at `presswatch alerts list`."
    return "\n\n".join(texts)


def _folded(con: DuckDBPyConnection) -> str:
    rows = con.execute(
        """
        SELECT s.title, a.title, a.outlet, a.duplicate_level, a.fold_reason ->> '$.link'
        FROM articles a JOIN stories s USING (story_id)
        WHERE a.duplicate_of IS NOT NULL
        ORDER BY s.story_id, a.published_at
        """
    ).fetchall()
    lines: list[str] = []
    story = None
    for story_title, title, outlet, level, link in rows:
        if story_title != story:
            story = story_title
            lines.append(f"• {_short(story_title, 90)}")
        lines.append(f"    {level}: {outlet}, “{_short(title, 60)}”")
        lines.append(f"      because {_short(link or 'it is the same text', 86)}")
    return "\n".join(lines) or "nothing"


def _suppressed(con: DuckDBPyConnection, topics: TopicSet) -> str:
    rows = con.execute(
        """
        SELECT a.article_id, a.title, a.outlet, a.language, a.body, b.text, b.reason, b.kind
        FROM blocks b JOIN articles a USING (article_id)
        WHERE b.kind <> 'body' AND a.status IN ('ok', 'feed_content')
        ORDER BY a.article_id, b.n
        """
    ).fetchall()
    found: dict[int, dict[str, Any]] = {}
    for article_id, title, outlet, language, body, text, reason, kind in rows:
        item = MatchInput(title=title or "", body=body or "", language=language)
        own = {hit.topic for hit in match_topics(topics, item)}
        alone = MatchInput(title="", body=text or "", language="und")
        extra = {hit.topic for hit in match_topics(topics, alone)} - own
        if extra:
            entry = found.setdefault(article_id, {"title": title, "outlet": outlet, "blocks": []})
            entry["blocks"].append((", ".join(sorted(extra)), text, kind, reason))
    lines: list[str] = []
    for entry in found.values():
        lines.append(f"• {entry['outlet']}, “{_short(entry['title'], 70)}”: no alert")
        for names, text, kind, reason in entry["blocks"]:
            lines.append(f"    {names} in “{_short(text, 70)}”")
            lines.append(f"      {kind}: {_short(reason or 'removed', 84)}")
    return "\n".join(lines) or "nothing"


def _next(folder: Path) -> str:
    db = folder / "presswatch.duckdb"
    me = _program()
    query = "select topic, level, outlet, title from topic_hits join articles using (article_id)"
    return textwrap.dedent(
        f"""\
        {me} --db {db} sql "{query}"
        {me} --db {db} search 전작권
        {me} --config {folder}/presswatch.toml feeds list
        """
    ).rstrip()


def _program() -> str:
    """Return how this program was called, so that what is printed can be pasted."""
    called = Path(sys.argv[0])
    if called.name != "presswatch" or shutil.which("presswatch") == str(called.absolute()):
        return "presswatch"
    here = Path.cwd()
    absolute = called.absolute()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)


def _short(text: str | None, limit: int) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
