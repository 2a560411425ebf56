"""Names that nobody can guess, from one question to the operating system for a few hundred of them."""

from __future__ import annotations

import os

_SIZE = 12  # bytes of a name
_MANY = 512
_pool: list[str] = []


def name() -> str:
    """24 hexadecimal digits."""
    if not _pool:
        drawn = os.urandom(_SIZE * _MANY).hex()
        _pool.extend(drawn[at : at + 2 * _SIZE] for at in range(0, len(drawn), 2 * _SIZE))
    return _pool.pop()


os.register_at_fork(after_in_child=_pool.clear)  # or both would draw the same
