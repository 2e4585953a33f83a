"""`presswatch alerts`: the outbox, messages before they are sent, and what people say to them."""

from __future__ import annotations

import getpass
import re
import signal
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import click

from extractors.errors import UsageError
from extractors.suggest import did_you_mean
from flows.alert_text import list_lines, sample_payload
from flows.context import AppContext, common_options, example, pass_app

if TYPE_CHECKING:
    from alerts.buttons import Action
    from alerts.sender import DrainReport
    from storage.database import Transaction

STATES = ("pending", "sending", "sent", "unknown", "failed", "withdrawn", "printed")
KINDS = ("alert", "reply", "edit", "item", "digest", "summary", "ops")


@click.group("alerts", epilog=example("presswatch alerts list --state failed --json"))
def alerts() -> None:
    """Look after the outbox: what was sent, what waits, what failed."""


# ---------------------------------------------------------------------- list
@alerts.command("list", epilog=example("presswatch alerts list --state unknown --since 7d"))
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these.")
@click.option("--topic", help="Only this topic.")
@click.option("--since", metavar="TIME", help="For example 24h, 7d or 2026-11-01.")
@click.option("--limit", default=50, show_default=True, help="At most so many, newest first.")
@common_options
@pass_app
def list_(
    app: AppContext,
    states: tuple[str, ...],
    kinds: tuple[str, ...],
    topic: str | None,
    since: str | None,
    limit: int,
) -> None:
    """List messages, newest first; without --kind the alerts, digests and operators' messages."""
    from storage.outbox import counts, list_alerts

    moment = _since(since) if since else None
    with app.store.read() as con:
        rows = list_alerts(con, states=states, kinds=kinds, topic=topic, since=moment, limit=limit)
        totals = counts(con)
    if app.as_json:
        app.emit_json(rows)
        return
    click.echo("\n".join(list_lines(rows)), nl=bool(rows))
    if topic and not rows and topic not in app.topics.infos:
        app.say(f"no topic {topic!r}" + did_you_mean(topic, app.topics.infos))
    total = ", ".join(f"{number} {state}" for state, number in sorted(totals.items()))
    app.say(f"{len(rows)} shown; in the outbox: {total or 'nothing'}")
    if totals.get("unknown"):
        app.say("unknown: the answer never came; it is looked up, never sent twice")


def _no_message(app: AppContext, key: str) -> str:
    from storage.outbox import list_alerts

    with app.store.read() as con:
        known = [row["alert_key"] for row in list_alerts(con, kinds=KINDS, limit=1000)]
    return f"no message {key!r}: `presswatch alerts list` shows the keys" + did_you_mean(key, known)


# ---------------------------------------------------------------------- preview
@alerts.command("preview", epilog=example("presswatch alerts preview s12/opcon/#presswatch --json"))
@click.argument("key", required=False)
@common_options
@pass_app
def preview(app: AppContext, key: str | None) -> None:
    """Show a message as it is sent: that of KEY, else the newest alert, else a sample.

    Sends nothing. With --json it prints what Slack gets, to paste into Slack's Block Kit Builder.
    """
    from alerts.intents import Kind
    from alerts.message import message_for
    from alerts.plain import render_text
    from flows.alerting import message_options

    kind, payload = _stored(app, key)
    options = message_options(app.settings)
    if app.as_json:
        message = message_for(cast(Kind, kind), payload, options)
        app.emit_json(
            {"text": message.text, "blocks": message.blocks, "metadata": message.metadata}
        )
    else:
        click.echo(render_text(cast(Kind, kind), payload, options))


def _stored(app: AppContext, key: str | None) -> tuple[str, dict[str, Any]]:
    from storage.errors import StoreDamaged
    from storage.outbox import get_payload, list_alerts

    found = None
    try:
        with app.store.read() as con:
            if key is None:
                rows = list_alerts(con, kinds=("alert",), limit=1)
                key = rows[0]["alert_key"] if rows else None
            found = get_payload(con, key) if key else None
    except StoreDamaged:
        if key is not None:
            raise
    if found is None and key is not None:
        raise UsageError(_no_message(app, key))
    if found is not None and found[0] == "edit":
        return _stored(app, (key or "").removesuffix("/edit"))
    if found is None:
        app.say("no alert is stored yet: this is a sample")
        return "alert", sample_payload(app.settings.slack_channel)
    return found


