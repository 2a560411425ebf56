"""`assay attest verify`: a file, a live endpoint, a bare quote, GPU reports, or many of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

import specs
from harness import appraisal, batch, live, verdict_text
from harness.attest import Trust, load_trust, policy_of
from harness.attest.collateral import MAX_COLLATERAL_BYTES
from harness.attest.gpu import gpu_policy_of, load_gpu_trust
from harness.attest.gpu.token import TokenTrust
from harness.attest_cli.group import FILE, FOLDER, challenge, failed, moment, read_file, show
from harness.commands.console import ERR
from harness.model import Exit
from harness.target import TargetError

LINES = click.Path(exists=True, dir_okay=False, allow_dash=True)


@click.command(name="verify")
@click.argument("where", metavar="[FILE|URL]", required=False)
@click.option("--model", metavar="ID", help="Of URL: the model whose evidence is asked for.")
@click.option("--key-env", metavar="NAME", help="Of URL: the environment variable that holds the API key.")
@click.option("--ca-bundle", type=FILE, metavar="PEM", help="Of URL: TLS roots to trust instead of the usual ones.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FILE", help="Of URL: write what came back to FILE.")
@click.option("--quote", type=FILE, help="A bare quote: binary, hex or base64. Without --nonce its data is not judged.")
@click.option("--gpu", type=FILE, metavar="PAYLOAD.json", help="GPU evidence alone: {nonce, evidence_list, arch}.")
@click.option("--batch", "lines", type=LINES, metavar="FILE", help="Many pieces, one a line (-: standard input).")
@click.option("-n", "--workers", type=click.IntRange(1, 256), help="Processes for --batch (default: 1).")
@click.option("--trust", type=FOLDER, metavar="DIR", help="A folder with what to judge by: see below.")
@click.option("--collateral", type=FILE, metavar="C.json", help="What Intel says about the machine.")
@click.option("--root", type=FILE, metavar="DER", help="Judge under this root instead of Intel's.")
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
    about_url = any(given is not None for given in (model, key_env, ca_bundle, keep))
    is_live = _checked(where, quote, gpu, lines, about_url=about_url, about_batch=workers is not None)
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
        raw = read_file(quote or gpu or _existing(str(where)))
    raise SystemExit(_told(_appraised(raw, anchors, question, quote=quote is not None, gpu=gpu is not None), as_json))


def _checked(
    where: str | None, quote: Path | None, gpu: Path | None, lines: str | None, *, about_url: bool, about_batch: bool
) -> bool:
    """Whether the evidence is asked for at a URL. Raises UsageError for what does not go together."""
    if sum(given is not None for given in (where, quote, gpu, lines)) != 1:
        raise click.UsageError(
            "name one piece of evidence: FILE, URL, --quote Q or --gpu PAYLOAD.json; or many: --batch FILE"
        )
    is_live = where is not None and where.startswith(("http://", "https://"))
    if not is_live and about_url:
        raise click.UsageError("--model, --key-env, --ca-bundle and --keep go with a URL")
    if about_batch and lines is None:
        raise click.UsageError("--workers goes with --batch")
    return is_live


def _told(found: appraisal.Appraisal, as_json: bool) -> int:
    """Print a verdict; its exit code."""
    if as_json:
        click.echo(json.dumps(found.document, indent=1))
    else:
        show(verdict_text.lines(found))
    return found.exit_code


def _asked(
    endpoint: live.Endpoint, question: appraisal.Question, keep: Path | None
) -> tuple[bytes, appraisal.Question]:
    """What a live endpoint says, kept before it is judged, and the question that it answers."""
    try:
        found = live.fetch(endpoint, question.nonce)
    except (live.LiveError, TargetError) as error:
        raise SystemExit(failed("no evidence", error, 2)) from error
    if keep is not None:
        keep.write_bytes(found.raw)
        ERR.print(f"kept {keep}, for nonce {found.nonce.hex()}", markup=False, soft_wrap=True)
    return found.raw, replace(question, nonce=found.nonce, certificate=found.certificate)


def _existing(name: str) -> Path:
    path = FILE.convert(name, None, None)
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
    """Raises UsageError where what it is judged by is missing."""
    if quote and anchors.quotes is None:
        raise click.UsageError("a quote is judged by collateral: give --trust DIR, or --collateral C.json")
    try:
        if gpu:
            return appraisal.of_gpus(raw, anchors, question)
        if quote and anchors.quotes:
            return appraisal.of_quote(raw, anchors.quotes, question)
        return appraisal.of_document(raw, anchors, question)
    except appraisal.Missing as error:
        raise click.UsageError(str(error)) from error


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
    return appraisal.Anchors(quotes, gpus, TokenTrust(read_file(keys)) if keys.exists() else None)


def _quote_trust(folder: Path | None, collateral: Path | None, root: Path | None) -> Trust | None:
    if collateral is not None:
        text = read_file(collateral, MAX_COLLATERAL_BYTES).decode("utf-8", "replace")
        return Trust(text, read_file(root) if root else None, str(collateral))
    if folder is None or not (folder / "collateral.json").exists():
        return None
    try:
        return load_trust(folder)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
