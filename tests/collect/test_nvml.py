"""GPU evidence through NVML: every GPU, our nonce, and never from a machine in dev-tools mode."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.attest.gpu.payload import read as read_payload
from harness.collect import Absent, Guest, Refused, nvml
from tests.attest.lab import NONCE
from tests.collect.lab import NVML_ERROR_NOT_SUPPORTED, Nvml

Load = Callable[[Nvml], Any]


def fetched(guest: Guest, load: Load, library: Nvml) -> nvml.GpuEvidence:
    return nvml.fetch(replace(guest, nvml=lambda: load(library)), NONCE)


def test_every_gpu_answers_our_nonce_in_the_form_that_verifiers_read(guest: Guest, load_nvml: Load) -> None:
    found = fetched(guest, load_nvml, Nvml())
    payload = read_payload(found.raw)
    assert [entry.report[4:36] for entry in payload.entries] == [NONCE, NONCE]
    assert payload.entries[0].report != payload.entries[1].report
    assert payload.entries[1].certificates == b"-----BEGIN CERTIFICATE-----\nBBBBBBBB"
    assert (payload.nonce, {entry.arch for entry in payload.entries}) == (NONCE.hex(), {"HOPPER"})


def test_the_bytes_are_canonical_so_that_their_hash_can_be_bound(guest: Guest, load_nvml: Load) -> None:
    raw = fetched(guest, load_nvml, Nvml()).raw
    assert raw == json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")).encode()


def test_a_blackwell_says_so(guest: Guest, load_nvml: Load) -> None:
    assert json.loads(fetched(guest, load_nvml, Nvml(archs=(10,))).raw)["arch"] == "BLACKWELL"


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (Nvml(dev_tools=1), "dev-tools mode"),
        (Nvml(dev_tools=1, multi_gpu=None), "dev-tools mode"),
        (Nvml(feature=0), "confidential computing is off"),
        (Nvml(environment=1), "expected 2"),
        (Nvml(archs=(9, 10)), "no common form"),
        (Nvml(archs=(8,)), "architecture 8"),
        (Nvml(report=lambda n, nonce: b"\x11\xe0\x01\xff" + bytes(32)), "another nonce"),
        (Nvml(report=lambda n, nonce: b""), "another nonce"),
    ],
)
def test_what_must_not_be_called_evidence_is_refused(guest: Guest, load_nvml: Load, library: Nvml, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        fetched(guest, load_nvml, library)
    assert library.calls == ["init", "shutdown"]


def test_no_report_is_asked_of_gpus_in_dev_tools_mode(guest: Guest, load_nvml: Load) -> None:
    asked: list[int] = []
    library = Nvml(dev_tools=1, report=lambda n, _nonce: asked.append(n) or b"")  # type: ignore[func-returns-value]
    with pytest.raises(Refused):
        fetched(guest, load_nvml, library)
    assert asked == []


CHANGES = [("dev_tools", 1, "dev-tools mode"), ("multi_gpu", 1, "changed")]


@pytest.mark.parametrize(("member", "value", "reason"), CHANGES)
def test_a_mode_that_changes_while_gpus_are_asked_is_refused(
    guest: Guest, load_nvml: Load, member: str, value: int, reason: str
) -> None:
    library = Nvml()

    def changing(n: int, nonce: bytes) -> bytes:
        setattr(library, member, value)
        return Nvml.report(n, nonce)

    library.report = changing
    with pytest.raises(Refused, match=reason):
        fetched(guest, load_nvml, library)


def test_a_driver_without_the_settings_call_is_still_judged_by_its_state(guest: Guest, load_nvml: Load) -> None:
    found = fetched(guest, load_nvml, Nvml(multi_gpu=None))
    assert found.state == {"environment": 2, "ccFeature": 1, "devToolsMode": 0, "multiGpuMode": -1}
    assert "does not say" in found.notes[0]


def test_protected_pcie_names_the_switches_that_are_missing(guest: Guest, load_nvml: Load) -> None:
    assert "switches between them are not in this bundle" in fetched(guest, load_nvml, Nvml(multi_gpu=1)).notes[0]


def test_an_absent_module_names_the_extra(guest: Guest) -> None:
    def missing() -> Any:
        raise ImportError("No module named 'pynvml'")

    with pytest.raises(Absent, match=r"assay-harness\[gpu\]"):
        nvml.fetch(replace(guest, nvml=missing), NONCE)


def test_a_library_that_fails_is_absent_and_closed(guest: Guest, load_nvml: Load) -> None:
    library = Nvml(count_answers=NVML_ERROR_NOT_SUPPORTED)
    with pytest.raises(Absent, match="driver 535 or later"):
        fetched(guest, load_nvml, library)
    assert library.calls == ["init", "shutdown"]


def test_no_gpu_is_said(guest: Guest, load_nvml: Load) -> None:
    with pytest.raises(Absent, match="lists no GPU"):
        fetched(guest, load_nvml, Nvml(archs=()))


def test_a_chain_is_kept_as_it_came(guest: Guest, load_nvml: Load) -> None:
    (entry, _) = json.loads(fetched(guest, load_nvml, Nvml()).raw)["evidence_list"]
    assert base64.b64decode(entry["certificate"]).endswith(b"AAAAAAAA")
