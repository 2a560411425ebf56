"""What a call costs: the listed price times the reported tokens, debited at once, to the account of the key."""

from __future__ import annotations

import pytest

from harness.judge.billing import NANO
from suites.purse import main_purse, open_account

LOW = "0.000000001"  # USD: less than any request costs


@pytest.mark.requirement("VT-091", "VC-120", "VC-121")
def test_an_answer_costs_what_is_listed(billed_plain):
    assert billed_plain.is_right, f"an answer was {billed_plain}"


@pytest.mark.requirement("VT-091", "VC-120", "VC-121")
def test_a_stream_costs_what_is_listed(billed_stream):
    assert billed_stream.is_right, f"a stream was {billed_stream}"


@pytest.mark.requirement("VT-091", "VC-121")
def test_a_tiny_call_is_not_rounded(billed_token):
    assert billed_token.is_right, f"a call of few tokens was {billed_token}"


@pytest.mark.requirement("VT-091", "VC-121")
def test_every_choice_is_in_the_bill(billed_choices):
    assert billed_choices.is_right, f"an answer with several choices was {billed_choices}"


@pytest.mark.requirement("VT-091", "VC-121")
def test_each_model_has_its_own_price(billed_dear):
    assert billed_dear.is_right, f"a call of the dearest model was {billed_dear}"


@pytest.mark.requirement("VT-100", "VC-122")
def test_the_balance_falls_at_once(billed_plain, billed_stream):
    fallen = [bill.charged for bill in (billed_plain, billed_stream)]
    assert min(fallen) > 0, f"the balance fell by {[f'{usd:f}' for usd in fallen]} USD after a call and after a stream"


@pytest.mark.requirement("VT-100", "VC-122")
@pytest.mark.cost(calls=10, prompt_tokens=20, completion_tokens=16)  # the balance is read until it rests
def test_the_shown_balance_falls_by_the_cost(ask):
    bill = main_purse(ask).spend()
    enough = bill.charged >= bill.due - NANO  # more, if other calls of the run were charged meanwhile
    assert enough, f"the balance endpoint fell by {bill.charged:f} USD after a call of {bill.due:f} USD"


@pytest.mark.requirement("VT-042")
@pytest.mark.cost(calls=3, prompt_tokens=60, completion_tokens=48)
def test_every_key_bills_its_account(ask):
    stranger, owner = open_account(ask), open_account(ask)
    second = ask.control.issue_key(account=owner.account)
    bills, left = [stranger.spend()], stranger.read()
    bills += [owner.spend(), owner.spend(key=second)]
    told = "; ".join(str(bill) for bill in bills)
    assert all(bill.is_right for bill in bills), f"calls with a key of one account and two of another: {told}"
    assert stranger.read() == left, "an account paid for calls that were made with the keys of another one"


@pytest.mark.requirement("VT-042")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=16)
def test_no_other_account_is_billed(ask):
    spender, bystander = open_account(ask), open_account(ask)
    before = bystander.read()
    spender.spend()
    assert bystander.read() == before, "an account paid for a call that was made with a key of another one"


@pytest.mark.requirement("VT-101")
@pytest.mark.cost(calls=3)
def test_no_money_no_upstream_call(ask):
    empty, poor = open_account(ask, "0"), open_account(ask, LOW)
    answers = [ask.chat(key=empty.key), ask.chat(key=empty.key, stream=True), ask.chat(key=poor.key)]
    statuses = [answer.status for answer in answers]
    sent = [*empty.upstream_calls(), *poor.upstream_calls()]
    assert statuses == [402] * 3, f"accounts without enough money were answered with {statuses}"
    assert not sent, f"three requests that nobody could pay caused {len(sent)} calls upstream"
