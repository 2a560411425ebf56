"""A statement told again from its bundle: what the signer wrote must be what anybody would write about these files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema

import specs
from harness.certificate import coherent, statement
from harness.certificate.attested import attestation, tls_keys
from harness.certificate.levels import claims
from harness.certificate.problem import Code, Problem, Refused
from harness.certificate.rejudge import Difference
from harness.record import deployment
from harness.record.asides import ON_WORD

PROOF = "proof.json"
CLOCKS = timedelta(minutes=5)  # between that of the machine that ran and that of the machine that signs


def contradictions(document: Mapping[str, Any], was: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    """The members of a statement that are not those of its bundle; evidence and rows are not judged for it.

    Raises Refused.
    """
    ours = statement.ours(document)
    issued = _moment(ours["issued"])
    due = statement.document_of(
        statement.Parts(
            results=was,
            files=statement.files_of(document),
            claims=claims(was),
            differences=[
                Difference(row["id"], "", row["now"], row["said"]) for row in ours["judged_again"]["otherwise"]
            ],
            attestation=ours["attestation"],
            tls_keys=ours["tls_keys"],
            proof=proof_of(folder, was["contract"]["digest"]),
            issued=issued,
            lasts=_moment(ours["expires"]) - issued,
        )
    )
    for name, said, meant in _members(document, due):
        if name != "tool" and said != meant:
            yield Problem(Code.CONTRADICTED, f"the statement's {name} is not that of its bundle", name)
    if _moment(was["run"]["finished"]) > issued + CLOCKS:
        yield Problem(Code.CONTRADICTED, f"the run ended {was['run']['finished']}, after it was certified", "issued")
    yield from _words(ours)


def beside_rows(
    ours: Mapping[str, Any], was: Mapping[str, Any], again: Mapping[str, Any], folder: Path
) -> Iterator[Problem]:
    """What the bundle contradicts beside the outcomes of rows: the rest of results.json, evidence, keys of TLS.

    Raises OSError, ValueError, Rejected, TargetError where the bundle cannot be read.
    """
    target, exchanges = deployment.read(folder), again["exchanges"]
    yield from coherent.contradictions(was, again, target, exchanges)
    for name, said in (("attestation", attestation(target, exchanges)), ("tls_keys", tls_keys(exchanges))):
        if ours[name] != said:
            yield Problem(Code.CONTRADICTED, f"the statement's {name} is not what the exchanges show", name)


def proof_of(folder: Path, digest: str) -> dict[str, Any] | None:
    """What a statement says of the proof in its bundle, if there is one. Raises Refused."""
    file = folder / PROOF
    return proof_in(file.read_bytes(), digest) if file.is_file() else None


def proof_in(raw: bytes, digest: str) -> dict[str, Any]:
    """What a statement says of a proof of the contract with this digest. Raises Refused."""
    try:
        document = json.loads(raw)
        jsonschema.Draft202012Validator(specs.schema("proof")).validate(document)
    except (ValueError, RecursionError, jsonschema.ValidationError) as error:
        raise Refused(Code.BUNDLE_UNREADABLE, "expected the proof.json of `assay prove`") from error
    if document["contract"]["digest"] != digest:
        raise Refused(Code.OTHER_CONTRACT, f"proves another version of {document['contract']['name']}: prove it again")
    return {"sha256": hashlib.sha256(raw).hexdigest(), "score": document["score"]}


def _words(ours: Mapping[str, Any]) -> Iterator[Problem]:
    """Rows rest on the signer's word for reasons that this harness gives, and for no others."""
    for row in ours["judged_again"]["otherwise"]:
        if row["said"] not in ON_WORD or row["id"] not in ours["rows"]:
            yield Problem(Code.CONTRADICTED, f"{row['id']} rests on word for a reason that is none", "judged_again")


def _members(document: Mapping[str, Any], due: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    yield "subject", document["subject"], due["subject"]
    for theirs, meant in (
        (document["predicate"], due["predicate"]),
        (statement.ours(document), statement.ours(due)),
    ):
        yield from ((name, said, meant[name]) for name, said in theirs.items() if name != statement.OURS)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
