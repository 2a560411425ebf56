"""Racks and their measured-boot reports: whole, measured, alike, agreeing. None of it is proof: no report is signed."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.calls import path
from harness.judge.chat import is_filled, member, objects
from harness.judge.leases import moment
from harness.wire.exchange import Exchange
from specs import Contract

ORDER = ("requested", "procuring", "deploying", "ready", "decommissioning", "terminated")
BEFORE_READY = frozenset(ORDER[:3])
STATUS_OF = {"pass": "verified", "fail": "failed", "unknown": "pending"}
MEASURED = tuple(map(str, range(8)))  # registers of the firmware and of what it started
ALIKE = ("0", "2", "4", "7")  # code, option ROMs, loader, Secure Boot: the same wherever the machine is the same
_DIGEST = re.compile(r"(0x)?[0-9a-fA-F]{64}")
# What a register holds that was reset, or into which only the end of the firmware's part was written.
EMPTY = {"00" * 32, "ff" * 32, hashlib.sha256(bytes(32) + hashlib.sha256(bytes(4)).digest()).hexdigest()}


def is_report(x: Exchange) -> bool:
    found = re.fullmatch(r".*/vault/racks/[^/]+/attestation", path(x))
    return x.head_status == 200 and x.request.method == "GET" and found is not None


def nodes(x: Exchange | Mapping[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a rack or of a report."""
    return objects(member(x.json if isinstance(x, Exchange) else x, "nodes"))


def verdict(node: Mapping[str, Any]) -> str:
    return str(node.get("measured_boot_verdict"))


@rule("VL-056", on=is_report)
def report_has_its_members(x: Exchange, contract: Contract) -> Problems:
    """The id of the rack, and for each node a name, registers, a verdict, and when it was verified."""
    asked = path(x).split("/")[-2]
    if member(x.json, "rack_id") != asked:
        yield Problem("the report is of another rack", asked, repr(member(x.json, "rack_id"))[:80])
    if not isinstance(member(x.json, "nodes"), list) or len(nodes(x)) != len(x.json["nodes"]):
        yield Problem("nodes is no array of objects", "an array", repr(member(x.json, "nodes"))[:80])
    for node in nodes(x):
        name = node.get("hostname")
        if not is_filled(name):
            yield Problem("a node has no name", "hostname", repr(name)[:80])
        if not isinstance(node.get("tpm_pcr_values"), dict):
            yield Problem(f"the registers of {name} are missing", "tpm_pcr_values, an object")
        if verdict(node) not in STATUS_OF:
            yield Problem(f"the verdict of {name} is none", ", ".join(STATUS_OF), verdict(node)[:80])
        if verdict(node) in {"pass", "fail"} and moment(node.get("verified_at")) is None:
            yield Problem(f"{name} was verified at no time", "verified_at", repr(node.get("verified_at"))[:80])


def has_passed(x: Exchange) -> bool:
    return is_report(x) and any(verdict(node) == "pass" for node in nodes(x))


@rule("VL-180", on=has_passed)
def registers_hold_measurements(x: Exchange, contract: Contract) -> Problems:
    """Of a node that passed: SHA-256 registers 0 to 7, of which those of code and Secure Boot are not empty."""
    for node in nodes(x):
        if verdict(node) != "pass":
            continue
        values = registers(node)
        for number in MEASURED:
            if not _DIGEST.fullmatch(str(values.get(number))):
                yield Problem(
                    f"register {number} is no SHA-256 value", "64 hexadecimal digits", str(values.get(number))[:80]
                )
        if empty := [number for number in ALIKE if values.get(number) in EMPTY]:
            yield Problem(f"nothing was measured into register {', '.join(empty)}", "a measurement", values[empty[0]])
        if len(same := {values[number] for number in ALIKE if number in values}) == 1 and len(values) > 1:
            yield Problem("all registers have one value", "values of their own", next(iter(same)))


def registers(node: Mapping[str, Any]) -> dict[str, str]:
    """By number, in plain lower-case hexadecimal where they are that at all."""
    found = node.get("tpm_pcr_values")
    given = found if isinstance(found, dict) else {}
    return {str(name): str(value).lower().removeprefix("0x") for name, value in given.items()}


