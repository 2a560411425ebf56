"""The operations of Spark beside chat, and the filters of the model list."""

from __future__ import annotations

import pytest

from harness.judge import catalogue as lists
from harness.judge.calls import code_of
from harness.model import Tolerated
from suites.denials import UNKNOWN_MODEL, invalid
from suites.reading import accepted


@pytest.mark.requirement("VL-035")
@pytest.mark.cost(calls=2)
@pytest.mark.parametrize("tier", ["standard", "sovereign"])
def test_the_list_is_filtered_by_tier(ask, tiers, tier):
    found = lists.ids(accepted(ask.send("GET", f"/models?tier={tier}")))
    due = [model for model, has in tiers.items() if tier in has]
    assert sorted(found) == sorted(due), f"tier={tier} lists {sorted(found)}, where {sorted(due)} say that they have it"


@pytest.mark.requirement("VL-035")
@pytest.mark.cost(calls=2)
@pytest.mark.parametrize("name", ["standard", "extended"])
def test_the_list_is_filtered_by_catalogue(ask, catalogue, name):
    found = lists.ids(accepted(ask.send("GET", f"/models?catalog={name}")))
    due = [row["id"] for row in lists.rows(accepted(catalogue)) if row.get("catalog") == name]
    assert sorted(found) == sorted(due), (
        f"catalog={name} lists {sorted(found)}, where {sorted(due)} are said to be in it"
    )


@pytest.mark.requirement("VL-035")
@pytest.mark.cost(calls=1)
def test_every_row_tells_its_tiers(catalogue, ask, contract):
    bare = [row["id"] for row in lists.rows(accepted(catalogue)) if not row.get("tiers")]
    assert not bare, f"these rows tell no tier: {bare}"
    invalid(ask.send("GET", "/models?tier=gold"), contract, "tier=gold")


@pytest.mark.requirement("VL-036")
@pytest.mark.cost(calls=1)
def test_one_model_can_be_read(ask, catalogue):
    answer = accepted(ask.model(ask.default_model), "reading a listed model")
    row = lists.row_of(catalogue, ask.default_model) or {}
    other = sorted(name for name in row if answer.json.get(name) != row[name])
    assert not other, f"reading {ask.default_model} gives another value than the list for {other}"


@pytest.mark.requirement("VL-036")
@pytest.mark.cost(calls=1)
def test_a_model_outside_the_catalogue_is_not_found(ask, contract):
    answer = ask.model(UNKNOWN_MODEL)
    assert answer.status == 404, f"a model outside the catalogue was answered with {answer.status}"
    if (code := code_of(answer, contract)) != "not_found":
        raise Tolerated(f"a model outside the catalogue has the code {code}, where not_found is published")
