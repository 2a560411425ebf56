"""Judges a vTPM quote whose key another quote vouches for: signature, registers, challenge. Only RSA with SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from harness.attest.verdict import Code, Problem, Rejected

_MAGIC = bytes.fromhex("ff544347")
_ATTEST_QUOTE = bytes.fromhex("8018")
_SHA256 = 0x000B
_CLOCK_AND_FIRMWARE = 17 + 8


@dataclass(frozen=True)
class TpmQuote:
    message: bytes
    signature: bytes
    modulus: int
    exponent: int
    registers: tuple[bytes, ...]  # PCR 0 to 23 as the document shows them


@dataclass(frozen=True)
class Attested:
    """What the signed structure says."""

    extra: bytes  # the challenge
    selected: tuple[int, ...]
    digest: bytes  # SHA-256 over the selected registers


def judge_tpm(quote: TpmQuote) -> Iterator[Problem]:
    """Never raises. The challenge is compared by whoever knows it."""
    try:
        key = rsa.RSAPublicNumbers(quote.exponent, quote.modulus).public_key()
        key.verify(quote.signature, quote.message, padding.PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError) as error:
        yield Problem(
            Code.TPM_SIGNATURE_INVALID, f"the vTPM quote is not signed by the key in the runtime data: {error}"
        )
        return
    try:
        attested = read_attested(quote.message)
    except Rejected as rejected:
        yield rejected.problem
        return
    shown = _digest(quote.registers, attested.selected)
    if shown != attested.digest:
        yield Problem(Code.TPM_REGISTERS_MISMATCH, "the registers shown are not those that the vTPM signed")


def read_attested(message: bytes) -> Attested:
    """TPMS_ATTEST of a quote. Raises Rejected(evidence.malformed)."""
    cursor = _Cursor(message)
    if cursor.take(4) != _MAGIC or cursor.take(2) != _ATTEST_QUOTE:
        raise Rejected(Code.EVIDENCE_MALFORMED, "vTPM: not a quote")
    cursor.sized()  # name of the signer
    extra = cursor.sized()
    cursor.take(_CLOCK_AND_FIRMWARE)
    if cursor.number(4) != 1 or cursor.number(2) != _SHA256:
        raise Rejected(Code.EVIDENCE_MALFORMED, "vTPM: expected one selection of SHA-256 registers")
    bitmap = int.from_bytes(cursor.take(cursor.number(1)), "little")
    selected = tuple(n for n in range(24) if bitmap >> n & 1)
    digest = cursor.sized()
    if cursor.rest():
        raise Rejected(Code.EVIDENCE_MALFORMED, f"vTPM: {len(cursor.rest())} bytes too many")
    return Attested(extra, selected, digest)


def _digest(registers: Sequence[bytes], selected: tuple[int, ...]) -> bytes | None:
    if any(n >= len(registers) for n in selected):
        return None
    return hashlib.sha256(b"".join(registers[n] for n in selected)).digest()


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise Rejected(Code.EVIDENCE_MALFORMED, f"vTPM: needs {size} bytes at {self._at}, {len(piece)} are left")
        self._at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def sized(self) -> bytes:
        return self.take(self.number(2))

    def rest(self) -> bytes:
        return self._data[self._at :]
