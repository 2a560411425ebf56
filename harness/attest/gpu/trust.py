"""What GPU evidence is judged against: two roots, reference values and OCSP responses. Fetches nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

# SHA-256 of NVIDIA's two production roots
NVIDIA_DEVICE_ROOT = "102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48"
NVIDIA_RIM_ROOT = "12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1"
MAX_FILE_BYTES = 1024 * 1024
MAX_FILES = 2048
_SUFFIXES = (".xml", ".swidtag", ".rim", ".der", ".ocsp", ".dat", ".b64")


@dataclass(frozen=True)
class GpuTrust:
    device_root: bytes  # DER
    rim_root: bytes  # DER
    rims: Mapping[str, bytes] = field(default_factory=dict)  # id -> XML
    ocsp: Mapping[str, bytes] = field(default_factory=dict)  # serial in lower-case hex, or any name -> DER or base64
    ocsp_nonce: bytes | None = None  # what the fetcher sent to the responders

    @property
    def test_roots(self) -> bool:
        found = (hashlib.sha256(self.device_root).hexdigest(), hashlib.sha256(self.rim_root).hexdigest())
        return found != (NVIDIA_DEVICE_ROOT, NVIDIA_RIM_ROOT)


def load_gpu_trust(folder: Path) -> GpuTrust:
    """device_root.pem, rim_root.pem, rims/ and ocsp/; a nonce sent to the responders stands in ocsp.nonce as hex.

    Raises OSError, ValueError (not a certificate, too large, too many files).
    """
    nonce = folder / "ocsp.nonce"
    return GpuTrust(
        _root(folder / "device_root.pem"),
        _root(folder / "rim_root.pem"),
        _files(folder / "rims"),
        _files(folder / "ocsp"),
        _hex(nonce) if nonce.exists() else None,
    )


def _root(path: Path) -> bytes:
    try:
        return x509.load_pem_x509_certificate(_read(path)).public_bytes(Encoding.DER)
    except ValueError as error:
        raise ValueError(f"{path.name}: not a certificate in PEM") from error


def _hex(path: Path) -> bytes:
    try:
        return bytes.fromhex(_read(path).decode().strip())
    except ValueError as error:
        raise ValueError(f"{path.name}: not hex") from error


def _files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    if len(paths) > MAX_FILES:
        raise ValueError(f"{folder}: {len(paths)} files, more than {MAX_FILES}")
    return {_stem(path.name): _read(path) for path in paths}


def _stem(name: str) -> str:
    """The name without a suffix we know; versions hold dots."""
    return next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path}: more than {MAX_FILE_BYTES} bytes")
    return path.read_bytes()
