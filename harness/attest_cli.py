"""The command group `assay attest`: reads files and the command line, prints verdicts; harness.attest judges.

It is registered in harness.cli by one line; further commands are added to the group `attest` here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx
from rich.console import Console

import specs
from harness import appraisal, asked, batch, inspection, live, verdict_text
from harness.attest import Code, Rejected, Trust, load_trust, policy_of
from harness.attest.adapters import read
from harness.attest.collateral import MAX_COLLATERAL_BYTES
from harness.attest.gpu import gpu_policy_of, load_gpu_trust
from harness.attest.gpu.token import TokenTrust
from harness.collateral import INTEL, CollateralError, CollateralSource, write_bundle
from harness.collect import SOURCES, Absent, Guest, Refused, collect
from harness.collect.guest import Files
from harness.model import Exit
from harness.target import TargetError

OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)
MAX_EVIDENCE_BYTES = 4 * 1024 * 1024
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LINES = click.Path(exists=True, dir_okay=False, allow_dash=True)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def moment(value: str) -> datetime:
    try:
        return asked.moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def challenge(value: str) -> bytes:
    try:
        return asked.challenge(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group(name="attest")
def attest() -> None:
    """Decide from evidence alone what is proven about the machine behind an API."""


@attest.command(name="verify")
@click.argument("where", metavar="[FILE|URL]", required=False)
@click.option("--model", metavar="ID", help="Of URL: the model whose evidence is asked for.")
@click.option("--key-env", metavar="NAME", help="Of URL: the environment variable that holds the API key.")
@click.option("--ca-bundle", type=_FILE, metavar="PEM", help="Of URL: TLS roots to trust instead of the usual ones.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FILE", help="Of URL: write what came back to FILE.")
@click.option(
    "--quote", type=_FILE, help="A bare quote: binary, hex or base64. Without --nonce its data is not judged."
)
@click.option("--gpu", type=_FILE, metavar="PAYLOAD.json", help="GPU evidence alone: {nonce, evidence_list, arch}.")
@click.option("--batch", "lines", type=_LINES, metavar="FILE", help="Many pieces, one a line (-: standard input).")
@click.option("-n", "--workers", type=click.IntRange(1, 256), help="Processes for --batch (default: 1).")
@click.option("--trust", type=_FOLDER, metavar="DIR", help="A folder with what to judge by: see below.")
@click.option("--collateral", type=_FILE, metavar="C.json", help="What Intel says about the machine.")
@click.option("--root", type=_FILE, metavar="DER", help="Judge under this root instead of Intel's.")
@click.option("--nonce", type=challenge, metavar="HEX", help="The challenge that was sent.")
@click.option("--at", type=moment, metavar="TIME", help="Judge as of then: Unix seconds or ISO 8601 (default: now).")
@click.option(
    "--policy", metavar="P", help="A shipped policy, or a YAML file (default: field; for --quote and --gpu: genuine)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
def verify_command(
    where: str | None,
    model: str | None,
    key_env: str | None,
    ca_bundle: Path | None,
    keep: Path | None,
    quote: Path | None,
    gpu: Path | None,
    lines: str | None,
    workers: int | None,
    trust: Path | None,
    collateral: Path | None,
    root: Path | None,
    nonce: bytes | None,
    at: datetime | None,
    policy: str | None,
    as_json: bool,
) -> None:
    """Judge evidence. FILE may have any known format, which is told from its bytes.

    URL is asked for evidence over a fresh nonce (or --nonce), and the TLS certificate of its connection is held
    against what the evidence binds. It is asked once, and nothing else is.

    \b
    The folder of --trust may hold
      collateral.json, root.der                    for quotes (without root.der: Intel's root)
      device_root.pem, rim_root.pem, rims/, ocsp/  for GPU reports
      jwks.json                                    for tokens of NVIDIA's service

    A line of --batch is {"evidence": a document, or text in hex or base64} and may have "id", "nonce" and "at", which
    go before --nonce and --at. A quote or GPU payload in it is taken as by --quote and --gpu. Verdicts come out as
    JSON, one a line and in the same order; a line that cannot be taken gets one as well.

    Exit codes: 0 accepted, 1 rejected, 2 malformed or a bad invocation. Of a batch: the worst,
    which is 3 where the harness itself failed on a line.
    """
    if sum(given is not None for given in (where, quote, gpu, lines)) != 1:
        raise click.UsageError(
            "name one piece of evidence: FILE, URL, --quote Q or --gpu PAYLOAD.json; or many: --batch FILE"
        )
    is_live = where is not None and where.startswith(("http://", "https://"))
    if not is_live and any(given is not None for given in (model, key_env, ca_bundle, keep)):
        raise click.UsageError("--model, --key-env, --ca-bundle and --keep go with a URL")
    if workers is not None and lines is None:
        raise click.UsageError("--workers goes with --batch")
    at = at or datetime.now(UTC)
    whole, alone = (_question(policy or name, nonce, at) for name in ("field", "genuine"))
    anchors = _anchors(trust, collateral, root)
    if lines is not None:
        with click.open_file(lines, "rb") as stream:
            raise SystemExit(_batch(batch.judged(stream, batch.Judge(anchors, whole, alone), workers or 1)))
    question = alone if quote or gpu else whole
    if where is not None and is_live:
        raw, question = _asked(live.Endpoint(where, model, "ecdsa", key_env, ca_bundle), question, keep)
    else:
        raw = _read(quote or gpu or _existing(str(where)))
    try:
        found = _appraised(raw, anchors, question, quote=quote is not None, gpu=gpu is not None)
    except appraisal.Missing as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps(found.document, indent=1))
    else:
        _print(verdict_text.lines(found))
    raise SystemExit(found.exit_code)


def _asked(
    endpoint: live.Endpoint, question: appraisal.Question, keep: Path | None
) -> tuple[bytes, appraisal.Question]:
    """What a live endpoint says, kept before it is judged, and the question that it answers."""
    try:
        found = live.fetch(endpoint, question.nonce)
    except (live.LiveError, TargetError) as error:
        raise SystemExit(_failed("no evidence", error, 2)) from error
    if keep is not None:
        keep.write_bytes(found.raw)
        ERR.print(f"kept {keep}, for nonce {found.nonce.hex()}", markup=False, soft_wrap=True)
    return found.raw, replace(question, nonce=found.nonce, certificate=found.certificate)


def _existing(name: str) -> Path:
    path = _FILE.convert(name, None, None)
    assert isinstance(path, Path)
    return path


def _question(policy: str, nonce: bytes | None, at: datetime) -> appraisal.Question:
    document = specs.policy(policy)
    return appraisal.Question(nonce, at, policy_of(document), gpu_policy_of(document))


def _batch(outcomes: Iterable[batch.Outcome]) -> int:
    """Print verdicts as they come; the worst exit code. Nothing judged is nothing accepted."""
    counts, worst, test_roots = Counter[str](), 0, False
    try:
        for outcome in outcomes:
            click.echo(outcome.text)
            counts[outcome.verdict] += 1
            worst, test_roots = max(worst, outcome.exit_code), test_roots or outcome.test_roots
    except KeyboardInterrupt:
        worst = worst or int(Exit.INCOMPLETE)
        ERR.print("interrupted: what follows the last verdict was not judged", markup=False, soft_wrap=True)
    if test_roots:
        ERR.print(verdict_text.TEST_ROOTS, markup=False, soft_wrap=True)
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    ERR.print(said or "no line holds evidence: nothing was judged", markup=False, soft_wrap=True)
    return worst if counts else int(Exit.BAD_INVOCATION)


def _appraised(
    raw: bytes, anchors: appraisal.Anchors, question: appraisal.Question, *, quote: bool, gpu: bool
) -> appraisal.Appraisal:
    if quote:
        if anchors.quotes is None:
            raise appraisal.Missing("a quote is judged by collateral: give --trust DIR, or --collateral C.json")
        return appraisal.of_quote(raw, anchors.quotes, question)
    if gpu:
        return appraisal.of_gpus(raw, anchors, question)
    return appraisal.of_document(raw, anchors, question)


@attest.command(name="inspect")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
def inspect_command(file: Path, as_json: bool) -> None:
    """Show everything that stands in a quote, a report or a GPU payload. Verifies nothing.

    Exit codes: 0 shown, 2 no evidence of a known format.
    """
    try:
        document = inspection.inspect(_read(file))
    except Rejected as error:
        raise SystemExit(_failed("malformed", error, 2)) from error
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        _print((str(file), *verdict_text.tree(document)))


@attest.command(name="fetch")
@click.argument("file", type=_FILE)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where the bundle goes.")
@click.option("--service", default=INTEL, show_default=True, metavar="URL", help="Intel's service, or a PCCS.")
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Take from here what has not ended.")
def fetch_command(file: Path, out: Path, service: str, cache: Path | None) -> None:
    """Fetch what Intel says about the machine of a quote; DIR then serves `verify --trust`.

    Every answer is kept as it came, beside collateral.json. This is the only command of the group that asks a network.

    Exit codes: 0 fetched, 2 no quote in FILE, or no answer that is collateral.
    """
    try:
        with httpx.Client(timeout=30) as client:
            source = CollateralSource(client, lambda: datetime.now(UTC), service, cache)
            pieces = source.fetch(_quote_in(file))
            write_bundle(out, pieces)
    except (Rejected, CollateralError) as error:
        raise SystemExit(_failed("not fetched", error, 2)) from error
    _print((*(f"{piece.name} from {piece.url}" for piece in pieces), f"wrote {out / 'collateral.json'}"))


def _quote_in(file: Path) -> bytes:
    """The quote of the first machine. Raises Rejected."""
    found = read(_read(file))
    if not isinstance(found, tuple):
        raise Rejected(Code.EVIDENCE_MALFORMED, f"{file} holds no quote")
    return found[0].quote


@attest.command(name="collect")
@click.option("--nonce", type=challenge, required=True, metavar="HEX", help="The verifier's 32 fresh bytes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where the bundle goes.")
@click.option("--root", type=_FOLDER, default=Path("/"), metavar="DIR", help="Read the guest's files below this.")
@click.option("--source", type=click.Choice(SOURCES), default="auto", show_default=True, help="Who makes the quote.")
@click.option("--gpu/--no-gpu", default=True, show_default=True, help="Whether the GPUs are attested as well.")
def collect_command(nonce: bytes, out: Path, root: Path, source: str, gpu: bool) -> None:
    """Collect evidence inside a guest: quote, GPU reports and event logs over one nonce, as they came.

    Exit codes: 0 collected, 1 refused (what was read must not be called evidence), 2 a source is absent.
    """
    try:
        bundle = collect(Guest(Files(root)), nonce, source, gpu=gpu)
        written = bundle.write(out)
    except Refused as error:
        raise SystemExit(_failed("refused", error, 1)) from error
    except Absent as error:
        raise SystemExit(_failed("absent", error, 2)) from error
    except FileExistsError as error:
        raise click.UsageError(f"{error.filename}: exists; one nonce, one bundle: choose another --out") from error
    _print((f"quote by {bundle.source}", *(f"without {part}: {why}" for part, why in bundle.absent.items())))
    _print((*(f"note: {note}" for note in bundle.notes), *(f"wrote {path}" for path in written)))


def _failed(label: str, error: Exception, code: int) -> int:
    ERR.print(f"{label}: {error}", markup=False, soft_wrap=True)
    return code


def _anchors(folder: Path | None, collateral: Path | None, root: Path | None) -> appraisal.Anchors:
    if root is not None and collateral is None:
        raise click.UsageError("--root goes with --collateral; a --trust folder has its own root.der")
    quotes = _quote_trust(folder, collateral, root)
    if folder is None:
        return appraisal.Anchors(quotes)
    keys = folder / "jwks.json"
    try:
        gpus = load_gpu_trust(folder) if (folder / "device_root.pem").exists() else None
    except ValueError as error:
        raise click.UsageError(f"{folder}: {error}") from error
    return appraisal.Anchors(quotes, gpus, TokenTrust(_read(keys)) if keys.exists() else None)


def _quote_trust(folder: Path | None, collateral: Path | None, root: Path | None) -> Trust | None:
    if collateral is not None:
        text = _read(collateral, MAX_COLLATERAL_BYTES).decode("utf-8", "replace")
        return Trust(text, _read(root) if root else None, str(collateral))
    if folder is None or not (folder / "collateral.json").exists():
        return None
    try:
        return load_trust(folder)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        OUT.print(line, markup=False, soft_wrap=True)


def _read(path: Path, limit: int = MAX_EVIDENCE_BYTES) -> bytes:
    if path.stat().st_size > limit:
        raise click.UsageError(f"{path}: more than {limit} bytes")
    return path.read_bytes()
