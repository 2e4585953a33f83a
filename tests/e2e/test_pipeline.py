"""The whole pipeline on the bundled news site: real HTTP, real DuckDB, the real Slack client."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.demo_truth import SUBJECTS, complaints
from support.desk import Desk
from support.slack_server import TOKEN, Rules, SlackServer

from extractors.models import Outcome
from flows.demo_site import DemoSite

SEVERAL = ("hanbit-all", "harbor-all", "capital-all", "hangang-all")


@pytest.fixture(scope="module")
def site() -> Iterator[DemoSite]:
    with DemoSite(slow_s=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def watched(site: DemoSite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two cycles with Slack, the site publishing more in between; what each left."""
    desk = desk_for(site, tmp_path_factory.mktemp("desk"))
    with SlackServer(Rules(per_second=1000)) as slack:
        use_slack(desk, slack)
        desk.write_settings(send_wait_s=60)
        first = desk.cycle()
        said = {"first": _complaints(desk, site)}
        after_first = list(slack.state.messages)
        again = desk.cycle()
        after_again = list(slack.state.messages)
        site.advance()
        # By name: feeds that are not due again yet are polled too.
        third = desk.cycle(feeds=[row["name"] for row in site.feeds()])
        said["third"] = _complaints(desk, site)
    return {
        "complaints": said,
        "desk": desk,
        "site": site,
        "first": first,
        "again": again,
        "third": third,
        "messages": slack.state.messages,
        "after_first": after_first,
        "after_again": after_again,
        "slack": slack,
    }


def _complaints(desk: Desk, site: DemoSite) -> dict[str, list[str]]:
    with desk.app().store.read() as con:
        return complaints(con, site)


def desk_for(site: DemoSite, folder: Path, **settings: Any) -> Desk:
    desk = Desk(folder, allow_addresses=site.address.split(","), **settings)
    desk.write_feeds(site.feeds())
    return desk


def use_slack(desk: Desk, slack: SlackServer) -> None:
    desk.env["SLACK_BOT_TOKEN"] = TOKEN
    desk.env["PRESSWATCH_SLACK_BASE_URL"] = slack.base_url


def test_the_counts_of_a_run_add_up_to_the_items_seen(watched: dict[str, Any]) -> None:
    for name in ("first", "again", "third"):
        summary = watched[name]
        assert summary.items_seen == sum(summary.outcomes.values())
        assert summary.errors == []
    assert watched["first"].outcomes[Outcome.STORED] > 50


def test_every_listed_article_is_stored_once(watched: dict[str, Any]) -> None:
    rows = watched["desk"].sql(
        "SELECT guid, feed, count(*) FROM articles WHERE duplicate_level "
        "IS DISTINCT FROM 'version' GROUP BY ALL HAVING count(*) > 1"
    )

    assert rows == []


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("state", ["first", "third"])
def test_the_store_holds_what_the_site_says_of_itself(
    watched: dict[str, Any], state: str, subject: str
) -> None:
    """`seeds/site/EXPECTED.toml`, after the first cycle and after the site has published more."""
    assert watched["complaints"][state][subject] == []


def test_a_second_run_fetches_nothing_again_and_alerts_nobody_twice(
    watched: dict[str, Any],
) -> None:
    assert len(watched["after_again"]) == len(watched["after_first"])
    assert watched["again"].outcomes[Outcome.STORED] == 0
    pages: dict[tuple[str, str], int] = {}
    for request in watched["site"].requests:
        if "feed" not in request.path and "rss" not in request.path:
            key = (request.outlet, request.path)
            pages[key] = pages.get(key, 0) + 1
    corrected = {path for path, count in pages.items() if count > 1}
    # Only what the site changed between the cycles may have been asked for twice.
    assert all(count <= 2 for count in pages.values())
    assert len(corrected) <= 3


def test_slack_got_one_parent_per_story_and_topic(watched: dict[str, Any]) -> None:
    parents = [m for m in watched["messages"] if not m.thread_ts]
    keys = [m.alert_key for m in parents if m.alert_key]

    assert len(keys) == len(set(keys))
    rows = watched["desk"].sql(
        "SELECT story_id, topic, channel, count(*) FROM alerts WHERE kind = 'alert' "
        "GROUP BY ALL HAVING count(*) > 1"
    )
    assert rows == []
    states = dict(watched["desk"].sql("SELECT state, count(*) FROM alerts GROUP BY 1"))
    assert set(states) == {"sent"}


def test_later_outlets_join_the_parent_instead_of_alerting_again(
    watched: dict[str, Any],
) -> None:
    before = {m.alert_key for m in watched["after_again"] if not m.thread_ts}
    new_parents = {m.alert_key for m in watched["messages"] if not m.thread_ts} - before
    joined = watched["desk"].sql(
        "SELECT count(*) FROM alert_messages WHERE kind IN ('edit', 'reply') AND state = 'sent'"
    )[0][0]

    assert joined > 0
    assert len(new_parents) <= 2  # new stories; one may be merged into another later


