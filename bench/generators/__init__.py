"""Load generators under test: how each is started on one cell of the table, and what it saw, stream by stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BODY = {
    "model": "truth",
    "messages": [{"role": "user", "content": "Say fifty words."}],
    "max_tokens": 50,
    "stream": True,
    "stream_options": {"include_usage": True},
}


@dataclass(frozen=True)
class Cell:
    """One run: so many requests by so many users at a time, each sending its next when the last has ended."""

    url: str  # of the server, without a path
    ca: Path | None
    users: int
    requests: int
    folder: Path  # its own, for what it writes


@dataclass(frozen=True)
class Seen:
    """One stream as the generator measured it, in milliseconds; `started` only orders streams.

    `gaps` are times between events, or one mean for the stream where that is all a generator tells.
    """

    started: float
    ttft: float
    gaps: Sequence[float]


class Generator(Protocol):
    """`peer` names the environment that it is installed in, None for ours."""

    name: str
    peer: str | None
    note: str

    def command(self, cell: Cell, bin_folder: Path) -> list[str]: ...

    def environment(self, cell: Cell, /) -> Mapping[str, str]: ...

    def seen(self, cell: Cell) -> list[Seen]:
        """Raises OSError, ValueError or KeyError where it wrote nothing that can be read."""
        ...


def trusting(ca: Path | None) -> dict[str, str]:
    """The environment in which clients of every kind trust the certificate."""
    return {name: str(ca) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")} if ca else {}
