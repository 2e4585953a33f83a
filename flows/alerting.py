"""Settings and secrets turned into what alerting wants: policy, poster, message options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alerts.message import MessageOptions
from alerts.policy import AlertSettings
from alerts.quiet import checked_zone, parse_digest, parse_quiet_hours
from flows.settings import Secrets, Settings

if TYPE_CHECKING:
    from alerts.sender import Poster


def alert_settings(settings: Settings) -> AlertSettings:
    """Return the alerting policy.

    Raises:
        UsageError: quiet hours, digest or time zone are not what they should be.
    """
    zone = checked_zone(settings.timezone, "timezone")
    return AlertSettings(
        channel=settings.slack_channel,
        ops_channel=settings.ops_channel,
        max_age_h=settings.alert_max_age_h,
        hourly_cap=settings.hourly_cap,
        quiet_hours=parse_quiet_hours(settings.quiet_hours),
        quiet_override=settings.quiet_override,
        digest=parse_digest(settings.digest, default_zone=zone),
        reader_timezone=zone,
    )


def message_options(settings: Settings) -> MessageOptions:
    """Return how messages look."""
    return MessageOptions(timezone=checked_zone(settings.timezone, "timezone"))


def make_poster(
    settings: Settings, secrets: Secrets, channel_ids: Mapping[str, str] | None = None
) -> Poster | None:
    """Return what posts messages: bot token, else webhook, else None (messages are printed).

    Raises:
        UsageError: the token or webhook cannot be one.
    """
    from alerts.slack import SlackPoster, WebhookPoster

    if secrets.bot_token:
        return SlackPoster(secrets.bot_token, settings.slack_base_url, channel_ids=channel_ids)
    if secrets.webhook_url:
        from extractors.guard import AddressGuard

        guard = AddressGuard(settings.allow_addresses)
        return WebhookPoster(secrets.webhook_url, guard=guard)
    return None
