"""Judges one quote against collateral, a policy and a moment. Reads no clock and no network."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harness.attest.collateral import INTEL_ROOT_KEY_ID, Trust
from harness.attest.engine import Appraisal, appraise
from harness.attest.layout import Layout, read
from harness.attest.policy import DEFAULT, Policy
from harness.attest.strict import UNREADABLE, examine, revoked_code
from harness.attest.verdict import Code, Problem, Rejected, Verdict


def judge_quote(raw: bytes, trust: Trust, at: datetime, policy: Policy = DEFAULT) -> Verdict:
    """Never raises on bad evidence or bad collateral; raises ValueError when `at` has no time zone."""
    if at.tzinfo is None:
        raise ValueError("at: expected an aware datetime")
    try:
        layout = read(raw)
    except Rejected as rejected:
        return Verdict(problems=(rejected.problem,))
    measurements = {name: value.hex() for name, value in layout.body.items()}
    try:
        appraisal = appraise(raw, trust, int(at.timestamp()), policy)
    except Rejected as rejected:
        return Verdict(problems=(rejected.problem,), measurements=measurements)
    return _verdict(layout, appraisal, trust, at, policy, measurements)


def _verdict(
    layout: Layout, appraisal: Appraisal, trust: Trust, at: datetime, policy: Policy, measurements: dict[str, str]
) -> Verdict:
    problems = [*_wrong_tee(layout, policy), *_engine_problem(appraisal, layout, trust)]
    claims = appraisal.claims
    if not claims:
        return Verdict(problems=tuple(problems), measurements=measurements)
    problems += _examined(layout, trust, at, policy)
    problems += _disagreement(measurements, claims)
    problems += _unexpected(measurements, policy)
    root = bytes(claims["platform"]["root_key_id"]).hex()
    return Verdict(
        problems=tuple(problems),
        status=claims["tcb"]["status"],
        advisories=tuple(claims["tcb"]["advisory_ids"]),
        fmspc=bytes(claims["platform"]["pck"]["fmspc"]).hex().upper(),
        root_key_id=root,
        measurements=measurements,
        notes=_notes(layout, root),
    )


def _examined(layout: Layout, trust: Trust, at: datetime, policy: Policy) -> list[Problem]:
    try:
        return examine(layout, trust, at, policy)
    except UNREADABLE as error:
        return [Problem(Code.COLLATERAL_MALFORMED, f"a second parser cannot read what the engine accepted: {error}")]


def _wrong_tee(layout: Layout, policy: Policy) -> list[Problem]:
    if layout.tee_type in policy.tees:
        return []
    return [Problem(Code.QUOTE_WRONG_TEE, f"TEE type 0x{layout.tee_type:x} is not one that the policy takes")]


def _engine_problem(appraisal: Appraisal, layout: Layout, trust: Trust) -> list[Problem]:
    problem = appraisal.problem
    if problem is None:
        return []
    if problem.code is Code.CHAIN_REVOKED:
        return [Problem(revoked_code(layout, trust), problem.reason)]
    return [problem]


def _disagreement(measurements: dict[str, str], claims: dict[str, Any]) -> list[Problem]:
    """Two parsers of one quote must read the same fields, or one of them judges another quote."""
    (nested,) = claims["report"].values()
    theirs = _flat(nested)
    shared = [name for name in measurements if isinstance(theirs.get(name), str)]
    differing = [name for name in shared if theirs[name] != measurements[name]]
    if "report_data" in shared and not differing:
        return []
    return [Problem(Code.ENGINE_DISAGREES, f"two readings of the quote differ in {differing or 'report_data'}")]


def _flat(report: dict[str, Any]) -> dict[str, Any]:
    """TD report 1.5 and its extension hold the older report in a member called base."""
    return {**_flat(report["base"]), **report} if "base" in report else report


def _unexpected(measurements: dict[str, str], policy: Policy) -> list[Problem]:
    wrong = [name for name, allowed in policy.measurements.items() if measurements.get(name) not in allowed]
    return [
        Problem(Code.MEASUREMENT_UNEXPECTED, f"{name} is {measurements.get(name, 'absent')}") for name in sorted(wrong)
    ]


def _notes(layout: Layout, root: str) -> tuple[str, ...]:
    notes = []
    if root != INTEL_ROOT_KEY_ID:
        notes.append("TEST ROOT: the chain does not end at Intel, so this says nothing about real hardware")
    if layout.trailing:
        notes.append(f"{len(layout.trailing)} bytes of padding after the quote")
    return tuple(notes)
