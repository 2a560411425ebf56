"""Judges a set of GPUs, and the switches between them, and says what that proves and what it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.attest.gpu import payload as payloads
from harness.attest.gpu import topology
from harness.attest.gpu.device import DeviceVerdict, judge_device
from harness.attest.gpu.identity import SWITCH
from harness.attest.gpu.ledger import Sighting
from harness.attest.gpu.policy import DEFAULT, GpuPolicy
from harness.attest.gpu.trust import GpuTrust
from harness.attest.verdict import Code, Problem, Rejected

UNKNOWABLE = (
    "Whether these GPUs are attached to the trust domain that showed them: a relay answers with the same nonce.",
    "Whether a prompt is computed on them.",
    "Whether an older publication of the reference values was given: only a ledger of seen ones tells.",
)


@dataclass(frozen=True)
class GpuReport:
    problems: tuple[Problem, ...]  # of the document, then of each device, then of the set
    gpus: tuple[DeviceVerdict, ...] = ()
    switches: tuple[DeviceVerdict, ...] = ()
    proven: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()
    test_roots: bool = False
    unknowable: tuple[str, ...] = UNKNOWABLE

    @property
    def accepted(self) -> bool:
        return not self.problems

    @property
    def code(self) -> Code:
        return self.problems[0].code if self.problems else Code.ACCEPTED

    @property
    def rims(self) -> tuple[Sighting, ...]:
        """For the ledger."""
        return tuple(dict.fromkeys(s for device in (*self.gpus, *self.switches) for s in device.rims))


def verify_gpu(
    payload: bytes,
    trust: GpuTrust,
    nonce: bytes,
    at: datetime,
    policy: GpuPolicy = DEFAULT,
    switches: bytes | None = None,
) -> GpuReport:
    """`payload` and `switches` are JSON as it came; `nonce` is what was sent. Never raises on bad evidence."""
    if at.tzinfo is None:
        raise ValueError("the moment needs a time zone")
    try:
        gpus = payloads.read(payload)
        fabric = payloads.read(switches) if switches is not None else payloads.Payload((), None)
    except Rejected as rejected:
        return GpuReport((rejected.problem,), test_roots=trust.test_roots)
    cards = tuple(judge_device(entry, trust, nonce, at, policy) for entry in gpus.entries)
    ports = tuple(judge_device(entry, trust, nonce, at, policy) for entry in fabric.entries)
    problems = [*payloads.judge_nonces(gpus, nonce), *payloads.judge_nonces(fabric, nonce)]
    problems += _judge_counts(gpus, fabric, policy)
    for label, device in (*_labelled("GPU", cards), *_labelled("switch", ports)):
        problems += [Problem(problem.code, f"{label}: {problem.reason}") for problem in device.problems]
    problems += _judge_set(cards, ports, policy)
    proven = _proven(cards, ports, trust) if not problems else ()
    return GpuReport(tuple(problems), cards, ports, proven, _unpinned(cards, ports, policy), trust.test_roots)


def _judge_counts(gpus: payloads.Payload, fabric: payloads.Payload, policy: GpuPolicy) -> Iterator[Problem]:
    archs = {entry.arch for entry in gpus.entries}
    if not archs <= policy.archs:
        yield Problem(Code.POLICY_ARCH, f"{', '.join(sorted(archs))}, taken {', '.join(sorted(policy.archs))}")
    if any(entry.arch != SWITCH for entry in fabric.entries):
        yield Problem(Code.POLICY_ARCH, "the evidence of switches holds something else")
    if policy.gpu_count not in (None, len(gpus.entries)):
        yield Problem(Code.PAYLOAD_GPU_COUNT, f"{len(gpus.entries)} GPUs, expected {policy.gpu_count}")
    if policy.switch_count not in (None, len(fabric.entries)):
        yield Problem(Code.PAYLOAD_SWITCH_COUNT, f"{len(fabric.entries)} switches, expected {policy.switch_count}")


def _judge_set(cards: Sequence[DeviceVerdict], ports: Sequence[DeviceVerdict], policy: GpuPolicy) -> Iterator[Problem]:
    gpus = [device.member for device in cards if device.member is not None]
    switches = [device.member for device in ports if device.member is not None]
    yield from topology.judge_set(gpus, "GPU")
    yield from topology.judge_set(switches, "switch")
    yield from topology.judge_modes(gpus)
    if switches:
        yield from topology.judge_topology(gpus, switches)
    elif policy.topology and _is_board(cards):
        yield Problem(Code.TOPOLOGY_SWITCH_SET, "GPUs in PPCIE mode without evidence of their switches")


def _proven(cards: Sequence[DeviceVerdict], ports: Sequence[DeviceVerdict], trust: GpuTrust) -> tuple[str, ...]:
    root = "TEST roots, not NVIDIA's" if trust.test_roots else "NVIDIA's roots"
    models = ", ".join(sorted({str(device.model) for device in cards}))
    lines = [f"{len(cards)} distinct GPUs ({models}), under {root}, signed these reports for the nonce."]
    compared = min(device.compared for device in cards)
    if compared:
        lines.append(f"At least {compared} measurements of each GPU are among the reference values given.")
    if ports:
        lines.append(f"The GPUs and {len(ports)} switches name each other: they are one baseboard.")
    return tuple(lines)


def _unpinned(cards: Sequence[DeviceVerdict], ports: Sequence[DeviceVerdict], policy: GpuPolicy) -> tuple[str, ...]:
    found = [*policy.unpinned(), *(what for device in (*cards, *ports) for what in device.unpinned)]
    if _is_board(cards) and not ports:
        found.append("the switches between the GPUs")
    return tuple(dict.fromkeys(found))


def _is_board(cards: Sequence[DeviceVerdict]) -> bool:
    return any(device.mode == "PPCIE" for device in cards)


def _labelled(kind: str, devices: Sequence[DeviceVerdict]) -> list[tuple[str, DeviceVerdict]]:
    return [(f"{kind} {n}", device) for n, device in enumerate(devices)]
