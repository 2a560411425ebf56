"""The model list: its shape, its rows, who may read it."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from harness.judge import catalogue as lists
from harness.judge.chat import is_integer
from harness.model import NotObserved

FRESH_S = 5  # a created that is so near to now may have been made up for this answer
A_SECOND = 1.05


@pytest.mark.requirement("OC-130")
def test_the_list_is_a_list_object(catalogue, holds):
    assert catalogue.status == 200, f"GET /models was answered with {catalogue.status}"
    holds(lists.list_is_a_list_object, catalogue)


@pytest.mark.requirement("OC-131")
def test_rows_are_complete(catalogue, holds):
    holds(lists.rows_are_complete, catalogue)


@pytest.mark.requirement("OC-134")
@pytest.mark.cost(calls=1)
def test_created_is_stable(ask, catalogue):
    first = {row.get("id"): row.get("created") for row in lists.rows(catalogue)}
    asked_at = datetime.fromisoformat(catalogue.started).timestamp()
    if any(is_integer(created) and abs(created - asked_at) < FRESH_S for created in first.values()):
        time.sleep(A_SECOND)
    second = {row.get("id"): row.get("created") for row in lists.rows(ask.models())}
    if not first.keys() & second.keys():
        raise NotObserved("no model was listed twice")
    changed = [model for model in first if model in second and first[model] != second[model]]
    assert not changed, f"created of {len(changed)} models differs between two listings, of {changed[0]} for one"


@pytest.mark.requirement("OC-135", "VT-034")
@pytest.mark.cost(calls=1)
def test_listing_needs_a_key(ask):
    answer = ask.models(key=None)
    assert answer.status == 401, f"GET /models without a key was answered with {answer.status}"


@pytest.mark.requirement("VT-034")
@pytest.mark.cost(calls=1)
def test_listing_needs_a_valid_key(ask):
    answer = ask.models(key="wrong")
    assert answer.status == 401, f"GET /models with a wrong key was answered with {answer.status}"


@pytest.mark.requirement("OC-136")
def test_the_default_model_is_listed_and_can_chat(ask, catalogue, plain):
    assert ask.default_model in lists.ids(catalogue), f"{ask.default_model} is not in the model list"
    assert plain.status == 200, f"{ask.default_model} answered a chat request with {plain.status}"
