"""Prices and costs: exact, rounded once half to even, and read from nothing but JSON numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge import billing, judge
from harness.judge.billing import Price
from specs import Contract, load
from tests.judge.builders import completion, good_choice, good_chunk, good_completion, good_stream, stream

PRICE = Price(Decimal("0.148"), Decimal("0.444"))


@pytest.fixture(scope="module")
def voltage() -> Contract:
    return load("voltagegpu-confidential")


@pytest.mark.parametrize(
    ("price", "tokens", "usd"),
    [
        (PRICE, (9, 2), "0.000002220"),
        (Price(Decimal("0.0005"), Decimal(0)), (1, 0), "0.000000000"),  # half a nano-dollar goes to the even side
        (Price(Decimal("0.0015"), Decimal(0)), (1, 0), "0.000000002"),
        (Price(Decimal("0.0005"), Decimal(0)), (3, 0), "0.000000002"),
        (Price(Decimal(0), Decimal(0)), (7, 7), "0"),
    ],
)
def test_the_cost_is_rounded_once(price: Price, tokens: tuple[int, int], usd: str) -> None:
    assert price.cost(*tokens) == Decimal(usd)


@given(prompt=st.integers(0, 10**7), completed=st.integers(0, 10**7))
def test_the_cost_is_exact_to_half_a_nano_dollar(prompt: int, completed: int) -> None:
    exact = (PRICE.prompt * prompt + PRICE.completion * completed) / 1_000_000
    assert abs(PRICE.cost(prompt, completed) - exact) <= billing.NANO / 2


@pytest.mark.parametrize("value", [True, "0.1", None, -1, [], {}])
def test_only_a_number_is_an_amount(voltage: Contract, value: Any) -> None:
    assert billing.amount(value) is None
    assert billing.price_of({"pricing": {"prompt": value, "completion": 1}}, voltage) is None


@pytest.mark.parametrize("row", [None, {}, {"pricing": None}, {"pricing": []}, {"pricing": {"prompt": 1}}])
def test_a_row_without_prices_has_no_price(voltage: Contract, row: Any) -> None:
    assert billing.price_of(row, voltage) is None


def test_the_cost_of_an_answer_is_that_of_its_usage() -> None:
    answer = completion(good_completion())
    usage = good_chunk(choices=[], usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})
    streamed = stream([*good_stream()[:-1], usage, "[DONE]"])
    assert billing.cost_of(answer, PRICE) == billing.cost_of(streamed, PRICE) == Decimal("0.000002220")
    assert billing.cost_of(stream(good_stream()), PRICE) is None


def test_delivered_bytes_are_those_of_the_content() -> None:
    two = good_completion(choices=[good_choice("né"), good_choice("abc", index=1)])
    assert billing.delivered_bytes(completion(two)) == 6
    assert billing.delivered_bytes(stream(good_stream("né", "abc"))) == 6


@pytest.mark.parametrize(("size", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_a_fallback_counts_four_bytes_a_token(size: int, tokens: int) -> None:
    assert billing.fallback_tokens(size) == tokens


@pytest.mark.parametrize(("usd", "found"), [("0.148", 0), ("0.01", 0), ("0", 0), ("1.48e-7", 2), ("0.0000004", 2)])
def test_a_price_per_token_is_found(voltage: Contract, usd: str, found: int) -> None:
    body = f'{{"object":"list","data":[{{"id":"a","pricing":{{"prompt":{usd},"completion":{usd}}}}}]}}'.encode()
    listing = completion(body, method="GET", path="/models")
    assert len(judge(billing.prices_are_per_million, [listing], voltage).findings) == found


@pytest.mark.parametrize("value", ["1e999999999", "1e-999999999", "1e21"])
def test_a_number_that_is_sent_to_make_arithmetic_fail_is_no_price(value: str) -> None:
    assert billing.amount(Decimal(value)) is None


def test_usage_beyond_arithmetic_comes_to_nothing_that_is_known() -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": 1, "total_tokens": 10**30 + 1}
    assert billing.cost_of(completion(good_completion(usage=usage)), PRICE) is None
