"""Judges a signed answer (GET /v1/signature/{id}): which bytes were signed, and by which key. Hashes raw bytes only."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness.attest.adapters import reading
from harness.attest.secp256k1 import recover_address
from harness.attest.verdict import Code, Problem, Rejected

MAX_BYTES = 64 * 1024
_TEXT = re.compile(r"([0-9a-f]{64}):([0-9a-f]{64})")
_ALGORITHMS = ("ecdsa", "ed25519")


@dataclass(frozen=True)
class SignedAnswer:
    raw: bytes
    text: str  # sha256(request):sha256(response), the text that is signed
    signature: bytes
    address: bytes  # of the signer, as the answer says
    algo: str


def read_signature(raw: bytes) -> SignedAnswer:
    """Raises Rejected: answer.malformed, answer.algorithm_unsupported."""
    if len(raw) > MAX_BYTES:
        raise Rejected(Code.ANSWER_MALFORMED, f"{len(raw)} bytes, more than {MAX_BYTES}")
    try:
        document = reading.json_object(raw, "signature")
        signature, address = reading.hex_bytes(document, "signature"), reading.hex_bytes(document, "signing_address")
    except Rejected as rejected:
        raise Rejected(Code.ANSWER_MALFORMED, rejected.problem.reason) from rejected
    algo, text = document.get("signing_algo", "ecdsa"), document.get("text")
    if not isinstance(algo, str) or algo not in _ALGORITHMS:
        raise Rejected(Code.ANSWER_ALGORITHM_UNSUPPORTED, f"signing_algo: expected ecdsa or ed25519, got {algo!r}")
    if not isinstance(text, str) or not _TEXT.fullmatch(text):
        raise Rejected(Code.ANSWER_MALFORMED, "text: expected two SHA-256 digests in hex with a colon between them")
    return SignedAnswer(raw, text, signature, address, algo)


def judge_signature(answer: SignedAnswer, request: bytes, response: bytes, attested: bytes | None) -> list[Problem]:
    """`request` and `response` are the bodies as they went over the wire: of a stream every byte, framing and [DONE]
    included. `attested` is the address that accepted evidence binds, None where there is none. Tells every problem."""
    said_request, said_response = answer.text.split(":")
    problems = [*_signer(answer), *_key(answer, attested)]
    if hashlib.sha256(request).hexdigest() != said_request:
        reason = f"the request has SHA-256 {hashlib.sha256(request).hexdigest()}, signed was {said_request}"
        problems.append(Problem(Code.ANSWER_REQUEST_MISMATCH, reason))
    if hashlib.sha256(response).hexdigest() != said_response:
        reason = f"the response has SHA-256 {hashlib.sha256(response).hexdigest()}, signed was {said_response}"
        problems.append(Problem(Code.ANSWER_RESPONSE_MISMATCH, reason))
    return problems


def _signer(answer: SignedAnswer) -> Iterator[Problem]:
    """Whether the key that the answer names signed the text."""
    try:
        signed = _signed_by(answer)
    except (ValueError, InvalidSignature) as error:
        yield Problem(Code.ANSWER_SIGNATURE_INVALID, f"no {answer.algo} signature over the text: {error}")
        return
    if not hmac.compare_digest(signed, answer.address):
        reason = f"signed by {signed.hex()}, the answer names {answer.address.hex()}"
        yield Problem(Code.ANSWER_SIGNATURE_INVALID, reason)


def _signed_by(answer: SignedAnswer) -> bytes:
    message = answer.text.encode()
    if answer.algo == "ecdsa":
        return recover_address(message, answer.signature)
    Ed25519PublicKey.from_public_bytes(answer.address).verify(answer.signature, message)
    return answer.address


def _key(answer: SignedAnswer, attested: bytes | None) -> Iterator[Problem]:
    if attested is None:
        yield Problem(Code.ANSWER_KEY_UNATTESTED, f"no accepted evidence binds the key {answer.address.hex()}")
    elif not hmac.compare_digest(attested, answer.address):
        reason = f"evidence binds {attested.hex()}, the answer names {answer.address.hex()}"
        yield Problem(Code.ANSWER_KEY_UNATTESTED, reason)
