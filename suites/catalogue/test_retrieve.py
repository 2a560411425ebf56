"""Retrieving one model: the same as in the list, whichever way its id is spelled in the path."""

from __future__ import annotations

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.judge import catalogue as lists
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.denials import UNKNOWN_MODEL

IDENTITY = ("id", "object", "owned_by")  # what no server may tell differently; others mint parts of a row anew


@probe(calls=3)
def retrieved(ask: Ask) -> dict[str, Exchange]:
    """The default model, the first and one in the middle of the list, each by its raw id.

    Those near the end are spares: a laboratory in another process may have taken one away for a moment.
    """
    rows = ask.catalogue
    chosen = dict.fromkeys([ask.default_model, rows[0]["id"], rows[len(rows) // 2]["id"]])
    return {model: ask.model(model) for model in chosen}


@pytest.fixture
def slashed(ask):
    """The id of a listed model that holds a slash."""
    named = [str(row["id"]) for row in ask.catalogue if "/" in row["id"]]
    if not named:
        raise NotObserved("no id of the catalogue holds a slash")
    return ask.default_model if ask.default_model in named else named[0]


@pytest.mark.requirement("OC-132")
def test_retrieve_returns_the_listed_row(catalogue, retrieved):
    for model, answer in retrieved.items():
        assert answer.status == 200, f"{model} is listed, and retrieving it was answered with {answer.status}"
        listed = lists.row_of(catalogue, model) or {}
        missing = listed.keys() - answer.json.keys()
        assert not missing, f"retrieving {model} leaves out {sorted(missing)}, which the list gives"
        told = {name: (listed.get(name), answer.json.get(name)) for name in IDENTITY}
        assert all(one == other for one, other in told.values()), f"{model} in the list and retrieved: {told}"


@pytest.mark.requirement("OC-133")
@pytest.mark.cost(calls=1)
def test_an_unknown_id_is_404(ask):
    answer = ask.model(UNKNOWN_MODEL)
    assert answer.status == 404, f"retrieving a model that does not exist was answered with {answer.status}"


@pytest.mark.requirement("OC-137", "VT-035")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("encoded", [False, True])
def test_an_id_with_a_slash_can_be_retrieved(ask, slashed, encoded):
    answer = ask.model(slashed, encoded=encoded)
    way = "percent-encoded" if encoded else "raw"
    assert answer.status == 200, f"retrieving {slashed} with its slash {way} was answered with {answer.status}"
    assert answer.json["id"] == slashed, f"retrieving {slashed} with its slash {way} gave {answer.json['id']}"


@pytest.mark.requirement("VT-035")
def test_retrieve_returns_the_full_row(catalogue, retrieved):
    for model, answer in retrieved.items():
        row = lists.row_of(catalogue, model) or {}
        other = sorted(name for name in row if answer.json.get(name) != row[name])
        assert not other, f"retrieving {model} gives another value than the list for {other}"


@pytest.mark.requirement("VT-035")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_retrieve_needs_a_key(ask, slashed, key):
    answer = ask.model(slashed, key=key)
    assert answer.status == 401, f"retrieving a model with the key {key} was answered with {answer.status}"
