"""Every evidence format: told apart by itself, accepted when honest, rejected for its reason when one thing lies."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.attest import Code, Rejected, Report, verify
from harness.attest.adapters import NAMES, detect, read
from harness.attest.channel import ChannelBinding
from harness.attest.evidence import Evidence, Tokens
from harness.attest.tie import Tie
from mockserver.tee.eventlog import runtime_event
from tests.attest import formats
from tests.attest.formats import Document, der, device, dumped
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, no_gpus, platform, trust_in

OTHER = bytes(range(32))
DOCUMENTS: dict[str, Callable[[], Document]] = {
    "dstack": formats.dstack,
    "near": formats.near,
    "near direct": formats.near_entry,
    "chutes": formats.chutes,
    "relayed chutes": formats.relayed_chutes,
    "tinfoil-v3": formats.tinfoil,
    "tinfoil-v3 without GPU": lambda: formats.tinfoil(gpu=False),
    "voltage-verify": formats.bundle,
}
FIRST_WORD = {"near direct": "near", "relayed chutes": "chutes", "tinfoil-v3 without GPU": "tinfoil-v3"}


def test_formats_are_told_apart_by_the_document() -> None:
    found = {name: detect(dumped(make())).name for name, make in DOCUMENTS.items()}
    assert found == {name: FIRST_WORD.get(name, name) for name in DOCUMENTS}
    assert set(found.values()) | {"assay-bundle", "azure", "keylime", "nras", "quote"} == set(NAMES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_honest_evidence_of_every_format_is_accepted(name: str) -> None:
    reports = judged(DOCUMENTS[name]())
    assert [report.problems for report in reports] == [()] * len(reports)
    assert len(reports) == (3 if name == "near" else 1)


def test_a_quote_alone_binds_the_bare_challenge() -> None:
    quote = formats.quote_over(NONCE + bytes(32))
    for raw in (quote, quote.hex().encode(), b"0x" + quote.hex().upper().encode() + b"\n", base64.b64encode(quote)):
        assert detect(raw).name == "quote"
        assert [report.codes for report in judged_raw(raw)] == [()]
        assert [report.codes for report in judged_raw(raw, nonce=OTHER)] == [(Code.BINDING_MISMATCH,)]


@pytest.mark.parametrize(
    ("name", "ties"),
    [
        ("dstack", [Tie.SHARED_NONCE]),
        ("near", [Tie.NOT_PROVEN, Tie.SHARED_NONCE, Tie.NOT_PROVEN]),
        ("chutes", [Tie.SHARED_NONCE]),
        ("tinfoil-v3", [Tie.HASH_BOUND]),
        ("tinfoil-v3 without GPU", [Tie.NOT_PROVEN]),
        ("voltage-verify", [Tie.NOT_PROVEN]),
    ],
)
def test_the_tie_between_quote_and_gpu_is_told_and_not_more(name: str, ties: list[Tie]) -> None:
    assert [report.tie.tie for report in judged(DOCUMENTS[name]())] == ties


def test_a_measured_gpu_check_is_a_tie_only_when_the_log_replays() -> None:
    (named,) = judged_with_gpu_event()
    assert named.tie.tie is Tie.MEASURED_LAUNCHER
    document = formats.dstack()
    document.pop("nvidia_payload")
    document["event_log"] = [*document["event_log"][:-1], gpu_event(), document["event_log"][-1]]
    (forged, *_) = judged(document)
    assert forged.tie.tie is Tie.NOT_PROVEN


def edited(
    *path: str | int, value: Any = None, change: Callable[[Any], Any] | None = None
) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        node: Any = document
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = change(node[path[-1]]) if change else value

    return edit


OTHER_ECHO = json.dumps({**formats.payload(), "nonce": OTHER.hex()})
STALE_GPUS = json.dumps(formats.payload(OTHER))
NO_REQUEST = json.dumps({"evidence_list": [{**device(), "evidence": "AAAA"}]})
MANAGER = ("model_attestations", 0, "compose_manager_attestation")
TAMPERED: list[tuple[str, str, Callable[[Document], None], Code]] = [
    ("I07", "near direct", edited("signing_address", value="0x" + "11" * 20), Code.BINDING_MISMATCH),
    ("I13", "near direct", edited("tls_cert_fingerprint", value=formats.fingerprint().hex()), Code.BINDING_MISMATCH),
    ("I14", "near direct", edited("tls_cert_fingerprint", change=lambda fp: fp + "00"), Code.BINDING_MALFORMED),
    ("no fp", "near direct", edited("tls_cert_fingerprint"), Code.BINDING_MISMATCH),
    ("I05", "near direct", edited("request_nonce", value=OTHER.hex()), Code.NONCE_NOT_ECHOED),
    ("I26", "near direct", edited("quote", value="00" * 700), Code.EVIDENCE_INCONSISTENT),
    ("I32", "near direct", edited("report_data", value="00" * 64), Code.CLAIM_CONTRADICTED),
    (
        "second copy",
        "near direct",
        edited("info", "tcb_info", "compose_hash", value="00" * 32),
        Code.CLAIM_CONTRADICTED,
    ),
    ("I10", "near", edited("gateway_attestation", "signing_public_key", value="00" * 32), Code.KEY_ADDRESS_MISMATCH),
    ("I25", "near", edited("model_attestations", 0, "intel_quote", value="00"), Code.QUOTE_MALFORMED),
    ("I22", "near", edited("model_attestations", 0, "nvidia_payload", value=STALE_GPUS), Code.TIE_NONCE_MISMATCH),
    ("I28", "near", edited(*MANAGER, "actions_hash", value="00" * 32), Code.BINDING_MISMATCH),
    ("I22", "dstack", edited("nvidia_payload", value=STALE_GPUS), Code.TIE_NONCE_MISMATCH),
    ("GPU echo", "dstack", edited("nvidia_payload", value=OTHER_ECHO), Code.NONCE_NOT_ECHOED),
    (
        "one GPU stale",
        "dstack",
        edited("nvidia_payload", change=lambda text: with_second_stale(text)),
        Code.TIE_NONCE_MISMATCH,
    ),
    ("no SPDM", "dstack", edited("nvidia_payload", value=NO_REQUEST), Code.TIE_NONCE_MISMATCH),
    ("BND-10", "chutes", edited("instances", 0, "e2e_pubkey", value="AAAA"), Code.BINDING_MISMATCH),
    ("no key", "chutes", edited("instances", value=[]), Code.BINDING_MALFORMED),
    ("other key", "chutes", edited("evidence", 0, "instance_id", value="two"), Code.BINDING_MALFORMED),
    ("BND-11", "chutes", edited("evidence", 0, "certificate", value=formats.text_of(der(2))), Code.BINDING_MISMATCH),
    ("no cert", "chutes", edited("evidence", 0, "certificate"), Code.BINDING_MALFORMED),
    ("raw nonce", "chutes", edited("evidence", 0, "gpu_evidence", value=[device()]), Code.TIE_NONCE_MISMATCH),
    ("I17", "relayed chutes", edited("nonce", value=OTHER.hex()), Code.NONCE_NOT_ECHOED),
    ("I17", "relayed chutes", edited("all_attestations", 0, "nonce", value=OTHER.hex()), Code.NONCE_NOT_ECHOED),
    ("I19", "tinfoil-v3", edited("report_data", "hpke_key", value="11" * 32), Code.BINDING_MISMATCH),
    ("I20", "tinfoil-v3", edited("gpu", "evidences", value=[device(), device()]), Code.COMMITMENT_MISMATCH),
    ("BND-07", "tinfoil-v3", edited("report_data", "gpu_evidence_hash", value="11" * 32), Code.BINDING_MISMATCH),
    ("GPU hidden", "tinfoil-v3", edited("report_data", "gpu_evidence_hash"), Code.BINDING_MALFORMED),
    ("GPU added", "tinfoil-v3 without GPU", edited("gpu", value={"evidences": [device()]}), Code.BINDING_MALFORMED),
    ("switch added", "tinfoil-v3", edited("nvswitch", value={"evidences": []}), Code.BINDING_MALFORMED),
    ("I04", "tinfoil-v3", edited("report_data", "nonce", value=OTHER.hex()), Code.NONCE_NOT_ECHOED),
    ("cert", "tinfoil-v3", edited("certificate", value=formats.pem(2)), Code.COMMITMENT_MISMATCH),
    ("manifest", "voltage-verify", edited("manifest", "statement", value="other"), Code.BINDING_MISMATCH),
    ("challenge", "voltage-verify", edited("manifest", "challenge", value=OTHER.hex()), Code.COMMITMENT_MISMATCH),
    ("sha256", "voltage-verify", edited("commitments", "sha256", value="11" * 32), Code.COMMITMENT_MISMATCH),
    ("sha512", "voltage-verify", edited("commitments", "sha512", value="11" * 64), Code.COMMITMENT_MISMATCH),
    ("said", "voltage-verify", edited("tdx", "report_data_hex", value="11" * 64), Code.CLAIM_CONTRADICTED),
]


@pytest.mark.parametrize(("case", "name", "edit", "code"), TAMPERED, ids=lambda value: str(value)[:30])
def test_one_lie_is_rejected_for_its_reason(case: str, name: str, edit: Callable[[Document], None], code: Code) -> None:
    document = DOCUMENTS[name]()
    edit(document)
    codes = [code for report in judged(document) for code in report.codes]
    assert code in codes


def test_gpu_bytes_that_are_respelled_are_not_the_bytes_that_were_hashed() -> None:
    """BND-08: the meaning stays, the hash does not."""
    (report,) = judged_raw(json.dumps(formats.tinfoil(), indent=1).encode())
    assert report.codes == (Code.COMMITMENT_MISMATCH,)
    assert report.tie.tie is Tie.SHARED_NONCE


def test_a_manifest_that_is_respelled_is_the_same_manifest() -> None:
    (report,) = judged_raw(json.dumps(formats.bundle(), indent=1, sort_keys=True, ensure_ascii=True).encode())
    assert report.accepted


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("near direct", 1, ChannelBinding.BOUND),
        ("near direct", 2, ChannelBinding.MISMATCH),
        ("near direct", None, ChannelBinding.NOT_SEEN),
        ("tinfoil-v3", 1, ChannelBinding.BOUND),
        ("tinfoil-v3", 2, ChannelBinding.MISMATCH),
        ("chutes", 1, ChannelBinding.BOUND),
        ("chutes", 2, ChannelBinding.MISMATCH),
        ("dstack", 1, ChannelBinding.NOT_BOUND),
    ],
)
def test_the_certificate_of_the_connection_is_compared(name: str, number: int | None, expected: ChannelBinding) -> None:
    """BND-05, X-22: evidence of one machine, a connection that ends at another."""
    seen = None if number is None else der(number)
    (report,) = judged(DOCUMENTS[name](), certificate=seen)
    assert report.channel is expected
    assert (Code.CHANNEL_MISMATCH in report.codes) == (expected is ChannelBinding.MISMATCH)


@pytest.mark.parametrize("seen", [b"", b"0\x03\x02\x01\x05", der()[:-1]], ids=["empty", "no certificate", "cut short"])
def test_a_certificate_that_cannot_be_read_is_no_match(seen: bytes) -> None:
    (report,) = judged(formats.tinfoil(), certificate=seen)
    assert report.channel is ChannelBinding.MISMATCH


def test_tokens_are_read_and_the_wrapper_is_kept_apart() -> None:
    answer = formats.bundle()["nvidia"]["nras"]
    tokens = read(dumped(answer))
    assert isinstance(tokens, Tokens)
    assert (tokens.wrapper, tokens.devices) == ("e30.e30.AA", {"GPU-0": "e30.e30.AA"})
    assert json.loads(tokens.answer) == answer[1]["REMOTE_GPU_CLAIMS"]
    assert read(b"e30.e30.AA\n") == Tokens("nras", b"e30.e30.AA\n", "e30.e30.AA", {})


@pytest.mark.parametrize(
    "change",
    [
        ("chutes", edited("evidence", 0, "quote", value="AB==")),
        ("chutes", edited("evidence", 0, "quote", value="A-_A")),
        ("chutes", edited("evidence", 0, "certificate", value="AAAA")),
        ("chutes", edited("evidence", value=[])),
        ("tinfoil-v3", edited("cpu", "platform", value="sev-snp")),
        ("tinfoil-v3", edited("certificate", value="none")),
        ("voltage-verify", edited("manifest", "extra", value=0.5)),
        ("voltage-verify", edited("manifest", "extra", value=2**60)),
        ("voltage-verify", edited("manifest", "format", value="voltage-verify-manifest/2")),
        ("voltage-verify", edited("nvidia", "nras", value=[["JWT", "x"], {}])),
        ("near", edited("model_attestations", value={})),
    ],
    ids=lambda change: change[0],
)
def test_members_of_the_wrong_shape_are_malformed(change: tuple[str, Callable[[Document], None]]) -> None:
    document = DOCUMENTS[change[0]]()
    change[1](document)
    with pytest.raises(Rejected) as caught:
        read(dumped(document))
    assert caught.value.problem.code is Code.EVIDENCE_MALFORMED


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"7", b'{"signing_address": "0x00"}', b'"text"'])
def test_other_documents_are_not_recognised(raw: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        read(raw)
    assert caught.value.problem.code is Code.EVIDENCE_UNRECOGNISED


def with_second_stale(text: str) -> str:
    listed = json.loads(text)
    listed["evidence_list"][1] = device(OTHER)
    return json.dumps(listed)


def gpu_event() -> Document:
    return runtime_event("gpu-attestation", b"ok")


def judged_with_gpu_event() -> list[Report]:
    def measured(events: list[Document]) -> list[Document]:
        return [*events[:-1], gpu_event(), events[-1]]

    machine = platform(events_measured=measured, gpu_payload=no_gpus)
    return judged(machine.report(MODEL, NONCE))


def judged(document: Document, certificate: bytes | None = None) -> list[Report]:
    return judged_raw(dumped(copy.deepcopy(document)), certificate)


def judged_raw(raw: bytes, certificate: bytes | None = None, nonce: bytes = NONCE) -> list[Report]:
    machines = read(raw)
    assert isinstance(machines, tuple)
    assert all(isinstance(machine, Evidence) and machine.raw == raw for machine in machines)
    return [verify(machine, trust_in(HONEST), nonce, NOW, certificate=certificate) for machine in machines]
