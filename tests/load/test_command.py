"""`assay load`: what it measures, judges and reconciles on the mock, and how it says no."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from click.testing import CliRunner

import specs
from harness.cli import main
from harness.load.verdicts import exit_of
from harness.model import Exit

SHORT = ["--target", "mock", "--for", "1", "--no-calibration", "--json"]


def asked(*words: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(main, ["load", *words], catch_exceptions=False)
    assert done.stdout.startswith("{"), done.output
    return done.exit_code, json.loads(done.stdout)


def test_a_load_is_measured_judged_and_reconciled(tmp_path: Path) -> None:
    mix = ["--aborts", "0.2", "--unstreamed", "0.3", "--turns", "2", "--shared-prefixes", "2:20", "--judge", "all"]
    words = ["voltagegpu-confidential", *SHORT, "--rate", "20", *mix, "--slo", "errors=1%", "--out", str(tmp_path)]
    code, found = asked(*words, "--arrivals", "constant", "--key", "main", "--key", "second_tenant")
    assert found["outcomes"].keys() == {"answered", "cut by us"}
    assert found["judged"] == {"answers": found["requests"], "breaches": []}
    assert found["slos"] == [{"slo": "errors=1%", "measured": 0.0, "met": True}]
    assert found["bill"]["verdict"] in {"reconciles", "incomplete"}  # what was left reports no usage to judge by
    assert found["bill"]["totals"]["difference_nano"] == 0
    with (tmp_path / "requests.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["key"] for row in rows} == {"ASSAY_MAIN_KEY", "ASSAY_SECOND_TENANT_KEY"}
    with duckdb.connect() as engine:
        count = engine.execute("SELECT count(*) FROM read_parquet(?)", [str(tmp_path / "requests.parquet")]).fetchall()
    assert count == [(len(rows),)] == [(found["requests"],)]
    kept = json.loads((tmp_path / "load.json").read_text())
    assert {"tally", "series", "ttft_ms", "generator"} <= kept.keys()
    jsonschema.validate(kept, specs.schema("load"))
    assert code in (Exit.CONFORMS, Exit.INCOMPLETE)


def test_a_service_level_and_a_bill_that_do_not_hold_are_a_breach(tmp_path: Path) -> None:
    words = ["voltagegpu-confidential", *SHORT, "--users", "8", "--slo", "ttft_p50=1ms", "--out", str(tmp_path)]
    code, found = asked(*words, "--defect", "charges-twice-as-much-when-crowded", "--requests", "40")
    assert found["slos"][0]["met"] is False
    assert found["bill"]["verdict"] == "differs"
    assert code == Exit.DOES_NOT_CONFORM


def test_a_target_that_leaks_is_found_by_its_trend(tmp_path: Path) -> None:
    words = ["openai-core", "--target", "mock", "--no-calibration", "--json"]
    leak = ["--defect", "grows-slower-with-every-request", "--slo", "ttft_trend=1ms/min", "--out", str(tmp_path)]
    code, found = asked(*words, "--users", "16", "--for", "10", "--cap", "9", *leak)
    assert found["trends"]["ttft_p50"]["low"] > 1
    assert found["slos"][0]["met"] is False
    assert code == (Exit.INCOMPLETE if found["generator"]["bottleneck"] else Exit.DOES_NOT_CONFORM)
    with (tmp_path / "trends.csv").open() as file:
        assert "ttft_p50" in [row["name"] for row in csv.DictReader(file)]
    with duckdb.connect() as engine:
        table = engine.read_parquet(str(tmp_path / "trends.parquet"))
        assert {"name", "slope", "low", "high", "said"} <= set(table.columns)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--users", "1", "--rate", "2"], "one of --users, --rate, --trace and --sweep"),
        (["--rate", "2", "--slo", "fast"], "ttft_p99=500ms"),
        (["--rate", "2", "--judge", "some"], "or all"),
        (["--rate", "2", "--warm-up", "2"], "less than --for"),
        (["--sweep", "1:5"], "--slo"),
        (["--rate", "2", "--web", "127.0.0.1:1", "--workers", "2"], "one generator"),
        (["--rate", "2", "--output-tokens", "some"], "expected N"),
        (["--rate", "100000", "--cap", "0.00001"], "raise it by --cap"),
        (["--users", "1", "--for", "86400"], "--for: expected"),
        (["--users", "1", "--for", "nan"], "--for: expected"),
        (["--users", "1", "--warm-up", "nan"], "less than --for"),
        (["--users", "1", "--ramp", "-1"], "--ramp: expected"),
        (["--users", "1", "--ramp", "nan"], "--ramp: expected"),
        (["--rate", "0"], "--rate: expected"),
        (["--rate", "nan"], "--rate: expected"),
        (["--rate", "2", "--judge", "²"], "or all"),
        (["--rate", "2", "--output-tokens", "fixed:inf"], "lengths: expected"),
        (["--rate", "2", "--output-tokens", "lognormal:1:1e300"], "lengths: expected"),
        (["--rate", "2", "--shared-prefixes", "a:b"], "--shared-prefixes a:b: expected N:WORDS"),
        (["--rate", "2", "--workers", "1", "--bind", "127.0.0.1:65536"], "expected HOST:PORT"),
        (["--worker", "nowhere"], "expected HOST:PORT"),
        (["--worker", "nowhere:²"], "expected HOST:PORT"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["load", "openai-core", *SHORT, "--out", str(tmp_path), *words])
    assert done.exit_code == Exit.BAD_INVOCATION
    assert said in done.output.replace("\n", " ")


CALM: dict[str, Any] = {
    "interrupted": False,
    "generator": {"bottleneck": []},
    "lost_generators": {},
    "judged": {"breaches": []},
    "slos": [{"met": True}],
    "bill": {"verdict": "reconciles"},
}
ENDINGS: dict[str, tuple[dict[str, Any], Exit]] = {
    "all held": ({}, Exit.CONFORMS),
    "a rule was broken": ({"judged": {"breaches": [{}]}}, Exit.DOES_NOT_CONFORM),
    "the bill differs": ({"bill": {"verdict": "differs"}}, Exit.DOES_NOT_CONFORM),
    "too slow": ({"slos": [{"met": False}]}, Exit.DOES_NOT_CONFORM),
    "too slow, but by our own clock": (
        {"slos": [{"met": False}], "generator": {"bottleneck": ["late"]}},
        Exit.INCOMPLETE,
    ),
    "a clock that is not trusted": ({"slos": [{"met": False}], "calibration": {"trusted": False}}, Exit.INCOMPLETE),
    "nothing was measured": ({"slos": [{"met": None}]}, Exit.INCOMPLETE),
    "a generator was lost": ({"lost_generators": {"a": "silent"}}, Exit.INCOMPLETE),
    "interrupted": ({"interrupted": True}, Exit.INCOMPLETE),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_how_a_load_ends(name: str) -> None:
    changes, code = ENDINGS[name]
    assert exit_of({**CALM, **changes}) is code
