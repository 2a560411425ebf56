"""Waivers: they hide what they name, as long as they say, and nothing else."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import waivers
from harness.model import Finding, Outcome, RequirementRow
from harness.waivers import Waiver
from specs import SpecError

TODAY = datetime.date(2026, 11, 21)
ONE, OTHER = Finding("OC-082", "[DONE] is missing"), Finding("OC-082", "events follow [DONE]")
ROW = RequirementRow("OC-082", Outcome.FAIL, findings=(ONE,))
WAIVER = Waiver("OC-082", (ONE.signature,), "ops", "until the gateway is replaced", TODAY, "https://tickets.example/1")

TENFOLD = "".join(f", x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10))
BOMB = f"- {{x0: &x0 [a, a, a, a, a, a, a, a, a, a]{TENFOLD}, signatures: *x9}}"  # ten thousand million values


@pytest.mark.parametrize(
    ("waiver", "row", "state", "outcome"),
    [
        (WAIVER, ROW, "applied", "waived"),
        (WAIVER, replace(ROW, findings=(ONE, OTHER)), "partial", "fail"),
        (WAIVER, replace(ROW, outcome=Outcome.PASS, findings=()), "stale", "pass"),
        (WAIVER, replace(ROW, findings=(OTHER,)), "stale", "fail"),
        (WAIVER, replace(ROW, outcome=Outcome.NOT_OBSERVED, findings=()), "unseen", "not-observed"),
        (replace(WAIVER, expires=TODAY - datetime.timedelta(1)), ROW, "expired", "fail"),
        (replace(WAIVER, signatures=(ONE.signature, OTHER.signature)), ROW, "broader", "waived"),
        (replace(WAIVER, requirement="OC-999"), ROW, "unknown", "fail"),
    ],
)
def test_what_becomes_of_a_waiver(waiver: Waiver, row: RequirementRow, state: str, outcome: str) -> None:
    (judged,), (told,) = waivers.apply([row], [waiver], TODAY)
    assert (told.name, judged.outcome) == (state, outcome)
    assert told.is_red is (state in {"stale", "expired", "broader", "unknown"})


KINDS = [Finding("OC-082", word) for word in ("one", "two", "three", "four")]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(st.sets(st.sampled_from(KINDS), min_size=1), st.lists(st.sets(st.sampled_from(KINDS), min_size=1), max_size=3))
def test_a_breach_that_nobody_waived_is_never_hidden(shown: set[Finding], named: list[set[Finding]]) -> None:
    given_ = [replace(WAIVER, signatures=tuple(sorted(f.signature for f in kinds))) for kinds in named]
    (judged,), states = waivers.apply([replace(ROW, findings=tuple(shown))], given_, TODAY)
    covered = {finding for kinds in named for finding in kinds}
    assert (judged.outcome is Outcome.WAIVED) is (shown <= covered)
    assert judged.findings == tuple(shown)
    assert [state.name for state in states] == [
        "stale" if not kinds & shown else "broader" if kinds - shown else "partial" if shown - kinds else "applied"
        for kinds in named
    ]


@pytest.mark.parametrize("left_out", ["requirement", "signatures", "owner", "reason", "expires", "link"])
def test_a_waiver_says_who_why_until_when_and_of_what(tmp_path: Path, left_out: str) -> None:
    row: dict[str, Any] = {**WAIVER.to_json()}
    del row[left_out]
    (tmp_path / "waivers.yaml").write_text(yaml.safe_dump([row]))
    with pytest.raises(SpecError, match=left_out):
        waivers.load(tmp_path / "waivers.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("waivers: []", "the file: expected a list, not a mapping"),
        (
            "- {requirement: OC-082, link: https://t.example}",
            "entry 1: signatures, owner, reason, expires missing",
        ),
        ("- [", "not YAML: did not find expected node content, line 2"),
        ("- {expires: 2030-01-01}", "expires: expected text, not a date (put it in quotes)"),
        ("- {expires: 2030-99-99}", "not YAML: ValueError: month must be in 1..12"),
        ("- " + "9" * 6000, "not YAML: ValueError"),
        ("- !!timestamp x", "not YAML: AttributeError"),
        ("- !!bool x", "not YAML: KeyError"),
        ("- \udcff", "not YAML: UnicodeDecodeError"),
        ("- &a {link: *a}", "its aliases stand for more than"),
        (BOMB, "its aliases stand for more than"),
    ],
    ids=range(11),
)
def test_a_file_of_waivers_that_is_wrong_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "waivers.yaml").write_text(text + "\n", encoding="utf-8", errors="surrogateescape")
    with pytest.raises(SpecError) as refused:
        waivers.load(tmp_path / "waivers.yaml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_waiver_of_another_target_concerns_nobody_else() -> None:
    named = replace(WAIVER, target="staging", contract="openai-core")
    assert named.concerns("openai-core", "staging")
    assert not named.concerns("openai-core", "production")
    assert not named.concerns("vultr-inference", "staging")
