"""What the contract's rules say of answers that were kept, and the load in figures, as the results know them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.judge import judge, rules_for
from harness.model import Exit, Finding
from harness.wire.exchange import Exchange
from specs import Contract

SHOWN = 5


def judged(exchanges: Sequence[Exchange], contract: Contract) -> dict[str, Any]:
    """Every rule of the contract on every answer: how many answers, and each kind of breach with its count."""
    answered = [x for x in exchanges if x.head_status is not None]
    found = [f for rule in rules_for(contract) for f in judge(rule, answered, contract).findings]
    return {"answers": len(answered), "breaches": _kinds(found)}


def _kinds(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.signature, []).append(finding)
    return [
        {
            "requirement": same[0].requirement,
            "message": same[0].message,
            "times": len(same),
            "exchanges": [i for finding in same[:SHOWN] for i in finding.exchanges],
        }
        for same in sorted(kinds.values(), key=len, reverse=True)
    ]


def exit_of(found: Mapping[str, Any]) -> Exit:
    """A breach outranks a gap: of the contract, of the bill, of a service level that we could measure."""
    gaps = [found["interrupted"], found["generator"]["bottleneck"], found["lost_generators"]]
    trusted = not found["generator"]["bottleneck"] and (found.get("calibration") or {"trusted": True})["trusted"]
    unmet = [row for row in found.get("slos", ()) if row["met"] is False]
    billed = found.get("bill", {}).get("verdict", "reconciles")
    if found["judged"]["breaches"] or (unmet and trusted) or billed == "differs":
        return Exit.DOES_NOT_CONFORM
    unknown = [row for row in found.get("slos", ()) if row["met"] is None]
    if any(gaps) or unknown or not trusted or billed != "reconciles":
        return Exit.INCOMPLETE
    return Exit.CONFORMS
