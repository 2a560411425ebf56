"""The cap holds under any interleaving; a refusal is free; what is unknown stays reserved."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.budget import Budget, BudgetExceeded
from harness.wire.exchange import Chunk, Exchange, Fault, Request

PRICES = {"m": (Decimal(1), Decimal(2))}
BODY = b'{"model":"m","max_tokens":100,"messages":[]}'


def a_budget(cap: str = "1") -> Budget:
    return Budget(Decimal(cap), PRICES.get, Decimal(20))


def answered(status: int | None, body: bytes, *, kind: str = "application/json", fault: str | None = None) -> Exchange:
    return Exchange(
        id="x00001",
        probe="p",
        request=Request("POST", "http://h", (), BODY),
        head_status=status,
        headers=(("content-type", kind),),
        chunks=(Chunk(1, body),),
        fault=Fault(fault, "") if fault else None,
        started="",
        head_ns=0,
        end_ns=1,
    )


def spent(exchange: Exchange) -> Decimal:
    budget = a_budget()
    budget.settle(budget.reserve(BODY), exchange)
    assert budget.reserved == 0
    return budget.spent


USAGE = b'{"usage": {"prompt_tokens": 10, "completion_tokens": 5}}'
RESERVE = (Decimal(-(-len(BODY) // 3) + 16) + 200) / 1_000_000


def test_the_reserve_is_an_upper_bound() -> None:
    budget = a_budget()
    assert budget.reserve(BODY).usd == RESERVE == budget.reserved


def test_no_request_costs_more_than_a_context_holds() -> None:
    budget = Budget(Decimal(1), PRICES.get, context_of={"m": 1000}.get)
    body = json.dumps({"model": "m", "max_tokens": 10**9, "messages": [{"role": "user", "content": "x" * 10**6}]})
    assert budget.bound(body.encode())[1] == Decimal(1000 * 1 + 1000 * 2) / 1_000_000


CASES: dict[str, tuple[Exchange, Decimal]] = {
    "usage": (answered(200, USAGE), Decimal("0.00002")),
    "usage chunk": (
        answered(200, b'data: {"usage": null}\n\ndata: ' + USAGE + b"\n\ndata: [DONE]\n\n", kind="text/event-stream"),
        Decimal("0.00002"),
    ),
    "refusal": (answered(400, b"{}"), Decimal(0)),
    "server error": (answered(500, b"oops"), Decimal(0)),
    "never connected": (answered(None, b"", fault="connect"), Decimal(0)),
    "no answer in time": (answered(None, b"", fault="timeout"), RESERVE),
    "cut off": (answered(200, USAGE, fault="truncated"), RESERVE),
    "no usage": (answered(200, b"{}"), RESERVE),
    "not JSON": (answered(200, b"<html>"), RESERVE),
    "usage of wrong types": (answered(200, b'{"usage": {"prompt_tokens": "1", "completion_tokens": true}}'), RESERVE),
    "usage beyond reason": (answered(200, USAGE.replace(b"10", b"9" * 40)), RESERVE),
    "a deep answer": (answered(200, b"[" * 20_000), RESERVE),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_costs_what_it_says_or_what_was_reserved(name: str) -> None:
    exchange, usd = CASES[name]
    assert spent(exchange) == usd


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda v: st.lists(v), max_leaves=3
    )
)
def test_no_request_has_a_negative_or_endless_bound(value: Any) -> None:
    body = json.dumps({"model": value, "max_tokens": value, "max_completion_tokens": value, "n": value}).encode()
    _, usd = a_budget().bound(body)
    assert 0 < usd < 200


def test_reading_is_free_and_counted() -> None:
    budget = a_budget("0")
    budget.reserve(b"")
    assert (budget.calls, budget.reserved) == (1, Decimal(0))


def test_an_unknown_model_has_the_assumed_price() -> None:
    assert a_budget().prices("other")[:2] == (Decimal(20), Decimal(20))
    assert a_budget().prices("m") == (Decimal(1), Decimal(2), "the catalogue's price of m")


def test_the_cap_holds_in_parallel() -> None:
    budget = a_budget(str(RESERVE * 10))

    def reserve(_: int) -> bool:
        try:
            budget.reserve(BODY)
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(reserve, range(100))) == 10
    assert budget.reserved == budget.cap


def test_white_space_in_a_file_costs_nothing() -> None:
    file = b"--b\r\nContent-Disposition: form-data\r\n\r\n%s\r\n--b--"
    assert a_budget().bound(file % (b" " * 1_000_000)) == a_budget().bound(file % b"")


def test_white_space_in_a_request_costs_nothing() -> None:
    padded = BODY.replace(b",", b"," + b" " * 1_000_000)
    assert a_budget().bound(padded) == a_budget().bound(BODY)
