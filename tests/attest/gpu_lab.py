"""Scenes for the tests of GPU evidence: an honest machine, of which a case changes one thing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.x509 import Certificate

import specs
from harness.attest import Code
from harness.attest.gpu import GpuPolicy, GpuReport, GpuTrust, gpu_policy_of, verify_gpu
from harness.attest.gpu.token import TokenReport, TokenTrust, verify_token
from mockserver.tee.gpu import Board, build_board, rim
from mockserver.tee.gpu.device import HOPPER, SWITCH, Device
from mockserver.tee.gpu.pki import Holder, build_authorities
from mockserver.tee.gpu.token import TokenService, digest

STRICT = gpu_policy_of(specs.policy("strict"))
SEED = b"gpu attestation tests"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NONCE, OTHER_NONCE, OCSP_NONCE = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
AUTHORITIES = build_authorities(SEED)
ATTACKER = build_authorities(b"somebody else")
DRIVER_RIM, VBIOS_RIM = "NV_GPU_DRIVER_GH100_570.172.08", "NV_GPU_VBIOS_G520_0280_882_9600CF0002"
build = cache(build_board)


@cache
def stock(label: str, gpus: int, switches: int, arch: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Reference values and OCSP answers of a machine."""
    board = build(SEED, label, gpus, switches, arch)
    return board.rims(NOW), board.ocsp(NOW, OCSP_NONCE)


@dataclass
class Scene:
    board: Board
    gpus: list[dict[str, str]]
    switches: list[dict[str, str]]
    rims: dict[str, bytes]
    ocsp: dict[str, bytes]
    policy: GpuPolicy
    payload: dict[str, Any]
    nonce: bytes = NONCE
    at: datetime = NOW
    raw: bytes | None = None  # instead of the payload

    @property
    def device(self) -> Device:
        return self.board.gpus[0]

    @property
    def transcript(self) -> bytes:
        """The first GPU's report without its signature."""
        return self.device.report(self.nonce)[:-96]

    def show(self, device: Device, report: bytes | None = None, pem: bytes | None = None, at: int = 0) -> None:
        """Put a device, with other bytes where they are given, in the place of GPU `at`."""
        self.gpus[at] = device.entry(self.nonce)
        if report is not None:
            self.gpus[at]["evidence"] = base64.b64encode(report).decode()
        if pem is not None:
            self.gpus[at]["certificate"] = base64.b64encode(pem).decode()

    def resign(self, transcript: bytes) -> None:
        self.show(self.device, self.device.sign(transcript))

    def judge(self) -> GpuReport:
        raw = self.raw if self.raw is not None else dump({**self.payload, "evidence_list": self.gpus})
        switches = dump({"arch": SWITCH, "evidence_list": self.switches}) if self.switches else None
        roots = (AUTHORITIES.device_root.der(), AUTHORITIES.rim_root.der())
        trust = GpuTrust(*roots, self.rims, self.ocsp, OCSP_NONCE)
        return verify_gpu(raw, trust, self.nonce, self.at, self.policy, switches)


def scene(gpus: int = 1, switches: int = 0, arch: str = HOPPER, label: str = "a") -> Scene:
    board = build(SEED, label, gpus, switches, arch)
    rims, responses = stock(label, gpus, switches, arch)
    policy = replace(STRICT, gpu_count=gpus, switch_count=switches)
    cards = [dict(entry) for entry in board.payload(NONCE)["evidence_list"]]
    ports = [device.entry(NONCE) for device in board.switches]
    return Scene(board, cards, ports, dict(rims), dict(responses), policy, {"nonce": NONCE.hex(), "arch": arch})


@dataclass
class TokenScene:
    service: TokenService
    devices: tuple[Device, ...]
    nonce: bytes = NONCE
    at: datetime = NOW
    version: str = "3.0"
    texts: dict[str, str] = field(default_factory=dict)
    overall_text: str | None = None
    raw: bytes | None = None
    jwks: dict[str, Any] = field(default_factory=dict)
    anchors: frozenset[str] | None = None
    ueids: list[str] | None = None

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Of the first device; None leaves a claim out."""
        claims = {**self.service.claims(self.devices[0], self.nonce, self.version), **changed}
        return {name: value for name, value in claims.items() if value is not None}

    def overall(self, **changed: Any) -> dict[str, Any]:
        claims = {**self.service.overall(self.texts, self.nonce, self.version), **changed}
        return {name: value for name, value in claims.items() if value is not None}

    def detach(self, **changed: Any) -> None:
        """The first device's token, changed and signed again."""
        self.texts["GPU-0"] = self.service.sign(self.claims(**changed))

    def judge(self) -> TokenReport:
        overall = self.overall_text or self.service.sign(self.overall())
        raw = self.raw if self.raw is not None else dump([["JWT", overall], self.texts])
        trust = TokenTrust(dump(self.jwks), self.anchors)
        return verify_token(raw, trust, self.nonce, self.at, len(self.devices), self.ueids)


def token_scene(gpus: int = 1) -> TokenScene:
    board = build(SEED, "a", gpus, 0, HOPPER)
    service = board.tokens(NOW)
    found = TokenScene(service, board.gpus, jwks={"keys": [service.key()]}, anchors=frozenset({service.anchor()}))
    found.texts = {f"GPU-{n}": service.sign(service.claims(d, NONCE)) for n, d in enumerate(board.gpus)}
    found.ueids = [device.ueid for device in board.gpus]
    return found


@dataclass(frozen=True)
class Case:
    id: str
    want: str  # a code; with a trailing dot any code of the family
    story: str
    run: Callable[[], GpuReport | TokenReport]

    def fits(self, code: Code) -> bool:
        return code.startswith(self.want) if self.want.endswith(".") else code == self.want


CASES: list[Case] = []


def case(case_id: str, want: str, **shape: Any) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Register a change of a scene. Its docstring tells the story."""

    def register(change: Callable[[Scene], None]) -> Callable[[Scene], None]:
        def run() -> GpuReport:
            prepared = scene(**shape)
            change(prepared)
            return prepared.judge()

        CASES.append(Case(case_id, want, str(change.__doc__), run))
        return change

    return register


def token_case(case_id: str, want: str, gpus: int = 1) -> Callable[[Callable[[TokenScene], None]], None]:
    def register(change: Callable[[TokenScene], None]) -> None:
        def run() -> TokenReport:
            prepared = token_scene(gpus)
            change(prepared)
            return prepared.judge()

        CASES.append(Case(case_id, want, str(change.__doc__), run))

    return register


def rim_chain(authorities: Any = AUTHORITIES) -> tuple[Holder, ...]:
    return (authorities.rim_signer(NOW), authorities.rim_l3, authorities.rim_ca, authorities.rim_root)


def manifest(rim_id: str = DRIVER_RIM) -> rim.Manifest:
    return rim.manifests(scene().device.kind)[rim_id]


def serial(certificate: Certificate) -> str:
    return f"{certificate.serial_number:x}"


def with_opaque(device: Device, *changed: tuple[int, bytes], drop: int | None = None) -> Device:
    """Fields replaced in place, or put at the end; `drop` leaves one out."""
    new = dict(changed)
    kept = [(kind, new.pop(kind, value)) for kind, value in device.opaque if kind != drop]
    return replace(device, opaque=(*kept, *new.items()))


def dump(document: Any) -> bytes:
    return json.dumps(document).encode()


__all__ = ["Case", "Scene", "TokenScene", "case", "digest", "scene", "token_case", "token_scene"]
