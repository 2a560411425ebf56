"""Scripts of faults: which request meets which fault, and what a script may not say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import specs
from mockserver.upstream import FAULTS, OF_THE_ANSWER, FaultError, Script, fault_of, read_script

MODEL = "a/model"


def met(script: Script, count: int, *, stream: bool = True) -> dict[int, str]:
    """Number of each request that meets a fault, and its kind."""
    found = {n: script.take(n, MODEL, stream) for n in range(1, count + 1)}
    return {n: fault.kind for n, fault in found.items() if fault is not None}


def script_of(*rows: dict[str, object], seed: int = 0) -> Script:
    script = Script(seed=seed, initial=rows)
    script.reset()
    return script


def test_a_fault_without_a_condition_meets_the_next_request_once() -> None:
    assert met(script_of({"fault": "omit_usage"}), 5) == {1: "omit_usage"}


def test_the_first_fault_that_applies_is_the_one_met() -> None:
    script = script_of({"fault": "hang", "requests": [2]}, {"fault": "omit_usage", "every": 2})
    assert met(script, 6) == {2: "hang", 4: "omit_usage", 6: "omit_usage"}


def test_conditions_hold_together() -> None:
    script = script_of({"fault": "hang", "every": 2, "stream": False, "times": 1, "model": MODEL})
    assert met(script, 6) == {}
    assert met(script, 6, stream=False) == {2: "hang"}
    assert script.take(8, "another", False) is None


@pytest.mark.parametrize("seed", range(3))
def test_chance_is_the_same_for_the_same_seed(seed: int) -> None:
    row = {"fault": "refuse", "probability": 0.05}
    first, again, other = (met(script_of(row, seed=s), 4000) for s in (seed, seed, seed + 10))
    assert first == again != other
    assert 140 <= len(first) <= 260


def test_a_reset_brings_the_script_back() -> None:
    script = script_of({"fault": "omit_usage"})
    assert met(script, 1)
    script.faults.append(fault_of({"fault": "hang"}))
    script.reset()
    assert met(script, 3) == {1: "omit_usage"}


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_the_schema_knows_each_fault(kind: str) -> None:
    assert fault_of({"fault": kind}).kind == kind
    assert kind in specs.schema("faults")["$defs"]["fault"]["properties"]["fault"]["description"]


def test_a_fault_of_the_wire_is_not_for_the_provider_inside() -> None:
    with pytest.raises(FaultError, match="assay upstream"):
        fault_of({"fault": "split_frames"}, OF_THE_ANSWER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faults: [{fault: explode}]", "faults, entry 1, fault: 'explode' is not one of"),
        ("faults: [{fault: hang, at: -1}]", "faults, entry 1, at: -1 is less than"),
        ("faults: [{fault: hang, when: now}]", "'when' was unexpected"),
        ("faults: {}", "faults: expected a list"),
        ("seed: x\nfaults: []", "seed: expected a whole number"),
        ("faults: [", "not YAML"),
        ("- hang", "the file: expected a mapping"),
    ],
)
def test_a_script_that_cannot_be_read_says_where(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(specs.SpecError, match=said):
        read_script(path)


def test_the_seed_of_the_command_line_replaces_the_files(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("seed: 4\nfaults: []\n")
    assert (read_script(path).seed, read_script(path, 9).seed) == (4, 9)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text(max_size=5), max_size=4))
def test_no_object_makes_more_of_a_fault_than_an_error(row: dict[str, object]) -> None:
    with pytest.raises(FaultError):
        fault_of({**row, "at": "x"})
