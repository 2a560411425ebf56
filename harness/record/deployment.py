"""What a run knew of its target, kept beside its exchanges: with no secret in it, and with the files it was judged by.

A secret's value becomes `${NAME}`, the same that stands for it in exchanges.jsonl.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema

import specs
from harness.redact import Redactor
from harness.target import (
    BalancePoint,
    ControlPoint,
    CostPoint,
    EvidencePoint,
    Limits,
    Secret,
    Spend,
    Target,
    TargetError,
    Timeouts,
)

FILE = "deployment.json"
ANCHORS = "anchors"  # folder of what evidence and tokens were judged by
MAX_FILE_BYTES = 64 * 1024 * 1024
PLAIN = ("name", "base_url", "contract", "default_model")


def write(target: Target, folder: Path, redactor: Redactor) -> Path:
    """Write deployment.json, and copy trust, policy and tokenizer beside it."""
    document = {
        **{name: getattr(target, name) for name in PLAIN},
        "names": dict(target.names),
        "models": dict(target.models),
        "headers": dict(target.headers),
        "keys": {role: secret.name for role, secret in target.keys.items()},
        "timeouts": dataclasses.asdict(target.timeouts),
        "limits": dataclasses.asdict(target.limits),
        "spend": {name: f"{value:f}" for name, value in dataclasses.asdict(target.spend).items()},
        "control": _laboratory(target.control),
        "upstream": _laboratory(target.upstream),
        "balance": None if target.balance is None else dataclasses.asdict(target.balance),
        "costs": None if target.costs is None else dataclasses.asdict(target.costs),
        "tokenizer": _copied(target.tokenizer, folder, "tokenizer.json"),
        "evidence": _evidence(target.evidence, folder),
    }
    path = folder / FILE
    text = json.dumps(redactor.json(document), indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True)
class SavedTarget(Target):
    """The target of a saved run: its time is that of what is played, and nobody is there to be asked."""

    moment: list[datetime] = dataclasses.field(default_factory=list)  # the last one counts

    def now(self) -> datetime:
        return self.moment[-1]


def read(folder: Path) -> SavedTarget:
    """The target of the run in a folder. Raises TargetError naming the file and what was expected."""
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TargetError(f"{path}: no such file; expected the folder of a run that this version has made") from None
    except (ValueError, RecursionError) as error:
        raise TargetError(f"{path}: not JSON: {error}") from error
    validator = jsonschema.Draft202012Validator(specs.schema("deployment"))
    if (problem := next(validator.iter_errors(document), None)) is not None:
        raise TargetError(f"{path}: {problem.json_path}: {problem.message[:200]}")
    try:
        return _target(document, folder)
    except TypeError as error:  # a member that no such part has
        raise TargetError(f"{path}: {error}") from error


def _target(document: Mapping[str, Any], folder: Path) -> SavedTarget:
    balance, costs = document["balance"], document["costs"]
    return SavedTarget(
        **{name: document[name] for name in PLAIN},
        names=document["names"],
        models=document["models"],
        headers=document["headers"],
        keys={role: _placeholder(name) for role, name in document["keys"].items()},
        timeouts=Timeouts(**document["timeouts"]),
        limits=Limits(**document["limits"]),
        spend=Spend(**{name: Decimal(value) for name, value in document["spend"].items()}),
        control=_point(document["control"]),
        upstream=_point(document["upstream"]),
        balance=None if balance is None else BalancePoint(**balance),
        costs=None if costs is None else CostPoint(**costs),
        tokenizer=None if document["tokenizer"] is None else folder / ANCHORS / document["tokenizer"],
        evidence=_evidence_point(document["evidence"], folder),
        clock_ahead=timedelta(),
    )


def _placeholder(name: str) -> Secret:
    return Secret(name, f"${{{name}}}")


def _laboratory(point: ControlPoint | None) -> dict[str, str] | None:
    return None if point is None else {"url": point.url, "token": point.token.name}


def _point(document: Mapping[str, str] | None) -> ControlPoint | None:
    return None if document is None else ControlPoint(document["url"], _placeholder(document["token"]))


def _evidence(point: EvidencePoint | None, folder: Path) -> dict[str, Any] | None:
    if point is None:
        return None
    shipped = isinstance(point.policy, str)
    return {
        "url": point.url,
        "format": point.format,
        "test_roots": point.test_roots,
        "gpus": point.gpus,
        "trust": _copied(point.trust, folder, "trust"),
        "policy": point.policy if shipped else None,
        "policy_file": None if shipped else _copied(Path(point.policy), folder, "policy.yaml"),
    }


def _evidence_point(document: Mapping[str, Any] | None, folder: Path) -> EvidencePoint | None:
    if document is None:
        return None
    anchors, trust = folder / ANCHORS, document["trust"]
    if document["policy"] is None and document["policy_file"] is None:
        raise TypeError("evidence: expected policy or policy_file")
    return EvidencePoint(
        document["url"],
        document["format"],
        None if trust is None else anchors / trust,
        document["test_roots"],
        document["gpus"],
        document["policy"] or anchors / document["policy_file"],
    )


def _copied(source: Path | None, folder: Path, name: str) -> str | None:
    """The name under anchors/ of a copy. Raises TargetError for a file that is too large to be kept."""
    if source is None:
        return None
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    if large := next((path for path in files if path.stat().st_size > MAX_FILE_BYTES), None):
        raise TargetError(f"{large}: larger than {MAX_FILE_BYTES} bytes, and a run keeps a copy of what it judges by")
    for path in files:
        to = folder / ANCHORS / name / path.relative_to(source) if source.is_dir() else folder / ANCHORS / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
    return name
