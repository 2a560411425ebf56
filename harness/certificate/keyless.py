"""Certificates without a key of one's own (Sigstore): an identity signs, by a key that a public log keeps.

Signing needs a network and an identity token. Verification needs neither: who may sign is given, and roots of trust.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.certificate.envelope import MAX_BYTES, PAYLOAD_TYPE
from harness.certificate.problem import BadRequest, Code, Refused
from harness.target import secret_in

if TYPE_CHECKING:
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.sign import SigningContext

KEY = "sigstore:"  # in the place of a key
BUNDLE = "application/vnd.dev.sigstore.bundle"
MISSING = "Sigstore is an extra of this harness: pip install 'assay-harness[sigstore]'"


@dataclass(frozen=True)
class Identity:
    """Who may sign: the name in the certificate, and who vouched for it. Without roots of trust: those of Sigstore."""

    subject: str
    issuer: str
    trusted_root: Path | None = None


def token_of(variable: str | None) -> str:
    """The identity token in a variable, or that of the machine (a CI job's). Raises BadRequest, TargetError."""
    _installed()
    from sigstore.errors import Error
    from sigstore.oidc import detect_credential

    if variable is not None:
        return secret_in(variable, "--identity-token-env").reveal()
    try:
        found = detect_credential()
    except (Error, OSError) as error:
        raise BadRequest(f"--key {KEY}: the machine's identity token cannot be had: {_line(error)}") from error
    if found is None:
        raise BadRequest(f"--key {KEY}: no identity token here: give one by --identity-token-env")
    return str(found)


def sealed(payload: bytes, token: str, context: SigningContext | None = None) -> bytes:
    """The certificate: a Sigstore bundle. Raises BadRequest where no network or no identity allows it."""
    from sigstore.dsse import Statement
    from sigstore.errors import Error
    from sigstore.oidc import IdentityToken

    try:
        who = IdentityToken(token)
        with (context or _public()).signer(who) as signer:
            return _written(signer.sign_dsse(Statement(payload)))
    except (Error, OSError, ValueError) as error:
        raise BadRequest(f"--key {KEY}: cannot be signed: {_line(error)}") from error


def is_one(raw: bytes) -> bool:
    """Whether a certificate says that it is a Sigstore bundle."""
    try:
        document = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and str(document.get("mediaType")).startswith(BUNDLE)


def opened(raw: bytes, identity: Identity | None) -> tuple[bytes, str]:
    """The payload that this identity has signed, and who that is. Raises Refused, BadRequest."""
    if identity is None:
        raise Refused(Code.KEY_UNKNOWN, "signed by an identity: say whose is taken by --identity and --issuer")
    _installed()
    from sigstore.errors import Error
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import Identity as Named

    verifier = Verifier(trusted_root=_roots(identity.trusted_root))
    try:
        bundle = Bundle.from_json(raw)
        same = _written(bundle) == raw
    except (Error, ValueError, TypeError) as error:
        raise Refused(Code.MALFORMED, f"not a Sigstore bundle: {_line(error)}") from error
    if not same:
        raise Refused(Code.MALFORMED, "not written as `assay certify` writes a certificate: somebody has edited it")
    try:
        kind, payload = verifier.verify_dsse(bundle, Named(identity=identity.subject, issuer=identity.issuer))
    except (Error, ValueError, TypeError) as error:
        raise Refused(Code.SIGNATURE_WRONG, f"not signed by {identity.subject}: {_line(error)}") from error
    if kind != PAYLOAD_TYPE:
        raise Refused(Code.MALFORMED, f"expected a payload of type {PAYLOAD_TYPE}")
    return payload, f"{identity.subject} ({identity.issuer})"


def _public() -> SigningContext:
    from sigstore.models import ClientTrustConfig
    from sigstore.sign import SigningContext

    return SigningContext.from_trust_config(ClientTrustConfig.production())


def _roots(file: Path | None) -> TrustedRoot:
    """Those of a trusted_root.json; else those of Sigstore, as the library carries them or has them from before."""
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig, TrustedRoot

    try:
        if file is not None:
            return TrustedRoot.from_file(str(file))
        return ClientTrustConfig.production(offline=True).trusted_root
    except (Error, OSError, ValueError) as error:
        raise BadRequest(f"no roots of trust for Sigstore: {_line(error)}: give them by --trusted-root") from error


def _written(bundle: Bundle) -> bytes:
    return bundle.to_json().encode() + b"\n"


def _installed() -> None:
    try:
        import sigstore  # noqa: F401
    except ImportError as error:
        raise BadRequest(MISSING) from error


def _line(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
