"""Keys that sign certificates, and keys that certificates are trusted by: Ed25519 or ECDSA P-256, and no other.

Signing by a token or a service goes through securesystemslib, which has a signer for each (`hsm:`, `awskms:`,
`gcpkms:`, `azurekms:`, `hv:`); the private key of such a signer never comes here.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Signer, SSlibKey

from harness.certificate.problem import BadRequest

ED25519, P256 = "ed25519", "ecdsa-sha2-nistp256"
PASSWORD_VARIABLE = "ASSAY_SIGNING_SECRET"  # noqa: S105 - the name of a variable
EXTRAS = frozenset({"hsm", "awskms", "gcpkms", "azurekms"})  # of pyproject.toml, named as the schemes
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signer_of(key: str, public: Path | None = None) -> Signer:
    """The signer of a PEM file, or of a URI of securesystemslib with its public key. Raises BadRequest."""
    scheme = key.partition(":")[0]
    if scheme in SIGNER_FOR_URI_SCHEME and not Path(key).is_file():
        return _remote(key, public)
    if not Path(key).is_file():
        raise BadRequest(f"{key}: no such key; `openssl genpkey -algorithm ed25519 -out {key}` makes one")
    try:
        found = load_pem_private_key(Path(key).read_bytes(), _password())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadRequest(
            f"{key}: no private key in PEM that can be read; {PASSWORD_VARIABLE} holds its passphrase where it has one"
        ) from error
    if not isinstance(found, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise BadRequest(f"{key}: expected an Ed25519 or ECDSA P-256 key")
    return CryptoSigner(found, _known(SSlibKey.from_crypto(found.public_key()), key))


def public_key(path: Path) -> SSlibKey:
    """The key of a public PEM file. Raises BadRequest, OSError."""
    raw = path.read_bytes()
    if b"PRIVATE KEY-----" in raw:
        raise BadRequest(
            f"{path}: expected the public key: `openssl pkey -in {path} -pubout` prints that of a private one"
        )
    try:
        found = load_pem_public_key(raw)
        return _known(SSlibKey.from_crypto(found), str(path))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadRequest(f"{path}: expected the public key of a signer in PEM (Ed25519 or ECDSA P-256)") from error


def one_form(signature: bytes, scheme: str) -> bytes:
    """The one encoding of a signature that is taken: of the two that ECDSA allows, the one with the lower s.

    Raises ValueError for bytes that are no signature.
    """
    if scheme != P256:
        return signature
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, P256_ORDER - s))


def _remote(uri: str, public: Path | None) -> Signer:
    if public is None:
        raise BadRequest(f"--key {uri}: also give the public key of it as a PEM file, by --public-key")
    try:
        return Signer.from_priv_key_uri(uri, public_key(public), lambda _name: os.environ.get(PASSWORD_VARIABLE, ""))
    except (UnsupportedLibraryError, ImportError) as error:
        extra = uri.partition(":")[0]
        how = f": pip install 'assay-harness[{extra}]'" if extra in EXTRAS else ""
        raise BadRequest(f"--key {uri}: {error}{how}") from error
    except Exception as error:  # each service has errors of its own
        said = " ".join(str(error).split())[:300]
        raise BadRequest(f"--key {uri}: {said or type(error).__name__}") from error


def _known(key: SSlibKey, where: str) -> SSlibKey:
    if key.scheme not in (ED25519, P256):
        raise BadRequest(f"{where}: expected an Ed25519 or ECDSA P-256 key, got {key.scheme}")
    return key


def _password() -> bytes | None:
    return os.environ[PASSWORD_VARIABLE].encode() if PASSWORD_VARIABLE in os.environ else None
