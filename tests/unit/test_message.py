"""What a message looks like, and that it stays within Slack's limits whatever goes in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.slack_server import check_content

from alerts.foreign import clean, cut, isolate, slack_length, web_link
from alerts.message import (
    MessageOptions,
    SlackMessage,
    build_digest,
    build_message,
    build_reply,
    check_message,
)
from alerts.plain import alert_text, digest_text
from alerts.view import (
    AlertView,
    DigestLine,
    DigestView,
    OutletLine,
    ReplyView,
    from_payload,
    to_payload,
)

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
LINE = OutletLine(
    article_id=1,
    outlet="Example Times",
    title="Ministers set a date for the OPCON transfer",
    url="https://news.example/opcon-date",
    language="en",
    tier=1,
    country="kr",
    published_at=NOW - timedelta(minutes=9),
)
VIEW = AlertView(
    alert_key="s1/opcon/#presswatch",
    topic="opcon",
    topic_title="Wartime operational control",
    story_id=1,
    article=LINE,
    seen_at=NOW,
    snippet="They said the OPCON transfer was near.",
    spans=((14, 28),),
    why='opcon 15 (>= 10): "OPCON transfer" title',
)

HOSTILE = [
    "<!channel> <@U123> <https://evil.example|bank> & more",
    "*bold* _it_ `code` :rotating_light: @here #general",
    "\u202eesrever \u2066 tricks\u202c",
    "a\x00b\x1b[31mred\r\nsecond line\u2028third",
    "z" + "\u0301" * 400,
    "\ud800 lone surrogate",
    "مفاوضات نقل السيطرة العملياتية " * 30,
    "👩‍👩‍👧‍👦🇰🇷🏴󠁧󠁢󠁥󠁮󠁧󠁿👍🏽" * 80,
    "전시작전통제권 " * 200,
    "戦" * 2000,
    "<>&" * 2000,
    "https://bank.example/login",
    "",
    " ",
]


def texts(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["text"]] if isinstance(part.get("text"), str) else []
        return own + [t for value in part.values() for t in texts(value)]
    if isinstance(part, list):
        return [t for value in part for t in texts(value)]
    return []


def slack_says(message: SlackMessage) -> str | None:
    violations: list[str] = []
    form = {"text": message.text, "blocks": message.blocks, "metadata": message.metadata}
    problem = check_content(json.loads(json.dumps(form)), violations, limit=4_000)
    return problem or (violations[0] if violations else None)


def test_the_parent_shows_title_sentence_source_and_reason() -> None:
    message = build_message(VIEW)
    shown = "".join(texts(message.blocks))
    for part in ("Wartime operational control", LINE.title, "Example Times", "tier 1", "English"):
        assert part in shown
    assert "seen 9 min later" in shown
    assert 'opcon 15 (>= 10): "OPCON transfer" title' in shown
    assert message.metadata["event_payload"]["alert_key"] == "s1/opcon/#presswatch"


def test_the_title_is_a_link_and_the_matched_words_are_bold() -> None:
    blocks = build_message(VIEW).blocks
    link = blocks[1]["elements"][0]["elements"][0]
    assert (link["type"], link["url"]) == ("link", "https://news.example/opcon-date")
    bold = [e["text"] for e in blocks[2]["elements"][0]["elements"] if e.get("style")]
    assert bold == ["OPCON transfer"]


def test_the_time_is_shown_in_the_readers_zone() -> None:
    blocks = build_message(VIEW, MessageOptions(timezone="Asia/Seoul")).blocks
    dates = [e for e in blocks[3]["elements"][0]["elements"] if e["type"] == "date"]
    assert dates[0]["fallback"] == "2026-11-22 14:51 KST"
    assert dates[0]["timestamp"] == int(LINE.published_at.timestamp())  # type: ignore[union-attr]


def test_a_passing_mention_is_marked() -> None:
    assert "passing mention" in "".join(texts(build_message(replace(VIEW, level="mention")).blocks))
    assert "passing mention" in build_message(replace(VIEW, level="mention")).text
    assert "passing mention" not in "".join(texts(build_message(VIEW).blocks))


def test_provenance_is_flagged() -> None:
    view = replace(VIEW, article=replace(LINE, provenance=("ai-translated", "wire")))
    assert "AI-translated · wire copy" in "".join(texts(build_message(view).blocks))


def test_other_outlets_are_listed_with_the_count_of_independent_origins() -> None:
    other = replace(LINE, article_id=2, outlet="연합예시", language="ko", copy=True)
    view = replace(VIEW, others=(other,), n_outlets=2, n_origins=1)
    shown = "".join(texts(build_message(view).blocks))
    assert "연합예시 (tier 1, ko, same text)" in shown
    assert "2 outlets, 1 independent origin" in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_text_and_within_the_limits(text: str) -> None:
    line = replace(LINE, title=text, outlet=text, language=text, country=text, provenance=(text,))
    view = replace(
        VIEW,
        topic_title=text,
        article=line,
        snippet=text,
        spans=((0, 3), (2, 9_999), (5, 4)),
        why=text,
        note=text,
        also_topics=(text,),
        status=(text,),
        others=tuple(replace(line, article_id=n) for n in range(2, 42)),
        n_outlets=41,
    )
    for message in (
        build_message(view, MessageOptions(buttons=True)),
        build_reply(ReplyView(alert_key="k", topic=text, article=line, note=text, snippet=text)),
        build_digest(
            DigestView(
                alert_key="k",
                heading=text or "x",
                intro=text,
                lines=tuple(
                    DigestLine(topic=f"t{n % 9}", topic_title=text, article=line, reason=text)
                    for n in range(60)
                ),
                total=400,
                counts=tuple((text, n) for n in range(30)),
            )
        ),
    ):
        assert check_message(message) == []
        assert slack_says(message) is None
        assert {b["type"] for b in message.blocks} <= {"rich_text", "actions"}
        assert not any(char in "".join(texts(message.blocks)) for char in "\u202e\x1b\x00\r")


def test_an_outlet_with_several_articles_is_listed_once_a_language() -> None:
    others = (
        replace(LINE, article_id=2, outlet="Second"),
        replace(LINE, article_id=3, outlet="Second"),
        replace(LINE, article_id=4, outlet="Second", language="ko"),
        replace(LINE, article_id=5),
    )
    shown = "".join(texts(build_message(replace(VIEW, others=others, n_outlets=2)).blocks))
    assert shown.count("Second") == 2
    assert "more" not in shown


def test_forty_outlets_show_the_first_and_count_the_rest() -> None:
    others = tuple(replace(LINE, article_id=n, outlet=f"Outlet {n}") for n in range(2, 42))
    shown = "".join(texts(build_message(replace(VIEW, others=others, n_outlets=41)).blocks))
    assert "Outlet 2" in shown
    assert "and 28 more" in shown
    assert "41 outlets" in shown


def test_a_title_of_300_characters_is_shown_whole() -> None:
    title = ("Allies agree on it " * 20)[:300].strip()
    blocks = build_message(replace(VIEW, article=replace(LINE, title=title))).blocks
    assert blocks[1]["elements"][0]["elements"][0]["text"] == title


def test_a_title_that_poses_as_an_address_is_no_link() -> None:
    view = replace(VIEW, article=replace(LINE, title="https://bank.example/login"))
    elements = build_message(view).blocks[1]["elements"][0]["elements"]
    assert elements[0]["type"] == "text"
    assert elements[1]["text"] == "open the article"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://",
        "https://user:pw@x.example/",
        "slack:x",
        "https://x.example/" + "a" * 5000,
    ],
)
def test_an_address_that_is_no_plain_web_address_is_not_linked(url: str) -> None:
    assert web_link(url) is None
    blocks = build_message(replace(VIEW, article=replace(LINE, url=url))).blocks
    assert '"link"' not in json.dumps(blocks)


def test_a_link_with_other_letters_is_kept_and_encoded() -> None:
    assert web_link("https://x.example/기사?id=1&b=<2>") == (
        "https://x.example/%EA%B8%B0%EC%82%AC?id=1&b=%3C2%3E"
    )


def test_a_long_sentence_is_cut_around_the_match() -> None:
    snippet = "word " * 500 + "the OPCON transfer itself " + "tail " * 500
    start = snippet.index("OPCON transfer")
    view = replace(VIEW, snippet=snippet, spans=((start, start + 14),))
    elements = build_message(view).blocks[2]["elements"][0]["elements"]
    assert [e["text"] for e in elements if e.get("style")] == ["OPCON transfer"]
    assert elements[0]["text"].startswith("…")
    assert elements[-1]["text"].endswith("…")


def test_the_notification_text_cannot_mention_anybody() -> None:
    view = replace(VIEW, article=replace(LINE, title="<!channel> & <@U1>"))
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in build_message(view).text


def test_right_to_left_text_is_isolated_as_a_whole() -> None:
    assert isolate("خبر") == "\u2068خبر\u2069"
    assert isolate("news 뉴스") == "news 뉴스"


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 10, "short"),
        ("abcdef", 4, "abc…"),
        ("👍🏽👍🏽", 5, "👍🏽…"),
        ("👩‍👩‍👧x", 6, "…"),
        ("🇰🇷🇯🇵", 7, "🇰🇷…"),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"),
    ],
)
def test_a_cut_never_parts_what_belongs_together(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected
    assert slack_length(cut(text, limit)) <= limit


def test_clean_keeps_emoji_families_and_drops_hidden_marks() -> None:
    assert clean("a\u200bb 👩‍👧 \u202ec") == "ab 👩‍👧 c"


def test_a_view_survives_the_outbox() -> None:
    view = replace(VIEW, others=(replace(LINE, article_id=2, provenance=("wire",)),))
    stored = json.loads(json.dumps(to_payload(view)))
    assert from_payload(AlertView, stored) == view
    assert from_payload(AlertView, stored | {"of_a_newer_version": 1}) == view


def test_a_reply_names_outlet_and_change() -> None:
    reply = ReplyView(
        alert_key="k", topic="opcon", article=LINE, change="correction", note="The year was wrong."
    )
    shown = "".join(texts(build_reply(reply).blocks))
    assert shown.startswith("Correction by Example Times")
    assert "The year was wrong." in shown


def test_a_digest_says_how_many_it_does_not_show() -> None:
    lines = tuple(DigestLine(topic="opcon", topic_title="OPCON", article=LINE) for _ in range(30))
    view = DigestView(alert_key="d", heading="Digest: 30 stories", lines=lines, total=30)
    shown = "".join(texts(build_digest(view).blocks))
    count = sum(t == LINE.title for t in texts(build_digest(view).blocks))
    assert f"and {30 - count} more" in shown
    assert "10 more" in digest_text(view)


@pytest.mark.parametrize(
    ("level", "reason", "note"),
    [
        ("mention", "", "passing mention"),
        ("mention", "low severity", "low severity · passing mention"),
        ("mention", "passing mention", "passing mention"),
        ("alert", "low severity", "low severity"),
    ],
)
def test_a_line_of_a_digest_marks_a_passing_mention_once(
    level: str, reason: str, note: str
) -> None:
    line = DigestLine(topic="t", topic_title="T", article=LINE, level=level, reason=reason)
    view = DigestView(alert_key="d", heading="Digest", lines=(line,), total=1)
    assert digest_text(view).endswith(f" ({LINE.language}) · {note}")
    assert "".join(texts(build_digest(view).blocks)).count(f" · {note}") == 1


def test_the_printed_alert_reads_like_the_posted_one() -> None:
    text = alert_text(replace(VIEW, severity="high"), MessageOptions(timezone="Asia/Seoul"))
    assert text.splitlines() == [
        "[opcon] Wartime operational control · high",
        "  Ministers set a date for the OPCON transfer",
        "  https://news.example/opcon-date",
        "  > They said the *OPCON transfer* was near.",
        "  Example Times · tier 1 · English · published 2026-11-22 14:51 KST · seen 9 min later",
        '  why: opcon 15 (>= 10): "OPCON transfer" title · story 1',
    ]


def test_a_title_with_line_breaks_cannot_pose_as_a_line_of_the_printed_alert() -> None:
    view = replace(VIEW, article=replace(LINE, title="x\n[ssn] fake\n  why: fake"))
    assert alert_text(view, MessageOptions()).splitlines()[1] == "  x [ssn] fake why: fake"
