"""Reads the bytes of an SGX or TDX quote, versions 3 to 5; refuses sizes that do not add up.

The engine parses the quote again on its own. Both readings must agree before anything is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from harness.attest.policy import TEE_SGX, TEE_TDX
from harness.attest.verdict import Code, Rejected

MAX_QUOTE_BYTES = 64 * 1024
_HEADER = 48
_TD10: tuple[tuple[str, int], ...] = (
    ("tee_tcb_svn", 16),
    ("mr_seam", 48),
    ("mr_signer_seam", 48),
    ("seam_attributes", 8),
    ("td_attributes", 8),
    ("xfam", 8),
    ("mr_td", 48),
    ("mr_config_id", 48),
    ("mr_owner", 48),
    ("mr_owner_config", 48),
    ("rt_mr0", 48),
    ("rt_mr1", 48),
    ("rt_mr2", 48),
    ("rt_mr3", 48),
    ("report_data", 64),
)
_TD15 = (*_TD10, ("tee_tcb_svn2", 16), ("mr_service_td", 48))
_TD15EX = (
    *_TD15,
    ("vmid", 1),
    ("td_id", 32),
    ("dev_info", 48),
    ("init_service_td_hash", 48),
    ("init_service_td_attributes", 8),
    ("init_cpu_svn", 16),
    ("init_tee_tcb_svn", 16),
    ("init_tee_fmspc", 12),
    ("cur_service_td_hash", 48),
    ("cur_service_td_attributes", 8),
)
_SGX: tuple[tuple[str, int], ...] = (
    ("cpu_svn", 16),
    ("misc_select", 4),
    ("reserved1", 28),
    ("attributes", 16),
    ("mr_enclave", 32),
    ("reserved2", 32),
    ("mr_signer", 32),
    ("reserved3", 96),
    ("isv_prod_id", 2),
    ("isv_svn", 2),
    ("reserved4", 60),
    ("report_data", 64),
)
_BODIES = {1: (384, _SGX), 2: (584, _TD10), 3: (648, _TD15), 4: (885, _TD15EX)}  # v5 body type -> size, fields


@dataclass(frozen=True)
class Layout:
    version: int
    tee_type: int
    body: Mapping[str, bytes]
    signed: bytes  # header and body, as the attestation key signed them
    signature: bytes
    attestation_key: bytes
    qe_report: bytes
    qe_signature: bytes
    qe_auth: bytes
    certification_type: int  # 5: a PEM chain inside the quote
    certification: bytes
    trailing: bytes

    @property
    def embeds_chain(self) -> bool:
        """Whether the PCK chain is in the quote; if not, the quote only names the machine it belongs to."""
        return self.certification_type not in (2, 3)

    @property
    def qe(self) -> dict[str, bytes]:
        """The report of the quoting enclave, field by field."""
        return _split(self.qe_report, _SGX)


def read(raw: bytes) -> Layout:
    """Raises Rejected with a `quote.*` code."""
    if len(raw) > MAX_QUOTE_BYTES:
        raise Rejected(Code.QUOTE_MALFORMED, f"{len(raw)} bytes, more than {MAX_QUOTE_BYTES}")
    header = _Cursor(raw).take(_HEADER, "header")
    version, _, tee_type = struct.unpack_from("<HHI", header)
    body_at, size, fields = _body(raw, version, tee_type)
    cursor = _Cursor(raw, body_at)
    body = _split(cursor.take(size, "body"), fields)
    data = _Cursor(cursor.take(cursor.u32("signature data size"), "signature data"))
    certified = _certified(data, version)
    data.finish("signature data")
    return Layout(version, tee_type, body, raw[: body_at + size], *certified, cursor.rest())


def _body(raw: bytes, version: int, tee_type: int) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    if (version, tee_type) == (3, TEE_SGX):
        return (_HEADER, *_BODIES[1])
    if tee_type not in (TEE_SGX, TEE_TDX):
        raise Rejected(Code.QUOTE_WRONG_TEE, f"unknown TEE type 0x{tee_type:x}")
    if (version, tee_type) == (4, TEE_TDX):
        return (_HEADER, *_BODIES[2])
    if (version, tee_type) == (5, TEE_TDX):
        return _described_body(raw)
    raise Rejected(Code.QUOTE_VERSION_UNSUPPORTED, f"version {version} with TEE type 0x{tee_type:x}")


def _described_body(raw: bytes) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    cursor = _Cursor(raw, _HEADER)
    kind, size = cursor.u16("body type"), cursor.u32("body size")
    if kind not in _BODIES or kind == 1 or _BODIES[kind][0] != size:
        raise Rejected(Code.QUOTE_MALFORMED, f"body type {kind} of {size} bytes")
    return (_HEADER + 6, *_BODIES[kind])


def _certified(data: _Cursor, version: int) -> tuple[bytes, bytes, bytes, bytes, bytes, int, bytes]:
    """Signature, key, QE report with signature and authentication data, innermost certification type and data."""
    signature, key = data.take(64, "signature"), data.take(64, "attestation key")
    inner = data
    if version >= 4:
        outer = data.u16("certification data type")
        if outer != 6:
            raise Rejected(Code.QUOTE_CERTIFICATION_UNSUPPORTED, f"outer certification type {outer}, expected 6")
        inner = _Cursor(data.take(data.u32("certification data size"), "certification data"))
    report, report_signature = inner.take(384, "QE report"), inner.take(64, "QE report signature")
    auth = inner.take(inner.u16("QE authentication data size"), "QE authentication data")
    kind = inner.u16("inner certification data type")
    certification = inner.take(inner.u32("inner certification data size"), "inner certification data")
    if inner is not data:
        inner.finish("certification data")
    return signature, key, report, report_signature, auth, kind, certification


def _split(body: bytes, fields: tuple[tuple[str, int], ...]) -> dict[str, bytes]:
    cursor = _Cursor(body)
    return {name: cursor.take(width, name) for name, width in fields}


class _Cursor:
    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self._at = data, at

    def take(self, size: int, what: str) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise Rejected(Code.QUOTE_MALFORMED, f"{what}: needs {size} bytes, {len(piece)} are left")
        self._at += size
        return piece

    def u16(self, what: str) -> int:
        return int.from_bytes(self.take(2, what), "little")

    def u32(self, what: str) -> int:
        return int.from_bytes(self.take(4, what), "little")

    def rest(self) -> bytes:
        return self._data[self._at :]

    def finish(self, what: str) -> None:
        if self.rest():
            raise Rejected(Code.QUOTE_MALFORMED, f"{what}: {len(self.rest())} bytes that belong to nothing")
