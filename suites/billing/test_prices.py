"""Listed prices: USD per million tokens, the markup in them, and live."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from harness.judge import billing
from harness.judge.catalogue import row_of
from suites.purse import open_account

CLOSE = Decimal("0.000001")  # USD per million tokens; a price may be listed with fewer places than it has
LONG = "Count from 1 to 120, separated by spaces."
NEW = {"prompt": "0.37", "completion": "1.91"}


def marked_up(upstream, contract) -> billing.Price:
    """What has to be listed for what the provider charges."""
    markup = Decimal(contract.trait("billing.markup"))
    return billing.Price(Decimal(upstream["prompt"]) * markup, Decimal(upstream["completion"]) * markup)


def is_close(listed, due) -> bool:
    return bool(abs(listed.prompt - due.prompt) <= CLOSE and abs(listed.completion - due.completion) <= CLOSE)


@pytest.mark.requirement("VT-090", "VT-099")
def test_listed_prices_hold_the_markup(ask, contract, catalogue):
    due = {row["id"]: marked_up(row["upstream_price"], contract) for row in ask.control.models()}
    listed = {row["id"]: billing.price_of(row, contract) for row in catalogue.json["data"]}
    wrong = {model: f"{price} for {due[model]}" for model, price in listed.items() if not is_close(price, due[model])}
    assert not wrong, f"listed prices are not the upstream price times the markup: {wrong}"


@pytest.mark.requirement("VT-099")
def test_listed_prices_are_per_million(catalogue, holds):
    holds(billing.prices_are_per_million, catalogue)


@pytest.mark.requirement("VT-099")
@pytest.mark.cost(calls=2)
def test_a_retrieved_model_has_the_listed_price(ask, contract, catalogue):
    model = ask.default_model
    single, listed = ask.model(model).json, row_of(catalogue, model)
    prices = billing.price_of(single, contract), billing.price_of(listed, contract)
    assert prices[0] == prices[1], f"{model} is retrieved with {prices[0]} and listed with {prices[1]}"


@pytest.mark.requirement("VT-092")
@pytest.mark.cost(calls=7, prompt_tokens=60, completion_tokens=48)
def test_a_new_price_is_listed_and_charged(ask, contract, spares):
    purse, spare = open_account(ask), spares(3)
    old = purse.spend(model=spare)
    with ask.control.priced(spare, **NEW):
        listed, new = purse.listed(spare), purse.spend(model=spare)
    again = purse.spend(model=spare)
    assert is_close(listed, marked_up(NEW, contract)), f"the price changed, and {listed} is listed"
    assert new.is_right, f"after a price change a call was {new}"
    assert old.is_right, f"before a price change a call was {old}"
    assert again.is_right, f"after a price change was undone a call was {again}"


@pytest.mark.requirement("VT-092")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=256)
def test_a_new_price_does_not_reach_back(ask, spares):
    purse, spare = open_account(ask), spares(3)
    prices = next(row for row in ask.control.models() if row["id"] == spare)["upstream_price"]
    dearer = {kind: str(3 * Decimal(usd)) for kind, usd in prices.items()}
    try:
        bill = purse.spend(LONG, model=spare, stream=True, max_tokens=256, during=partial(reprice, ask, spare, dearer))
    finally:
        reprice(ask, spare, prices)
    assert bill.is_right, f"the price tripled while the stream ran, and it was {bill}"


def reprice(ask, model, prices):
    ask.control.set_model(model, upstream_price=prices)
