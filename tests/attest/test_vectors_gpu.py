"""Real GPU and switch evidence under NVIDIA's roots: every stored file gets the outcome that is on record for it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.attest import Code
from harness.attest.gpu import GpuPolicy, report, verify_gpu
from harness.attest.gpu.policy import OFF
from harness.attest.gpu.token import TokenTrust, verify_token
from tests.attest import gpu_vectors as vectors
from tests.attest.gpu_vectors import DRIVER_RIM, VBIOS_RIM

TODAY = datetime(2026, 11, 20, tzinfo=UTC)
THEN = datetime(2026, 2, 15, tzinfo=UTC)  # when the reference values of the sample still held
ALONE = GpuPolicy(rims=OFF, ocsp=OFF)
OLD = GpuPolicy(rims=OFF, ocsp=OFF, require_fwid=False)
HOPPER, BLACKWELL, SWITCH = "HOPPER", "BLACKWELL", "LS10"
SDK, SAMPLE = "nvidia-sdk/", "nvidia-sdk/sample/"
PAIRS = [
    ("nvidia-wheel/hopperAttestationReport.txt", "nvidia-wheel/hopperCertChain.txt", HOPPER, "accepted"),
    (
        "nvidia-wheel/hopperAttestationReport.txt",
        "nvidia-wheel/hopperCertChain.txt",
        BLACKWELL,
        "chain.family_mismatch",
    ),
    ("nvidia-wheel/hopperAttestationReport.txt", SDK + "hopperCertChain.txt", HOPPER, "report.signature_invalid"),
    (SDK + "hopperAttestationReport.txt", SDK + "hopperCertChain.txt", HOPPER, "accepted"),
    (SDK + "switchAttestationReport.txt", SDK + "switchCertChain.txt", SWITCH, "accepted"),
    (SAMPLE + "blackwellAttestationReport.txt", SAMPLE + "blackwellCertChain.txt", BLACKWELL, "accepted"),
    (SAMPLE + "hopperAttestationReport.txt", SAMPLE + "hopperCertChain.txt", HOPPER, "report.fwid_missing"),
    (SAMPLE + "hopperAttestationReportExpired.txt", SAMPLE + "hopperCertChainExpired.txt", HOPPER, "accepted"),
    (
        SAMPLE + "hopperAttestationReportInvalidSignature.txt",
        SAMPLE + "hopperCertChain.txt",
        HOPPER,
        "report.signature_invalid",
    ),
    (SAMPLE + "switchAttestationReport.txt", SAMPLE + "switchCertChain.txt", SWITCH, "accepted"),
    (
        SAMPLE + "switchAttestationReportInvalidSignature.txt",
        SAMPLE + "switchCertChain.txt",
        SWITCH,
        "report.signature_invalid",
    ),
    ("trustee/hopper_coco_report1.txt", "trustee/hopper_coco_certs1.txt", HOPPER, "report.trailing_bytes"),
    ("nvidia-wheel/hopperAttestationReport.txt", "trustee/hopper_cert_chain_case2.txt", HOPPER, "chain.length"),
    ("nvidia-wheel/hopperAttestationReport.txt", "trustee/hopper_cert_chain_case3.txt", HOPPER, "chain.length"),
    ("nvidia-wheel/hopperAttestationReport.txt", "trustee/hopper_cert_chain_case4.txt", HOPPER, "chain.length"),
]
LISTS = [
    (SDK + "hopper_evidence.json", Code.ACCEPTED),
    (SDK + "hopper_evidence_cert_hold.json", Code.ACCEPTED),
    (SDK + "evidence_hopper_590_12.json", Code.ACCEPTED),
    (SDK + "multi_gpu_hopper.json", Code.ACCEPTED),
    (SDK + "switch_evidence_ls10.json", Code.ACCEPTED),
    (SDK + "multi_switch_ls10.json", Code.SET_DUPLICATE_DEVICE),
    ("veraison/blackwell-evidence.json", Code.ACCEPTED),
]
pytestmark = pytest.mark.skipif(not vectors.FOLDER.is_dir(), reason=vectors.MISSING)


@pytest.mark.parametrize(("report_name", "chain_name", "arch", "code"), PAIRS)
def test_a_stored_report_gets_its_outcome(report_name: str, chain_name: str, arch: str, code: str) -> None:
    raw, pem = vectors.hexed(report_name), vectors.binary(chain_name)
    policy = GpuPolicy(rims=OFF, ocsp=OFF, archs=frozenset({arch}))
    judged = verify_gpu(vectors.payload((raw, pem), arch=arch), vectors.trust(), raw[4:36], TODAY, policy)
    assert judged.code == code


def test_a_driver_without_firmware_id_passes_only_where_the_policy_says_so() -> None:
    raw = vectors.hexed(SAMPLE + "hopperAttestationReport.txt")
    evidence = vectors.payload((raw, vectors.binary(SAMPLE + "hopperCertChain.txt")), arch=HOPPER)
    assert verify_gpu(evidence, vectors.trust(), raw[4:36], TODAY, OLD).accepted


def test_the_report_with_a_nul_is_good_without_it() -> None:
    raw = vectors.hexed("trustee/hopper_coco_report1.txt")[:-1]
    evidence = vectors.payload((raw, vectors.binary("trustee/hopper_coco_certs1.txt")), arch=HOPPER)
    assert verify_gpu(evidence, vectors.trust(), raw[4:36], TODAY, ALONE).accepted


@pytest.mark.parametrize(("name", "code"), LISTS)
def test_a_stored_evidence_list_gets_its_outcome(name: str, code: Code) -> None:
    raw = vectors.binary(name)
    listed = json.loads(raw)
    nonce = base64.b64decode(listed[0]["evidence"])[4:36]
    policy = GpuPolicy(rims=OFF, ocsp=OFF, archs=frozenset({listed[0]["arch"]}))
    judged = verify_gpu(raw, vectors.trust(), nonce, TODAY, policy)
    assert judged.code is code
    assert not judged.accepted or len({device.pdi for device in judged.gpus}) == len(listed)


@pytest.mark.parametrize("name", ["multi_switch_ls10.json"])
def test_each_copy_alone_is_good(name: str) -> None:
    for item in json.loads(vectors.binary(SDK + name)):
        nonce = base64.b64decode(item["evidence"])[4:36]
        policy = GpuPolicy(rims=OFF, ocsp=OFF, archs=frozenset({SWITCH}))
        assert verify_gpu(json.dumps([item]).encode(), vectors.trust(), nonce, TODAY, policy).accepted


def test_the_sample_matches_its_reference_values() -> None:
    judged = _sample(_sample_trust(), THEN)
    assert (judged.problems, judged.gpus[0].compared, judged.test_roots) == ((), 33, False)


def test_the_sample_fails_for_its_reference_values_today() -> None:
    assert {problem.code for problem in _sample(_sample_trust(), TODAY).problems} == {Code.RIM_CHAIN_EXPIRED}


def test_a_board_of_eight_gpus_and_four_switches_closes() -> None:
    assert _board(lambda gpus, switches: None).accepted


def _drop_gpu(gpus: list[Any], switches: list[Any]) -> None:
    gpus.pop()


def _copy_switch(gpus: list[Any], switches: list[Any]) -> None:
    switches[3] = switches[0]


def _foreign_switch(gpus: list[Any], switches: list[Any]) -> None:
    foreign = vectors.hexed(SDK + "switchAttestationReport.txt"), vectors.binary(SDK + "switchCertChain.txt")
    switches[3] = foreign


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_drop_gpu, Code.TOPOLOGY_GPU_SET),
        (_copy_switch, Code.SET_DUPLICATE_DEVICE),
        (_foreign_switch, Code.REPORT_NONCE_MISMATCH),
    ],
)
def test_a_board_with_a_fault_does_not(change: Any, code: Code) -> None:
    assert _board(change).code is code


def test_eight_blackwells_are_accepted() -> None:
    gpus, _ = vectors.board("test_mpt_data.json")
    judged = verify_gpu(
        vectors.payload(*gpus, arch=BLACKWELL),
        vectors.trust(),
        gpus[0][0][4:36],
        TODAY,
        GpuPolicy(rims=OFF, gpu_count=8),
    )
    assert (judged.problems, {device.mode for device in judged.gpus}) == ((), {"MPT"})


def test_the_loose_switch_report_belongs_to_switch_one_of_the_board() -> None:
    raw = vectors.binary("google/test_raw_switch_attestation_report.dat")
    policy = GpuPolicy(rims=OFF, ocsp=OFF, archs=frozenset({SWITCH}))
    outcomes = []
    for pem in (
        vectors.binary("google/test_switch_attestation_certificate_chain.dat"),
        vectors.board("test_ppcie_data.json")[1][1][1],
    ):
        evidence = vectors.payload((raw, pem), arch=SWITCH)
        outcomes.append(verify_gpu(evidence, vectors.trust(), raw[4:36], TODAY, policy).code)
    assert outcomes == [Code.REPORT_SIGNATURE_INVALID, Code.ACCEPTED]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nvidia-sdk/sample/hopperClaimsv3_detached_eat.json", Code.NRAS_KID),
        ("nvidia-sdk/sample/switch_detached_eat.json", Code.NRAS_KID),
        ("dstack/gpu_attestation_h100.json", Code.NRAS_ALG),
    ],
)
def test_a_stored_token_is_refused_without_its_keys(name: str, code: Code) -> None:
    judged = verify_token(vectors.binary(name), TokenTrust(b'{"keys": []}'), bytes(32), TODAY)
    assert judged.code is code


@pytest.mark.parametrize(
    ("name", "stored"), [("hopper", "spdm_parsed_output"), ("switch", "switch_spdm_parsed_output")]
)
def test_a_report_is_read_as_nvidia_reads_it(name: str, stored: str) -> None:
    read = report.read(vectors.hexed(f"{SDK}{name}AttestationReport.txt"))
    expected = json.loads(vectors.binary(f"{SDK}{stored}.json"))
    blocks = expected["MeasurementRecord"]["MeasurementBlocks"]
    values = {int(n) - 1: block["DMTFSpecMeasurementValue"] for n, block in blocks.items()}
    assert {n: f"0x{value.hex()}" for n, value in read.measurements.items()} == values
    assert f"0x{read.signature.hex()}" == expected["Signature"]


def _sample_trust() -> Any:
    return vectors.trust(NV_GPU_DRIVER_GH100_550__90__07=DRIVER_RIM, NV_GPU_VBIOS_1010_0200_882_96009F0001=VBIOS_RIM)


def _sample(trust: Any, at: datetime) -> Any:
    raw = vectors.binary("google/test_raw_gpu_attestation_report.dat")
    pem = vectors.binary("google/test_gpu_attestation_certificate_chain.dat")
    return verify_gpu(vectors.payload((raw, pem), arch=HOPPER), trust, raw[4:36], at)


def _board(change: Any) -> Any:
    gpus, switches = (list(devices) for devices in vectors.board("test_ppcie_data.json"))
    nonce = gpus[0][0][4:36]
    change(gpus, switches)
    fabric = vectors.payload(*switches, arch=SWITCH)
    return verify_gpu(vectors.payload(*gpus, arch=HOPPER), vectors.trust(), nonce, TODAY, ALONE, fabric)
