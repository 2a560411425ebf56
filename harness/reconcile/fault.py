"""The one error of this package."""

from __future__ import annotations


class BadInput(ValueError):
    """A file or an option that cannot be used; the message names the file, the place and what was expected."""
