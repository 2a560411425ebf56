"""Answers of an attestation service in NVIDIA's form: an overall token, one for each device, and the key set."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mockserver.tee.gpu.device import SWITCH, TEST_DRIVER, Device
from mockserver.tee.gpu.pki import Authorities, Holder, sign_raw

ISSUER = "https://nras.attestation.nvidia.com"
KID = "nv-eat-kid-test-20261120000000000-assay"
_GOOD_CHAIN = {
    "x-nvidia-cert-expiration-date": "9999-12-31T23:59:59Z",
    "x-nvidia-cert-status": "valid",
    "x-nvidia-cert-ocsp-status": "good",
    "x-nvidia-cert-revocation-reason": None,
}


@dataclass(frozen=True)
class TokenService:
    authorities: Authorities
    now: datetime

    @property
    def signer(self) -> Holder:
        return self.authorities.token_signer(self.now)

    def jwks(self) -> bytes:
        return json.dumps({"keys": [self.key()]}).encode()

    def key(self) -> dict[str, Any]:
        numbers = self.signer.key.public_key().public_numbers()
        chain = (self.signer, self.authorities.token_ca)
        return {
            "kty": "EC",
            "crv": "P-384",
            "alg": "ES384",
            "use": "sig",
            "kid": KID,
            "x": encode(numbers.x.to_bytes(48, "big")),
            "y": encode(numbers.y.to_bytes(48, "big")),
            "x5c": [base64.b64encode(holder.der()).decode() for holder in chain],
        }

    def anchor(self) -> str:
        return hashlib.sha256(self.authorities.token_ca.der()).hexdigest()

    def attest(self, devices: Sequence[Device], nonce: bytes, version: str = "3.0") -> list[Any]:
        """What a successful request is answered with."""
        texts = {f"{_label(d)}-{n}": self.sign(self.claims(d, nonce, version)) for n, d in enumerate(devices)}
        return self.assemble(self.overall(texts, nonce, version), texts)

    def assemble(self, overall: Mapping[str, Any], texts: Mapping[str, str]) -> list[Any]:
        return [["JWT", self.sign(overall)], dict(texts)]

    def overall(self, texts: Mapping[str, str], nonce: bytes, version: str = "3.0") -> dict[str, Any]:
        return {
            **self._common(nonce),
            "sub": "NVIDIA-PLATFORM-ATTESTATION",
            "x-nvidia-ver": version,
            "x-nvidia-overall-att-result": True,
            "submods": {name: ["DIGEST", ["SHA-256", digest(text)]] for name, text in texts.items()},
        }

    def claims(self, device: Device, nonce: bytes, version: str = "3.0") -> dict[str, Any]:
        kind = "switch" if device.kind.arch == SWITCH else "gpu"
        rims = ("bios-rim",) if kind == "switch" else ("driver-rim", "vbios-rim")
        common = ("arch-check", *(f"attestation-report-{what}" for what in _REPORT))
        flags = [*common, *(f"{rim}-{what}" for rim in rims for what in _RIM)]
        chains = {f"x-nvidia-{kind}-{part}-cert-chain": _GOOD_CHAIN for part in ("attestation-report", *rims)}
        if version == "2.0":
            flags.remove("attestation-report-cert-chain-fwid-match")
            plain = ["attestation-report-cert-chain-validated", *(f"{rim}-cert-validated" for rim in rims)]
            flags, chains = [*flags, *plain], {}
        return {
            **self._common(nonce),
            "measres": "success",
            "secboot": True,
            "dbgstat": "disabled",
            "hwmodel": f"{device.kind.common_name} {device.kind.unit} BROM",
            "oemid": "5703",
            "ueid": device.ueid,
            "x-nvidia-gpu-driver-version": TEST_DRIVER,
            **{f"x-nvidia-{kind}-{flag}": True for flag in flags},
            **chains,
        }

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        head = encode(json.dumps(header or {"kid": KID, "alg": "ES384"}).encode())
        text = f"{head}.{encode(json.dumps(claims).encode())}"
        return f"{text}.{encode(sign_raw(self.signer.key, text.encode()))}"

    def _common(self, nonce: bytes) -> dict[str, Any]:
        issued = int(self.now.timestamp())
        times = {"iat": issued, "nbf": issued, "exp": issued + 3600}
        return {"iss": ISSUER, **times, "jti": f"assay-{issued}", "eat_nonce": nonce.hex()}


_REPORT = ("parsed", "nonce-match", "signature-verified", "cert-chain-fwid-match")
_RIM = ("fetched", "schema-validated", "signature-verified", "measurements-available", "version-match")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _label(device: Device) -> str:
    return "SWITCH" if device.kind.arch == SWITCH else "GPU"
