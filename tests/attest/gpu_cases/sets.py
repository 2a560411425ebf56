"""Faults of sets: counts, copies, modes, fabrics, and what the policy asks for."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace

from mockserver.tee.gpu.device import BLACKWELL, HOPPER
from tests.attest.gpu_lab import NONCE, OCSP_NONCE, OTHER_NONCE, SEED, Scene, build, case, dump, with_opaque

BOARD = {"gpus": 8, "switches": 4}


@case("SET-01", "payload.empty")
def empty_list(s: Scene) -> None:
    """an empty evidence list"""
    s.gpus = []


@case("SET-02", "payload.gpu_count", **BOARD)
def seven(s: Scene) -> None:
    """seven of eight GPUs"""
    s.gpus.pop()


@case("SET-03", "set.duplicate_device", gpus=2)
def copied(s: Scene) -> None:
    """one report given twice"""
    s.gpus[1] = s.gpus[0]


@case("SET-04", "set.duplicate_device", gpus=2)
def same_gpu_again(s: Scene) -> None:
    """two different reports of one GPU"""
    s.show(with_opaque(s.device, (14, b"\0\0\0\0")), at=1)


@case("SET-05", "set.fabric_mismatch", **BOARD)
def other_machine(s: Scene) -> None:
    """a GPU of another machine, with a fresh nonce"""
    other = build(SEED, "b", 8, 4, HOPPER)
    s.ocsp |= other.ocsp(s.at, OCSP_NONCE)
    s.show(other.gpus[0], at=3)


@case("SET-06", "topology.", **BOARD)
def other_machine_rewired(s: Scene) -> None:
    """a GPU of another machine that names these switches"""
    other = build(SEED, "b", 8, 4, HOPPER)
    s.ocsp |= other.ocsp(s.at, OCSP_NONCE)
    s.show(with_opaque(other.gpus[0], (22, dict(s.device.opaque)[22])), at=3)


@case("SET-07", "set.mixed_feature_modes", **BOARD)
def one_in_spt(s: Scene) -> None:
    """a GPU in SPT mode in a PPCIE set"""
    s.show(with_opaque(s.board.gpus[3], (36, struct.pack("<H", 0))), at=3)


@case("SET-08", "policy.feature_mode")
def wrong_mode(s: Scene) -> None:
    """the policy wants PPCIE, the evidence says SPT"""
    s.policy = replace(s.policy, modes=frozenset({"PPCIE"}))


@case("SET-09", "payload.switch_count", **BOARD)
def three_switches(s: Scene) -> None:
    """a switch left out"""
    s.switches.pop()


@case("SET-10", "topology.switch_set", **BOARD)
def three_switches_uncounted(s: Scene) -> None:
    """a switch left out, and no count is asked for"""
    s.policy = replace(s.policy, switch_count=None)
    s.switches.pop()


@case("SET-11", "set.duplicate_device", **BOARD)
def one_switch_four_times(s: Scene) -> None:
    """the same switch four times"""
    s.switches = [s.switches[0]] * 4


@case("SET-12", "topology.switch_set", **BOARD)
def no_switches(s: Scene) -> None:
    """PPCIE GPUs and no switch at all"""
    s.policy = replace(s.policy, switch_count=None)
    s.switches = []


@case("SET-13", "topology.switch_identity", **BOARD)
def other_name(s: Scene) -> None:
    """a switch report whose PDI is not that of its certificate"""
    s.switches[2] = with_opaque(s.board.switches[2], (22, bytes(8))).entry(NONCE)


@case("SET-14", "topology.gpu_set", **BOARD)
def unseen_gpu(s: Scene) -> None:
    """the switches see a GPU that is not in the evidence"""
    s.policy = replace(s.policy, gpu_count=None)
    s.gpus.pop()


@case("SET-16", "topology.switch_set", **BOARD)
def other_boards_switches(s: Scene) -> None:
    """all switches of another complete board"""
    other = build(SEED, "b", 8, 4, HOPPER)
    s.ocsp |= other.ocsp(s.at, OCSP_NONCE)
    s.switches = [switch.entry(NONCE) for switch in other.switches]


@case("SET-17", "report.nonce_mismatch", **BOARD)
def switch_nonce(s: Scene) -> None:
    """a switch report for another nonce"""
    s.switches[1] = s.board.switches[1].entry(OTHER_NONCE)


@case("SET-18", "policy.arch", **BOARD)
def gpu_as_switch(s: Scene) -> None:
    """GPUs in the list of switches"""
    s.switches = []
    s.gpus, s.payload["arch"] = [s.board.switches[0].entry(NONCE)], "LS10"


@case("SET-19", "payload.arch_mixed")
def two_archs(s: Scene) -> None:
    """the payload says HOPPER, an entry BLACKWELL"""
    s.gpus[0]["arch"] = BLACKWELL


@case("SET-20", "policy.arch")
def arch_refused(s: Scene) -> None:
    """an arch outside the policy"""
    s.policy = replace(s.policy, archs=frozenset({BLACKWELL}))


@case("SET-21", "policy.arch")
def arch_unknown(s: Scene) -> None:
    """an arch nobody knows"""
    s.payload["arch"] = s.gpus[0]["arch"] = "VOLTA"


@case("SET-22", "payload.base64")
def not_base64(s: Scene) -> None:
    """evidence that is not base64"""
    s.gpus[0]["evidence"] = "%%%"


@case("SET-23", "policy.driver_too_old")
def old_driver(s: Scene) -> None:
    """a driver below the floor"""
    s.policy = replace(s.policy, min_driver="580.95.05")


@case("SET-24", "policy.vbios_too_old")
def old_vbios(s: Scene) -> None:
    """a VBIOS below the floor"""
    s.policy = replace(s.policy, min_vbios="96.00.D0.00.03")


@case("SET-25", "payload.malformed")
def a_member_twice(s: Scene) -> None:
    """a JSON member given twice, for readers that differ"""
    s.raw = b'{"arch":"HOPPER","evidence_list":[],"evidence_list":' + dump(s.gpus) + b"}"


@case("SET-26", "payload.malformed")
def not_json(s: Scene) -> None:
    """an HTML page"""
    s.raw = b"<html>"


@case("SET-27", "payload.malformed")
def too_many(s: Scene) -> None:
    """sixty-five devices"""
    s.gpus = s.gpus * 65


@case("X-06", "payload.malformed")
def verified_true(s: Scene) -> None:
    """no evidence but the operator's word"""
    s.raw = dump({"gpu_verified": True})


@case("X-09", "payload.nonce_mismatch")
def gateways_nonce(s: Scene) -> None:
    """a gateway answers with its own nonce and consistent evidence"""
    s.payload["nonce"] = OTHER_NONCE.hex()
    s.gpus[0]["evidence"] = base64.b64encode(s.device.report(OTHER_NONCE)).decode()


@case("X-20", "policy.feature_mode", gpus=8)
def eight_in_spt(s: Scene) -> None:
    """eight GPUs in SPT, their links in clear, sold as PPCIE"""
    s.policy = replace(s.policy, modes=frozenset({"PPCIE", "MPT"}))


@case("SET-40", "payload.malformed")
def another_encoding(s: Scene) -> None:
    """the payload in UTF-16, which one reader takes and the next does not"""
    s.raw = dump({**s.payload, "evidence_list": s.gpus}).decode().encode("utf-16")


@case("SET-41", "payload.malformed")
def no_number(s: Scene) -> None:
    """a member that is no JSON"""
    s.raw = dump({**s.payload, "evidence_list": s.gpus, "x": float("nan")})
