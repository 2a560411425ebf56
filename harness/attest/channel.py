"""Compares the TLS certificate seen on a connection with the one that the evidence binds. Opens no connection."""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.attest.scheme import Channel, Scheme
from harness.attest.verdict import Code, Problem


class ChannelBinding(enum.StrEnum):
    """What evidence says about the connection it came over, or over which prompts are sent."""

    BOUND = "bound"
    MISMATCH = "mismatch"
    NOT_SEEN = "not seen"  # the format binds a key, but nobody gave us the connection's certificate
    NOT_BOUND = "not bound"  # the format binds no TLS key: whoever ends TLS reads everything
    NOT_HELD = "not held"  # the document names this key, but no quote that is genuine binds it


def judge_channel(
    scheme: Scheme, fields: Mapping[str, bytes], seen: bytes | None, *, held: bool = True
) -> tuple[ChannelBinding, tuple[Problem, ...]]:
    """`seen` is the DER of the leaf certificate of the connection; `held`: whether a genuine quote holds the fields.
    Never raises on a bad certificate."""
    if scheme.channel is None:
        return ChannelBinding.NOT_BOUND, ()
    if seen is None:
        return ChannelBinding.NOT_SEEN, ()
    bound, found = fields.get(scheme.channel.field, b""), _fingerprint(scheme.channel, seen)
    if found is not None and hmac.compare_digest(bound, found):
        return (ChannelBinding.BOUND if held else ChannelBinding.NOT_HELD), ()
    shown = found.hex() if found is not None else "of no readable certificate"
    reason = f"{scheme.channel.field} is {bound.hex()}, the {scheme.channel.over} of the connection is {shown}"
    return ChannelBinding.MISMATCH, (Problem(Code.CHANNEL_MISMATCH, reason),)


def _fingerprint(channel: Channel, certificate: bytes) -> bytes | None:
    if channel.over == "certificate":
        return hashlib.sha256(certificate).digest()
    spki = public_key_info(certificate)
    return None if spki is None else hashlib.sha256(spki).digest()


def public_key_info(certificate: bytes) -> bytes | None:
    """DER of the certificate's SubjectPublicKeyInfo, None when it cannot be read."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # cryptography raises its own and several built-in errors, depending on where the DER breaks
        return None
