"""The report: one HTML file that needs no network, made from `ReportData`.

Foreign text (titles, outlets, errors) is escaped by the template engine, isolated from the
page's text direction, and linked only when it is an http address. The page forbids itself any
network access and any script but its own (Content-Security-Policy with a nonce).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from urllib.parse import urlsplit

from flows.report_charts import chart_script, make_charts
from flows.report_data import ReportData


def render_report(data: ReportData) -> str:
    """Return the page as a string."""
    from jinja2 import BaseLoader, Environment, StrictUndefined
    from markupsafe import Markup

    charts = make_charts(data)
    folder = files("flows").joinpath("report_page")
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        at=_at, number=_number, share=_share, link=_link, lang=_lang, plain=_plain, span=_span
    )
    template = environment.from_string(folder.joinpath("report.html.j2").read_text("utf-8"))
    page: str = template.render(
        data=data,
        charts=charts,
        nonce=secrets.token_urlsafe(16),
        style=Markup(folder.joinpath("report.css").read_text("utf-8")),
        page_script=Markup(folder.joinpath("report.js").read_text("utf-8")),
        chart_script=Markup(_no_end_tag(chart_script())) if charts else "",
        specs=Markup(_no_end_tag(json.dumps({n: c.spec for n, c in charts.items()}, default=str))),
    )
    return page


def _no_end_tag(script: str) -> str:
    """Keep text inside <script> from ending it: `<` as an escape, valid in JSON and in strings."""
    if script.startswith("{"):
        return script.replace("<", "\\u003c").replace("\u2028", "\\u2028")
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _at(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value else ""


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _link(url: str | None) -> str | None:
    """Return the address if it may be linked: http and https only."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def _lang(tag: str | None) -> str:
    """Return a language tag that is safe as an attribute; it also picks the right CJK glyphs."""
    tag = tag or ""
    return tag if tag and tag.replace("-", "").isalnum() and tag.isascii() else "und"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _plain(value: object) -> str:
    """Return a JSON object (a run's counts) or a list as words."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(amount)}" for key, amount in value.items() if amount)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
