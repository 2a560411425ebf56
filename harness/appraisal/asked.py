"""A challenge and a moment as people write them, on a command line or in a file. Everything else is refused."""

from __future__ import annotations

from datetime import UTC, datetime

NONCE_BYTES = 32


def moment(value: str) -> datetime:
    """Unix seconds, or ISO 8601 with a time zone. Raises ValueError."""
    try:
        unix = value.isascii() and value.isdigit()
        at = datetime.fromtimestamp(int(value), UTC) if unix else datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError) as error:
        expected = "expected Unix seconds or ISO 8601 such as 2026-11-20T12:00:00Z"
        raise ValueError(f"{value!r}: {expected}") from error
    if at.tzinfo is None:
        raise ValueError(f"{value!r}: has no time zone; end it with Z for UTC")
    return at


def challenge(value: str) -> bytes:
    """The 32 bytes of a nonce, in hex. Raises ValueError."""
    try:
        nonce = bytes.fromhex(value.removeprefix("0x"))
    except ValueError as error:
        raise ValueError(f"{value!r}: expected hex") from error
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"{len(nonce)} bytes, expected {NONCE_BYTES}")
    return nonce
