"""What the generator is told: one JSON file. It holds no secret; the credential comes by an environment variable."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Patience:
    """How long one request may take, in seconds: to connect, to the response head, between reads, in all."""

    connect_s: float = 5
    first_byte_s: float = 30
    idle_s: float = 30
    total_s: float = 120


@dataclass(frozen=True)
class Scenario:
    """A closed loop: each of `users` sends its next request when the last one ended; request n sends body n.

    It ends after `seconds` or with the last body, whichever comes first; streams in flight are read to their end.
    """

    url: str
    bodies: tuple[str, ...]
    users: int
    seconds: float
    headers: Pairs = ()
    credential: str | None = None  # name of the environment variable that holds the key
    credential_header: str = "Authorization"
    credential_word: str = "Bearer "  # stands before the key
    ca_bundle: str | None = None
    sample: int = 200  # how many exchanges are kept whole; the figures hold all of them
    seed: int = 1
    patience: Patience = Patience()
    max_body_bytes: int = 16 * 1024 * 1024
    max_events: int = 20_000

    @property
    def longest_s(self) -> float:
        """After so long every request has ended by its own limits."""
        return self.seconds + self.patience.connect_s + self.patience.total_s

    def sampled(self) -> frozenset[int]:
        """The requests that are kept whole: the same ones for the same seed."""
        rng = random.Random(self.seed)  # noqa: S311 - a reproducible choice, not a secret
        return frozenset(rng.sample(range(len(self.bodies)), min(self.sample, len(self.bodies))))

    def write(self, path: Path) -> Path:
        path.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")
        return path


class ScenarioError(ValueError):
    """The file is no scenario; the message says why."""


def read(text: str) -> Scenario:
    """The scenario of a JSON text. Raises ScenarioError."""
    try:
        return _scenario(json.loads(text))
    except (ValueError, TypeError, KeyError) as error:
        raise ScenarioError(f"not a scenario: {error}") from error


def _scenario(row: Mapping[str, Any]) -> Scenario:
    made = Scenario(
        **{
            **row,
            "bodies": tuple(map(str, row["bodies"])),
            "headers": tuple((str(name), str(value)) for name, value in row.get("headers", ())),
            "patience": Patience(**row.get("patience", {})),
        }
    )
    if not made.bodies or made.users < 1 or not 0 < made.seconds < 86_400:
        raise ValueError("expected at least one body, at least one user, and seconds between 0 and 86400")
    return made
