"""From the reports of the checks to results.json: every requirement of the contract is in it, with its outcome."""

from __future__ import annotations

import json
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema

import specs
from harness import __version__, excerpt, journal, versions, waivers, whole
from harness.coverage import Coverage
from harness.model import (
    CheckReport,
    CheckRow,
    Exit,
    Finding,
    Outcome,
    RequirementRow,
    Verdict,
    finding_to_json,
    verdict,
    worst,
)
from harness.session import Session
from harness.waivers import State
from specs import Contract, Requirement

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")  # JSON can spell it, UTF-8 cannot
MAX_EXCERPTS = 200  # findings name exchanges; results.json shows this many, the journal keeps all


def rows(run: Session) -> list[RequirementRow]:
    """One row for each requirement of the contract, in the contract's order."""
    by_id: dict[str, list[CheckReport]] = {}
    for report in run.reports:
        for requirement in report.requirements:
            by_id.setdefault(requirement, []).append(report)
    # A check that was not to run at all (no control API, say) leaves a gap; what was seen wrong all the same counts.
    excluded = {r.id: (Outcome.EXCLUDED, r.excluded) for r in run.contract.requirements.values() if r.excluded}
    seen = {i: gap for i, gap in run.gaps.items() if gap[0] != Outcome.NOT_OBSERVED or i not in by_id}
    gaps = {**excluded, **seen}
    missing = _missing(run)
    return [
        _row(r, by_id.get(r.id, []), gaps.get(r.id), missing.get(r.id, 0)) for r in run.contract.requirements.values()
    ]


def _missing(run: Session) -> Counter[str]:
    """How many checks of each requirement were chosen and never ended."""
    ended = {report.check for report in run.reports}
    return Counter(i for check, ids in run.due.items() if check not in ended for i in ids)


def _row(
    requirement: Requirement, reports: list[CheckReport], gap: tuple[str, str] | None, missing: int
) -> RequirementRow:
    if gap is not None:
        return RequirementRow(requirement.id, Outcome(gap[0]), gap[1])
    outcome = worst(_softened(report.outcome, requirement) for report in reports)
    reason = next((r.reason for r in reports if _softened(r.outcome, requirement) is outcome), None)
    if missing and outcome not in {Outcome.FAIL, Outcome.ERROR}:
        outcome = Outcome.NOT_OBSERVED
        reason = f"the run ended before {missing} of its checks {'had' if missing > 1 else 'has'} been made"
    elif not reports:
        reason = "no check of it ran in this profile"
    return RequirementRow(
        id=requirement.id,
        outcome=outcome,
        reason=reason,
        checks=tuple(CheckRow(r.check, _softened(r.outcome, requirement), r.reason, r.duration_s) for r in reports),
        findings=tuple(_distinct(f for r in reports for f in r.findings if f.requirement == requirement.id)),
    )


def _softened(outcome: Outcome, requirement: Requirement) -> Outcome:
    """Only a MUST that the document itself states can fail; a breach of anything else is a warning."""
    soft = requirement.level != "MUST" or requirement.inferred
    return Outcome.WARN if outcome is Outcome.FAIL and soft else outcome


def _distinct(findings: Iterable[Finding]) -> Iterable[Finding]:
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for finding in findings:
        key = (finding.message, finding.exchanges)
        seen[key] += 1
        if seen[key] == 1:
            yield finding


def judged(run: Session, today: date) -> tuple[list[RequirementRow], list[State], Verdict]:
    """All rows, what became of the waivers, and the verdict over the rows that the caller selected."""
    all_rows, states = waivers.apply(rows(run), run.waivers, today)
    levels = {r.id: r.level for r in run.contract.requirements.values()}
    # What was seen counts, also where a run was broken off before the workers could say what they had chosen.
    chosen = [row for row in all_rows if row.id in run.selected or row.checks]
    said = verdict(chosen, levels, faults=len(_faults(run)))
    if any(state.is_red for state in states) and said.exit is not Exit.HARNESS_FAULT:
        said = Verdict("does-not-conform", Exit.DOES_NOT_CONFORM)
    broken_off = run.interrupted and said.exit is Exit.CONFORMS
    return all_rows, states, Verdict("incomplete", Exit.INCOMPLETE) if broken_off else said


def _faults(run: Session) -> list[str]:
    return [*run.faults, *(report.harness_fault for report in run.reports if report.harness_fault)]


def document(run: Session, finished: datetime) -> dict[str, Any]:
    """results.json as specs/schema/results.schema.json describes it."""
    finished = run.ended or finished  # of a run that is played
    all_rows, states, said = judged(run, finished.astimezone(UTC).date())
    coverage = Coverage(run.contract)
    excerpts = _excerpts(run, all_rows, coverage)
    return {
        "schema_version": versions.CURRENT,
        "run": _run(run, finished),
        "contract": _contract(run.contract),
        "target": _target(run),
        "verdict": said.name,
        "exit_code": int(said.exit),
        "counts": dict(sorted(Counter(row.outcome.value for row in all_rows).items())),
        "spend": run.budget.summary(),
        "requirements": [_requirement(run.contract.requirements[row.id], row) for row in all_rows],
        "exchanges": excerpts,
        "coverage": coverage.document(),
        "harness_faults": _faults(run),
        **({"waivers": [state.to_json() for state in states]} if run.waivers else {}),
        **run.figures,
    }


