"""Errors of the store. All are `StoreError`s: one sentence for the user, no stack trace."""

from __future__ import annotations

from extractors.errors import StoreError


class StoreLocked(StoreError):
    """Another process writes, or holds the database file open for writing."""


class StoreTooNew(StoreError):
    """The file was written by a newer presswatch."""


class StoreDamaged(StoreError):
    """The file is not a database of ours, or is damaged."""


class StoreUnwritable(StoreError):
    """The folder or disk does not take what is written."""
