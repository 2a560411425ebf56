"""Which requirement owns which reason of the attestation judges. What nobody owns belongs to the catch-all."""

from __future__ import annotations

from typing import Final

from harness.attest.verdict import Code

CATCH_ALL: Final = "AT-008"

GROUNDS: Final[dict[str, frozenset[Code]]] = {
    "AT-001": frozenset(
        {
            Code.EVIDENCE_MALFORMED,
            Code.EVIDENCE_UNRECOGNISED,
            Code.QUOTE_MALFORMED,
            Code.QUOTE_VERSION_UNSUPPORTED,
            Code.QUOTE_KEY_TYPE_UNSUPPORTED,
            Code.QUOTE_WRONG_TEE,
            Code.QUOTE_CERTIFICATION_UNSUPPORTED,
            Code.QUOTE_VENDOR_UNKNOWN,
        }
    ),
    "AT-002": frozenset({Code.QUOTE_SIGNATURE_INVALID, Code.QE_SIGNATURE_INVALID, Code.QE_KEY_UNBOUND}),
    "AT-003": frozenset(
        {
            Code.ROOT_UNTRUSTED,
            Code.CHAIN_INVALID,
            Code.CHAIN_EXPIRED,
            Code.CHAIN_NOT_YET_VALID,
            Code.PCK_EXTENSION_INVALID,
            Code.PCK_FMSPC_MISMATCH,
            Code.PCK_PCEID_MISMATCH,
            Code.PCK_SVN_INCONSISTENT,
        }
    ),
    "AT-004": frozenset({Code.CHAIN_REVOKED, Code.PCK_REVOKED, Code.PCK_ISSUER_REVOKED, Code.TCB_SIGNER_REVOKED}),
    "AT-005": frozenset({Code.QE_IDENTITY_MISMATCH, Code.QE_NO_LEVEL, Code.QE_DEBUG}),
    "AT-006": frozenset(code for code in Code if code.startswith(("tcb.", "module."))) | {Code.POLICY_REFUSED},
    "AT-007": frozenset(code for code in Code if code.startswith(("collateral.", "tcb_info.", "qe_identity.", "crl.")))
    | {Code.TCB_SIGNER_WRONG_ROLE},
    "AT-010": frozenset({Code.TD_DEBUG}),
    "AT-011": frozenset({Code.TD_PROFILING, Code.TD_MIGRATABLE, Code.TD_SERVICE_TD}),
    "AT-012": frozenset({Code.TD_SEPT_VE}),
    "AT-013": frozenset({Code.TD_RESERVED_BITS, Code.TD_XFAM}),
    "AT-020": frozenset({Code.BINDING_MISMATCH, Code.BINDING_MALFORMED, Code.NONCE_UNBOUND, Code.COMMITMENT_MISMATCH}),
    "AT-022": frozenset({Code.NONCE_NOT_ECHOED}),
    "AT-023": frozenset({Code.KEY_ADDRESS_MISMATCH}),
    "AT-030": frozenset(code for code in Code if code.startswith("eventlog.")),
    "AT-031": frozenset({Code.COMPOSE_MISMATCH, Code.CONFIG_ID_MISMATCH}),
    "AT-032": frozenset({Code.CLAIM_CONTRADICTED, Code.EVIDENCE_INCONSISTENT}),
    "AT-082": frozenset({Code.TIE_NONCE_MISMATCH}),
    "AT-070": frozenset({Code.ANSWER_MALFORMED, Code.ANSWER_ALGORITHM_UNSUPPORTED}),
    "AT-071": frozenset({Code.ANSWER_SIGNATURE_INVALID}),
    "AT-072": frozenset({Code.ANSWER_KEY_UNATTESTED}),
    "AT-073": frozenset({Code.ANSWER_REQUEST_MISMATCH}),
    "AT-074": frozenset({Code.ANSWER_RESPONSE_MISMATCH}),
}

# judged by the engine, which stops at the first fault: what it did not reach, it did not find good
OF_THE_ENGINE: Final = frozenset(f"AT-{n:03}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13))


def owner(code: Code) -> str:
    """The requirement that a problem of this code breaks."""
    return next((requirement for requirement, owned in GROUNDS.items() if code in owned), CATCH_ALL)
