"""Turns what dcap-qvl says into our codes. It has no codes of its own, so its texts are matched in order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import dcap_qvl

from harness.attest.collateral import Trust
from harness.attest.policy import Policy
from harness.attest.verdict import Code, Problem

_STATUS_CODES = {
    "OutOfDate": Code.TCB_OUT_OF_DATE,
    "OutOfDateConfigurationNeeded": Code.TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    "ConfigurationNeeded": Code.TCB_CONFIGURATION_NEEDED,
    "SWHardeningNeeded": Code.TCB_SW_HARDENING_NEEDED,
    "ConfigurationAndSWHardeningNeeded": Code.TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    "TDRelaunchAdvised": Code.TCB_RELAUNCH_ADVISED,
    "TDRelaunchAdvisedConfigurationNeeded": Code.TCB_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
}
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


@dataclass(frozen=True)
class Appraisal:
    """`claims` is empty when the engine rejected the quote before any policy was asked."""

    problem: Problem | None
    claims: dict[str, Any]


def appraise(raw: bytes, trust: Trust, at_s: int, policy: Policy) -> Appraisal:
    """Signatures, chains, revocation and TCB level first; then the policy. `at_s` is unix seconds."""
    verifier = dcap_qvl.QuoteVerifier(trust.root_der)
    try:
        every = dcap_qvl.QuotePolicy.claims_only(at_s)
        claims = json.loads(verifier.verify_with_policy(raw, trust.engine_form, at_s, every).to_json())
    except ValueError:
        return Appraisal(_cause(raw, trust, at_s), {})
    return Appraisal(_refusal(verifier, raw, trust, at_s, policy, claims), claims)


def code_of(text: str) -> Code:
    return next((code for words, code in _TEXTS if all(word in text for word in words)), Code.ENGINE_UNMAPPED)


def _cause(raw: bytes, trust: Trust, at_s: int) -> Problem:
    """The policy call hides what lies beneath an error; the plain call tells it."""
    try:
        if trust.root_der is None:
            dcap_qvl.verify(raw, trust.engine_form, at_s)
        else:
            dcap_qvl.verify_with_root_ca(raw, trust.engine_form, trust.root_der, at_s)
    except ValueError as error:
        text = " ".join(str(error).split())
        return Problem(code_of(text), text)
    return Problem(Code.ENGINE_DISAGREES, "the engine accepts the quote with one call and rejects it with another")


def _refusal(
    verifier: dcap_qvl.QuoteVerifier, raw: bytes, trust: Trust, at_s: int, policy: Policy, claims: dict[str, Any]
) -> Problem | None:
    status = claims["tcb"]["status"]
    if status not in policy.statuses:
        reason = f"TCB status {status}; advisories: {', '.join(claims['tcb']['advisory_ids']) or 'none named'}"
        return Problem(_STATUS_CODES.get(status, Code.TCB_STATUS_UNKNOWN), reason)
    try:
        verifier.verify_with_policy(raw, trust.engine_form, at_s, _engine_policy(policy, at_s))
    except ValueError as error:
        text = " ".join(str(error).split())
        return Problem(code_of(text), text)
    return None


def _engine_policy(policy: Policy, at_s: int) -> dcap_qvl.QuotePolicy:
    built = (
        dcap_qvl.QuotePolicy.strict(at_s)
        .allow_dynamic_platform(policy.allow_dynamic_platform)
        .allow_cached_keys(policy.allow_cached_keys)
        .allow_smt(policy.allow_smt)
        .reject_advisories(sorted(policy.refused_advisories))
        .platform_grace_period(policy.grace_s)
        .qe_grace_period(policy.grace_s)
        .min_tcb_eval_data_number(policy.min_evaluation_number)
    )
    for status in sorted(policy.statuses):
        built = built.allow_status(status)
    return built
