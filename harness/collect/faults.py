"""Why nothing could be collected: each message says what is missing or wrong, and what to do about it."""

from __future__ import annotations


class CollectError(Exception):
    """No bundle was made."""


class Absent(CollectError):
    """A source of evidence is not there, or does not answer."""


class Refused(CollectError):
    """A source answers, but what it answers must not be called evidence."""
