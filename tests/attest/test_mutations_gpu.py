"""Random damage to GPU evidence: nothing damaged is accepted and nothing crashes a judge."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attest import Code
from tests.attest.gpu_lab import DRIVER_RIM, scene, serial, token_scene
from tests.attest.lab import flipped

MANY = settings(max_examples=120, deadline=None, derandomize=True)
FEW = settings(max_examples=50, deadline=None, derandomize=True)
bit = st.integers(0, 7).map(lambda n: 1 << n)
where = st.floats(0, 1, exclude_max=True)
SCENE, TOKENS = scene(), token_scene()
REPORT, PEM = SCENE.device.report(SCENE.nonce), SCENE.device.pem()
RIM = SCENE.rims[DRIVER_RIM]
RESPONSE = SCENE.ocsp[serial(SCENE.device.chain[1].certificate)]
PAYLOAD = json.dumps({**SCENE.payload, "evidence_list": SCENE.gpus}).encode()
ANSWER = json.dumps([["JWT", TOKENS.service.sign(TOKENS.overall())], TOKENS.texts]).encode()


def damaged(raw: bytes, at: float, mask: int) -> bytes:
    return flipped(raw, int(at * len(raw)), mask)


@MANY
@given(where, bit)
def test_no_flipped_bit_of_a_report_is_accepted(at: float, mask: int) -> None:
    found = scene()
    found.show(found.device, damaged(REPORT, at, mask))
    assert not found.judge().accepted


@MANY
@given(where, bit)
def test_no_flipped_bit_of_a_chain_is_accepted_unless_it_says_the_same(at: float, mask: int) -> None:
    changed = damaged(PEM, at, mask)
    found = scene()
    found.show(found.device, pem=changed)
    assert not found.judge().accepted or changed.split() == PEM.split()


@MANY
@given(where, bit)
def test_no_flipped_bit_of_a_certificate_is_accepted(at: float, mask: int) -> None:
    der = damaged(SCENE.device.chain[0].der(), at, mask)
    text = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
    found = scene()
    found.show(found.device, pem=text + b"".join(holder.pem() for holder in found.device.chain[1:]))
    assert not found.judge().accepted


@MANY
@given(where, bit)
def test_no_flipped_bit_of_a_manifest_is_accepted_unless_it_says_the_same(at: float, mask: int) -> None:
    """White space inside base64 text may become another white space."""
    changed = damaged(RIM, at, mask)
    found = scene()
    found.rims[DRIVER_RIM] = changed
    assert not found.judge().accepted or changed.split() == RIM.split()


@MANY
@given(where, bit)
def test_no_flipped_bit_of_a_response_is_accepted(at: float, mask: int) -> None:
    found = scene()
    name = serial(found.device.chain[1].certificate)
    found.ocsp[name] = damaged(RESPONSE, at, mask)
    assert not found.judge().accepted


@MANY
@given(where, bit)
def test_no_flipped_bit_of_an_answer_is_accepted(at: float, mask: int) -> None:
    changed = damaged(ANSWER, at, mask)
    found = token_scene()
    found.raw = changed
    assert not found.judge().accepted or _same_json(changed, ANSWER)


@FEW
@given(st.binary(max_size=5000))
def test_random_bytes_are_rejected_wherever_they_stand(raw: bytes) -> None:
    def as_report() -> Code:
        found = scene()
        found.show(found.device, raw)
        return found.judge().code

    def as_chain() -> Code:
        found = scene()
        found.show(found.device, pem=raw)
        return found.judge().code

    def as_manifest() -> Code:
        found = scene()
        found.rims[DRIVER_RIM] = raw
        return found.judge().code

    def as_response() -> Code:
        found = scene()
        found.ocsp = dict.fromkeys(found.ocsp, raw)
        return found.judge().code

    def as_payload() -> Code:
        found = scene()
        found.raw = raw
        return found.judge().code

    places: tuple[Callable[[], Code], ...] = (as_report, as_chain, as_manifest, as_response, as_payload)
    assert Code.ACCEPTED not in [place() for place in places]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@FEW
@given(
    st.sampled_from(["nonce", "arch", "evidence_list"]),
    st.sampled_from(["", "evidence", "certificate", "arch", "nonce"]),
    json_values,
)
def test_no_odd_value_in_a_payload_crashes(member: str, inner: str, value: object) -> None:
    found = scene()
    document = json.loads(PAYLOAD)
    if inner:
        document["evidence_list"][0][inner] = value
    else:
        document[member] = value
    found.raw = json.dumps(document).encode()
    assert not found.judge().accepted or _substance(document) == _substance(json.loads(PAYLOAD))


@FEW
@given(st.sampled_from(sorted(TOKENS.claims())), json_values)
def test_no_odd_claim_crashes(name: str, value: object) -> None:
    found = token_scene()
    found.detach(**{name: value})
    harmless = ("jti", "hwmodel", "oemid", "x-nvidia-gpu-driver-version")
    left_out = value is None and name.endswith("version-match")  # claims 2.0 do not make it
    same = found.claims(**{name: value}) == found.claims()
    assert not found.judge().accepted or name in harmless or left_out or same


def test_the_undamaged_evidence_is_accepted() -> None:
    assert scene().judge().accepted
    assert token_scene().judge().accepted


def _same_json(left: bytes, right: bytes) -> bool:
    try:
        return bool(json.loads(left) == json.loads(right))
    except ValueError:
        return False


def _substance(document: dict[str, object]) -> object:
    """What is judged: the entries with their arch. The nonce may be left out, what is repeated proves nothing."""
    listed = document.get("evidence_list")
    if not isinstance(listed, list):
        return None
    return [(e.get("arch") or document.get("arch"), e.get("evidence"), e.get("certificate")) for e in listed]


@pytest.mark.parametrize("length", range(0, len(REPORT), 97))
def test_no_truncated_report_is_accepted(length: int) -> None:
    found = scene()
    found.show(found.device, REPORT[:length])
    assert not found.judge().accepted
