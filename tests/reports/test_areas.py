"""What stands first in a report: which areas hold, and what was seen where they do not. Nothing counts twice."""

from __future__ import annotations

from typing import Any

from reports import areas, findings, phrases


def row(identifier: str, outcome: str, *checks: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "outcome": outcome,
        "reason": None,
        "checks": [{"id": check} for check in checks],
        "findings": [],
        **more,
    }


STREAM, BILL = "suites/stream/test_a.py::test_a", "suites/billing/test_b.py::test_b"


def test_a_requirement_counts_in_every_area_that_checks_it() -> None:
    found = {area.suite: area for area in areas.of([row("A-1", "pass", STREAM, BILL), row("A-2", "fail", STREAM)])}
    assert found["billing"].counts == {"pass": 1}
    assert (found["stream"].passed, found["stream"].applies) == (1, 2)
    assert list(found["stream"].counts) == ["fail", "pass"]


def test_what_was_left_out_is_in_no_area() -> None:
    unasked = row("A-3", "not-observed", STREAM, reason=phrases.NOT_SELECTED)
    assert areas.of([row("A-1", "excluded", STREAM), row("A-2", "not-applicable", STREAM), unasked]) == []


def test_the_sweep_is_an_area_only_of_what_no_check_looks_at() -> None:
    (stream,) = areas.of([row("A-1", "fail", STREAM, "sweep::A-1")])
    assert stream.suite == "stream"
    (sweep,) = areas.of([row("A-1", "fail", "sweep::A-1")])
    assert sweep.suite == areas.SWEEP


def test_an_area_that_nobody_named_has_its_own_name() -> None:
    (area,) = areas.of([row("A-1", "pass", "suites/moon_phases/test_a.py::test_a")])
    assert area.title == "Moon phases"


def test_one_breach_stands_for_every_requirement_it_breaks() -> None:
    seen = [{"message": "[DONE] was sent 2 times"}]
    rows = [row("A-1", "fail", findings=seen), row("A-2", "pass"), row("A-3", "fail", findings=seen)]
    (breach,) = findings.breaches(rows)
    assert breach.seen == "[DONE] was sent 2 times"
    assert [each["id"] for each in breach.rows] == ["A-1", "A-3"]


def test_requirements_broken_without_a_finding_stay_apart() -> None:
    assert [breach.seen for breach in findings.breaches([row("A-1", "fail"), row("A-2", "fail")])] == ["", ""]
