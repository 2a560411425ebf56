"""The commands `assay certify` and `assay verify`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from harness.attest_cli.group import moment
from harness.certificate import bundle, issue, keyless, keys, policy, statement
from harness.certificate.envelope import MAX_BYTES
from harness.certificate.problem import BadRequest, Problem
from harness.certificate.verify import Demands, Verification, verified
from harness.model import Exit
from harness.terminal import FILE, FOLDER, OUT
from reports import certificate as shown
from reports import legible

DAYS = 90
RUN_OR_FILE = click.Path(exists=True, path_type=Path)
_START = "fork" if sys.platform == "linux" else "spawn"  # a fork has read all of our modules; no thread runs here


@click.command(name="certify")
@click.argument("runs", nargs=-1, required=True, type=FOLDER, metavar="RUN...")
@click.option(
    "--key",
    required=True,
    metavar="K",
    help="Private key as a PEM file, or hsm:, awskms:, gcpkms:, azurekms: and such; sigstore: signs by identity.",
)
@click.option("--public-key", type=FILE, metavar="PEM", help="Of a key that is no file: the public one.")
@click.option("--identity-token-env", "variable", metavar="NAME", help="For sigstore: variable with the OIDC token.")
@click.option("--proof", type=FILE, metavar="proof.json", help="What `assay prove` wrote for this contract.")
@click.option("--days", type=click.IntRange(1, 3660), default=DAYS, show_default=True, help="How long it is valid.")
def certify_command(
    runs: tuple[Path, ...], key: str, public_key: Path | None, variable: str | None, proof: Path | None, days: int
) -> None:
    """Sign what a run has found out: RUN/certificate.json, about every file in the folder RUN.

    The run is judged again first, from what is saved alone. The folder and the certificate can then be given away:
    no secret is in them, and `assay verify` needs nothing else.
    """
    seal = _seal(key, public_key, variable)
    for folder in runs:
        payload = issue.payload_of(folder, proof, datetime.now(UTC), timedelta(days=days))
        path = issue.certified(folder, payload, seal)
        _print(shown.lines(statement.read(payload)))
        OUT.print(f"certificate: {path}", markup=False, soft_wrap=True)
        OUT.print(f"check it: assay verify {folder} --rejudge --key PUBLIC.pem", markup=False, soft_wrap=True)


def _seal(key: str, public_key: Path | None, variable: str | None) -> Callable[[bytes], bytes]:
    if key == keyless.KEY:
        return partial(keyless.sealed, token=keyless.token_of(variable))
    if variable is not None:
        raise click.UsageError(f"--identity-token-env goes with --key {keyless.KEY}")
    return issue.by_key(keys.signer_of(key, public_key))


@click.command(name="verify")
@click.argument("certificates", nargs=-1, required=True, type=RUN_OR_FILE, metavar="CERT...")
@click.option(
    "--key", "trusted", multiple=True, type=FILE, metavar="PEM", help="A public key that may sign (repeatable)."
)
@click.option("--identity", metavar="WHO", help="Who may sign without a key: a mail address or URI, with --issuer.")
@click.option("--issuer", metavar="URL", help="Who vouches for --identity: the OIDC issuer.")
@click.option("--trusted-root", type=FILE, metavar="FILE", help="Roots for --identity (default: those of Sigstore).")
@click.option("--bundle", "folder", type=FOLDER, metavar="DIR", help="The run's folder (default: that of CERT).")
@click.option("--no-bundle", is_flag=True, help="Look at the certificate alone.")
@click.option("--rejudge", is_flag=True, help="Judge the saved run again, and compare every row.")
@click.option("--policy", "demanded", type=FILE, metavar="FILE", help="What is demanded: keys, levels, age and so on.")
@click.option("--at", type=moment, metavar="TIME", help="Verify as of then: Unix seconds or ISO 8601 (default: now).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
def verify_command(
    certificates: tuple[Path, ...],
    trusted: tuple[Path, ...],
    identity: str | None,
    issuer: str | None,
    trusted_root: Path | None,
    folder: Path | None,
    no_bundle: bool,
    rejudge: bool,
    demanded: Path | None,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Check a certificate, and the bundle that it is about, without its author and without a network.

    CERT is the certificate.json, or the folder that it lies in.

    Exit codes: 0 accepted, 1 refused, 2 bad invocation.
    """
    if folder is not None and (no_bundle or len(certificates) > 1):
        raise click.UsageError("--bundle goes with one certificate, and not with --no-bundle")
    if rejudge and no_bundle:
        raise click.UsageError("--rejudge needs the bundle")
    if (identity is None) != (issuer is None) or (trusted_root is not None and identity is None):
        raise click.UsageError("--identity goes with --issuer, and --trusted-root with both")
    who = None if identity is None or issuer is None else keyless.Identity(identity, issuer, trusted_root)
    certificates = tuple(path / bundle.CERTIFICATE if path.is_dir() else path for path in certificates)
    demands = _demands(trusted, who, demanded, at or datetime.now(UTC), rejudge=rejudge)
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
    raws = [_read(path) for path in certificates]
    if not demands.rejudge or len(certificates) == 1:
        return [verified(raw, beside, demands) for raw, beside in zip(raws, folders, strict=True)]
    with ProcessPoolExecutor(min(len(raws), os.cpu_count() or 1), get_context(_START)) as pool:
        asked = {n: pool.submit(verified, raws[n], folders[n], demands) for n in _longest_first(folders)}
        return [asked[n].result() for n in range(len(raws))]


