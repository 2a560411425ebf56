"""Turns what dcap-qvl says into our codes. It has no codes of its own, so its texts are matched in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from typing import Any

import dcap_qvl
import msgspec

from harness.attest.certificates import chain_text, pck_extension
from harness.attest.collateral import Trust
from harness.attest.facts import Facts, Level
from harness.attest.layout import Layout
from harness.attest.levels import domain_levels, merged, module_level
from harness.attest.policy import TEE_SGX
from harness.attest.verdict import Code, Problem

# The first row whose words all occur decides; narrower rows stand above wider ones.
_TEXTS: tuple[tuple[tuple[str, ...], Code], ...] = (
    (("root CA CRL", "InvalidCrlSignature"), Code.ROOT_UNTRUSTED),
    (("CrlExpired",), Code.CRL_EXPIRED),
    (("CertRevoked",), Code.CHAIN_REVOKED),
    (("CertExpired",), Code.CHAIN_EXPIRED),
    (("CertNotValidYet",), Code.CHAIN_NOT_YET_VALID),
    (("UnknownRevocationStatus",), Code.CRL_INVALID),
    (("InvalidCrlSignature",), Code.CRL_INVALID),
    (("Failed to parse", "CRL"), Code.CRL_INVALID),
    (("Failed to verify certificate chain",), Code.CHAIN_INVALID),
    (("ertificate chain is too short",), Code.CHAIN_INVALID),
    (("Failed to parse certs",), Code.CHAIN_INVALID),
    (("Failed to parse PCK certificate",), Code.CHAIN_INVALID),
    (("Failed to parse TCB Info leaf",), Code.CHAIN_INVALID),
    (("Failed to parse QE Identity leaf",), Code.CHAIN_INVALID),
    (("Unsupported quote version",), Code.QUOTE_VERSION_UNSUPPORTED),
    (("Invalid TEE type",), Code.QUOTE_WRONG_TEE),
    (("Failed to decode quote",), Code.QUOTE_MALFORMED),
    (("Invalid QE auth data length",), Code.QUOTE_MALFORMED),
    (("attestation key type",), Code.QUOTE_KEY_TYPE_UNSUPPORTED),
    (("Unknown QE vendor",), Code.QUOTE_VENDOR_UNKNOWN),
    (("PCK cert format",), Code.QUOTE_CERTIFICATION_UNSUPPORTED),
    (("ISV enclave report signature",), Code.QUOTE_SIGNATURE_INVALID),
    (("invalid for qe_report",), Code.QE_SIGNATURE_INVALID),
    (("QE report hash mismatch",), Code.QE_KEY_UNBOUND),
    (("QE report validation", "Debug"), Code.QE_DEBUG),
    (("invalid for tcb_info",), Code.TCB_INFO_SIGNATURE_INVALID),
    (("invalid for qe_identity",), Code.QE_IDENTITY_SIGNATURE_INVALID),
    (("TCBInfo issue date",), Code.TCB_INFO_NOT_YET_VALID),
    (("TCBInfo expired",), Code.TCB_INFO_EXPIRED),
    (("QE Identity issue date",), Code.QE_IDENTITY_NOT_YET_VALID),
    (("QE Identity expired",), Code.QE_IDENTITY_EXPIRED),
    (("Failed to decode TcbInfo",), Code.TCB_INFO_MALFORMED),
    (("Failed to parse TCB Info",), Code.TCB_INFO_MALFORMED),
    (("Failed to parse QE Identity",), Code.QE_IDENTITY_MALFORMED),
    (("Failed to decode QeIdentity",), Code.QE_IDENTITY_MALFORMED),
    (("Unsupported QE Identity",), Code.QE_IDENTITY_MALFORMED),
    (("No TCB levels found in QE Identity",), Code.QE_IDENTITY_MALFORMED),
    (("QE MRSIGNER mismatch",), Code.QE_IDENTITY_MISMATCH),
    (("QE ISVPRODID mismatch",), Code.QE_IDENTITY_MISMATCH),
    (("QE ATTRIBUTES mismatch",), Code.QE_IDENTITY_MISMATCH),
    (("QE MISCSELECT mismatch",), Code.QE_IDENTITY_MISMATCH),
    (("QE ISVSVN",), Code.QE_NO_LEVEL),
    (("Fmspc mismatch",), Code.PCK_FMSPC_MISMATCH),
    (("Fmspc length",), Code.PCK_EXTENSION_INVALID),
    (("Intel extension not found",), Code.PCK_EXTENSION_INVALID),
    (("Failed to get subobject",), Code.PCK_EXTENSION_INVALID),
    (("invalid: Revoked",), Code.TCB_REVOKED),
    (("non-TDX TCB info",), Code.TCB_INFO_MALFORMED),
    (("Unrecognized TCB status",), Code.TCB_INFO_MALFORMED),
    (("component count mismatch",), Code.TCB_INFO_MALFORMED),
    (("missing tdxModule",), Code.TCB_INFO_MALFORMED),
    (("TDX module TCB level",), Code.MODULE_NO_LEVEL),
    (("TDX module",), Code.MODULE_MISMATCH),
    (("No matching TCB level",), Code.TCB_NO_LEVEL),
    (("Debug mode is enabled",), Code.TD_DEBUG),
    (("TD profiling",), Code.TD_PROFILING),
    (("Reserved bits in TD attributes",), Code.TD_RESERVED_BITS),
    (("TD migration",), Code.TD_MIGRATABLE),
    (("SERVTD_EXT",), Code.TD_SERVICE_TD),
    (("MR service TD",), Code.TD_SERVICE_TD),
    (("SEPT_VE_DISABLE",), Code.TD_SEPT_VE),
    (("Collateral expired",), Code.COLLATERAL_EXPIRED),
    (("by policy",), Code.POLICY_REFUSED),
    (("Platform TCB too old",), Code.POLICY_REFUSED),
    (("QE TCB too old",), Code.POLICY_REFUSED),
    (("TCB eval data number",), Code.POLICY_REFUSED),
    (("in accepted types",), Code.POLICY_REFUSED),
)


NAME = f"dcap-qvl {version('dcap-qvl')}"
_FLAGS = {"dynamic_platform": "dynamic_platform", "cached_keys": "cached_keys", "smt_enabled": "smt"}
_BOOLEANS = {"True": True, "False": False}


def appraise(raw: bytes, layout: Layout, trust: Trust, at_s: int) -> Facts | Problem:
    """Signatures, chains, revocation and TCB level; policy is for the caller. `at_s` is unix seconds."""
    form = trust.engine_form if layout.embeds_chain else trust.engine_form_with_chain
    every = dcap_qvl.QuotePolicy.claims_only(at_s)
    try:
        found = dcap_qvl.QuoteVerifier(trust.root_der).verify_with_policy(raw, form, at_s, every)
    except ValueError:
        return _cause(raw, form, trust.root_der, at_s)
    facts = _facts(msgspec.json.decode(found.to_json()))
    if facts.status.startswith("OutOfDate"):
        facts = replace(facts, levels=(*facts.levels, *_module(layout, trust)))
    return _replaced(facts, layout, trust)


def code_of(text: str) -> Code:
    return next((code for words, code in _TEXTS if all(word in text for word in words)), Code.ENGINE_UNMAPPED)


def _cause(raw: bytes, form: dcap_qvl.QuoteCollateralV3, root: bytes | None, at_s: int) -> Problem:
    """The policy call hides what lies beneath an error; the plain call tells it."""
    try:
        if root is None:
            dcap_qvl.verify(raw, form, at_s)
        else:
            dcap_qvl.verify_with_root_ca(raw, form, root, at_s)
    except ValueError as error:
        text = " ".join(str(error).split())
        return Problem(code_of(text), text)
    return Problem(Code.ENGINE_DISAGREES, "the engine accepts the quote with one call and rejects it with another")


def _module(layout: Layout, trust: Trust) -> list[Level]:
    """The engine merges the TDX module's level into the status without telling its date, which grace needs."""
    if layout.tee_type == TEE_SGX:
        return []
    body, info = layout.body, trust.statement("tcb_info")
    found = module_level(info, body["tee_tcb_svn"], body["mr_signer_seam"], body["seam_attributes"])
    return [found[0]] if found else []


