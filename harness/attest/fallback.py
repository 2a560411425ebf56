"""Shows with our own code that the signatures of a quote hold, where the engine stops at the domain's attributes.

It refuses whatever it cannot follow down to the trusted root; what strict.py checks is not checked twice here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest import certificates
from harness.attest.collateral import Trust
from harness.attest.facts import Facts
from harness.attest.layout import Layout
from harness.attest.levels import appraised_levels
from harness.attest.machine import machine_of
from harness.attest.policy import TEE_SGX
from harness.attest.verdict import Code, Problem, Rejected

NAME = "assay"
_QE_DEBUG = 1 << 1


def appraise(layout: Layout, trust: Trust, at: datetime) -> Facts | Problem:
    """As the engine would, had it not looked at the attributes. Never raises on bad evidence."""
    try:
        return _appraised(layout, trust, at)
    except Rejected as rejected:
        return rejected.problem
    except certificates.MISSHAPEN as error:
        return Problem(Code.COLLATERAL_MALFORMED, f"our own reading of the collateral failed: {error}")


def _appraised(layout: Layout, trust: Trust, at: datetime) -> Facts:
    chain = certificates.chain_of(layout, trust)
    if len(chain) != 3 or not certificates.trusted(chain[-1], trust):
        raise Rejected(Code.ROOT_UNTRUSTED, "the quote does not carry leaf, CA and the trusted root")
    root_crl = _list(trust, "root_ca_crl", chain[2], at)
    pck_crl = _list(trust, "pck_crl", chain[1], at)
    _check_chain(chain, (pck_crl, root_crl), at)
    info = _statement(trust, "tcb_info", chain[2], root_crl, at)
    identity = _statement(trust, "qe_identity", chain[2], root_crl, at)
    _check_signatures(layout, chain[0])
    pck = certificates.pck_extension(chain[0].public_bytes(Encoding.PEM))
    if pck.fmspc.hex() != info["fmspc"].lower():
        raise Rejected(Code.PCK_FMSPC_MISMATCH, f"PCK has FMSPC {pck.fmspc.hex()}, TCB info {info['fmspc']}")
    _check_identity(layout, identity)
    status, levels, advisories = appraised_levels(layout, info, identity, pck)
    return Facts(NAME, status, advisories, levels, machine_of(certificates.chain_text(layout, trust), trust))


def _check_signatures(layout: Layout, pck: x509.Certificate) -> None:
    if not certificates.p256_signed(pck.public_key(), layout.qe_signature, layout.qe_report):
        raise Rejected(Code.QE_SIGNATURE_INVALID, "the PCK did not sign the report of the quoting enclave")
    bound = hashlib.sha256(layout.attestation_key + layout.qe_auth).digest()
    if layout.qe["report_data"][:32] != bound:
        raise Rejected(Code.QE_KEY_UNBOUND, "the quoting enclave does not name this attestation key")
    if not certificates.p256_signed(certificates.p256_point(layout.attestation_key), layout.signature, layout.signed):
        raise Rejected(Code.QUOTE_SIGNATURE_INVALID, "the attestation key did not sign this quote")


def _check_identity(layout: Layout, identity: Mapping[str, Any]) -> None:
    wanted, qe = ("QE" if layout.tee_type == TEE_SGX else "TD_QE"), layout.qe
    if identity["id"] != wanted:
        raise Rejected(Code.QE_IDENTITY_MALFORMED, f"identity of {identity['id']}, expected {wanted}")
    if int.from_bytes(qe["attributes"][:8], "little") & _QE_DEBUG:
        raise Rejected(Code.QE_DEBUG, "the quoting enclave runs in debug mode")
    select = bytes.fromhex(identity["miscselectMask"])[::-1], bytes.fromhex(identity["miscselect"])[::-1]
    attributes = bytes.fromhex(identity["attributesMask"]), bytes.fromhex(identity["attributes"])
    differing = [
        name
        for name, same in (
            ("mrsigner", qe["mr_signer"] == bytes.fromhex(identity["mrsigner"])),
            ("isvprodid", int.from_bytes(qe["isv_prod_id"], "little") == identity["isvprodid"]),
            ("miscselect", _masked(qe["misc_select"], select[0]) == select[1]),
            ("attributes", _masked(qe["attributes"], attributes[0]) == attributes[1]),
        )
        if not same
    ]
    if differing:
        raise Rejected(Code.QE_IDENTITY_MISMATCH, f"the quoting enclave is not Intel's: {', '.join(differing)}")


def _statement(
    trust: Trust, member: str, root: x509.Certificate, root_crl: x509.CertificateRevocationList, at: datetime
) -> dict[str, Any]:
    """A signed statement of Intel's about machines."""
    text, name = trust.members[member], member.upper()
    chain = certificates.chain_in(trust.members[f"{member}_issuer_chain"])
    if len(chain) != 2 or chain[1] != root:
        raise Rejected(Code.CHAIN_INVALID, f"{member}_issuer_chain: expected one signer and the trusted root")
    _check_chain(chain, (root_crl,), at)
    signature = bytes.fromhex(trust.members[f"{member}_signature"])
    if not certificates.p256_signed(chain[0].public_key(), signature, text.encode()):
        raise Rejected(Code[f"{name}_SIGNATURE_INVALID"], f"{member}: its signer did not sign it")
    document: dict[str, Any] = json.loads(text)
    issued, expires = (datetime.fromisoformat(document[key]) for key in ("issueDate", "nextUpdate"))
    if issued > at:
        raise Rejected(Code[f"{name}_NOT_YET_VALID"], f"{member}: issued {issued.isoformat()}")
    if expires < at:
        raise Rejected(Code[f"{name}_EXPIRED"], f"{member}: ended {expires.isoformat()}")
    return document


