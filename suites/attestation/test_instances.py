"""The machines that may answer: the list holds the one that did, each once, and each bound to our nonce."""

from __future__ import annotations

import pytest

from harness.judge.chat import listed, member
from harness.judge.evidence import asked_model
from harness.model import NotObserved
from suites.attestation.appraisal import said

ALIKE = ("mr_td", "mr_config_id", "rt_mr0", "rt_mr1", "rt_mr2")  # RTMR3 also measures which instance it is


@pytest.fixture(scope="session")
def instances(evidence):
    """Entries of the list of instances. Raises NotObserved when the document has none."""
    found = member(evidence[0].json, "all_attestations")
    if found is None:
        raise NotObserved("the evidence lists no instances")
    return listed(found)


@pytest.mark.requirement("AT-040")
def test_list_holds_the_instance_that_answers(evidence, instances):
    shown = member(evidence[0].json, "intel_quote")
    quotes = [member(entry, "intel_quote") for entry in instances]
    assert shown in quotes, f"the quote that is shown first is none of the {len(quotes)} in the list of instances"


@pytest.mark.requirement("AT-041")
def test_no_instance_is_listed_twice(instances):
    for name, values in (
        ("quote", [member(entry, "intel_quote") for entry in instances]),
        ("instance id", [member(member(entry, "info"), "instance_id") for entry in instances]),
    ):
        known = [str(value) for value in values if value is not None]
        assert len(set(known)) == len(known), f"{len(known) - len(set(known))} entries repeat the {name} of another"


@pytest.mark.requirement("AT-042")
def test_every_instance_is_bound_to_our_nonce(evidence, instances, appraisal):
    one = appraisal(evidence[0])
    if one.unread is not None:
        raise NotObserved(f"the evidence cannot be read: {one.unread.code}")
    assert not one.problems, f"of {len(instances)} listed instances not all verify for our nonce: {said(one.problems)}"


@pytest.mark.requirement("AT-043")
def test_instances_of_one_model_measure_alike(evidence, others, appraisal):
    several = [answer for answer in (evidence[0], *others) if len(appraisal(answer).machines) > 1]
    if not several:
        raise NotObserved("none of the models asked about lists more than one instance")
    for answer in several:
        first, *rest = (report.quote.measurements for report in appraisal(answer).reports)
        moved = sorted({name for other in rest for name in ALIKE if other.get(name) != first.get(name)})
        assert not moved, f"the {1 + len(rest)} instances of {asked_model(answer)} differ in {', '.join(moved)}"
