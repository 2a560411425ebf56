"""Files of every kind say the same, hostile ones are refused by name and place, and money is never taken inexactly."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.reconcile import BadInput, Inputs, reconcile
from harness.reconcile.moments import shown
from tests.reconcile.lab import START, Asked, adds_up, catalogue, charge, lines, rounded

ASKED = [Asked(f"r{n}", 100 + 37 * n, 5 + 11 * n, at=START + n * 1_000_000) for n in range(5)]


def usd(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


def inputs(folder: Path, ledger: Path, **given: Any) -> Inputs:
    calls = lines(folder / "calls.jsonl", (one.row() for one in ASKED))
    return Inputs(calls, ledger, prices=catalogue(folder / "prices.json"), **given)


def reconciles(folder: Path, ledger: Path, **given: Any) -> dict[str, Any]:
    found = reconcile(inputs(folder, ledger, **given))
    assert found["verdict"] == "reconciles", found
    assert found["counts"]["exact"] == len(ASKED)
    return found


def litellm(one: Asked) -> dict[str, Any]:
    at = shown(one.at)
    counted = {"prompt_tokens": one.prompt, "completion_tokens": one.completion}
    return {
        "request_id": one.id,
        "call_type": "acompletion",
        "api_key": "88dc",
        "spend": float(usd(one.due)),
        "startTime": at,
        "endTime": at,
        "model": one.model,
        **counted,
    }


def generation(one: Asked) -> dict[str, Any]:
    counted = {"native_tokens_prompt": one.prompt, "native_tokens_completion": one.completion}
    return {
        "data": {
            "id": one.id,
            "total_cost": float(usd(one.due)),
            "created_at": shown(one.at),
            "model": one.model,
            **counted,
        }
    }


def logged(one: Asked) -> dict[str, Any]:
    usage = {
        "prompt_tokens": one.prompt,
        "completion_tokens": one.completion,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    return {"id": one.id, "created": one.at // 1_000_000, "model": one.model, "usage": usage, "cost": str(usd(one.due))}


@pytest.mark.parametrize(("form", "row"), [("litellm", litellm), ("openrouter", generation), ("openai-log", logged)])
@pytest.mark.parametrize("kind", ["jsonl", "json", "jsonl.gz"])
def test_a_form_is_known_by_its_columns(tmp_path: Path, form: str, row: Any, kind: str) -> None:
    ledger, rows = tmp_path / f"ledger.{kind}", [row(one) for one in ASKED]
    text = json.dumps(rows) if kind == "json" else "".join(json.dumps(each) + "\n" for each in rows)
    ledger.write_bytes(gzip.compress(text.encode()) if kind.endswith("gz") else text.encode())
    assert reconciles(tmp_path, ledger)["inputs"]["format"] == form


def test_a_log_with_costs_is_both_sides(tmp_path: Path) -> None:
    log = lines(tmp_path / "log.jsonl", map(logged, ASKED))
    found = reconcile(Inputs(log, log, prices=catalogue(tmp_path / "prices.json")))
    assert found["verdict"] == "reconciles"


@pytest.mark.parametrize("unit", ["usd", "cents", "micro", "nano"])
def test_a_table_is_read_by_a_map(tmp_path: Path, unit: str) -> None:
    ledger, scale = tmp_path / "odd name [1] it's.csv", {"usd": 9, "cents": 7, "micro": 3, "nano": 0}[unit]
    with ledger.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Request", "cost", "when"])
        writer.writerows([one.id, f"{Decimal(one.due).scaleb(-scale):f}", "2026-11-20 12:00:03"] for one in ASKED)
    reconciles(tmp_path, ledger, map=f"id=Request,charged=cost,unit={unit},at=when")


@pytest.mark.parametrize("kind", ["BIGINT", "DECIMAL(18, 9)", "DOUBLE", "VARCHAR"])
def test_parquet_of_any_type(tmp_path: Path, kind: str) -> None:
    ledger, db = tmp_path / "ledger.parquet", duckdb.connect()
    db.execute(f"CREATE TABLE t (id VARCHAR, cost {kind}, created_at TIMESTAMPTZ)")
    rows = [(one.id, one.due if kind == "BIGINT" else str(usd(one.due)), shown(one.at)) for one in ASKED]
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    db.execute(f"COPY t TO '{ledger}' (FORMAT parquet)")
    reconciles(tmp_path, ledger, map=f"charged=cost,unit={'nano' if kind == 'BIGINT' else 'usd'}")


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("1.5e-9", 2),
        ("-0.0000000015", -2),
        ("999999.123456789", 999999123456789),
    ],
)
def test_what_is_finer_than_a_nano_is_rounded_half_to_even(tmp_path: Path, text: str, nano: int) -> None:
    ledger = tmp_path / "ledger.csv"
    ledger.write_text(f"id,cost\nr0,{text}\n")
    found = reconcile(inputs(tmp_path, ledger))
    assert found["totals"]["charged_nano"] == nano


def test_times_with_an_offset_are_utc(tmp_path: Path) -> None:
    zoned = [charge(one, at=f"2026-11-20T19:00:0{n}+07:00") for n, one in enumerate(ASKED)]
    assert not reconciles(tmp_path, lines(tmp_path / "ledger.jsonl", zoned))["counts"]["late"]


def bad(**members: Any) -> str:
    good = [json.dumps(charge(one)) for one in ASKED[:2]]
    return "\n".join([good[0], "", json.dumps({**charge(ASKED[2]), **members}), good[1]]) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", bad(nano_usd="lots"), r"a.jsonl:3: column nano_usd: expected an amount in nano, got 'lots'"),
        ("a.jsonl", bad(nano_usd=None), r"a.jsonl:3: column nano_usd: expected a value in every row, got nothing"),
        ("a.jsonl", bad(nano_usd=10**30), r"a.jsonl:3: column nano_usd: expected an amount"),
        ("a.jsonl", bad(prompt_tokens=1.5), r"a.jsonl:3: column prompt_tokens: expected a whole number"),
        ("a.jsonl", bad(prompt_tokens=-4), r"a.jsonl:3: column prompt_tokens: expected a whole number"),
        ("a.jsonl", bad(prompt_tokens=10**13), r"a.jsonl:3: column prompt_tokens"),
        ("a.jsonl", bad(at="yesterday"), r"a.jsonl:3: column at: expected a time"),
        (
            "a.jsonl",
            bad(kind="gift"),
            r"a.jsonl:3: column kind: expected one of charge, .*, got 'gift'",
        ),
        ("a.jsonl", bad() + '{"request_id": \n', r"a.jsonl:5: not JSON"),
        ("a.jsonl", bad() + "[" * 100_000 + "\n", r"a.jsonl"),
        ("a.jsonl", bad() + "[1]\n", r"a.jsonl, row 4: expected a JSON object, got list"),
        ("a.jsonl", '{"foo": 1}\n', r"a.jsonl: no known kind of ledger; name its columns with --map. It has: foo"),
        ("a.jsonl", "", r"a.jsonl: the file is empty"),
        ("a.csv", "id,cost\nr0,1e-9\nr1,abc\n", r"a.csv, row 2: column cost: expected an amount in usd, got 'abc'"),
        ("a.csv", "id,cost\nr0,1\nr1,2,3,4\n", r"a.csv"),
        ("a.csv", "id,cost\nr0,1000000000000\n", r"a.csv, row 1: column cost"),
        ("a.txt", "hello", r"a.txt: expected JSON lines, a JSON array, Parquet"),
        ("a.parquet", "PAR1 but not really", r"a.parquet: not readable as parquet"),
    ],
)
def test_a_bad_ledger_is_refused_by_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    ledger = tmp_path / name
    ledger.write_text(text)
    with pytest.raises(BadInput, match=said):
        reconcile(inputs(tmp_path, ledger))


def test_a_bad_line_after_the_sample_is_refused(tmp_path: Path) -> None:
    many = "".join(json.dumps(charge(ASKED[0])) + "\n" for _ in range(300))
    ledger = tmp_path / "a.jsonl"
    ledger.write_text(many + '{"request_id": "r1", "nano_usd": tru}\n')
    with pytest.raises(BadInput, match=r"a\.jsonl.*301"):
        reconcile(inputs(tmp_path, ledger))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"map": "charged"}, "--map: 'charged'"),
        ({"map": "price=x"}, "--map: 'price=x'"),
        ({"map": "unit=euro"}, "--map: 'unit=euro'"),
        ({"map": "charged=nowhere"}, "no column for charged: expected nowhere"),
        ({"exchanges_map": "foo=bar"}, "--exchanges-map: 'foo=bar'"),
        ({"exchanges_map": "prompt=nowhere"}, "no column for prompt: expected nowhere"),
        ({"format": "litellm"}, "no column for charged: expected spend"),
    ],
)
def test_a_bad_option_is_told(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    ledger = lines(tmp_path / "ledger.jsonl", map(charge, ASKED))
    with pytest.raises(BadInput, match=said):
        reconcile(inputs(tmp_path, ledger, **given))


def test_the_largest_numbers_stay_exact(tmp_path: Path) -> None:
    most = {"prompt_tokens": 10**9, "completion_tokens": 10**9, "max_tokens": 10**9, "n": 10**9, "cached_tokens": 10**9}
    log = lines(tmp_path / "log.jsonl", [{**ASKED[0].row(), **most, "reasoning_tokens": 10**9}, ASKED[1].row()])
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"org/small": {"prompt": 100_000, "completion": 100_000, "cached": 99_999.5}}))
    ledger = lines(tmp_path / "ledger.jsonl", [charge(ASKED[0], 10**18 - 1), charge(ASKED[1])])
    found = reconcile(Inputs(log, ledger, prices=prices, markup="99.999999"))
    assert found["totals"]["charged_nano"] == 10**18 - 1 + ASKED[1].due
    assert found["outcomes"][0]["due_nano"] == 10**9 * (99_999_500 + 100_000_000) + 10**8 * (
        ASKED[1].prompt + ASKED[1].completion
    )


def test_rounding_of_the_lab_is_half_to_even() -> None:
    assert [rounded(Decimal(text)) for text in ("0.5", "1.5", "2.5")] == [0, 2, 2]


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=2),
    st.sampled_from(["1e400", "-0", "٣", "0x10", "\ud800", "9" * 40, "2026-02-30", "infinity", "NaN", "1795176000.5"]),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
MEMBERS = ("request_id", "nano_usd", "kind", "at", "model", "prompt_tokens", "started", "usage", "stream", "n")


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.dictionaries(st.sampled_from(MEMBERS), ANYTHING), max_size=4), st.binary(max_size=40))
def test_whatever_a_file_holds_it_is_read_or_refused(odd: list[dict[str, Any]], junk: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in (odd, []):
            made = inputs(folder, lines(folder / "ledger.jsonl", [charge(ASKED[0]), *rows]))
            if not rows:
                with made.ledger.open("ab") as file:
                    file.write(junk)
            swapped = replace(made, exchanges=made.ledger, ledger=made.exchanges, map="charged=n,unit=nano")
            for either in (made, swapped):
                with contextlib.suppress(BadInput):
                    assert adds_up(reconcile(either))
