"""What Slack's answers mean: above all, which of them say that nothing was posted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.buttons import action_block, parse_click
from alerts.outcomes import advice, retry_after, verdict_of, webhook_verdict


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, {"ok": True, "ts": "1.2", "channel": "C1"}, "ok"),
        (200, {"ok": True}, "unclear"),
        (200, {"ok": True, "ts": 7}, "unclear"),
        (200, None, "unclear"),
        (200, [], "unclear"),
        (200, {}, "unclear"),
        (200, {"ok": False}, "unclear"),
        (200, {"ok": False, "error": "Received a non-JSON answer: <html>"}, "unclear"),
        (200, {"ok": False, "error": "fatal_error"}, "unclear"),
        (200, {"ok": False, "error": "internal_error"}, "unclear"),
        (302, None, "unclear"),
        (403, None, "unclear"),
        (500, {"ok": False, "error": "channel_not_found"}, "unclear"),
        (503, None, "unclear"),
        (429, None, "rate_limited"),
        (200, {"ok": False, "error": "ratelimited"}, "rate_limited"),
        (200, {"ok": False, "error": "invalid_auth"}, "account"),
        (200, {"ok": False, "error": "missing_scope"}, "account"),
        (200, {"ok": False, "error": "not_in_channel"}, "channel"),
        (200, {"ok": False, "error": "invalid_blocks"}, "message"),
        (200, {"ok": False, "error": "an_error_of_the_future"}, "message"),
        (200, {"ok": False, "error": "message_not_found"}, "gone"),
    ],
)
def test_an_answer_is_sorted_by_whether_the_message_may_be_there(
    status: int, body: Any, meaning: str
) -> None:
    assert verdict_of(status, {}, body).meaning == meaning


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, "ok", "ok"),
        (200, "<html>", "unclear"),
        (404, "no_service", "account"),
        (410, "channel_is_archived", "channel"),
        (400, "invalid_payload", "message"),
        (429, "", "rate_limited"),
        (500, "rollup_error", "rate_limited"),
        (502, "bad gateway", "unclear"),
    ],
)
def test_an_answer_to_a_webhook_is_plain_text(status: int, body: str, meaning: str) -> None:
    assert webhook_verdict(status, {}, body).meaning == meaning


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("0.25", 0.25),
        ("Sun, 22 Nov 2026 06:00:20 GMT", 20.0),
        ("Sun, 22 Nov 2026 05:00:00 GMT", 30.0),
        ("soon", 30.0),
        ("", 30.0),
        ("-3", 30.0),
        ("nan", 30.0),
        ("inf", 30.0),
        ("999999", 3600.0),
    ],
)
def test_retry_after_may_be_whole_decimal_a_date_or_nonsense(value: str, expected: float) -> None:
    now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    assert retry_after({"retry-after": value}, now=now) == expected
    assert retry_after({"Retry-After": value}, now=now) == expected


def test_a_missing_retry_after_is_half_a_minute() -> None:
    assert retry_after({}) == 30.0


@pytest.mark.parametrize(
    "word", ["invalid_auth", "not_in_channel", "invalid_blocks", "fatal_error"]
)
def test_the_advice_is_one_line_that_names_slacks_word(word: str) -> None:
    line = advice(verdict_of(200, {}, {"ok": False, "error": word}), "#desk")
    assert word in line
    assert "\n" not in line


def click(value: str = "ack", **more: Any) -> dict[str, Any]:
    action = {
        "block_id": "presswatch:s1/opcon/#desk",
        "action_id": f"presswatch_{value}",
        "value": value,
        "action_ts": "1763790000.123",
        "type": "button",
    }
    return {
        "type": "block_actions",
        "user": {"id": "U1", "username": "kim"},
        "actions": [action | more],
    }


def test_a_click_says_who_did_what_to_which_alert() -> None:
    [found] = parse_click(click())
    assert (found.action, found.alert_key, found.actor) == ("ack", "s1/opcon/#desk", "kim")
    assert found.action_id == "slack:1763790000.123:U1:ack"


def test_a_choice_in_the_menu_carries_its_reason_and_end() -> None:
    [found] = parse_click(
        click(selected_option={"value": "not_relevant:other meaning"}, value=None)
    )
    assert (found.action, found.reason) == ("not_relevant", "other meaning")
    [found] = parse_click(click(selected_option={"value": "mute_topic"}))
    assert found.until is not None
    assert (found.until - found.at).total_seconds() == 86_400


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"actions": None},
        {"actions": ["x"]},
        click(block_id="another app"),
        click(action_ts="x"),
        click("drop_tables"),
        {"actions": click()["actions"]},
    ],
)
def test_what_is_no_click_of_ours_is_left_out(payload: dict[str, Any]) -> None:
    assert parse_click(payload) == []


def test_buttons_of_a_very_long_key_still_fit() -> None:
    block = action_block("s1/" + "t" * 400 + "/#desk")
    assert "block_id" not in block
