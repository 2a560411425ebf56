"""Search: the nearest first, and what it takes."""

from __future__ import annotations

import pytest

from harness.judge import vectors
from suites.denials import invalid
from suites.vector_store.shelf import embedded_tokens

pytestmark = pytest.mark.cost(calls=10)
TEXTS = (
    "Quarterly tax forms must be filed by certified accountants.",
    "The waves of the sea roll onto the sandy beach.",
    "A baker kneads the dough for the bread before sunrise.",
    "The goalkeeper saved the penalty in the last minute of the match.",
    "Copper wires carry the current from the power plant to the village.",
    "The violin concerto ends with a long and quiet note.",
)
QUERIES = {
    "Waves roll onto the beach of the sea.": TEXTS[1],
    "The baker kneads dough for bread at sunrise.": TEXTS[2],
    "Who saved the penalty in the match?": TEXTS[3],
    "Which tax forms do accountants file?": TEXTS[0],
}
WRONG = {"none": {}, "an empty one": {"input": ""}, "a number": {"input": 7}, "an array": {"input": ["a"]}}
SAME = 0.002  # of similarity: nearer than that, two texts may come in either order


@pytest.fixture
def library(shelf):
    """A collection of texts about many things."""
    return shelf.collection(*TEXTS)


@pytest.mark.requirement("VU-090")
def test_the_nearest_text_comes_first(shelf, library):
    for query, due in QUERIES.items():
        found = shelf.found(library, query)
        assert found, f"{query!r} finds nothing among {len(TEXTS)} texts"
        assert found[0] == due, f"{query!r} finds {found[0]!r} before {due!r}"


@pytest.mark.requirement("VU-090")
def test_results_are_items_each_once(shelf, library):
    rows = shelf.search(library, "bread").json["results"]
    known = {row["id"]: row["content"] for row in shelf.items(library)}
    told = {row["id"]: row["content"] for row in rows}
    assert len(told) == len(rows), "an item is among the results more than once"
    assert told.items() <= known.items(), "a result is no item of the collection"


@pytest.mark.requirement("VU-091")
@pytest.mark.parametrize("wrong", WRONG)
def test_a_search_needs_input(shelf, contract, wrong):
    invalid(
        shelf.send("POST", f"/{shelf.collection('Bread.')}/search", WRONG[wrong]),
        contract,
        f"a search whose input is {wrong}",
    )


@pytest.mark.requirement("VU-092")
def test_a_search_tells_results_and_usage(shelf, library):
    answer = shelf.search(library, "bread")
    assert answer.status == 200, f"a search was answered with {answer.status}"
    assert isinstance(answer.json["results"], list), "results is not an array"
    short, long = (embedded_tokens(shelf.search(library, text).json["usage"]) for text in ("bread", "bread " * 30))
    assert 0 < short < long, f"a search for one word takes {short} tokens, one for thirty {long}"


@pytest.mark.requirement("VU-159")
def test_results_come_in_the_order_of_the_cosine(ask, shelf, library):
    query = "The sea rolls onto the beach before sunrise."
    found = shelf.found(library, query)
    inputs = [query, *found]
    given = vectors.vectors(ask.embed(inputs))
    near = [vectors.cosine(given[0], each) for each in given[1:]]
    assert len(near) > 2, f"a search among {len(TEXTS)} texts found {len(near)}"
    fallen = [n for n in range(len(near) - 1) if near[n] < near[n + 1] - SAME]
    assert not fallen, (
        f"result {fallen[0] + 1} is at {near[fallen[0]]:.4f}, the next, nearer one at {near[fallen[0] + 1]:.4f}"
    )
