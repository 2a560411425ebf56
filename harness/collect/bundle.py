"""One nonce, one bundle: GPU evidence first, then a quote over its hash and the nonce, then the logs.

It refuses a quote over other report data, and one of another TD than the one it runs in.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.appraisal.asked import NONCE_BYTES
from harness.attest import Rejected
from harness.attest.layout import read as read_quote
from harness.collect import ccel, dstack, nvml, tdx_guest, tsm
from harness.collect.faults import Absent, Refused
from harness.collect.guest import Guest

FORMAT = "assay-bundle/1"
SOURCES = ("auto", "tsm", "dstack")
_FILES = {
    "quote": "quote.bin",
    "gpu": "gpu.json",
    "ccel": "ccel.bin",
    "tdreport": "tdreport.bin",
    "dstack_quote": "dstack-quote.json",
    "dstack_info": "dstack-info.json",
}


@dataclass(frozen=True)
class Bundle:
    nonce: bytes
    collected_at: str
    source: str  # of the quote
    parts: dict[str, bytes]  # name -> bytes as they came
    about: dict[str, Any] = field(default_factory=dict)  # what sources said beside their bytes
    absent: dict[str, str] = field(default_factory=dict)  # part -> why it is not here
    notes: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "nonce": self.nonce.hex(),
            "collected_at": self.collected_at,
            "source": self.source,
            "gpu_evidence_hash": hashlib.sha256(self.parts["gpu"]).hexdigest() if "gpu" in self.parts else None,
            "parts": {name: base64.b64encode(data).decode() for name, data in sorted(self.parts.items())},
            "about": self.about,
            "absent": self.absent,
            "notes": list(self.notes),
        }

    def write(self, folder: Path) -> list[Path]:
        """bundle.json, which holds everything, and each part as a file. Raises FileExistsError: nothing is replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / "bundle.json"]
        with written[0].open("x", encoding="utf-8") as file:
            file.write(json.dumps(self.document, indent=1, sort_keys=True) + "\n")
        for name, data in sorted(self.parts.items()):
            written.append(folder / _FILES[name])
            with written[-1].open("xb") as raw:
                raw.write(data)
        return written


def collect(guest: Guest, nonce: bytes, source: str = "auto", *, gpu: bool = True) -> Bundle:
    """Raises Absent, Refused. Without `gpu` the GPUs are left out, and the bundle says so."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"nonce: expected {NONCE_BYTES} bytes, got {len(nonce)}")
    parts, about, absent = dict[str, bytes](), dict[str, Any](), dict[str, str]()
    notes = _add_gpus(guest, nonce, parts, about, absent, wanted=gpu)
    report_data = bound(nonce, parts.get("gpu"))
    chosen = _chosen(guest, source)
    if chosen == "dstack":
        _add_dstack(guest, report_data, parts)
    else:
        found = tsm.fetch(guest, report_data)
        parts["quote"], about["tsm_generation"] = found.quote, found.generation
    _check_quote(guest, report_data, parts, absent)
    try:
        parts["ccel"] = ccel.fetch(guest.files)
    except Absent as error:
        absent["ccel"] = str(error)
    at = guest.now().isoformat(timespec="seconds").replace("+00:00", "Z")
    return Bundle(nonce, at, chosen, parts, about, absent, notes)


def bound(nonce: bytes, gpu: bytes | None) -> bytes:
    """The report data: `assay-gpu` in specs/bindings.yaml, or `nonce` where there is no GPU evidence."""
    if gpu is None:
        return nonce.ljust(64, b"\0")
    return hashlib.sha256(gpu).digest() + nonce


def _add_gpus(
    guest: Guest,
    nonce: bytes,
    parts: dict[str, bytes],
    about: dict[str, Any],
    absent: dict[str, str],
    *,
    wanted: bool,
) -> tuple[str, ...]:
    """A machine with GPUs that cannot be attested makes no bundle: it would look like one without."""
    if not wanted:
        absent["gpu"] = "left out on request"
        return ()
    if not nvml.is_there(guest.files):
        absent["gpu"] = f"{nvml.DRIVER}: absent, so this guest drives no NVIDIA GPU"
        return ()
    found = nvml.fetch(guest, nonce)
    parts["gpu"], about["nvml"] = found.raw, found.state
    return found.notes


def _chosen(guest: Guest, source: str) -> str:
    if source != "auto":
        return source
    if dstack.is_there(guest.files):
        return "dstack"  # its answer brings the log of RTMR3, which no file of the guest holds
    if tsm.is_there(guest.files):
        return "tsm"
    raise Absent(_nowhere(guest))


def _nowhere(guest: Guest) -> str:
    if tdx_guest.is_there(guest.files):
        return (
            f"{tdx_guest.DEVICE} is there, so this is a TDX guest, but nothing here turns its reports into quotes: "
            f"{tsm.REPORTS} is absent; use Linux 6.7 or later and `mount -t configfs none /sys/kernel/config`"
        )
    return (
        f"no source of quotes: {tsm.REPORTS}, {dstack.SOCKET} and {tdx_guest.DEVICE} are all absent; run this inside "
        "a TDX guest, as root, and in a container with these paths mounted"
    )


def _add_dstack(guest: Guest, report_data: bytes, parts: dict[str, bytes]) -> None:
    found = dstack.fetch(guest.files, report_data)
    parts |= {"quote": found.quote, "dstack_quote": found.answer, "dstack_info": found.info}


def _check_quote(guest: Guest, report_data: bytes, parts: dict[str, bytes], absent: dict[str, str]) -> None:
    try:
        body = dict(read_quote(parts["quote"]).body)
    except Rejected as error:
        raise Refused(f"what came as a quote is none: {error}") from error
    if body["report_data"] != report_data:
        raise Refused(f"the quote is over other report data: {body['report_data'].hex()}")
    try:
        report = tdx_guest.local_report(guest, report_data)
    except Absent as error:
        absent["tdreport"] = str(error)
        return
    differing = tdx_guest.differing(report, body)
    if differing:
        raise Refused(f"the quote is of another TD than this one: {', '.join(differing)} differ")
    parts["tdreport"] = report
