"""Text completions: the object, the stream, what is refused, what they cost."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.probe import probe
from harness.judge import texts
from harness.wire.exchange import Exchange
from suites.denials import UNKNOWN_MODEL, invalid, needs_a_key, no_such_model
from suites.purse import open_account

COUNT = "Count from 1 to 20, separated by spaces."
WRONG = {"nothing": OMIT, "a number": 7, "an object": {"text": "x"}}


@probe(calls=1, prompt_tokens=20, completion_tokens=64)
def completed(ask: Ask) -> Exchange:
    return ask.complete(COUNT, max_tokens=64, temperature=0)


@probe(calls=1, prompt_tokens=20, completion_tokens=64)
def completed_stream(ask: Ask) -> Exchange:
    """The request of `completed`, streamed."""
    return ask.complete(COUNT, max_tokens=64, temperature=0, stream=True)


@probe(calls=1, prompt_tokens=20, completion_tokens=4)
def cut_short(ask: Ask) -> Exchange:
    return ask.complete(COUNT, max_tokens=4, temperature=0)


@pytest.mark.requirement("TC-001")
def test_the_answer_is_a_text_completion(completed, cut_short, holds):
    holds(texts.answer_is_a_text_completion, completed, cut_short)


@pytest.mark.requirement("TC-002")
def test_each_choice_has_its_text(completed, cut_short, holds):
    holds(texts.choices_have_text, completed, cut_short)


@pytest.mark.requirement("TC-003")
def test_usage_adds_up(completed, cut_short, holds):
    holds(texts.usage_adds_up, completed, cut_short)


@pytest.mark.requirement("TC-004")
def test_max_tokens_bounds_the_output(completed, cut_short, holds):
    holds(texts.output_is_bounded, completed, cut_short)
    finish = cut_short.json["choices"][0]["finish_reason"]
    assert finish == "length", f"an answer that was cut ends with {finish!r}"


@pytest.mark.requirement("TC-005")
def test_streams_are_of_text(completed_stream, holds):
    assert completed_stream.is_stream, "a streamed text completion was not answered with an event stream"
    holds(texts.stream_is_of_text, completed_stream)


@pytest.mark.requirement("TC-006")
def test_streamed_and_whole_agree(completed, completed_stream):
    whole, streamed = texts.text(completed), texts.text(completed_stream)
    assert whole == streamed, f"{whole[:80]!r} in one piece, {streamed[:80]!r} streamed"


@pytest.mark.requirement("TC-007")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=64)
def test_stop_ends_the_text(ask, completed):
    words = texts.text(completed).split()
    assert len(words) > 6, "a text completion of a count has fewer than seven words"
    stopped = texts.text(ask.complete(COUNT, max_tokens=64, temperature=0, stop=f" {words[5]}"))
    assert f" {words[5]}" not in stopped, f"the text goes on beyond its stop sequence: {stopped[:80]!r}"


@pytest.mark.requirement("TC-010")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_prompt_is_required(ask, contract, wrong):
    invalid(ask.complete(WRONG[wrong]), contract, f"{wrong} as prompt")


@pytest.mark.requirement("TC-011")
@pytest.mark.cost(calls=1)
def test_an_unknown_model_is_refused(ask, contract):
    no_such_model(ask.complete(model=UNKNOWN_MODEL), contract, "a completion")


@pytest.mark.requirement("TC-012")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_completions_need_a_key(ask, key):
    needs_a_key(ask.complete(key=key), key)


@pytest.mark.requirement("TC-013")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("wrong", [-1, "many"])
def test_max_tokens_is_bounded(ask, contract, wrong):
    invalid(ask.complete(max_tokens=wrong), contract, f"max_tokens {wrong!r}")


@pytest.mark.requirement("TC-030")
@pytest.mark.cost(calls=3, prompt_tokens=40, completion_tokens=64)
def test_completions_cost_their_tokens(ask):
    purse = open_account(ask)
    before, answer = purse.read(), ask.complete(COUNT, max_tokens=64, key=purse.key)
    usage, left = answer.json["usage"], purse.read()
    price = ask.price(ask.model_for("completion"))
    assert price is not None, "the catalogue lists no price of the model"
    due = (price[0] * usage["prompt_tokens"] + price[1] * usage["completion_tokens"]) / 1_000_000
    assert before - left == due, f"a text completion cost {before - left:f} USD instead of {due:f}"
    refused = ask.complete(7, key=purse.key)
    assert refused.status >= 400, f"a number as prompt was answered with {refused.status}"
    assert purse.read() == left, "a refused text completion was charged"
