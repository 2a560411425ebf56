"""Reports and certificate chains of every GPU through NVML, over one nonce.

It refuses machines whose GPUs are not in production confidential mode: in dev-tools mode a debugger reads along.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import byref
from dataclasses import dataclass
from typing import Any

from harness.collect.faults import Absent, Refused
from harness.collect.guest import Files, Guest

DRIVER = "/proc/driver/nvidia/version"
NONCE_BYTES = 32
_NONCE = slice(4, 36)  # in the SPDM request at the head of every report
_PRODUCTION = 2
_ARCHS = {9: "HOPPER", 10: "BLACKWELL"}
_PROTECTED_PCIE = 1
_UNKNOWN_MODE = -1  # drivers before the settings call do not say


@dataclass(frozen=True)
class GpuEvidence:
    raw: bytes  # canonical JSON: {arch, evidence_list: [{arch, certificate, evidence}], nonce}
    state: dict[str, int]
    notes: tuple[str, ...] = ()


def is_there(files: Files) -> bool:
    """Whether the guest runs NVIDIA's driver."""
    return files.exists(DRIVER)


def fetch(guest: Guest, nonce: bytes) -> GpuEvidence:
    """Raises Absent, Refused. `nonce` is 32 bytes."""
    with _library(guest) as nvml:
        state = _state(nvml)
        _check(state)
        devices = [_device(nvml, n, nonce) for n in range(nvml.nvmlDeviceGetCount())]
        after = _state(nvml)
        _check(after)
    if after != state:
        raise Refused(f"the GPUs' mode changed while they were asked: {state} before, {after} after")
    if not devices:
        raise Absent("NVML lists no GPU: is one passed through to this guest?")
    archs = sorted({device["arch"] for device in devices})
    if len(archs) > 1:
        raise Refused(f"GPUs of {' and '.join(archs)} in one machine: their evidence has no common form")
    document = {"arch": archs[0], "evidence_list": devices, "nonce": nonce.hex()}
    raw = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return GpuEvidence(raw, state, tuple(_notes(state)))


@contextmanager
def _library(guest: Guest) -> Iterator[Any]:
    try:
        nvml = guest.nvml()
    except ImportError as error:
        raise Absent("the Python module of NVML is missing: install assay-harness[gpu]") from error
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise Absent(f"NVML: {error}; is NVIDIA's driver installed and loaded in this guest?") from error
    try:
        yield nvml
    except nvml.NVMLError as error:
        raise Absent(
            f"NVML: {error}; confidential computing needs driver 535 or later and a Hopper or newer"
        ) from error
    finally:
        with suppress(nvml.NVMLError):  # the driver went away: what was said before is what counts
            nvml.nvmlShutdown()


def _state(nvml: Any) -> dict[str, int]:
    settings = nvml.c_nvmlSystemConfComputeSettings_v1_t()
    try:
        known = nvml.nvmlSystemGetConfComputeSettings(byref(settings)) == nvml.NVML_SUCCESS
    except nvml.NVMLError:
        known = False
    found = settings if known else nvml.nvmlSystemGetConfComputeState()
    return {
        "environment": int(found.environment),
        "ccFeature": int(found.ccFeature),
        "devToolsMode": int(found.devToolsMode),
        "multiGpuMode": int(settings.multiGpuMode) if known else _UNKNOWN_MODE,
    }


def _check(state: dict[str, int]) -> None:
    if state["devToolsMode"]:
        raise Refused("the GPUs are in dev-tools mode: a debugger may read their memory; the host must switch it off")
    if not state["ccFeature"]:
        raise Refused("confidential computing is off on the GPUs; the host must switch it on")
    if state["environment"] != _PRODUCTION:
        raise Refused(f"the GPUs' confidential environment is {state['environment']}, expected 2 (production)")


def _device(nvml: Any, n: int, nonce: bytes) -> dict[str, str]:
    handle = nvml.nvmlDeviceGetHandleByIndex(n)
    number = int(nvml.nvmlDeviceGetArchitecture(handle))
    if number not in _ARCHS:
        raise Refused(f"GPU {n}: architecture {number} has no evidence form that a verifier here reads")
    report = nvml.nvmlDeviceGetConfComputeGpuAttestationReport(handle, nonce)
    chain = nvml.nvmlDeviceGetConfComputeGpuCertificate(handle)
    evidence = bytes(report.attestationReport[: report.attestationReportSize])
    if evidence[_NONCE] != nonce:
        raise Refused(f"GPU {n}: the report is for another nonce: {evidence[_NONCE].hex() or 'none'}")
    certificate = bytes(chain.attestationCertChain[: chain.attestationCertChainSize])
    return {"arch": _ARCHS[number], "certificate": _base64(certificate), "evidence": _base64(evidence)}


def _notes(state: dict[str, int]) -> Iterator[str]:
    if state["multiGpuMode"] == _PROTECTED_PCIE:
        yield (
            "the GPUs are in protected PCIe mode, and the switches between them are not in this bundle: "
            "`nvattest collect-evidence --device nvswitch` reads those"
        )
    if state["multiGpuMode"] == _UNKNOWN_MODE:
        yield "the driver does not say whether the GPUs share protected switches"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
