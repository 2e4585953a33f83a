"""Quiet hours and digest times: wall-clock rules in a named zone, right across clock changes.

Settings are short texts ("22:00-07:00 Asia/Seoul", "daily 07:30 Asia/Seoul"); what comes out is
an instant in UTC. No clock is read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from extractors.errors import UsageError

_WINDOW = re.compile(
    r"^(?:(?P<channel>[^\s;]+)\s+)?(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})"
    r"\s+(?P<zone>[A-Za-z0-9_+\-/]+)$"
)
_OFF = re.compile(r"^(?P<channel>[^\s;]+)\s+off$")
_DAILY = re.compile(r"^daily\s+(?P<at>\d{1,2}:\d{2})(?:\s+(?P<zone>[A-Za-z0-9_+\-/]+))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietWindow:
    """Hours of one channel (None: every channel without a rule of its own). No hours: never."""

    channel: str | None
    start: time | None = None
    end: time | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestTime:
    """When digests go out: with each run, once a day at a local time, or not at all."""

    mode: str = "run"
    at: time = time(7, 30)
    zone: str = "UTC"


def parse_quiet_hours(text: str) -> tuple[QuietWindow, ...]:
    """Read `[#channel ]HH:MM-HH:MM Zone`, several joined by `;`, `#channel off` for none.

    Raises:
        UsageError: the text is none of this, or the zone is unknown.
    """
    windows = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        if match := _OFF.match(part):
            windows.append(QuietWindow(channel=match["channel"]))
            continue
        match = _WINDOW.match(part)
        if not match:
            raise UsageError(
                f"quiet_hours: {part!r} is not understood: write for example "
                '"22:00-07:00 Asia/Seoul" or "#navy 22:00-07:00 Asia/Seoul; #desk off"'
            )
        windows.append(
            QuietWindow(
                channel=match["channel"],
                start=_time(match["start"], "quiet_hours"),
                end=_time(match["end"], "quiet_hours"),
                zone=checked_zone(match["zone"], "quiet_hours"),
            )
        )
    return tuple(windows)


def parse_digest(text: str, *, default_zone: str = "UTC") -> DigestTime:
    """Read `run`, `off` or `daily HH:MM [Zone]`.

    Raises:
        UsageError: the text is none of this, or the zone is unknown.
    """
    text = text.strip()
    if text in ("run", "off"):
        return DigestTime(mode=text)
    match = _DAILY.match(text)
    if not match:
        raise UsageError(
            f'digest: {text!r} is not understood: write "run", "daily 07:30 Asia/Seoul" or "off"'
        )
    zone = checked_zone(match["zone"] or default_zone, "digest")
    return DigestTime(mode="daily", at=_time(match["at"], "digest"), zone=zone)


def checked_zone(name: str, key: str) -> str:
    """Return the zone's name when the tz database has it.

    Raises:
        UsageError: it has not.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{key}: {name!r} is not a time zone: write one like Asia/Seoul or Europe/London"
        ) from None
    return name


def quiet_until(windows: tuple[QuietWindow, ...], channel: str, now: datetime) -> datetime | None:
    """Return when the channel's quiet hours end (UTC), or None when it is not quiet now.

    A window that spans midnight belongs to the day on which it begins. A wall time that a clock
    change skips or repeats is read as the zone's rules say (PEP 495, first occurrence); the end
    is always later than `now`.
    """
    window = _window_of(windows, channel)
    if window is None or window.start is None or window.end is None or window.start == window.end:
        return None
    zone = ZoneInfo(window.zone)
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        begin = datetime.combine(day, window.start, zone)
        last = day if window.start < window.end else day + timedelta(days=1)
        end = datetime.combine(last, window.end, zone)
        if begin.astimezone(UTC) <= now < end.astimezone(UTC):
            return end.astimezone(UTC)
    return None


def last_digest_time(digest: DigestTime, now: datetime) -> datetime | None:
    """Return the newest daily digest time that is not in the future, None unless daily."""
    if digest.mode != "daily":
        return None
    zone = ZoneInfo(digest.zone)
    today = now.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        moment = datetime.combine(day, digest.at, zone).astimezone(UTC)
        if moment <= now:
            return moment
    return None


def _window_of(windows: tuple[QuietWindow, ...], channel: str) -> QuietWindow | None:
    general = None
    for window in windows:
        if window.channel == channel:
            return window
        if window.channel is None:
            general = window
    return general


def _time(text: str, key: str) -> time:
    hour, minute = (int(part) for part in text.split(":"))
    try:
        return time(hour % 24 if (hour, minute) == (24, 0) else hour, minute)
    except ValueError:
        raise UsageError(f"{key}: {text} is not a time of day") from None
