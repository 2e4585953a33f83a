"""What is remembered of a feed between polls, and how one poll changes it. Pure.

In: the state before, the poll's result, the time and a random number. Out: the state after, the
entries that are news, and whether items fell out unseen. It neither fetches nor stores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from extractors.feed_list import FeedConfig
from extractors.feeds import ParsedFeed, guid_key
from extractors.health import FeedFacts, judge
from extractors.models import FeedEntry
from extractors.rhythm import (
    FIRST_INTERVAL_S,
    Rhythm,
    blend_gap,
    failure_weight,
    longest_pause,
    median_gap,
    next_interval,
    retry_interval,
    with_jitter,
)
from extractors.urls import key_of, url_key

GOOD = frozenset({"ok", "not_modified", "unchanged"})
# A server that answers 304 for ever hides all news: one question a day without a condition, and
# only when the feed has been quiet for three times its rhythm.
PROBE_EVERY = timedelta(hours=24)
PROBE_QUIET_FACTOR = 3.0
PROBE_UNKNOWN_RHYTHM = timedelta(hours=24)
# A moved feed is believed after this many good polls of the target.
MOVES_NEEDED = 2
MAX_REMEMBERED = 4_000  # items remembered per feed: twice what one document may list
MAX_VERSIONS = 5  # an entry that changes with every poll is fetched again this often at most
VERSIONS_WITHIN = timedelta(days=3)
# When this share of the known items changed at once, the feed's template changed, not the news.
REFORMAT_SHARE, REFORMAT_LEAST = 0.6, 6
UNDATED_GAP_LEAST = 5  # items before and now, for a gap to be told without dates
# A temporary failure of an article's page is retried in later runs for three days.
RETRY_FOR = timedelta(days=3)
RETRY_STEPS_S = (600, 1_800, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMemory:
    """One item that a feed has listed. Keys are 64-bit hashes."""

    id: int
    fingerprint: int
    url: int
    title: int
    seen_at: int  # seconds since 1970
    versions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """A feed as configured and as remembered. `url` is where it is asked for now."""

    config: FeedConfig
    url: str
    etag: str | None = None
    last_modified: str | None = None
    body_hash: int | None = None
    first_poll_at: datetime | None = None
    last_poll_at: datetime | None = None
    last_ok: datetime | None = None
    last_full_at: datetime | None = None
    last_new_at: datetime | None = None
    newest_item_at: datetime | None = None
    next_poll_at: datetime | None = None
    failures: float = 0.0
    last_outcome: str = ""
    last_error: str | None = None
    interval_s: float = FIRST_INTERVAL_S
    streak: int = 0
    gap_s: float | None = None
    pause_s: float | None = None
    gap_at: datetime | None = None
    gap_reason: str = ""
    listed: int = 0
    moved_to: str | None = None
    moves_seen: int = 0
    kind: str = ""
    site_url: str | None = None
    state: str = "NEW"
    state_reason: str = ""
    raw_hashes: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The feed's name in feeds.toml."""
        return self.config.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """What one poll brought. `outcome` is `ok`, `not_modified`, `unchanged` or a failure's name."""

    feed: str
    polled_at: datetime
    outcome: str
    url: str = ""
    status: int | None = None
    error: str | None = None
    duration_s: float = 0.0
    size_bytes: int = 0
    retry_after_s: float | None = None
    permanent_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: int | None = None
    full: bool = False  # asked without a condition
    max_age_s: float | None = None
    parsed: ParsedFeed | None = None
    listed: int | None = None  # items of the document, the cut ones included
    dropped: int = 0  # items cut out as seen
    raw_hashes: tuple[int, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the feed answered as it should."""
        return self.outcome in GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The state after a poll; what is new; what changed; what fell out.

    `updated` are entries that the feed listed before and has edited since. `items` is the new
    memory of items, None when it stays as it was.
    """

    state: FeedState
    fresh: tuple[FeedEntry, ...] = ()
    updated: tuple[FeedEntry, ...] = ()
    items: tuple[ItemMemory, ...] | None = None
    gap: bool = False


def wants_probe(state: FeedState, now: datetime) -> bool:
    """Tell whether this poll should leave out the validators."""
    if not (state.etag or state.last_modified):
        return True
    if state.last_full_at is None:
        return True
    if now - state.last_full_at < PROBE_EVERY:
        return False
    latest = max(filter(None, (state.last_new_at, state.newest_item_at)), default=None)
    if latest is None:
        return True
    quiet = (
        timedelta(seconds=PROBE_QUIET_FACTOR * state.gap_s) if state.gap_s else PROBE_UNKNOWN_RHYTHM
    )
    return now - latest > quiet


def apply_poll(
    state: FeedState,
    result: PollResult,
    items: Iterable[ItemMemory] = (),
    *,
    floor_s: float,
    spread: float,
    own_outage: bool = False,
) -> Applied:
    """Return what a poll changes.

    Args:
        state: the feed before the poll.
        result: what the poll brought.
        items: the feed's remembered items; needed only when something was parsed.
        floor_s: least poll interval in seconds.
        spread: random number between 0 and 1.
        own_outage: this run's polls failed together, so the feed is not to blame.
    """
    now = result.polled_at
    base = replace(
        state,
        first_poll_at=state.first_poll_at or now,
        last_poll_at=now,
        last_outcome=result.outcome,
        last_error=None if result.is_good else result.error,
    )
    if result.outcome == "deferred":  # its host's queue was full: nothing was asked
        return Applied(state=replace(state, next_poll_at=now))
    if not result.is_good:
        return Applied(
            state=_judged(_after_failure(base, result, floor_s, spread, own_outage), now)
        )
    base = replace(base, last_ok=now, failures=0.0, streak=state.streak + 1)
    base = _after_move(base, result)
    if result.full and result.outcome != "not_modified":
        base = replace(base, last_full_at=now)
    applied = Applied(state=base)
    if result.outcome != "not_modified":
        # A validator that the server no longer sends is forgotten.
        base = replace(
            base,
            etag=result.etag,
            last_modified=result.last_modified,
            body_hash=result.body_hash,
            raw_hashes=result.raw_hashes or base.raw_hashes,
        )
        applied = Applied(state=base)
    if result.parsed is not None:
        applied = _after_parse(base, result, result.parsed, tuple(items))
    after = applied.state
    rhythm = Rhythm(
        interval_s=after.interval_s,
        streak=after.streak,
        listed=result.listed if result.listed is not None else after.listed,
        fresh=len(applied.fresh),
        gap_s=after.gap_s,
        span_s=_span(result.parsed) if not result.dropped else None,
        asked_s=_asked(result),
        newest_age_s=(now - after.newest_item_at).total_seconds() if after.newest_item_at else None,
        conditional=bool(after.etag or after.last_modified),
    )
    interval = next_interval(rhythm, floor_s=floor_s, every_s=after.config.every_s)
    wait = with_jitter(interval, spread)
    after = replace(after, interval_s=interval, next_poll_at=now + timedelta(seconds=wait))
    return replace(applied, state=_judged(after, now))


def _after_failure(
    state: FeedState, result: PollResult, floor_s: float, spread: float, own_outage: bool
) -> FeedState:
    if own_outage:
        wait = with_jitter(max(floor_s, 60.0), spread)
        return replace(state, next_poll_at=result.polled_at + timedelta(seconds=wait), streak=0)
    failures = state.failures + failure_weight(result.outcome)
    wait = retry_interval(
        state.config.every_s or state.interval_s,
        failures,
        outcome=result.outcome,
        retry_after_s=result.retry_after_s,
        spread=spread,
    )
    moved = state
    if state.moves_seen >= MOVES_NEEDED and result.outcome in ("not_found", "dns", "connect"):
        # The adopted target fails: go back to what feeds.toml says.
        moved = replace(state, url=state.config.url, moved_to=None, moves_seen=0)
    return replace(
        moved,
        failures=failures,
        streak=0,
        next_poll_at=result.polled_at + timedelta(seconds=with_jitter(wait, spread)),
    )


def _after_move(state: FeedState, result: PollResult) -> FeedState:
    """Count good polls of a permanent redirect's target; adopt it after two."""
    if result.permanent_url is None:
        if state.url == state.config.url and state.moved_to is not None:
            return replace(state, moved_to=None, moves_seen=0)
        return state
    seen = state.moves_seen + 1 if result.permanent_url == state.moved_to else 1
    url = result.permanent_url if seen >= MOVES_NEEDED else state.url
    return replace(state, moved_to=result.permanent_url, moves_seen=seen, url=url)


def _after_parse(
    state: FeedState, result: PollResult, parsed: ParsedFeed, items: tuple[ItemMemory, ...]
) -> Applied:
    now = int(result.polled_at.timestamp())
    memory = {item.id: item for item in items}
    first_poll = not items and state.newest_item_at is None and state.last_new_at is None
    fresh: list[FeedEntry] = []
    changed: list[tuple[FeedEntry, ItemMemory]] = []
    listed: dict[int, ItemMemory] = {}
    met = result.dropped
    for entry in parsed.entries:
        mark = _remember(entry, now)
        old = memory.get(mark.id)
        if old is not None and old.url != mark.url and old.title != mark.title:
            # The guid was used for another article before: the address joins the identity.
            entry = replace(entry, guid=f"{entry.guid} {entry.url or entry.title}")
            mark = _remember(entry, now)
            old = memory.get(mark.id)
        if old is None:
            fresh.append(entry)
            listed[mark.id] = mark
            continue
        met += 1
        mark = replace(mark, seen_at=old.seen_at, versions=old.versions)
        listed[mark.id] = mark
        if mark.fingerprint != old.fingerprint:
            changed.append((entry, mark))
    updated: list[FeedEntry] = []
    reformatted = len(changed) >= REFORMAT_LEAST and len(changed) >= REFORMAT_SHARE * max(met, 1)
    for entry, mark in changed:
        young = now - mark.seen_at <= VERSIONS_WITHIN.total_seconds()
        if not reformatted and young and mark.versions < MAX_VERSIONS:
            listed[mark.id] = replace(mark, versions=mark.versions + 1)
            updated.append(entry)
    kept = [item for item in items if item.id not in listed]
    remembered = (*listed.values(), *kept)[:MAX_REMEMBERED]
    newest = max(filter(None, (state.newest_item_at, parsed.newest_at)), default=None)
    gap_reason = ""
    if not first_poll and met == 0 and len(fresh) > 1:
        titles = {item.title for item in items}
        gap_reason = _gap_reason(state, parsed, any(m.title in titles for m in listed.values()))
    dates = [e.published_at for e in parsed.entries if e.published_at is not None]
    judged_at = state.last_new_at or state.first_poll_at or result.polled_at
    after = replace(
        state,
        pause_s=longest_pause(
            [*dates, *([state.newest_item_at] if state.newest_item_at else [])],
            state.pause_s,
            (result.polled_at - judged_at).total_seconds(),
        )
        if fresh
        else state.pause_s,
        listed=result.listed if result.listed is not None else len(parsed.entries),
        newest_item_at=newest,
        last_new_at=result.polled_at if fresh else state.last_new_at,
        gap_s=state.gap_s
        if result.dropped
        else blend_gap(
            state.gap_s,
            median_gap(e.published_at for e in parsed.entries if e.published_at is not None),
        ),
        kind=parsed.kind,
        site_url=parsed.site_url or state.site_url,
    )
    if gap_reason:
        after = replace(after, gap_at=result.polled_at, gap_reason=gap_reason)
    return Applied(
        state=after,
        fresh=tuple(fresh),
        updated=tuple(updated),
        items=tuple(remembered),
        gap=bool(gap_reason),
    )


def _gap_reason(state: FeedState, parsed: ParsedFeed, titles_known: bool) -> str:
    """Say how items are seen to have fallen out of a feed none of whose items is known; or ""."""
    if state.newest_item_at is not None and parsed.oldest_at is not None:
        if parsed.oldest_at <= state.newest_item_at:
            return ""
        return (
            f"its oldest item ({parsed.oldest_at:%Y-%m-%d %H:%M} UTC) is newer than the newest "
            f"seen before ({state.newest_item_at:%Y-%m-%d %H:%M} UTC): items fell out"
        )
    # Without dates: every item was replaced. Known titles mean that only its guids are new.
    many = min(state.listed, len(parsed.entries)) >= UNDATED_GAP_LEAST
    if state.newest_item_at is None and parsed.oldest_at is None and many and not titles_known:
        return (
            "it has no dates, and none of the items that it listed before is left: items fell out"
        )
    return ""


def _remember(entry: FeedEntry, now: int) -> ItemMemory:
    return ItemMemory(
        id=guid_key(entry.feed, entry.guid),
        fingerprint=int(entry.fingerprint or "0", 16),
        url=url_key(entry.url) if entry.url else 0,
        title=key_of(entry.title),
        seen_at=now,
    )


def _span(parsed: ParsedFeed | None) -> float | None:
    if parsed is None or parsed.newest_at is None or parsed.oldest_at is None:
        return None
    return (parsed.newest_at - parsed.oldest_at).total_seconds() or None


def _asked(result: PollResult) -> float | None:
    asked = [result.max_age_s]
    if result.parsed is not None:
        asked += [result.parsed.ttl_s, result.parsed.update_hint_s]
    return max((a for a in asked if a is not None), default=None)


def _judged(state: FeedState, now: datetime) -> FeedState:
    health = judge(
        FeedFacts(
            outcome=state.last_outcome,
            error=state.last_error,
            failures=state.failures,
            first_poll_at=state.first_poll_at,
            last_ok=state.last_ok,
            newest_item_at=state.newest_item_at,
            last_new_at=state.last_new_at,
            gap_s=state.gap_s,
            pause_s=state.pause_s,
            listed=state.listed,
            gap_at=state.gap_at,
            gap_reason=state.gap_reason,
        ),
        now,
    )
    return replace(state, state=health.state, state_reason=health.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedEntry:
    """An entry whose article is still owed to the store.

    `entry_key` names it in `core.pending_entry`; `update_of` is set when the feed edited an entry
    whose article is stored already. `first_poll`: its feed listed it when it first answered well.
    """

    entry_key: int
    entry: FeedEntry
    first_seen: datetime
    attempts: int = 0
    backfill: bool = False
    first_poll: bool = False
    update_of: int | None = None
    fetch: str = "page"
    outlet: str | None = None
    lang: str | None = None
    country: str | None = None
    tier: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def retry_wait(attempts: int) -> float:
    """Return the seconds until an entry with so many failed attempts is tried again."""
    return float(RETRY_STEPS_S[min(attempts, len(RETRY_STEPS_S) - 1)])


def is_last_attempt(owed: OwedEntry, now: datetime) -> bool:
    """Tell whether a temporary failure of this attempt is the last: three days are over."""
    return now + timedelta(seconds=retry_wait(owed.attempts)) > owed.first_seen + RETRY_FOR
