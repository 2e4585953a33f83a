"""Who is told what: first articles, later outlets, mentions, age, caps, mutes, quiet hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.digest import WaitingItem, is_old, plan_digests
from alerts.intents import (
    AlertContext,
    AlertIntent,
    HitInStory,
    Mute,
    ParentState,
    StoryState,
)
from alerts.models import AlertArticle, TopicHit, TopicInfo
from alerts.policy import AlertSettings, plan_alerts
from alerts.quiet import last_digest_time, parse_digest, parse_quiet_hours, quiet_until
from alerts.view import AlertView, DigestLine, ReplyView, from_payload
from extractors.errors import UsageError

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TOPIC = TopicInfo(topic="opcon", title="OPCON", topic_version="v")
OTHER_TOPIC = TopicInfo(topic="ssn", title="SSN", topic_version="v")
SETTINGS = AlertSettings(channel="#desk")


def hit(
    n: int = 1,
    *,
    story: int = 1,
    topic: TopicInfo = TOPIC,
    level: str = "alert",
    outlet: str | None = None,
    published: timedelta | None = timedelta(minutes=5),
    title: str = "Allies agree",
    tier: int | None = 1,
    **more: Any,
) -> HitInStory:
    return HitInStory(
        article=AlertArticle(
            article_id=n,
            story_id=story,
            title=title,
            url=f"https://news.example/{n}",
            outlet=outlet or f"Outlet {n}",
            country=None,
            tier=tier,
            language="en",
            published_at=None if published is None else NOW - published,
            fetched_at=NOW,
        ),
        hit=TopicHit(
            topic=topic.topic,
            topic_version="v",
            level=level,  # type: ignore[arg-type]
            score=12,
            why={"line": "why", "snippet": "the OPCON plan", "spans": [[4, 9]]},
        ),
        topic=topic,
        **more,
    )


def plan(
    *hits: HitInStory, context: AlertContext | None = None, settings: AlertSettings = SETTINGS
) -> list[AlertIntent]:
    return plan_alerts(hits, context or AlertContext(), settings, NOW)


def after(
    intents: list[AlertIntent], *, state: str = "sent", age: timedelta = timedelta(hours=1)
) -> AlertContext:
    """The context once these parents are in the outbox."""
    parents: dict[int, dict[tuple[str, str], ParentState]] = {}
    for intent in intents:
        if intent.kind == "alert":
            assert intent.story_id is not None
            assert intent.topic is not None
            parents.setdefault(intent.story_id, {})[(intent.topic, intent.channel)] = ParentState(
                alert_key=intent.alert_key,
                topic=intent.topic,
                channel=intent.channel,
                state=state,  # type: ignore[arg-type]
                created_at=NOW - age,
                last_post_at=NOW - age,
                payload=intent.payload,
            )
    return AlertContext(
        stories={
            story: StoryState(story_id=story, n_outlets=2, parents=found)
            for story, found in parents.items()
        }
    )


def shape(intents: list[AlertIntent]) -> list[tuple[str, str, str]]:
    return [(i.kind, i.state, i.reason) for i in intents]


def test_a_first_hit_makes_one_parent_with_a_key_of_story_topic_and_channel() -> None:
    [intent] = plan(hit())
    assert (intent.kind, intent.alert_key) == ("alert", "s1/opcon/#desk")
    view = from_payload(AlertView, intent.payload)
    assert (view.snippet, view.spans, view.why) == ("the OPCON plan", ((4, 9),), "why")


def test_a_topic_with_its_own_channel_goes_there() -> None:
    [intent] = plan(hit(topic=replace(TOPIC, channel="#navy")))
    assert intent.channel == "#navy"


def test_hits_of_one_story_in_one_batch_make_one_parent_with_the_others_listed() -> None:
    [intent] = plan(hit(1), hit(2), hit(3, outlet="Outlet 1"))
    view = from_payload(AlertView, intent.payload)
    assert [other.article_id for other in view.others] == [2, 3]
    assert view.n_outlets == 2


def test_the_parent_is_led_by_the_best_source_of_the_batch() -> None:
    late = timedelta(minutes=1)
    [intent] = plan(
        hit(1, tier=3, level="mention"),
        hit(2, tier=2),
        hit(3, tier=1, published=late),
        hit(4, tier=1),
        hit(5, tier=4),
    )
    view = from_payload(AlertView, intent.payload)
    assert view.article.article_id == intent.article_id == 4
    assert {other.article_id for other in view.others} == {1, 2, 3, 5}
    assert view.level == "alert"


def test_a_better_source_leads_a_parent_that_waits_but_not_one_that_was_sent() -> None:
    for state, leader in (("pending", 2), ("sent", 1)):
        context = after(plan(hit(1, tier=3)), state=state)
        edit = plan(hit(2, tier=1), context=context)[0]
        assert edit.new_parent_payload is not None
        assert from_payload(AlertView, edit.new_parent_payload).article.article_id == leader


def test_two_topics_of_an_article_are_two_parents_that_name_each_other() -> None:
    first, second = plan(hit(), hit(topic=OTHER_TOPIC))
    assert first.alert_key != second.alert_key
    assert from_payload(AlertView, first.payload).also_topics == ("ssn",)
    assert from_payload(AlertView, second.payload).also_topics == ("opcon",)
    assert from_payload(AlertView, second.payload).note == ""


def test_a_new_topic_in_a_story_that_was_told_says_so() -> None:
    [intent] = plan(hit(2, topic=OTHER_TOPIC), context=after(plan(hit(1))))
    assert intent.kind == "alert"
    assert "already alerted for opcon" in from_payload(AlertView, intent.payload).note


def test_a_later_outlet_edits_the_parent_and_replies() -> None:
    edit, reply = plan(hit(2), context=after(plan(hit(1))))
    assert (edit.kind, reply.kind) == ("edit", "reply")
    assert edit.new_parent_payload is not None
    assert from_payload(AlertView, edit.new_parent_payload).n_outlets == 2
    assert from_payload(ReplyView, reply.payload).broadcast is False


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_a_later_outlet_only_joins_the_text_of_a_parent_that_is_not_sent(state: str) -> None:
    [intent] = plan(hit(2), context=after(plan(hit(1)), state=state))
    assert (intent.kind, intent.state) == ("edit", "withdrawn")
    assert intent.new_parent_payload is not None


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_while_a_parent_is_unclear_edit_and_reply_wait_for_it(state: str) -> None:
    intents = plan(hit(2), context=after(plan(hit(1)), state=state))
    assert [(i.kind, i.state) for i in intents] == [("edit", "pending"), ("reply", "pending")]


def test_the_same_article_again_tells_nothing() -> None:
    assert plan(hit(1), context=after(plan(hit(1)))) == []


def test_a_second_article_of_a_listed_outlet_edits_without_a_reply() -> None:
    [intent] = plan(hit(2, outlet="Outlet 1"), context=after(plan(hit(1))))
    assert intent.kind == "edit"


def test_within_the_cooldown_a_later_outlet_edits_without_a_reply() -> None:
    topic = replace(TOPIC, cooldown_s=7200)
    context = after(plan(hit(1, topic=topic)))
    assert [i.kind for i in plan(hit(2, topic=topic), context=context)] == ["edit"]
    topic = replace(TOPIC, cooldown_s=1800)
    kinds = [i.kind for i in plan(hit(2, topic=topic), hit(3, topic=topic), context=context)]
    assert kinds == ["edit", "reply"]


def test_a_mention_that_becomes_a_main_subject_is_broadcast_also_in_the_cooldown() -> None:
    topic = replace(TOPIC, cooldown_s=7200)
    context = after(plan(hit(1, topic=topic, level="mention")))
    edit, reply = plan(hit(2, topic=topic), context=context)
    assert from_payload(ReplyView, reply.payload).broadcast is True
    assert edit.new_parent_payload is not None
    assert from_payload(AlertView, edit.new_parent_payload).level == "alert"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Correction: Allies agree", "correction"),
        ("Allies agree (corrected)", "correction"),
        ("[정정] 한미 합의", "correction"),
        ("【訂正】合意", "correction"),
        ("(更正)達成協議", "correction"),
        ("RETRACTION: Allies agree", "retraction"),
        ("[기사취소] 한미 합의", "retraction"),
        ("A correction to the treaty is due", "new"),
        ("정정당당한 승부", "new"),
    ],
)
def test_a_headline_that_marks_a_correction_is_told_as_one(title: str, expected: str) -> None:
    intents = plan(hit(2, title=title), context=after(plan(hit(1))))
    reply = from_payload(ReplyView, intents[-1].payload)
    assert reply.change == expected


def test_a_correction_by_a_listed_outlet_replies_and_marks_the_parent() -> None:
    edit, reply = plan(
        hit(2, outlet="Outlet 1", change="correction", change_note="It was 2030."),
        context=after(plan(hit(1))),
    )
    assert from_payload(ReplyView, reply.payload).note == "It was 2030."
    assert edit.new_parent_payload is not None
    view = from_payload(AlertView, edit.new_parent_payload)
    assert view.status == ("correction by Outlet 1",)
    assert view.others == ()


def test_a_plain_new_version_of_an_article_only_edits() -> None:
    intents = plan(hit(2, outlet="Outlet 1", change="update"), context=after(plan(hit(1))))
    assert [i.kind for i in intents] == ["edit"]


@pytest.mark.parametrize(
    ("the_hit", "reason", "state"),
    [
        (hit(backfill=True), "backfill", "pending"),
        (hit(published=timedelta(hours=25)), "older than 24 h", "pending"),
        (
            hit(level="mention", topic=replace(TOPIC, mentions="digest")),
            "passing mention",
            "pending",
        ),
        (
            hit(level="mention", topic=replace(TOPIC, mentions="off")),
            "passing mention: the topic has them off",
            "withdrawn",
        ),
        (hit(topic=replace(TOPIC, severity="low")), "low severity", "pending"),
        (
            hit(topic=replace(TOPIC, max_tier=2), tier=3),
            "source of tier 3: the topic takes tiers up to 2",
            "withdrawn",
        ),
    ],
)
def test_what_is_no_alert_is_kept_with_its_reason(
    the_hit: HitInStory, reason: str, state: str
) -> None:
    assert shape(plan(the_hit)) == [("item", state, reason)]


def test_a_line_of_a_digest_is_written_once_a_story() -> None:
    told = StoryState(story_id=1, items=frozenset({("opcon", "#desk")}))
    assert plan(hit(2, backfill=True), context=AlertContext(stories={1: told})) == []
    assert len(plan(hit(1, backfill=True), hit(2, backfill=True))) == 1


def test_fresh_news_in_an_old_story_alerts_all_the_same() -> None:
    told = StoryState(story_id=1, items=frozenset({("opcon", "#desk")}))
    [intent] = plan(hit(2), context=AlertContext(stories={1: told}))
    assert intent.kind == "alert"


def test_an_article_without_a_date_or_from_the_future_counts_as_of_when_it_was_seen() -> None:
    assert plan(hit(published=None))[0].kind == "alert"
    assert plan(hit(published=timedelta(days=-400)))[0].kind == "alert"


def test_an_old_article_that_joins_a_story_edits_without_a_reply() -> None:
    kinds = [i.kind for i in plan(hit(2, backfill=True), context=after(plan(hit(1))))]
    assert kinds == ["edit"]


def test_what_is_over_the_hourly_cap_goes_into_the_digest_and_nothing_is_dropped() -> None:
    settings = replace(SETTINGS, hourly_cap=3)
    context = AlertContext(recent={("opcon", "#desk"): 1})
    intents = plan(*(hit(n, story=n) for n in range(1, 6)), context=context, settings=settings)
    assert [i.kind for i in intents] == ["alert", "alert", "item", "item", "item"]
    assert intents[-1].reason == "over the cap of 3 alerts an hour"
    assert intents[-1].state == "pending"


def test_the_cap_counts_each_topic_alone_and_never_holds_critical_ones() -> None:
    settings = replace(SETTINGS, hourly_cap=1)
    context = AlertContext(recent={("opcon", "#desk"): 1})
    assert plan(hit(topic=OTHER_TOPIC), context=context, settings=settings)[0].kind == "alert"
    critical = replace(TOPIC, severity="critical")
    assert plan(hit(topic=critical), context=context, settings=settings)[0].kind == "alert"


def test_a_cap_of_zero_is_no_cap() -> None:
    settings = replace(SETTINGS, hourly_cap=0)
    intents = plan(*(hit(n, story=n) for n in range(1, 60)), settings=settings)
    assert {i.kind for i in intents} == {"alert"}


def test_the_cap_still_works_when_digests_are_off() -> None:
    settings = replace(SETTINGS, hourly_cap=1, digest=parse_digest("off"))
    _, second = plan(hit(1), hit(2, story=2), settings=settings)
    assert (second.kind, second.state) == ("item", "pending")


@pytest.mark.parametrize(
    "mute",
    [
        Mute(story_id=1, by="kim"),
        Mute(topic="opcon", until=NOW + timedelta(hours=1), by="kim"),
    ],
)
def test_what_is_muted_is_kept_but_not_told(mute: Mute) -> None:
    [intent] = plan(hit(), context=AlertContext(mutes=(mute,)))
    assert (intent.kind, intent.state) == ("item", "withdrawn")
    assert "muted" in intent.reason
    assert "kim" in intent.reason


def test_a_mute_that_is_over_or_of_another_story_changes_nothing() -> None:
    mutes = (Mute(topic="opcon", until=NOW), Mute(story_id=2), Mute(topic="ssn"))
    assert plan(hit(), context=AlertContext(mutes=mutes))[0].kind == "alert"


def test_a_muted_story_is_still_edited_but_gets_no_reply() -> None:
    context = replace(after(plan(hit(1))), mutes=(Mute(story_id=1),))
    assert [i.kind for i in plan(hit(2), context=context)] == ["edit"]


def test_in_quiet_hours_an_alert_waits_and_a_critical_one_does_not() -> None:
    settings = replace(SETTINGS, quiet_hours=parse_quiet_hours("14:00-16:00 Asia/Seoul"))
    [intent] = plan(hit(), settings=settings)
    assert intent.not_before == datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
    [intent] = plan(hit(topic=replace(TOPIC, severity="critical")), settings=settings)
    assert intent.not_before is None


# ---------------------------------------------------------------------- quiet hours
def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("rule", "now", "end"),
    [
        ("22:00-07:00 Asia/Seoul", "2026-11-22T23:00+09:00", "2026-11-23T07:00+09:00"),
        ("22:00-07:00 Asia/Seoul", "2026-11-22T06:59+09:00", "2026-11-22T07:00+09:00"),
        ("22:00-07:00 Asia/Seoul", "2026-11-22T07:00+09:00", None),
        ("22:00-07:00 Asia/Seoul", "2026-11-22T21:59+09:00", None),
        ("12:00-13:00 UTC", "2026-11-22T12:30+00:00", "2026-11-22T13:00+00:00"),
        # The night in which London's clocks go back an hour is nine hours long, the other eight.
        ("23:00-07:00 Europe/London", "2026-10-24T23:30+01:00", "2026-10-25T07:00+00:00"),
        ("23:00-07:00 Europe/London", "2026-03-28T23:30+00:00", "2026-03-29T07:00+01:00"),
        # 02:30 does not exist on 2026-03-08 in New York, and comes twice on 2026-11-01.
        ("22:00-02:30 America/New_York", "2026-03-08T01:59-05:00", "2026-03-08T03:30-04:00"),
        ("22:00-01:30 America/New_York", "2026-11-01T01:15-04:00", "2026-11-01T01:30-04:00"),
        ("22:00-01:30 America/New_York", "2026-11-01T01:15-05:00", None),
        ("08:00-08:00 UTC", "2026-11-22T08:30+00:00", None),
    ],
)
def test_quiet_hours_follow_the_wall_clock_across_clock_changes(
    rule: str, now: str, end: str | None
) -> None:
    expected = at(end) if end else None
    assert quiet_until(parse_quiet_hours(rule), "#desk", at(now)) == expected


def test_a_channels_own_quiet_hours_replace_the_general_ones() -> None:
    rules = parse_quiet_hours("22:00-07:00 UTC; #night off; #day 08:00-20:00 UTC")
    night = at("2026-11-22T23:00+00:00")
    assert quiet_until(rules, "#desk", night) is not None
    assert quiet_until(rules, "#night", night) is None
    assert quiet_until(rules, "#day", night) is None


@pytest.mark.parametrize(
    "text", ["22-7", "22:00-07:00", "22:00-07:00 Asia/Soul", "25:00-07:00 UTC"]
)
def test_wrong_quiet_hours_are_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match="quiet_hours"):
        parse_quiet_hours(text)


def test_the_newest_daily_digest_time_is_found() -> None:
    digest = parse_digest("daily 07:30 Asia/Seoul")
    assert last_digest_time(digest, at("2026-11-22T07:29+09:00")) == at("2026-11-21T07:30+09:00")
    assert last_digest_time(digest, at("2026-11-22T07:30+09:00")) == at("2026-11-22T07:30+09:00")
    assert last_digest_time(parse_digest("run"), NOW) is None


@pytest.mark.parametrize("text", ["weekly", "daily", "daily 7h", "daily 07:30 Moon"])
def test_a_wrong_digest_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match="digest"):
        parse_digest(text)


# ---------------------------------------------------------------------- digests
def waiting(n: int, reason: str = "passing mention", *, hours: float = 1) -> WaitingItem:
    intent = plan(hit(n, story=n, backfill=True))[0]
    line = replace(from_payload(DigestLine, intent.payload), reason=reason)
    return WaitingItem(
        alert_key=f"k{n}",
        channel="#desk",
        created_at=NOW - timedelta(hours=hours),
        old=is_old(reason),
        line=line,
    )


def test_old_articles_make_one_summary_for_all_channels() -> None:
    items = [waiting(n, "backfill") for n in range(300)]
    items = [replace(item, channel=f"#c{n % 3}") for n, item in enumerate(items)]
    [summary] = plan_digests(items, {}, replace(SETTINGS, ops_channel="#ops"), NOW)
    assert (summary.intent.kind, summary.intent.channel) == ("summary", "#ops")
    assert len(summary.item_keys) == 300
    assert "300 stories match" in summary.intent.payload["heading"]


def published(item: WaitingItem, moment: datetime | None) -> WaitingItem:
    article = replace(item.line.article, published_at=moment)
    return replace(item, line=replace(item.line, article=article))


@pytest.mark.parametrize("moment", [None, NOW - timedelta(days=3)])
def test_the_next_summary_of_old_articles_waits_a_day(moment: datetime | None) -> None:
    item = published(waiting(1, "backfill"), moment)
    last = {("summary", "#desk"): NOW - timedelta(hours=2)}
    assert plan_digests([item], last, SETTINGS, NOW) == []
    last = {("summary", "#desk"): NOW - timedelta(hours=21)}
    assert len(plan_digests([item], last, SETTINGS, NOW)) == 1


def test_a_summary_with_news_that_was_missed_waits_half_an_hour_at_most() -> None:
    item = published(waiting(1, "backfill"), NOW - timedelta(hours=3))
    last = {("summary", "#desk"): NOW - timedelta(minutes=10)}
    assert plan_digests([item], last, SETTINGS, NOW) == []
    last = {("summary", "#desk"): NOW - timedelta(minutes=31)}
    assert len(plan_digests([item], last, SETTINGS, NOW)) == 1


def test_a_digest_with_the_runs_goes_out_at_most_every_half_hour() -> None:
    last = {("digest", "#desk"): NOW - timedelta(minutes=10)}
    assert plan_digests([waiting(1)], last, SETTINGS, NOW) == []
    last = {("digest", "#desk"): NOW - timedelta(minutes=31)}
    [digest] = plan_digests([waiting(1), waiting(2, "low severity")], last, SETTINGS, NOW)
    assert digest.intent.payload["heading"] == "Digest: 2 stories not alerted one by one"


def test_a_daily_digest_takes_what_waited_at_its_time() -> None:
    settings = replace(SETTINGS, digest=parse_digest("daily 05:00 UTC"))
    assert plan_digests([waiting(1, hours=0.5)], {}, settings, NOW) == []
    [digest] = plan_digests([waiting(1, hours=0.5), waiting(2, hours=2)], {}, settings, NOW)
    assert digest.item_keys == ("k1", "k2")


def test_a_digest_waits_for_the_end_of_quiet_hours_unless_asked_for() -> None:
    settings = replace(SETTINGS, quiet_hours=parse_quiet_hours("05:00-07:00 UTC"))
    assert plan_digests([waiting(1)], {}, settings, NOW) == []
    assert len(plan_digests([waiting(1)], {}, settings, NOW, force=True)) == 1
