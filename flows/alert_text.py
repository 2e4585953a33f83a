"""What `presswatch alerts` prints: the outbox in columns, and a sample message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_KEY_CELLS = 44  # `s123456/extended-deterrence/#channel/edit` fits; longer keys stand out


def list_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the rows in columns; a Korean, Japanese or Chinese character is two wide."""
    from rich.cells import cell_len, set_cell_size

    from alerts.foreign import clean, cut

    lines = []
    width = min(MAX_KEY_CELLS, max((cell_len(row["alert_key"]) for row in rows), default=0))
    for row in rows:
        when = (row["sent_at"] or row["created_at"]).astimezone(UTC)
        key = row["alert_key"]
        key = set_cell_size(key, width) if cell_len(key) < width else key
        mark = "" if row["kind"] == "alert" else f"{row['kind']}: "
        what = cut(clean(mark + (row["title"] or "(no title)")), 70)
        lines.append(f"{when:%Y-%m-%d %H:%M}  {row['state']:<9}  {key}  {what}")
        note = row["last_error"] or row["reason"]
        if note:
            lines.append(f"{'':18}{cut(clean(note), 160)}")
    return lines


def sample_payload(channel: str) -> dict[str, Any]:
    """Return the payload of an invented alert."""
    from alerts.view import AlertView, OutletLine, to_payload

    now = datetime.now(UTC)
    view = AlertView(
        alert_key=f"sample/opcon/{channel}",
        topic="opcon",
        topic_title="Wartime operational control (OPCON)",
        story_id=0,
        article=OutletLine(
            article_id=0,
            outlet="Example Times",
            title="Ministers set a date for the OPCON transfer",
            url="https://news.example/opcon-date",
            language="en",
            tier=1,
            country="kr",
            published_at=now - timedelta(minutes=9),
        ),
        seen_at=now,
        severity="high",
        score=23,
        snippet="The two ministers said the OPCON transfer would be completed within three years.",
        spans=((27, 41),),
        why='opcon 23 (>= 10): "OPCON transfer" title, lead',
        others=(
            OutletLine(
                article_id=1,
                outlet="예시일보",
                title="한미, 전작권 전환 시점 합의",
                url="https://news.example/ko/1",
                language="ko",
                tier=2,
                provenance=("ai-translated",),
            ),
        ),
        n_outlets=2,
        n_origins=1,
    )
    return to_payload(view)
