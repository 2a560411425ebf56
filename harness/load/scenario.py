"""What the generator is told: one JSON document. It holds no secret; credentials come by environment variables."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.load import slo
from harness.load.arrivals import Arrivals
from harness.load.workload import Asked, Lengths, Message, Workload, asked, of_body

Pairs = tuple[tuple[str, str], ...]
LONGEST_S = 86_400  # a load ends within a day


@dataclass(frozen=True)
class Patience:
    """How long one request may take, in seconds: to connect, to the response head, between reads, in all."""

    connect_s: float = 5
    first_byte_s: float = 30
    idle_s: float = 30
    total_s: float = 120


@dataclass(frozen=True)
class Scenario:
    """A closed loop of `users`, each sending its next request when the last one ended; with `arrivals` an open one.

    It ends after `seconds` or with the last request, whichever comes first; streams in flight are read to their end.
    Request n sends body n, or what the workload says.
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
    keep_all: bool = False  # keep every exchange whole
    seed: int = 1
    patience: Patience = Patience()
    max_body_bytes: int = 16 * 1024 * 1024
    max_events: int = 20_000
    workload: Workload | None = None  # instead of bodies
    requests: int | None = None  # of a workload, conversations; None: as many as the time allows
    arrivals: Arrivals | None = None
    max_in_flight: int = 10_000  # of an open loop: what is due beyond that is counted as dropped, never sent late
    ramp_s: float = 0.0  # of a closed loop: the time over which the users begin
    warm_up_s: float = 0.0  # what is due before is in no figure
    slos: tuple[str, ...] = ()
    more_credentials: tuple[str, ...] = ()  # further keys, used in turn with the first
    kernel_times: bool = True  # when the kernel received bytes, where it says so, rather than when we read them

    @property
    def longest_s(self) -> float:
        """After so long every request has ended by its own limits."""
        return self.seconds + self.patience.connect_s + self.patience.total_s * self.turns

    @property
    def steady_from_s(self) -> float:
        """When the load has reached its height."""
        return self.arrivals.stages[-1][0] if self.arrivals and self.arrivals.stages else self.ramp_s

    @property
    def turns(self) -> int:
        return self.workload.turns if self.workload else 1

    @property
    def limit(self) -> int | None:
        """How many conversations there are; None for no end."""
        return len(self.bodies) if self.workload is None else self.requests

    @property
    def credentials(self) -> tuple[str | None, ...]:
        """Names of the environment variables of all keys, the main one first; None for no key."""
        return (self.credential, *self.more_credentials)

    def asked(self, number: int, turn: int = 0, history: Sequence[Message] = ()) -> Asked:
        """What conversation `number` asks at a turn: the same for the same seed."""
        if self.workload is None:
            return of_body(self.bodies[number])
        return asked(self.workload, self.seed, number, turn, history)

    def levels(self) -> tuple[slo.Slo, ...]:
        """The service levels. Raises ValueError for one that cannot be read."""
        return tuple(map(slo.parse, self.slos))

    def sampled(self) -> frozenset[int]:
        """The requests that are kept whole, where their number is known: the same ones for the same seed."""
        count, rng = self.limit or 0, random.Random(self.seed)  # noqa: S311 - a reproducible choice, not a secret
        return frozenset(rng.sample(range(count), min(self.sample, count)))

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    def write(self, path: Path) -> Path:
        path.write_text(self.text(), encoding="utf-8")
        return path


class ScenarioError(ValueError):
    """The file is no scenario; the message says why."""


def read(text: str) -> Scenario:
    """The scenario of a JSON text. Raises ScenarioError."""
    try:
        return _scenario(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ScenarioError(f"not a scenario: {error}") from error


def _scenario(row: Mapping[str, Any]) -> Scenario:
    made = Scenario(
        **{
            **row,
            "bodies": tuple(map(str, row["bodies"])),
            "headers": tuple((str(name), str(value)) for name, value in row.get("headers", ())),
            "patience": Patience(**row.get("patience", {})),
            "workload": _workload(row["workload"]) if row.get("workload") else None,
            "arrivals": _arrivals(row["arrivals"]) if row.get("arrivals") else None,
            "slos": tuple(row.get("slos", ())),
            "more_credentials": tuple(row.get("more_credentials", ())),
        }
    )
    if not (made.bodies or made.workload) or not 0 < made.seconds < LONGEST_S:
        raise ValueError(f"expected at least one body or a workload, and seconds between 0 and {LONGEST_S}")
    if made.users < 1 and made.arrivals is None:
        raise ValueError("expected at least one user, or arrivals")
    made.levels()
    return made


def _workload(row: Mapping[str, Any]) -> Workload:
    return Workload(
        **{
            **row,
            "models": tuple((str(model), float(weight)) for model, weight in row.get("models", ())),
            "prompt": Lengths(**row.get("prompt", {})),
            "output": Lengths(**row["output"]) if "output" in row else Workload.output,
            "prompts": tuple(row.get("prompts", ())),
        }
    )


def _arrivals(row: Mapping[str, Any]) -> Arrivals:
    stages = tuple((float(at), float(rate)) for at, rate in row.get("stages", ()))
    return Arrivals(row.get("kind", "poisson"), stages, tuple(map(float, row.get("times_s", ()))))
