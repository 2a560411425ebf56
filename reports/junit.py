"""results.json as JUnit XML: one testcase for each requirement and check. It never turns a gap into a pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from reports import legible, phrases
from reports.cases import Case, of

SKIPPED = frozenset({"not-observed", "not-applicable", "excluded", "waived"})
KINDS = {"fail": "failure", "error": "error"} | dict.fromkeys(SKIPPED, "skipped")


def render(results: Mapping[str, Any]) -> str:
    """The XML document. Failures and errors of the file are those of the results; the rest is skipped with a reason."""
    cases: dict[str, list[Case]] = {}
    for case in of(results):
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
