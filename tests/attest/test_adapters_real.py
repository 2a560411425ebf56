"""Real captures: adapters read them, their bindings hold, and a change in them is found."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from harness.attest import Code, Report, verify
from harness.attest.adapters import detect, read
from harness.attest.evidence import Evidence, Tokens
from harness.attest.gpu.token import TokenTrust, verify_token
from harness.attest.tpm import judge_tpm, read_attested
from tests.attest.test_vectors import FOLDER, vector

BUNDLES = FOLDER.parent / "bundles" / "voltage-verify"
AZURE = "azure-tdx-v4-septve-00806f"
CHALLENGE = b"challenge"  # what the vTPM of the capture signed
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no vectors at {FOLDER}; set ASSAY_VECTORS")
DSTACK = [("dstack-quote-report-90c06f", "quote-report.json"), ("dstack-tdx-lite-90c06f", "tdx-lite-getquote.json")]


@pytest.mark.parametrize(("name", "file"), DSTACK)
def test_a_dstack_guests_answer_verifies_as_a_whole(name: str, file: str) -> None:
    raw = (FOLDER / name / file).read_bytes()
    report = judged(name, raw, bytes.fromhex(json.loads(raw)["report_data"]))
    assert (report.problems, detect(raw).name) == ((), "dstack")
    assert any("all four RTMRs replay" in line for line in report.proven)


@pytest.mark.parametrize(("name", "file"), DSTACK)
def test_a_forged_payload_in_a_real_log_is_found(name: str, file: str) -> None:
    document = json.loads((FOLDER / name / file).read_text())
    events = json.loads(document["event_log"])
    (app_id,) = [event for event in events if event["event"] == "app-id"]
    app_id["event_payload"] = "11" * 20
    raw = json.dumps({**document, "event_log": json.dumps(events)}).encode()
    report = judged(name, raw, bytes.fromhex(document["report_data"]))
    # the newer guest leaves the digests of runtime events out, so there the register alone contradicts the payload
    left_out = not app_id["digest"]
    assert report.codes == (Code.EVENTLOG_REPLAY_MISMATCH if left_out else Code.EVENTLOG_DIGEST_MISMATCH,)


def test_azures_chain_from_quote_to_vtpm_to_challenge_holds() -> None:
    report = judged(AZURE, azure(), CHALLENGE)
    # the state of the platform is the policy's affair; the binding has no part in it
    assert set(report.codes) == {Code.TD_SEPT_VE, Code.TCB_OUT_OF_DATE}
    (machine,) = machines(azure())
    assert machine.tpm is not None
    assert read_attested(machine.tpm.message).extra == CHALLENGE
    assert list(judge_tpm(machine.tpm)) == []


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("I35 runtime data edited", Code.BINDING_MISMATCH),
        ("I37 challenge of somebody else", Code.COMMITMENT_MISMATCH),
        ("vTPM signature broken", Code.TPM_SIGNATURE_INVALID),
        ("vTPM message edited", Code.TPM_SIGNATURE_INVALID),
        ("register edited", Code.TPM_REGISTERS_MISMATCH),
    ],
)
def test_a_broken_link_of_azures_chain_is_found(case: str, code: Code) -> None:
    document = json.loads(azure())
    tpm = document["tpm_quote"]
    if case.startswith("I35"):
        document["hcl_report"] = respelled(document["hcl_report"])
    elif "signature" in case:
        tpm["signature"] = flipped(tpm["signature"])
    elif "message" in case:
        tpm["message"] = flipped(tpm["message"])
    elif "register" in case:
        tpm["pcrs"][0] = flipped(tpm["pcrs"][0])
    nonce = b"another" if case.startswith("I37") else CHALLENGE
    assert code in judged(AZURE, json.dumps(document).encode(), nonce).codes


def test_a_bare_quote_of_a_real_machine_binds_what_its_maker_hashed() -> None:
    raw = (BUNDLES / "quote_h200_2026-09-04.bin").read_bytes()
    bound = (BUNDLES / "report_data_h200_2026-09-04.bin").read_bytes()
    (machine,) = machines(raw)
    assert machine.scheme.judge({"nonce": bound}, machine.quote[568:632]) == []
    assert machine.scheme.judge({"nonce": bound[:32]}, machine.quote[568:632]) != []


@pytest.mark.parametrize(
    ("file", "count"), [("nras_h200_2026-09-04.json", 1), ("nras_ppcie_8xh100_2026-09-10.json", 8)]
)
def test_real_answers_of_nvidias_service_are_unwrapped(file: str, count: int) -> None:
    tokens = read((BUNDLES / file).read_bytes())
    assert isinstance(tokens, Tokens)
    assert (len(tokens.devices), tokens.wrapper is None) == (count, False)
    claims = json.loads(base64.urlsafe_b64decode(tokens.overall.split(".")[1] + "=="))
    first = hashlib.sha256(tokens.devices["GPU-0"].encode()).hexdigest()
    assert claims["submods"]["GPU-0"][1][1] == first  # the tokens are taken over character for character


def test_a_real_answer_is_accepted_by_the_keys_of_its_day() -> None:
    tokens = read((BUNDLES / "nras_ppcie_8xh100_2026-09-10.json").read_bytes())
    assert isinstance(tokens, Tokens)
    claims = json.loads(base64.urlsafe_b64decode(tokens.overall.split(".")[1] + "=="))
    nonce, at = bytes.fromhex(claims["eat_nonce"]), datetime.fromtimestamp(claims["iat"] + 10, UTC)
    jwks = (BUNDLES / "nras_jwks_2026-09-12.json").read_bytes()
    first = verify_token(tokens.answer, TokenTrust(jwks), nonce, at, 8)
    assert (first.problems, len(set(first.ueids)), len(first.pins)) == ((), 8, 1)
    pinned = TokenTrust(jwks, frozenset(first.pins))
    assert verify_token(tokens.answer, pinned, nonce, at, 8).accepted
    assert not verify_token(tokens.answer, pinned, bytes(32), at, 8).accepted
    assert not verify_token(tokens.answer, pinned, nonce, at + timedelta(hours=2), 8).accepted
    assert not verify_token(tokens.answer, TokenTrust(jwks, frozenset({"00" * 32})), nonce, at, 8).accepted
    other_day = TokenTrust((BUNDLES / "nras_jwks_2026-10-22_two_intermediates.json").read_bytes())
    assert {problem.code for problem in verify_token(tokens.answer, other_day, nonce, at, 8).problems} == {
        Code.NRAS_KID
    }


def judged(name: str, raw: bytes, nonce: bytes) -> Report:
    _, _, trust, at = vector(name)
    (machine,) = machines(raw)
    return verify(machine, trust, nonce, at)


def machines(raw: bytes) -> tuple[Evidence, ...]:
    found = read(raw)
    assert isinstance(found, tuple)
    return found


def azure() -> bytes:
    return (FOLDER / AZURE / "evidence-v1.json").read_bytes()


def respelled(report: str) -> str:
    data = base64.urlsafe_b64decode(report + "=" * (-len(report) % 4))
    return base64.urlsafe_b64encode(data.replace(b'"secure-boot":true', b'"secure-boot":null')).decode()


def flipped(text: str) -> str:
    """One bit in the middle of the hex."""
    at = len(text) // 4 * 2
    return text[:at] + f"{int(text[at], 16) ^ 1:x}" + text[at + 1 :]
