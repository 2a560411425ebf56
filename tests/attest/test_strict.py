"""What the engine accepts and we do not: each case is first shown to pass the engine, then to be rejected here."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest import Code, Policy, Trust, judge_quote
from mockserver.tee import Platform
from mockserver.tee.pki import derive_key
from tests.attest.lab import HONEST, NOW, SEED, flipped, platform, quote_of, resigned

QUOTE = quote_of(HONEST)
COLLATERAL = HONEST.collateral()
CERTIFICATION = 764  # offset of the outer certification data


def test_junk_inside_the_signature_data_is_malformed() -> None:
    (size,) = struct.unpack_from("<I", QUOTE, 632)
    grown = QUOTE[:632] + struct.pack("<I", size + 5) + QUOTE[636:] + b"junk!"
    assert codes(grown) == [Code.QUOTE_MALFORMED]


def test_the_outer_certification_type_must_be_six() -> None:
    relabelled = QUOTE[:CERTIFICATION] + b"\x05\x00" + QUOTE[CERTIFICATION + 2 :]
    assert codes(relabelled) == [Code.QUOTE_CERTIFICATION_UNSUPPORTED]


def test_only_zero_padding_may_follow_a_quote() -> None:
    assert codes(QUOTE + bytes(70)) == []
    assert codes(QUOTE + b"padding") == [Code.QUOTE_TRAILING_DATA]
    tolerant = Policy(zero_padding_only=False)
    assert judge_quote(QUOTE + b"padding", trust(COLLATERAL), NOW, tolerant).accepted


def test_the_root_inside_the_quote_must_be_the_trusted_one() -> None:
    at = QUOTE.rindex(b"-----END CERTIFICATE-----") - 20  # in the signature of the embedded root
    assert Code.ROOT_UNTRUSTED in codes(flipped(QUOTE, at))


@pytest.mark.parametrize("member", ["tcb_info", "qe_identity"])
def test_a_pck_key_may_not_sign_statements_about_platforms(member: str) -> None:
    chain = bytes_of_chain()
    members = resigned(member, lambda _: None, signer="pck")({**COLLATERAL, f"{member}_issuer_chain": chain})
    assert set(codes(QUOTE, members)) == {Code.TCB_SIGNER_WRONG_ROLE, Code.CHAIN_INVALID}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"pceId": "0001"}, Code.PCK_PCEID_MISMATCH),
        ({"version": 4}, Code.TCB_INFO_MALFORMED),
        ({"tcbType": 1}, Code.TCB_INFO_MALFORMED),
    ],
)
def test_tcb_info_must_be_of_this_platform_and_of_a_known_kind(change: dict[str, Any], code: Code) -> None:
    assert codes(QUOTE, resigned("tcb_info", lambda document: document.update(change))(COLLATERAL)) == [code]


@pytest.mark.parametrize("member", ["root_ca_crl", "pck_crl"])
def test_a_revocation_list_from_the_future_is_rejected(member: str) -> None:
    future = crl(member, issued=NOW + timedelta(days=1), extensions=True)
    assert codes(QUOTE, {**COLLATERAL, member: future}) == [Code.CRL_NOT_YET_VALID]


@pytest.mark.parametrize("member", ["root_ca_crl", "pck_crl"])
def test_a_revocation_list_without_a_number_is_rejected(member: str) -> None:
    assert codes(QUOTE, {**COLLATERAL, member: crl(member, issued=NOW, extensions=False)}) == [Code.CRL_INVALID]


def test_the_issuer_of_the_pck_revocation_list_must_have_signed_it() -> None:
    members = {**COLLATERAL, "pck_crl_issuer_chain": COLLATERAL["tcb_info_issuer_chain"]}
    assert codes(QUOTE, members) == [Code.CRL_ISSUER_INVALID]


@pytest.mark.parametrize("chain", ["", "garbage"])
def test_the_issuer_of_the_pck_revocation_list_must_be_there(chain: str) -> None:
    assert set(codes(QUOTE, {**COLLATERAL, "pck_crl_issuer_chain": chain})) == {
        Code.CRL_ISSUER_INVALID,
        Code.CHAIN_INVALID,
    }


@pytest.mark.parametrize("member", ["pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain"])
def test_every_issuer_chain_ends_at_the_trusted_root(member: str) -> None:
    stranger = Platform(b"another seed", lambda: NOW).collateral()[member]
    issuer, root = COLLATERAL[member].index("-----END"), stranger.rindex("-----BEGIN")
    mixed = COLLATERAL[member][:issuer] + "-----END CERTIFICATE-----\n" + stranger[root:]
    assert codes(QUOTE, {**COLLATERAL, member: mixed}) == [Code.CHAIN_INVALID]


@pytest.mark.parametrize(
    ("decisions", "code"),
    [
        ({"component_svns": lambda svn: bytes([svn[0] - 1]) + svn[1:]}, Code.PCK_SVN_INCONSISTENT),
        ({"pck_chain": lambda chain: chain[: chain.rindex("-----BEGIN")]}, Code.CHAIN_INVALID),
        ({"pck_chain": lambda chain: f"a remark\n{chain}"}, Code.QUOTE_MALFORMED),
        ({"pck_chain": lambda chain: chain.replace("\n", "\r\n")}, Code.QUOTE_MALFORMED),
    ],
)
def test_a_pck_chain_has_one_encoding_and_agrees_with_itself(decisions: dict[str, Any], code: Code) -> None:
    machine = platform(**decisions)
    assert codes(quote_of(machine), machine.collateral()) == [code]


def test_the_issuer_of_the_pck_revocation_list_must_be_genuine() -> None:
    chain = COLLATERAL["pck_crl_issuer_chain"]
    issuer = x509.load_pem_x509_certificate(chain.encode()).public_bytes(Encoding.DER)
    forged = x509.load_der_x509_certificate(flipped(issuer, -1)).public_bytes(Encoding.PEM).decode()
    members = {**COLLATERAL, "pck_crl_issuer_chain": forged + chain[chain.rindex("-----BEGIN") :]}
    assert codes(QUOTE, members) == [Code.CHAIN_INVALID]


def codes(quote: bytes, members: dict[str, str] = COLLATERAL) -> list[Code]:
    """Our codes, after making sure that the engine alone would have been content."""
    engine_form = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(members))
    dcap_qvl.verify_with_root_ca(quote, engine_form, HONEST.root_der(), int(NOW.timestamp()))
    return [problem.code for problem in judge_quote(quote, trust(members), NOW).problems]


def trust(members: dict[str, str]) -> Trust:
    return Trust(json.dumps(members), HONEST.root_der(), "test")


def bytes_of_chain() -> str:
    return QUOTE[QUOTE.index(b"-----BEGIN") :].rstrip(b"\0").decode()


def crl(member: str, issued: datetime, extensions: bool) -> str:
    """One of the platform's lists, signed by the right key, with one thing wrong."""
    key = derive_key(SEED, "root" if member == "root_ca_crl" else "platform-ca")
    honest = x509.load_der_x509_crl(bytes.fromhex(COLLATERAL[member]))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(honest.issuer)
        .last_update(issued.astimezone(UTC))
        .next_update(NOW + timedelta(days=30))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if extensions:
        builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER).hex()
