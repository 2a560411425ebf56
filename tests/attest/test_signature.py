"""Signed answers: the bytes, the key and the form of the signature are each checked for themselves."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attest import Code, Rejected
from harness.attest.secp256k1 import keccak256, recover_address
from harness.attest.signature import judge_signature, read_signature
from tests.attest.formats import dumped
from tests.attest.lab import HONEST, MODEL, evidence_of

REQUEST = b'{"model": "m", "stream": true}'
RESPONSE = b'data: {"id":"chatcmpl-1"}\n\ndata: [DONE]\n\n'
TEXT = f"{hashlib.sha256(REQUEST).hexdigest()}:{hashlib.sha256(RESPONSE).hexdigest()}"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def document(algo: str = "ecdsa", model: str = MODEL) -> dict[str, Any]:
    address = HONEST.signer(model, algo).address
    return {
        "text": TEXT,
        "signature": HONEST.sign(model, TEXT, algo),
        "signing_address": address,
        "signing_algo": algo,
    }


def codes(
    answer: dict[str, Any], request: bytes = REQUEST, response: bytes = RESPONSE, algo: str = "ecdsa"
) -> list[Code]:
    attested = evidence_of(HONEST, algo=algo).fields["address"]
    return [problem.code for problem in judge_signature(read_signature(dumped(answer)), request, response, attested)]


def test_a_message_signed_elsewhere_gives_its_signers_address() -> None:
    """The example of eth-account's documentation."""
    signature = bytes.fromhex(
        "e6ca9bba58c88611fad66a6ce8f996908195593807c4b38bd528d2cff09d4eb3"
        "3e5bfbbf4d3e39b1a2fd816a7680c19ebebaf3a141b239934ad43cb33fcec8ce1c"
    )
    assert recover_address("I♥SF".encode(), signature).hex() == "5ce9454909639d2d17a3f753ce7d93fa0b9ab12e"


@pytest.mark.parametrize("algo", ["ecdsa", "ed25519"])
def test_an_honest_answer_is_signed_by_the_attested_key(algo: str) -> None:
    assert codes(document(algo), algo=algo) == []


def test_v_may_count_from_zero_and_the_prefix_may_be_left_out() -> None:
    signature = bytes.fromhex(document()["signature"][2:])
    zero_based = {**document(), "signature": (signature[:64] + bytes((signature[64] - 27,))).hex()}
    assert codes(zero_based) == []


@pytest.mark.parametrize("algo", ["ecdsa", "ed25519"])
def test_every_byte_of_request_and_response_counts(algo: str) -> None:
    respelled = json.dumps(json.loads(REQUEST), separators=(",", ":")).encode()
    assert codes(document(algo), request=respelled, algo=algo) == [Code.ANSWER_REQUEST_MISMATCH]
    assert codes(document(algo), response=RESPONSE[:-1], algo=algo) == [Code.ANSWER_RESPONSE_MISMATCH]
    assert codes(document(algo), response=RESPONSE.replace(b"data: ", b""), algo=algo) == [
        Code.ANSWER_RESPONSE_MISMATCH
    ]


@pytest.mark.parametrize("algo", ["ecdsa", "ed25519"])
def test_another_key_is_not_the_attested_one(algo: str) -> None:
    """I11: a genuine signature, by a key that no evidence binds."""
    assert codes(document(algo, "another/model"), algo=algo) == [Code.ANSWER_KEY_UNATTESTED]


def test_the_address_of_the_attested_key_over_another_keys_signature() -> None:
    mixed = {**document(), "signature": document(model="another/model")["signature"]}
    assert codes(mixed) == [Code.ANSWER_SIGNATURE_INVALID]


def test_without_evidence_no_key_is_attested() -> None:
    (problem,) = judge_signature(read_signature(dumped(document())), REQUEST, RESPONSE, None)
    assert problem.code is Code.ANSWER_KEY_UNATTESTED


def test_a_signature_over_the_bare_text_is_no_personal_message() -> None:
    """Without the prefix of EIP-191 a signer could be led to sign a transaction."""
    key = HONEST.signer(MODEL, "ecdsa").private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(keccak256(TEXT.encode()), ec.ECDSA(Prehashed(SHA256()))))
    for v in (27, 28):
        signature = (r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((v,))).hex()
        assert codes({**document(), "signature": signature}) == [Code.ANSWER_SIGNATURE_INVALID]


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("text", TEXT.upper(), Code.ANSWER_MALFORMED),
        ("text", TEXT.replace(":", ""), Code.ANSWER_MALFORMED),
        ("text", TEXT + "\n", Code.ANSWER_MALFORMED),
        ("text", None, Code.ANSWER_MALFORMED),
        ("signature", "zz", Code.ANSWER_MALFORMED),
        ("signing_address", 7, Code.ANSWER_MALFORMED),
        ("signing_algo", "rsa", Code.ANSWER_ALGORITHM_UNSUPPORTED),
        ("signing_algo", ["ecdsa"], Code.ANSWER_ALGORITHM_UNSUPPORTED),
    ],
)
def test_an_answer_of_the_wrong_shape_is_told(member: str, value: Any, code: Code) -> None:
    with pytest.raises(Rejected) as caught:
        read_signature(dumped({**document(), member: value}))
    assert caught.value.problem.code is code


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b" " * 100_000, b'{"text":"a","text":"b"}'], ids=["none", "list", "long", "twice"]
)
def test_bytes_that_are_no_answer_are_malformed(raw: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        read_signature(raw)
    assert caught.value.problem.code is Code.ANSWER_MALFORMED


@pytest.mark.parametrize("algo", ["ecdsa", "ed25519"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_flipped_bit_of_a_signature_is_accepted(algo: str, data: st.DataObject) -> None:
    raw = bytearray.fromhex(document(algo)["signature"].removeprefix("0x"))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    found = codes({**document(algo), "signature": raw.hex()}, algo=algo)
    zero_based = algo == "ecdsa" and raw[64] in (0, 1)
    assert found == [Code.ANSWER_SIGNATURE_INVALID] or zero_based


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.binary(max_size=70), st.sampled_from([0, 1, ORDER - 1, ORDER, 2**256 - 1]), st.integers(0, 255))
def test_no_signature_crashes_the_recovery(message: bytes, edge: int, last: int) -> None:
    for r, s in ((edge, 5), (5, edge), (edge, edge)):
        with contextlib.suppress(ValueError):
            assert len(recover_address(message, r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((last,)))) == 20
