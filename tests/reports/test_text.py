"""JUnit, Markdown, terminal and proof: what they count, and what they do with hostile text."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.console import Console

import reports
import specs
from reports import legible, markdown, phrases, proof, terminal
from tests.reports import sample
from tests.reports.test_html import poison


def junit(results: dict[str, Any]) -> ET.Element:
    return ET.fromstring(reports.render(results, "junit"))


@pytest.fixture
def results() -> dict[str, Any]:
    return sample.results()


def test_sample_is_what_a_run_writes(results: dict[str, Any]) -> None:
    jsonschema.validate(results, specs.schema("results"))
    jsonschema.validate(sample.proof(), specs.schema("proof"))


def test_junit_counts_agree_with_the_results(results: dict[str, Any]) -> None:
    root = junit(results)
    tally = phrases.tally(results)
    cases = list(root.iter("testcase"))
    assert root.get("tests") == str(len(cases)) == str(len(results["requirements"]))
    assert root.get("failures") == str(len(list(root.iter("failure")))) == str(tally["fail"])
    assert root.get("errors") == str(len(list(root.iter("error")))) == str(tally["error"])
    gaps = sum(tally[name] for name in ("not-observed", "not-applicable", "excluded", "waived"))
    assert root.get("skipped") == str(len(list(root.iter("skipped")))) == str(gaps)
    for suite in root.iter("testsuite"):
        assert suite.get("tests") == str(len(suite.findall("testcase")))


def test_junit_shows_a_failure_that_no_check_shows(results: dict[str, Any]) -> None:
    row = next(row for row in results["requirements"] if row["id"] == "OC-001")
    row["outcome"] = "fail"  # the check passed; a sweep over all exchanges found it
    row["findings"] = [sample.finding("OC-001", "found by the sweep")]
    named = [case for case in junit(results).iter("testcase") if (case.get("name") or "").startswith("OC-001")]
    assert [len(case.findall("failure")) for case in named] == [0, 1]
    assert "found by the sweep" in (named[1].findtext("failure") or "")


def test_junit_carries_reason_and_reproduce_line(results: dict[str, Any]) -> None:
    root = junit(results)
    skipped = {element.get("message") for element in root.iter("skipped")}
    assert "not-observed: needs control, which the target lacks" in skipped
    assert any("assay run target.toml --only VT-065" in (element.text or "") for element in root.iter("failure"))


def test_junit_shows_harness_faults_as_errors(results: dict[str, Any]) -> None:
    results["harness_faults"] = ["judge crashed: KeyError"]
    assert junit(results).get("errors") == str(phrases.tally(results)["error"] + 1)


def test_junit_survives_hostile_text(results: dict[str, Any]) -> None:
    text = reports.render(poison(results), "junit")
    assert ET.fromstring(text) is not None
    assert "\\x00\\x1b[31m" in text
    assert "<script>" not in text


def test_junit_can_be_written_with_lone_surrogates(results: dict[str, Any]) -> None:
    results["requirements"][0]["findings"][0]["message"] = "half \ud83d and \uffff"
    assert ET.fromstring(reports.render(results, "junit").encode()) is not None


def test_markdown_keeps_hostile_text_inside_code(results: dict[str, Any]) -> None:
    results["requirements"][0]["findings"][0]["reproduce"]["curl"] = "```\n# not a heading\n<b>"
    text = reports.render(results, "markdown")
    assert "````text\n```\n# not a heading\n<b>\n````" in text
    outside = [line for line in text.splitlines() if "`" not in line]
    assert not [line for line in outside if "<script>" in line]


def test_markdown_table_cells_do_not_break() -> None:
    assert markdown.cell("a|b\nc") == "`a\\|b c`"
    assert markdown.code("`x`") == "`` `x` ``"
    assert markdown.plain("<b> @all | [x](y)") == "&lt;b\\> \\@all \\| \\[x\\](y)"


@pytest.mark.parametrize("kind", ["markdown", "text", "junit"])
def test_verdict_stands_first(results: dict[str, Any], kind: str) -> None:
    head = reports.render(results, kind).splitlines()[:2]
    assert any("TEST ROOTS · Does not conform" in line for line in head)
    results["target"]["test_roots"] = False
    assert "TEST ROOTS" not in reports.render(results, kind)


def test_text_names_effect_and_reproduce_line(results: dict[str, Any]) -> None:
    text = reports.render(results, "text")
    assert "  The client stops reading at [DONE] and books the call at zero tokens." in text
    assert "  assay run target.toml --only VT-013 --seed 20261120" in text.splitlines()
    assert "key exhausted is not set" in text


def test_text_tells_a_reason_once_with_all_it_holds_for(results: dict[str, Any]) -> None:
    for row in results["requirements"]:
        row |= {"outcome": "error", "reason": "the target is down", "findings": []}
    text = reports.render(results, "text")
    assert text.count("the target is down") == 1
    assert all(row["id"] in text for row in results["requirements"])


def test_a_command_to_copy_is_one_line_however_narrow_the_terminal(results: dict[str, Any]) -> None:
    lines = terminal.plain(terminal.renderable(results), 40).splitlines()
    assert "  assay run target.toml --only VT-013 --seed 20261120" in lines


def test_the_sentence_counts_only_what_was_asked(results: dict[str, Any]) -> None:
    asked, other = results["requirements"][0], dict(results["requirements"][0])
    other |= {"outcome": "not-observed", "reason": phrases.NOT_SELECTED}
    results["requirements"] = [asked, other, {**asked, "outcome": "not-applicable"}]
    headline, sentence = phrases.verdict(results)
    assert headline == "Does not conform"
    assert sentence == "1 of 1 requirements is broken. Only 1 of 3 requirements were selected for this run."


def test_the_end_of_a_long_page_says_the_verdict_again(results: dict[str, Any]) -> None:
    said = terminal.last_line(results, named=True).plain
    assert said.startswith(f"{results['contract']['name']}: Does not conform. ")


def test_a_green_word_does_not_cover_what_was_not_asked(results: dict[str, Any]) -> None:
    results["verdict"] = "conforms"
    results["requirements"][0] |= {"outcome": "not-observed", "reason": phrases.NOT_SELECTED}
    for kind in ("text", "markdown", "html"):
        assert "Conforms in what was asked" in reports.render(results, kind)


def test_terminal_reads_no_markup_and_no_escapes(results: dict[str, Any]) -> None:
    results["requirements"][0]["findings"][0]["message"] = "[bold]x[/bold] [/] \x1b]0;title\x07"
    out = io.StringIO()
    terminal.show(results, Console(file=out, width=120, force_terminal=True, color_system="truecolor"))
    assert "[bold]x[/bold] [/] \\x1b]0;title\\x07" in out.getvalue()


def test_what_is_waived_is_skipped_and_nothing_else_of_it_fails(results: dict[str, Any]) -> None:
    (case,) = [case for case in junit(results).iter("testcase") if (case.get("name") or "").startswith("OC-110")]
    assert [child.tag for child in case] == ["skipped"]
    assert case[0].get("message") == "waived: waived until 2027-01-01 by ops, ticket 4711"


@pytest.mark.parametrize("kind", ["text", "markdown", "html"])
def test_every_report_says_who_accepted_what_why_and_until_when(results: dict[str, Any], kind: str) -> None:
    shown = " ".join(reports.render(results, kind).split())
    for said in ("ops@example.org", "the engine has no seed before", "2027-01-01", "https://tracker.example/4711"):
        assert said in shown


def test_a_run_that_only_a_waiver_breaks_says_so(results: dict[str, Any]) -> None:
    results["requirements"] = [row for row in results["requirements"] if row["outcome"] != "fail"]
    results["waivers"] = [sample.waiver(state="stale", red=True, said="OC-110 no longer fails in this way")]
    said = phrases.verdict(results)[1]
    assert said.startswith("Nothing is broken that nobody accepted, but not every waiver holds.")
    assert "Waivers that do not hold: OC-110 stale" in said


def test_conforming_run_says_how_much_is_waived(results: dict[str, Any]) -> None:
    results["verdict"] = "conforms"
    assert "Waived and not counted: 1." in phrases.verdict(results)[1]


def test_missing_cap_and_estimate_are_said_and_not_invented(results: dict[str, Any]) -> None:
    results["spend"] |= {"cap_usd": None, "estimated_usd": None, "estimated_calls": None}
    facts = dict(phrases.facts(results))
    assert facts["Spent"] == "$0.0182047 without a cap, 143 calls"
    assert "Estimated" not in facts


@pytest.mark.parametrize(
    ("identifier", "suite"),
    [
        ("suites/billing/test_charge.py::test_x[a/b]", "billing"),
        ("/opt/x/suites/stream/deep/test_y.py::test_y", "stream"),
        ("suites/test_z.py::test_z", "suites"),
        ("sweep::a_rule", "sweep"),
        ("test_x.py::test_x", "other"),
    ],
)
def test_suite_is_the_folder_of_the_check(identifier: str, suite: str) -> None:
    assert phrases.suite(identifier) == suite


@pytest.mark.parametrize(("value", "shown"), [("0.50", "$0.50"), ("0.000012395", "$0.000012395"), ("3", "$3.00")])
def test_money_is_never_rounded(value: str, shown: str) -> None:
    assert phrases.usd(value) == shown


def test_clip_says_how_much_is_missing() -> None:
    assert legible.clip("abcdef", 4) == "abcd … [2 more characters]"


def test_proof_puts_survivors_first_and_names_the_unproven() -> None:
    text, page = proof.text(sample.proof()), proof.markdown(sample.proof())
    assert text.startswith("voltagegpu-confidential 1.0.0: 1 of 2 defects killed, 1 of 2 checked MUSTs proven")
    assert text.index("usage-after-done") < text.index("downgrades-silently")
    assert "unproven: VT-065" in text
    assert "usage-after-done: the stream ended early" in text
    assert "| ✗ survived | `usage-after-done` |" in page
    assert "**VT-062** (unlisted)" in page
    assert "VT-005" in page
