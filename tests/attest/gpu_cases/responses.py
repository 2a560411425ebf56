"""Faults of OCSP responses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509

from mockserver.tee.gpu.ocsp import REVOKED, UNKNOWN, Answer, answer, build_responder
from mockserver.tee.gpu.pki import Holder
from tests.attest.gpu_lab import AUTHORITIES, NOW, OCSP_NONCE, SEED, Scene, case, rim_chain, scene, serial
from tests.attest.lab import flipped

HOUR = timedelta(hours=1)


def respond(
    s: Scene,
    subject: Holder | None = None,
    issuer: Holder | None = None,
    responder: Holder | None = None,
    issued: timedelta = -HOUR,
    **said: Any,
) -> None:
    """Another answer for the identity key, or for another certificate."""
    subject, issuer = subject or s.device.chain[1], issuer or s.device.chain[2]
    responder = responder or build_responder(SEED, issuer, NOW)
    raw = answer(subject, issuer, responder, NOW + issued, Answer(**{"nonce": OCSP_NONCE, **said}))
    s.ocsp[serial(subject.certificate)] = raw


@case("OCS-01", "ocsp.revoked")
def revoked(s: Scene) -> None:
    """the identity key revoked for compromise"""
    respond(s, status=REVOKED, reason=x509.ReasonFlags.key_compromise)


@case("OCS-02", "ocsp.revoked")
def on_hold(s: Scene) -> None:
    """the identity key on hold"""
    respond(s, status=REVOKED, reason=x509.ReasonFlags.certificate_hold)


@case("OCS-03", "ocsp.revoked")
def revoked_while_holds_pass(s: Scene) -> None:
    """revoked for compromise, where a hold would be taken"""
    s.policy = replace(s.policy, allow_hold=True)
    respond(s, status=REVOKED, reason=x509.ReasonFlags.key_compromise)


@case("OCS-04", "ocsp.unknown")
def unknown(s: Scene) -> None:
    """the responder does not know the certificate"""
    respond(s, status=UNKNOWN)


@case("OCS-05", "ocsp.revoked")
def rim_signer_revoked(s: Scene) -> None:
    """the signer of the reference values revoked"""
    signer, l3, *_ = rim_chain()
    respond(s, signer, l3, status=REVOKED, reason=x509.ReasonFlags.key_compromise)


@case("OCS-06", "ocsp.revoked")
def provisioner_revoked(s: Scene) -> None:
    """the provisioner revoked"""
    respond(s, s.device.chain[2], s.device.chain[3], status=REVOKED)


@case("OCS-07", "ocsp.certid_mismatch")
def of_another_device(s: Scene) -> None:
    """a good answer about another device"""
    other = scene(label="b").device.chain
    raw = answer(other[1], other[2], build_responder(SEED, other[2], NOW), NOW - HOUR, Answer(nonce=OCSP_NONCE))
    s.ocsp[serial(s.device.chain[1].certificate)] = raw


@case("OCS-08", "ocsp.nonce_missing")
def no_nonce(s: Scene) -> None:
    """no nonce"""
    respond(s, nonce=None)


@case("OCS-09", "ocsp.nonce_mismatch")
def other_nonce(s: Scene) -> None:
    """another nonce"""
    respond(s, nonce=bytes(32))


@case("OCS-10", "ocsp.expired")
def stale(s: Scene) -> None:
    """nextUpdate has passed"""
    respond(s, issued=timedelta(days=-2))


@case("OCS-11", "ocsp.not_yet_valid")
def of_tomorrow(s: Scene) -> None:
    """thisUpdate in the future"""
    respond(s, issued=HOUR)


@case("OCS-12", "ocsp.responder_eku")
def responder_without_eku(s: Scene) -> None:
    """a responder whose certificate is not for OCSP"""
    respond(s, responder=build_responder(SEED, s.device.chain[2], NOW, signing=False))


@case("OCS-13", "ocsp.responder_untrusted")
def attackers_responder(s: Scene) -> None:
    """a responder of the attacker's"""
    respond(s, responder=build_responder(b"mallory", _copy_of(s.device.chain[2]), NOW))


@case("OCS-14", "ocsp.responder_untrusted")
def sibling_responder(s: Scene) -> None:
    """a responder of a sibling CA under the same root"""
    respond(s, responder=build_responder(SEED, AUTHORITIES.identity("GB100"), NOW))


@case("OCS-15", "ocsp.responder_untrusted")
def responder_of_the_subject(s: Scene) -> None:
    """a responder issued by the very certificate that is asked about"""
    respond(s, responder=build_responder(SEED, s.device.chain[1], NOW))


@case("OCS-16", "ocsp.responder_expired")
def responder_expired(s: Scene) -> None:
    """the responder's certificate expired"""
    respond(s, responder=build_responder(SEED, s.device.chain[2], NOW - timedelta(days=400)))


@case("OCS-17", "ocsp.signature_invalid")
def signed_by_another(s: Scene) -> None:
    """a bit of what is signed changed"""
    name = serial(s.device.chain[1].certificate)
    raw = s.ocsp[name]
    s.ocsp[name] = flipped(raw, raw.index(OCSP_NONCE))


@case("OCS-18", "ocsp.missing")
def no_answer(s: Scene) -> None:
    """no answer for one certificate, good ones for the others"""
    del s.ocsp[serial(s.device.chain[1].certificate)]


@case("OCS-19", "ocsp.malformed")
def error_page(s: Scene) -> None:
    """an HTML page"""
    s.ocsp[serial(s.device.chain[1].certificate)] = b"<html>503</html>"


@case("X-16", "ocsp.missing")
def no_answers(s: Scene) -> None:
    """no answers at all, under a policy that requires them"""
    s.ocsp = {}


def _copy_of(holder: Holder) -> Holder:
    """The same name, another key."""
    return Holder(holder.certificate, AUTHORITIES.token_ca.key)
