"""Fetches what NVIDIA publishes about GPUs: reference values by id, and OCSP answers for every certificate.

What comes back is kept as it came; harness.attest judges it. The roots are not fetched: they are what trust rests on.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from harness.attest.evidence import GpuDevice
from harness.attest.gpu import Sighting, report, rim
from harness.attest.gpu.chain import UNREADABLE, read_pem
from harness.attest.gpu.trust import NVIDIA_DEVICE_ROOT
from harness.attest.verdict import Rejected
from harness.collateral.intel import CollateralError, bounded

RIM = "https://rim.attestation.nvidia.com"
OCSP = "http://ocsp.ndis.nvidia.com"  # as its certificates name it; answers are signed
NONCE_BYTES = 32
_RIM_ID = re.compile(r"[A-Z0-9][A-Z0-9_.\-]{0,120}")  # it comes from the evidence, and becomes part of a path


@dataclass(frozen=True)
class File:
    """One file of a trust folder, and where it came from."""

    name: str  # relative to the folder
    url: str
    fetched: str  # RFC 3339
    body: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class NvidiaSource:
    """Both services. `now` is the only clock; one nonce goes to every responder of a fetch."""

    def __init__(
        self, client: httpx.Client, now: Callable[[], datetime], rim_service: str = RIM, responder: str = OCSP
    ) -> None:
        self._client, self._now = client, now
        self._rims, self._responder = rim_service.rstrip("/"), responder
        self.nonce = secrets.token_bytes(NONCE_BYTES)

    def fetch(self, devices: Sequence[GpuDevice]) -> tuple[File, ...]:
        """Reference values and OCSP answers for these devices. Raises CollateralError."""
        if not devices:
            return ()
        manifests = {rim_id: self._rim(rim_id) for rim_id in dict.fromkeys(self._wanted(devices))}
        chains = [_chain(device)[1:] for device in devices]  # nobody keeps a register of the first one
        chains += [_read(manifest).certificates for manifest in manifests.values()]
        asked = {f"{pair[0].serial_number:x}": pair for chain in chains for pair in pairwise(chain)}
        answers = [self._revocation(serial, *pair) for serial, pair in asked.items()]
        nonce = File("ocsp.nonce", self._responder, self._now().isoformat(), self.nonce.hex().encode() + b"\n")
        return (*manifests.values(), *answers, nonce, *_known_root(devices, self._now()))

    def _wanted(self, devices: Sequence[GpuDevice]) -> Iterator[str]:
        for n, device in enumerate(devices):
            try:
                found = rim.wanted(report.read(device.evidence), device.arch)
            except Rejected as rejected:
                raise CollateralError(f"GPU {n}: {rejected}") from rejected
            for wanted in found:
                if not _RIM_ID.fullmatch(wanted.rim_id):
                    raise CollateralError(f"GPU {n} calls for reference values of no sensible name")
                yield wanted.rim_id

    def _rim(self, rim_id: str) -> File:
        url = f"{self._rims}/v1/rim/{rim_id}"
        body = self._answer("GET", url)
        try:
            document = json.loads(body)
            raw = base64.b64decode(document["rim"], validate=True)
            said = document.get("sha256")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CollateralError(f"{url}: no reference values: {error}") from error
        if said is not None and said != hashlib.sha256(raw).hexdigest():
            raise CollateralError(f"{url}: the reference values are not what their sha256 says")
        return File(f"rims/{rim_id}.xml", url, self._now().isoformat(), raw)

    def _revocation(self, serial: str, subject: x509.Certificate, issuer: x509.Certificate) -> File:
        try:
            builder = ocsp.OCSPRequestBuilder().add_certificate(subject, issuer, hashes.SHA384())
            asked = builder.add_extension(x509.OCSPNonce(self.nonce), critical=False).build()
        except UNREADABLE as error:
            raise CollateralError(f"certificate {serial}: {error}") from error
        raw = self._answer("POST", self._responder, asked.public_bytes(Encoding.DER))
        try:
            status = ocsp.load_der_ocsp_response(raw).response_status
        except ValueError as error:
            raise CollateralError(f"{self._responder}: no OCSP answer: {error}") from error
        if status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise CollateralError(f"{self._responder}: says {status.name} about certificate {serial}")
        return File(f"ocsp/{serial}.der", self._responder, self._now().isoformat(), raw)

    def _answer(self, method: str, url: str, content: bytes | None = None) -> bytes:
        headers = {"Content-Type": "application/ocsp-request"} if content is not None else {}
        try:
            with self._client.stream(method, url, content=content, headers=headers) as answer:
                body = bounded(answer, url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CollateralError(f"{url}: {type(error).__name__}: {error}") from error
        if answer.status_code != 200:
            raise CollateralError(f"{url}: answered {answer.status_code}")
        return body


def sightings(files: Iterable[File]) -> tuple[Sighting, ...]:
    """The reference values among the files, as a ledger remembers them. Raises CollateralError."""
    found = []
    for file in files:
        if file.name.startswith("rims/"):
            read = _read(file)
            if read.problems:  # anybody could have a ledger remember what nobody signed
                raise CollateralError(f"{file.url}: {read.problems[0].code}: {read.problems[0].reason}")
            begins = read.certificates[0].not_valid_before_utc
            found.append(Sighting(Path(file.name).stem, read.content, begins))
    return tuple(found)


def write_files(folder: Path, files: Sequence[File]) -> None:
    """The files where `load_gpu_trust` reads them, and gpu-manifest.json. Raises OSError."""
    rows = []
    for file in files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.body)
        rows.append({"file": file.name, "url": file.url, "fetched": file.fetched, "sha256": file.sha256})
    (folder / "gpu-manifest.json").write_text(json.dumps(rows, indent=1) + "\n")


def _read(file: File) -> rim.Rim:
    try:
        return rim.read(file.body)
    except Rejected as rejected:
        raise CollateralError(f"{file.url}: {rejected}") from rejected


def _chain(device: GpuDevice) -> tuple[x509.Certificate, ...]:
    try:
        return read_pem(device.certificate)
    except Rejected as rejected:
        raise CollateralError(f"the certificates of a GPU: {rejected}") from rejected


def _known_root(devices: Sequence[GpuDevice], now: datetime) -> Iterator[File]:
    """NVIDIA's own root, where the evidence carries it: it is known by its digest. Any other is not ours to trust."""
    root = _chain(devices[0])[-1]
    if hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest() == NVIDIA_DEVICE_ROOT:
        yield File("device_root.pem", "the evidence itself", now.isoformat(), root.public_bytes(Encoding.PEM))