def _replaced(facts: Facts, layout: Layout, trust: Trust) -> Facts:
    """The engine's status is that of the module at launch; one that is older may have taken its place since."""
    now = layout.body.get("tee_tcb_svn2")
    if now is None or now == layout.body["tee_tcb_svn"] or facts.status.startswith("OutOfDate"):
        return facts
    pck = pck_extension(chain_text(layout, trust))
    found = domain_levels(layout.body, trust.statement("tcb_info"), pck, "tee_tcb_svn2")
    old = [level for level, _ in found if level.status.startswith("OutOfDate")]
    if not old:
        return facts
    named = dict.fromkeys([*facts.advisories, *(advisory for _, advisories in found for advisory in advisories)])
    status = merged(facts.status, (level.status for level in old))
    return replace(facts, status=status, levels=(*facts.levels, *old), advisories=tuple(named))


def _facts(claims: dict[str, Any]) -> Facts:
    platform, quoting = claims["platform"], claims["qe"]["tcb_level"]
    pck = platform["pck"]
    (nested,) = claims["report"].values()
    flat = {name: value for name, value in _flat(nested).items() if isinstance(value, str)}
    return Facts(
        engine=NAME,
        status=claims["tcb"]["status"],
        advisories=tuple(claims["tcb"]["advisory_ids"]),
        levels=(
            Level("platform", platform["tcb_level"]["tcbStatus"], platform["tcb_date_tag"]),
            Level("quoting enclave", quoting["tcbStatus"], int(datetime.fromisoformat(quoting["tcbDate"]).timestamp())),
        ),
        fmspc=bytes(pck["fmspc"]).hex(),
        ppid=bytes(pck["ppid"]).hex(),
        sgx_type=pck["sgx_type"],
        flags={ours: _BOOLEANS.get(pck[theirs]) for theirs, ours in _FLAGS.items()},
        root_key_id=bytes(platform["root_key_id"]).hex(),
        evaluation_number=claims["tcb"]["eval_data_number"],
        root_crl_number=platform["root_ca_crl_num"],
        pck_crl_number=platform["pck_crl_num"],
        expires_s=claims["earliest_expiration_date"],
        body=flat,
    )


def _flat(report: dict[str, Any]) -> dict[str, Any]:
    """TD report 1.5 and its extension hold the older report in a member called base."""
    return {**_flat(report["base"]), **report} if "base" in report else report
