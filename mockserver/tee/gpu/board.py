"""A machine with GPUs, with switches between them where they run as one: its evidence, and the trust in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mockserver.tee.gpu import ocsp, rim
from mockserver.tee.gpu.device import HOPPER, PPCIE, SPT, Device, build_gpu, build_switch, derive_pdi
from mockserver.tee.gpu.pki import Authorities, build_authorities
from mockserver.tee.gpu.token import TokenService


@dataclass(frozen=True)
class Board:
    authorities: Authorities
    gpus: tuple[Device, ...]
    switches: tuple[Device, ...] = ()

    def payload(self, nonce: bytes) -> dict[str, Any]:
        """What `nvidia_payload` holds in the field."""
        return evidence(self.gpus, nonce)

    def switch_payload(self, nonce: bytes) -> dict[str, Any] | None:
        return evidence(self.switches, nonce) if self.switches else None

    def rims(self, now: datetime) -> dict[str, bytes]:
        found = self.authorities
        chain = (found.rim_signer(now), found.rim_l3, found.rim_ca, found.rim_root)
        kinds = {device.kind.arch: device for device in (*self.gpus, *self.switches)}
        return {rim_id: raw for device in kinds.values() for rim_id, raw in rim.build_rims(device, chain).items()}

    def ocsp(
        self,
        now: datetime,
        nonce: bytes | None = None,
        said: Mapping[str, ocsp.Answer] = ocsp.GENERAL,
        life: timedelta = ocsp.A_DAY,
    ) -> dict[str, bytes]:
        """For every certificate a verifier asks about: devices from the identity key up, and the signer of the RIMs."""
        found = self.authorities
        chains = [device.chain[1:] for device in (*self.gpus, *self.switches)]
        chains.append((found.rim_signer(now), found.rim_l3, found.rim_ca, found.rim_root))
        pool: dict[str, bytes] = {}
        for chain in chains:
            missing = {f"{holder.certificate.serial_number:x}" for holder in chain[:-1]} - pool.keys()
            if missing:
                pool |= ocsp.answers(found.seed, chain, now, ocsp.Answer(nonce=nonce, valid_for=life), said)
        return pool

    def tokens(self, now: datetime) -> TokenService:
        return TokenService(self.authorities, now)

    def export_trust(self, folder: Path, now: datetime) -> None:
        """device_root.pem, rim_root.pem, rims/, ocsp/ and the key set of the token service."""
        for name, files in (("rims", self.rims(now)), ("ocsp", self.ocsp(now))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for stem, raw in files.items():
                (folder / name / (f"{stem}.xml" if name == "rims" else f"{stem}.der")).write_bytes(raw)
        (folder / "device_root.pem").write_bytes(self.authorities.device_root.pem())
        (folder / "rim_root.pem").write_bytes(self.authorities.rim_root.pem())
        (folder / "jwks.json").write_bytes(self.tokens(now).jwks())


def build_board(seed: bytes, label: str, gpus: int = 8, switches: int = 4, arch: str = HOPPER) -> Board:
    """With switches the GPUs run in protected PCIe mode and name them; without, each stands for itself."""
    authorities = build_authorities(seed)
    gpu_labels = [f"{label} gpu {n}" for n in range(gpus)]
    switch_labels = [f"{label} switch {n}" for n in range(switches)]
    fabric = tuple(derive_pdi(seed, name) for name in switch_labels)
    mode = PPCIE if switches else SPT
    cards = tuple(build_gpu(authorities, name, arch, mode, fabric) for name in gpu_labels)
    wired = tuple(card.pdi for card in cards)
    return Board(authorities, cards, tuple(build_switch(authorities, name, wired) for name in switch_labels))


def evidence(devices: Sequence[Device], nonce: bytes) -> dict[str, Any]:
    listed = [device.entry(nonce) for device in devices]
    return {"nonce": nonce.hex(), "evidence_list": listed, "arch": devices[0].kind.arch}
