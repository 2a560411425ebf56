"""The statements Intel would publish about the test platform: TCB info, QE identity, revocation lists.

Signed by the test TCB-signing key over compact JSON, because a fetcher may re-serialise what it got.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from mockserver.tee.decisions import Decisions
from mockserver.tee.pki import PckFacts, Pki, build_crl, sign_raw
from mockserver.tee.quote import QE_ATTRIBUTES, QE_MR_SIGNER, QE_PRODUCT, QE_SVN

LIFETIME_DAYS = 30
_TCB_DATE = "2026-02-11T00:00:00Z"
_OLD_TCB_DATE = "2024-03-13T00:00:00Z"
_EVALUATION_NUMBER = 20
_QE_IDS = {"tdx": "TD_QE", "sgx": "QE"}


def build_collateral(
    pki: Pki, facts: PckFacts, decisions: Decisions, day: datetime, tee: str = "tdx"
) -> dict[str, str]:
    """A collateral bundle in the JSON form of dcap-qvl's QuoteCollateralV3: byte fields as hex. `tee`: tdx or sgx."""
    issued = day - timedelta(days=decisions.collateral_age_days)
    expires = issued + timedelta(days=LIFETIME_DAYS)
    described = _tdx_tcb_info if tee == "tdx" else _sgx_tcb_info
    tcb_info = _compact(described(facts, decisions, issued, expires))
    identity = _compact(_qe_identity(decisions, issued, expires, _QE_IDS[tee]))
    signing_chain = pki.tcb_signing.pem() + pki.root.pem()
    pck_revoked = [pki.pck.certificate.serial_number] if decisions.pck_revoked else []
    ca_revoked = [pki.platform_ca.certificate.serial_number] if decisions.platform_ca_revoked else []
    return {
        "pck_crl_issuer_chain": pki.platform_ca.pem() + pki.root.pem(),
        "root_ca_crl": build_crl(pki.root, issued, expires, ca_revoked).hex(),
        "pck_crl": build_crl(pki.platform_ca, issued, expires, pck_revoked).hex(),
        "tcb_info_issuer_chain": signing_chain,
        "tcb_info": tcb_info,
        "tcb_info_signature": sign_raw(pki.tcb_signing.key, tcb_info.encode()).hex(),
        "qe_identity_issuer_chain": signing_chain,
        "qe_identity": identity,
        "qe_identity_signature": sign_raw(pki.tcb_signing.key, identity.encode()).hex(),
    }


def _tdx_tcb_info(facts: PckFacts, decisions: Decisions, issued: datetime, expires: datetime) -> dict[str, Any]:
    svn = decisions.tee_tcb_svn
    current = {"tdxtcbcomponents": _svns(bytes(2) + svn[2:])}
    oldest = {"tdxtcbcomponents": _svns(bytes(16))}
    modules = [{"id": f"TDX_{svn[1]:02X}", **_module(), "tcbLevels": [_level({"isvsvn": svn[0]}, _TCB_DATE)]}]
    return {
        **_about("TDX", facts, issued, expires),
        "tdxModule": _module(),
        "tdxModuleIdentities": modules,
        "tcbLevels": _platform_levels(facts, decisions, current, oldest),
    }


def _sgx_tcb_info(facts: PckFacts, decisions: Decisions, issued: datetime, expires: datetime) -> dict[str, Any]:
    """The same machine as an enclave sees it: no module, and no components of TDX."""
    return {**_about("SGX", facts, issued, expires), "tcbLevels": _platform_levels(facts, decisions, {}, {})}


def _about(tee: str, facts: PckFacts, issued: datetime, expires: datetime) -> dict[str, Any]:
    return {
        "id": tee,
        "version": 3,
        "issueDate": _stamp(issued),
        "nextUpdate": _stamp(expires),
        "fmspc": facts.fmspc.hex().upper(),
        "pceId": facts.pce_id.hex(),
        "tcbType": 0,
        "tcbEvaluationDataNumber": _EVALUATION_NUMBER,
    }


def _platform_levels(
    facts: PckFacts, decisions: Decisions, current: dict[str, Any], oldest: dict[str, Any]
) -> list[dict[str, Any]]:
    """Two levels; `current` and `oldest` add what only one TEE has."""
    now = {"sgxtcbcomponents": _svns(facts.cpu_svn), "pcesvn": facts.pce_svn, **current}
    once = {"sgxtcbcomponents": _svns(bytes(16)), "pcesvn": facts.pce_svn, **oldest}
    return [
        _level(now, _TCB_DATE, decisions.tcb_status, decisions.tcb_advisories),
        _level(once, _OLD_TCB_DATE, "OutOfDate", ("INTEL-SA-01036",)),
    ]


def _svns(components: bytes) -> list[dict[str, int]]:
    return [{"svn": svn} for svn in components]


def _qe_identity(decisions: Decisions, issued: datetime, expires: datetime, name: str) -> dict[str, Any]:
    level = _level({"isvsvn": QE_SVN}, _TCB_DATE, decisions.qe_status, decisions.qe_advisories)
    return {
        "id": name,
        "version": 2,
        "issueDate": _stamp(issued),
        "nextUpdate": _stamp(expires),
        "tcbEvaluationDataNumber": _EVALUATION_NUMBER,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": (QE_ATTRIBUTES[:8] + bytes(8)).hex().upper(),
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": QE_MR_SIGNER.hex().upper(),
        "isvprodid": QE_PRODUCT,
        "tcbLevels": [level],
    }


def _module() -> dict[str, str]:
    return {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}


def _level(
    tcb: dict[str, Any], date: str, status: str = "UpToDate", advisories: tuple[str, ...] = ()
) -> dict[str, Any]:
    level: dict[str, Any] = {"tcb": tcb, "tcbDate": date, "tcbStatus": status}
    return {**level, "advisoryIDs": list(advisories)} if advisories else level


def _compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
