"""The peer: NVIDIA's Python verifier (nv-local-gpu-verifier), run by its own interpreter on evidence from files.

It is told where the evidence is, then how many verifications to make; it answers with their cost and says no word else.
Only what asks a network is replaced: the responder's answers come from files, or the whole check of them is left out.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.x509.ocsp import load_der_ocsp_request, load_der_ocsp_response
from OpenSSL import crypto
from verifier import cc_admin
from verifier.cc_admin_utils import CcAdminUtils
from verifier.config import GPU_ARCHITECTURE_MAP, BaseSettings

HOPPER = 9
PEM_END = "-----END CERTIFICATE-----\n"


class Evidence:
    """What its collector would have read from a GPU, in the form in which `attest` asks for it."""

    def __init__(self, folder: Path, said: dict[str, Any]) -> None:
        self._report = (folder / "report.bin").read_bytes()
        self._chain = (folder / "chain.pem").read_text()
        self._said = said

    def get_gpu_architecture(self) -> int:
        return HOPPER

    def get_uuid(self) -> str:
        return "GPU-0"

    def get_driver_version(self) -> str:
        return str(self._said["driver"])

    def get_vbios_version(self) -> str:
        return str(self._said["vbios"])

    def get_attestation_report(self) -> bytes:
        return self._report

    def get_attestation_cert_chain(self) -> list[Any]:
        texts = (text + PEM_END for text in self._chain.split(PEM_END) if text.strip())
        return [crypto.load_certificate(crypto.FILETYPE_PEM, text) for text in texts]


def prepare(folder: Path, ocsp: str) -> None:
    """Its roots become ours, its reference values come from files, and nothing is logged or sent."""
    logging.disable(logging.CRITICAL)
    settings = GPU_ARCHITECTURE_MAP[HOPPER]
    settings.GPU_ARCH, settings.GPU_ARCH_NAME = HOPPER, "HOPPER"
    settings.DRIVER_RIM_PATH = str(folder / "driver.xml")
    for owner in (BaseSettings, settings):
        owner.ROOT_CERT_DIR = str(folder)
        owner.RIM_ROOT_CERT, owner.DEVICE_ROOT_CERT = str(folder / "rim_root.pem"), str(folder / "device_root.pem")

    if ocsp == "ocsp":
        responses = {int(path.stem, 16): path.read_bytes() for path in (folder / "ocsp").iterdir()}
        CcAdminUtils.send_ocsp_request = staticmethod(
            lambda raw: load_der_ocsp_response(responses[load_der_ocsp_request(raw).serial_number])
        )
    else:
        CcAdminUtils.ocsp_certificate_chain_validation = staticmethod(lambda *_: (True, "", "good", None))


def attest(folder: Path, said: dict[str, Any]) -> bool:
    asked = {
        "allow_hold_cert": False,
        "claims_version": "3.0",
        "ocsp_nonce_disabled": True,
        "rim_service_url": None,
        "ocsp_url": None,
        "service_key": None,
        "verbose": False,
        "test_no_gpu": False,
        "user_mode": True,
        "driver_rim": str(folder / "driver.xml"),
        "vbios_rim": str(folder / "vbios.xml"),
    }
    return bool(cc_admin.attest(asked, said["nonce"], [Evidence(folder, said)])[0])


def main() -> None:
    folder = Path(sys.argv[1])
    said = json.loads((folder / "said.json").read_text())
    prepare(folder, sys.argv[2])
    for line in sys.stdin:
        calls, accepted = int(line), 0
        before = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            for _ in range(calls):
                accepted += attest(folder, said)
        spent = (time.process_time() - before) / calls * 1000
        print(json.dumps({"ms": spent, "accepted": accepted == calls}), flush=True)


if __name__ == "__main__":
    main()
