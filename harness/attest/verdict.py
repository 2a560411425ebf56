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
    POLICY_SCHEME = "policy.scheme"
    POLICY_CHANNEL = "policy.channel"
    # the trust domain
    TD_DEBUG = "td.debug"
    TD_PROFILING = "td.profiling"
    TD_RESERVED_BITS = "td.reserved_bits"
    TD_MIGRATABLE = "td.migratable"
    TD_SERVICE_TD = "td.service_td"
    TD_SEPT_VE = "td.sept_ve_disable_clear"
    TD_XFAM = "td.xfam_refused"
    PLATFORM_UNEXPECTED = "platform.unexpected"
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
    EVIDENCE_REPEATED = "evidence.repeated"
    DOMAIN_FOREIGN = "domain.foreign"
    COMMITMENT_MISMATCH = "commitment.mismatch"
    NONCE_UNBOUND = "nonce.unbound"
    CHANNEL_MISMATCH = "channel.mismatch"
    TIE_NONCE_MISMATCH = "tie.nonce_mismatch"
    TPM_SIGNATURE_INVALID = "tpm.signature_invalid"
    TPM_REGISTERS_MISMATCH = "tpm.registers_mismatch"
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
    # GPU and switch reports
    REPORT_TRUNCATED = "report.truncated"
    REPORT_TRAILING_BYTES = "report.trailing_bytes"
    REPORT_SPDM_VERSION = "report.spdm_version"
    REPORT_SPDM_CODE = "report.spdm_code"
    REPORT_UNSIGNED_REQUEST = "report.unsigned_request"
    REPORT_PARTIAL_MEASUREMENTS = "report.partial_measurements"
    REPORT_MEASUREMENT_RECORD = "report.measurement_record"
    REPORT_MEASUREMENT_DUPLICATE = "report.measurement_duplicate"
    REPORT_MEASUREMENT_SPEC = "report.measurement_spec"
    REPORT_OPAQUE_MALFORMED = "report.opaque_malformed"
    REPORT_OPAQUE_DUPLICATE = "report.opaque_duplicate"
    REPORT_OPAQUE_UNKNOWN = "report.opaque_unknown"
    REPORT_FWID_MISSING = "report.fwid_missing"
    REPORT_NONCE_MISMATCH = "report.nonce_mismatch"
    REPORT_SIGNATURE_INVALID = "report.signature_invalid"
    # GPU and switch certificates (the dates are those of every chain, above)
    CHAIN_MALFORMED = "chain.malformed"
    CHAIN_LENGTH = "chain.length"
    CHAIN_UNTRUSTED_ROOT = "chain.untrusted_root"
    CHAIN_NAME_LINK = "chain.name_link"
    CHAIN_KEY_ID_LINK = "chain.key_id_link"
    CHAIN_NOT_A_CA = "chain.not_a_ca"
    CHAIN_LEAF_IS_A_CA = "chain.leaf_is_a_ca"
    CHAIN_PATH_LENGTH = "chain.path_length"
    CHAIN_CRITICAL_EXTENSION = "chain.critical_extension"
    CHAIN_SIGNATURE = "chain.signature"
    CHAIN_KEY_TYPE = "chain.key_type"
    CHAIN_FAMILY_MISMATCH = "chain.family_mismatch"
    CHAIN_FWID_MISSING = "chain.fwid_missing"
    CHAIN_FWID_MALFORMED = "chain.fwid_malformed"
    CHAIN_FWID_MISMATCH = "chain.fwid_mismatch"
    CHAIN_DEVICE_ID_MISMATCH = "chain.device_id_mismatch"
    CHAIN_IK_SERIAL_FORMAT = "chain.ik_serial_format"
    CHAIN_DEBUG = "chain.debug"
    RIM_CHAIN_MALFORMED = "rim.chain.malformed"
    RIM_CHAIN_LENGTH = "rim.chain.length"
    RIM_CHAIN_UNTRUSTED_ROOT = "rim.chain.untrusted_root"
    RIM_CHAIN_NAME_LINK = "rim.chain.name_link"
    RIM_CHAIN_KEY_ID_LINK = "rim.chain.key_id_link"
    RIM_CHAIN_NOT_A_CA = "rim.chain.not_a_ca"
    RIM_CHAIN_LEAF_IS_A_CA = "rim.chain.leaf_is_a_ca"
    RIM_CHAIN_PATH_LENGTH = "rim.chain.path_length"
    RIM_CHAIN_CRITICAL_EXTENSION = "rim.chain.critical_extension"
    RIM_CHAIN_SIGNATURE = "rim.chain.signature"
    RIM_CHAIN_KEY_TYPE = "rim.chain.key_type"
    RIM_CHAIN_EXPIRED = "rim.chain.expired"
    RIM_CHAIN_NOT_YET_VALID = "rim.chain.not_yet_valid"
    # reference values
    RIM_NOT_FOUND = "rim.not_found"
    RIM_MALFORMED = "rim.malformed"
    RIM_SCHEMA = "rim.schema"
    RIM_SIGNATURE_COUNT = "rim.signature_count"
    RIM_SIGNATURE_PROFILE = "rim.signature_profile"
    RIM_DIGEST_MISMATCH = "rim.digest_mismatch"
    RIM_SIGNATURE_INVALID = "rim.signature_invalid"
    RIM_MANUFACTURER = "rim.manufacturer"
    RIM_PRODUCT_MISMATCH = "rim.product_mismatch"
    RIM_EDITION_MISMATCH = "rim.edition_mismatch"
    RIM_VERSION_MISMATCH = "rim.version_mismatch"
    RIM_INDEX_CONFLICT = "rim.index_conflict"
    RIM_NO_MEASUREMENTS = "rim.no_measurements"
    RIM_ROLLBACK = "rim.rollback"
    RIM_CONFLICT = "rim.conflict"
    MEASUREMENT_MISMATCH = "measurement.mismatch"
    # revocation
    OCSP_MISSING = "ocsp.missing"
    OCSP_MALFORMED = "ocsp.malformed"
    OCSP_RESPONDER_UNTRUSTED = "ocsp.responder_untrusted"
    OCSP_RESPONDER_EXPIRED = "ocsp.responder_expired"
    OCSP_RESPONDER_EKU = "ocsp.responder_eku"
    OCSP_SIGNATURE_INVALID = "ocsp.signature_invalid"
    OCSP_CERTID_MISMATCH = "ocsp.certid_mismatch"
    OCSP_NOT_YET_VALID = "ocsp.not_yet_valid"
    OCSP_EXPIRED = "ocsp.expired"
    OCSP_NONCE_MISSING = "ocsp.nonce_missing"
    OCSP_NONCE_MISMATCH = "ocsp.nonce_mismatch"
    OCSP_REVOKED = "ocsp.revoked"
    OCSP_UNKNOWN = "ocsp.unknown"
    # NVIDIA's tokens
    NRAS_MALFORMED = "nras.malformed"
    NRAS_ALG = "nras.alg"
    NRAS_CRIT = "nras.crit"
    NRAS_KID = "nras.kid"
    NRAS_X5C_UNTRUSTED = "nras.x5c_untrusted"
    NRAS_X5C_EXPIRED = "nras.x5c_expired"
    NRAS_SIGNATURE_INVALID = "nras.signature_invalid"
    NRAS_TIME_CLAIMS = "nras.time_claims"
    NRAS_NOT_YET_VALID = "nras.not_yet_valid"
    NRAS_EXPIRED = "nras.expired"
    NRAS_SUB = "nras.sub"
    NRAS_ISSUER = "nras.issuer"
    NRAS_NONCE_MISMATCH = "nras.nonce_mismatch"
    NRAS_OVERALL_FALSE = "nras.overall_false"
    NRAS_ERROR_DETAILS = "nras.error_details"
    NRAS_MEASRES = "nras.measres"
    NRAS_SECBOOT = "nras.secboot"
    NRAS_DBGSTAT = "nras.dbgstat"
    NRAS_CERT_STATUS = "nras.cert_status"
    NRAS_CLAIM = "nras.claim"
    NRAS_SUBMODS_SET = "nras.submods_set"
    NRAS_SUBMODS_DIGEST = "nras.submods_digest"
    NRAS_GPU_COUNT = "nras.gpu_count"
    NRAS_DUPLICATE_UEID = "nras.duplicate_ueid"
    NRAS_UEID_MISMATCH = "nras.ueid_mismatch"
    # sets of devices
    PAYLOAD_MALFORMED = "payload.malformed"
    PAYLOAD_EMPTY = "payload.empty"
    PAYLOAD_BASE64 = "payload.base64"
    PAYLOAD_NONCE_MISMATCH = "payload.nonce_mismatch"
    PAYLOAD_ARCH_MIXED = "payload.arch_mixed"
    PAYLOAD_GPU_COUNT = "payload.gpu_count"
    PAYLOAD_SWITCH_COUNT = "payload.switch_count"
    SET_DUPLICATE_DEVICE = "set.duplicate_device"
    SET_MIXED_FEATURE_MODES = "set.mixed_feature_modes"
    SET_FABRIC_MISMATCH = "set.fabric_mismatch"
    TOPOLOGY_SWITCH_IDENTITY = "topology.switch_identity"
    TOPOLOGY_SWITCH_SET = "topology.switch_set"
    TOPOLOGY_GPU_SET = "topology.gpu_set"
    POLICY_ARCH = "policy.arch"
    POLICY_FEATURE_MODE = "policy.feature_mode"
    POLICY_DRIVER_TOO_OLD = "policy.driver_too_old"
    POLICY_VBIOS_TOO_OLD = "policy.vbios_too_old"
    POLICY_DEVICE_NOT_ALLOWED = "policy.device_not_allowed"
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
    engine: str | None = None  # which verifier found that the signatures hold; None: none did
    policy: str | None = None
    unpinned: tuple[str, ...] = ()  # what the policy leaves open: not proven, whatever its value
    platform: Mapping[str, str] = field(default_factory=dict)  # what the PCK certificate says about the machine
    collateral: Mapping[str, str] = field(default_factory=dict)  # which statements were used: digest, dates, numbers
    measurements: Mapping[str, str] = field(default_factory=dict)  # field of the TD report -> hex
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.problems

    @property
    def code(self) -> Code:
        return self.problems[0].code if self.problems else Code.ACCEPTED
