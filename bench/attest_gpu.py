"""What one GPU with its reference values costs, against NVIDIA's own Python verifier on the same files in the same run.

The evidence is the mock's, under test roots, which both are told to trust. Nobody asks a network: OCSP answers come
from files, without a nonce, or are left out by both. NVIDIA's verifier lives in a venv of its own and knows no moment
but now; a real sample, whose reference values ended in 2026, is shown for ours alone.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from rich.table import Table
from rounds import Costs, alternate, console, cost, forget, machine, middle, ratio

from harness.attest.gpu import GpuPolicy, GpuTrust, verify_gpu
from harness.attest.gpu.policy import OFF, REQUIRED
from mockserver.tee.gpu import build_board
from mockserver.tee.gpu.device import TEST_DRIVER

HERE = Path(__file__).parent
VENV = HERE.parent / ".nox" / "nvidia-verifier"
VECTORS = Path(os.environ.get("ASSAY_VECTORS", HERE.parents[1] / "shared" / "vectors")) / "gpu"
REAL_RIMS = ("NV_GPU_DRIVER_GH100_550.90.07", "NV_GPU_VBIOS_1010_0200_882_96009F0001")
PEER = "nv-local-gpu-verifier==2.7.3"
NONCE = bytes(range(32))
WITHOUT, WITH = GpuPolicy(rims=REQUIRED, ocsp=OFF), GpuPolicy(rims=REQUIRED, ocsp=REQUIRED)


@dataclass(frozen=True)
class Scene:
    payload: bytes
    nonce: bytes
    trust: GpuTrust
    at: datetime
    files: dict[str, bytes] = field(default_factory=dict)  # the same, as NVIDIA's verifier reads it

    def cold(self, policy: GpuPolicy, calls: int) -> float:
        def first() -> None:
            forget()
            self._accept(policy)

        return cost(first, calls)

    def warm(self, policy: GpuPolicy, calls: int) -> float:
        return cost(lambda: self._accept(policy), calls)

    def _accept(self, policy: GpuPolicy) -> None:
        report = verify_gpu(self.payload, self.trust, self.nonce, self.at, policy)
        if not report.accepted:
            raise SystemExit(f"our verifier says {report.problems}")


def scene() -> Scene:
    at = datetime.now(UTC)
    board = build_board(b"bench", "bench", gpus=1, switches=0)
    device, rims, found = board.gpus[0], board.rims(at), board.authorities
    said = {"nonce": NONCE.hex(), "driver": TEST_DRIVER, "vbios": device.kind.vbios}
    files = {
        "report.bin": device.report(NONCE),
        "chain.pem": base64.b64decode(device.entry(NONCE)["certificate"]),
        "driver.xml": next(raw for name, raw in rims.items() if "DRIVER" in name),
        "vbios.xml": next(raw for name, raw in rims.items() if "VBIOS" in name),
        "device_root.pem": found.device_root.pem(),
        "rim_root.pem": found.rim_root.pem(),
        "said.json": json.dumps(said).encode(),
    }
    answers = board.ocsp(at)
    files |= {f"ocsp/{serial}.der": raw for serial, raw in answers.items()}
    trust = GpuTrust(found.device_root.der(), found.rim_root.der(), rims, answers)
    return Scene(json.dumps(board.payload(NONCE)).encode(), NONCE, trust, at, files)


def real() -> Scene:
    """The sample of NVIDIA's package, a month in which its reference values held."""
    report = bytes.fromhex((VECTORS / "nvidia-wheel/hopperAttestationReport.txt").read_text().strip())
    chain = (VECTORS / "nvidia-wheel/hopperCertChain.txt").read_bytes()
    entry = {"evidence": base64.b64encode(report).decode(), "certificate": base64.b64encode(chain).decode()}
    rims = {name: (VECTORS / f"google/{name}.xml").read_bytes() for name in REAL_RIMS}
    names = ("nvidia-wheel/verifier_device_root.pem", "nvidia-sdk/rim_root.crt")
    device, rim = (load_pem_x509_certificate((VECTORS / name).read_bytes()) for name in names)
    trust = GpuTrust(device.public_bytes(Encoding.DER), rim.public_bytes(Encoding.DER), rims)
    payload = json.dumps({"arch": "HOPPER", "evidence_list": [entry]}).encode()
    return Scene(payload, report[4:36], trust, datetime(2026, 2, 15, tzinfo=UTC))


@contextlib.contextmanager
def nvidia(files: dict[str, bytes], ocsp: str) -> Iterator[Callable[[int], float]]:
    """NVIDIA's verifier as a process that waits: how many calls in, milliseconds of its processor time a call out."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "ocsp").mkdir()
        for file, raw in files.items():
            (Path(name) / file).write_bytes(raw)
        line = [str(VENV / "bin" / "python"), str(HERE / "nvidia_peer.py"), name, ocsp]
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=name)
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def asked(calls: int) -> float:
            print(calls, file=stdin, flush=True)
            found = json.loads(stdout.readline() or '{"accepted": false}')
            if not found["accepted"]:
                raise SystemExit("NVIDIA's verifier does not accept this evidence; there is nothing to compare")
            return float(found["ms"])

        try:
            yield asked
        finally:
            process.kill()
            process.communicate()


def installed() -> str | None:
    """Why the peer cannot be measured; None when it can."""
    if any(VENV.glob("lib/python3*/site-packages/verifier")):
        return None
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
    for line in ([sys.executable, "-m", "venv", str(VENV)], pip):
        done = subprocess.run(line, capture_output=True, text=True)
        if done.returncode:
            return f"{PEER} cannot be installed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=20, help="of each round and way")
    chosen = parser.parse_args()
    made, why_not = scene(), installed()
    if why_not is not None:
        console().print(f"NVIDIA's verifier was not measured: {why_not}")
    for title, ocsp, policy in (("without OCSP", "spared", WITHOUT), ("with OCSP", "ocsp", WITH)):
        ways: dict[str, Callable[[int], float]] = {
            "ours, first of its kind": partial(made.cold, policy),
            "ours, its kind seen before": partial(made.warm, policy),
        }
        with contextlib.ExitStack() as stack:
            if why_not is None:
                ways = {PEER: stack.enter_context(nvidia(made.files, ocsp)), **ways}
            spent = alternate(ways, chosen.rounds, chosen.calls)
        console().print(table(spent, f"one Hopper GPU with two RIMs, {title}"))
    if VECTORS.is_dir():
        sample = real()
        ways = {"first of its kind": partial(sample.cold, WITHOUT), "seen before": partial(sample.warm, WITHOUT)}
        spent = alternate(ways, chosen.rounds, chosen.calls)
        console().print(table(spent, "a real H100 with NVIDIA's own RIMs, without OCSP, ours alone"))
    console().print(f"medians of {chosen.rounds} rounds; {machine()}")


def table(spent: Costs, title: str) -> Table:
    shown = Table("", "ms of processor time", "NVIDIA / this", title=title)
    theirs = spent.get(PEER)
    for name, values in spent.items():
        shown.add_row(name, middle(values), ratio(theirs, values) if theirs else "not measured")
    return shown


if __name__ == "__main__":
    main()
