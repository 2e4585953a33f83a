"""Decides who is told what: hits and the story's past in, intents out. Pure: no clock, no store.

For each (story, topic, channel) the first hit makes the one parent alert; later articles join it
(edit, and a reply in its thread); what is old, over the cap, low or a mere mention becomes a line
of a digest; what is muted or switched off is kept with its reason and never sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerts.intents import (
    SEVERITIES,
    AlertContext,
    AlertIntent,
    Change,
    HitInStory,
    Mute,
    ParentState,
    StoryState,
    parent_key,
)
from alerts.quiet import DigestTime, QuietWindow, quiet_until
from alerts.view import (
    MENTION,
    AlertView,
    DigestLine,
    OutletLine,
    ReplyView,
    from_payload,
    joined,
    led_by,
    outlet_line,
    to_payload,
)

FUTURE_SLACK = timedelta(minutes=10)
"""A publishing time further ahead than this is taken for wrong, and the fetch time used."""

# Words that head a correction or retraction, as agencies and outlets mark them: bracketed, or
# before a colon, so that "a correction to the treaty" does not count.
_CHANGE_CUES: dict[Change, re.Pattern[str]] = {
    "retraction": re.compile(
        r"(?i)^\W*(?:retraction|retracted|withdrawn|kill(?: notice)?)\s*[:\])]|"
        r"[\[(［（【<〈](?:기사\s*취소|기사\s*철회|전문\s*취소|記事取り消し|取り消し|撤稿)[\])］）】>〉]"
    ),
    "correction": re.compile(
        r"(?i)^\W*(?:correction|corrected|corrects|clarification)\s*[:\])]|"
        r"\(corrected\)|[\[(［（【<〈](?:정정|바로잡습니다|바로잡음|訂正|おわび|更正|勘誤|勘误)[^\])］）】>〉]{0,12}"
        r"[\])］）】>〉]|^(?:정정|訂正|更正)\s*[:：]"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """What a user can set about alerting. `hourly_cap` 0 means no cap."""

    channel: str = "#presswatch"
    ops_channel: str = ""
    max_age_h: float = 24.0
    hourly_cap: int = 20
    quiet_hours: tuple[QuietWindow, ...] = ()
    quiet_override: str = "critical"
    digest: DigestTime = field(default_factory=DigestTime)
    reader_timezone: str = "UTC"
    broadcast_escalation: bool = True
    buttons: bool = False


def plan_alerts(
    hits: Sequence[HitInStory], context: AlertContext, settings: AlertSettings, now: datetime
) -> list[AlertIntent]:
    """Return what to write to the outbox for these hits, in their order.

    Several hits of one story may come together: the first makes the parent, the others join it.
    Each hit ends in at least one intent, or in none when the outbox has told it already.
    """
    return _Planner(context, settings, now).plan(hits)


class _Planner:
    """State of one call: what this batch has decided so far counts for its later hits."""

    def __init__(self, context: AlertContext, settings: AlertSettings, now: datetime) -> None:
        self._context = context
        self._settings = settings
        self._now = now
        self._intents: dict[str, AlertIntent] = {}
        self._new_parents: dict[str, AlertView] = {}
        self._payloads: dict[str, AlertView] = {}
        self._replied: set[str] = set()
        self._recent = dict(context.recent)

    def plan(self, hits: Sequence[HitInStory]) -> list[AlertIntent]:
        for hit in hits:
            self._one(hit)
        return list(self._intents.values())

    def _one(self, hit: HitInStory) -> None:
        hit = replace(hit, change=_change(hit))
        channel = hit.topic.channel or self._settings.channel
        story = self._context.stories.get(hit.article.story_id) or StoryState(
            story_id=hit.article.story_id, title=hit.article.title
        )
        key = parent_key(story.story_id, hit.topic.topic, channel)
        if key in self._new_parents:
            self._join_new(hit, story, key)
            return
        parent = story.parents.get((hit.topic.topic, channel))
        if parent is not None and not (parent.can_reopen and _is_news_to(parent, hit)):
            self._join(hit, story, parent, channel)
            return
        reason, kept = self._instead(hit, story, channel)
        if not reason:
            self._parent(hit, story, key, channel)
        elif (hit.topic.topic, channel) not in story.items:
            self._item(hit, channel, reason, kept=kept)

    # ------------------------------------------------------------------ a first hit
    def _instead(self, hit: HitInStory, story: StoryState, channel: str) -> tuple[str, bool]:
        """Return why a first hit is no alert ("" when it is one), and if a digest tells it."""
        mute = _muted(self._context.mutes, story.story_id, hit.topic.topic, self._now)
        if mute is not None:
            return mute, False
        if hit.hit.level == "mention" and hit.topic.mentions == "off":
            return f"{MENTION}: the topic has them off", False
        tier = hit.article.tier
        if hit.topic.max_tier is not None and tier is not None and tier > hit.topic.max_tier:
            return f"source of tier {tier}: the topic takes tiers up to {hit.topic.max_tier}", False
        if hit.backfill:
            return "backfill", True
        if self._age(hit) > timedelta(hours=self._settings.max_age_h):
            return f"older than {self._settings.max_age_h:g} h", True
        digest = self._settings.digest.mode != "off"
        if hit.hit.level == "mention" and hit.topic.mentions == "digest":
            return MENTION, digest
        if hit.topic.severity == "low":
            return "low severity", digest
        cap = self._settings.hourly_cap
        if (
            cap
            and hit.topic.severity != "critical"
            and self._recent.get((hit.topic.topic, channel), 0) >= cap
        ):
            return f"over the cap of {cap} alerts an hour", True
        return "", False

    def _parent(self, hit: HitInStory, story: StoryState, key: str, channel: str) -> None:
        topic = hit.topic
        others = sorted(
            {name for name, place in story.parents if name != topic.topic}
            | {
                view.topic
                for other, view in self._new_parents.items()
                if view.story_id == story.story_id and view.topic != topic.topic
            }
        )
        view = AlertView(
            alert_key=key,
            topic=topic.topic,
            topic_title=topic.title,
            story_id=story.story_id,
            article=outlet_line(hit.article),
            seen_at=hit.article.fetched_at,
            severity=topic.severity,
            level=hit.hit.level,
            score=hit.hit.score,
            snippet=_text(hit.hit.why, "snippet"),
            spans=_spans(hit.hit.why),
            why=_text(hit.hit.why, "line"),
            n_outlets=max(1, story.n_outlets),
            n_origins=max(1, story.n_origins),
            also_topics=tuple(others),
            note=_new_topic_note(story, others),
        )
        self._name_in_siblings(story.story_id, topic.topic)
        until = None
        if not _at_least(topic.severity, self._settings.quiet_override):
            until = quiet_until(self._settings.quiet_hours, channel, self._now)
        self._new_parents[key] = view
        self._recent[(topic.topic, channel)] = self._recent.get((topic.topic, channel), 0) + 1
        self._intents[key] = AlertIntent(
            alert_key=key,
            kind="alert",
            story_id=story.story_id,
            article_id=hit.article.article_id,
            topic=topic.topic,
            channel=channel,
            severity=topic.severity,
            payload=to_payload(view),
            not_before=until,
            reason="quiet hours" if until else "",
        )

    def _name_in_siblings(self, story_id: int, topic: str) -> None:
        """Have this batch's other parents of the story say that it is about this topic too."""
        for key, view in self._new_parents.items():
            if view.story_id == story_id and topic != view.topic:
                both = replace(view, also_topics=tuple(sorted({*view.also_topics, topic})))
                self._new_parents[key] = both
                self._intents[key] = replace(self._intents[key], payload=to_payload(both))

    def _item(self, hit: HitInStory, channel: str, reason: str, *, kept: bool) -> None:
        article = hit.article
        key = f"{parent_key(article.story_id, hit.topic.topic, channel)}/item"
        if key in self._intents:
            return
        line = DigestLine(
            topic=hit.topic.topic,
            topic_title=hit.topic.title,
            article=outlet_line(article),
            reason=reason,
            level=hit.hit.level,
            snippet=_text(hit.hit.why, "snippet"),
        )
        self._intents[key] = AlertIntent(
            alert_key=key,
            kind="item",
            story_id=article.story_id,
            article_id=article.article_id,
            topic=hit.topic.topic,
            channel=channel,
            severity=hit.topic.severity,
            payload=to_payload(line),
            state="pending" if kept else "withdrawn",
            reason=reason,
        )

    # ------------------------------------------------------------------ a later hit
    def _join_new(self, hit: HitInStory, story: StoryState, key: str) -> None:
        line = outlet_line(hit.article)
        after = joined(
            self._new_parents[key], line, n_outlets=story.n_outlets, n_origins=story.n_origins
        )
        view = _risen(_led_by_best(after, line, hit), hit)
        self._new_parents[key] = view
        self._intents[key] = replace(
            self._intents[key], article_id=view.article.article_id, payload=to_payload(view)
        )

    def _join(self, hit: HitInStory, story: StoryState, parent: ParentState, channel: str) -> None:
        if not parent.payload:
            return
        before = self._payloads.get(parent.alert_key) or from_payload(AlertView, parent.payload)
        line = outlet_line(hit.article)
        known = {before.article.article_id, *(other.article_id for other in before.others)}
        if line.article_id in known and hit.change == "new":
            return
        known_outlets = {before.article.outlet, *(other.outlet for other in before.others)}
        risen = before.level == "mention" and hit.hit.level == "alert"
        version = hit.change != "new" and line.outlet in known_outlets
        after = joined(
            before,
            before.article if version else line,  # a version is no further report
            n_outlets=story.n_outlets,
            n_origins=story.n_origins,
        )
        unsent = parent.state in ("pending", "failed")
        if unsent and not version:
            after = _led_by_best(after, line, hit)
        after = _risen(after, hit)
        if hit.change in ("correction", "retraction"):
            status = f"{hit.change} by {line.outlet}"
            after = replace(after, status=tuple(dict.fromkeys((*after.status, status))))
        self._payloads[parent.alert_key] = after
        payload = to_payload(after)
        if parent.state == "withdrawn":
            return
        self._intents[f"{parent.alert_key}/edit"] = AlertIntent(
            alert_key=f"{parent.alert_key}/edit",
            kind="edit",
            story_id=story.story_id,
            article_id=line.article_id,
            topic=hit.topic.topic,
            channel=channel,
            severity=hit.topic.severity,
            parent_key=parent.alert_key,
            new_parent_payload=payload,
            state="withdrawn" if unsent else "pending",
            reason="the parent is not sent yet" if unsent else "",
        )
        muted = _muted(self._context.mutes, story.story_id, hit.topic.topic, self._now)
        stale = hit.backfill or self._age(hit) > timedelta(hours=self._settings.max_age_h)
        plain = hit.change == "new" or (hit.change == "update" and not hit.change_note)
        same_outlet = line.outlet in known_outlets and plain and not risen
        if unsent or muted or stale or same_outlet:
            return
        urgent = risen or hit.change in ("correction", "retraction")
        cooling = self._now < parent.last_post_at + timedelta(seconds=hit.topic.cooldown_s)
        if hit.topic.cooldown_s > 0 and parent.alert_key in self._replied:
            cooling = True
        if cooling and not urgent:
            return  # the edit of the parent tells it
        self._replied.add(parent.alert_key)
        self._reply(hit, parent, after, risen=risen)

    def _reply(self, hit: HitInStory, parent: ParentState, view: AlertView, *, risen: bool) -> None:
        article = hit.article
        version = "" if hit.change == "new" else f"/{hit.change}"
        key = f"{parent.alert_key}/r{article.article_id}{version}"
        note = hit.change_note
        if risen:
            note = note or "Now a main subject; until now it was only mentioned in passing."
        until = None
        if not _at_least(hit.topic.severity, self._settings.quiet_override):
            until = quiet_until(self._settings.quiet_hours, parent.channel, self._now)
        reply = ReplyView(
            alert_key=key,
            topic=hit.topic.topic,
            article=outlet_line(article),
            change=hit.change,
            note=note,
            snippet=_text(hit.hit.why, "snippet") if hit.change != "new" or risen else "",
            spans=_spans(hit.hit.why) if hit.change != "new" or risen else (),
            n_outlets=view.n_outlets,
            n_origins=view.n_origins,
            broadcast=risen and self._settings.broadcast_escalation,
        )
        self._intents[key] = AlertIntent(
            alert_key=key,
            kind="reply",
            story_id=article.story_id,
            article_id=article.article_id,
            topic=hit.topic.topic,
            channel=parent.channel,
            severity=hit.topic.severity,
            payload=to_payload(reply),
            not_before=until,
            reason="quiet hours" if until else "",
            parent_key=parent.alert_key,
        )

    def _age(self, hit: HitInStory) -> timedelta:
        published = hit.article.published_at
        if published is None or published > self._now + FUTURE_SLACK:
            published = hit.article.fetched_at
        return self._now - published


