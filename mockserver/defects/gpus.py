"""Defects of the GPUs beside the quote: left out, forged, recorded, borrowed, changed or revoked."""

from __future__ import annotations

import base64
import hashlib
import itertools
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import evidence as evidence_of
from mockserver.defects import defect
from mockserver.defects.attestation import OLD_NONCE, flipped, on_machine

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.gateway import Gateway
    from mockserver.tee.gpu import Board
    from mockserver.tee.gpu.device import Device
    from mockserver.tee.gpu.ocsp import Answer

Json = dict[str, Any]
STRANGER = b"another laboratory"
_DRIVER, _VBIOS, _FWID, _MODE = 3, 6, 20, 36  # fields of a report's opaque data
_DEBUG_BLOCK = 7  # a measurement that the reference values of the driver name


def showing(gateway: Gateway, change: Callable[[Json], Json | None]) -> Gateway:
    """Another `nvidia_payload` than the GPUs gave."""
    return on_machine(gateway, gpu_payload=change)


def with_entries(gateway: Gateway, change: Callable[[list[Json]], list[Json]]) -> Gateway:
    return showing(gateway, lambda payload: {**payload, "evidence_list": change(payload["evidence_list"])})


def with_device(gateway: Gateway, change: Callable[[Device], Device], at: int = 3) -> Gateway:
    """One GPU of each instance is not what it should be; it signs for itself."""

    def changed(board: Board) -> Board:
        return replace(board, gpus=(*board.gpus[:at], change(board.gpus[at]), *board.gpus[at + 1 :]))

    return on_machine(gateway, gpus=changed)


def saying(device: Device, kind: int, value: bytes) -> Device:
    return replace(device, opaque=tuple((each, value if each == kind else said) for each, said in device.opaque))


def edited(entry: Json, member: str, change: Callable[[bytes], bytes]) -> Json:
    return {**entry, member: base64.b64encode(change(base64.b64decode(entry[member]))).decode()}


# --- How many ----------------------------------------------------------------------------------------------------


@defect(breaks="AT-080")
def shows_seven_of_eight_gpus(gateway: Gateway) -> Gateway:
    """Leaves the last GPU of every instance out."""
    return with_entries(gateway, lambda entries: entries[:-1])


@defect(breaks="AT-080", also=("AT-082",))
def shows_no_gpus(gateway: Gateway) -> Gateway:
    """Sends evidence of the trust domain alone."""
    return showing(gateway, lambda payload: None)


@defect(breaks="AT-080", also=("AT-082",))
def shows_the_gpus_of_the_flagship_only(gateway: Gateway) -> Gateway:
    """Sends GPU evidence for the first model asked for, and for no other."""
    known: list[str] = []

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        report = evidence_of.evidence(call, model, nonce, algo)
        known.append(model)
        return report if model == known[0] else {n: v for n, v in report.items() if n != "nvidia_payload"}

    return replace(gateway, evidence=evidence)


@defect(breaks="AT-083")
def shows_one_gpu_twice(gateway: Gateway) -> Gateway:
    """Lists the first GPU again in the place of the last."""
    return with_entries(gateway, lambda entries: [*entries[:-1], entries[0]])


@defect(breaks="AT-083")
def lends_one_set_of_gpus_to_every_model(gateway: Gateway) -> Gateway:
    """Shows the same eight GPUs for every instance."""
    return on_machine(gateway, gpus_of=lambda model: "assay/the-showcase")


@defect(breaks="AT-083")
def lends_one_set_of_gpus_to_both_instances(gateway: Gateway) -> Gateway:
    """Shows the GPUs of a model's first instance again for its second."""
    return on_machine(gateway, elsewhere={"gpus_of": lambda instance: instance.removesuffix(" 2")})


# --- Who signed --------------------------------------------------------------------------------------------------


