"""The attack list, part one: the bytes of the quote, its signatures, and the certificates inside it."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.attest import Code
from harness.attest.policy import TEE_SGX, Policy
from mockserver.tee import Platform, pki
from tests.attest.forge import (
    ATTACKER,
    COLLATERAL,
    FACTS,
    PKI,
    QUOTE,
    Make,
    Parts,
    Trial,
    certificate,
    chained,
    crl,
    given,
    leaf,
    malleated,
    pem,
    quoted,
    sgx_quote,
)
from tests.attest.lab import HONEST, NOW, flipped, platform, quote_of

OK = Code.ACCEPTED
ROOT, PLATFORM_CA, PCK = PKI.root.certificate, PKI.platform_ca.certificate, PKI.pck.certificate


def of_platform(**decisions: Any) -> Trial:
    machine = platform(**decisions)
    return Trial(quote_of(machine), machine.collateral())


def attributed(text: str) -> Trial:
    return Trial(Parts().put(168, bytes.fromhex(text)).encode())


def sgx_trial() -> Trial:
    """With the identities that go with an SGX quote."""
    return Trial(sgx_quote(), HONEST.collateral("sgx"), policy=Policy(tees=frozenset({TEE_SGX})))


def named_machine() -> Trial:
    """Certification type 3: the quote carries an encrypted PPID, the collateral the chain of that machine."""
    trial = quoted(inner=3, certification=bytes(404))
    return replace(trial, members={**COLLATERAL, "pck_certificate_chain": pem(PCK, PLATFORM_CA, ROOT)})


def relabelled(at: int, value: bytes) -> Trial:
    return Trial(QUOTE[:at] + value + QUOTE[at + len(value) :])


def forged_pki(honest_collateral: bool) -> Trial:
    """Another root with the same names."""
    stranger = Platform(b"an attacker", lambda: NOW)
    return Trial(quote_of(stranger), dict(COLLATERAL) if honest_collateral else stranger.collateral())


def below_platform_ca() -> Trial:
    """One more CA under a CA that may have none."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Assay Test SGX PCK Platform CA 2")])
    key = pki.derive_key(b"sub", "ca")
    sub = certificate(PKI.platform_ca, PKI.platform_ca, key=key.public_key(), subject=name, path=0, serial=99)
    below = certificate(PKI.pck, pki.Issuer(sub, key), extension=pki._sgx_extension(FACTS))
    return chained(below, sub, PLATFORM_CA, ROOT)


def extension(*items: bytes) -> bytes:
    return pki._sequence(*items)


def without(suffix: str) -> bytes:
    """The honest extension without one of its entries."""
    return extension(*(item for name, item in entries() if name != suffix))


def entries() -> list[tuple[str, bytes]]:
    whole = pki._sgx_extension(FACTS)
    tags = ("1", "2", "3", "4", "5", "6", "7")
    pieces, at = [], 4 if whole[1] == 0x82 else 3
    for tag in tags:
        size, head = whole[at + 1], 2
        if size & 0x80:
            head = 2 + (size & 0x7F)
            size = int.from_bytes(whole[at + 2 : at + head], "big")
        pieces.append((tag, whole[at : at + head + size]))
        at += head + size
    return pieces


def two_fmspcs() -> bytes:
    other = pki._pair("4", pki._tlv(0x04, bytes(6)))
    return extension(other, *(item for _, item in entries()))


def p384_leaf() -> Trial:
    key = ec.derive_private_key(12345, ec.SECP384R1())
    return chained(leaf(key=key.public_key()), PLATFORM_CA, ROOT, pck=key)


def other_machine() -> Trial:
    stranger = Platform(b"another seed", lambda: NOW)
    chain = pem(stranger._pki.pck.certificate, stranger._pki.platform_ca.certificate, stranger._pki.root.certificate)
    return given(pck_certificate_chain=chain)