# ---------------------------------------------------------------------- test
@alerts.command("test", epilog=example("presswatch alerts test --channel '#navy'"))
@click.option("--channel", help="Where to (default: the setting slack_channel).")
@common_options
@pass_app
def test(app: AppContext, channel: str | None) -> None:
    """Send a test message, and say what works: posting, finding it again.

    Without a token or webhook the message is printed. Exit code 1 when Slack refuses.
    """
    from alerts.message import build_note
    from alerts.outcomes import advice
    from alerts.view import NoteView
    from extractors.errors import AlertError
    from flows.alerting import make_poster

    place = channel or app.settings.slack_channel
    key = f"test/{uuid.uuid4()}"
    text = f"presswatch test message, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Nothing happened."
    poster = make_poster(app.settings, app.secrets)
    if poster is None:
        click.echo(text)
        app.say("printed, not posted: set SLACK_BOT_TOKEN (or SLACK_WEBHOOK_URL) to post")
        return
    started = datetime.now(UTC)
    message = build_note(NoteView(alert_key=key, text=text, good=True), message_id=key)
    verdict = poster.post(place, message, message_id=key)
    if verdict.meaning != "ok":
        raise AlertError(advice(verdict, place), permanent=True)
    result: dict[str, Any] = {"posted": True, "channel": place, "ts": verdict.ts}
    lines = [f"posted to {place}"]
    if verdict.ts is not None:
        look = poster.find(verdict.channel or place, {key}, oldest=started - timedelta(seconds=30))
        result["found_again"] = key in look.found
        lines.append(
            "found again: messages whose answer is lost are looked up, never sent twice"
            if result["found_again"]
            else f"not found again ({look.error or 'not in the channel'}): give the app the scope "
            "channels:history (groups:history for private channels); without it, a message whose "
            "answer is lost stays unknown"
        )
    else:
        lines.append("a webhook: messages only, no threads, no edits, no look-up")
    if app.as_json:
        app.emit_json(result)
    else:
        click.echo("\n".join(lines))


# ---------------------------------------------------------------------- retry
@alerts.command("retry", epilog=example("presswatch alerts retry --wait 120"))
@click.argument("keys", nargs=-1)
@click.option(
    "--unclear",
    is_flag=True,
    help="Also send again what may be in the channel already (unknown). May double a message.",
)
@click.option("--wait", "wait_s", type=float, help="Seconds to wait for Slack's pace.")
@common_options
@pass_app
def retry(app: AppContext, keys: tuple[str, ...], unclear: bool, wait_s: float | None) -> None:
    """Send what is due now: all of it, or only what failed among KEYS first."""
    from flows.sending import send_due, sent_so_far
    from storage import outbox

    with app.store.read() as con:  # says so when there is no database
        strange = [key for key in keys if outbox.get_payload(con, key) is None]
    if strange:
        raise UsageError(_no_message(app, strange[0]))
    with app.store.write() as tx:
        again = outbox.retry(tx, keys or None, unclear=unclear)
    app.say(f"{again} failed messages are due again" if again else "nothing had failed")
    report = send_due(
        app.store,
        app.settings,
        app.secrets,
        show=app.show_alert,
        progress=lambda r: app.say(sent_so_far(r)),
        deadline_s=wait_s,
    )
    app.store.publish()
    _finish(app, report)


def _finish(app: AppContext, report: DrainReport) -> None:
    if app.as_json:
        app.emit_json(
            {
                "sent": report.sent,
                "printed": report.printed,
                "unknown": report.unknown,
                "failed": report.failed,
                "withdrawn": report.withdrawn,
                "waiting": report.left,
                "problems": report.problems,
                "messages": app.shown_alerts,
            }
        )
    else:
        app.say(
            f"sent {report.sent}, printed {report.printed}, failed {report.failed}, "
            f"waiting {report.left}"
        )
    for line in report.problems.values():
        click.echo(line, err=True)
    if not report.ok:
        raise SystemExit(1)


