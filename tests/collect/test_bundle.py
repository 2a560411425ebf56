"""Bundles: what is collected inside a guest is what a verifier accepts outside, and nothing else is called a bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.attest import Code, Report, verify
from harness.attest.adapters import assay_bundle
from harness.attest.tie import Tie
from harness.collect import Absent, Bundle, Guest, Refused, ccel, collect, dstack, nvml, tdx_guest
from harness.collect.guest import Files
from tests.attest.lab import HONEST, NONCE, NOW, trust_in
from tests.collect.lab import Kernel, Nvml, agent, device, dstack_answers, no_device, quote_over

Load = Callable[[Nvml], Any]
OTHER = bytes(32)


def put(guest: Guest, path: str, data: bytes = b"") -> None:
    guest.files.at(path).parent.mkdir(parents=True, exist_ok=True)
    guest.files.at(path).write_bytes(data)


def with_gpus(guest: Guest, load: Load, library: Nvml | None = None) -> Guest:
    put(guest, nvml.DRIVER, b"NVRM version: 595")
    return replace(guest, nvml=lambda: load(library or Nvml()))


def judged(bundle: Bundle, nonce: bytes = NONCE) -> Report:
    (evidence,) = assay_bundle.parse(json.dumps(bundle.document).encode())
    return verify(evidence, trust_in(HONEST), nonce, NOW)


def test_a_bundle_of_a_domain_without_gpus_is_accepted_for_its_nonce_only(guest: Guest) -> None:
    bundle = collect(guest, NONCE)
    assert judged(bundle).codes == ()
    assert set(judged(bundle, OTHER).codes) == {Code.BINDING_MISMATCH, Code.NONCE_NOT_ECHOED}
    assert (bundle.source, set(bundle.parts), set(bundle.absent)) == ("tsm", {"quote", "tdreport"}, {"gpu", "ccel"})


def test_gpu_evidence_is_bound_to_the_quote_by_its_hash(guest: Guest, load_nvml: Load) -> None:
    report = judged(collect(with_gpus(guest, load_nvml), NONCE))
    assert (report.codes, report.tie.tie) == ((), Tie.HASH_BOUND)


def test_gpu_evidence_exchanged_after_the_quote_is_found(guest: Guest, load_nvml: Load) -> None:
    bundle = collect(with_gpus(guest, load_nvml), NONCE)
    other = bundle.parts["gpu"].replace(b"HOPPER", b"hopper")
    hidden = replace(bundle, parts={**bundle.parts, "gpu": other})  # its document holds the new hash
    assert Code.BINDING_MISMATCH in judged(hidden).codes
    stripped = {name: data for name, data in bundle.parts.items() if name != "gpu"}
    assert Code.BINDING_MISMATCH in judged(replace(bundle, parts=stripped)).codes


def test_gpus_in_dev_tools_mode_make_no_bundle(guest: Guest, load_nvml: Load, kernel: Kernel) -> None:
    with pytest.raises(Refused, match="dev-tools"):
        collect(with_gpus(guest, load_nvml, Nvml(dev_tools=1)), NONCE)
    assert kernel.writes == []


def test_gpus_are_left_out_only_on_request_and_the_bundle_says_so(guest: Guest, load_nvml: Load) -> None:
    bundle = collect(with_gpus(guest, load_nvml), NONCE, gpu=False)
    assert (bundle.absent["gpu"], judged(bundle).codes) == ("left out on request", ())


def test_a_quote_over_other_report_data_is_refused(guest: Guest, kernel: Kernel) -> None:
    kernel.quote = lambda _: quote_over(bytes(64))
    with pytest.raises(Refused, match="other report data"):
        collect(guest, NONCE)


def test_what_is_no_quote_is_refused(guest: Guest, kernel: Kernel) -> None:
    kernel.quote = lambda _: b"no quote"
    with pytest.raises(Refused, match="none"):
        collect(guest, NONCE)


@pytest.mark.parametrize("name", ["mr_td", "td_attributes", "rt_mr0"])
def test_a_quote_of_another_domain_is_refused(guest: Guest, name: str) -> None:
    size = 8 if name == "td_attributes" else 48
    with pytest.raises(Refused, match=f"another TD than this one: {name} differ"):
        collect(replace(guest, ioctl=device({name: b"\x07" * size})), NONCE)


def test_a_device_that_answers_for_other_data_is_refused(guest: Guest) -> None:
    with pytest.raises(Refused, match="other data than was given"):
        collect(replace(guest, ioctl=device({"report_data": bytes(64)})), NONCE)


def test_without_the_device_the_bundle_says_that_the_quote_was_not_compared(guest: Guest) -> None:
    bundle = collect(replace(guest, ioctl=no_device), NONCE)
    assert tdx_guest.DEVICE in bundle.absent["tdreport"]
    assert judged(bundle).codes == ()


def test_the_firmwares_log_is_kept_as_it_came(guest: Guest) -> None:
    put(guest, ccel.LOG, b"\x01\x02")
    bundle = collect(guest, NONCE)
    assert bundle.parts["ccel"] == b"\x01\x02"
    assert Code.EVENTLOG_MALFORMED in judged(bundle).codes


def test_an_empty_log_is_absent(guest: Guest) -> None:
    put(guest, ccel.LOG, b"")
    assert "0 bytes" in collect(guest, NONCE).absent["ccel"]


def test_dstack_brings_its_log_and_the_compose_text(guest: Guest) -> None:
    with agent(guest.files.at(dstack.SOCKET), dstack_answers):
        bundle = collect(guest, NONCE)
    report = judged(bundle)
    assert (bundle.source, report.codes) == ("dstack", ())
    assert any("app_compose" in line for line in report.proven)


def test_dstack_and_gpus_go_together(guest: Guest, load_nvml: Load) -> None:
    with agent(guest.files.at(dstack.SOCKET), dstack_answers):
        report = judged(collect(with_gpus(guest, load_nvml), NONCE))
    assert (report.codes, report.tie.tie) == ((), Tie.HASH_BOUND)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, b"no quote today"), "answered 500: no quote today"),
        ((200, b"[]"), "a member quote in hex"),
        ((200, b'{"quote":"zz"}'), "a member quote in hex"),
        ((200, b" " * (5 << 20)), "more than"),
    ],
)
def test_an_agent_that_does_not_answer_as_it_should_is_told(
    guest: Guest, answer: tuple[int, bytes], reason: str
) -> None:
    with agent(guest.files.at(dstack.SOCKET), lambda _path, _body: answer), pytest.raises(Absent, match=reason):
        collect(guest, NONCE, "dstack")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpcore leaves its socket open
def test_a_dead_socket_is_told(guest: Guest) -> None:
    put(guest, dstack.SOCKET)
    with pytest.raises(Absent, match="is the guest agent of dstack running"):
        collect(guest, NONCE)


@pytest.mark.parametrize(
    ("there", "source", "advice"),
    [
        ((), "auto", "run this inside a TDX guest"),
        ((tdx_guest.DEVICE,), "auto", "this is a TDX guest"),
        ((), "dstack", "add the volume /var/run/dstack.sock"),
        ((dstack.OLD_SOCKET,), "dstack", "older than dstack 0.5"),
    ],
)
def test_an_absent_source_says_what_to_do(
    guest: Guest, tmp_path: Path, there: tuple[str, ...], source: str, advice: str
) -> None:
    bare = replace(guest, files=Files(tmp_path / "bare"))
    for path in there:
        put(bare, path)
    with pytest.raises(Absent, match=advice):
        collect(bare, NONCE, source)


def test_a_folder_holds_every_part_as_it_came_and_is_never_reused(guest: Guest, tmp_path: Path) -> None:
    bundle = collect(guest, NONCE)
    written = bundle.write(tmp_path / "out")
    assert [path.name for path in written] == ["bundle.json", "quote.bin", "tdreport.bin"]
    assert (tmp_path / "out" / "quote.bin").read_bytes() == bundle.parts["quote"]
    with pytest.raises(FileExistsError):
        bundle.write(tmp_path / "out")


def test_two_nonces_give_two_quotes(guest: Guest) -> None:
    first, second = collect(guest, NONCE), collect(guest, OTHER)
    digests = {hashlib.sha256(bundle.parts["quote"]).digest() for bundle in (first, second)}
    assert len(digests) == 2


def test_a_nonce_of_another_length_is_a_mistake_of_the_caller(guest: Guest) -> None:
    with pytest.raises(ValueError, match="expected 32 bytes"):
        collect(guest, b"short")
