"""Runs of ours: what the meter makes of an exchange, the prices in force, the command, and the page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import specs
from harness.judge.billing import Price
from harness.reconcile import BadInput, Inputs, reconcile, reconcile_run
from harness.reconcile.cli import reconcile_command
from harness.reconcile.meter import metered
from harness.reconcile.moments import Window, microseconds
from harness.reconcile.prices import Reading, history
from harness.wire.exchange import Exchange, Fault, to_json
from reports import reconciliation
from tests.judge import builders
from tests.judge.builders import completion, good_chunk, good_completion, good_stream, stream
from tests.reconcile.lab import Asked, charge, lines

CONTRACT = specs.load("voltagegpu-confidential")
ID = {"X-Request-Id": "req_1"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
COUNTED = good_chunk(choices=[], usage=USAGE)


def listing(prompt: str = "0.37", at: str = builders.STARTED) -> Exchange:
    row = {"id": builders.MODEL, "pricing": {"prompt": "@", "completion": 1.85}}
    body = json.dumps({"object": "list", "data": [row]}).replace('"@"', prompt).encode()
    return completion(body, method="GET", path="/models", started=at)


def with_usage(*lines: Any) -> list[Any]:
    return [*good_stream()[:-1], *(lines or (COUNTED,)), "[DONE]"]


OUTCOMES = {
    "completed": completion(good_completion(), headers=ID),
    "completed stream": stream(with_usage(), headers=ID),
    "fallback no usage": stream(good_stream(), headers=ID),
    "fallback no usage in a whole answer": completion(good_completion(usage=None), headers=ID),
    "fallback cut": stream(with_usage()[:3], headers=ID),
    "fallback broken": stream(with_usage()[:3], headers=ID, fault=Fault("truncated", "eof")),
    "aborted": stream(with_usage()[:3], headers=ID, fault=Fault("aborted", "by us")),
    "stream-error": stream([*good_stream()[:2], {"error": {"message": "no", "code": "upstream_error"}}], headers=ID),
    "refused": completion({"error": {}}, status=402, headers=ID),
    "failed": completion({"error": {}}, status=502, headers=ID),
    "failed connect": completion(b"", status=None, fault=Fault("connect", "refused")),
    "lost": completion(b"", status=None, fault=Fault("timeout", "no head")),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_is_told_from_the_wire(name: str) -> None:
    (call,) = metered([OUTCOMES[name]], CONTRACT)
    assert call.outcome == name.split()[0]
    assert call.request_id == ("req_1" if OUTCOMES[name].head_status else None)


def test_a_stream_that_was_not_asked_for_usage_is_complete_without() -> None:
    (call,) = metered([stream(good_stream())], specs.load("openai-core"))
    assert (call.outcome, call.prompt) == ("completed", None)


def test_counts_come_from_the_last_usage_and_its_parts_are_summed() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 1}}
    running = good_chunk(choices=[], usage={**USAGE, "completion_tokens": 1})
    (call,) = metered([stream(with_usage(running, good_chunk(choices=[], usage={**USAGE, **details})))])
    assert (call.prompt, call.completion, call.cached, call.reasoning) == (9, 2, 4, 1)
    assert (call.parts_prompt, call.parts_completion) == (18, 3)
    assert call.bytes == len("Hello.")
    assert call.completion_id == "chatcmpl-1"


@pytest.mark.parametrize(
    "usage", [None, [], "many", {"prompt_tokens": -1, "completion_tokens": True}, {"prompt_tokens": 10**30}]
)
def test_a_hostile_usage_counts_nothing(usage: Any) -> None:
    (call,) = metered([completion(good_completion(usage=usage))])
    assert call.prompt is None
    assert call.completion is None


def test_other_calls_are_no_bill() -> None:
    ours = completion({}, path="/chat/completions", intent={"role": "balance"})
    assert not list(metered([listing(), ours, completion({}, method="GET")], CONTRACT))


def test_a_price_holds_until_it_differs() -> None:
    rows: list[tuple[int, list[Mapping[str, Any]]]] = [
        (n, [{"id": "m", "pricing": {"prompt": Decimal(usd), "completion": 1}}])
        for n, usd in ((5, "1"), (9, "1"), (12, "2"))
    ]
    first, second = history(rows, Reading())
    assert (first.prompt, first.until) == (10**12, 12)
    assert (second.prompt, second.since) == (2 * 10**12, 12)
    assert first.since < 0 < second.until


@pytest.mark.parametrize("price", ["-1", "1e-13", "NaN", "1e30", "x"])
def test_a_price_that_cannot_be_reckoned_with_is_refused(tmp_path: Path, price: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"m": {"prompt": price, "completion": "1"}}))
    with pytest.raises(BadInput, match=r"prices\.json: m: prompt: expected a price"):
        reconcile(Inputs(log(tmp_path), log(tmp_path), prices=file))


def log(folder: Path) -> Path:
    return lines(folder / "log.jsonl", [Asked("r").row() | {"cost": 1}])


def run_of(folder: Path, exchanges: Sequence[Exchange]) -> Path:
    lines(folder / "exchanges.jsonl", map(to_json, exchanges))
    (folder / "results.json").write_text(json.dumps({"contract": {"name": CONTRACT.name}}))
    return folder


def entry(nano: int, request_id: str = "req_1", **members: Any) -> dict[str, Any]:
    one = Asked(request_id, 9, 2, model=builders.MODEL, at=microseconds(builders.STARTED))
    return charge(one, nano, **members)


def test_a_run_is_held_against_a_ledger_at_the_prices_it_saw(tmp_path: Path) -> None:
    run = run_of(tmp_path, [listing(), OUTCOMES["completed"]])
    due = int(Price(Decimal("0.37"), Decimal("1.85")).cost(9, 2) * 10**9)
    found = reconcile(Inputs(run, lines(tmp_path / "ledger.jsonl", [entry(due)])))
    assert found["verdict"] == "reconciles"
    assert found["totals"]["due_nano"] == due == 7030
    assert found["inputs"]["contract"] == CONTRACT.name
    assert reconcile_run([listing(), OUTCOMES["completed"]], [entry(due)], CONTRACT)["totals"] == found["totals"]


def test_a_price_of_another_time_is_named() -> None:
    calls = [completion(good_completion(), headers={"X-Request-Id": f"r{n}"}) for n in range(3)]
    later = listing("3.7", "2026-11-20T12:00:05.000000Z")
    ledger = [entry(9 * 3700 + 2 * 1850, f"r{n}") for n in range(3)]
    found = reconcile_run([listing(), *calls, later], ledger, CONTRACT)
    assert found["findings"][0]["cause"] == "price-of-another-time"


def test_an_empty_ledger_is_a_failure() -> None:
    assert reconcile_run([listing(), OUTCOMES["completed"]], [], CONTRACT)["verdict"] == "vacuous"


@pytest.mark.parametrize("by", ["header", "body"])
def test_a_ledger_may_name_either_id(tmp_path: Path, by: str) -> None:
    named = {"header": "req_1", "body": "chatcmpl-1"}[by]
    ledger = lines(tmp_path / "ledger.jsonl", [{"id": named, "charged": 7030}])
    run = run_of(tmp_path, [listing(), OUTCOMES["completed"]])
    found = reconcile(Inputs(run, ledger, map="unit=nano"))
    assert found["verdict"] == "reconciles"
    assert found["inputs"]["paired_by"] == {"header": "request id", "body": "completion id"}[by]


@pytest.mark.parametrize(
    ("exchanges", "said"),
    [([OUTCOMES["completed"]], "holds no model list with prices"), ([listing()], "no call that could be charged")],
)
def test_a_run_without_what_is_needed_is_refused(tmp_path: Path, exchanges: list[Exchange], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        reconcile(Inputs(run_of(tmp_path, exchanges), lines(tmp_path / "ledger.jsonl", [entry(1)])))


def test_the_command_says_it_in_words_json_and_html(tmp_path: Path) -> None:
    run, ledger = run_of(tmp_path, [listing(), OUTCOMES["completed"]]), lines(tmp_path / "l.jsonl", [entry(14060)])
    page, options = tmp_path / "page.html", ["--exchanges", str(run), "--ledger", str(ledger)]
    told = CliRunner().invoke(reconcile_command, [*options, "--html", str(page)])
    assert told.exit_code == 1
    assert "difference +0.000007030 USD" in told.output
    assert "consistent with charged-double" in told.output
    assert "Content-Security-Policy" in page.read_text()
    parsed = json.loads(CliRunner().invoke(reconcile_command, [*options, "--json"]).output)
    assert parsed["findings"][0]["cause"] == "charged-double"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--window", "today"],
        ["--window", "2026-11-21..2026-11-20"],
        ["--markup", "free"],
        ["--markup", "1.00000001"],
        ["--memory", "lots"],
        ["--exchanges", "/nowhere"],
        ["--ledger", "/nowhere"],
        ["--prices", "/nowhere"],
        ["--format", "abacus"],
    ],
)
def test_bad_input_ends_with_2(tmp_path: Path, wrong: list[str]) -> None:
    run, ledger = run_of(tmp_path, [listing(), OUTCOMES["completed"]]), lines(tmp_path / "l.jsonl", [entry(7030)])
    done = CliRunner().invoke(reconcile_command, ["--exchanges", str(run), "--ledger", str(ledger), *wrong])
    assert done.exit_code == 2
    assert done.output.count("Error:") == 1


def test_the_steps_of_the_page_meet(tmp_path: Path) -> None:
    run = [listing(), *(completion(good_completion(), headers={"X-Request-Id": f"r{n}"}) for n in range(4))]
    found = reconcile_run(run, [entry(14060, "r0"), entry(7030, "r1"), entry(9, "r2"), entry(5, "ghost")], CONTRACT)
    first, *between, last = reconciliation.steps(found)
    assert first.nano + sum(step.nano for step in between) == last.nano == found["totals"]["charged_nano"]
    assert len(between) == len(found["findings"]) + bool(found["unexplained"]["ids"])


@pytest.mark.parametrize(
    ("levels", "cut"),
    [([1000, 1010], True), ([1000, 1000], False), ([1000, 400], False), ([0, 3], False), ([5, -1], False)],
)
def test_bars_are_cut_only_where_changes_could_not_be_seen(levels: list[int], cut: bool) -> None:
    on = reconciliation.axis(levels)
    assert (on.begins > 0) is cut
    ends = [on.at(level) for level in (0, *levels)]
    assert all(0 <= end <= 100 for end in ends)
    if cut:
        assert abs(ends[1] - ends[2]) > 25


def test_the_page_shows_hostile_names_as_text(tmp_path: Path) -> None:
    ghost = entry(5, "<script>alert(1)</script>\u202e")
    page = reconciliation.render(reconcile_run([listing(), OUTCOMES["completed"]], [entry(7030), ghost], CONTRACT))
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


def test_a_window_text_is_utc_and_half_open() -> None:
    window = Window.of("2026-11-20..2026-11-21T00:00:00+02:00")
    assert str(window) == "2026-11-20T00:00:00Z..2026-11-20T22:00:00Z"


def test_the_engine_stays_out_of_other_commands() -> None:
    asked = "import harness.cli, sys; sys.exit('pandas' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