@defect(breaks="AT-081")
def alters_a_gpu_report(gateway: Gateway) -> Gateway:
    """Changes one bit of a GPU's report after the GPU signed it."""

    def alter(entries: list[Json]) -> list[Json]:
        return [*entries[:-1], edited(entries[-1], "evidence", lambda raw: flipped(raw, len(raw) // 2))]

    return with_entries(gateway, alter)


@defect(breaks="AT-081")
def signs_gpu_reports_in_software(gateway: Gateway) -> Gateway:
    """Signs a GPU's report with a key that its certificate does not hold."""

    def forge(device: Device) -> Device:
        from mockserver.tee.gpu.pki import Holder, derive_key

        leaf = device.chain[0]
        return replace(device, chain=(Holder(leaf.certificate, derive_key(STRANGER, "signer")), *device.chain[1:]))

    return with_device(gateway, forge)


@defect(breaks="AT-081")
def cuts_the_certificates_of_a_gpu(gateway: Gateway) -> Gateway:
    """Sends one GPU's own two certificates without those above them."""
    return with_device(gateway, lambda device: replace(device, chain=device.chain[:2]))


@defect(breaks="AT-081")
def swaps_the_certificates_of_two_gpus(gateway: Gateway) -> Gateway:
    """Sends each of two GPUs' reports with the certificates of the other."""

    def swap(entries: list[Json]) -> list[Json]:
        one, two = entries[:2]
        shown = ({**one, "certificate": two["certificate"]}, {**two, "certificate": one["certificate"]})
        return [*shown, *entries[2:]]

    return with_entries(gateway, swap)


@defect(breaks="AT-081")
def makes_its_own_gpus(gateway: Gateway) -> Gateway:
    """Shows GPUs whose certificates lead to a root of its own."""

    def made(board: Board) -> Board:
        from mockserver.tee.gpu import build_board

        return build_board(STRANGER, board.gpus[0].pdi.hex(), len(board.gpus), switches=0)

    return on_machine(gateway, gpus=made)


@defect(breaks="AT-081")
def starts_a_gpu_with_other_firmware_than_certified(gateway: Gateway) -> Gateway:
    """Has a GPU that reports another firmware id than the one in its certificate."""
    return with_device(gateway, lambda device: saying(device, _FWID, hashlib.sha384(STRANGER).digest()))


@defect(breaks="AT-081")
def leaves_the_signature_off_a_gpu_report(gateway: Gateway) -> Gateway:
    """Sends a GPU's report without the 96 bytes of its signature."""

    def cut(entries: list[Json]) -> list[Json]:
        return [edited(entries[0], "evidence", lambda raw: raw[:-96]), *entries[1:]]

    return with_entries(gateway, cut)


# --- For whom ----------------------------------------------------------------------------------------------------


@defect(breaks="AT-082", also=("VT-002",))
def plays_back_a_recording_of_its_gpus(gateway: Gateway) -> Gateway:
    """Sends GPU reports that were made for an old nonce beside a fresh quote."""
    return on_machine(gateway, gpu_nonce=lambda nonce: OLD_NONCE)


@defect(breaks="AT-082", also=("VT-002",))
def asks_its_gpus_over_a_hash_of_the_nonce(gateway: Gateway) -> Gateway:
    """Hands its GPUs the SHA-256 of the nonce, which the format does not prescribe."""
    return on_machine(gateway, gpu_nonce=lambda nonce: hashlib.sha256(nonce).digest())


@defect(breaks="AT-082", also=("VT-002",))
def keeps_one_gpu_report_from_before(gateway: Gateway) -> Gateway:
    """Asks seven GPUs anew and sends what the eighth said long ago."""

    def stale(board: Board) -> Board:
        from mockserver.tee.gpu.device import Device

        class Silent(Device):
            """Answers whatever it is asked as it once did."""

            def report(self, nonce: bytes) -> bytes:
                return super().report(OLD_NONCE)

        last = board.gpus[-1]
        return replace(board, gpus=(*board.gpus[:-1], Silent(**vars(last))))

    return on_machine(gateway, gpus=stale)


@defect(breaks="AT-022", also=("VT-002",))
def repeats_another_nonce_beside_its_gpus(gateway: Gateway) -> Gateway:
    """Says in the JSON that the GPUs answered a nonce that nobody sent."""
    return showing(gateway, lambda payload: {**payload, "nonce": OLD_NONCE.hex()})


# --- What runs on them -------------------------------------------------------------------------------------------


@defect(breaks="AT-084")
def runs_changed_gpu_firmware(gateway: Gateway) -> Gateway:
    """Has a GPU of which one measurement is not the published one."""

    def changed(device: Device) -> Device:
        return replace(device, measurements={**device.measurements, _DEBUG_BLOCK: hashlib.sha384(STRANGER).digest()})

    return with_device(gateway, changed)


@defect(breaks="AT-084")
def runs_a_driver_that_nobody_published(gateway: Gateway) -> Gateway:
    """Has a GPU with a driver version of which there are no reference values."""
    return with_device(gateway, lambda device: saying(device, _DRIVER, b"999.99.99\0"))


@defect(breaks="AT-084")
def runs_a_vbios_that_nobody_published(gateway: Gateway) -> Gateway:
    """Has a GPU with a VBIOS version of which there are no reference values."""
    return with_device(gateway, lambda device: saying(device, _VBIOS, bytes.fromhex("0099009602000000")))


@defect(breaks="AT-085")
def runs_on_a_revoked_gpu(gateway: Gateway) -> Gateway:
    """Has a GPU whose certificate was revoked."""
    return on_machine(gateway, gpu_revocation=lambda board: _told(board, "REVOKED"))


@defect(breaks="AT-085")
def runs_on_a_gpu_that_its_maker_does_not_know(gateway: Gateway) -> Gateway:
    """Has a GPU of which the OCSP responder has never heard."""
    return on_machine(gateway, gpu_revocation=lambda board: _told(board, "UNKNOWN"))


def _told(board: Board, status: str) -> Mapping[str, Answer]:
    """What OCSP says of the identity key of one GPU."""
    from mockserver.tee.gpu import ocsp

    serial = board.gpus[5].chain[1].certificate.serial_number
    return {f"{serial:x}": ocsp.Answer(getattr(ocsp, status), valid_for=30 * ocsp.A_DAY)}


@defect(breaks="AT-086")
def mixes_protected_and_plain_links(gateway: Gateway) -> Gateway:
    """Runs one GPU of an instance in another feature mode than the others."""
    return with_device(gateway, lambda device: saying(device, _MODE, struct.pack("<H", 1)))


@defect(breaks="AT-086", also=("AT-081",))
def mixes_two_kinds_of_gpus(gateway: Gateway) -> Gateway:
    """Puts a GPU of another architecture among the eight."""

    def mixed(board: Board) -> Board:
        from mockserver.tee.gpu.device import BLACKWELL, build_gpu

        other = build_gpu(board.authorities, f"odd {board.gpus[-1].pdi.hex()}", BLACKWELL)
        return replace(board, gpus=(*board.gpus[:-1], other))

    return on_machine(gateway, gpus=mixed)


@defect(breaks="AT-087")
def borrows_gpus_from_whoever_has_some(gateway: Gateway) -> Gateway:
    """Shows the GPUs of another machine on every call."""
    turns = itertools.count()
    return on_machine(gateway, gpus_of=lambda model: f"{model} {next(turns)}")


@defect(breaks="AT-087")
def hot_swaps_one_gpu(gateway: Gateway) -> Gateway:
    """Shows one GPU that is another on every call."""
    turns = itertools.count()

    def swapped(board: Board) -> Board:
        from mockserver.tee.gpu.device import build_gpu

        return replace(board, gpus=(build_gpu(board.authorities, f"spare {next(turns)}"), *board.gpus[1:]))

    return on_machine(gateway, gpus=swapped)
