"""What a relying party demands of GPUs and switches: a frozen record, built from a policy's `gpu` section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.attest.gpu.identity import BLACKWELL, HOPPER

REQUIRED, PRESENT, OFF = "required", "present", "off"


@dataclass(frozen=True)
class GpuPolicy:
    """The default compares with reference values always, and looks at revocation where responses were given.

    `required`: a gap is a problem. `present`: what is given is judged, a gap is reported as unpinned. For OCSP a gap
    is one only when there is no response at all: some answers without the others are never enough.
    """

    archs: frozenset[str] = frozenset({HOPPER, BLACKWELL})
    rims: str = REQUIRED
    ocsp: str = PRESENT
    ocsp_nonce: bool = False  # responses must repeat the nonce that trust says was sent
    allow_hold: bool = False
    require_fwid: bool = True  # drivers before 550 report none
    gpu_count: int | None = None
    switch_count: int | None = None
    topology: bool = False  # a PPCIE set without switch evidence is a problem, not only unpinned
    modes: frozenset[str] | None = None  # SPT, MPT, PPCIE
    min_driver: str | None = None
    min_vbios: str | None = None
    devices: frozenset[str] | None = None  # PDIs in hex

    def unpinned(self) -> tuple[str, ...]:
        """What this policy says nothing about."""
        open_ends = {
            "which physical devices these are": self.devices,
            "how many GPUs there must be": self.gpu_count,
            "the feature mode of the GPUs": self.modes,
            "a lowest driver version": self.min_driver,
            "a lowest VBIOS version": self.min_vbios,
        }
        return tuple(what for what, value in open_ends.items() if value is None)


DEFAULT = GpuPolicy()  # the shipped policy `field`
STRICT = GpuPolicy(ocsp=REQUIRED, ocsp_nonce=True, topology=True)  # the shipped policy `strict`


def gpu_policy_of(document: Mapping[str, Any]) -> GpuPolicy:
    """A policy from a document that follows policy.schema.json, as specs.policy returns it."""
    section: dict[str, Any] = dict(document.get("gpu", {}))
    for name in ("archs", "modes", "devices"):
        if name in section:
            section[name] = frozenset(section[name])
    if "devices" in section:
        section["devices"] = frozenset(pdi.lower() for pdi in section["devices"])
    return GpuPolicy(**section)