def _longest_first(folders: list[Path | None]) -> list[int]:
    """The runs with most to judge first, so that none is judged alone in the end."""

    def size(n: int) -> int:
        file = None if (folder := folders[n]) is None else folder / "exchanges.jsonl"
        return file.stat().st_size if file is not None and file.is_file() else 0

    return sorted(range(len(folders)), key=size, reverse=True)


def _beside(certificate: Path) -> Path:
    """The folder that a certificate lies in. Raises BadRequest: what is asked for is not left out without a word."""
    if (certificate.parent / "results.json").is_file():
        return certificate.parent
    raise BadRequest(
        f"{certificate}: no results.json lies beside it: name the folder of its run by --bundle DIR, or look at the "
        "certificate alone by --no-bundle"
    )


def _read(certificate: Path) -> bytes:
    """As much of a file as a certificate can have, and a byte more. Raises BadRequest for what is no file."""
    if not certificate.is_file():
        raise BadRequest(f"{certificate}: no such file; expected the certificate.json of a run")
    with certificate.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _demands(
    trusted: tuple[Path, ...], who: keyless.Identity | None, demanded: Path | None, at: datetime, *, rejudge: bool
) -> Demands:
    wanted: Mapping[str, Any] = {} if demanded is None else policy.load(demanded)
    paths = [*trusted, *(Path(name) for name in wanted.get("keys", ()))]
    if not paths and who is None:
        raise BadRequest(
            "whose certificate it is shows by a key: give the signer's public one by --key PEM or --policy, "
            "or --identity"
        )
    return Demands([keys.public_key(path) for path in paths], at, wanted, rejudge, who)


def _lines(path: Path, found: Verification) -> list[str]:
    verdict = "accepted" if found.accepted else "REFUSED"
    said = (f"  {problem.code}: {legible.line(problem.said, 1000)}" for problem in found.problems)
    told = [f"{verdict}: {path}", *said]
    if found.statement is None:
        return told
    told += [f"{'signed by':<12}{found.key}", *shown.lines(found.statement)]
    if "bundle" not in found.looked_at:
        told.append(f"{'bundle':<12}not looked at: nothing but the signer's word says what the run saw")
    elif "rows" not in found.looked_at:
        told.append(f"{'rows':<12}not judged again{': see --rejudge' if found.accepted else ''}")
    else:
        told.append(f"{'rows':<12}{found.judged_again} judged again and the same{_rest(found)}")
        told.append(
            f"{'answers':<12}that the deployment gave them, and when, is the signer's word; so are load and spend"
        )
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