def missing(rack: Mapping[str, Any], report: Exchange) -> list[str]:
    """Nodes of the rack that the report leaves out, tells twice, or makes up."""
    due = Counter(str(node.get("hostname")) for node in nodes(rack))
    told = Counter(str(node.get("hostname")) for node in nodes(report))
    wrong = [f"{name} is left out" for name in due - told]
    return wrong + [f"{name} is told though the rack has it {due[name]} times" for name in told - due]


def stale(report: Exchange, oldest_s: int, between: tuple[datetime, datetime]) -> list[str]:
    """Verdicts that are too old or of the future. `between`: before and after the report, by the target's clock."""
    wrong, (before, after) = [], between
    for node in nodes(report):
        at = moment(node.get("verified_at"))
        if verdict(node) == "unknown" and node.get("verified_at") is None:
            continue
        if at is None or not before - timedelta(seconds=oldest_s) <= at <= after + timedelta(minutes=1):
            wrong.append(f"{node.get('hostname')} was verified at {node.get('verified_at')}; now is {after:%FT%TZ}")
    return wrong


def odd_ones(rack: Mapping[str, Any], report: Exchange) -> list[str]:
    """Registers in which nodes that passed differ from nodes of the same GPUs."""
    kinds = {str(node.get("hostname")): f"{node.get('gpu_count')} {node.get('gpu_type')}" for node in nodes(rack)}
    wrong = []
    for number in ALIKE:
        values: dict[object, set[str | None]] = {}
        for node in nodes(report):
            if verdict(node) == "pass":
                kind = kinds.get(str(node.get("hostname")))
                values.setdefault(kind, set()).add(registers(node).get(number))
        wrong += [f"register {number} has {len(found)} values" for found in values.values() if len(found) > 1]
    return wrong


def contradictions(rack: Mapping[str, Any], report: Exchange) -> list[str]:
    """Nodes of which the rack says another thing than the report."""
    said = {str(node.get("hostname")): node.get("attestation_status") for node in nodes(rack)}
    wrong = []
    for node in nodes(report):
        name = str(node.get("hostname"))
        if name in said and said[name] != STATUS_OF.get(verdict(node)):
            wrong.append(f"{name} is {said[name]} in the rack, and its verdict is {verdict(node)}")
    return wrong


def unlike(rack: object, order: Mapping[str, Any]) -> list[str]:
    """What a rack says other than what was asked for, or leaves out."""
    shown = ("metro", "rack_template")
    wrong = [
        f"{n} is {member(rack, n)!r}, not {order[n]!r}" for n in shown if n in order and member(rack, n) != order[n]
    ]
    return wrong + [f"{name} is missing" for name in ("id", "status") if not is_filled(member(rack, name))]


def short(rack: Mapping[str, Any], order: Mapping[str, Any], gpus: int) -> list[str]:
    """How the nodes are not those that were ordered."""
    names = [str(node.get("hostname")) for node in nodes(rack)]
    wrong = [] if names else ["the rack has no nodes"]
    if len(set(names)) != len(names) or not all(is_filled(node.get("hostname")) for node in nodes(rack)):
        wrong.append("host names are missing or not its own")
    due = (order["gpu_type"], gpus)
    others = [node for node in nodes(rack) if (node.get("gpu_type"), node.get("gpu_count")) != due]
    has = [f"{node.get('hostname')} has {node.get('gpu_count')} of {node.get('gpu_type')}" for node in others]
    return wrong + [f"{words}, {gpus} of {order['gpu_type']} were due" for words in has]


def backwards(states: Sequence[str]) -> str | None:
    """The first step of a rack that the states do not allow, or a state that is none."""
    if unknown := [state for state in states if state not in ORDER]:
        return f"{unknown[0]!r} is no state of a rack"
    steps = itertools.pairwise(states)
    wrong = [f"{b} follows {a}" for a, b in steps if ORDER.index(a) > ORDER.index(b)]
    return wrong[0] if wrong else None


def shared(ours: Iterable[Mapping[str, Any]], theirs: Iterable[Mapping[str, Any]]) -> set[str]:
    """Pods and hosts that racks of both have."""

    def places(racks: Iterable[Mapping[str, Any]]) -> set[str]:
        found = {str(rack.get("pod_id")) for rack in racks if is_filled(rack.get("pod_id"))}
        return found | {str(node.get("hostname")) for rack in racks for node in nodes(rack)}

    return places(list(ours)) & places(list(theirs))
