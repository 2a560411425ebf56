"""Answers like NVIDIA's services: reference values (RIM), revocation (OCSP), attestation (NRAS) and its key set.

They speak of the test machines only, and never call a report good that its GPU did not sign for the nonce given.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as formats

from mockserver.tee.gpu import ocsp
from mockserver.tee.gpu.board import Board
from mockserver.tee.gpu.device import Device
from mockserver.tee.gpu.pki import Holder

_DER = Encoding.DER
_NONCE = slice(4, 36)  # of a report
_VERSIONS = {"/nras/v3/attest/gpu": "2.0", "/nras/v4/attest/gpu": "3.0"}  # of the claims, unless the request names one
_SIGNATURE_BYTES, _HALF = 96, 48
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = JSON


@dataclass(frozen=True)
class Services:
    """`said` holds what OCSP tells about single certificates, by serial in lower-case hex.

    What is published once a day is signed as of `day`; answers to a nonce are made now.
    """

    boards: Sequence[Board]
    day: datetime
    now: datetime
    said: Mapping[str, ocsp.Answer]

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """`path` begins with the service's name: /rim, /ocsp or /nras; what follows are NVIDIA's own paths."""
        handlers: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "/nras/.well-known/jwks.json"): lambda: Answer(200, self.boards[0].tokens(self.now).jwks()),
            ("GET", "/rim/v1/rim/ids"): lambda: _json(200, {"ids": sorted(self.boards[0].rims(self.day))}),
            ("POST", "/ocsp"): lambda: self._revocation(body),
            **{("POST", name): partial(self._attest, body, version) for name, version in _VERSIONS.items()},
        }
        if method == "GET" and path.startswith("/rim/v1/rim/") and not path.endswith("/ids"):
            return self._rim(path.removeprefix("/rim/v1/rim/"))
        if (method, path) in handlers:
            return handlers[method, path]()
        return Answer(405 if any(known == path for _, known in handlers) else 404)

    def _rim(self, name: str) -> Answer:
        raw = self.boards[0].rims(self.day).get(name)
        if raw is None:
            return _json(404, {"message": f"no reference values are called {name[:100]!r}"})
        shown = {
            "id": name,
            "rim": base64.b64encode(raw).decode(),
            "sha256": hashlib.sha256(raw).hexdigest(),
            "last_updated": self.day.isoformat(),
            "rim_format": "TCG",
        }
        return _json(200, {**shown, "request_id": hashlib.sha256(name.encode()).hexdigest()[:32]})

    def _revocation(self, body: bytes) -> Answer:
        """A responder that cannot read a request says so with status 200, as RFC 6960 has it."""
        kind = "application/ocsp-response"
        try:
            asked = formats.load_der_ocsp_request(body)
        except ValueError:
            return Answer(200, _refusal(formats.OCSPResponseStatus.MALFORMED_REQUEST), kind)
        serial = f"{asked.serial_number:x}"
        link = self._links().get(serial)
        if link is None:
            return Answer(200, _refusal(formats.OCSPResponseStatus.UNAUTHORIZED), kind)
        told = self.said.get(serial, ocsp.Answer())
        answer = ocsp.Answer(told.status, told.reason, _nonce(asked), told.valid_for)
        responder = ocsp.build_responder(self.boards[0].authorities.seed, link[1], self.now)
        issued = self.now - timedelta(minutes=5)
        return Answer(200, ocsp.answer(*link, responder, issued, answer, asked.hash_algorithm), kind)

    def _links(self) -> dict[str, tuple[Holder, Holder]]:
        """Every certificate that a verifier asks about, with its issuer."""
        found = self.boards[0].authorities
        chains = [device.chain[1:] for board in self.boards for device in (*board.gpus, *board.switches)]
        chains.append((found.rim_signer(self.day), found.rim_l3, found.rim_ca, found.rim_root))
        return {f"{pair[0].certificate.serial_number:x}": pair for chain in chains for pair in pairwise(chain)}

    def _attest(self, body: bytes, version: str) -> Answer:
        try:
            asked = json.loads(body)
            nonce = bytes.fromhex(asked["nonce"])
            devices = [self._device(entry, nonce) for entry in asked["evidence_list"]]
            version = str(asked.get("claims_version", version))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidSignature) as error:
            return _json(400, {"message": f"the evidence was not accepted: {type(error).__name__}"})
        if not devices or version not in ("2.0", "3.0"):
            return _json(400, {"message": "evidence_list is empty, or claims_version is none of 2.0, 3.0"})
        return _json(200, self.boards[0].tokens(self.now).attest(devices, nonce, version))

    def _device(self, entry: dict[str, Any], nonce: bytes) -> Device:
        """The GPU that made an entry. Raises ValueError, KeyError, TypeError or InvalidSignature."""
        report = base64.b64decode(entry["evidence"], validate=True)
        leaf = x509.load_pem_x509_certificate(base64.b64decode(entry["certificate"], validate=True))
        known = {device.chain[0].der(): device for board in self.boards for device in board.gpus}
        device = known[leaf.public_bytes(_DER)]
        if report[_NONCE] != nonce:
            raise ValueError("another nonce")
        signed, signature = report[:-_SIGNATURE_BYTES], report[-_SIGNATURE_BYTES:]
        r, s = (int.from_bytes(part, "big") for part in (signature[:_HALF], signature[_HALF:]))
        key = device.chain[0].key.public_key()
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
        return device


def _nonce(asked: formats.OCSPRequest) -> bytes | None:
    try:
        return asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except (x509.ExtensionNotFound, ValueError):
        return None


def _refusal(status: formats.OCSPResponseStatus) -> bytes:
    return formats.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(_DER)


def _json(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document).encode())