# ---------------------------------------------------------------------- ack, mute
@alerts.command("ack", epilog=example("presswatch alerts ack s12/opcon/#presswatch --as kim"))
@click.argument("keys", nargs=-1, required=True)
@click.option("--not-relevant", metavar="REASON", help="Mark as not relevant instead, and why.")
@click.option("--as", "actor", help="Who you are (default: your login).")
@common_options
@pass_app
def ack(
    app: AppContext, keys: tuple[str, ...], not_relevant: str | None, actor: str | None
) -> None:
    """Acknowledge alerts, by key or by story number; the parent message shows it."""
    from flows.sending import apply_click

    action = "not_relevant" if not_relevant is not None else "ack"
    done = []
    with app.store.read():
        pass  # says so when there is no database
    with app.store.write() as tx:
        for key in _parents(tx, keys):
            line = apply_click(
                tx,
                _click(cast("Action", action), key, actor, reason=not_relevant or ""),
                timezone=app.settings.timezone,
                source="cli",
            )
            done.append({"alert_key": key, "action": action, "shows": line})
    app.store.publish()
    if app.as_json:
        app.emit_json(done)
    else:
        for entry in done:
            click.echo(f"{entry['alert_key']}: {entry['shows']}")
    app.say("the message in Slack is edited by the next run, or now: presswatch alerts retry")


@alerts.command("mute", epilog=example("presswatch alerts mute --topic ssn --for 24h"))
@click.option("--story", type=int, metavar="N", help="Number of the story.")
@click.option("--topic", metavar="ID", help="The topic.")
@click.option("--for", "time", metavar="TIME", help="For example 24h or 7d; a story: for good.")
@click.option("--off", is_flag=True, help="End the mute.")
@click.option("--as", "actor", help="Who you are (default: your login).")
@common_options
@pass_app
def mute(
    app: AppContext,
    story: int | None,
    topic: str | None,
    time: str | None,
    off: bool,
    actor: str | None,
) -> None:
    """Silence a story or a topic; without --story and --topic, list the mutes in force.

    What is muted is stored as ever and listed by `presswatch alerts list --kind item`.
    """
    from storage import alert_actions, alert_queue, outbox

    now = datetime.now(UTC)
    if story is None and topic is None:
        with app.store.read() as con:
            mutes = alert_actions.active_mutes(con, now=now)
        entries = [
            {"story": m.story_id, "topic": m.topic, "until": m.until, "by": m.by} for m in mutes
        ]
        if app.as_json:
            app.emit_json(entries)
        for entry in [] if app.as_json else entries:
            muted = f"story {entry['story']}" if entry["story"] else f"topic {entry['topic']}"
            end = f"until {entry['until']:%Y-%m-%d %H:%M} UTC" if entry["until"] else "for good"
            click.echo(f"{muted} {end} by {entry['by']}")
        app.say(f"{len(entries)} mutes in force")
        return
    if story is not None and topic is not None:
        raise UsageError("mute either a story or a topic: give one of --story, --topic")
    if topic is not None and topic not in app.topics.infos:
        raise UsageError(
            f"no topic {topic!r}: `presswatch topics list` shows them"
            + did_you_mean(topic, app.topics.infos)
        )
    what = "story" if story is not None else "topic"
    length = _length(time) if time else (timedelta(hours=24) if what == "topic" else None)
    until = None if off or length is None else now + length
    with app.store.read():
        pass  # says so when there is no database
    with app.store.write() as tx:
        alert_actions.add_action(
            tx,
            action_id=f"cli:{uuid.uuid4()}",
            action=f"{'un' if off else ''}mute_{what}",
            actor=actor or getpass.getuser(),
            at=now,
            source="cli",
            story_id=story,
            topic=topic,
            until=until,
        )
        if not off:
            keys = alert_queue.unsent_keys(tx.con, story_id=story, topic=topic)
            outbox.withdraw(tx, keys, f"{what} muted by {actor or getpass.getuser()}")
    app.store.publish()
    name = story if story is not None else topic
    ending = (
        "is no longer muted"
        if off
        else "is muted" + (f" until {until:%Y-%m-%d %H:%M} UTC" if until else " for good")
    )
    if app.as_json:
        app.emit_json({what: name, "muted": not off, "until": until})
    else:
        click.echo(f"{what} {name} {ending}")


