"""`assay attest` as typed: exit codes, the JSON that machines read, and first lines that admit test roots."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.collect import dstack
from tests.attest import gpu_lab
from tests.attest.lab import HONEST, LATER, MODEL, NONCE, NOW, flipped, platform, quote_of
from tests.collect.lab import agent, dstack_answers

AT = ("--at", NOW.isoformat())


def assay(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["attest", *map(str, arguments)])


def said(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = assay(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    HONEST.export_trust(tmp_path / "trust")
    return tmp_path / "trust"


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        (tmp_path / "evidence").write_bytes(data)
        return tmp_path / "evidence"

    return write


def report(**change: Any) -> bytes:
    return json.dumps({**HONEST.report(MODEL, NONCE), **change}).encode()


def test_a_bare_quote_must_be_genuine_and_a_document_also_current(
    keep: Callable[[bytes], Path], tmp_path: Path
) -> None:
    behind = platform(tcb_status="OutOfDate", tcb_advisories=("INTEL-SA-00001",))
    behind.export_trust(tmp_path / "trust")
    result = assay("verify", "--quote", keep(quote_of(behind)), "--trust", tmp_path / "trust", *AT)
    assert (result.exit_code, result.stdout.splitlines()[1]) == (0, "accepted")
    assert "TCB status OutOfDate" in result.stdout
    assert "INTEL-SA-00001" in result.stdout
    whole = keep(json.dumps(behind.report(MODEL, NONCE)).encode())
    code, document = said("verify", whole, "--trust", tmp_path / "trust", "--nonce", NONCE.hex(), *AT)
    assert (code, document["code"]) == (1, "tcb.out_of_date")


@pytest.mark.parametrize("form", [bytes, bytes.hex, base64.b64encode])
def test_a_bare_quote_is_accepted_under_its_root(
    keep: Callable[[bytes], Path], trust: Path, form: Callable[[bytes], Any]
) -> None:
    formed = form(quote_of(HONEST))
    path = keep(formed.encode() if isinstance(formed, str) else formed)
    anchors = ("--collateral", trust / "collateral.json", "--root", trust / "root.der")
    code, document = said("verify", "--quote", path, *anchors, "--at", int(NOW.timestamp()))
    assert (code, document["verdict"], document["code"], document["status"]) == (0, "accepted", "accepted", "UpToDate")
    assert (document["test_roots"], document["claims"]["policy"]) == (True, "genuine")
    assert document["unjudged"] == ["what the report data binds: no nonce was given"]


def test_a_test_root_is_no_root_unless_it_is_given(keep: Callable[[bytes], Path], trust: Path) -> None:
    collateral = ("--collateral", trust / "collateral.json")
    code, document = said("verify", "--quote", keep(quote_of(HONEST)), *collateral, *AT)
    assert (code, document["verdict"], document["code"]) == (1, "rejected", "root.untrusted")


@pytest.mark.parametrize(
    ("quote", "options", "exit_code", "code"),
    [
        pytest.param(flipped(quote_of(HONEST), 600), AT, 1, "quote.signature_invalid", id="forged"),
        pytest.param(quote_of(HONEST), ("--at", LATER.isoformat()), 1, "crl.expired", id="late"),
        pytest.param(quote_of(HONEST)[:700], AT, 2, "quote.malformed", id="cut"),
        pytest.param(b"no quote", AT, 2, "quote.malformed", id="text"),
        pytest.param(b"", AT, 2, "quote.malformed", id="empty"),
        # dstack binds a key beside the nonce, so its quote alone is over something else
        pytest.param(quote_of(HONEST), (*AT, "--nonce", NONCE.hex()), 1, "binding.mismatch", id="bound"),
        pytest.param(quote_of(HONEST), (*AT, "--policy", "strict"), 1, "policy.refused", id="strict"),
    ],
)
def test_what_is_wrong_with_a_quote_is_its_code(
    keep: Callable[[bytes], Path], trust: Path, quote: bytes, options: tuple[str, ...], exit_code: int, code: str
) -> None:
    found, document = said("verify", "--quote", keep(quote), "--trust", trust, *options)
    assert (found, document["code"]) == (exit_code, code)


def test_a_report_is_accepted_for_its_nonce_and_no_other(keep: Callable[[bytes], Path], trust: Path) -> None:
    path = keep(report())
    code, document = said("verify", path, "--trust", trust, *AT, "--nonce", NONCE.hex())
    assert (code, document["claims"]["format"], document["claims"]["tie"]["is"]) == (0, "dstack", "shared nonce")
    assert any("app_compose" in line for line in document["claims"]["proven"])
    code, document = said("verify", path, "--trust", trust, *AT, "--nonce", "00" * 32)
    assert (code, {problem["code"] for problem in document["problems"]}) == (
        1,
        {"binding.mismatch", "nonce.not_echoed", "report.nonce_mismatch", "tie.nonce_mismatch"},
    )


def test_a_bad_machine_behind_a_good_one_is_told(keep: Callable[[bytes], Path], trust: Path) -> None:
    document = HONEST.report(MODEL, NONCE)
    document["all_attestations"].append({**document["all_attestations"][0], "signing_address": "0x" + "11" * 20})
    code, found = said("verify", keep(json.dumps(document).encode()), "--trust", trust, *AT, "--nonce", NONCE.hex())
    assert (code, len(found["others"])) == (1, 1)
    assert any(problem["reason"].startswith("machine 1: ") for problem in found["problems"])
    assert not any(problem["reason"].startswith("machine 0: ") for problem in found["problems"])


def test_gpu_reports_beside_a_quote_are_judged_or_named_as_unjudged(keep: Callable[[bytes], Path], trust: Path) -> None:
    forged = b"\x11\xe0\x01\xff" + NONCE + bytes(100)
    device = {"arch": "HOPPER", "evidence": base64.b64encode(forged).decode(), "certificate": "AAAA"}
    payload = json.dumps({"nonce": NONCE.hex(), "evidence_list": [device], "arch": "HOPPER"})
    arguments = ("verify", keep(report(nvidia_payload=payload)), "--trust", trust, *AT, "--nonce", NONCE.hex())
    (trust / "device_root.pem").unlink()
    code, document = said(*arguments)
    assert (code, document["claims"]["tie"]["is"]) == (0, "shared nonce")
    assert "1 GPU reports are genuine: the trust folder holds no device_root.pem" in document["unjudged"][0]
    export_gpu_trust(trust, gpu_lab.scene())
    code, document = said(*arguments)
    assert (code, document["unjudged"]) == (1, [])


def test_gpu_evidence_alone(keep: Callable[[bytes], Path], tmp_path: Path) -> None:
    scene = gpu_lab.scene()
    export_gpu_trust(tmp_path, scene)
    path = keep(json.dumps({**scene.payload, "evidence_list": scene.gpus}).encode())
    arguments = ("verify", "--gpu", path, "--trust", tmp_path, "--at", gpu_lab.NOW.isoformat())
    code, document = said(*arguments, "--nonce", gpu_lab.NONCE.hex())
    assert (code, document["test_roots"], len(document["claims"]["devices"])) == (0, True, 1)
    assert said("verify", path, *arguments[3:], "--nonce", gpu_lab.NONCE.hex()) == (code, document)
    assert said(*arguments, "--nonce", gpu_lab.OTHER_NONCE.hex())[0] == 1
    assert assay(*arguments).exit_code == 2


def export_gpu_trust(folder: Path, scene: gpu_lab.Scene) -> None:
    for name in ("rims", "ocsp"):
        shutil.rmtree(folder / name, ignore_errors=True)  # what a platform's own GPUs are judged by
        (folder / name).mkdir()
        for key, data in getattr(scene, name).items():
            (folder / name / key).write_bytes(data)
    (folder / "device_root.pem").write_bytes(gpu_lab.AUTHORITIES.device_root.pem())
    (folder / "rim_root.pem").write_bytes(gpu_lab.AUTHORITIES.rim_root.pem())


def test_a_measured_boot_report_is_never_accepted(keep: Callable[[bytes], Path]) -> None:
    registers = {str(n): f"{n + 1:02x}" * 32 for n in range(8)}
    node = {"hostname": "n1", "tpm_pcr_values": registers, "measured_boot_verdict": "pass"}
    raw = json.dumps({"rack_id": "r1", "nodes": [{**node, "verified_at": NOW.isoformat()}]}).encode()
    code, document = said("verify", keep(raw), *AT)
    assert (code, document["code"], len(document["problems"])) == (1, "nonce.unbound", 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"{}", "evidence.unrecognised"), (b"\xff\x00", "evidence.malformed"), (b"[", "evidence.malformed")],
)
def test_what_is_no_evidence_is_malformed(keep: Callable[[bytes], Path], data: bytes, code: str) -> None:
    found, document = said("verify", keep(data), *AT)
    assert (found, document["verdict"], document["code"]) == (2, "malformed", code)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "name one piece of evidence"),
        (("--nonce", "00"), "1 bytes, expected 32"),
        (("--nonce", "zz"), "expected hex"),
        (("--at", "yesterday"), "expected Unix seconds"),
        (("--at", "2026-11-20T12:00:00"), "has no time zone"),
        (("--root", __file__, __file__), "--root goes with --collateral"),
        (("--policy", "nice", __file__), "no policy 'nice'"),
        (("--quote", __file__), "judged by collateral"),
        (("--gpu", __file__), "device_root.pem"),
    ],
)
def test_a_bad_invocation_says_what_to_give(arguments: tuple[str, ...], reason: str) -> None:
    result = assay("verify", *arguments)
    assert result.exit_code == 2
    assert reason in " ".join(result.output.replace("│", " ").split())


def test_a_report_needs_its_nonce_and_its_collateral(keep: Callable[[bytes], Path], trust: Path) -> None:
    assert "--nonce" in assay("verify", keep(report()), "--trust", trust).output
    assert "--trust" in assay("verify", keep(report()), "--nonce", NONCE.hex()).output


def test_the_first_line_admits_test_roots(keep: Callable[[bytes], Path], trust: Path) -> None:
    result = assay("verify", keep(report()), "--trust", trust, *AT, "--nonce", NONCE.hex())
    first, second, *rest = result.output.splitlines()
    assert (first, second) == ("TEST ROOTS: this says nothing about real hardware.", "accepted")
    assert any(line.startswith("unknowable: ") for line in rest)


def test_what_is_collected_inside_is_accepted_outside(tmp_path: Path, trust: Path) -> None:
    with agent(tmp_path / dstack.SOCKET.lstrip("/"), dstack_answers):
        result = assay("collect", "--nonce", NONCE.hex(), "--out", tmp_path / "out", "--root", tmp_path)
    assert result.exit_code == 0, result.output
    assert "without gpu: /proc/driver/nvidia/version: absent" in result.output
    bundle = tmp_path / "out" / "bundle.json"
    code, document = said("verify", bundle, "--trust", trust, *AT, "--nonce", NONCE.hex())
    assert (code, document["claims"]["format"]) == (0, "assay-bundle/1")
    with agent(tmp_path / "again" / dstack.SOCKET.lstrip("/"), dstack_answers):
        again = ("--nonce", NONCE.hex(), "--out", tmp_path / "out", "--root", tmp_path / "again")
        assert "one nonce, one bundle" in assay("collect", *again).output


def test_collecting_outside_a_guest_says_where_to_run_it(tmp_path: Path) -> None:
    result = assay("collect", "--nonce", NONCE.hex(), "--out", tmp_path / "out", "--root", tmp_path)
    assert (result.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert "inside a TDX guest" in result.stderr
