"""The report's charts as Vega-Lite specifications, made and checked by Vega-Altair.

In: `ReportData`. Out: a dict per chart, and the JavaScript that draws them (Vega, Vega-Lite and
Vega-Embed as `vl-convert-python` bundles them, so that the page needs no network).
"""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.report_data import ReportData, Row

if TYPE_CHECKING:
    import altair

_HEIGHT = 220
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "presswatch"
# Okabe and Ito's colours (2008), told apart with any colour vision, on light and dark ground.
_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8a8a8a"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart: where it belongs, what it says in a sentence, its Vega-Lite specification."""

    name: str
    label: str
    spec: dict[str, Any]


def make_charts(data: ReportData) -> dict[str, Chart]:
    """Return the charts that have something to show, by name."""
    made = [
        _stacked(
            data, "topics", "Articles a day that hit a topic", data.topic_days, "topic", "articles"
        ),
        _stacked(
            data, "articles", "New articles a day by language", data.per_day, "language", "articles"
        ),
        _stacked(data, "polls", "Polls a day by outcome", data.polls, "outcome", "polls"),
        _removed(data.removed_by_outlet),
        _runs(data.runs),
    ]
    return {chart.name: chart for chart in made if chart is not None}


def chart_script() -> str:
    """Return the JavaScript that defines `vegaEmbed`; bundling takes seconds, so it is kept."""
    version = importlib.metadata.version("vl-convert-python")
    kept = _CACHE.expanduser() / f"vega-{version}.js"
    if kept.is_file():
        return kept.read_text("utf-8")
    import vl_convert

    script: str = vl_convert.javascript_bundle(_SNIPPET)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(script, "utf-8")
        part.replace(kept)
    except OSError:
        pass  # a read-only home: bundled anew next time
    return script


def _stacked(
    data: ReportData, name: str, label: str, rows: list[Row], colour: str, count: str
) -> Chart | None:
    if not rows:
        return None
    import altair as alt

    values = [{**row, "day": row["day"].isoformat()} for row in rows]
    first, last = (
        alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True)
        for day in (
            min(data.made_at - timedelta(days=data.days - 1), rows[0]["day"], key=_date_of),
            data.made_at + timedelta(days=1),
        )
    )
    return _chart(
        name,
        label,
        _of(values)
        .mark_bar()
        .encode(
            x=alt.X(
                "utcyearmonthdate(day):T",
                title=None,
                axis=alt.Axis(
                    format="%d %b",
                    tickCount=alt.TimeIntervalStep(interval="day", step=max(1, data.days // 10)),
                ),
                scale=alt.Scale(type="utc", domain=[first, last]),
            ),
            y=alt.Y(f"sum({count}):Q", title=count, axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(f"{colour}:N", title=colour, scale=alt.Scale(range=_COLOURS)),
            tooltip=[
                alt.Tooltip("utcyearmonthdate(day):T", title="day", format="%d %b %Y"),
                alt.Tooltip(f"{colour}:N"),
                alt.Tooltip(f"{count}:Q"),
            ],
        ),
    )


def _of(values: list[Row]) -> altair.Chart:
    """Begin a chart of inline rows: no data frame, no file."""
    import altair as alt

    data = alt.Data(values=values)  # type: ignore[no-untyped-call]
    return alt.Chart(data)


def _date_of(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _removed(rows: list[Row]) -> Chart | None:
    shown = [row for row in rows if row["removed"]][:25]
    if not shown:
        return None
    import altair as alt

    values = [
        {"outlet": row["outlet"], "share": float(row["share"]), "articles": row["articles"]}
        for row in shown
    ]
    return _chart(
        "removed",
        "Share of each outlet's text that cleaning took away",
        _of(values)
        .mark_bar(color=_COLOURS[0])
        .encode(
            y=alt.Y("outlet:N", sort="-x", title=None),
            x=alt.X("share:Q", title="share removed", axis=alt.Axis(format="%")),
            tooltip=[
                alt.Tooltip("outlet:N"),
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("articles:Q"),
            ],
        ),
        height=None,
    )


def _runs(rows: list[Row]) -> Chart | None:
    values = [
        {
            "started": row["started_at"].isoformat(),
            "seconds": row["duration_s"],
            "state": row["state"],
        }
        for row in rows
        if row["duration_s"] is not None
    ]
    if not values:
        return None
    import altair as alt

    return _chart(
        "runs",
        "How long each run took",
        _of(values)
        .mark_circle(size=50)
        .encode(
            x=alt.X("started:T", title=None, scale=alt.Scale(type="utc")),
            y=alt.Y("seconds:Q", title="seconds"),
            color=alt.Color("state:N", scale=alt.Scale(range=_COLOURS)),
            tooltip=[
                alt.Tooltip("started:T", format="%d %b %Y %H:%M"),
                alt.Tooltip("seconds:Q", format=".1f"),
                alt.Tooltip("state:N"),
            ],
        ),
    )


def _chart(name: str, label: str, chart: altair.Chart, height: int | None = _HEIGHT) -> Chart:
    chart = chart.properties(width="container", description=label, background="transparent")
    if height is not None:
        chart = chart.properties(height=height)
    spec: dict[str, Any] = chart.to_dict()
    return Chart(name=name, label=label, spec=spec)