CONTROLS: dict[str, tuple[str, Code, Make]] = {
    "P01": ("honest v4, TD report 1.0", OK, Trial),
    "P02": ("honest v5, TD report 1.0", OK, lambda: of_platform(quote_form="v5")),
    "P03": ("honest v5, TD report 1.5", OK, lambda: of_platform(quote_form="v5-td15")),
    "P03b": ("honest v5, TD report 1.5ex", OK, lambda: of_platform(quote_form="v5-td15ex")),
    "P03c": ("honest v3, SGX", OK, sgx_trial),
    "P04": ("70 zero bytes after the quote", OK, lambda: Trial(QUOTE + bytes(70))),
    "P05": ("PCK chain without its NUL", OK, lambda: quoted(certification=pem(PCK, PLATFORM_CA, ROOT).encode())),
    "P06": ("certification type 3, chain in the collateral", OK, named_machine),
    "P08": ("PKS (bit 30)", OK, lambda: attributed("0000005000000000")),
    "P09": ("PERFMON (bit 63)", OK, lambda: attributed("0000001000000080")),
    "B14": ("signature malleated: valid, so no replay key", OK, lambda: Trial(malleated(QUOTE))),
    "G13": ("LASS (bit 27)", OK, lambda: attributed("0000001800000000")),
}
STRUCTURE: dict[str, tuple[str, Code, Make]] = {
    "A01": ("empty quote", Code.QUOTE_MALFORMED, lambda: Trial(b"")),
    "A02": ("truncated in the header", Code.QUOTE_MALFORMED, lambda: Trial(QUOTE[:40])),
    "A04": ("truncated in the signature data", Code.QUOTE_MALFORMED, lambda: Trial(QUOTE[:700])),
    "A05": ("signature data of 4 GiB", Code.QUOTE_MALFORMED, lambda: relabelled(632, b"\xff" * 4)),
    "A07": ("non-zero bytes after the quote", Code.QUOTE_TRAILING_DATA, lambda: Trial(QUOTE + b"\x01")),
    "A08": ("junk inside the signature data", Code.QUOTE_MALFORMED, lambda: quoted(junk=b"junk")),
    "A10": ("version 6", Code.QUOTE_VERSION_UNSUPPORTED, lambda: Trial(Parts().put(0, b"\x06\x00").encode())),
    "A11": ("v4 relabelled v5", Code.QUOTE_MALFORMED, lambda: relabelled(0, b"\x05\x00")),
    "A13": ("SGX TEE with a TD body", Code.QUOTE_VERSION_UNSUPPORTED, lambda: Trial(Parts().put(4, bytes(4)).encode())),
    "A14": ("unknown TEE 0x82", Code.QUOTE_WRONG_TEE, lambda: Trial(Parts().put(4, b"\x82").encode())),
    "A16": ("QE vendor is not Intel", Code.QUOTE_VENDOR_UNKNOWN, lambda: Trial(Parts().put(12, bytes(16)).encode())),
    "A16b": (
        "attestation key type 3",
        Code.QUOTE_KEY_TYPE_UNSUPPORTED,
        lambda: Trial(Parts().put(2, b"\x03").encode()),
    ),
    "A17": ("outer certification type 5", Code.QUOTE_CERTIFICATION_UNSUPPORTED, lambda: quoted(outer=5)),
    "A19": (
        "certification type 1, no chain",
        Code.QUOTE_CERTIFICATION_UNSUPPORTED,
        lambda: quoted(inner=1, certification=bytes(36)),
    ),
    "A20": (
        "certification type 3, no chain anywhere",
        Code.QUOTE_CERTIFICATION_UNSUPPORTED,
        lambda: quoted(inner=3, certification=bytes(404)),
    ),
    "A22": ("no QE authentication data", Code.QUOTE_MALFORMED, lambda: quoted(auth=b"")),
    "A23": ("64 bytes of QE authentication data", Code.QUOTE_MALFORMED, lambda: quoted(auth=bytes(64))),
    "A25": (
        "v5 with body type 9",
        Code.QUOTE_MALFORMED,
        lambda: Trial(replace(Parts().put(0, b"\x05\x00"), announced=struct.pack("<HI", 9, 584)).encode()),
    ),
    "A26": (
        "v5 TD report 1.5 announced as 1.0",
        Code.QUOTE_MALFORMED,
        lambda: Trial(
            replace(
                Parts().put(0, b"\x05\x00"), announced=struct.pack("<HI", 2, 584), body=QUOTE[48:632] + bytes(64)
            ).encode()
        ),
    ),
    "A28": ("1 MiB of certification data", Code.QUOTE_MALFORMED, lambda: quoted(certification=b"QQ" * 2**19)),
}
SIGNATURES: dict[str, tuple[str, Code, Make]] = {
    "B01": ("tee_tcb_svn flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 48))),
    "B02": ("mr_seam flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 64))),
    "B04": ("mr_td flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 184))),
    "B05": ("mr_config_id flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 232))),
    "B07": ("rtmr3 flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 520))),
    "B08": ("report_data flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 568))),
    "B10": ("header QE SVN flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 8))),
    "B11": ("signature r flipped", Code.QUOTE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 640))),
    "B13": (
        "signature r = s = 1",
        Code.QUOTE_SIGNATURE_INVALID,
        lambda: relabelled(636, (1).to_bytes(32, "big") * 2),
    ),
    "B16": (
        "attestation key replaced, QE report fixed up but not signed again",
        Code.QE_SIGNATURE_INVALID,
        lambda: quoted(key=ATTACKER, pck=ATTACKER),
    ),
    "B17": ("QE report signed by an attacker's key", Code.QE_SIGNATURE_INVALID, lambda: quoted(pck=ATTACKER)),
    "B19": ("QE mr_enclave flipped", Code.QE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 834))),
    "B20": ("QE report signature flipped", Code.QE_SIGNATURE_INVALID, lambda: Trial(flipped(QUOTE, 1160))),
    "B22": ("attestation key all zero", Code.QE_KEY_UNBOUND, lambda: relabelled(700, bytes(64))),
    "B22b": (
        "attestation key is no point of the curve, bound by the PCK",
        Code.QUOTE_SIGNATURE_INVALID,
        lambda: quoted(shown_key=b"\x01" * 64),
    ),
    "B23": ("second half of the QE report data set", Code.QE_KEY_UNBOUND, lambda: quoted(qe_tail=b"\x01" * 32)),
}
CHAIN: dict[str, tuple[str, Code, Make]] = {
    "C01": ("attacker's PKI of the same names, honest collateral", Code.CHAIN_INVALID, lambda: forged_pki(True)),
    "C02": ("attacker's PKI and collateral", Code.ROOT_UNTRUSTED, lambda: forged_pki(False)),
    "C04": ("intermediate missing", Code.CHAIN_INVALID, lambda: chained(PCK, ROOT)),
    "C05": ("root missing", Code.CHAIN_INVALID, lambda: chained(PCK, PLATFORM_CA)),
    "C07": ("intermediate first", Code.CHAIN_INVALID, lambda: chained(PLATFORM_CA, PCK, ROOT)),
    "C08": ("empty chain", Code.CHAIN_INVALID, lambda: quoted(certification=b"")),
    "C10": (
        "PCK not valid yet",
        Code.CHAIN_NOT_YET_VALID,
        lambda: chained(leaf(starts=NOW + timedelta(days=1)), PLATFORM_CA, ROOT),
    ),
    "C11": (
        "intermediate expired",
        Code.CHAIN_EXPIRED,
        lambda: chained(PCK, certificate(PKI.platform_ca, PKI.root, ends=NOW - timedelta(days=1)), ROOT),
    ),
    "C13": (
        "PCK revoked",
        Code.PCK_REVOKED,
        lambda: given(pck_crl=crl(PKI.platform_ca, revoked=(PCK.serial_number,))),
    ),
    "C14": (
        "Platform CA revoked",
        Code.PCK_ISSUER_REVOKED,
        lambda: given(root_ca_crl=crl(PKI.root, revoked=(PLATFORM_CA.serial_number,))),
    ),
    "C16": (
        "TCB signer revoked",
        Code.TCB_SIGNER_REVOKED,
        lambda: given(root_ca_crl=crl(PKI.root, revoked=(PKI.tcb_signing.certificate.serial_number,))),
    ),
    "C17": ("a CA below a CA that may have none", Code.CHAIN_INVALID, below_platform_ca),
    "C19": ("PCK is a CA", Code.CHAIN_INVALID, lambda: chained(leaf(is_ca=True), PLATFORM_CA, ROOT)),
    "C20": (
        "PCK without the SGX extension",
        Code.PCK_EXTENSION_INVALID,
        lambda: chained(certificate(PKI.pck, PKI.platform_ca), PLATFORM_CA, ROOT),
    ),
    "C22": (
        "SGX extension without TCB",
        Code.PCK_EXTENSION_INVALID,
        lambda: chained(leaf(without("2")), PLATFORM_CA, ROOT),
    ),
    "C23": (
        "FMSPC of 5 bytes",
        Code.PCK_EXTENSION_INVALID,
        lambda: chained(leaf(pki._sgx_extension(replace(FACTS, fmspc=bytes(5)))), PLATFORM_CA, ROOT),
    ),
    "C24": (
        "components contradict the CPUSVN",
        Code.PCK_SVN_INCONSISTENT,
        lambda: chained(leaf(pki._sgx_extension(replace(FACTS, component_svns=bytes([1]) * 16))), PLATFORM_CA, ROOT),
    ),
    "C25": ("two FMSPCs", Code.PCK_FMSPC_MISMATCH, lambda: chained(leaf(two_fmspcs()), PLATFORM_CA, ROOT)),
    "C26": ("PCK with a P-384 key", Code.QE_SIGNATURE_INVALID, p384_leaf),
    "C28": ("another machine's chain in the collateral is not used", OK, other_machine),
    "C29": (
        "garbage in the quote, the chain in the collateral",
        Code.CHAIN_INVALID,
        lambda: replace(
            quoted(certification=b"garbage"),
            members={**COLLATERAL, "pck_certificate_chain": pem(PCK, PLATFORM_CA, ROOT)},
        ),
    ),
}
GROUPS = (CONTROLS, STRUCTURE, SIGNATURES, CHAIN)
