"""How a provider misbehaves, as data: which fault, on which requests. It decides and does nothing else.

A script is a YAML file that specs/schema/faults.schema.json describes; chance in it is drawn from the seed and the
number of the request, so that the same script does the same to the same requests.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jsonschema

import specs

# What changes the pieces of an answer, or ends it: the provider inside the mock knows these as well
OF_THE_ANSWER: Final = frozenset(
    {
        "cumulative_usage",
        "delay",
        "drop_after_chunks",
        "duplicate_chunk",
        "error_in_stream",
        "fail_before_first_byte",
        "hang",
        "omit_usage",
        "refuse",
        "zero_usage",
    }
)
# What only a provider with a wire of its own can do
OF_THE_WIRE: Final = frozenset({"cached_usage", "flip_confidential", "split_frames", "wrong_model"})
FAULTS: Final = OF_THE_ANSWER | OF_THE_WIRE


class FaultError(ValueError):
    """No such fault; the message names the member and what is expected."""


@dataclass(slots=True)
class Fault:
    """`at` counts delivered chunks; a fault without a condition meets the next `times` requests it applies to."""

    kind: str
    at: int = 1
    times: int | None = 1  # None: without end
    model: str | None = None
    stream: bool | None = None  # only streams, or only answers in one piece
    requests: frozenset[int] | None = None  # numbers of requests, from 1
    every: int | None = None
    probability: float | None = None  # of meeting a request that it applies to
    seconds: float = 1.0  # of a delay
    status: int = 503  # of a refusal

    def meets(self, n: int, model: str, stream: bool, draw: float) -> bool:
        """Whether request number `n` is one of those it applies to; `draw` is uniform in [0, 1)."""
        if self.times == 0 or self.model not in (None, model) or self.stream not in (None, stream):
            return False
        if self.requests is not None and n not in self.requests:
            return False
        if self.every is not None and n % self.every:
            return False
        return self.probability is None or draw < self.probability


@dataclass(slots=True)
class Script:
    """Faults in order: the first that meets a request is the one it gets. `initial` is what a reset brings back."""

    faults: list[Fault] = field(default_factory=list)
    seed: int = 0
    initial: tuple[Mapping[str, Any], ...] = ()

    def take(self, n: int, model: str, stream: bool) -> Fault | None:
        for at, fault in enumerate(self.faults):
            draw = random.Random(f"{self.seed} {n} {at}").random()  # noqa: S311 - reproducible, not secret
            if fault.meets(n, model, stream, draw):
                self._use_up(fault)
                return fault
        return None

    def reset(self) -> None:
        self.faults = [fault_of(row) for row in self.initial]

    def _use_up(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.faults.remove(fault)


def fault_of(row: Mapping[str, Any], kinds: Iterable[str] = FAULTS) -> Fault:
    """One fault as a script or the control API writes it. Raises FaultError."""
    wrong = next(_validator().iter_errors(dict(row)), None)
    if wrong is not None:
        raise FaultError(f"{wrong.json_path.removeprefix('$.')}: {wrong.message}")
    if row["fault"] not in kinds:
        raise FaultError(f"{row['fault']} needs a provider with a wire of its own: assay upstream")
    members = {name: value for name, value in row.items() if name not in ("fault", "requests")}
    requests = frozenset(row["requests"]) if "requests" in row else None
    conditional = row.keys() & {"requests", "every", "probability"}
    return Fault(row["fault"], requests=requests, **{"times": None if conditional else 1, **members})


def read_script(path: Path, seed: int | None = None) -> Script:
    """`seed` replaces the file's. Raises specs.SpecError with file, key and what was expected."""
    document = specs.fault_script(path)
    script = Script(seed=document.get("seed", 0) if seed is None else seed, initial=tuple(document["faults"]))
    script.reset()
    return script


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(specs.schema("faults")["$defs"]["fault"])
