"""Judges one quote against collateral, a policy and a moment. Reads no clock and no network."""

from __future__ import annotations

from datetime import datetime

from harness.attest import engine, fallback
from harness.attest.certificates import UNREADABLE
from harness.attest.collateral import INTEL_ROOT_KEY_ID, Trust
from harness.attest.domain import ATTRIBUTE_CODES, takes, weakened
from harness.attest.facts import Facts, weighed
from harness.attest.layout import Layout, read
from harness.attest.policy import DEFAULT, Policy, unpinned
from harness.attest.strict import examine, revoked_code
from harness.attest.verdict import Code, Problem, Rejected, Verdict


def judge_quote(raw: bytes, trust: Trust, at: datetime, policy: Policy = DEFAULT) -> Verdict:
    """Never raises on bad evidence or bad collateral; raises ValueError when `at` has no time zone."""
    if at.tzinfo is None:
        raise ValueError("at: expected an aware datetime")
    try:
        layout = read(raw)
    except Rejected as rejected:
        return Verdict(problems=(rejected.problem,), policy=policy.name)
    measurements = {name: value.hex() for name, value in layout.body.items()}
    try:
        found, weak = _appraised(raw, layout, trust, at, policy)
    except Rejected as rejected:
        return Verdict(problems=(rejected.problem,), measurements=measurements, policy=policy.name)
    wrong = _wrong_tee(layout, policy)
    if isinstance(found, Problem):
        problems = (*wrong, *weak, _named(found, layout, trust))
        return Verdict(problems=problems, measurements=measurements, policy=policy.name)
    return _verdict(layout, found, (*wrong, *weak), trust, at, policy, measurements)


def _appraised(
    raw: bytes, layout: Layout, trust: Trust, at: datetime, policy: Policy
) -> tuple[Facts | Problem, list[Problem]]:
    """What is known about the quote, and how the domain is weaker than the policy takes.

    The engine refuses some domains that a policy may take; then our own code says whether the signatures hold.
    """
    found = engine.appraise(raw, layout, trust, int(at.timestamp()))
    if isinstance(found, Facts):
        return found, weakened(layout, policy)
    if found.code not in ATTRIBUTE_CODES:
        return found, []
    weak = weakened(layout, policy)
    if not takes(policy, found.code) and found.code not in {problem.code for problem in weak}:
        weak.append(found)  # a refusal of the engine that we do not see is still a refusal
    return fallback.appraise(layout, trust, at), weak


def _verdict(
    layout: Layout,
    facts: Facts,
    found: tuple[Problem, ...],
    trust: Trust,
    at: datetime,
    policy: Policy,
    measurements: dict[str, str],
) -> Verdict:
    problems = [
        *found,
        *weighed(facts, policy, int(at.timestamp())),
        *_examined(layout, trust, at, policy),
        *_disagreement(layout, facts),
        *_unexpected(measurements, policy),
    ]
    return Verdict(
        problems=tuple(problems),
        status=facts.status,
        advisories=facts.advisories,
        fmspc=facts.machine.fmspc.upper(),
        root_key_id=facts.machine.root_key_id,
        engine=facts.engine,
        policy=policy.name,
        unpinned=unpinned(policy, layout.tee_type),
        platform=_platform(facts),
        collateral=_used(trust, facts),
        measurements=measurements,
        notes=_notes(layout, facts),
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


def _named(problem: Problem, layout: Layout, trust: Trust) -> Problem:
    if problem.code is not Code.CHAIN_REVOKED:
        return problem
    return Problem(revoked_code(layout, trust), problem.reason)


def _disagreement(layout: Layout, facts: Facts) -> list[Problem]:
    """Two parsers of one quote must read the same fields, or one of them judges another quote."""
    if not facts.body:
        return []
    shared = [name for name in layout.body if name in facts.body]
    differing = [name for name in shared if facts.body[name] != layout.body[name]]
    if "report_data" in shared and not differing:
        return []
    return [Problem(Code.ENGINE_DISAGREES, f"two readings of the quote differ in {differing or 'report_data'}")]


def _unexpected(measurements: dict[str, str], policy: Policy) -> list[Problem]:
    wrong = [name for name, allowed in policy.measurements.items() if measurements.get(name) not in allowed]
    return [
        Problem(Code.MEASUREMENT_UNEXPECTED, f"{name} is {measurements.get(name, 'absent')}") for name in sorted(wrong)
    ]


def _platform(facts: Facts) -> dict[str, str]:
    flags = {name: {True: "yes", False: "no", None: "not said"}[value] for name, value in facts.machine.flags.items()}
    return {"fmspc": facts.machine.fmspc, "ppid": facts.machine.ppid, "sgx_type": str(facts.machine.sgx_type), **flags}


def _used(trust: Trust, facts: Facts) -> dict[str, str]:
    info, identity = trust.statement("tcb_info"), trust.statement("qe_identity")
    return {
        "source": trust.source,
        "sha256": trust.sha256,
        "tcb_info": f"{info['issueDate']} to {info['nextUpdate']}",
        "qe_identity": f"{identity['issueDate']} to {identity['nextUpdate']}",
        "evaluation_number": str(facts.machine.evaluation_number),
        "root_crl_number": str(facts.machine.root_crl_number),
        "pck_crl_number": str(facts.machine.pck_crl_number),
    }


def _notes(layout: Layout, facts: Facts) -> tuple[str, ...]:
    notes = []
    if facts.machine.root_key_id != INTEL_ROOT_KEY_ID:
        notes.append("TEST ROOT: the chain does not end at Intel, so this says nothing about real hardware")
    if facts.engine == fallback.NAME:
        notes.append(f"{engine.NAME} refuses such a domain outright; our own code found that its signatures hold")
    if layout.trailing:
        notes.append(f"{len(layout.trailing)} bytes of padding after the quote")
    return tuple(notes)