def judged_rows(run: Session) -> list[dict[str, Any]]:
    """The rows of results.json, of a run that is over."""
    all_rows, _, _ = judged(run, (run.ended or datetime.now(UTC)).astimezone(UTC).date())
    return [_requirement(run.contract.requirements[row.id], row) for row in all_rows]


def _run(run: Session, finished: datetime) -> dict[str, Any]:
    return {
        "id": run.options.out.name if run.options.out else "unsaved",
        "started": _utc(run.started),
        "finished": _utc(finished),
        "duration_s": round((finished - run.started).total_seconds(), 3),
        "tool": {"name": "assay", "version": __version__, "python": platform.python_version()},
        "seed": run.options.seed,
        "profile": run.options.profile,
        "interrupted": run.interrupted,
        "suites": list(run.options.suites),
        "only": list(run.options.only),
        "workers": run.heard or run.workers,
        "command": run.options.command,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _contract(contract: Contract) -> dict[str, Any]:
    return {
        "name": contract.name,
        "version": contract.version,
        "title": contract.title,
        "digest": contract.digest,
        "extends": list(contract.extends),
    }


def _target(run: Session) -> dict[str, Any]:
    return {
        "name": run.target.name,
        "base_url": run.target.base_url,
        "capabilities": sorted(run.target.capabilities()),
        "model": run.ask.chosen_model,
        "test_roots": run.target.test_roots,
    }


def _requirement(requirement: Requirement, row: RequirementRow) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "at": {"file": requirement.file, "line": requirement.line},
        "level": requirement.level,
        "title": requirement.title,
        "text": requirement.text,
        "source": requirement.source,
        "effect": requirement.effect,
        "outcome": row.outcome.value,
        "reason": row.reason,
        "inferred": requirement.inferred,
        "decision": requirement.decision,
        "checks": [
            {"id": c.id, "outcome": c.outcome.value, "reason": c.reason, "duration_s": c.duration_s} for c in row.checks
        ],
        "findings": [finding_to_json(finding) for finding in row.findings],
    }


def _excerpts(run: Session, all_rows: Iterable[RequirementRow], coverage: Coverage) -> dict[str, Any]:
    """The exchanges that findings name; every exchange is noted on the way."""
    wanted = [i for row in all_rows for finding in row.findings for i in finding.exchanges]
    chosen = set(dict.fromkeys(wanted[: MAX_EXCERPTS * 2]))
    saved = journal.read(run.options.out / "exchanges.jsonl") if run.options.out else iter(run.journal.exchanges)
    shown = {}
    for x in saved:
        coverage.note(x)
        if x.id in chosen:
            shown[x.id] = {**excerpt.of(x), "operation": coverage.operation(x)}
    return shown


def write(run: Session) -> Path:
    """Write results.json into the run's folder; the journals of several workers become one first."""
    assert run.options.out is not None
    for name in ("exchanges", "asides"):
        journal.merge(run.options.out, name)
    path = run.options.out / "results.json"
    text = json.dumps(document(run, datetime.now(UTC)), indent=1, sort_keys=True, ensure_ascii=False)
    whole.write(path, _HALF_A_PAIR.sub("\N{REPLACEMENT CHARACTER}", run.redactor.text(text)))
    return path


# Members of results.json, and the schemas of what pages show of them.
PARTS = {"attestation": "verdict", "billing": "reconciliation", "load": "load", "fuzz": "exploration"}


class BadResults(ValueError):
    """A file that should hold results does not; the message names file, key and what was expected."""


def read(path: Path) -> Mapping[str, Any]:
    """A results file, or the one in a run's folder. Raises BadResults."""
    file = path / "results.json" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
        document: Mapping[str, Any] = versions.current(json.loads(text, parse_constant=_no_number))
    except FileNotFoundError as error:
        raise BadResults(f"{file}: no such file; expected the folder of a run, or its results.json") from error
    except versions.OtherVersion as error:
        raise BadResults(f"{file}: schema_version: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BadResults(f"{file}: not JSON: {error}; expected the results.json of a run") from error
    if (problem := _odd(document)) is not None:
        raise BadResults(f"{file}: {problem}; expected the results.json of a run")
    return document


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _odd(document: Mapping[str, Any]) -> str | None:
    """Where and why it is not what a run writes; None if it is."""
    if (found := _against("results", document)) is not None:
        return found
    try:
        for name in ("started", "finished"):
            datetime.fromisoformat(document["run"][name])
    except ValueError as error:
        return f"run/{name}: {error}"
    for part, schema in PARTS.items():
        if part == "billing" and "totals" not in document.get(part, {}):  # a summary, in a file of version 1.0
            continue
        if part in document and (found := _against(schema, document[part])) is not None:
            return f"{part}/{found}"
    return None


def _against(schema: str, document: Any) -> str | None:
    problems = jsonschema.Draft202012Validator(specs.schema(schema)).iter_errors(document)
    if (problem := next(problems, None)) is None:
        return None
    where = "/".join(map(str, problem.absolute_path)) or "the document"
    return f"{where}: {problem.message[:300]}"
