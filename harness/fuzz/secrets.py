"""What an answer to a request that nobody wrote gives away: found by its name, because no check knows the operation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.wire.exchange import Exchange

_NAME = re.compile(
    r"(?!.*_(endpoint|path)$)"  # tells where one is to be had
    r".*(secret|password|private|kubeconfig|(^|_)(access|refresh|id|device)_token$|device_code)",
    re.IGNORECASE | re.DOTALL,  # a server may write any name
)


def given_away(answer: Exchange) -> list[str]:
    """Texts under members whose names say that they are for the caller alone; the client redacts them from here on."""
    return list(_within(answer.json)) if answer.complete and not answer.is_stream and answer.status < 300 else []


def _within(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str) and _NAME.match(name):
                yield value
            else:
                yield from _within(value)
    elif isinstance(node, list):
        for value in node:
            yield from _within(value)
