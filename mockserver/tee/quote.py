"""Builds an Intel TDX quote, version 4 or 5, from a TD report and the keys of a test platform.

It refuses fields of the wrong length; whether the content is sensible is for the caller to decide.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from mockserver.tee.pki import public_xy, sign_raw

QE_VENDOR_INTEL = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
QE_MR_SIGNER = hashlib.sha256(b"assay test quoting enclave signer").digest()
QE_ATTRIBUTES = bytes.fromhex("1100000000000000e700000000000000")
QE_PRODUCT = 2
QE_SVN = 8
_QE_AUTH_DATA = bytes(range(32))
_WIDTHS = {
    "tee_tcb_svn": 16,
    "mr_seam": 48,
    "mr_signer_seam": 48,
    "seam_attributes": 8,
    "td_attributes": 8,
    "xfam": 8,
    "mr_td": 48,
    "mr_config_id": 48,
    "mr_owner": 48,
    "mr_owner_config": 48,
    "rtmr0": 48,
    "rtmr1": 48,
    "rtmr2": 48,
    "rtmr3": 48,
    "report_data": 64,
}
_LATER_WIDTHS = {"tee_tcb_svn2": 16, "mr_service_td": 48}
# version of the quote, and the body type that version 5 announces
FORMS = {"v4": (4, None), "v5": (5, 2), "v5-td15": (5, 3), "v5-td15ex": (5, 4)}
_EXTENDED_BYTES = 237  # VM id, TD id, device and migration fields of a TD report 1.5ex: all zero on this platform


@dataclass(frozen=True)
class TdReport:
    """TD report 1.0, fields in wire order."""

    tee_tcb_svn: bytes
    mr_seam: bytes
    mr_signer_seam: bytes
    seam_attributes: bytes
    td_attributes: bytes
    xfam: bytes
    mr_td: bytes
    mr_config_id: bytes
    mr_owner: bytes
    mr_owner_config: bytes
    rtmr0: bytes
    rtmr1: bytes
    rtmr2: bytes
    rtmr3: bytes
    report_data: bytes
    tee_tcb_svn2: bytes = bytes(16)  # from here on only in TD report 1.5 and later
    mr_service_td: bytes = bytes(48)

    def encode(self, form: str) -> bytes:
        """The body, preceded in version 5 by its type and size. Raises ValueError for a field of the wrong length."""
        _, kind = FORMS[form]
        widths = _WIDTHS if kind in (None, 2) else {**_WIDTHS, **_LATER_WIDTHS}
        values = {name: getattr(self, name) for name in widths}
        wrong = [name for name, width in widths.items() if len(values[name]) != width]
        if wrong:
            raise ValueError(f"TD report: wrong length in {', '.join(wrong)}")
        body = b"".join(values.values()) + (bytes(_EXTENDED_BYTES) if kind == 4 else b"")
        return body if kind is None else struct.pack("<HI", kind, len(body)) + body


class QuotingEnclave:
    """Holds the attestation key that the PCK vouches for; made once, signs many quotes."""

    def __init__(
        self,
        attestation_key: ec.EllipticCurvePrivateKey,
        pck: ec.EllipticCurvePrivateKey,
        chain: str,
        qe_report: Callable[[bytes], bytes],
    ) -> None:
        """`qe_report` is the seam through which a defect runs another quoting enclave; the PCK signs the result."""
        self._key, self._qe_report = attestation_key, qe_report
        self._tail = self._certification(pck, chain.encode() + b"\0")

    def quote(self, report: TdReport, body_signed: Callable[[bytes], bytes], form: str = "v4") -> bytes:
        """`body_signed` is the seam through which a defect signs other bytes than it ships."""
        body = _header(FORMS[form][0]) + report.encode(form)
        signature = sign_raw(self._key, body_signed(body))
        return body + struct.pack("<I", 64 + len(self._tail)) + signature + self._tail

    def _certification(self, pck: ec.EllipticCurvePrivateKey, chain: bytes) -> bytes:
        public = public_xy(self._key)
        report = self._qe_report(_qe_report(hashlib.sha256(public + _QE_AUTH_DATA).digest()))
        nested = struct.pack("<HI", 5, len(chain)) + chain
        auth = struct.pack("<H", len(_QE_AUTH_DATA)) + _QE_AUTH_DATA
        certification = report + sign_raw(pck, report) + auth + nested
        return public + struct.pack("<HI", 6, len(certification)) + certification


def _header(version: int) -> bytes:
    return struct.pack("<HHI4x", version, 2, 0x81) + QE_VENDOR_INTEL + bytes(20)


def _qe_report(key_hash: bytes) -> bytes:
    return (
        bytes(16)
        + bytes(32)
        + QE_ATTRIBUTES
        + hashlib.sha256(b"assay test quoting enclave").digest()
        + bytes(32)
        + QE_MR_SIGNER
        + bytes(96)
        + struct.pack("<HH", QE_PRODUCT, QE_SVN)
        + bytes(60)
        + key_hash
        + bytes(32)
    )
