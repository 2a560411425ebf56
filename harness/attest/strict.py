"""What the engine lets pass and a careful verifier does not: encoding, roles, CRL dates, identity fields.

Every function returns all the problems it sees; none of them repeats a check of the engine.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest.certificates import (
    UNREADABLE,
    chain_in,
    chain_of,
    chain_text,
    common_name,
    issued,
    lists,
    pck_extension,
    revocation_list,
    signed_by,
    trusted,
)
from harness.attest.collateral import Trust
from harness.attest.layout import Layout
from harness.attest.policy import Policy
from harness.attest.verdict import Code, Problem

__all__ = ["UNREADABLE", "examine", "revoked_code"]
_SGX_TCB = "1.2.840.113741.1.13.1.2"
_CERTIFICATIONS = (2, 3, 5)  # encrypted PPID (the chain comes with the collateral), embedded chain


def examine(layout: Layout, trust: Trust, at: datetime, policy: Policy) -> list[Problem]:
    """For a quote that the engine accepted. `at` is aware."""
    return [
        *_encoding(layout, policy),
        *_chain_problems(chain_text(layout, trust), trust),
        *_collateral_problems(trust),
        *_unissued(trust, at),
    ]


@functools.lru_cache(maxsize=64)
def _chain_problems(text: bytes, trust: Trust) -> tuple[Problem, ...]:
    """Machines answer more than once: what is known of a chain stays known."""
    chain = chain_in(text.rstrip(b"\0").decode("ascii", "replace"))
    return (*_pem(text, chain), *_roots(chain, trust), *_pck(chain, trust))


@functools.lru_cache(maxsize=16)
def _collateral_problems(trust: Trust) -> tuple[Problem, ...]:
    return (*_issuer_chains(trust), *_kind(trust), *_signer_roles(trust), *_revocation_lists(trust))


@functools.lru_cache(maxsize=16)
def _issued_at(trust: Trust) -> tuple[tuple[str, datetime], ...]:
    members = ("root_ca_crl", "pck_crl")
    return tuple((member, revocation_list(trust, member).last_update_utc) for member in members)


def revoked_code(layout: Layout, trust: Trust) -> Code:
    """The engine says that something is revoked; this says what. CHAIN_REVOKED when it cannot be told."""
    try:
        chain = chain_of(layout, trust)
        pck_crl, root_crl = revocation_list(trust, "pck_crl"), revocation_list(trust, "root_ca_crl")
        signer = chain_in(trust.members["tcb_info_issuer_chain"])[0]
        candidates = (
            (chain[0], pck_crl, Code.PCK_REVOKED),
            (chain[1], root_crl, Code.PCK_ISSUER_REVOKED),
            (signer, root_crl, Code.TCB_SIGNER_REVOKED),
        )
        found = (code for certificate, crl, code in candidates if lists(crl, certificate))
        return next(found, Code.CHAIN_REVOKED)
    except (*UNREADABLE, IndexError):
        return Code.CHAIN_REVOKED


def _encoding(layout: Layout, policy: Policy) -> Iterator[Problem]:
    if layout.certification_type not in _CERTIFICATIONS:
        reason = f"inner certification type {layout.certification_type}, expected one of {_CERTIFICATIONS}"
        yield Problem(Code.QUOTE_CERTIFICATION_UNSUPPORTED, reason)
    if any(layout.qe["report_data"][32:]):
        yield Problem(Code.QE_KEY_UNBOUND, "the quoting enclave's report data holds more than the hash of the key")
    if policy.zero_padding_only and any(layout.trailing):
        yield Problem(Code.QUOTE_TRAILING_DATA, f"{len(layout.trailing)} bytes after the quote are not zero padding")


def _pem(text: bytes, chain: list[x509.Certificate]) -> Iterator[Problem]:
    canonical = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    if text.rstrip(b"\0").rstrip(b"\n") != canonical.rstrip(b"\n"):
        yield Problem(Code.QUOTE_MALFORMED, "the PEM chain holds bytes that belong to no certificate")


def _roots(chain: list[x509.Certificate], trust: Trust) -> Iterator[Problem]:
    """The engine anchors at its own root and never looks at the ones that come with the evidence."""
    if len(chain) != 3:
        yield Problem(Code.CHAIN_INVALID, f"{len(chain)} certificates in the quote, expected leaf, CA and root")
    elif not trusted(chain[2], trust):
        yield Problem(Code.ROOT_UNTRUSTED, "the root inside the quote is not the trusted root")


def _issuer_chains(trust: Trust) -> Iterator[Problem]:
    for member in ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain"):
        issuers = chain_in(trust.members[member])
        if len(issuers) != 2 or not trusted(issuers[1], trust) or not issued(*issuers):
            yield Problem(Code.CHAIN_INVALID, f"{member}: expected one issuer and the trusted root")


def _pck(chain: list[x509.Certificate], trust: Trust) -> Iterator[Problem]:
    if not chain:
        return
    extension = pck_extension(chain[0].public_bytes(Encoding.PEM))
    expected = str(trust.statement("tcb_info").get("pceId", "")).lower()
    if extension.pce_id.hex() != expected:
        yield Problem(Code.PCK_PCEID_MISMATCH, f"PCK has PCEID {extension.pce_id.hex()}, TCB info {expected}")
    components = [_number(extension.get_value(f"{_SGX_TCB}.{n}")) for n in range(1, 17)]
    if components != list(extension.cpu_svn):
        yield Problem(Code.PCK_SVN_INCONSISTENT, f"CPUSVN {extension.cpu_svn.hex()}, components {components}")


def _kind(trust: Trust) -> Iterator[Problem]:
    info = trust.statement("tcb_info")
    if info.get("version") not in (2, 3) or info.get("tcbType") != 0:
        reason = f"version {info.get('version')}, tcbType {info.get('tcbType')}: expected 2 or 3, and 0"
        yield Problem(Code.TCB_INFO_MALFORMED, reason)


def _signer_roles(trust: Trust) -> Iterator[Problem]:
    for member in ("tcb_info_issuer_chain", "qe_identity_issuer_chain"):
        chain = chain_in(trust.members[member])
        if not chain or "SGX TCB Signing" not in common_name(chain[0]):
            name = common_name(chain[0]) if chain else "nothing"
            yield Problem(Code.TCB_SIGNER_WRONG_ROLE, f"{member}: signed by {name!r}, not by a TCB signing key")


def _revocation_lists(trust: Trust) -> Iterator[Problem]:
    for member in ("root_ca_crl", "pck_crl"):
        present = {extension.oid for extension in revocation_list(trust, member).extensions}
        for needed in (x509.CRLNumber, x509.AuthorityKeyIdentifier):
            if needed.oid not in present:
                yield Problem(Code.CRL_INVALID, f"{member}: no {needed.__name__} extension")
    issuers = chain_in(trust.members["pck_crl_issuer_chain"])
    if not issuers or not signed_by(revocation_list(trust, "pck_crl"), issuers[0]):
        yield Problem(Code.CRL_ISSUER_INVALID, "pck_crl_issuer_chain: its first certificate did not sign the PCK CRL")


def _unissued(trust: Trust, at: datetime) -> Iterator[Problem]:
    for member, issued_at in _issued_at(trust):
        if issued_at > at:
            yield Problem(Code.CRL_NOT_YET_VALID, f"{member}: issued {issued_at.isoformat()}")


def _number(value: Any) -> int:
    return int.from_bytes(value or b"", "big")
