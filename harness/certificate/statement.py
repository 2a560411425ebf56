"""The in-toto statement of a run: a test-result predicate with our own member. Pure but for the files it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema

import specs
from harness import __version__
from harness.certificate.levels import Claim
from harness.certificate.problem import Code, Refused
from harness.certificate.rejudge import Difference

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
OURS = "https://assay.invalid/certificate/v1"
SCHEMA_VERSION = "1.0"


@dataclass(frozen=True)
class Parts:
    """Everything that a statement is made of."""

    results: Mapping[str, Any]
    files: Mapping[str, str]  # path in the bundle -> SHA-256
    claims: list[Claim]
    differences: list[Difference]  # of the run judged again
    attestation: Mapping[str, Any] | None
    tls_keys: list[str]
    proof: Mapping[str, Any] | None
    issued: datetime
    lasts: timedelta


def statement(parts: Parts) -> bytes:
    """The payload of a certificate, as JSON."""
    return _written(document_of(parts))


def document_of(parts: Parts) -> dict[str, Any]:
    """The statement itself."""
    return {
        "_type": TYPE,
        "subject": _subjects(parts),
        "predicateType": PREDICATE_TYPE,
        "predicate": _predicate(parts),
    }


def read(payload: bytes) -> dict[str, Any]:
    """The statement of a payload. Raises Refused."""
    try:
        document = json.loads(payload)
        same = _written(document) == payload
    except (ValueError, RecursionError) as error:
        raise Refused(Code.STATEMENT_MALFORMED, f"not JSON: {error}") from error
    if not same:  # a name that stands there twice, NaN, other white space: readers might differ over what it says
        raise Refused(Code.STATEMENT_MALFORMED, "not written as `assay certify` writes a statement")
    validator = jsonschema.Draft202012Validator(specs.schema("certificate"))
    if (problem := next(validator.iter_errors(document), None)) is not None:
        raise Refused(Code.STATEMENT_MALFORMED, f"{problem.json_path}: {problem.message[:200]}")
    _has_moments(ours(document))
    return dict(document)


def _has_moments(ours: Mapping[str, Any]) -> None:
    """Raises Refused where what has the form of a moment is none."""
    run = ours["run"]
    for name, text in (
        ("issued", ours["issued"]),
        ("expires", ours["expires"]),
        ("run/started", run["started"]),
        ("run/finished", run["finished"]),
    ):
        try:
            datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Refused(Code.STATEMENT_MALFORMED, f"{name}: {error}") from error


def ours(document: Mapping[str, Any]) -> dict[str, Any]:
    """Our own member of the predicate."""
    return dict(document["predicate"][OURS])


def files_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The files of the bundle that a statement is about, with their SHA-256."""
    own = {kind + ":" for kind in ("contract", "tdx", "tls-key")}
    return {
        row["name"]: row["digest"]["sha256"]
        for row in document["subject"]
        if not any(row["name"].startswith(kind) for kind in own)
    }


def said_of_results(results: Mapping[str, Any], claims: list[Claim]) -> dict[str, Any]:
    """What a statement repeats from results.json; it must say the same."""
    run, contract, target = results["run"], results["contract"], results["target"]
    return {
        "run": {name: run[name] for name in ("id", "started", "finished", "profile", "seed", "suites", "only")},
        "contract": {name: contract[name] for name in ("name", "version", "digest")},
        "deployment": {name: target[name] for name in ("name", "base_url", "model", "capabilities", "test_roots")},
        "verdict": results["verdict"],
        "rows": {row["id"]: row["outcome"] for row in results["requirements"]},
        "levels": [claim.to_json() for claim in claims],
        "spend": results["spend"],
        "waivers": results.get("waivers", []),
    }


def _predicate(parts: Parts) -> dict[str, Any]:
    results = parts.results
    rows, contract = results["requirements"], results["contract"]
    by = {outcome: [row["id"] for row in rows if row["outcome"] == outcome] for outcome in ("pass", "warn", "fail")}
    return {
        "result": _result(results),
        "configuration": [
            {"name": f"contract:{contract['name']}@{contract['version']}", "digest": {"sha256": contract["digest"]}}
        ],
        "passedTests": by["pass"],
        "warnedTests": by["warn"],
        "failedTests": by["fail"],
        OURS: {
            "schema_version": SCHEMA_VERSION,
            "issued": _utc(parts.issued),
            "expires": _utc(parts.issued + parts.lasts),
            "tool": {"name": "assay", "version": __version__, "of_the_run": results["run"]["tool"]["version"]},
            **said_of_results(results, parts.claims),
            "judged_again": {
                "rows": len(rows),
                "same": len(rows) - len(parts.differences),
                "otherwise": [{"id": d.id, "now": d.now, "said": d.said} for d in parts.differences],
            },
            "attestation": parts.attestation,
            "tls_keys": parts.tls_keys,
            "proof": parts.proof,
        },
    }


def _result(results: Mapping[str, Any]) -> str:
    """In the words of the predicate; what is incomplete has not passed."""
    if results["verdict"] != "conforms":
        return "FAILED"
    return "WARNED" if results["counts"].get("warn") else "PASSED"


def _subjects(parts: Parts) -> list[dict[str, Any]]:
    contract = parts.results["contract"]
    measured = (parts.attestation or {}).get("measurements", [])
    told = sorted({(name, value) for one in measured for name, value in one.items()})
    return [
        *({"name": name, "digest": {"sha256": digest}} for name, digest in sorted(parts.files.items())),
        {"name": f"contract:{contract['name']}@{contract['version']}", "digest": {"sha256": contract["digest"]}},
        *({"name": f"tdx:{name}", "digest": {"sha384": value}} for name, value in told),
        *({"name": "tls-key:spki", "digest": {"sha256": digest}} for digest in parts.tls_keys),
    ]


def _written(document: Any) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