def _check_chain(chain: list[x509.Certificate], crls: tuple[x509.CertificateRevocationList, ...], at: datetime) -> None:
    """From the leaf up to the root, whose trust is the caller's affair; `crls` of the issuers in that order."""
    for depth, certificate in enumerate(chain):
        if certificate.not_valid_before_utc > at:
            raise Rejected(Code.CHAIN_NOT_YET_VALID, f"{certificates.common_name(certificate)}: not valid yet")
        if certificate.not_valid_after_utc < at:
            raise Rejected(Code.CHAIN_EXPIRED, f"{certificates.common_name(certificate)}: expired")
        _check_role(certificate, depth)
    for certificate, issuer, crl in zip(chain[:-1], chain[1:], crls, strict=True):
        if not certificates.issued(certificate, issuer):
            raise Rejected(Code.CHAIN_INVALID, f"{certificates.common_name(certificate)}: not issued by its issuer")
        if certificates.lists(crl, certificate):
            raise Rejected(Code.CHAIN_REVOKED, f"{certificates.common_name(certificate)}: revoked")


def _check_role(certificate: x509.Certificate, depth: int) -> None:
    """`depth` 0 is the leaf; an issuer may have at most depth - 1 issuers below it."""
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    below = constraints.path_length
    if constraints.ca != (depth > 0) or (depth > 0 and below is not None and below < depth - 1):
        raise Rejected(Code.CHAIN_INVALID, f"{certificates.common_name(certificate)}: may not stand at place {depth}")


def _list(trust: Trust, member: str, issuer: x509.Certificate, at: datetime) -> x509.CertificateRevocationList:
    crl = certificates.revocation_list(trust, member)
    if not certificates.signed_by(crl, issuer) or crl.issuer != issuer.subject:
        raise Rejected(Code.CRL_INVALID, f"{member}: not signed by {certificates.common_name(issuer)}")
    if crl.next_update_utc is None or crl.next_update_utc <= at:
        raise Rejected(Code.CRL_EXPIRED, f"{member}: ended {crl.next_update_utc}")
    return crl


def _masked(value: bytes, mask: bytes) -> bytes:
    return bytes(ours & bit for ours, bit in zip(value, mask, strict=True))
