"""Money: what a call reserves, costs and releases, seen from outside."""

from __future__ import annotations

import contextlib
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import httpx
import pytest

from tests.mockserver.conftest import COUNTING, MODEL, Lab
from tests.mockserver.test_stream import ended


def balance(lab: Lab) -> Decimal:
    answer = lab.api.get(lab.server.origin + "/api/volt/balance")
    return Decimal(answer.text.split('"balance":')[1].split(",")[0])


def price_of(usage: dict[str, int]) -> Decimal:
    """By hand, from the catalogue's upstream price of the model: 0.08 and 0.24 times 1.85."""
    exact = usage["prompt_tokens"] * Decimal("0.148") + usage["completion_tokens"] * Decimal("0.444")
    return (exact / 1_000_000).quantize(Decimal("1e-9"), ROUND_HALF_EVEN)


@pytest.mark.parametrize("stream", [False, True])
def test_charge_is_price_times_usage(lab: Lab, stream: bool) -> None:
    before = balance(lab)
    usage = lab.chunks("Count from 1 to 30")[-2]["usage"] if stream else lab.chat().json()["usage"]
    assert before - balance(lab) == price_of(usage)


@pytest.mark.parametrize(("fault", "stream", "charged"), [
    ("fail_before_first_byte", False, False),
    ("fail_before_first_byte", True, False),
    ("drop_after_chunks", False, False),
    ("drop_after_chunks", True, True),
    ("error_in_stream", True, True),
    ("omit_usage", False, True),
    ("omit_usage", True, True),
])  # fmt: skip
def test_provider_faults_charge_what_was_delivered(lab: Lab, fault: str, stream: bool, charged: bool) -> None:
    before = balance(lab)
    lab.control.post("/upstream/faults", json={"fault": fault, "at": 5})
    lab.chat("Count from 1 to 60", stream=stream)
    assert (before - balance(lab) > 0) is charged
    assert lab.account()["reserved_usd"] == "0.000000000"


def test_fallback_charges_a_token_for_four_bytes(lab: Lab) -> None:
    before = balance(lab)
    lab.control.post("/upstream/faults", json={"fault": "omit_usage"})
    usage = lab.chunks("Repeat exactly: 123456789")[-2]["usage"]
    assert usage["completion_tokens"] == 3
    assert before - balance(lab) == price_of(usage)


def leave_early(lab: Lab, body: dict[str, Any]) -> None:
    """Read a little of a stream, or wait a moment for an answer, and close the connection."""
    with (
        contextlib.suppress(httpx.ReadTimeout),
        lab.api.stream("POST", "/chat/completions", json=body, timeout=0.06) as response,
    ):
        next(response.iter_lines())


@pytest.mark.parametrize("stream", [False, True])
def test_client_that_leaves_pays_for_what_was_generated(lab: Lab, stream: bool) -> None:
    before, mark = balance(lab), lab.mark
    body: dict[str, Any] = {"model": MODEL, "messages": COUNTING, "max_tokens": 990, "stream": stream}
    leave_early(lab, body)
    usage = ended(lab, mark)["usage"]
    assert 0 < usage["completion_tokens"] < 990
    assert before - balance(lab) == price_of(usage)


def test_empty_account_is_402_before_the_provider_is_called(lab: Lab) -> None:
    mark = lab.mark
    key = lab.server.state.secrets["exhausted"]
    body = {"model": MODEL, "messages": COUNTING}
    answer = httpx.post(
        lab.server.base_url + "/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_balance")
    assert lab.calls(mark) == []


def test_defaults_and_usage_option_reach_the_provider(lab: Lab) -> None:
    mark = lab.mark
    lab.chunks("Count from 1 to 3", stream_options={"include_usage": False})
    body = lab.calls(mark)[0]["body"]
    assert body["stream_options"] == {"include_usage": True}
    assert (body["max_tokens"], Decimal(str(body["temperature"])), body["top_p"]) == (1024, Decimal("0.7"), 1)


def test_listed_price_follows_the_provider(lab: Lab) -> None:
    lab.control.patch(f"/models/{MODEL}", json={"upstream_price": {"prompt": "1", "completion": "2"}})
    row = lab.api.get(f"/models/{MODEL}").json()
    assert row["pricing"] == {"prompt": 1.85, "completion": 3.7}


def test_ledger_stays_balanced_and_nothing_is_left_held(lab: Lab) -> None:
    lab.chat()
    lab.chunks()
    ledger = lab.server.state.ledger
    assert (ledger.postings_total(), ledger.held()) == (0, 0)
