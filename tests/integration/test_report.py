"""The report as a real browser shows it, with titles that try to break out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.archive import Piece, add_pieces

from flows.cli import presswatch
from flows.context import AppContext
from storage.database import Store
from storage.rows import insert_rows

NOW = datetime.now(UTC)
HOSTILE = (
    '</script><script>document.title="owned"</script>',
    "<img src=x onerror=\"document.title='owned'\">",
    '"><svg onload=document.title="owned">',
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "\u202egnp.exe \u2066 <!-- <script>",
    "</style><style>body{display:none}</style>",
)


def _fill(store: Store) -> None:
    pieces = [
        Piece(
            title=title,
            body="A body.",
            outlet=title,
            at=NOW - timedelta(hours=n),
            topic="opcon",
            removed=title,
        )
        for n, title in enumerate(HOSTILE)
    ]
    pieces += [
        Piece(title="전작권 전환 협의", body="국방부는 협의한다고 밝혔다.", language="ko",
              outlet="한빛일보", at=NOW - timedelta(days=2), topic="opcon"),
        Piece(title="潜水艦が出港", body="潜水艦が出港した。", language="ja", outlet="潮風新聞",
              at=NOW - timedelta(days=3), topic="ssn", removed="関連記事"),
    ]  # fmt: skip
    with store.write() as tx:
        ids = add_pieces(tx, pieces)
        tx.con.execute(
            "UPDATE core.article SET url = 'javascript:document.title=1' WHERE article_id = ?",
            [ids[0]],
        )
        insert_rows(
            tx,
            "core.alert",
            [
                {
                    "alert_key": f"s{n}/opcon/c",
                    "story_id": n,
                    "topic": "opcon",
                    "channel": "#desk",
                    "kind": "alert",
                    "state": "failed" if n % 2 else "sent",
                    "created_at": NOW,
                    "last_error": HOSTILE[0],
                }
                for n in ids[:4]
            ],
        )
        insert_rows(
            tx,
            "core.feed",
            [
                {"feed": HOSTILE[1], "url": "https://a.example/feed", "state": "OK", "failures": 0},
                {"feed": "b", "url": "https://b.example/feed", "state": "FAILING", "failures": 12},
                {"feed": "c", "url": "https://c.example/feed", "state": "FAILING", "failures": 3},
            ],
        )
        insert_rows(
            tx,
            "core.feed_poll",
            [{"feed": "b", "polled_at": NOW, "outcome": "timeout", "new_entries": 0}],
        )
        insert_rows(
            tx,
            "core.run",
            [
                {
                    "run_id": "r1",
                    "kind": "run",
                    "started_at": NOW - timedelta(minutes=2),
                    "ended_at": NOW,
                    "state": "ok",
                    "counts": {"stored": 8},
                }
            ],
        )
    store.publish()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    _fill(Store(folder / "p.duckdb"))
    out = folder / "report.html"
    done = CliRunner().invoke(
        presswatch,
        ["--db", str(folder / "p.duckdb"), "--quiet", "report", "--out", str(out)],
        obj=AppContext(),
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1600"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def shown(browser: Any, page: Path) -> Any:
    browser.set_window_size(1280, 1600)
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(page.as_uri())
    script = "return document.querySelectorAll('.chart svg.marks').length"
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 60).until(lambda b: b.execute_script(script) == 5)
    return browser


def test_every_chart_is_drawn_and_nothing_is_asked_of_the_network(shown: Any) -> None:
    events = [json.loads(entry["message"])["message"] for entry in shown.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert [e["message"] for e in shown.get_log("browser") if e["level"] == "SEVERE"] == []


def test_a_hostile_title_is_shown_as_text_and_never_runs(shown: Any) -> None:
    assert shown.title.startswith("presswatch report")
    text = shown.execute_script("return document.body.textContent")
    for title in HOSTILE:
        assert title in text
    assert (
        shown.execute_script("return document.querySelectorAll('img, body svg[onload]').length")
        == 0
    )
    hrefs = shown.execute_script("return [...document.links].map(a => a.protocol)")
    assert set(hrefs) <= {"https:", "http:", "file:"}
    assert shown.execute_script("return getComputedStyle(document.body).display") == "block"


def test_a_click_sorts_numbers_as_numbers(shown: Any) -> None:
    script = """
    const table = document.getElementById('feeds');
    const head = [...table.tHead.rows[0].cells].find(h => h.textContent === 'Failures');
    head.querySelector('button').click();
    const n = head.cellIndex;
    const cells = [...table.tBodies[0].rows].map(r => r.cells[n].textContent);
    return [head.getAttribute('aria-sort'), cells];
    """
    assert shown.execute_script(script) == ["descending", ["12", "3", "0"]]
    assert shown.execute_script(script) == ["ascending", ["0", "3", "12"]]


def test_the_filter_hides_rows(shown: Any) -> None:
    script = """
    const input = document.querySelector('input[data-table=stories]');
    input.value = 'onerror'; input.dispatchEvent(new Event('input'));
    return [...document.getElementById('stories').tBodies[0].rows].filter(r => !r.hidden).length;
    """
    assert shown.execute_script(script) == 1


def test_a_phone_does_not_scroll_sideways(shown: Any) -> None:
    # An emulated phone: a real window cannot be narrower than 500 pixels.
    metrics = {"width": 375, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        wide = shown.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    finally:
        shown.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide[0] <= wide[1] == 375


def test_dark_mode_is_followed(shown: Any) -> None:
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = shown.execute_script(colour)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        assert shown.execute_script(colour) != light
    finally:
        shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_every_table_is_named_and_every_control_labelled(shown: Any) -> None:
    unnamed = """
    return [...document.querySelectorAll('table')].filter(t => !t.caption || !t.caption.textContent)
      .concat([...document.querySelectorAll('input')].filter(i => !i.labels.length))
      .concat([...document.querySelectorAll('[role=img]')].filter(i => !i.ariaLabel)).length
    """
    assert shown.execute_script(unnamed) == 0
    assert shown.execute_script("return document.documentElement.lang") == "en"


def test_an_empty_database_gives_a_page_too(store: Store, tmp_path: Path) -> None:
    with store.write():
        pass
    out = tmp_path / "empty.html"
    done = CliRunner().invoke(
        presswatch, ["--db", str(store.path), "report", "--out", str(out)], obj=AppContext()
    )
    assert done.exit_code == 0, done.output
    assert "No story in the last 24 hours" in out.read_text("utf-8")


def test_a_place_that_cannot_be_written_is_a_sentence(store: Store, tmp_path: Path) -> None:
    with store.write():
        pass
    done = CliRunner().invoke(
        presswatch,
        ["--db", str(store.path), "report", "--out", str(tmp_path / "no" / "r.html")],
        obj=AppContext(),
    )
    assert done.exception is not None
    assert "cannot be written" in str(done.exception)
