"""What a platform decides when it makes evidence; each field is one decision, and its default is the honest one.

No verifier reads this: a defect replaces a field and the harness has to notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mockserver.tee.gpu import Board
from mockserver.tee.gpu.ocsp import Answer

Event = dict[str, Any]


def bind_identity_and_nonce(identity: bytes, nonce: bytes) -> bytes:
    """dstack's rule: the identity padded with zeros to 32 bytes, then the 32 bytes of the nonce."""
    return identity.ljust(32, b"\0") + nonce


def compose_in_config_id(compose_hash: bytes) -> bytes:
    return b"\x01" + compose_hash + bytes(15)


def unchanged(value: Any) -> Any:
    return value


def nothing_revoked(_: Board) -> Mapping[str, Answer]:
    return {}


@dataclass(frozen=True)
class Decisions:
    # what the TD binds
    report_data: Callable[[bytes, bytes], bytes] = bind_identity_and_nonce  # (identity, nonce) -> 64 bytes
    nonce_used: Callable[[bytes], bytes] = unchanged  # the nonce that goes into the quote
    nonce_shown: Callable[[bytes], bytes] = unchanged  # the nonce that the JSON repeats
    identity_shown: Callable[[str], str] = unchanged  # signing_address in the JSON
    public_key_shown: Callable[[str], str] = unchanged  # signing_public_key in the JSON
    hosted_as: Callable[[str], str] = unchanged  # the model whose TD and key answer for the model asked for
    # how the TD was started
    td_attributes: bytes = bytes.fromhex("0000001000000000")  # SEPT_VE_DISABLE only: a production TD
    xfam: bytes = bytes.fromhex("e702060000000000")
    mr_td: Callable[[bytes], bytes] = unchanged
    mr_seam: Callable[[bytes], bytes] = unchanged
    mr_config_id: Callable[[bytes], bytes] = compose_in_config_id  # SHA-256 of app_compose -> 48 bytes
    quote_form: str = "v4"  # v4, v5, v5-td15 or v5-td15ex
    mr_service_td: bytes = bytes(48)  # TD report 1.5: the service domain bound to this one
    # what was measured, and what the JSON says was measured
    compose_measured: Callable[[str], str] = unchanged  # app_compose as hashed into RTMR3 and mr_config_id
    compose_shown: Callable[[str], str] = unchanged
    ccel_shown: Callable[[bytes], bytes | None] = unchanged  # the firmware's own log
    events_measured: Callable[[list[Event]], list[Event]] = unchanged
    events_shown: Callable[[list[Event]], list[Event]] = unchanged
    rtmrs: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = unchanged  # as put into the quote
    # who signs
    qe_report: Callable[[bytes], bytes] = unchanged  # the quoting enclave's own report, before the PCK signs it
    body_signed: Callable[[bytes], bytes] = unchanged  # header and TD report as handed to the attestation key
    quote: Callable[[bytes], bytes] = unchanged  # the finished quote
    # the machine, as Intel's collateral describes it
    tee_tcb_svn: bytes = bytes((13, 1, 4)) + bytes(13)
    tee_tcb_svn_now: bytes | None = None  # of the module that runs now; None: the one that started the TD
    tcb_status: str = "UpToDate"
    tcb_advisories: tuple[str, ...] = ()
    qe_status: str = "UpToDate"
    qe_advisories: tuple[str, ...] = ()
    component_svns: Callable[[bytes], bytes] = unchanged  # CPUSVN -> the 16 components beside it in the PCK
    pck_chain: Callable[[str], str] = unchanged  # PEM: leaf, Platform CA, root
    pck_revoked: bool = False
    platform_ca_revoked: bool = False
    collateral_age_days: int = 1  # how long ago it was issued; it lives for 30 days
    collateral: Callable[[dict[str, str]], dict[str, str]] = unchanged
    tls_bound: Callable[[bytes], bytes] = unchanged  # SHA-256 of the TLS certificate, as bound
    tls_shown: Callable[[bytes], bytes | None] = unchanged  # and as the JSON shows it
    # the GPUs
    gpus: Callable[[Board], Board] = unchanged  # that an instance has
    gpus_of: Callable[[str], str] = unchanged  # the instance that lends its GPUs to the one asked for
    gpu_nonce: Callable[[bytes], bytes] = unchanged  # the nonce that they answer
    gpu_payload: Callable[[dict[str, Any]], dict[str, Any] | None] = unchanged  # {nonce, evidence_list, arch} as shown
    gpu_revocation: Callable[[Board], Mapping[str, Answer]] = nothing_revoked  # serial in hex -> what OCSP says
    # the answer
    report: Callable[[dict[str, Any]], dict[str, Any]] = unchanged
    # the instances of one model: what the second and later ones decide otherwise
    elsewhere: Mapping[str, Any] = field(default_factory=dict)

    def on(self, n: int) -> Decisions:
        """What the nth instance decides."""
        return replace(self, **self.elsewhere) if n else self
