"""What a verdict on GPUs says: what is proven, what is left open, what a ledger and a folder of trust are for."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import specs
from harness.attest import Code
from harness.attest.gpu import (
    GpuPolicy,
    GpuTrust,
    Sighting,
    gpu_policy_of,
    judge_ledger,
    load_gpu_trust,
    rim,
    verify_gpu,
)
from harness.attest.gpu.policy import STRICT
from harness.attest.gpu.token import TokenTrust, verify_token
from mockserver.tee.gpu import rim as factory
from mockserver.tee.gpu.device import BLACKWELL
from mockserver.tee.gpu.pki import Holder
from tests.attest.gpu_lab import (
    DRIVER_RIM,
    NONCE,
    NOW,
    dump,
    manifest,
    rim_chain,
    scene,
    token_scene,
)


def test_a_board_says_that_it_is_one_baseboard_under_test_roots() -> None:
    judged = scene(8, 4).judge()
    assert judged.accepted
    assert judged.test_roots
    assert "TEST roots" in judged.proven[0]
    assert any("one baseboard" in line for line in judged.proven)
    assert len({device.pdi for device in (*judged.gpus, *judged.switches)}) == 12


def test_colocation_is_never_proven() -> None:
    assert any("attached" in line for line in scene(8, 4).judge().unknowable)


def test_what_is_not_looked_at_is_reported_as_unpinned() -> None:
    found = scene()
    found.rims, found.ocsp = {}, {}
    found.policy = GpuPolicy(rims="present")
    judged = found.judge()
    assert judged.accepted
    assert judged.gpus[0].compared == 0
    assert {"whether a certificate was revoked", f"the measurements that {DRIVER_RIM} would name"} <= set(
        judged.unpinned
    )
    assert not any("reference values" in line for line in judged.proven)


def test_some_answers_without_the_others_are_not_enough() -> None:
    found = scene()
    found.policy = replace(GpuPolicy(), gpu_count=1)
    found.ocsp = dict(sorted(found.ocsp.items())[:2])
    assert found.judge().code is Code.OCSP_MISSING


def test_a_ppcie_set_without_switches_passes_only_where_topology_is_not_asked_for() -> None:
    found = scene(8, 4)
    found.switches, found.policy = [], GpuPolicy()
    judged = found.judge()
    assert judged.accepted
    assert "the switches between the GPUs" in judged.unpinned


@pytest.mark.parametrize(("floor", "accepted"), [("570.172.08", True), ("570.9", True), ("580.0", False)])
def test_versions_are_compared_as_numbers(floor: str, accepted: bool) -> None:
    found = scene()
    found.policy = replace(found.policy, min_driver=floor)
    assert found.judge().accepted == accepted


def test_blackwell_calls_for_a_manifest_of_its_own() -> None:
    found = scene(arch=BLACKWELL)
    assert sorted(found.rims) == ["NV_GPU_CC_DRIVER_GB100_570.172.08", "NV_GPU_VBIOS_G520_0280_882_9700D90035"]
    assert found.judge().gpus[0].compared == 33


def test_an_exported_trust_accepts_its_board(tmp_path: Path) -> None:
    found = scene(8, 4)
    found.board.export_trust(tmp_path, NOW)
    trust = load_gpu_trust(tmp_path)
    payload, switches = dump(found.board.payload(NONCE)), dump(found.board.switch_payload(NONCE))
    assert verify_gpu(payload, trust, NONCE, NOW, switches=switches).problems == ()
    assert verify_gpu(payload, trust, NONCE, NOW + timedelta(days=2), switches=switches).code is Code.OCSP_EXPIRED


def test_shipped_policies_ask_for_more_in_order() -> None:
    inspect, field, strict = (gpu_policy_of(specs.policy(name)) for name in ("inspect", "field", "strict"))
    assert (field, strict) == (GpuPolicy(), STRICT)
    assert (inspect.rims, field.rims, strict.rims) == ("present", "required", "required")
    assert (inspect.ocsp, field.ocsp, strict.ocsp) == ("present", "present", "required")


def test_a_policy_file_reaches_every_knob(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\nsummary: eight GPUs of one board\nextends: strict\n"
        "gpu: {archs: [HOPPER], gpu_count: 8, switch_count: 4, modes: [PPCIE], min_driver: '570.172.08',"
        " min_vbios: 96.00.CF.00.02, devices: [5A00000000000000], require_fwid: true, allow_hold: false}\n"
    )
    found = gpu_policy_of(specs.policy(path))
    assert found.unpinned() == ()
    assert (found.devices, found.ocsp) == (frozenset({"5a00000000000000"}), "required")


@pytest.mark.parametrize("damage", ["leaf", "signer"])
def test_a_negative_serial_is_rejected_and_no_crash(damage: str) -> None:
    found = scene()
    if damage == "leaf":
        pem = negative(found.device.chain[0])
        found.show(found.device, pem=pem + b"".join(holder.pem() for holder in found.device.chain[1:]))
    else:
        genuine, changed = (
            b"\n".join(pem.splitlines()[1:-1]) for pem in (rim_chain()[0].pem(), negative(rim_chain()[0]))
        )
        assert genuine in found.rims[DRIVER_RIM]
        found.rims[DRIVER_RIM] = found.rims[DRIVER_RIM].replace(genuine, changed)
    assert found.judge().code in (Code.CHAIN_MALFORMED, Code.RIM_CHAIN_MALFORMED)


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        verify_gpu(b"", load_nothing(), NONCE, datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_token_names_the_certificate_to_pin() -> None:
    found = token_scene()
    raw = dump([["JWT", found.service.sign(found.overall())], found.texts])
    judged = verify_token(raw, TokenTrust(found.service.jwks()), NONCE, NOW)
    assert judged.accepted
    assert judged.pins == (found.service.anchor(),)
    assert judged.unpinned == ("who issued the key of the token",)


def test_the_ledger_tells_a_rollback_from_a_new_signature() -> None:
    old, new = NOW - timedelta(days=400), NOW
    assert codes([Sighting("id", "b", new)], Sighting("id", "a", old)) == [Code.RIM_ROLLBACK]
    assert codes([Sighting("id", "a", old)], Sighting("id", "b", new)) == []
    assert codes([Sighting("id", "a", old)], Sighting("id", "a", new)) == []
    assert codes([Sighting("id", "a", new)], Sighting("id", "a", old)) == []
    assert codes([Sighting("id", "a", new)], Sighting("id", "b", new)) == [Code.RIM_CONFLICT]
    assert codes([Sighting("other", "a", new)], Sighting("id", "b", old)) == []


def test_the_ledger_shows_the_stale_manifest_that_formats_cannot() -> None:
    said = manifest()
    stale = replace(said, golden={**said.golden, 21: [said.golden[21][0], bytes(48)]})
    before, now = (rim.read(factory.sign(m, rim_chain())).content for m in (said, stale))
    sightings = (Sighting(DRIVER_RIM, now, NOW - timedelta(days=1)), Sighting(DRIVER_RIM, before, NOW))
    assert codes([sightings[1]], sightings[0]) == [Code.RIM_ROLLBACK]


def negative(holder: Holder) -> bytes:
    """PEM of a certificate whose serial has its first bit set."""
    der, serial = holder.der(), holder.certificate.serial_number
    raw = serial.to_bytes((serial.bit_length() + 8) // 8, "big")
    changed = der.replace(raw, bytes([raw[0] | 0x80]) + raw[1:], 1)
    text = base64.encodebytes(changed)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


def codes(seen: list[Sighting], now: Sighting) -> list[Code]:
    return [problem.code for problem in judge_ledger(seen, [now])]


def load_nothing() -> GpuTrust:
    return GpuTrust(b"", b"")
