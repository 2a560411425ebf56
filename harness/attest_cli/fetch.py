"""`assay attest fetch`: what the makers of the machines publish, as a folder to judge by."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from harness import collateral as published
from harness.attest import Code, Rejected
from harness.attest.adapters import read
from harness.attest.evidence import GpuDevice
from harness.attest.gpu import payload as payloads
from harness.attest_cli.group import failed, read_file, show
from harness.terminal import FILE


@click.command(name="fetch")
@click.argument("file", type=FILE)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where the bundle goes.")
@click.option("--service", default=published.INTEL, show_default=True, metavar="URL", help="Intel's, or a PCCS.")
@click.option("--rim-service", default=published.RIM, show_default=True, metavar="URL", help="Of reference values.")
@click.option("--ocsp", default=published.OCSP, show_default=True, metavar="URL", help="Responder for GPUs.")
@click.option("--gpu/--no-gpu", default=True, show_default=True, help="Whether GPUs are asked about as well.")
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Remember what came.")
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Take from here what has not ended.")
def fetch_command(
    file: Path,
    out: Path,
    service: str,
    rim_service: str,
    ocsp: str,
    gpu: bool,
    ledger: Path | None,
    cache: Path | None,
) -> None:
    """Fetch what Intel and NVIDIA publish about the machines in FILE; DIR then serves `verify --trust`.

    Every answer is kept as it came, beside where and when it came from. Roots of trust are never fetched. A ledger
    tells when reference values that were seen before come back older.

    Exit codes: 0 fetched, 1 the ledger knows better, 2 no evidence in FILE, or no answer that is collateral.
    """
    try:
        quote, devices = _subjects(file)
        with httpx.Client(timeout=30) as client:
            intel = published.CollateralSource(client, _now, service, cache)
            nvidia = published.NvidiaSource(client, _now, rim_service, ocsp)
            pieces = intel.fetch(quote) if quote is not None else ()
            files = nvidia.fetch(devices) if gpu else ()
        known = published.Ledger(ledger).note(published.sightings(files), _now()) if ledger is not None else ()
        if pieces:
            published.write_bundle(out, pieces)
        if files:
            published.write_files(out, files)
    except (Rejected, published.CollateralError, published.LedgerError) as error:
        raise SystemExit(failed("not fetched", error, 2)) from error
    show((*(f"{piece.name} from {piece.url}" for piece in pieces), *(f"{one.name} from {one.url}" for one in files)))
    show((f"wrote {out}", *(f"ledger: {problem.code}: {problem.reason}" for problem in known)))
    raise SystemExit(1 if known else 0)


def _now() -> datetime:
    return datetime.now(UTC)


def _subjects(file: Path) -> tuple[bytes | None, tuple[GpuDevice, ...]]:
    """The quote of the first machine, if there is one, and the GPUs of all. Raises Rejected."""
    raw = read_file(file)
    if payloads.recognises(raw):
        entries = payloads.read(raw).entries
        return None, tuple(GpuDevice(entry.report, entry.certificates, entry.arch) for entry in entries)
    found = read(raw)
    machines = found if isinstance(found, tuple) else ()
    if not machines:
        raise Rejected(Code.EVIDENCE_MALFORMED, f"{file} holds no quote and no GPU report")
    return machines[0].quote, tuple(device for machine in machines for device in machine.gpu)
