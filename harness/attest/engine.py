"""Turns what dcap-qvl says into our codes. It has no codes of its own, so its texts are matched in order."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

import dcap_qvl

from harness.attest.certificates import MISSHAPEN, chain_text, pck_extension
from harness.attest.collateral import Trust
from harness.attest.facts import Facts
from harness.attest.layout import Layout
from harness.attest.levels import appraised_levels
from harness.attest.machine import machine_of
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
    (("Failed to load root ca",), Code.COLLATERAL_MALFORMED),
    (("Invalid key length",), Code.COLLATERAL_MALFORMED),  # a signature of a statement is longer or shorter than one
)


NAME = f"dcap-qvl {version('dcap-qvl')}"


def appraise(raw: bytes, layout: Layout, trust: Trust, at_s: int) -> Facts | Problem:
    """Signatures, chains, revocation and TCB status; policy is for the caller. `at_s` is unix seconds."""
    form = trust.engine_form if layout.embeds_chain else trust.engine_form_with_chain
    at_s = max(at_s, 0)  # it counts from 1970, and nothing that it judges is older
    try:
        if trust.root_der is None:
            found = dcap_qvl.verify(raw, form, at_s)
        else:
            found = dcap_qvl.verify_with_root_ca(raw, form, trust.root_der, at_s)
    except ValueError as error:
        text = " ".join(str(error).split())
        return Problem(code_of(text), text)
    try:
        machine = machine_of(chain_text(layout, trust), trust)
        facts = Facts(NAME, found.status, tuple(found.advisory_ids), (), machine, _body(raw, layout))
        return _dated(facts, layout, trust)
    except MISSHAPEN as error:
        return Problem(Code.COLLATERAL_MALFORMED, f"a second parser cannot read what the engine accepted: {error}")


def code_of(text: str) -> Code:
    return next((code for words, code in _TEXTS if all(word in text for word in words)), Code.ENGINE_UNMAPPED)


def _dated(facts: Facts, layout: Layout, trust: Trust) -> Facts:
    """With the levels, whose dates the engine does not tell, where they can matter.

    The engine's status is that of the TDX module at launch; one that is older may have taken its place since.
    """
    body = layout.body
    same_module = body.get("tee_tcb_svn2") in (None, body.get("tee_tcb_svn"))
    if facts.status == "UpToDate" and same_module:
        return facts
    pck, info = pck_extension(chain_text(layout, trust)), trust.statement("tcb_info")
    status, levels, advisories = appraised_levels(layout, info, trust.statement("qe_identity"), pck)
    if not same_module and status.startswith("OutOfDate"):
        return replace(facts, status=status, advisories=advisories, levels=levels)
    return replace(facts, levels=levels)


def _body(raw: bytes, layout: Layout) -> dict[str, bytes]:
    """The fields as the engine reads them, of those that it shows."""
    report = dcap_qvl.parse_quote(raw).report
    found = {name: getattr(report, name, None) for name in layout.body}
    return {name: value for name, value in found.items() if isinstance(value, bytes)}