# ---------------------------------------------------------------------- digest, listen
@alerts.command("digest", epilog=example("presswatch alerts digest --send"))
@click.option("--send", is_flag=True, help="Send it now, whatever the digest's time is.")
@common_options
@pass_app
def digest(app: AppContext, send: bool) -> None:
    """Show the lines that wait for a digest; with --send, send them now."""
    from flows.sending import send_due
    from storage.alert_queue import waiting_items

    if send:
        with app.store.read():
            pass  # says so when there is no database
        report = send_due(
            app.store, app.settings, app.secrets, show=app.show_alert, digest_now=True
        )
        app.store.publish()
        _finish(app, report)
        return
    with app.store.read() as con:
        items = waiting_items(con)
    if app.as_json:
        app.emit_json(
            [
                {
                    "alert_key": key,
                    "channel": channel,
                    "since": since,
                    "reason": reason,
                    "topic": payload.get("topic"),
                    "title": (payload.get("article") or {}).get("title"),
                    "outlet": (payload.get("article") or {}).get("outlet"),
                }
                for key, channel, since, reason, payload in items
            ]
        )
        return
    from alerts.foreign import clean, cut

    for _, channel, _, reason, payload in items:
        article = payload.get("article") or {}
        title = cut(clean(str(article.get("title", ""))), 80)
        click.echo(
            f"{channel}  [{payload.get('topic')}] {title} — {article.get('outlet')}: {reason}"
        )
    app.say(f"{len(items)} lines wait for a digest")


@alerts.command("listen", epilog=example("presswatch alerts listen"))
@common_options
@pass_app
def listen(app: AppContext) -> None:
    """Take clicks on the buttons under alerts, until Ctrl-C. Needs SLACK_APP_TOKEN."""
    from flows.sending import clicks_taken

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with clicks_taken(app.store, app.settings, app.secrets, say=app.say):
        try:
            app.say("listening for clicks; Ctrl-C ends it")
            stop.wait()
        except KeyboardInterrupt:
            app.say("stopped")


# ---------------------------------------------------------------------- below
def _parents(tx: Transaction, keys: Sequence[str]) -> list[str]:
    """Return the parents' keys that keys or story numbers stand for."""
    from storage.alert_queue import find_parent, parents_of_story

    found: list[str] = []
    for key in keys:
        if key.isdigit():
            matching = parents_of_story(tx.con, int(key))
        else:
            matching = [key] if find_parent(tx.con, key) else []
        if not matching:
            raise UsageError(f"no alert {key!r}: `presswatch alerts list` shows the keys")
        found += matching
    return found


def _click(action: Action, key: str, actor: str | None, *, reason: str = "") -> Any:
    from alerts.buttons import Click

    return Click(
        action_id=f"cli:{uuid.uuid4()}",
        action=action,
        alert_key=key,
        actor=actor or getpass.getuser(),
        at=datetime.now(UTC),
        reason=reason,
    )


def _length(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+)\s*([mhd])", text.strip())
    if not match:
        raise UsageError(f"{text!r} is not a length of time: write for example 90m, 24h or 7d")
    return timedelta(minutes=int(match[1]) * {"m": 1, "h": 60, "d": 1440}[match[2]])


def _since(text: str) -> datetime:
    if re.fullmatch(r"\d+\s*[mhd]", text.strip()):
        return datetime.now(UTC) - _length(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {text!r} is neither a length (24h, 7d) nor a date (2026-11-01)"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
