"""The volt block, in every kind of answer, its headers, and errors."""

from __future__ import annotations

import pytest

from harness.judge import volt
from harness.model import Tolerated
from suites.reading import accepted
from suites.spark.conftest import NOWHERE


@pytest.mark.requirement("VL-031")
def test_chat_says_where_it_was_served(plain, holds):
    holds(volt.answer_has_a_volt_block, accepted(plain))


@pytest.mark.requirement("VL-031")
def test_completions_and_embeddings_say_where_they_were_served(completed, embedded, holds):
    holds(volt.answer_has_a_volt_block, accepted(completed))
    holds(volt.answer_has_a_volt_block, accepted(embedded))


@pytest.mark.requirement("VL-031")
@pytest.mark.cost(calls=1)
def test_models_say_where_they_were_served(ask, catalogue, holds):
    holds(volt.answer_has_a_volt_block, accepted(catalogue))
    holds(volt.answer_has_a_volt_block, accepted(ask.model(ask.default_model)))


@pytest.mark.requirement("VL-031")
def test_jobs_say_where_they_were_served(job, job_read, holds):
    holds(volt.answer_has_a_volt_block, job)
    holds(volt.answer_has_a_volt_block, job_read)


@pytest.mark.requirement("VL-100")
def test_timing_is_told(plain, usage_stream, completed, holds):
    holds(volt.timing_is_told, plain, usage_stream, completed)


@pytest.mark.requirement("VL-101")
def test_streams_say_where_they_were_served(counted_stream, usage_stream, holds):
    holds(volt.stream_has_a_volt_block, accepted(counted_stream), accepted(usage_stream))
    if not volt.blocks(usage_stream):
        raise Tolerated("a stream says where it was served in a header alone, where SDKs do not look")


@pytest.mark.requirement("VL-102")
def test_headers_agree_with_the_block(plain, counted_stream, completed, embedded, catalogue, holds):
    answers = (plain, counted_stream, completed, embedded, catalogue)
    holds(volt.headers_agree_with_the_block, *answers)
    named = [answer.header(volt.REQUEST_HEADER) for answer in answers]
    assert len(set(named)) == len(named), f"two requests have one x-request-id: {sorted(map(str, named))}"


@pytest.mark.requirement("VL-103")
@pytest.mark.cost(calls=2)
def test_errors_name_request_and_pod(ask, denied, refusals, holds):
    pinned = ask.chat(volt_metro=NOWHERE), ask.chat(volt_tier="gold")
    holds(volt.error_names_request_and_pod, *denied, *refusals, *pinned)
