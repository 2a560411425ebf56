"""`assay certify`: judge a saved run again, say what came of it, and sign that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer

import specs
from harness import results
from harness.certificate import bundle, coherent, envelope, retold, statement
from harness.certificate.attested import attestation, tls_keys
from harness.certificate.levels import claims
from harness.certificate.problem import BadRequest, Refused
from harness.certificate.rejudge import NotJudged, differences, played
from harness.record import deployment
from harness.running.replaying import HOW


def payload_of(folder: Path, proof: Path | None, issued: datetime, lasts: timedelta) -> bytes:
    """The statement about a run. Raises BadRequest, BadResults, TargetError, Refused."""
    was = results.read(folder)
    _can_be_certified(folder, was)
    proved = retold.proof_of(folder, was["contract"]["digest"]) if proof is None else _kept(proof, folder, was)
    again = _played(folder, was)
    found = differences(was, again["requirements"])
    if wrong := [d for d in found if not d.on_word]:
        told = "; ".join(f"{d.id} was {d.was}, and judged again it is {d.now}: {d.said}" for d in wrong[:3])
        raise BadRequest(f"{folder}: what is saved does not bear out {len(wrong)} rows: {told}; run it again")
    target, exchanges = deployment.read(folder), again["exchanges"]
    if odd := next(coherent.contradictions(was, again, target, exchanges), None):
        raise BadRequest(f"{folder}: {odd.said}: run it again")
    return statement.statement(
        statement.Parts(
            results=was,
            files=bundle.digests(folder),
            claims=claims(was),
            differences=found,
            attestation=attestation(target, exchanges),
            tls_keys=tls_keys(exchanges),
            proof=proved,
            issued=issued,
            lasts=lasts,
        )
    )


def _played(folder: Path, was: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return played(folder, was)
    except NotJudged as error:
        raise BadRequest(f"{folder}: the run cannot be judged again: {error}") from error


def certified(folder: Path, payload: bytes, seal: Callable[[bytes], bytes]) -> Path:
    """Write certificate.json into the folder of the run; nothing where it cannot be signed. Raises BadRequest."""
    made = seal(payload)
    path = folder / bundle.CERTIFICATE
    path.write_bytes(made)
    return path


def by_key(signer: Signer) -> Callable[[bytes], bytes]:
    """The seal of a key, wherever it is."""

    def seal(payload: bytes) -> bytes:
        try:
            return envelope.sealed(payload, signer)
        except Exception as error:  # each token and each service has errors of its own
            said = " ".join(str(error).split())[:300]
            raise BadRequest(f"the key does not sign: {type(error).__name__}{': ' if said else ''}{said}") from error

    return seal


def _can_be_certified(folder: Path, was: Mapping[str, Any]) -> None:
    contract = specs.load(was["contract"]["name"])
    if contract.digest != was["contract"]["digest"]:
        raise BadRequest(f"{folder}: {contract.name} has changed since the run was made: run it again")
    if was["run"]["workers"] > 1:
        raise BadRequest(f"{folder}: {was['run']['workers']} processes made it, and nobody knows in which order: {HOW}")
    if was["run"]["interrupted"]:
        raise BadRequest(f"{folder}: the run was interrupted: run it to its end")


def _kept(proof: Path, folder: Path, was: Mapping[str, Any]) -> dict[str, Any]:
    """What the certificate says of a proof, of which the bundle gets a copy. Raises BadRequest."""
    raw = proof.read_bytes()
    try:
        told = retold.proof_in(raw, was["contract"]["digest"])
    except Refused as refused:
        raise BadRequest(f"{proof}: {refused.problem.said}") from refused
    (folder / retold.PROOF).write_bytes(raw)  # what was read, and not what stands there by now
    return told
