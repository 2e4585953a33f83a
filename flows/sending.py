"""Sending as a whole: digests that are due, the loop, and what the operators hear of it.

Used by the cycle, by `presswatch alerts retry` and by the listener for buttons. One process sends
at a time; the lock is the kernel's, so a killed sender never blocks the next.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alerts.buttons import Click, status_line
from alerts.digest import WaitingItem, is_old, plan_digests
from alerts.message import local_time
from alerts.sender import Clock, DrainReport, Pace, SystemClock, drain
from alerts.view import AlertView, DigestLine, from_payload, to_payload
from extractors.errors import PresswatchError
from flows.alerting import alert_settings, make_poster, message_options
from storage import alert_actions, alert_queue, outbox
from storage.errors import StoreLocked

if TYPE_CHECKING:
    from flows.settings import Secrets, Settings
    from storage.database import Store, Transaction

OPS_WAIT_S = 5.0  # how long a drain may take that only tells the operators of the one before
CLICK_WAIT_S = 2.0  # Slack repeats a click that is not answered within 3 s
UNCLEAR_AFTER = timedelta(minutes=10)  # an unclear message is normally looked up within a minute


def send_due(
    store: Store,
    settings: Settings,
    secrets: Secrets,
    *,
    show: Callable[[str], None] | None = None,
    progress: Callable[[DrainReport], None] | None = None,
    deadline_s: float | None = None,
    digest_now: bool = False,
    clock: Clock | None = None,
    pace: Pace | None = None,
) -> DrainReport:
    """Send what the outbox owes and return what was done.

    Args:
        store: the store.
        settings: the settings.
        secrets: without any, messages go to `show` as text.
        show: takes each printed message.
        progress: called after each round.
        deadline_s: how long to wait for due messages; None means the setting `send_wait_s`.
        digest_now: make digests of all that waits, whatever the time.
        clock: time (tests).
        pace: times of sending (tests).

    Raises:
        StoreLocked: another process is sending, or keeps the database.
        UsageError: a setting or a token is wrong.
    """
    clock = clock or SystemClock()
    wait_s = settings.send_wait_s if deadline_s is None else deadline_s
    with outbox.sender_lock(store):
        with store.write() as tx:
            make_digests(tx, settings, now=clock.now(), force=digest_now)
            ids = outbox.channel_ids(tx.con)
        poster = make_poster(settings, secrets, ids)

        def once(seconds: float) -> DrainReport:
            return drain(
                outbox.StoreOutbox(store),
                poster,
                clock,
                options=replace(message_options(settings), buttons=bool(secrets.app_token)),
                pace=pace,
                deadline_s=seconds,
                show=show,
                progress=progress,
            )

        report = once(wait_s)
        with store.write() as tx:
            told = tell_operators(tx, settings, report, now=clock.now())
        if told and poster is not None and "account" not in report.problems:
            extra = once(OPS_WAIT_S)
            report.sent += extra.sent
        return report


def sent_so_far(report: DrainReport) -> str:
    """Return how far sending is, in words: what is printed is not sent."""
    parts = [
        f"{verb} {number} message{'' if number == 1 else 's'}"
        for verb, number in (("sent", report.sent), ("printed", report.printed))
        if number
    ]
    return ", ".join(parts) or "nothing sent yet"


def make_digests(tx: Transaction, settings: Settings, *, now: datetime, force: bool = False) -> int:
    """Enqueue the digests that are due and return their number."""
    items = [
        WaitingItem(
            alert_key=key,
            channel=channel,
            created_at=created_at,
            old=is_old(reason),
            line=from_payload(DigestLine, payload),
        )
        for key, channel, created_at, reason, payload in alert_queue.waiting_items(tx.con)
    ]
    if not items:
        return 0
    last = alert_queue.last_digests(tx.con)
    plans = plan_digests(items, last, alert_settings(settings), now, force=force)
    for plan in plans:
        alert_queue.enqueue_digest(tx, plan.intent, plan.item_keys)
    return len(plans)


def tell_operators(
    tx: Transaction, settings: Settings, report: DrainReport, *, now: datetime
) -> bool:
    """Note stopped channels and unclear messages; return whether a message is owed for it."""
    place = settings.ops_channel
    told = False
    stopped = {channel: line for channel, line in report.problems.items() if channel != "account"}
    for channel, line in stopped.items():
        if channel != place:
            told |= outbox.ops_event(tx, f"channel:{channel}", line, "stopped", channel=place)
    for channel in alert_queue.channels_without_failure(tx.con):
        if channel not in stopped and "account" not in report.problems:
            text = f"Alerts to {channel} go through again."
            told |= outbox.ops_event(tx, f"channel:{channel}", text, "ok", channel=place, good=True)
    unclear = alert_queue.unclear_before(tx.con, now - UNCLEAR_AFTER)
    text = (
        f"{unclear} messages got no clear answer from Slack and cannot be looked up: "
        "see `presswatch alerts list --state unknown`"
        if unclear
        else "No message is unclear any more."
    )
    told |= outbox.ops_event(
        tx, "alerts:unclear", text, "some" if unclear else "none", channel=place, good=not unclear
    )
    return told and bool(place)


def apply_click(
    tx: Transaction, click: Click, *, timezone: str = "UTC", source: str = "slack"
) -> str | None:
    """Do what a click or a command asks for, once.

    Returns:
        What happened, in words; None when this very click was done before, or its alert is gone.
    """
    parent = alert_queue.find_parent(tx.con, click.alert_key)
    if parent is None:
        return None
    story_id, topic, payload = parent
    if not alert_actions.add_action(
        tx,
        action_id=click.action_id,
        action=click.action,
        actor=click.actor,
        at=click.at,
        source=source,
        alert_key=click.alert_key,
        story_id=story_id,
        topic=topic,
        reason=click.reason,
        until=click.until,
    ):
        return None
    view = from_payload(AlertView, payload)
    if click.action == "why":
        alert_queue.enqueue_note(tx, click.alert_key, click.action_id, _why(view))
        return "explained in the thread"
    line = status_line(
        click.action, click.actor, local_time(click.at, timezone), reason=click.reason
    )
    view = replace(view, status=(*view.status, line))
    alert_queue.save_payload(tx, click.alert_key, to_payload(view))
    if click.action in ("mute_story", "mute_topic"):
        keys = alert_queue.unsent_keys(
            tx.con,
            story_id=story_id if click.action == "mute_story" else None,
            topic=topic if click.action == "mute_topic" else None,
        )
        outbox.withdraw(tx, keys, f"{click.action.replace('_', ' ')} by {click.actor}")
    outbox.arm_edit(tx, click.alert_key)
    return line


def _why(view: AlertView) -> str:
    score = f"score {view.score:g}" if view.score is not None else "no score kept"
    place = view.article.url or f"article {view.article.article_id}"
    return (
        f"Why: {view.why or view.topic} · {score} · level {view.level} · in {place} · "
        f"more: presswatch topics explain {place}"
    )


@contextlib.contextmanager
def clicks_taken(
    store: Store,
    settings: Settings,
    secrets: Secrets,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[None]:
    """Take clicks on buttons while the block runs: each is stored, then the parent is edited.

    A click is stored and answered at once; the edit is sent by a thread of its own, or by the run
    that is sending just then.

    Raises:
        UsageError: no app-level token.
        AlertError: Slack refuses the connection, or cannot be reached.
    """
    from alerts.listener import Listener
    from storage.database import Store

    clicks, edits = Store(store.path), Store(store.path)  # each thread has locks of its own
    wake = threading.Event()
    stop = threading.Event()

    def on_click(click: Click) -> None:
        with clicks.write(wait_s=CLICK_WAIT_S) as tx:
            line = apply_click(tx, click, timezone=settings.timezone)
        if line is not None:
            say(f"{click.alert_key}: {line}")
            wake.set()

    def edit_parents() -> None:
        while not stop.is_set():
            wake.wait()
            wake.clear()
            if stop.is_set():
                return
            try:
                send_due(edits, settings, secrets, deadline_s=OPS_WAIT_S)
            except StoreLocked:
                continue  # whoever sends just now, or the next run, sends this too
            except PresswatchError as error:
                say(str(error))

    editor = threading.Thread(target=edit_parents, name="presswatch-edits", daemon=True)
    with Listener(secrets.app_token or "", settings.slack_base_url, on_click):
        editor.start()
        try:
            yield
        finally:
            stop.set()
            wake.set()
            editor.join(timeout=OPS_WAIT_S * 2)


@contextlib.contextmanager
def clicks_if_wanted(
    store: Store, settings: Settings, secrets: Secrets, *, say: Callable[[str], None]
) -> Iterator[None]:
    """Take clicks while the block runs, if there is an app-level token and Slack lets us.

    Buttons are a convenience: without them everything else works, so a refusal is said, not raised.
    """
    with contextlib.ExitStack() as stack:
        if secrets.app_token:
            try:
                stack.enter_context(clicks_taken(store, settings, secrets, say=say))
            except PresswatchError as error:
                say(f"no buttons: {error}")
        yield
