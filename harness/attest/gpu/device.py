"""Judges one GPU or switch: request, chain, firmware id, signature, reference values, revocation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from cryptography import x509

from harness.attest.gpu import chain, identity, ocsp, report, rim
from harness.attest.gpu.ledger import Sighting
from harness.attest.gpu.payload import Entry
from harness.attest.gpu.policy import OFF, REQUIRED, GpuPolicy
from harness.attest.gpu.report import SpdmReport
from harness.attest.gpu.topology import Member
from harness.attest.gpu.trust import GpuTrust
from harness.attest.verdict import Code, Problem, Rejected

CHAIN_LENGTH = 5
Result = TypeVar("Result")


@dataclass
class DeviceVerdict:
    """On one device. Filled as far as the evidence could be read."""

    arch: str
    problems: list[Problem] = field(default_factory=list)
    member: Member | None = field(default=None, repr=False)
    pdi: str | None = None
    ueid: str | None = None
    model: str | None = None
    driver: str | None = None
    vbios: str | None = None
    mode: str | None = None
    compared: int = 0  # measurements that were held against reference values
    rims: list[Sighting] = field(default_factory=list)
    unpinned: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return not self.problems


def judge_device(entry: Entry, trust: GpuTrust, nonce: bytes, at: datetime, policy: GpuPolicy) -> DeviceVerdict:
    """Never raises on bad evidence. The nonce has 32 bytes, `at` is aware."""
    verdict = DeviceVerdict(entry.arch)
    read = _attempt(verdict, lambda: report.read(entry.report))
    certificates = _attempt(verdict, lambda: chain.read_pem(entry.certificates))
    if read is not None:
        verdict.problems += report.judge_request(read, nonce)
        _attempt(verdict, lambda: _describe(verdict, read, policy))
    if certificates is not None:
        _attempt(verdict, lambda: _judge_certificates(verdict, certificates, read, trust, at, policy))
    if read is not None:
        _attempt(verdict, lambda: _judge_rims(verdict, read, trust, at, policy))
    return verdict


def _judge_certificates(
    verdict: DeviceVerdict,
    certificates: tuple[x509.Certificate, ...],
    read: SpdmReport | None,
    trust: GpuTrust,
    at: datetime,
    policy: GpuPolicy,
) -> None:
    verdict.problems += chain.judge_chain(certificates, trust.device_root, at, CHAIN_LENGTH)
    who = _attempt(verdict, lambda: identity.read(certificates, verdict.arch))
    if read is not None:
        verdict.problems += report.judge_signature(read, chain.public_key(certificates[0]))
    if who is not None:
        verdict.pdi, verdict.ueid, verdict.model = who.pdi.hex(), who.ueid, who.model
        verdict.problems += _judge_allowed(verdict.pdi, policy)
        if read is not None:
            verdict.member = Member(who.pdi, read)
            verdict.problems += identity.judge_firmware(certificates, read, verdict.arch, policy.require_fwid)
    # the key of the firmware is not registered with the responder, the identity key and what is above it is
    verdict.problems += _revocation(verdict, certificates[1:], trust, at, policy)


def _judge_rims(verdict: DeviceVerdict, read: SpdmReport, trust: GpuTrust, at: datetime, policy: GpuPolicy) -> None:
    if policy.rims == OFF:
        verdict.unpinned.append("what the firmware and the driver should measure")
        return
    found: list[rim.Rim] = []
    for asked in rim.wanted(read, verdict.arch):
        manifest = _manifest(verdict, asked, trust, at, policy)
        if manifest is not None:
            found.append(manifest)
            verdict.rims.append(Sighting(asked.rim_id, manifest.content, manifest.certificates[0].not_valid_before_utc))
    verdict.compared = sum(len(manifest.golden) for manifest in found)
    verdict.problems += rim.compare(read, tuple(found))


def _manifest(
    verdict: DeviceVerdict, asked: rim.Wanted, trust: GpuTrust, at: datetime, policy: GpuPolicy
) -> rim.Rim | None:
    raw = trust.rims.get(asked.rim_id)
    if raw is None:
        if policy.rims == REQUIRED:
            verdict.problems.append(Problem(Code.RIM_NOT_FOUND, asked.rim_id))
        verdict.unpinned.append(f"the measurements that {asked.rim_id} would name")
        return None
    manifest = _attempt(verdict, lambda: rim.read(raw))
    if manifest is None:
        return None
    verdict.problems += _caught(lambda: rim.judge(manifest, asked, trust.rim_root, at))
    verdict.problems += _revocation(verdict, manifest.certificates, trust, at, policy)
    return manifest


def _revocation(
    verdict: DeviceVerdict, certificates: Sequence[x509.Certificate], trust: GpuTrust, at: datetime, policy: GpuPolicy
) -> Iterator[Problem]:
    """For every certificate but the root."""
    if policy.ocsp == OFF or (policy.ocsp != REQUIRED and not trust.ocsp):
        if "whether a certificate was revoked" not in verdict.unpinned:
            verdict.unpinned.append("whether a certificate was revoked")
        return
    for subject, issuer in pairwise(certificates):
        raw = ocsp.choose(trust.ocsp, subject, issuer)
        if raw is None:
            yield Problem(Code.OCSP_MISSING, f"no response for serial {subject.serial_number:x}")
            continue
        if policy.ocsp_nonce and trust.ocsp_nonce is None:
            yield Problem(Code.OCSP_NONCE_MISSING, "the policy wants a nonce, none was sent")
        yield from ocsp.judge(raw, subject, issuer, at, trust.ocsp_nonce, policy.allow_hold)


def _describe(verdict: DeviceVerdict, read: SpdmReport, policy: GpuPolicy) -> None:
    verdict.mode, verdict.vbios = read.mode, read.vbios
    if verdict.arch == identity.SWITCH:
        return
    verdict.driver = read.driver
    if policy.modes is not None and read.mode not in policy.modes:
        verdict.problems.append(Problem(Code.POLICY_FEATURE_MODE, f"mode {read.mode}, taken {sorted(policy.modes)}"))
    floors = (
        (Code.POLICY_DRIVER_TOO_OLD, read.driver, policy.min_driver, 10),
        (Code.POLICY_VBIOS_TOO_OLD, read.vbios, policy.min_vbios, 16),
    )
    for code, found, floor, base in floors:
        if floor is not None and _older(found, floor, base):
            verdict.problems.append(Problem(code, f"{found or 'none'}, at least {floor} is wanted"))


def _older(found: str, floor: str, base: int) -> bool:
    """A version that cannot be read is older than any."""
    try:
        return [int(part, base) for part in found.split(".")] < [int(part, base) for part in floor.split(".")]
    except ValueError:
        return True


def _judge_allowed(pdi: str, policy: GpuPolicy) -> Iterator[Problem]:
    if policy.devices is not None and pdi not in policy.devices:
        yield Problem(Code.POLICY_DEVICE_NOT_ALLOWED, f"device {pdi} is not on the list")


def _attempt(verdict: DeviceVerdict, stage: Callable[[], Result]) -> Result | None:
    """A stage that cannot go on leaves its reason; the other stages are judged all the same."""
    try:
        return stage()
    except Rejected as rejected:
        verdict.problems.append(rejected.problem)
        return None


def _caught(stage: Callable[[], Iterable[Problem]]) -> list[Problem]:
    try:
        return list(stage())
    except Rejected as rejected:
        return [rejected.problem]
