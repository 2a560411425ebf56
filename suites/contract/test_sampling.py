"""Parameters of sampling that only some contracts have, and seeds that draw lots."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from harness.asking.ask import Ask
from specs import Contract
from suites.contract.test_chat import assert_default
from suites.reading import accepted, said

pytestmark = pytest.mark.cost(calls=4, completion_tokens=96)
TALE = "Tell me something that nobody has ever thought of."


def assert_refused(ask: Ask, contract: Contract, **members: Any) -> None:
    answer, due = ask.chat(max_tokens=4, **members), contract.trait("errors.invalid_status")
    assert answer.status in due, f"a request with {members} was answered with {answer.status}"


@pytest.mark.requirement("VU-018")
def test_top_k_has_its_bounds(ask, contract):
    known = contract.trait("chat.extra.top_k")
    for bound in (known["minimum"], known["maximum"]):
        accepted(ask.chat(max_tokens=4, top_k=bound), f"a top_k of {bound}")
    for wrong in (known["minimum"] - 1, known["maximum"] + 1, "many", [40]):
        assert_refused(ask, contract, top_k=wrong)


@pytest.mark.requirement("VU-018")
def test_top_k_has_its_default(bare, contract):
    due, used = contract.trait("chat.extra.top_k.default"), bare.get("top_k")
    assert used is not None, f"without top_k the provider is asked with no top_k, not with {due}"
    assert Decimal(str(used)) == Decimal(str(due)), f"without top_k the provider is asked with {used}, not with {due}"


@pytest.mark.requirement("VU-150")
def test_a_fraction_is_a_top_k(ask):
    accepted(ask.chat(max_tokens=4, top_k=40.5), "a top_k of 40.5")


@pytest.mark.requirement("VU-016")
def test_temperature_defaults_to_what_is_documented(bare, contract):
    assert_default(bare, contract, "temperature")


@pytest.mark.requirement("VU-019")
def test_top_p_defaults_to_what_is_documented(bare, contract):
    assert_default(bare, contract, "top_p")


@pytest.mark.requirement("VU-016")
def test_temperature_has_its_bounds(ask, contract):
    for bound in (0, 2):
        accepted(ask.chat(max_tokens=4, temperature=bound), f"a temperature of {bound}")
    for wrong in (-0.1, 2.1, "hot"):
        assert_refused(ask, contract, temperature=wrong)


@pytest.mark.requirement("VU-019")
def test_top_p_has_its_bounds(ask, contract):
    for bound in (0, 1):
        accepted(ask.chat(max_tokens=4, top_p=bound), f"a top_p of {bound}")
    for wrong in (-0.1, 1.1, "much"):
        assert_refused(ask, contract, top_p=wrong)


@pytest.mark.requirement("VU-015")
def test_another_seed_gives_another_text(ask):
    texts = {said(ask.chat(TALE, seed=seed, temperature=1, max_tokens=24)) for seed in (1, 2, 3, 4)}
    assert len(texts) > 1, "four seeds gave one text"


@pytest.mark.requirement("VU-015")
def test_a_random_seed_draws_lots(ask, contract):
    seed = contract.trait("chat.random_seed")
    texts = {said(ask.chat(TALE, seed=seed, temperature=1, max_tokens=24)) for _ in range(4)}
    assert len(texts) > 1, f"four requests with a seed of {seed} gave one text"


@pytest.mark.requirement("VU-017")
def test_temperature_0_is_deterministic_whatever_the_seed(ask, contract):
    seeds = (contract.trait("chat.random_seed"), contract.trait("chat.random_seed"))
    texts = {said(ask.chat(TALE, seed=seed, temperature=0, max_tokens=24)) for seed in seeds}
    assert len(texts) == 1, "the same request at temperature 0 gave two texts"
