"""Faults of the signature over reference values, and of who signed."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

from mockserver.tee.gpu import rim
from mockserver.tee.gpu.pki import Request, issue
from tests.attest.gpu_cases.rims import edit, golden
from tests.attest.gpu_lab import ATTACKER, AUTHORITIES, DRIVER_RIM, NOW, SEED, Scene, case, manifest, rim_chain

ECDSA_SHA384 = b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"


@case("RIM-01", "rim.digest_mismatch")
def value_edited(s: Scene) -> None:
    """a golden value edited"""
    edit(s, golden(), b"00" * 48)


@case("RIM-02", "rim.digest_mismatch")
def check_switched_off(s: Scene) -> None:
    """an active flag turned off"""
    edit(s, b'active="True"', b'active="False"')


@case("RIM-03", "rim.digest_mismatch")
def version_edited(s: Scene) -> None:
    """the version edited"""
    edit(s, b'colloquialVersion="570.172.08"', b'colloquialVersion="570.172.09"')


@case("RIM-04", "rim.signature_invalid")
def digest_recomputed(s: Scene) -> None:
    """edited, the digest computed again, the signature kept"""
    said, changed = manifest(), {**manifest().golden, 21: [bytes(48)]}
    forged = rim.sign(replace(said, golden=changed), rim_chain())
    s.rims[DRIVER_RIM] = _swap(forged, s.rims[DRIVER_RIM], b"SignatureValue")


@case("RIM-05", "rim.chain.untrusted_root")
def attackers_pki(s: Scene) -> None:
    """signed again under the attacker's own root"""
    s.rims[DRIVER_RIM] = rim.sign(manifest(), rim_chain(ATTACKER))


@case("RIM-06", "rim.chain.")
def attackers_signer(s: Scene) -> None:
    """the attacker's signer under the genuine upper chain"""
    s.rims[DRIVER_RIM] = rim.sign(manifest(), (ATTACKER.rim_signer(NOW), *rim_chain()[1:]))


@case("RIM-07", "rim.chain.untrusted_root")
def device_pki(s: Scene) -> None:
    """signed by the device PKI"""
    s.rims[DRIVER_RIM] = rim.sign(manifest(), (s.device.chain[0], *s.device.chain[2:]))


@case("RIM-08", "rim.chain.")
def signed_by_a_ca(s: Scene) -> None:
    """signed by the intermediate itself"""
    s.rims[DRIVER_RIM] = rim.sign(manifest(), rim_chain()[1:])


@case("RIM-09", "rim.chain.leaf_is_a_ca")
def signer_is_a_ca(s: Scene) -> None:
    """four certificates, of which the signer is a CA"""
    ca = issue(SEED, Request("L4 CA"), AUTHORITIES.rim_l3)
    s.rims[DRIVER_RIM] = rim.sign(manifest(), (ca, *rim_chain()[1:]))


@case("RIM-10", "rim.")
def wrapped(s: Scene) -> None:
    """the signed original as a child, a forged Payload at the root"""
    original = s.rims[DRIVER_RIM]
    forged = replace(manifest(), golden={21: [bytes(48)]})
    s.rims[DRIVER_RIM] = f"{forged.head()}{forged.body()}".encode() + original + b"</SoftwareIdentity>"


@case("RIM-11", "rim.signature_count")
def two_signatures(s: Scene) -> None:
    """two signatures"""
    start = s.rims[DRIVER_RIM].index(b"<ds:Signature ")
    signature = s.rims[DRIVER_RIM][start : -len(b"</SoftwareIdentity>")]
    edit(s, signature, signature * 2)


@case("RIM-12", "rim.signature_count")
def no_signature(s: Scene) -> None:
    """no signature"""
    said = manifest()
    s.rims[DRIVER_RIM] = f"{said.head()}{said.body()}</SoftwareIdentity>".encode()


@case("RIM-13", "rim.signature_profile")
def weak_algorithm(s: Scene) -> None:
    """the algorithm lowered to hmac-sha1"""
    edit(s, ECDSA_SHA384, b"http://www.w3.org/2000/09/xmldsig#hmac-sha1")


@case("RIM-14", "rim.signature_profile")
def xslt(s: Scene) -> None:
    """an XSLT transform added"""
    extra = b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform></ds:Transforms>'
    edit(s, b"</ds:Transforms>", extra)


@case("RIM-15", "rim.signature_profile")
def part_referenced(s: Scene) -> None:
    """the reference names a part of the document"""
    edit(s, b'<ds:Reference URI="">', b'<ds:Reference URI="#part">')


@case("RIM-16", "rim.chain.expired")
def signer_expired(s: Scene) -> None:
    """the signer expired"""
    chain = (AUTHORITIES.rim_signer(NOW - timedelta(days=600)), *rim_chain()[1:])
    s.rims[DRIVER_RIM] = rim.sign(manifest(), chain)


@case("RIM-30", "rim.schema")
def payload_in_signature(s: Scene) -> None:
    """a Payload inside the signature, which the digest does not cover"""
    edit(s, b"</ds:Signature>", b"<ds:Object><Payload></Payload></ds:Object></ds:Signature>")


@case("RIM-32", "rim.digest_mismatch")
def white_space(s: Scene) -> None:
    """white space inserted in the signed Payload"""
    edit(s, b"</ns0:Payload>", b" </ns0:Payload>")


@case("RIM-33", "rim.malformed")
def entities(s: Scene) -> None:
    """a document type with an entity"""
    s.rims[DRIVER_RIM] = b'<!DOCTYPE x [<!ENTITY e "570">]>' + s.rims[DRIVER_RIM]


@case("RIM-36", "rim.signature_profile")
def xml_attribute(s: Scene) -> None:
    """an xml:base attribute"""
    edit(s, b"<ns0:Payload>", b'<ns0:Payload xml:base="http://x/">')


def _swap(into: bytes, source: bytes, name: bytes) -> bytes:
    """One element of the signature, taken from another file."""
    start, end = b"<ds:" + name + b">", b"</ds:" + name + b">"
    old, new = (raw[raw.index(start) : raw.index(end)] for raw in (into, source))
    assert base64.b64decode(new.split(b">")[1])
    return into.replace(old, new)
