"""results.json as JUnit XML: one testcase for each requirement and check. It never turns a gap into a pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from reports import legible, phrases, waived

SKIPPED = frozenset({"not-observed", "not-applicable", "excluded", "waived"})
KINDS = {"fail": "failure", "error": "error"} | dict.fromkeys(SKIPPED, "skipped")
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


def render(results: Mapping[str, Any]) -> str:
    """The XML document. Failures and errors of the file are those of the results; the rest is skipped with a reason."""
    cases: dict[str, list[Case]] = {}
    for case in [
        *_faults(results),
        *_waivers(results),
        *(case for row in results["requirements"] for case in _cases(row)),
    ]:
        cases.setdefault(case.suite, []).append(case)
    everything = [case for group in cases.values() for case in group]
    root = ET.Element("testsuites", _totals(phrases.headline(results), everything))
    for name in sorted(cases):
        element = ET.SubElement(root, "testsuite", _totals(name, cases[name]))
        element.set("timestamp", legible.visible(str(results["run"]["started"])))
        _properties(element, results)
        for case in cases[name]:
            _append(element, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _totals(name: str, cases: list[Case]) -> dict[str, str]:
    kinds = [KINDS.get(case.outcome) for case in cases]
    return {
        "name": legible.visible(name),
        "tests": str(len(cases)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(case.duration_s for case in cases):.3f}",
    }


def _properties(element: ET.Element, results: Mapping[str, Any]) -> None:
    holder = ET.SubElement(element, "properties")
    roots = str(bool(results["target"].get("test_roots"))).lower()
    pairs = [("Verdict", results["verdict"]), ("Test roots", roots), *phrases.facts(results)]
    for label, value in pairs:
        name = "assay." + label.lower().replace(" ", "_")
        ET.SubElement(holder, "property", {"name": name, "value": legible.visible(str(value))})


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
    if row["outcome"] not in {check["outcome"] for check in checks}:
        suite = (phrases.suites(row) or ["contract"])[0]
        name = f"{row['id']} {row['title']}"
        yield Case(suite, f"requirement.{row['level']}", name, row["outcome"], _reason(row), body=_body(row, None))


def _check_case(row: Mapping[str, Any], check: Mapping[str, Any]) -> Case:
    path, _, test = check["id"].partition("::")
    return Case(
        suite=phrases.suite(check["id"]),
        classname=path.removesuffix(".py").replace("/", "."),
        name=f"{row['id']} {test or path}",
        outcome=check["outcome"],
        reason=check.get("reason") or _reason(row),
        duration_s=check.get("duration_s") or 0.0,
        body=_body(row, check["id"]),
    )


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


def _append(parent: ET.Element, case: Case) -> None:
    element = ET.SubElement(
        parent,
        "testcase",
        {
            "classname": legible.visible(case.classname),
            "name": legible.visible(case.name),
            "time": f"{case.duration_s:.3f}",
        },
    )
    kind = KINDS.get(case.outcome)
    if kind is not None:
        message = f"{case.outcome}: {legible.line(case.reason)}"
        problem = ET.SubElement(element, kind, {"type": case.outcome, "message": message})
        problem.text = legible.visible(case.body)
    elif case.outcome != "pass":
        ET.SubElement(element, "system-out").text = legible.visible(f"{case.outcome}: {case.reason}\n{case.body}")
