"""Every operation of the OpenAPI document, with generated requests."""

from __future__ import annotations

import pytest


@pytest.mark.requirement("OC-170")
def test_valid_requests_are_answered_as_documented(nothing_found):
    nothing_found("OC-170")


@pytest.mark.requirement("OC-171")
def test_invalid_requests_are_refused(nothing_found):
    nothing_found("OC-171")


@pytest.mark.requirement("OC-172")
def test_no_request_makes_the_server_fail(nothing_found):
    nothing_found("OC-172")


@pytest.mark.requirement("FZ-001")
def test_every_judge_holds_of_every_answer(nothing_found):
    nothing_found("FZ-001")
