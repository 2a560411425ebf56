"""Many streams at once: whose answer is whose, whether all are answered, whether each keeps the rules."""

from __future__ import annotations

import pytest

from harness.model import Nonconformity
from suites.load import crowd


@pytest.mark.requirement("OC-160")
def test_concurrent_answers_are_not_mixed(loaded):
    if findings := crowd.mixed(loaded):
        raise Nonconformity(findings)


@pytest.mark.requirement("OC-161")
def test_concurrent_requests_are_answered(loaded, contract):
    if findings := crowd.unanswered(loaded, contract):
        raise Nonconformity(findings)


@pytest.mark.requirement("OC-162")
def test_answers_under_load_keep_the_rules(loaded, contract):
    if findings := crowd.broken(loaded, contract):
        raise Nonconformity(findings)
