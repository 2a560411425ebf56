"""What certificates and lists say about one machine and its collateral. Checks no signature: others did."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from harness.attest.certificates import chain_in, pck_extension, revocation_list, root_key_id
from harness.attest.collateral import INTEL_ROOT_KEY_ID, Trust
from harness.attest.verdict import Code, Rejected

_FLAGS = {"dynamic_platform": 1, "cached_keys": 2, "smt": 3}
_CONFIGURATION = "1.2.840.113741.1.13.1.7"


@dataclass(frozen=True)
class Machine:
    fmspc: str  # lower-case hex, as all hex here
    ppid: str
    sgx_type: int
    flags: Mapping[str, bool | None]  # dynamic_platform, cached_keys, smt; None where the certificate is silent
    root_key_id: str
    evaluation_number: int  # the lower one of TCB info and QE identity
    root_crl_number: int | None
    pck_crl_number: int | None
    expires_s: int  # the earliest end of anything used, unix seconds


@functools.lru_cache(maxsize=64)
def machine_of(chain: bytes, trust: Trust) -> Machine:
    """`chain` is the PCK chain as PEM. Raises Rejected, or what certificates.UNREADABLE names."""
    pck = pck_extension(chain)
    root_crl, pck_crl = revocation_list(trust, "root_ca_crl"), revocation_list(trust, "pck_crl")
    statements = [trust.statement(member) for member in ("tcb_info", "qe_identity")]
    return Machine(
        fmspc=pck.fmspc.hex(),
        ppid=pck.ppid.hex(),
        sgx_type=pck.sgx_type,
        flags={name: _flag(pck.get_value(f"{_CONFIGURATION}.{n}")) for name, n in _FLAGS.items()},
        root_key_id=_anchor(trust),
        evaluation_number=min(statement["tcbEvaluationDataNumber"] for statement in statements),
        root_crl_number=_number(root_crl),
        pck_crl_number=_number(pck_crl),
        expires_s=_ends(chain, trust, root_crl, pck_crl),
    )


def _ends(chain: bytes, trust: Trust, *crls: x509.CertificateRevocationList) -> int:
    used = chain_in(chain.rstrip(b"\0").decode("ascii", "replace"))
    if not used:
        raise Rejected(Code.CHAIN_INVALID, "a second parser reads no certificate where the engine found a chain")
    for member in ("tcb_info_issuer_chain", "qe_identity_issuer_chain"):
        used += chain_in(trust.members[member])
    stated = [datetime.fromisoformat(trust.statement(member)["nextUpdate"]) for member in ("tcb_info", "qe_identity")]
    listed = [crl.next_update_utc for crl in crls if crl.next_update_utc is not None]
    return int(min([*stated, *listed, *(one.not_valid_after_utc for one in used)]).timestamp())


def _anchor(trust: Trust) -> str:
    return INTEL_ROOT_KEY_ID if trust.root_der is None else root_key_id(x509.load_der_x509_certificate(trust.root_der))


def _flag(value: bytes | None) -> bool | None:
    return None if value is None else any(value)


def _number(crl: x509.CertificateRevocationList) -> int | None:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None
