"""Usage: it grows by what was served, at the price of the tier, adds up at every step, and is the tenant's alone."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from harness.judge import catalogue as lists
from harness.judge import volt
from harness.model import NotObserved
from suites.reading import accepted, tokens
from suites.spark.conftest import usage, with_capability

PATIENCE_S, STEP_S = 5, 0.25
TOKENS = ("input_tokens", "output_tokens")
WRONG = ("?from=yesterday", "?from=2026-13-01", "?from=2026-02-02&to=2026-02-01", "?granularity=week", "?to=20260101")
MILLION = Decimal(1_000_000)
NANO = Decimal("1e-9")


def total(series, **where) -> Counter[str]:
    """Tokens of the rows with these members."""
    rows = [row for row in series if all(row.get(name) == value for name, value in where.items())]
    return Counter({name: sum(row[name] for row in rows) for name in TOKENS})


def settled(ask, key, due):
    """The series once it holds what is due; whatever it holds after five seconds."""
    end = time.monotonic() + PATIENCE_S
    while total(series := usage(ask, key)) != due and time.monotonic() < end:
        time.sleep(STEP_S)
    return series


def used(*answers) -> Counter[str]:
    """Tokens as the answers report them."""
    return Counter(
        input_tokens=sum(tokens(x, "prompt_tokens") for x in answers),
        output_tokens=sum(tokens(x) for x in answers),
    )


@pytest.mark.requirement("VL-060")
@pytest.mark.cost(calls=4, completion_tokens=24)
def test_usage_grows_by_what_was_served(ask, tenant):
    before = total(usage(ask, tenant))
    chat = accepted(ask.chat(key=tenant, max_tokens=8))
    stream = accepted(ask.chat(key=tenant, max_tokens=16, stream=True, stream_options={"include_usage": True}))
    text = {"model": ask.default_model, "prompt": "Once", "max_tokens": 4}
    due = before + used(chat, stream, accepted(ask.send("POST", "/completions", json=text, key=tenant)))
    found = total(settled(ask, tenant, due))
    assert found == due, f"the usage is {dict(found)}, where {dict(before)} and what was served make {dict(due)}"


@pytest.mark.requirement("VL-060")
@pytest.mark.cost(calls=3, prompt_tokens=8)
def test_embeddings_are_in_the_usage(ask, tenant):
    before = total(usage(ask, tenant))
    asked = {"model": with_capability(ask, "embedding"), "input": "a red fox in the snow"}
    answer = accepted(ask.send("POST", "/embeddings", json=asked, key=tenant))
    due = before + Counter(input_tokens=answer.json["usage"]["prompt_tokens"])
    found = total(settled(ask, tenant, due))
    assert found["input_tokens"] == due["input_tokens"], f"{found['input_tokens']} and not {due['input_tokens']} tokens"


@pytest.mark.requirement("VL-060")
@pytest.mark.cost(calls=3)
def test_refusals_are_not_in_the_usage(ask, tenant):
    before = total(usage(ask, tenant))
    refused = ask.chat(key=tenant, temperature=9), ask.chat(key=tenant, model="assay-no-such-model")
    assert all(answer.status >= 400 for answer in refused), "requests that must be refused were served"
    after = total(usage(ask, tenant))
    assert after == before, f"refused requests changed the usage from {dict(before)} to {dict(after)}"


@pytest.mark.requirement("VL-110")
@pytest.mark.cost(calls=8, completion_tokens=32)
@pytest.mark.parametrize("tier", volt.TIERS)
def test_a_tier_is_charged_at_its_own_price(ask, tenant, tiers, contract, tier):
    if tier not in tiers[ask.default_model]:
        raise NotObserved(f"the default model is not served in the tier {tier}")
    row = lists.row_of(accepted(ask.send("GET", f"/models?tier={tier}")), ask.default_model)
    price = contract.trait("catalogue.price")
    answer = accepted(ask.chat(key=tenant, max_tokens=16, volt_tier=tier))
    due = used(answer)
    rows = [row for row in settled(ask, tenant, due) if row["tier"] == tier and row["model"] == ask.default_model]
    cost = sum((Decimal(found["cost_usd"]) for found in rows), Decimal(0))
    listed = [Decimal(lists.at(row, price[name])) for name in ("prompt", "completion")]
    worth = (due["input_tokens"] * listed[0] + due["output_tokens"] * listed[1]) / MILLION
    assert abs(cost - worth) <= NANO, f"{dict(due)} in the tier {tier} cost {cost:f}, where its price makes {worth:f}"


@pytest.mark.requirement("VL-110")
@pytest.mark.cost(calls=2)
def test_tiers_have_prices_of_their_own(ask, tiers, contract):
    pointer = contract.trait("catalogue.price")["completion"]
    both = [model for model, has in tiers.items() if set(volt.TIERS) <= set(has)]
    if not both:
        raise NotObserved("no model is served in both tiers")
    found = [accepted(ask.send("GET", f"/models?tier={tier}")) for tier in volt.TIERS]
    prices = {model: tuple(lists.at(lists.row_of(x, model), pointer) for x in found) for model in both}
    dearer = [model for model, (standard, sovereign) in prices.items() if sovereign < standard]
    assert not dearer, f"the sovereign tier is cheaper than the standard one for {dearer}"
    assert any(standard != sovereign for standard, sovereign in prices.values()), f"all tiers cost the same: {prices}"


@pytest.mark.requirement("VL-120")
@pytest.mark.cost(calls=4, completion_tokens=8)
def test_another_tenants_requests_are_not_in_the_usage(ask, tenant):
    before = usage(ask, tenant)
    stranger = accepted(ask.chat(key="second_tenant", max_tokens=8))
    own = accepted(ask.chat(key=tenant, max_tokens=4))
    due = total(before) + used(own)
    after = total(settled(ask, tenant, due))
    foreign = dict(used(stranger))
    assert after == due, f"the usage is {dict(after)} and not {dict(due)}; another tenant had used {foreign}"


@pytest.mark.requirement("VL-135")
@pytest.mark.cost(calls=6, completion_tokens=16)
def test_usage_adds_up_at_every_step(ask, tenant):
    first, second = (accepted(ask.chat(key=tenant, max_tokens=8)) for _ in range(2))
    settled(ask, tenant, used(first, second))
    today = datetime.now(UTC).date()
    days = f"?from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"
    sums = {step: _sums(usage(ask, tenant, f"{days}&granularity={step}")) for step in ("hour", "day", "month")}
    assert sums["day"], "the usage of three days is empty, though there were requests"
    assert sums["hour"] == sums["day"], f"by hour it is {sums['hour']}, by day {sums['day']}"
    assert sums["month"] == sums["day"], f"by month it is {sums['month']}, by day {sums['day']}"


def _sums(series):
    found: dict[tuple[str, str, str], list[Decimal]] = {}
    for row in series:
        to = found.setdefault((row["model"], row["tier"], row["metro"]), [Decimal(0)] * 3)
        for n, name in enumerate((*TOKENS, "cost_usd")):
            to[n] += row[name]
    return found


@pytest.mark.requirement("VL-136")
@pytest.mark.cost(calls=len(WRONG))
def test_a_range_that_cannot_be_is_refused(ask, contract):
    due = contract.trait("errors.invalid_status")
    for query in WRONG:
        answer = ask.send("GET", f"/usage{query}")
        assert answer.status in due, f"/usage{query} was answered with {answer.status}"
