"""The balance is exact or a fault; evidence is asked for with the nonce; neither is judged by the contract's rules."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from harness.asking.ask import Ask
from harness.model import NotObserved
from harness.target import BalancePoint, CostPoint, EvidencePoint
from harness.wire.exchange import TargetFault
from harness.wire.journal import judged
from harness.wire.pointer import pointed
from tests.harness.conftest import KEY

Connect = Callable[..., Ask]
HOST = "http://api.test"


def with_balance(connect: Connect, unit: str = "usd") -> Ask:
    return connect(f"{HOST}/v1", balance=BalancePoint(f"{HOST}/balance", "/a/0", unit=unit, drain_s=0.08))


@pytest.mark.parametrize(
    ("unit", "body", "usd"),
    [
        ("usd", '{"a": [12.345678901]}', "12.345678901"),
        ("usd", '{"a": ["0.10"]}', "0.10"),
        ("usd_cents", '{"a": [1234]}', "12.34"),
        ("nano_usd", '{"a": [1]}', "0.000000001"),
        ("usd", '{"a": [12345678901.123456789]}', "12345678901.123456789"),
    ],
)
@respx.mock
def test_the_balance_is_exact(connect: Connect, unit: str, body: str, usd: str) -> None:
    route = respx.get(f"{HOST}/balance").mock(httpx.Response(200, text=body))
    ask = with_balance(connect, unit)
    assert ask.balance.read() == Decimal(usd)
    assert route.calls.last.request.headers["Authorization"] == f"Bearer {KEY}"
    assert [judged(exchange) for exchange in ask.seen] == [False]


NO_MONEY = ("null", "true", '"x"', '"NaN"', '"sNaN"', '"Infinity"', "1e999999999", "1e-999999999", "9" * 5000)


@pytest.mark.parametrize("body", ["", "[]", '{"a": []}', '{"a": {}}', *(f'{{"a": [{value}]}}' for value in NO_MONEY)])
@respx.mock
def test_no_number_is_a_fault(connect: Connect, body: str) -> None:
    respx.get(f"{HOST}/balance").mock(httpx.Response(200, text=body))
    with pytest.raises(TargetFault, match="no number at /a/0"):
        with_balance(connect).balance.read()


@respx.mock
def test_another_status_is_a_fault(connect: Connect) -> None:
    respx.get(f"{HOST}/balance").mock(httpx.Response(503, text='{"a": [1]}'))
    with pytest.raises(TargetFault, match="answered 503"):
        with_balance(connect).balance.read()


@respx.mock
def test_settled_waits_until_two_reads_agree(connect: Connect) -> None:
    answers = [httpx.Response(200, text=f'{{"a": [{value}]}}') for value in (5, 4, 3, 3, 2)]
    route = respx.get(f"{HOST}/balance").mock(side_effect=answers)
    assert with_balance(connect).balance.settled() == 3
    assert route.call_count == 4


@respx.mock
def test_a_balance_that_never_rests_is_a_fault(connect: Connect) -> None:
    answers = [httpx.Response(200, text=f'{{"a": [{value}]}}') for value in range(20)]
    respx.get(f"{HOST}/balance").mock(side_effect=answers)
    with pytest.raises(TargetFault, match="still moving"):
        with_balance(connect).balance.settled()


@respx.mock
def test_evidence_is_asked_for_with_model_and_nonce(connect: Connect) -> None:
    route = respx.get(f"{HOST}/report").mock(httpx.Response(200, text="{}"))
    ask = connect(f"{HOST}/v1", evidence=EvidencePoint(f"{HOST}/report", "dstack"))
    found = ask.evidence.fetch("a/b", bytes(32))
    assert found.status == 200
    assert not judged(found)
    assert dict(route.calls.last.request.url.params) == {
        "model": "a/b",
        "nonce": "00" * 32,
        "signing_algo": "ecdsa",
    }


@pytest.mark.parametrize("name", ["control", "balance", "evidence"])
def test_what_the_target_does_not_offer_is_not_observed(connect: Connect, name: str) -> None:
    with pytest.raises(NotObserved, match="the target"):
        getattr(connect(f"{HOST}/v1"), name)


def test_a_json_pointer_reads_escapes_and_misses_quietly() -> None:
    document = {"a/b": {"m~n": [10, {"": 11}]}}
    assert pointed(document, "/a~1b/m~0n/0") == 10
    assert pointed(document, "/a~1b/m~0n/1/") == 11
    assert pointed(document, "") == document
    assert [pointed(document, p) for p in ("/x", "/a~1b/m~0n/7", "/a~1b/m~0n/-1", "/a~1b/m~0n/x")] == [None] * 4


ANSWER = httpx.Response(200, headers={"X-Request-Id": "req 1/2", "X-Cost": "0.0000123456"}, text='{"id": "chatcmpl-7"}')


def answered(connect: Connect, **point: str) -> tuple[Ask, list[dict[str, Any]]]:
    """One chat answer, and the charge that is stated for it."""
    respx.post(f"{HOST}/v1/chat/completions").mock(ANSWER)
    ask = connect(f"{HOST}/v1", costs=CostPoint(**point))
    return ask, list(ask.costs.entries([ask.chat("Hi", model="m")]))


@respx.mock
def test_a_cost_in_the_head_of_an_answer_is_rounded_to_a_nano_dollar(connect: Connect) -> None:
    ((entry,)) = answered(connect, source="header", header="x-cost")[1]
    assert (entry["request_id"], entry["nano_usd"], entry["kind"]) == ("req 1/2", 12346, "charge")


@respx.mock
def test_an_answer_that_states_no_cost_has_no_entry(connect: Connect) -> None:
    assert answered(connect, source="header", header="x-other")[1] == []


@pytest.mark.parametrize(("named", "asked"), [("request", "req%201%2F2"), ("completion", "chatcmpl-7")])
@respx.mock
def test_a_cost_is_looked_up_by_the_id_that_the_target_names(connect: Connect, named: str, asked: str) -> None:
    route = respx.get(f"{HOST}/cost/{asked}").mock(httpx.Response(200, text='{"data": {"total": 7}}'))
    url = f"{HOST}/cost/{{id}}"
    ask, (entry,) = answered(connect, source="lookup", url=url, pointer="/data/total", unit="nano_usd", id=named)
    assert (entry["nano_usd"], route.call_count) == (7, 1)
    assert [judged(exchange) for exchange in ask.seen] == [True, False]


@pytest.mark.parametrize(("status", "body", "said"), [(404, "{}", "answered 404"), (200, "{}", "no number at /data")])
@respx.mock
def test_a_lookup_without_an_amount_is_a_fault(connect: Connect, status: int, body: str, said: str) -> None:
    respx.get(f"{HOST}/cost").mock(httpx.Response(status, text=body))
    with pytest.raises(TargetFault, match=said):
        answered(connect, source="lookup", url=f"{HOST}/cost", pointer="/data")


@respx.mock
def test_an_answer_without_an_id_cannot_be_looked_up(connect: Connect) -> None:
    respx.post(f"{HOST}/v1/chat/completions").mock(httpx.Response(200, text="{}"))
    ask = connect(f"{HOST}/v1", costs=CostPoint("lookup", url=f"{HOST}/cost", pointer="/data"))
    with pytest.raises(TargetFault, match="no request id"):
        list(ask.costs.entries([ask.chat("Hi", model="m")]))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"total_cost": 0.000000012}', "/total_cost"),
        ('{"hours": [{"usd": "0.00000001"}, {"usd": 0.000000002}]}', "/hours/*/usd"),
        (
            '{"months": [{"by": [{"usd": 1e-9}, {"usd": 2e-9}]}, {"by": [{"usd": 9e-9}]}]}',
            "/months/*/by/*/usd",
        ),
    ],
)
@respx.mock
def test_a_total_is_exact(connect: Connect, body: str, pointer: str) -> None:
    respx.get(f"{HOST}/usage").mock(httpx.Response(200, text=body))
    ask = connect(f"{HOST}/v1", costs=CostPoint("usage", url=f"{HOST}/usage", pointer=pointer))
    assert ask.costs.total() == Decimal("0.000000012")


@pytest.mark.parametrize("body", ['{"hours": []}', '{"hours": {}}', '{"hours": [{"usd": 1}, {}]}', "[]"])
@respx.mock
def test_a_series_with_a_gap_is_no_total(connect: Connect, body: str) -> None:
    respx.get(f"{HOST}/usage").mock(httpx.Response(200, text=body))
    ask = connect(f"{HOST}/v1", costs=CostPoint("usage", url=f"{HOST}/usage", pointer="/hours/*/usd"))
    with pytest.raises(TargetFault, match="no number at"):
        ask.costs.total()
