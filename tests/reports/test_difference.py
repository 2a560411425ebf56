"""Two runs against each other: what counts as better or worse, what does not, and what a gate is told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import comparison, difference, overview, phrases, trends
from tests.reports import sample
from tests.reports.test_html import Page, poison

OUTCOMES = st.sampled_from(phrases.OUTCOMES)


def run(**outcomes: str) -> dict[str, Any]:
    """The sample with these outcomes; no findings, so that only the outcome differs."""
    made = sample.results()
    for row in made["requirements"]:
        if (outcome := outcomes.get(row["id"].replace("-", "_"))) is not None:
            row |= {"outcome": outcome, "findings": []}
    return made


@pytest.mark.parametrize(
    ("was", "now", "kind", "code"),
    [
        ("pass", "fail", "regressed", 1),
        ("pass", "warn", "regressed", 1),
        ("warn", "fail", "regressed", 1),
        ("not-observed", "fail", "regressed", 1),
        ("not-applicable", "fail", "regressed", 1),
        ("excluded", "warn", "regressed", 1),
        ("waived", "fail", "regressed", 1),
        ("waived", "pass", "changed", 0),
        ("not-applicable", "pass", "changed", 0),
        ("pass", "not-observed", "regressed", 4),
        ("pass", "error", "regressed", 4),
        ("fail", "pass", "improved", 0),
        ("not-observed", "pass", "improved", 0),
        ("fail", "not-observed", "changed", 0),
        ("fail", "error", "changed", 0),
        ("fail", "waived", "changed", 0),
        ("pass", "not-applicable", "changed", 0),
        ("not-observed", "error", "changed", 0),
    ],
)
def test_a_change_is_told_by_its_kind(was: str, now: str, kind: str, code: int) -> None:
    found = difference.between(run(OC_001=was), run(OC_001=now))
    assert [row["id"] for row in found[kind]] == ["OC-001"]
    assert sum(len(found[each]) for each in difference.KINDS) == 1
    assert found["exit_code"] == code


def test_the_same_run_has_no_difference() -> None:
    found = difference.between(sample.results(), sample.results())
    assert (found["same"], found["exit_code"]) == (len(sample.results()["requirements"]), 0)
    assert comparison.headline(found) == "TEST ROOTS · nothing changed"


@given(OUTCOMES, OUTCOMES)
def test_turned_around_what_improved_has_regressed_or_is_only_changed(was: str, now: str) -> None:
    there, back = (difference.between(run(OC_001=a), run(OC_001=b)) for a, b in ((was, now), (now, was)))
    assert not (there["improved"] and back["improved"])
    assert not (there["improved"] and now not in {"pass", "warn", "fail"})
    assert there["same"] == back["same"]


def test_a_requirement_that_is_new_and_broken_stops_a_gate_and_one_that_is_gone_is_told() -> None:
    old, new = run(), run(OC_001="fail")
    old["requirements"] = [row for row in old["requirements"] if row["id"] != "OC-001"]
    assert difference.between(old, new)["exit_code"] == 1
    assert [row["id"] for row in difference.between(new, old)["removed"]] == ["OC-001"]


def test_other_findings_of_the_same_outcome_are_changed_evidence() -> None:
    new = sample.results()
    row = next(row for row in new["requirements"] if row["id"] == "VT-065")
    row["findings"] = [sample.finding("VT-065", "no usage chunk was sent")]
    (changed,) = difference.between(sample.results(), new)["changed"]
    assert changed["appeared"] == ["no usage chunk was sent"]
    assert changed["gone"] == ["the usage chunk arrived after [DONE]"]


def test_numbers_in_a_reason_are_no_change() -> None:
    old, new = sample.results(), sample.results()
    for number, each in enumerate((old, new)):
        row = next(row for row in each["requirements"] if row["id"] == "VT-078")
        row["reason"] = f"answered after {number}.5 ms with request 7f3a9b2c{number}"
    assert difference.between(old, new)["changed"] == []


def test_what_nobody_asked_for_is_not_compared() -> None:
    new = run(OC_001="not-observed")
    next(row for row in new["requirements"] if row["id"] == "OC-001")["reason"] = phrases.NOT_SELECTED
    found = difference.between(sample.results(), new)
    assert (found["exit_code"], found["compared"]) == (0, len(new["requirements"]) - 1)


def test_measurements_that_changed_are_told_and_our_nonce_is_not() -> None:
    new = sample.results()
    new["attestation"] = copy.deepcopy(new["attestation"])
    new["attestation"]["claims"]["measurements"] |= {"mr_td": "ff", "report_data": "00"}
    (told,) = difference.between(sample.results(), new)["evidence"]
    assert (told["what"], told["to"]) == ("mr_td", "ff")


def test_whoever_compares_is_told_that_it_was_not_the_same_run() -> None:
    new = sample.results(test_roots=False)
    new["run"]["profile"] = "quick"
    told = {row["what"] for row in difference.between(sample.results(), new)["apart"]}
    assert told == {"Profile", "Test roots"}


@pytest.mark.parametrize("render", [comparison.html, comparison.markdown, comparison.text])
def test_every_form_tells_what_got_worse_and_is_safe(render: Any) -> None:
    told = render(difference.between(run(OC_001="pass"), run(OC_001="fail")))
    assert "1 regressed" in told
    assert "001" in told
    hostile = render(poison(difference.between(sample.results(), run(VT_065="pass"))))
    assert "\x1b" not in hostile
    if render is comparison.html:
        assert [tag for tag, _ in Page(hostile).tags].count("script") == 1


def at(day: int, **outcomes: str) -> dict[str, Any]:
    made = run(**outcomes)
    made["run"]["started"] = f"2026-11-{day:02d}T12:00:00Z"
    return made


def test_three_runs_make_a_trend_in_the_order_of_time() -> None:
    charts = trends.of([at(3, OC_001="fail"), at(1), at(2)])
    outcomes = {line.label: line.points for line in charts[0].lines}
    assert outcomes["fail"] == (3.0, 3.0, 4.0)
    assert charts[1].title.startswith("Under load")
    assert trends.of([at(1), at(2)]) == []


def test_runs_of_one_target_are_told_apart_by_their_time() -> None:
    heads = Page(overview.render([at(1), at(2), at(3)])).text
    assert "2026-11-02 12:00" in heads
    assert "Trend" in heads
