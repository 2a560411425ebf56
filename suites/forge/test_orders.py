"""Orders that cannot be, and names that are more than names."""

from __future__ import annotations

import pytest

from harness.asking.ask import OMIT
from suites.orders import refused

WRONG = {
    "no GPU": {"count": 0},
    "less than none": {"count": -8},
    "very many": {"count": 10**18},
    "a fraction": {"count": 1.5},
    "a number as text": {"count": "8"},
    "true": {"count": True},
    "no count": {"count": OMIT},
    "another term": {"term": "6_month"},
    "no term": {"term": OMIT},
    "another metro": {"metro": "atlantis"},
    "no metro": {"metro": OMIT},
    "a metro that is a list": {"metro": ["fra"]},
    "another GPU": {"gpu_type": "h100-that-nobody-has"},
    "no GPU type": {"gpu_type": OMIT},
    "a flag as text": {"attestation_required": "yes"},
}
NO_LABELS = {
    "capitals": "Team-A",
    "a dot": "team.a",
    "64 characters": "a" * 64,
    "nothing": "",
    "a hyphen first": "-team",
    "a hyphen last": "team-",
    "a header": "team\r\nX-Assay: 1",
    "a line end": "team\n",
    "a zero byte": "team\x00",
    "a path": "../kube-system",
    "letters that fold to ASCII": "teaſm",
    "SQL": "a';drop--",
    "YAML": "team: &a [*a]",
    "a number": 7,
}


@pytest.mark.requirement("VL-152")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_an_order_that_cannot_be_is_refused(ask, leasing, wrong):
    answer = leasing.order(**wrong)
    assert refused(ask, answer), f"an order with {wrong} was answered with {answer.status}"


@pytest.mark.requirement("VL-152")
@pytest.mark.cost(calls=1)
def test_more_than_a_lease_may_have_is_refused(ask, leasing, contract):
    count = contract.trait("forge.most") + 1
    answer = leasing.order(count=count)
    assert refused(ask, answer), f"an order of {count} GPUs was answered with {answer.status}"


@pytest.mark.requirement("VL-157")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("name", NO_LABELS.values(), ids=NO_LABELS)
def test_what_is_no_label_is_no_namespace(ask, leasing, name):
    answer = leasing.order(namespace_name=name)
    assert refused(ask, answer), f"a namespace {name!r} was answered with {answer.status}"
    assert answer.header("x-assay") is None, "what was sent as a namespace became a header of the answer"


@pytest.mark.requirement("VL-157")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("name", ["a", "team-a-7", "0" * 63])
def test_a_label_is_the_namespace(leasing, name):
    namespace = leasing.lease(namespace_name=name)["namespace"]
    assert namespace == name, f"the namespace {name} became {namespace!r}"
