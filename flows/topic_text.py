"""What `presswatch topics` prints: findings, explanations, back-tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from alerts.backtest import Report
    from alerts.explain import Explanation


def print_check(entry: dict[str, Any]) -> None:
    """Print the remarks on one topic file."""
    for remark in entry["remarks"]:
        click.echo(f"{entry['file']}:{remark['line']}: {remark['level']}: {remark['message']}")
    if entry["topic"] and not any(r["level"] == "error" for r in entry["remarks"]):
        click.echo(f"{entry['file']}: {entry['topic']} is fine, {entry['examples']} examples hold")


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON-ready values."""
    hit = explanation.hit
    return {
        "topic": explanation.topic,
        "topic_version": explanation.topic_version,
        "level": hit.level if hit else None,
        "score": explanation.score,
        "min_score": explanation.min_score,
        "why": dict(hit.why) if hit else None,
        "near_misses": [dict(miss) for miss in explanation.near_misses],
        "ignored": [dict(ignored) for ignored in explanation.ignored],
    }


def print_explanation(explanation: Explanation) -> None:
    """Print why one topic fired, or almost did."""
    hit = explanation.hit
    click.echo(f"{explanation.topic}: {hit.level if hit else 'no hit'}")
    for line in explanation.lines:
        click.echo(f"  {line}")
    if hit:
        for found in hit.why["hits"]:
            contexts = ", ".join(f"“{c['text']}”" for c in found["contexts"])
            click.echo(
                f"  {found['zone']} {found['start']}: “{found['text']}” by rule “{found['rule']}”, "
                f"{found['score']:g} × {found['weight']:g}"
                + (f", with {contexts}" if contexts else "")
            )
        click.echo(f"  “{hit.why['snippet']}”")


def print_report(report: Report, outlets: dict[str, int], marks: int) -> None:
    """Print a back-test; `outlets` and `marks` count the "not relevant" marks."""
    click.echo(
        f"{report.topic} version {report.topic_version}: {report.hits} hits in {report.articles} "
        f"articles of {report.days:.0f} days, {report.alerts} stories alerted, "
        f"{report.alerts / report.days:.2f} a day"
    )
    versions = ", ".join(v for v in report.stored_versions) or "none stored"
    click.echo(
        f"in use (version {versions}): {report.stored_hits} hits, {report.stored_alerts} stories "
        f"alerted, {report.stored_alerts / report.days:.2f} a day"
    )
    for name, number, titles in (
        ("gained", report.n_gained, report.gained),
        ("lost", report.n_lost, report.lost),
    ):
        click.echo(f"{name}: {number}")
        for title in titles:
            click.echo(f"  {title[:100]}")
    click.echo(f"{'articles':>8} {'only it':>8} {'marked':>7}  phrase")
    for phrase, count in sorted(report.phrases.items(), key=lambda p: (-p[1].hits, p[0])):
        if count.hits or count.not_relevant:
            click.echo(f"{count.hits:>8} {count.solo:>8} {count.not_relevant:>7}  {phrase}")
            for title in count.titles:
                click.echo(f"{'':>26} {title[:90]}")
    unused = sum(not c.hits for c in report.phrases.values())
    click.echo(f"{unused} phrases found nothing")
    if marks:
        listed = ", ".join(
            f"{name} {n}" for name, n in sorted(outlets.items(), key=lambda o: -o[1])
        )
        click.echo(f"marked “not relevant”: {marks} ({listed})")
