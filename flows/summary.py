"""What a run did: counts that add up, errors per feed, seconds per stage, alerts by state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from extractors.models import Outcome

State = Literal["ok", "partial", "failed"]

_WORDS: dict[Outcome, str] = {
    Outcome.STORED: "new",
    Outcome.DUPLICATE: "copies",
    Outcome.UPDATED: "new versions",
    Outcome.KNOWN: "known already",
    Outcome.BLOCKED: "blocked (paywall, challenge)",
    Outcome.UNUSABLE: "without article text",
    Outcome.FETCH_FAILED: "to be fetched later",
    Outcome.GAVE_UP: "given up",
    Outcome.ERROR: "failed in processing",
}


@dataclass(slots=True)
class RunSummary:
    """The account of one run. `outcomes` adds up to `items_seen`."""

    run_id: str
    started_at: datetime
    ended_at: datetime | None = None
    feeds_due: int = 0
    feeds_polled: int = 0
    feeds_ok: int = 0
    feeds_unchanged: int = 0
    items_seen: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    feed_errors: dict[str, str] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    alerts: dict[str, int] = field(default_factory=dict)
    alert_problems: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    repaired: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def state(self) -> State:
        """`failed`: a stage broke, or no feed could be read; `partial`: something needs a look."""
        if self.errors or (self.feeds_polled and self.feeds_ok == 0):
            return "failed"
        if self.feed_errors or self.alert_problems or self.alerts.get("failed"):
            return "partial"
        return "ok"

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return ((self.ended_at or self.started_at) - self.started_at).total_seconds()

    def count(self, outcome: Outcome, number: int = 1) -> None:
        """Count items by how they ended; each item is counted once."""
        self.outcomes[outcome] += number
        self.items_seen += number

    def counts(self) -> dict[str, Any]:
        """Return what the run ledger stores."""
        return {
            "items_seen": self.items_seen,
            **{str(outcome): self.outcomes[outcome] for outcome in Outcome},
            "feeds_due": self.feeds_due,
            "feeds_polled": self.feeds_polled,
            "feeds_ok": self.feeds_ok,
            "feeds_unchanged": self.feeds_unchanged,
            "feed_errors": self.feed_errors,
            "alerts": self.alerts,
            "alert_problems": self.alert_problems,
            "repaired_runs": self.repaired,
            "gaps": self.gaps,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {
            "run_id": self.run_id,
            "state": self.state,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "duration_s": round(self.duration_s, 3),
            "counts": self.counts(),
            "stages_s": {name: round(seconds, 3) for name, seconds in self.stages.items()},
            "errors": self.errors,
            "dry_run": self.dry_run,
        }

    def as_line(self) -> str:
        """Return the run in one line."""
        alerts = ", ".join(f"{n} {state}" for state, n in self.alerts.items() if n) or "none"
        return (
            f"{self.state}: {self.feeds_polled} of {self.feeds_due} due feeds polled"
            f" ({len(self.feed_errors)} with errors), {self.items_seen} items"
            f" ({self.outcomes[Outcome.STORED]} new), alerts: {alerts}, {self.duration_s:.1f} s"
        )

    def as_text(self) -> str:
        """Return the account as people read it in a terminal."""
        lines = [f"Run {self.run_id}: {self.state}, {self.duration_s:.1f} s"]
        if self.dry_run:
            lines.append("  dry run: nothing was stored or sent")
        if self.repaired:
            lines.append(f"  {self.repaired} earlier run(s) had been killed half-way; repaired")
        lines.append(
            f"  feeds    {self.feeds_polled} polled of {self.feeds_due} due: "
            f"{self.feeds_ok - self.feeds_unchanged} with content, "
            f"{self.feeds_unchanged} unchanged, {len(self.feed_errors)} with errors"
        )
        parts = [f"{n} {_WORDS[o]}" for o, n in self.outcomes.items() if n]
        lines.append(f"  items    {self.items_seen} seen: {', '.join(parts) or 'nothing new'}")
        if self.gaps:
            lines.append(f"  gaps     {gaps_in_words(self.gaps)}")
        alerts = ", ".join(f"{n} {state}" for state, n in self.alerts.items() if n)
        lines.append(f"  alerts   {alerts or 'none'}")
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.stages.items())
        lines.append(f"  seconds  {stages}")
        lines += [f"  feed error   {feed}: {error}" for feed, error in self.feed_errors.items()]
        lines += [f"  alert error  {place}: {text}" for place, text in self.alert_problems.items()]
        lines += [f"  error        {error}" for error in self.errors]
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """Return the account as a Prefect artifact."""
        rows = "\n".join(f"| {_WORDS[o]} | {self.outcomes[o]} |" for o in Outcome)
        stages = "\n".join(f"| {name} | {seconds:.2f} |" for name, seconds in self.stages.items())
        errors = "\n".join(f"- {_plain(error)}" for error in self.errors)
        return (
            f"## {self.as_line()}\n\n| items | number |\n|---|---|\n{rows}\n"
            f"| **seen** | **{self.items_seen}** |\n\n| stage | seconds |\n|---|---|\n{stages}\n\n"
            f"{errors}"
        )

    def feeds_as_markdown(self) -> str:
        """Return the feeds with troubles as a Prefect artifact."""
        if not self.feed_errors:
            return "All polled feeds answered as they should."
        rows = "\n".join(f"| {_plain(f)} | {_plain(e)} |" for f, e in self.feed_errors.items())
        return f"| feed | error |\n|---|---|\n{rows}"

    def alerts_as_markdown(self) -> str:
        """Return the alerts of this run as a Prefect artifact."""
        rows = "\n".join(f"| {state} | {n} |" for state, n in self.alerts.items())
        problems = "\n".join(f"- {_plain(text)}" for text in self.alert_problems.values())
        return f"| state | number |\n|---|---|\n{rows}\n\n{problems}"


def gaps_in_words(counts: Mapping[str, int]) -> str:
    """Return in one sentence what catching up came to; `counts` are those of `close_gaps`."""
    feeds = "1 feed" if counts["gaps"] == 1 else f"{counts['gaps']} feeds"
    ends = [
        f"{counts[state]} {words}"
        for state, words in (
            ("filled", "closed"),
            ("partly", "in part"),
            ("lost", "without a source"),
            ("open", "to be tried again"),
        )
        if counts[state]
    ]
    return f"{feeds} had dropped items unseen: {counts['entries']} found again ({', '.join(ends)})"


def _plain(text: str) -> str:
    """Keep foreign text from breaking a Markdown table or becoming markup."""
    return " ".join(text.replace("|", "¦").replace("<", "‹").replace(">", "›").split())