def test_boilerplate_alarms_nobody(watched: dict[str, Any]) -> None:
    """The related blurbs name OPCON under unrelated articles; the blocks are kept and marked."""
    rows = watched["desk"].sql(
        "SELECT count(*) FROM blocks b JOIN articles a USING (article_id) "
        "WHERE b.kind = 'boilerplate' AND regexp_matches(b.text, '전작권|OPCON|戦時作戦統制権')"
    )

    assert rows[0][0] > 0


def test_what_is_stored_can_be_read_by_its_contract(watched: dict[str, Any]) -> None:
    desk: Desk = watched["desk"]
    views = {
        "articles": "article_id external_id url canonical_url outlet country tier title body "
        "language author published_at fetched_at story_id duplicate_of duplicate_level provenance "
        "words status",
        "blocks": "article_id n kind reason lang text",
        "stories": "story_id title first_seen last_seen n_articles n_outlets n_origins languages",
        "topic_hits": "article_id story_id topic topic_version level score why",
        "alerts": "alert_key story_id topic channel state attempts created_at sent_at slack_ts "
        "thread_ts last_error",
        "feeds": "feed url outlet state last_ok newest_item_at next_poll_at failures last_error",
        "feed_polls": "feed polled_at outcome",
        "runs": "run_id started_at ended_at state counts error",
    }
    for view, columns in views.items():
        desk.sql(f"SELECT {', '.join(columns.split())} FROM {view} LIMIT 1")
    body, blocks = desk.sql(
        "SELECT any_value(a.body), string_agg(b.text, chr(10) ORDER BY b.n) "
        "FROM blocks b JOIN articles a USING (article_id) WHERE b.kind = 'body' "
        "GROUP BY a.article_id ORDER BY a.article_id LIMIT 1"
    )[0]
    assert body == blocks


def test_the_token_stands_nowhere(watched: dict[str, Any]) -> None:
    desk: Desk = watched["desk"]
    for path in filter(Path.is_file, desk.folder.rglob("*")):
        assert TOKEN.encode() not in path.read_bytes(), path


def test_a_wrong_token_costs_no_article_and_is_named_once(site: DemoSite, tmp_path: Path) -> None:
    desk = desk_for(site, tmp_path)
    with SlackServer() as slack:
        use_slack(desk, slack)
        desk.env["SLACK_BOT_TOKEN"] = "xoxb" + "-0-wrong"
        summary = desk.cycle()

    assert summary.state == "partial"
    assert summary.outcomes[Outcome.STORED] > 50
    text = " ".join(summary.alert_problems.values())
    assert "SLACK_BOT_TOKEN" in text and "wrong" not in text.replace("wrong token", "")
    states = dict(desk.sql("SELECT state, count(*) FROM alerts GROUP BY 1"))
    assert "sent" not in states and sum(states.values()) > 0


def test_without_a_network_nothing_is_lost(tmp_path: Path) -> None:
    desk = Desk(tmp_path, allow_addresses=["127.0.0.0/8"])
    desk.write_feeds(
        [
            {"url": "http://127.0.0.1:9/feed", "name": "down", "outlet": "Down"},
            {"url": "http://127.0.0.1:10/feed", "name": "down-too", "outlet": "Down"},
        ]
    )
    summary = desk.cycle()

    assert summary.state == "failed"
    assert set(summary.feed_errors) == {"down", "down-too"}


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("poll", marks=pytest.mark.slow), pytest.param("fetch", marks=pytest.mark.slow),
        "store", "send",
    ],
)  # fmt: skip
def test_a_run_killed_half_way_is_repaired_by_the_next(
    site: DemoSite, tmp_path: Path, moment: str
) -> None:
    """kill -9 a real process when it says that it has reached a stage."""
    desk = desk_for(site, tmp_path)
    few = [row for row in site.feeds() if row["name"] in SEVERAL]
    desk.write_feeds(few)
    signs = {"poll": "due", "fetch": "to fetch", "store": "fetched 25", "send": "stored"}
    with SlackServer(Rules(per_second=1000)) as slack:
        use_slack(desk, slack)
        process = desk.start_plain_cycle()
        assert process.stderr is not None
        for line in process.stderr:
            if signs[moment] in line:
                os.kill(process.pid, signal.SIGKILL)
                break
        process.wait(timeout=60)
        process.communicate()
        deadline = time.monotonic() + 60
        while True:  # what was claimed when the sender died is looked up after a moment
            summary = desk.cycle()
            states = dict(desk.sql("SELECT state, count(*) FROM alerts GROUP BY 1"))
            if set(states) == {"sent"} or time.monotonic() > deadline:
                break
        keys = [m.alert_key for m in slack.state.messages if m.alert_key and not m.thread_ts]

    assert summary.errors == []
    assert set(states) == {"sent"}
    assert len(keys) == len(set(keys)) == states["sent"]
    assert desk.app().store.examine() == []
    count = desk.sql("SELECT count(*) FROM articles")[0][0]
    owed = desk.sql("SELECT count(*) FROM owed_entries WHERE state = 'pending'")[0][0]
    names = {row["name"].removesuffix("-all") for row in few}
    listed = sum(1 for article in site.articles() if article.outlet in names)
    assert count + owed >= listed
    crashed = desk.sql("SELECT count(*) FROM runs WHERE state = 'crashed'")[0][0]
    assert crashed == 1
