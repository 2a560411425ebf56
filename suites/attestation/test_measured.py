"""What was measured: the log, the application, and what the document says about either, from call to call."""

from __future__ import annotations

import pytest

from harness.judge.chat import member
from harness.judge.evidence import asked_model
from harness.model import NotObserved
from suites.attestation.appraisal import hold

STABLE = ("mr_td", "mr_config_id", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")


def instance(answer):
    """Which instance answered, as the document names it."""
    return member(member(answer.json, "info"), "instance_id")


def same_instance(evidence, measured):
    """Measurements of both answers. Raises NotObserved when two instances gave them."""
    first, second = evidence
    values = measured(first), measured(second)
    if instance(first) != instance(second):
        raise NotObserved("two calls reached two instances")
    return values


@pytest.mark.requirement("AT-030")
def test_event_log_is_what_was_measured(evidence, others, appraisal):
    hold("AT-030", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-031")
def test_application_shown_is_the_one_measured(evidence, others, appraisal):
    if not any(machine.compose for answer in evidence for machine in appraisal(answer).machines):
        raise NotObserved("the evidence shows no application")
    hold("AT-031", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-032")
def test_document_does_not_contradict_the_quote(evidence, others, appraisal):
    hold("AT-032", map(appraisal, (*evidence, *others)))


@pytest.mark.requirement("AT-033")
def test_measurements_stay_the_same(evidence, measured):
    first, second = same_instance(evidence, measured)
    moved = [name for name in STABLE if first[name] != second[name]]
    assert not moved, f"two quotes of one instance differ in {', '.join(moved)}"


@pytest.mark.requirement("AT-034")
def test_signing_key_stays_the_same(evidence, measured):
    same_instance(evidence, measured)
    first, second = (member(answer.json, "signing_address") for answer in evidence)
    assert first == second, f"two quotes of one instance bind two keys: {str(first)[:80]} and {str(second)[:80]}"


@pytest.mark.requirement("AT-035")
def test_application_names_its_model(ask, evidence, others, appraisal):
    shown = [machine.compose for answer in (*evidence, *others) for machine in appraisal(answer).machines[:1]]
    models = [asked_model(answer) for answer in (*evidence, *others) if appraisal(answer).machines]
    if not any(shown):
        raise NotObserved("the evidence shows no application")
    silent = [model for model, compose in zip(models, shown, strict=True) if model not in (compose or "")]
    assert not silent, f"the application in the evidence of {silent} does not name the model"
