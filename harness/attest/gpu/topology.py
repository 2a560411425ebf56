"""Sets of devices: none twice, one mode, and GPUs and switches that name each other by the PDI in their certificates.

A closed topology proves one baseboard. It does not prove which trust domain the baseboard is attached to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.attest.gpu.report import Field, SpdmReport
from harness.attest.verdict import Code, Problem


@dataclass(frozen=True)
class Member:
    """A device whose report and certificates could be read."""

    pdi: bytes  # from the certificate of its identity key
    report: SpdmReport


def judge_set(members: Sequence[Member], kind: str) -> Iterator[Problem]:
    twice = sorted(pdi.hex() for pdi, count in Counter(member.pdi for member in members).items() if count > 1)
    if twice:
        yield Problem(Code.SET_DUPLICATE_DEVICE, f"{kind} {', '.join(twice)} is given more than once")


def judge_modes(gpus: Sequence[Member]) -> Iterator[Problem]:
    modes = sorted({str(gpu.report.mode) for gpu in gpus})
    if len(modes) > 1:
        yield Problem(Code.SET_MIXED_FEATURE_MODES, f"modes {', '.join(modes)} in one set")
    fabrics = {gpu.report.switch_pdis for gpu in gpus if gpu.report.mode == "PPCIE"}
    if len(fabrics) > 1:
        yield Problem(Code.SET_FABRIC_MISMATCH, f"the GPUs are wired to {len(fabrics)} different sets of switches")


def judge_topology(gpus: Sequence[Member], switches: Sequence[Member]) -> Iterator[Problem]:
    """Both directions: every GPU names exactly these switches, every switch exactly these GPUs."""
    for switch in switches:
        said = switch.report.opaque.get(Field.SWITCH_PDIS, b"")
        if said != switch.pdi:
            reason = f"the report calls itself {said.hex()}, its certificate {switch.pdi.hex()}"
            yield Problem(Code.TOPOLOGY_SWITCH_IDENTITY, reason)
    present = frozenset(switch.pdi for switch in switches)
    for gpu in gpus:
        if gpu.report.switch_pdis != present:
            yield Problem(
                Code.TOPOLOGY_SWITCH_SET, _difference(f"GPU {gpu.pdi.hex()}", gpu.report.switch_pdis, present)
            )
    attested = frozenset(gpu.pdi for gpu in gpus)
    for switch in switches:
        if switch.report.gpu_pdis != attested:
            reason = _difference(f"switch {switch.pdi.hex()}", switch.report.gpu_pdis, attested)
            yield Problem(Code.TOPOLOGY_GPU_SET, reason)


def _difference(who: str, named: frozenset[bytes], given: frozenset[bytes]) -> str:
    missing, extra = sorted(p.hex() for p in named - given), sorted(p.hex() for p in given - named)
    return f"{who} names {missing or 'none'} that are not in the evidence, and not {extra or 'none'} that are"
