"""What one poll changes in what is remembered of a feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from support.feed_server import item, rss

from extractors.feed_list import FeedConfig
from extractors.feed_state import (
    Applied,
    FeedState,
    OwedEntry,
    PollResult,
    apply_poll,
    is_last_attempt,
    wants_probe,
)
from extractors.feeds import parse_feed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEW = FeedState(
    config=FeedConfig(url="https://f.example/rss", name="f", outlet="F"),
    url="https://f.example/rss",
)


def polled(*items: str, at: datetime = NOW, **changes: object) -> PollResult:
    parsed = parse_feed(rss(*items).encode(), None, NEW.url, "f", now=at)
    values = {"etag": '"1"', "body_hash": 1, "listed": len(parsed.entries)}
    return replace(
        PollResult(feed="f", polled_at=at, outcome="ok", parsed=parsed), **{**values, **changes}
    )  # type: ignore[arg-type]


def failed(outcome: str, at: datetime = NOW, **more: object) -> PollResult:
    return PollResult(feed="f", polled_at=at, outcome=outcome, error=outcome, **more)  # type: ignore[arg-type]


def apply(state: FeedState, result: PollResult, items: object = (), **more: object) -> Applied:
    return apply_poll(state, result, items, floor_s=600, spread=0.5, **more)  # type: ignore[arg-type]


def dated(n: int, when: datetime, **extra: str) -> str:
    body = extra.get("text", "Text")
    return (
        f"<item><title>{extra.get('title', f'T{n}')}</title><guid>{extra.get('guid', n)}</guid>"
        f"<link>https://f.example/{extra.get('link', n)}</link><description>{body}</description>"
        f"<pubDate>{when:%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
    )


def test_the_first_poll_makes_everything_new_and_the_second_nothing() -> None:
    first = apply(NEW, polled(item(1), item(2)))
    second = apply(first.state, polled(item(1), item(2)), first.items)

    assert len(first.fresh) == 2 and first.state.state == "OK"
    assert second.fresh == () and second.updated == () and not second.gap


def test_validators_are_kept_from_a_good_parse_only() -> None:
    good = apply(NEW, polled(item(1), etag='W/"a"', last_modified="Sat, 21 Nov 2026")).state
    bad = apply(good, failed("parse", etag='"new"')).state
    forgotten = apply(good, polled(item(1), etag=None)).state

    assert (good.etag, good.last_modified) == ('W/"a"', "Sat, 21 Nov 2026")
    assert bad.etag == 'W/"a"'
    assert forgotten.etag is None


def test_an_edited_item_is_an_update_and_not_new() -> None:
    first = apply(NEW, polled(dated(1, NOW), dated(2, NOW)))
    second = apply(first.state, polled(dated(1, NOW, text="Edited"), dated(2, NOW)), first.items)

    assert second.fresh == ()
    assert [entry.guid for entry in second.updated] == ["1"]


def test_an_item_that_changes_with_each_poll_is_updated_five_times_at_most() -> None:
    now = apply(NEW, polled(dated(1, NOW), dated(2, NOW)))
    updates = 0
    for n in range(9):
        text = "word" * (n + 1)
        now = apply(now.state, polled(dated(1, NOW, text=text), dated(2, NOW)), now.items)
        updates += len(now.updated)

    assert updates == 5


def test_a_new_template_is_not_an_update_of_all() -> None:
    before = [dated(n, NOW) for n in range(10)]
    after = [dated(n, NOW, text="Now with an author") for n in range(10)]
    first = apply(NEW, polled(*before))

    second = apply(first.state, polled(*after), first.items)
    third = apply(second.state, polled(*after), second.items)

    assert second.updated == () and third.updated == ()


def test_a_guid_used_again_for_another_article_is_new() -> None:
    first = apply(NEW, polled(dated(1, NOW)))
    other = dated(1, NOW, title="Another story", link="other")

    second = apply(first.state, polled(other), first.items)
    third = apply(second.state, polled(other), second.items)

    assert [entry.title for entry in second.fresh] == ["Another story"]
    assert third.fresh == ()


def test_items_that_leave_and_come_back_are_not_new() -> None:
    first = apply(NEW, polled(item(1), item(2)))
    second = apply(first.state, polled(item(2), item(3)), first.items)
    third = apply(second.state, polled(item(1), item(2), item(3)), second.items)

    assert [e.title for e in second.fresh] == ["Item 3"]
    assert third.fresh == ()


def test_a_gap_is_noticed_when_no_item_is_known_and_all_are_newer() -> None:
    old = NOW - timedelta(days=2)
    first = apply(NEW, polled(dated(1, old), dated(2, old)))
    fallen = apply(first.state, polled(dated(8, NOW), dated(9, NOW)), first.items)
    overlap = apply(first.state, polled(dated(2, old), dated(9, NOW)), first.items)
    cut = apply(first.state, polled(dated(8, NOW), dated(9, NOW), dropped=1), first.items)

    assert not first.gap
    assert fallen.gap and fallen.state.state == "GAP" and "fell out" in fallen.state.state_reason
    assert not overlap.gap and not cut.gap


def undated(*names: str, guids: str = "") -> str:
    return "".join(
        f"<item><title>Title {name}</title><guid>{guids}{name}</guid>"
        f"<link>https://f.example/{guids}{name}</link></item>"
        for name in names
    )


def test_a_gap_of_a_feed_without_dates_is_noticed_when_every_item_was_replaced() -> None:
    before, later = [f"a{n}" for n in range(5)], [f"b{n}" for n in range(5)]
    first = apply(NEW, polled(undated(*before)))
    fallen = apply(first.state, polled(undated(*later)), first.items)
    one_left = apply(first.state, polled(undated(*later, "a0")), first.items)
    same_titles = apply(first.state, polled(undated(*before, guids="new-")), first.items)
    few = apply(first.state, polled(undated("b1", "b2")), first.items)

    assert fallen.gap and "has no dates" in fallen.state.state_reason
    assert not one_left.gap and not same_titles.gap and not few.gap


def test_failures_back_off_and_one_success_forgives() -> None:
    state, waits = NEW, []
    for _ in range(6):
        state = apply(state, failed("server_error")).state
        assert state.next_poll_at is not None
        waits.append((state.next_poll_at - NOW).total_seconds())
    healed = apply(state, polled(item(1))).state

    assert waits == sorted(waits) and state.state == "FAILING"
    assert healed.failures == 0 and healed.state == "OK"


def test_our_own_outage_is_not_held_against_a_feed() -> None:
    after = apply(NEW, failed("dns"), own_outage=True).state

    assert after.failures == 0
    assert after.next_poll_at is not None and after.next_poll_at - NOW < timedelta(minutes=15)


def test_retry_after_is_obeyed() -> None:
    after = apply(NEW, failed("rate_limited", retry_after_s=50_000.0)).state

    assert after.next_poll_at is not None
    assert (after.next_poll_at - NOW).total_seconds() > 49_000


def test_a_deferred_poll_changes_nothing_but_stays_due() -> None:
    assert apply(NEW, failed("deferred")).state == replace(NEW, next_poll_at=NOW)


def test_a_permanent_redirect_is_adopted_after_two_good_polls_of_one_target() -> None:
    target = "https://new.example/rss"
    once = apply(NEW, polled(item(1), permanent_url=target)).state
    other = apply(once, polled(item(1), permanent_url="https://x.example/")).state
    twice = apply(once, polled(item(1), permanent_url=target)).state
    broken = apply(once, failed("decoy", permanent_url=target)).state

    assert once.url == other.url == broken.url == NEW.url
    assert twice.url == target
    assert apply(twice, failed("not_found")).state.url == NEW.url


def test_410_retires_a_feed_without_forgetting_it() -> None:
    after = apply(NEW, failed("gone")).state

    assert after.state == "DEAD"
    assert after.next_poll_at is not None and after.next_poll_at - NOW > timedelta(days=26)


def test_a_quiet_feed_is_asked_once_a_day_without_validators() -> None:
    state = replace(
        NEW,
        etag='"1"',
        last_full_at=NOW - timedelta(hours=25),
        gap_s=3_600.0,
        last_new_at=NOW - timedelta(hours=4),
    )

    assert wants_probe(state, NOW)
    assert not wants_probe(replace(state, last_full_at=NOW - timedelta(hours=23)), NOW)
    assert not wants_probe(replace(state, last_new_at=NOW - timedelta(hours=2)), NOW)


def test_the_last_attempt_is_the_one_after_which_three_days_are_over() -> None:
    entry = OwedEntry(entry_key=1, entry=None, first_seen=NOW, attempts=6)  # type: ignore[arg-type]

    assert not is_last_attempt(entry, NOW + timedelta(hours=59))
    assert is_last_attempt(entry, NOW + timedelta(hours=61))
