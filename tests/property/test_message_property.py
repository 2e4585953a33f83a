"""Whatever text comes in, a message is within Slack's limits and holds no live markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from support.slack_server import check_content

from alerts.foreign import clean, cut, slack_length
from alerts.message import MessageOptions, build_message, check_message
from alerts.plain import alert_text
from alerts.view import AlertView, OutletLine, from_payload, to_payload

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

any_text = st.text(max_size=900) | st.text(
    alphabet="<>&@#*_`:|\u202e\u200d\u0301한戦ع👍🏽🇰🇷\n ", max_size=900
)
outlets = st.builds(
    OutletLine,
    article_id=st.integers(min_value=1, max_value=99),
    outlet=any_text,
    title=any_text,
    url=st.none() | any_text | st.just("https://news.example/1"),
    language=any_text,
    tier=st.none() | st.integers(min_value=1, max_value=4),
    country=st.none() | any_text,
    published_at=st.none() | st.just(NOW),
    provenance=st.lists(any_text, max_size=4).map(tuple),
    copy=st.booleans(),
)
spans = st.lists(
    st.tuples(st.integers(min_value=-5, max_value=999), st.integers(min_value=-5, max_value=999)),
    max_size=6,
).map(tuple)
views = st.builds(
    AlertView,
    alert_key=st.just("s1/opcon/#desk"),
    topic=st.just("opcon"),
    topic_title=any_text,
    story_id=st.just(1),
    article=outlets,
    seen_at=st.just(NOW),
    level=st.sampled_from(["alert", "mention"]),
    severity=st.sampled_from(["low", "normal", "high", "critical"]),
    snippet=any_text,
    spans=spans,
    why=any_text,
    others=st.lists(outlets, max_size=45).map(tuple),
    n_outlets=st.integers(min_value=1, max_value=60),
    also_topics=st.lists(any_text, max_size=3).map(tuple),
    note=any_text,
    status=st.lists(any_text, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(view=views)
def test_every_message_is_accepted_by_slacks_rules(view: AlertView) -> None:
    message = build_message(view, MessageOptions(buttons=True))
    assert check_message(message) == []
    violations: list[str] = []
    form = {"text": message.text, "blocks": message.blocks, "metadata": message.metadata}
    assert check_content(json.loads(json.dumps(form)), violations, limit=4_000) is None
    assert violations == []
    assert alert_text(view, MessageOptions())


@settings(max_examples=60, deadline=None)
@given(view=views)
def test_every_view_survives_being_stored(view: AlertView) -> None:
    assert from_payload(AlertView, json.loads(json.dumps(to_payload(view)))) == view


@settings(max_examples=200, deadline=None)
@given(text=any_text, limit=st.integers(min_value=1, max_value=300))
def test_a_cut_is_never_longer_than_asked_and_cleaning_twice_changes_nothing(
    text: str, limit: int
) -> None:
    assert slack_length(cut(clean(text), limit)) <= limit
    assert clean(clean(text)) == clean(text)
