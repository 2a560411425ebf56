"""SARIF, CTRF and the badge: valid by the schemas of those who own the formats, whatever a server had sent.

`vendor/` holds these schemas: SARIF 2.1.0 as @microsoft/sarif-multitool 5.7.0 ships it, CTRF as ctrf 0.3.0 does (MIT).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

import reports
import specs
from tests.reports import sample, sample_exchanges
from tests.reports.test_html import poison

VENDOR = Path(__file__).parent / "vendor"
RUNS = {
    "sample": sample.results(),
    "hostile": sample.results(),
    "faulty": sample.results() | {"harness_faults": ["a check cannot be collected"], "verdict": "harness-fault"},
    "empty": sample.results() | {"requirements": [], "exchanges": {}},
}
for each in RUNS["hostile"]["requirements"]:
    each |= {name: poison(each[name], name) for name in ("title", "text", "effect", "source", "reason", "findings")}
RUNS["hostile"]["exchanges"] = poison(RUNS["hostile"]["exchanges"])


def of(kind: str, run: str = "sample") -> Any:
    return json.loads(reports.render(RUNS[run], kind))


def problems(name: str, document: Any) -> list[str]:
    schema = json.loads((VENDOR / name).read_text(encoding="utf-8-sig"))
    validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("run", RUNS)
def test_sarif_is_valid_by_the_official_schema(run: str) -> None:
    assert problems("sarif-2.1.0.schema.json", of("sarif", run)) == []


@pytest.mark.parametrize("run", RUNS)
def test_ctrf_is_valid_by_the_official_schema(run: str) -> None:
    assert problems("ctrf-0.0.schema.json", of("ctrf", run)) == []


def test_a_finding_points_at_the_requirement_and_at_the_operation() -> None:
    found = next(one for one in of("sarif")["runs"][0]["results"] if one["ruleId"] == "VT-065")
    stated = found["locations"][0]["physicalLocation"]
    called = found["relatedLocations"][0]["physicalLocation"]
    assert (stated["artifactLocation"]["uri"], stated["region"]["startLine"]) == (
        "specs/voltagegpu-confidential/requirements.yaml",
        12,
    )
    assert called["region"]["startLine"] == 26


@pytest.mark.parametrize("name", specs.names())
def test_the_lines_of_a_contract_are_where_its_files_say_them(name: str) -> None:
    contract, root = specs.load(name), specs.HERE.parent
    for requirement in contract.requirements.values():
        line = (root / requirement.file).read_text().splitlines()[requirement.line - 1]
        assert line.endswith(requirement.id)
    lines = contract.openapi_path.read_text().splitlines()
    stated = {each["operationId"] for item in contract.openapi["paths"].values() for each in _operations(item)}
    assert stated == contract.operation_lines.keys()
    assert all(f"operationId: {each}" in lines[n - 1] for each, n in contract.operation_lines.items())


def _operations(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in item.values() if isinstance(each, dict) and "operationId" in each]


def test_a_gap_is_neither_a_finding_nor_a_pass() -> None:
    run = of("sarif")["runs"][0]
    told = {note["associatedRule"]["id"]: note["level"] for note in run["invocations"][0]["toolExecutionNotifications"]}
    assert told == {"VT-078": "warning", "VT-095": "warning"}
    assert not told.keys() & {result["ruleId"] for result in run["results"]}
    statuses = {test["tags"][0]: test["status"] for test in of("ctrf")["results"]["tests"]}
    assert (statuses["VT-078"], statuses["VT-095"], statuses["VT-036"]) == ("skipped", "other", "other")


def test_what_is_waived_is_suppressed_with_its_reason() -> None:
    found = next(one for one in of("sarif")["runs"][0]["results"] if one["ruleId"] == "OC-110")
    assert "ticket 4711" in found["suppressions"][0]["justification"]


def test_of_a_requirement_that_is_waived_in_part_only_that_part_is_suppressed() -> None:
    """A finding that nobody has accepted stays an alert, however much else of the requirement is."""
    known, new = sample.finding("VT-013", "known since spring"), sample.finding("VT-013", "found today")
    results = sample.results()
    row = next(row for row in results["requirements"] if row["id"] == "VT-013")
    row |= {"findings": [known, new], "reason": "waived in part: 1 other kinds of finding are not"}
    results["waivers"] = [sample.waiver(requirement="VT-013", signatures=[known["signature"]], state="partial")]
    document = json.loads(reports.render(results, "sarif"))
    assert problems("sarif-2.1.0.schema.json", document) == []
    told = {r["message"]["text"].split("\n")[0]: r for r in document["runs"][0]["results"] if r["ruleId"] == "VT-013"}
    assert (told["found today"]["level"], "suppressions" in told["found today"]) == ("error", False)
    (suppression,) = told["known since spring"]["suppressions"]
    assert suppression["justification"].startswith("waived until 2027-01-01 by ops@example.org: the engine has no seed")
    assert told["known since spring"]["level"] == "note"


@pytest.mark.parametrize("state", ["expired", "stale", "unknown", "unseen"])
def test_a_waiver_that_does_not_hold_suppresses_nothing(state: str) -> None:
    results = sample.results()
    found = next(row for row in results["requirements"] if row["id"] == "VT-065")["findings"]
    waiver = sample.waiver(requirement="VT-065", signatures=[f["signature"] for f in found], state=state, red=True)
    (run,) = json.loads(reports.render(results | {"waivers": [waiver]}, "sarif"))["runs"]
    assert [one for one in run["results"] if one["ruleId"] == "VT-065" and "suppressions" in one] == []


def test_a_waiver_that_does_not_hold_is_an_error_of_the_invocation() -> None:
    stale = sample.waiver(requirement="VT-015", state="stale", red=True, said="VT-015 no longer fails in this way")
    results = sample.results() | {"waivers": [stale, sample.waiver()]}
    (run,) = json.loads(reports.render(results, "sarif"))["runs"]
    told = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert [text for text in told if "waiver" in text] == [
        "waiver of VT-015 by ops@example.org stale: VT-015 no longer fails in this way"
    ]


def test_what_is_waived_is_no_failure_of_a_pipeline() -> None:
    (test,) = [one for one in of("ctrf")["results"]["tests"] if "OC-110" in one["tags"]]
    assert (test["status"], test["rawStatus"]) == ("skipped", "waived")
    assert "ticket 4711" in test["message"]


def test_a_badge_says_how_much_is_waived() -> None:
    assert "17 of 22, 1 waived" in "".join(ET.fromstring(reports.render(sample.results(), "badge")).itertext())


def test_the_same_breach_has_the_same_fingerprint() -> None:
    prints = [
        one["partialFingerprints"]["assay/v1"]
        for one in of("sarif")["runs"][0]["results"]
        if "partialFingerprints" in one
    ]
    assert len(prints) == len(set(prints)) == 5
    assert next(r for r in of("sarif")["runs"][0]["results"] if r["ruleId"] == "VT-091")["occurrenceCount"] == 12


@pytest.mark.parametrize("verdict", ["conforms", "does-not-conform", "incomplete", "harness-fault"])
def test_a_badge_never_hides_test_roots(verdict: str) -> None:
    results = sample.results() | {"verdict": verdict}
    drawn = ET.fromstring(reports.render(results, "badge"))
    assert "TEST ROOTS" in "".join(drawn.itertext())
    assert "#1d6b3f" not in reports.render(results, "badge")
    assert ("#1d6b3f" in reports.render(sample.results(test_roots=False) | {"verdict": verdict}, "badge")) is (
        verdict == "conforms"
    )


def test_a_hostile_name_does_not_break_the_badge() -> None:
    results = sample.results()
    results["contract"]["name"] = sample_exchanges.HOSTILE
    assert ET.fromstring(reports.render(results, "badge")).tag.endswith("svg")
