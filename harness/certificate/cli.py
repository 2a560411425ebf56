"""The commands `assay certify` and `assay verify`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.attest_cli.group import FILE, FOLDER, moment
from harness.certificate import issue, keys, policy, statement
from harness.certificate.problem import BadRequest, Problem
from harness.certificate.verify import Demands, Verification, verified
from harness.model import Exit
from reports import certificate as shown

OUT = Console(highlight=False)
DAYS = 90


@click.command(name="certify")
@click.argument("runs", nargs=-1, required=True, type=FOLDER, metavar="RUN...")
@click.option(
    "--key", required=True, metavar="K", help="Private key as a PEM file, or hsm:, awskms:, gcpkms: and such."
)
@click.option("--public-key", type=FILE, metavar="PEM", help="Of a key that is no file: the public one.")
@click.option("--proof", type=FILE, metavar="proof.json", help="What `assay prove` wrote for this contract.")
@click.option("--days", type=click.IntRange(1, 3660), default=DAYS, show_default=True, help="How long it is valid.")
def certify_command(runs: tuple[Path, ...], key: str, public_key: Path | None, proof: Path | None, days: int) -> None:
    """Sign what a run has found out: RUN/certificate.json, about every file in the folder RUN.

    The run is judged again first, from what is saved alone. The folder and the certificate can then be given away:
    no secret is in them, and `assay verify` needs nothing else.
    """
    signer = keys.signer_of(key, public_key)
    for folder in runs:
        payload = issue.payload_of(folder, proof, datetime.now(UTC), timedelta(days=days))
        path = issue.certified(folder, payload, signer)
        _print(shown.lines(statement.read(payload)))
        OUT.print(f"certificate: {path}", markup=False, soft_wrap=True)


@click.command(name="verify")
@click.argument("certificates", nargs=-1, required=True, type=FILE, metavar="CERT...")
@click.option(
    "--key", "trusted", multiple=True, type=FILE, metavar="PEM", help="A public key that may sign (repeatable)."
)
@click.option("--bundle", "folder", type=FOLDER, metavar="DIR", help="The run's folder (default: that of CERT).")
@click.option("--no-bundle", is_flag=True, help="Look at the certificate alone.")
@click.option("--rejudge", is_flag=True, help="Judge the saved run again, and compare every row.")
@click.option("--policy", "demanded", type=FILE, metavar="FILE", help="What is demanded: keys, levels, age and so on.")
@click.option("--at", type=moment, metavar="TIME", help="Verify as of then: Unix seconds or ISO 8601 (default: now).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
def verify_command(
    certificates: tuple[Path, ...],
    trusted: tuple[Path, ...],
    folder: Path | None,
    no_bundle: bool,
    rejudge: bool,
    demanded: Path | None,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Check a certificate, and the bundle that it is about, without its author and without a network.

    Exit codes: 0 accepted, 1 refused, 2 bad invocation.
    """
    if folder is not None and (no_bundle or len(certificates) > 1):
        raise click.UsageError("--bundle goes with one certificate, and not with --no-bundle")
    if rejudge and no_bundle:
        raise click.UsageError("--rejudge needs the bundle")
    demands = _demands(trusted, demanded, at or datetime.now(UTC), rejudge=rejudge)
    found = _each(certificates, folder, demands, no_bundle=no_bundle)
    if as_json:
        rows = [_row(path, one) for path, one in zip(certificates, found, strict=True)]
        click.echo(json.dumps(rows[0] if len(rows) == 1 else rows, indent=1))
    else:
        for path, one in zip(certificates, found, strict=True):
            _print(_lines(path, one))
    raise SystemExit(Exit.CONFORMS if all(one.accepted for one in found) else Exit.DOES_NOT_CONFORM)


def _each(
    certificates: tuple[Path, ...], folder: Path | None, demands: Demands, *, no_bundle: bool
) -> list[Verification]:
    """The verdicts, in order. Judging several runs again takes as many processes as there are cores."""
    folders = [None if no_bundle else folder or _beside(path) for path in certificates]
    raws = [path.read_bytes() for path in certificates]
    if not demands.rejudge or len(certificates) == 1:
        return [verified(raw, beside, demands) for raw, beside in zip(raws, folders, strict=True)]
    with ProcessPoolExecutor(min(len(raws), os.cpu_count() or 1), get_context("spawn")) as pool:
        return list(pool.map(partial(verified, demands=demands), raws, folders))


def _beside(certificate: Path) -> Path | None:
    return certificate.parent if (certificate.parent / "results.json").is_file() else None


def _demands(trusted: tuple[Path, ...], demanded: Path | None, at: datetime, *, rejudge: bool) -> Demands:
    wanted: Mapping[str, Any] = {} if demanded is None else policy.load(demanded)
    paths = [*trusted, *(Path(name) for name in wanted.get("keys", ()))]
    if not paths:
        raise BadRequest(
            "whose certificate it is shows by a key: give the signer's public one by --key PEM or --policy"
        )
    return Demands([keys.public_key(path) for path in paths], at, wanted, rejudge)


def _lines(path: Path, found: Verification) -> list[str]:
    verdict = "accepted" if found.accepted else "REFUSED"
    told = [f"{verdict}: {path}", *(f"  {problem.code}: {problem.said}" for problem in found.problems)]
    if found.statement is None:
        return told
    told += [f"{'signed by':<12}{found.key}", *shown.lines(found.statement)]
    if "bundle" not in found.looked_at:
        told.append(f"{'bundle':<12}not looked at: nothing but the signer's word says what the run saw")
    elif "rows" not in found.looked_at:
        told.append(f"{'rows':<12}not judged again: see --rejudge")
    else:
        told.append(f"{'rows':<12}{found.judged_again} judged again and the same{_rest(found)}")
    return told


def _rest(found: Verification) -> str:
    return f"; {len(found.on_word)} rest on the signer's word" if found.on_word else ""


def _row(path: Path, found: Verification) -> dict[str, Any]:
    return {
        "certificate": str(path),
        "accepted": found.accepted,
        "problems": [_problem(problem) for problem in found.problems],
        "key": found.key,
        "looked_at": list(found.looked_at),
        "judged_again": found.judged_again,
        "on_word": list(found.on_word),
        "statement": found.statement,
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {"code": str(problem.code), "subject": problem.subject, "said": problem.said}


def _print(lines: Any) -> None:
    for line in lines:
        OUT.print(line, markup=False, soft_wrap=True)
