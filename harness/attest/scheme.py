"""How an evidence format binds what it says: formulas of specs/bindings.yaml, judged over a document's fields."""

from __future__ import annotations

import functools
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import specs
from harness.attest import binding
from harness.attest.verdict import Code, Problem, Rejected

CHALLENGE = "nonce"  # the field that the verifier fills in


@dataclass(frozen=True)
class Commitment:
    formula: str
    equals: str  # name of a field
    covers: str = ""  # "gpu": the bytes bound here are the GPU evidence


@dataclass(frozen=True)
class Channel:
    field: str  # SHA-256 of what `over` says
    over: str  # "certificate": its DER; "spki": its public key's


@dataclass(frozen=True)
class Scheme:
    name: str
    report_data: str
    commitments: tuple[Commitment, ...] = ()
    gpu_nonce: str | None = None
    channel: Channel | None = None

    @functools.cached_property
    def fresh(self) -> bool:
        """Whether the challenge is bound at all: without it the evidence may be as old as its collateral."""
        formulas = (self.report_data, *(each.formula for each in self.commitments))
        return any(CHALLENGE in binding.fields_of(formula) for formula in formulas)

    @property
    def gpu_commitments(self) -> tuple[Commitment, ...]:
        return tuple(each for each in self.commitments if each.covers == "gpu")

    def judge(self, fields: Mapping[str, bytes], report_data: bytes) -> list[Problem]:
        """`fields` holds the challenge as well; every equation that does not hold is told."""
        problems = binding.check(self.report_data, fields, report_data)
        for each in self.commitments:
            problems += commitment_problems(each, fields)
        if not self.fresh:
            problems.append(
                Problem(Code.NONCE_UNBOUND, f"{self.name}: no challenge is bound, so nothing shows its age")
            )
        return problems


def commitment_problems(commitment: Commitment, fields: Mapping[str, bytes]) -> Iterator[Problem]:
    try:
        found = binding.evaluate(commitment.formula, fields)
        said = binding.evaluate(commitment.equals, fields)
    except Rejected as rejected:
        yield rejected.problem
        return
    if not hmac.compare_digest(found, said):
        reason = f"{commitment.equals} is {said.hex()[:64]}, but {commitment.formula} gives {found.hex()[:64]}"
        yield Problem(Code.COMMITMENT_MISMATCH, reason)


@functools.cache
def scheme(name: str) -> Scheme:
    """Raises KeyError for a name that specs/bindings.yaml does not have."""
    row = specs.bindings()[name]
    return Scheme(
        name=name,
        report_data=row["report_data"],
        commitments=tuple(Commitment(**each) for each in row.get("commitments", ())),
        gpu_nonce=row.get("gpu_nonce"),
        channel=Channel(**row["channel"]) if "channel" in row else None,
    )
