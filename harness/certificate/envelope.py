"""The DSSE envelope of a certificate. There is one way to write it: other bytes are refused, whatever they mean."""

from __future__ import annotations

import json
from collections.abc import Iterable

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, Signer, SSlibKey

from harness.certificate.keys import one_form
from harness.certificate.problem import Code, Refused

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 16 * 1024 * 1024


def sealed(payload: bytes, signer: Signer) -> bytes:
    """The certificate: the payload in an envelope with one signature."""
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    made = signer.sign(envelope.pae())
    scheme = signer.public_key.scheme
    form = one_form(bytes.fromhex(made.signature), scheme).hex()
    envelope.signatures[made.keyid] = Signature(made.keyid, form)
    return _written(envelope)


def opened(raw: bytes, keys: Iterable[SSlibKey]) -> tuple[bytes, SSlibKey]:
    """The payload of a certificate that one of these keys has signed, and that key. Raises Refused."""
    envelope = _read(raw)
    (signature,) = envelope.signatures.values()
    known = {key.keyid: key for key in keys}
    if (key := known.get(signature.keyid)) is None:
        shown = signature.keyid[:64]
        raise Refused(Code.KEY_UNKNOWN, f"signed by the key {shown}, and none of the keys that are trusted here is it")
    try:
        if one_form(bytes.fromhex(signature.signature), key.scheme).hex() != signature.signature:
            raise Refused(Code.SIGNATURE_WRONG, "the signature is not in the one form that is taken")
        key.verify_signature(signature, envelope.pae())
    except (UnverifiedSignatureError, ValueError) as error:
        raise Refused(Code.SIGNATURE_WRONG, "the signature is not one of this key over this statement") from error
    return envelope.payload, key


def _read(raw: bytes) -> Envelope:
    if len(raw) > MAX_BYTES:
        raise Refused(Code.MALFORMED, f"larger than {MAX_BYTES} bytes")
    try:
        envelope = Envelope.from_dict(json.loads(raw))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(
            Code.MALFORMED, "not a DSSE envelope: expected the certificate.json that a run was given"
        ) from error
    if len(envelope.signatures) != 1 or envelope.payload_type != PAYLOAD_TYPE:
        raise Refused(Code.MALFORMED, f"expected one signature over a payload of type {PAYLOAD_TYPE}")
    (signature,) = envelope.signatures.values()
    if not isinstance(signature.keyid, str):
        raise Refused(Code.MALFORMED, "the id of the key is no text")
    if signature.unrecognized_fields:
        raise Refused(Code.MALFORMED, "the signature has members that nobody has signed")
    try:
        same = _written(envelope) == raw
    except (ValueError, TypeError):
        same = False
    if not same:
        raise Refused(Code.MALFORMED, "not written as `assay certify` writes a certificate: somebody has edited it")
    return envelope


def _written(envelope: Envelope) -> bytes:
    return json.dumps(envelope.to_dict(), indent=1, sort_keys=True).encode() + b"\n"
