"""Judges measured boot reports that carry no quote: shape, completeness and freshness, and it says that this is all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.attest.verdict import Code, Problem

UNKNOWABLE = (
    "Whether any of this is true: the report holds no quote, no nonce and no signature, only the operator's word.",
    "Whether the register values were read from these machines, or when.",
    "Whether the values are those of good software: no log explains them and no reference values come with them.",
)
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class BootNode:
    host: str
    registers: Mapping[int, bytes]  # PCR -> value
    verdict: str  # pass, fail or unknown, as the operator's verifier says
    verified_at: datetime


@dataclass(frozen=True)
class BootReport:
    format: str
    raw: bytes
    rack: str
    nodes: tuple[BootNode, ...]


@dataclass(frozen=True)
class BootVerdict:
    """Never proves anything: an empty list of problems means that the report is whole, recent and says pass."""

    problems: tuple[Problem, ...]
    claimed: tuple[str, ...]
    proven: tuple[str, ...] = ()
    unknowable: tuple[str, ...] = UNKNOWABLE


def judge_boot(
    report: BootReport,
    at: datetime,
    longest_age: timedelta,
    hosts: Sequence[str] | None = None,
    required: frozenset[int] = frozenset(range(8)),
) -> BootVerdict:
    """`hosts` are the nodes of the rack as another source lists them; `required` are the PCRs each node must show."""
    problems = [*_missing(report, hosts), *_registers(report, required), *_ages(report, at, longest_age)]
    problems += _refusals(report)
    return BootVerdict(tuple(problems), tuple(_claims(report)))


def _missing(report: BootReport, hosts: Sequence[str] | None) -> Iterator[Problem]:
    listed = Counter(node.host for node in report.nodes)
    if not listed:
        yield Problem(Code.BOOT_INCOMPLETE, "no node is listed")
    for host in sorted(host for host, count in listed.items() if count > 1):
        yield Problem(Code.BOOT_INCOMPLETE, f"{host} is listed {listed[host]} times")
    if hosts is not None and (differing := sorted(listed.keys() ^ set(hosts))):
        yield Problem(Code.BOOT_INCOMPLETE, f"the report and the rack differ in {', '.join(differing)}")


def _registers(report: BootReport, required: frozenset[int]) -> Iterator[Problem]:
    for node in report.nodes:
        if absent := sorted(required - node.registers.keys()):
            yield Problem(Code.BOOT_INCOMPLETE, f"{node.host}: PCR {', '.join(map(str, absent))} missing")
        untouched = sorted(n for n in required & node.registers.keys() if not any(node.registers[n]))
        if untouched:
            reason = f"{node.host}: PCR {', '.join(map(str, untouched))} zero, so nothing was measured into it"
            yield Problem(Code.BOOT_INCOMPLETE, reason)


def _ages(report: BootReport, at: datetime, longest_age: timedelta) -> Iterator[Problem]:
    for node in report.nodes:
        age = at - node.verified_at
        if age > longest_age or age < -_SKEW:
            yield Problem(Code.BOOT_STALE, f"{node.host}: verified at {node.verified_at.isoformat()}")


def _refusals(report: BootReport) -> Iterator[Problem]:
    for node in report.nodes:
        if node.verdict != "pass":
            yield Problem(Code.BOOT_REFUSED, f"{node.host}: the operator's own verdict is {node.verdict}")


def _claims(report: BootReport) -> Iterator[str]:
    yield f"Measured boot of {len(report.nodes)} nodes, said by {report.format}; nothing in it can be verified."
    shared = set.intersection(*(set(node.registers) for node in report.nodes)) if report.nodes else set()
    differing = [n for n in sorted(shared) if len({node.registers[n] for node in report.nodes}) > 1]
    if differing:
        yield f"The nodes do not boot alike: they differ in PCR {', '.join(map(str, differing))}."
