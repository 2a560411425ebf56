"""Chat that reads in a collection: the answer tells what stands in it and nowhere else."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT
from harness.judge import chat, framing
from harness.model import NotObserved
from suites.denials import UNKNOWN_MODEL
from suites.reading import accepted, said, tokens

pytestmark = pytest.mark.cost(calls=8, prompt_tokens=400, completion_tokens=160)
FACT = "The keeper of the lamp in Vik is called Brunhilde Quarrelsworth."
OTHER = "Bread is baked at four in the morning."
QUESTION = "What is the keeper of the lamp in Vik called?"
COUNTING = "Count from 1 to 3000, separated by spaces."


@pytest.fixture
def library(shelf):
    return shelf.collection(OTHER, FACT)


@pytest.fixture
def rag(ask, library):
    """Asks over the library; members given as OMIT are left out."""

    def send(question=QUESTION, **members):
        body = {
            "model": ask.default_model,
            "collection": library,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": 64,
            **members,
        }
        given = {name: value for name, value in body.items() if value is not OMIT}
        return ask.send("POST", "/chat/completions/RAG", json=given)

    return send


def refused(answer, contract, what):
    due = contract.trait("errors.invalid_status")
    assert answer.status in due, f"a RAG request with {what} was answered with {answer.status}"


@pytest.mark.requirement("VU-030")
def test_the_answer_tells_what_stands_in_the_collection(rag):
    text = said(rag())
    assert "Quarrelsworth" in text, f"the answer does not tell what the collection says: {text[:160]!r}"


@pytest.mark.requirement("VU-030")
def test_the_answer_tells_what_stands_in_a_file(ask, shelf, rag):
    made = shelf.collection(OTHER)
    shelf.processed(made, shelf.uploaded(made, "keepers.txt", FACT.encode()))
    text = said(rag(collection=made))
    assert "Quarrelsworth" in text, f"the answer does not tell what the file says: {text[:160]!r}"


@pytest.mark.requirement("VU-031")
def test_a_collection_is_required(rag, contract):
    refused(rag(collection=OMIT), contract, "no collection")
    refused(rag(collection=7), contract, "a number as collection")


@pytest.mark.requirement("VU-031")
def test_an_unknown_collection_is_refused(rag):
    answer = rag(collection="assay-no-such-collection-7f3a")
    assert answer.status in {400, 404, 422}, f"an unknown collection was answered with {answer.status}"


@pytest.mark.requirement("VU-032")
def test_a_model_is_required(rag, contract):
    refused(rag(model=OMIT), contract, "no model")
    answer, due = rag(model=UNKNOWN_MODEL), contract.trait("errors.unknown_model_status")
    assert answer.status in due, f"a RAG request for an unknown model was answered with {answer.status}"


@pytest.mark.requirement("VU-033")
def test_messages_are_required(rag, contract):
    refused(rag(messages=OMIT), contract, "no messages")
    refused(rag(messages=[]), contract, "empty messages")


@pytest.mark.requirement("VU-034")
def test_the_answer_is_bounded(rag, contract):
    cut = accepted(rag(COUNTING, max_tokens=8))
    assert tokens(cut) <= 8, f"an answer of at most 8 tokens has {tokens(cut)}"
    due, unbounded = contract.trait("chat.default_max_tokens"), rag(COUNTING, max_tokens=OMIT, temperature=0)
    count, reason = tokens(unbounded), chat.finish_reason(unbounded)
    if reason == "stop" and count < due:
        raise NotObserved(f"the model ended its answer by itself after {count} tokens")
    assert (count, reason) == (due, "length"), f"an unbounded answer has {count} tokens and ends with {reason!r}"


@pytest.mark.requirement("VU-034")
def test_the_search_is_not_counted(ask, shelf, rag):
    question = "Count from 1 to 5. " + "The lamp is lit and the harbour opens. " * 20
    messages = [{"role": "user", "content": question}]
    over_nothing = rag(question, collection=shelf.collection(), max_tokens=32, temperature=0)
    plain = ask.chat(messages=messages, max_tokens=32, temperature=0)
    with_rag, without = (tokens(answer, "prompt_tokens") for answer in (over_nothing, plain))
    assert with_rag <= without + without // 2, f"the same prompt counts {without} tokens, over a collection {with_rag}"
    total = tokens(over_nothing, "total_tokens")
    assert total == with_rag + tokens(over_nothing), f"the total {total} counts more than prompt and answer"


@pytest.mark.requirement("VU-035")
def test_a_seed_repeats_the_text(rag):
    first, second = (said(rag("Write one sentence.", seed=7, temperature=1)) for _ in range(2))
    assert first == second, "the same seed gave two texts over a collection"
    accepted(rag(seed=-1), "a RAG request with a random seed")


@pytest.mark.requirement("VU-036")
def test_temperature_is_bounded(rag, contract):
    accepted(rag(temperature=2), "a temperature of 2")
    refused(rag(temperature=2.1), contract, "a temperature of 2.1")
    refused(rag(temperature=-0.1), contract, "a temperature of -0.1")


@pytest.mark.requirement("VU-037")
def test_top_k_is_bounded(rag, contract):
    accepted(rag(top_k=100), "a top_k of 100")
    refused(rag(top_k=101), contract, "a top_k of 101")
    refused(rag(top_k=-1), contract, "a top_k of -1")


@pytest.mark.requirement("VU-038")
def test_top_p_is_bounded(rag, contract):
    accepted(rag(top_p=1), "a top_p of 1")
    refused(rag(top_p=1.1), contract, "a top_p of 1.1")
    refused(rag(top_p=-0.1), contract, "a top_p of -0.1")


@pytest.mark.requirement("VU-039")
def test_a_stream_is_a_stream(rag, holds):
    streamed = rag(stream=True)
    assert streamed.is_stream, f"a RAG stream came as {streamed.header('content-type')}"
    holds(framing.done_is_last_and_once, streamed)
    text = said(streamed)
    assert "Quarrelsworth" in text, f"the stream does not tell what the collection says: {text[:160]!r}"


@pytest.mark.requirement("VU-040")
def test_a_completion_has_five_members(rag):
    answer = accepted(rag()).json
    missing = {"id", "created", "model", "choices", "usage"} - answer.keys()
    assert not missing, f"the answer over a collection lacks {sorted(missing)}"
    assert answer["choices"][0]["message"]["content"], "the answer over a collection has no text"


@pytest.mark.requirement("VU-173")
def test_an_answer_is_kept(ask, rag):
    answer = accepted(rag())
    kept = ask.send("GET", f"/chat/completions/{answer.json['id']}")
    assert kept.status == 200, f"reading an answer over a collection again was answered with {kept.status}"
    assert chat.content(kept) == chat.content(answer), "an answer over a collection is kept with another text"
