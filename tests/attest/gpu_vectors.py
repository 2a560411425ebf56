"""Where the real GPU evidence lies, and readers for the shapes it comes in."""

from __future__ import annotations

import base64
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest.gpu import GpuTrust

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("ASSAY_VECTORS", ROOT.parent / "shared" / "vectors")) / "gpu"
DRIVER_RIM = "google/NV_GPU_DRIVER_GH100_550.90.07.xml"
VBIOS_RIM = "google/NV_GPU_VBIOS_1010_0200_882_96009F0001.xml"
MISSING = f"no vectors at {FOLDER}; set ASSAY_VECTORS"


def hexed(name: str) -> bytes:
    return bytes.fromhex((FOLDER / name).read_text().strip())


def binary(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def der(name: str) -> bytes:
    return x509.load_pem_x509_certificate(binary(name)).public_bytes(Encoding.DER)


def trust(**rims: str) -> GpuTrust:
    files = {rim_id.replace("__", "."): binary(name) for rim_id, name in rims.items()}
    return GpuTrust(der("nvidia-wheel/verifier_device_root.pem"), der("nvidia-sdk/rim_root.crt"), files)


def payload(*devices: tuple[bytes, bytes], arch: str) -> bytes:
    return json.dumps({"arch": arch, "evidence_list": [entry(report, pem, arch) for report, pem in devices]}).encode()


def entry(report: bytes, pem: bytes, arch: str) -> dict[str, str]:
    return {
        "arch": arch,
        "evidence": base64.b64encode(report).decode(),
        "certificate": base64.b64encode(pem).decode(),
    }


@cache
def board(name: str) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    """GPUs and switches of a stored machine, as report and PEM chain."""
    document = json.loads(binary(f"google/{name}"))
    gpus = [
        (_report(gpu["AttestationReport"]), _pem(gpu["CertificateChains"]["GpuAttestationCertificateChain"]))
        for gpu in document["gpus"]
    ]
    switches = [
        (_report(switch["attestation_report"]), _pem(switch["attestation_cert_chain"]))
        for switch in document.get("nvswitches", [])
    ]
    return gpus, switches


def _report(value: Any) -> bytes:
    return base64.b64decode(value["py/b64"])


def _pem(chain: list[dict[str, str]]) -> bytes:
    return b"".join(base64.b64decode(item["pem"]) for item in chain)
