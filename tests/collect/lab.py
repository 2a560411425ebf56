"""A guest that does not exist: configfs-tsm, /dev/tdx_guest, dstack's agent and NVML as a TD would show them."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from ctypes import c_uint
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from harness.attest.layout import read as read_quote
from harness.collect.guest import Files
from harness.collect.tdx_guest import _FIELDS
from harness.collect.tsm import REPORTS
from mockserver.tee import Decisions, Platform
from tests.attest.lab import MODEL, NONCE, NOW, SEED

NVML_SUCCESS, NVML_ERROR_NOT_SUPPORTED = 0, 3


def report_over(report_data: bytes) -> dict[str, Any]:
    """dstack evidence of the test platform whose quote holds this report data."""
    decisions = Decisions(report_data=lambda _identity, _nonce: report_data)
    return Platform(SEED, lambda: NOW, decisions).report(MODEL, NONCE)


def quote_over(report_data: bytes) -> bytes:
    return bytes.fromhex(report_over(report_data)["intel_quote"])


class Kernel(Files):
    """configfs-tsm as the kernel serves it; `fails` is raised by reads of outblob, in turn, before one succeeds."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.at(REPORTS).mkdir(parents=True)
        self.provider = b"tdx_guest\n"
        self.quote: Callable[[bytes], bytes] = quote_over
        self.fails: list[OSError] = []
        self.others_write = 0  # how many of our next reads another writer outruns
        self.folders: dict[str, dict[str, Any]] = {}
        self.removed: list[str] = []
        self.writes: list[bytes] = []

    def make_folder(self, path: str) -> None:
        self.folders[path] = {"generation": 0, "inblob": b""}

    def remove_folder(self, path: str) -> None:
        self.removed.append(path)
        del self.folders[path]

    def write_once(self, path: str, data: bytes) -> None:
        folder, name = path.rsplit("/", 1)
        assert (name, len(data)) == ("inblob", 64)
        self.writes.append(data)
        self.folders[folder]["inblob"] = data
        self.folders[folder]["generation"] += 1

    def read(self, path: str, limit: int) -> bytes:
        folder, name = path.rsplit("/", 1)
        if folder not in self.folders:
            return super().read(path, limit)
        entry = self.folders[folder]
        if name == "provider":
            return self.provider
        if name == "generation":
            return f"{entry['generation']}\n".encode()
        return self._outblob(entry)

    def _outblob(self, entry: dict[str, Any]) -> bytes:
        if self.fails:
            raise self.fails.pop(0)
        if self.others_write:
            self.others_write -= 1
            entry["generation"] += 1
            return self.quote(bytes(64))
        return self.quote(entry["inblob"])


def device(change: dict[str, bytes] | None = None) -> Callable[[Path, int, bytearray], None]:
    """/dev/tdx_guest of the TD that the test platform quotes; `change` replaces fields of its report."""

    def ioctl(_path: Path, request: int, buffer: bytearray) -> None:
        assert (request, len(buffer)) == (0xC4405401, 1088)
        body = {**read_quote(quote_over(bytes(buffer[:64]))).body, **(change or {})}
        report = bytearray(1024)
        report[128:192] = body["report_data"]
        for name, where in _FIELDS.items():
            report[where] = body[name]
        buffer[64:] = report

    return ioctl


def no_device(path: Path, _request: int, _buffer: bytearray) -> None:
    raise FileNotFoundError(2, "No such file or directory", str(path))


@contextlib.contextmanager
def agent(socket: Path, answers: Callable[[str, dict[str, Any]], tuple[int, bytes]]) -> Iterator[None]:
    """A server on a unix socket, as dstack's guest agent is: (path, body) -> (status, answer)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, answer = answers(self.path, body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Silence: the base class would print the address of a peer that has none."""

    socket.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def dstack_answers(path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    document = report_over(bytes.fromhex(body["report_data"]) if path == "/GetQuote" else bytes(64))
    if path == "/GetQuote":
        quoted = {"quote": document["intel_quote"], "event_log": json.dumps(document["event_log"]), "vm_config": "{}"}
        return 200, json.dumps(quoted).encode()
    return 200, json.dumps({**document["info"], "tcb_info": json.dumps(document["info"]["tcb_info"])}).encode()


@dataclass
class Nvml:
    """The functions of libnvidia-ml.so.1 that a collector calls; pynvml's own structures carry the answers."""

    environment: int = 2
    feature: int = 1
    dev_tools: int = 0
    multi_gpu: int | None = 0  # None: a driver that lacks the settings call
    archs: tuple[int, ...] = (9, 9)
    report: Callable[[int, bytes], bytes] = lambda n, nonce: b"\x11\xe0\x01\xff" + nonce + bytes([0, n]) * 40
    count_answers: int = NVML_SUCCESS
    calls: list[str] = field(default_factory=list)

    def nvmlInitWithFlags(self, _flags: Any) -> int:  # noqa: N802 - the library's names
        self.calls.append("init")
        return NVML_SUCCESS

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.calls.append("shutdown")
        return NVML_SUCCESS

    def nvmlSystemGetConfComputeSettings(self, settings: Any) -> int:  # noqa: N802
        if self.multi_gpu is None:
            return NVML_ERROR_NOT_SUPPORTED
        assert settings._obj.version == 0x1000014
        settings._obj.multiGpuMode = self.multi_gpu
        return self.nvmlSystemGetConfComputeState(settings)

    def nvmlSystemGetConfComputeState(self, state: Any) -> int:  # noqa: N802
        state._obj.environment, state._obj.ccFeature = self.environment, self.feature
        state._obj.devToolsMode = self.dev_tools
        return NVML_SUCCESS

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self.archs)
        return self.count_answers

    def nvmlDeviceGetHandleByIndex_v2(self, index: c_uint, handle: Any) -> int:  # noqa: N802
        handle._obj.contents = handle._obj._type_()
        self._index = index.value
        return NVML_SUCCESS

    def nvmlDeviceGetArchitecture(self, _handle: Any, arch: Any) -> int:  # noqa: N802
        arch._obj.value = self.archs[self._index]
        return NVML_SUCCESS

    def nvmlDeviceGetConfComputeGpuAttestationReport(self, _handle: Any, found: Any) -> int:  # noqa: N802
        report = self.report(self._index, bytes(found._obj.nonce))
        found._obj.attestationReport[: len(report)] = report
        found._obj.attestationReportSize = len(report)
        return NVML_SUCCESS

    def nvmlDeviceGetConfComputeGpuCertificate(self, _handle: Any, found: Any) -> int:  # noqa: N802
        chain = b"-----BEGIN CERTIFICATE-----\n" + bytes([65 + self._index]) * 8
        found._obj.attestationCertChain[: len(chain)] = chain
        found._obj.attestationCertChainSize = len(chain)
        return NVML_SUCCESS
