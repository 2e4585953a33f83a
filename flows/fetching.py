"""From the user's settings to the records that `extractors.fetch` takes."""

from __future__ import annotations

from importlib.metadata import version

from extractors.fetch import MAX_BYTES, FetchSettings, make_user_agent
from extractors.guard import AddressGuard
from flows.settings import Settings


def fetch_settings(settings: Settings) -> FetchSettings:
    """Return how to fetch, from the user's settings."""
    return FetchSettings(
        user_agent=make_user_agent(version("presswatch"), settings.contact or None),
        total_s=max(settings.feed_timeout_s, settings.page_timeout_s),
        concurrency=settings.connections,
        per_host=settings.per_host,
        host_delay_s=settings.host_delay_s,
        max_bytes={
            **MAX_BYTES,
            "feed": settings.max_feed_bytes,
            "page": settings.max_page_bytes,
            "sitemap": settings.max_feed_bytes,
        },
    )


def address_guard(settings: Settings) -> AddressGuard:
    """Return the address guard with the user's exceptions.

    Raises:
        UsageError: an exception is not an address.
    """
    return AddressGuard(settings.allow_addresses)