def _is_news_to(parent: ParentState, hit: HitInStory) -> bool:
    """Tell whether a hit is of another article, or another version, than a parent was made of."""
    told = parent.payload.get("article", {})
    return hit.change != "new" or hit.article.article_id != told.get("article_id")


def _change(hit: HitInStory) -> Change:
    """Return how the article relates to what was told; a headline may say that it corrects."""
    if hit.change in ("new", "update"):
        for change, cues in _CHANGE_CUES.items():
            if cues.search(hit.article.title):
                return change
    return hit.change


def _led_by_best(view: AlertView, line: OutletLine, hit: HitInStory) -> AlertView:
    """Return the parent led by the article that tells the story best, while it is not sent yet.

    A main subject before a mention, no AI text before AI text, a source of a better tier, then
    what was published first.
    """
    mentioned = hit.hit.level == "mention"
    if _rank(line, mentioned) >= _rank(view.article, view.level == "mention"):
        return view
    return replace(
        led_by(view, line),
        seen_at=hit.article.fetched_at,
        score=hit.hit.score,
        snippet=_text(hit.hit.why, "snippet"),
        spans=_spans(hit.hit.why),
        why=_text(hit.hit.why, "line"),
    )


def _rank(line: OutletLine, mentioned: bool) -> tuple[bool, bool, int, float]:
    published = line.published_at.timestamp() if line.published_at else math.inf
    machine = any(flag.startswith("ai-") for flag in line.provenance)
    return (mentioned, machine, line.tier if line.tier is not None else 9, published)


