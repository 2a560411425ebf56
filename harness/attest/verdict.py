"""What the attestation judges say: a closed list of reasons, and verdicts that carry every problem found."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Code(enum.StrEnum):
    """Why evidence was rejected; ACCEPTED when it was not."""

    ACCEPTED = "accepted"
    # the evidence document
    EVIDENCE_MALFORMED = "evidence.malformed"
    CLAIM_CONTRADICTED = "claim.contradicted"
    # the bytes of the quote
    QUOTE_MALFORMED = "quote.malformed"
    QUOTE_VERSION_UNSUPPORTED = "quote.version_unsupported"
    QUOTE_KEY_TYPE_UNSUPPORTED = "quote.key_type_unsupported"
    QUOTE_WRONG_TEE = "quote.wrong_tee"
    QUOTE_CERTIFICATION_UNSUPPORTED = "quote.certification_unsupported"
    QUOTE_VENDOR_UNKNOWN = "quote.vendor_unknown"
    QUOTE_TRAILING_DATA = "quote.trailing_data"
    QUOTE_SIGNATURE_INVALID = "quote.signature_invalid"
    # the quoting enclave
    QE_SIGNATURE_INVALID = "qe.signature_invalid"
    QE_KEY_UNBOUND = "qe.key_unbound"
    QE_IDENTITY_MISMATCH = "qe.identity_mismatch"
    QE_NO_LEVEL = "qe.no_level"
    QE_DEBUG = "qe.debug"
    # certificates and revocation
    ROOT_UNTRUSTED = "root.untrusted"
    CHAIN_INVALID = "chain.invalid"
    CHAIN_EXPIRED = "chain.expired"
    CHAIN_NOT_YET_VALID = "chain.not_yet_valid"
    CHAIN_REVOKED = "chain.revoked"
    PCK_REVOKED = "pck.revoked"
    PCK_ISSUER_REVOKED = "pck.issuer_revoked"
    TCB_SIGNER_REVOKED = "tcb_signer.revoked"
    TCB_SIGNER_WRONG_ROLE = "tcb_signer.wrong_role"
    PCK_EXTENSION_INVALID = "pck.extension_invalid"
    PCK_FMSPC_MISMATCH = "pck.fmspc_mismatch"
    PCK_PCEID_MISMATCH = "pck.pceid_mismatch"
    PCK_SVN_INCONSISTENT = "pck.svn_inconsistent"
    CRL_INVALID = "crl.invalid"
    CRL_EXPIRED = "crl.expired"
    CRL_NOT_YET_VALID = "crl.not_yet_valid"
    CRL_ISSUER_INVALID = "crl.issuer_invalid"
    # signed statements about the platform
    COLLATERAL_MALFORMED = "collateral.malformed"
    COLLATERAL_EXPIRED = "collateral.expired"
    TCB_INFO_MALFORMED = "tcb_info.malformed"
    TCB_INFO_SIGNATURE_INVALID = "tcb_info.signature_invalid"
    TCB_INFO_EXPIRED = "tcb_info.expired"
    TCB_INFO_NOT_YET_VALID = "tcb_info.not_yet_valid"
    QE_IDENTITY_MALFORMED = "qe_identity.malformed"
    QE_IDENTITY_SIGNATURE_INVALID = "qe_identity.signature_invalid"
    QE_IDENTITY_EXPIRED = "qe_identity.expired"
    QE_IDENTITY_NOT_YET_VALID = "qe_identity.not_yet_valid"
    # the state of the platform
    TCB_REVOKED = "tcb.revoked"
    TCB_NO_LEVEL = "tcb.no_level"
    TCB_OUT_OF_DATE = "tcb.out_of_date"
    TCB_OUT_OF_DATE_CONFIGURATION_NEEDED = "tcb.out_of_date_configuration_needed"
    TCB_CONFIGURATION_NEEDED = "tcb.configuration_needed"
    TCB_SW_HARDENING_NEEDED = "tcb.sw_hardening_needed"
    TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED = "tcb.configuration_and_sw_hardening_needed"
    TCB_RELAUNCH_ADVISED = "tcb.relaunch_advised"
    TCB_RELAUNCH_ADVISED_CONFIGURATION_NEEDED = "tcb.relaunch_advised_configuration_needed"
    TCB_STATUS_UNKNOWN = "tcb.status_unknown"
    MODULE_MISMATCH = "module.mismatch"
    MODULE_NO_LEVEL = "module.no_level"
    POLICY_REFUSED = "policy.refused"
    # the trust domain
    TD_DEBUG = "td.debug"
    TD_PROFILING = "td.profiling"
    TD_RESERVED_BITS = "td.reserved_bits"
    TD_MIGRATABLE = "td.migratable"
    TD_SERVICE_TD = "td.service_td"
    TD_SEPT_VE = "td.sept_ve_disable_clear"
    MEASUREMENT_UNEXPECTED = "measurement.unexpected"
    # what the report data binds
    BINDING_MALFORMED = "binding.malformed"
    BINDING_MISMATCH = "binding.mismatch"
    NONCE_NOT_ECHOED = "nonce.not_echoed"
    KEY_ADDRESS_MISMATCH = "key.address_mismatch"
    # what was measured
    EVENTLOG_MISSING = "eventlog.missing"
    EVENTLOG_MALFORMED = "eventlog.malformed"
    EVENTLOG_DIGEST_MISMATCH = "eventlog.digest_mismatch"
    EVENTLOG_NAME_MISUSED = "eventlog.name_misused"
    EVENTLOG_REPLAY_MISMATCH = "eventlog.replay_mismatch"
    COMPOSE_MISMATCH = "compose.mismatch"
    CONFIG_ID_MISMATCH = "config_id.mismatch"
    # whole documents, and what ties their parts together
    EVIDENCE_UNRECOGNISED = "evidence.unrecognised"
    EVIDENCE_INCONSISTENT = "evidence.inconsistent"
    COMMITMENT_MISMATCH = "commitment.mismatch"
    NONCE_UNBOUND = "nonce.unbound"
    CHANNEL_MISMATCH = "channel.mismatch"
    TIE_NONCE_MISMATCH = "tie.nonce_mismatch"
    # measured boot reports without a quote
    BOOT_INCOMPLETE = "boot.incomplete"
    BOOT_STALE = "boot.stale"
    BOOT_REFUSED = "boot.refused"
    # signed answers
    ANSWER_MALFORMED = "answer.malformed"
    ANSWER_ALGORITHM_UNSUPPORTED = "answer.algorithm_unsupported"
    ANSWER_SIGNATURE_INVALID = "answer.signature_invalid"
    ANSWER_KEY_UNATTESTED = "answer.key_unattested"
    ANSWER_REQUEST_MISMATCH = "answer.request_mismatch"
    ANSWER_RESPONSE_MISMATCH = "answer.response_mismatch"
    # our own engine
    ENGINE_UNMAPPED = "engine.unmapped"
    ENGINE_DISAGREES = "engine.disagrees"


@dataclass(frozen=True)
class Problem:
    code: Code
    reason: str


class Rejected(Exception):
    """Raised where nothing after this point can be judged."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.problem = Problem(code, reason)


@dataclass(frozen=True)
class Verdict:
    """On one quote. `measurements` is filled as soon as the quote can be read, also when it is rejected."""

    problems: tuple[Problem, ...] = ()
    status: str | None = None  # TCB status as the collateral gives it
    advisories: tuple[str, ...] = ()
    fmspc: str | None = None
    root_key_id: str | None = None  # SHA-384 of the root's public key: says which root vouched
    measurements: Mapping[str, str] = field(default_factory=dict)  # field of the TD report -> hex
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.problems

    @property
    def code(self) -> Code:
        return self.problems[0].code if self.problems else Code.ACCEPTED
