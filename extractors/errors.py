"""Errors of presswatch, one small tree.

PresswatchError                 says what happened, to what, and what to do next
├── UsageError                  wrong use or wrong settings: exit code 2
├── ExtractError                a page or feed could not be read
│   ├── FetchError              network, HTTP status, limits; `retryable`: may a later try help
│   │   └── ForbiddenAddress    the address guard refused to connect
│   └── ParseError              bytes that are not what they should be
├── StoreError                  the database could not be opened, read or written
└── AlertError                  Slack refused; `permanent` says if trying again is of no use
"""

from __future__ import annotations


class PresswatchError(Exception):
    """Base of all errors that a user may see as one line."""


class UsageError(PresswatchError):
    """Wrong use or wrong settings. The text says what was wrong, where, and what to do."""


class ExtractError(PresswatchError):
    """A page or feed could not be read."""


class FetchError(ExtractError):
    """A fetch failed. `outcome` is a short fixed name, `retryable` tells if later may be better."""

    def __init__(
        self,
        message: str,
        *,
        url: str,
        outcome: str = "error",
        retryable: bool = True,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.url = url
        self.outcome = outcome
        self.retryable = retryable
        self.status = status
        self.retry_after_s = retry_after_s


class ForbiddenAddress(FetchError):
    """The address guard refused: not a public address, or not an allowed scheme."""

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(message, url=url, outcome="forbidden_address", retryable=False)


class ParseError(ExtractError):
    """Bytes that are not what they should be (a feed that is HTML, a broken file)."""


class StoreError(PresswatchError):
    """The database could not be opened, read or written."""


class AlertError(PresswatchError):
    """Slack refused a message. `permanent` tells if trying again is of no use."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
