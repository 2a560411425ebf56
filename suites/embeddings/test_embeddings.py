"""Vectors: their form, what they mean, what is refused, what they cost."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT, Ask
from harness.asking.probe import probe
from harness.judge import vectors
from harness.wire.exchange import Exchange
from suites.denials import UNKNOWN_MODEL, invalid, needs_a_key, no_such_model
from suites.purse import open_account

SEA = "The waves of the sea roll onto the sandy beach."
WAVES = "The waves of the sea roll onto the beach of sand."
TAX = "Quarterly tax forms must be filed by certified accountants."
ODD = ("\U0001f9ea\U0001f468\u200d\U0001f469", "漢字かな交じり文", "e\u0301\u202etxet\u202c", "a\tb\nc")
WRONG = {"nothing": OMIT, "an empty text": "", "an empty array": [], "a number": 7, "an object": {"text": "x"}}


@probe(calls=3, prompt_tokens=60, kind="embedding")
def embedded(ask: Ask) -> tuple[Exchange, ...]:
    """Two texts that are near and one of another subject, each by itself."""
    return tuple(ask.embed(text) for text in (SEA, WAVES, TAX))


@probe(calls=1, prompt_tokens=60, kind="embedding")
def together(ask: Ask) -> Exchange:
    """The texts of `embedded` in one request."""
    return ask.embed([SEA, WAVES, TAX])


@probe(calls=1, prompt_tokens=20, kind="embedding")
def in_base64(ask: Ask) -> Exchange:
    return ask.embed(SEA, encoding_format="base64")


def one(answer: Exchange) -> list[float]:
    """The only vector of an answer."""
    found = [vector for vector in vectors.vectors(answer) if vector]
    assert len(found) == 1, f"an embedding of one text was answered with {answer.status} and {len(found)} vectors"
    return found[0]


@pytest.mark.requirement("EM-001")
def test_the_answer_is_a_list(embedded, together, in_base64, holds):
    holds(vectors.list_has_its_members, *embedded, together, in_base64)


@pytest.mark.requirement("EM-002")
def test_each_row_is_an_embedding(embedded, together, in_base64, holds):
    holds(vectors.rows_are_embeddings, *embedded, together, in_base64)


@pytest.mark.requirement("EM-003")
def test_there_is_a_row_for_each_text(embedded, together, holds):
    holds(vectors.rows_are_numbered, *embedded, together)


@pytest.mark.requirement("EM-003")
def test_together_is_as_alone(embedded, together):
    for n, (alone, beside) in enumerate(zip(embedded, vectors.vectors(together), strict=True)):
        near = vectors.cosine(one(alone), beside)
        assert near > 0.99, f"row {n} of three is not the vector of its text: similarity {near:.3f}"


@pytest.mark.requirement("EM-004")
def test_vectors_have_the_dimension(embedded, together, in_base64, holds):
    holds(vectors.vectors_have_the_dimension, *embedded, together, in_base64)


@pytest.mark.requirement("EM-005")
def test_vectors_have_length_one(embedded, together, holds):
    holds(vectors.vectors_have_length_one, *embedded, together)


@pytest.mark.requirement("EM-006")
@pytest.mark.cost(calls=1, prompt_tokens=20, kind="embedding")
def test_a_text_keeps_its_vector(ask, embedded):
    again = vectors.cosine(one(embedded[0]), one(ask.embed(SEA)))
    assert again >= 0.999, f"the same text embedded twice has a similarity of {again:.4f}"


@pytest.mark.requirement("EM-007")
def test_near_texts_are_nearer(embedded):
    sea, waves, tax = map(one, embedded)
    near, far = vectors.cosine(sea, waves), max(vectors.cosine(sea, tax), vectors.cosine(waves, tax))
    assert near > far, f"two sentences about the sea have {near:.3f}, one of them and one about taxes {far:.3f}"


@pytest.mark.requirement("EM-008")
def test_base64_holds_the_same_numbers(embedded, in_base64):
    same = vectors.cosine(one(embedded[0]), one(in_base64))
    assert same >= 0.9999, f"the vector in base64 and the one in numbers have a similarity of {same:.4f}"


@pytest.mark.requirement("EM-009")
def test_usage_counts_the_input(embedded, together, holds):
    holds(vectors.usage_counts_the_input, *embedded, together)


@pytest.mark.requirement("EM-009")
@pytest.mark.cost(calls=1, prompt_tokens=200, kind="embedding")
def test_more_text_counts_more(ask, embedded):
    short, long = (answer.json["usage"]["prompt_tokens"] for answer in (embedded[0], ask.embed(f"{SEA} " * 10)))
    assert long > short, f"ten sentences count {long} tokens and one {short}"


@pytest.mark.requirement("EM-010")
@pytest.mark.cost(calls=1, prompt_tokens=20, kind="embedding")
@pytest.mark.parametrize("text", ODD, ids=["emoji", "cjk", "marks", "controls"])
def test_any_text_is_embedded(ask, text):
    answer = ask.embed(text)
    assert answer.status == 200, f"an odd text was answered with {answer.status}"
    assert one(answer)


@pytest.mark.requirement("EM-020")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("wrong", WRONG)
def test_an_invalid_input_is_refused(ask, contract, wrong):
    invalid(ask.embed(WRONG[wrong]), contract, f"{wrong} as input")


@pytest.mark.requirement("EM-021")
@pytest.mark.cost(calls=1)
def test_an_unknown_model_is_refused(ask, contract):
    no_such_model(ask.embed(SEA, model=UNKNOWN_MODEL), contract, "an embedding")


@pytest.mark.requirement("EM-022")
@pytest.mark.cost(calls=1)
def test_a_chat_model_is_refused(ask):
    answer = ask.embed(SEA, model=ask.default_model)
    assert 400 <= answer.status < 500, f"an embedding by a chat model was answered with {answer.status}"


@pytest.mark.requirement("EM-023")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_embeddings_need_a_key(ask, key):
    needs_a_key(ask.embed(SEA, key=key), key)


@pytest.mark.requirement("EM-024")
@pytest.mark.cost(calls=1)
def test_an_unknown_encoding_is_refused(ask, contract):
    invalid(ask.embed(SEA, encoding_format="base32"), contract, "encoding_format base32")


@pytest.mark.requirement("EM-030")
@pytest.mark.cost(calls=3, prompt_tokens=40, kind="embedding")
def test_embeddings_cost_their_tokens(ask):
    purse = open_account(ask)
    before, answer = purse.read(), ask.embed(f"{SEA} " * 20, key=purse.key)
    tokens, left = answer.json["usage"]["prompt_tokens"], purse.read()
    price = ask.price(ask.model_for("embedding"))
    assert price is not None, "the catalogue lists no price of the embedding model"
    due = price[0] * tokens / 1_000_000
    assert before - left == due, f"{tokens} tokens cost {before - left:f} USD instead of {due:f}"
    refused = ask.embed(7, key=purse.key)
    assert refused.status >= 400, f"a number as input was answered with {refused.status}"
    assert purse.read() == left, "a refused embedding was charged"