def _risen(view: AlertView, hit: HitInStory) -> AlertView:
    return replace(view, level="alert") if hit.hit.level == "alert" else view


def _new_topic_note(story: StoryState, others: Sequence[str]) -> str:
    told = sorted({topic for topic, _ in story.parents if topic in others})
    if not told:
        return ""
    return f"New topic in a story that was already alerted for {', '.join(told)}."


def _muted(mutes: Sequence[Mute], story_id: int, topic: str, now: datetime) -> str | None:
    for mute in mutes:
        if mute.until is not None and mute.until <= now:
            continue
        if (mute.story_id is None or mute.story_id == story_id) and (
            mute.topic is None or mute.topic == topic
        ):
            what = "story" if mute.story_id is not None else "topic"
            until = f" until {mute.until:%Y-%m-%d %H:%M} UTC" if mute.until else ""
            return f"{what} muted{until}" + (f" by {mute.by}" if mute.by else "")
    return None


def _at_least(severity: str, threshold: str) -> bool:
    if severity not in SEVERITIES or threshold not in SEVERITIES:
        return False
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)


def _text(why: Mapping[str, object], key: str) -> str:
    value = why.get(key, "")
    return value if isinstance(value, str) else ""


def _spans(why: Mapping[str, object]) -> tuple[tuple[int, int], ...]:
    spans = why.get("spans", ())
    if not isinstance(spans, (list, tuple)):
        return ()
    return tuple((int(pair[0]), int(pair[1])) for pair in spans if len(pair) == 2)
