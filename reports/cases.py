"""One test case for each requirement and check, as every format for CI shows them. No gap becomes a pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports import legible, phrases, waived

_BODY_LIMIT = 4000


@dataclass(frozen=True)
class Case:
    """One testcase: a requirement seen through one check, or the requirement alone when no check ran."""

    suite: str
    classname: str
    name: str
    outcome: str
    reason: str
    duration_s: float = 0.0
    body: str = ""
    requirement: str = ""
    level: str = ""


def of(results: Mapping[str, Any]) -> list[Case]:
    """Faults of the harness first, then the requirements in the order of the results."""
    return [*_faults(results), *_waivers(results), *(case for row in results["requirements"] for case in _cases(row))]


def _faults(results: Mapping[str, Any]) -> Iterator[Case]:
    for number, fault in enumerate(results.get("harness_faults") or [], start=1):
        yield Case("harness", "harness", f"harness fault {number}", "error", legible.line(fault), body=fault)


def _waivers(results: Mapping[str, Any]) -> Iterator[Case]:
    """Those that do not hold: what they hide, or hid, needs somebody's hand."""
    for waiver in waived.red(results):
        name = f"{waiver['requirement']} waiver of {waiver['owner']}"
        yield Case("waivers", "waivers", name, "fail", f"{waiver['state']}: {waiver['said']}", body=waiver["link"])


def _cases(row: Mapping[str, Any]) -> Iterator[Case]:
    """A requirement whose outcome no check shows (found by a sweep, or never run) gets a testcase of its own."""
    checks = row["checks"]
    for check in checks:
        yield _check_case(row, check)
    if row["outcome"] not in {_outcome(row, check) for check in checks}:
        suite = (phrases.suites(row) or ["contract"])[0]
        name = f"{row['id']} {row['title']}"
        yield Case(
            suite,
            f"requirement.{row['level']}",
            name,
            row["outcome"],
            _reason(row),
            body=_body(row, None),
            requirement=row["id"],
            level=row["level"],
        )


def _check_case(row: Mapping[str, Any], check: Mapping[str, Any]) -> Case:
    path, _, test = check["id"].partition("::")
    return Case(
        suite=phrases.suite(check["id"]),
        classname=path.removesuffix(".py").replace("/", "."),
        name=f"{row['id']} {test or path}",
        outcome=_outcome(row, check),
        reason=check.get("reason") or _reason(row),
        duration_s=check.get("duration_s") or 0.0,
        body=_body(row, check["id"]),
        requirement=row["id"],
        level=row["level"],
    )


def _outcome(row: Mapping[str, Any], check: Mapping[str, Any]) -> str:
    """A check that fails in a way that somebody has accepted is waived as its requirement is, and fails no pipeline."""
    broken = check["outcome"] in {"fail", "warn"}
    return "waived" if broken and row["outcome"] == "waived" else str(check["outcome"])


def _reason(row: Mapping[str, Any]) -> str:
    return str(row.get("reason") or row["title"])


def _body(row: Mapping[str, Any], check: str | None) -> str:
    """The requirement in words, then the findings of this check, or all of them where the requirement stands alone."""
    lines = [f"{row['id']} {row['level']}: {row['text']}", f"Effect: {row['effect']}", f"Source: {row['source']}"]
    for finding in row["findings"]:
        if check is not None and finding.get("check") not in (None, check):
            continue
        lines += ["", str(finding["message"])]
        lines += [f"{key}: {finding[key]}" for key in ("expected", "observed") if finding.get(key)]
        lines += [f"{kind}: {text}" for kind, text in (finding.get("reproduce") or {}).items() if text]
    return legible.clip("\n".join(lines), _BODY_LIMIT)
