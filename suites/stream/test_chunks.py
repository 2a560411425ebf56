"""The chunks of a stream: members that stay the same, deltas, finish reasons, choices, stops, logprobs."""

from __future__ import annotations

import pytest

from harness.judge import chunks
from harness.judge.chat import chunks as chunks_of
from harness.judge.chat import content, finish_reasons, stream_errors
from harness.model import NotObserved


@pytest.mark.requirement("OC-083", "VT-063")
def test_one_id_in_all_chunks(streams, tool_stream, holds):
    holds(chunks.one_id_in_all_chunks, *streams, tool_stream)


@pytest.mark.requirement("OC-084")
def test_object_is_chunk(streams, tool_stream, holds):
    holds(chunks.object_is_chunk, *streams, tool_stream)


@pytest.mark.requirement("OC-085")
def test_one_created_in_all_chunks(streams, tool_stream, holds):
    holds(chunks.one_created_in_all_chunks, *streams, tool_stream)


@pytest.mark.requirement("OC-086")
def test_stream_names_the_same_model(counted, streams, holds):
    holds(chunks.one_model_in_all_chunks, *streams)
    named, streamed = counted.json["model"], chunks_of(streams[0])[0]["model"]
    assert streamed == named, f"a stream names the model {streamed!r}, the whole answer {named!r}"


@pytest.mark.requirement("OC-087")
def test_choices_is_an_array(streams, tool_stream, holds):
    holds(chunks.choices_is_an_array, *streams, tool_stream)


@pytest.mark.requirement("OC-088", "VT-063")
def test_role_is_first_and_once(streams, tool_stream, choice_stream, holds):
    holds(chunks.role_is_first_and_once, *streams, tool_stream, choice_stream)


@pytest.mark.requirement("OC-089", "VT-063")
def test_each_choice_finishes_once(streams, tool_stream, cut_stream, holds):
    holds(chunks.each_choice_finishes_once, *streams, tool_stream, cut_stream)


@pytest.mark.requirement("OC-089")
def test_failed_stream_is_not_called_finished(failed_streams):
    for stream in failed_streams:
        reasons = [reason for given in finish_reasons(stream).values() for reason in given]
        assert not reasons, f"the upstream failed in the middle, and the stream says finish_reason {reasons[0]!r}"
        assert stream_errors(stream) or not stream.complete, "the upstream failed in the middle, and nothing says so"


@pytest.mark.requirement("VT-064")
def test_content_chunks_have_id_and_delta(counted, streams, holds):
    holds(chunks.content_chunks_have_id_and_delta, *streams)
    whole, streamed = content(counted), content(streams[0])
    if "".join(whole.split()) == "".join(streamed.split()):
        assert streamed == whole, f"spaces are lost between chunks: {streamed[:80]!r}"


@pytest.mark.requirement("OC-098")
def test_each_of_n_choices_streams(choice_stream, holds):
    holds(chunks.each_of_n_choices_streams, choice_stream)


@pytest.mark.requirement("OC-102")
def test_max_tokens_bounds_streams(cut_stream, holds):
    holds(chunks.stream_keeps_its_bound, cut_stream)
    assert finish_reasons(cut_stream) == {0: ["length"]}, f"finish reasons are {finish_reasons(cut_stream)}"


@pytest.mark.requirement("OC-103")
def test_stop_is_never_delivered(stop_stream, holds):
    holds(chunks.stop_is_never_delivered, stop_stream)
    said, (stop,) = content(stop_stream), stop_stream.request.json["stop"]
    if finish_reasons(stop_stream).get(0) != ["stop"]:
        raise NotObserved("the stream did not end with finish_reason stop")
    half = [stop[:size] for size in range(1, len(stop)) if said.endswith(stop[:size])]
    assert not half, f"the stream ends with {half[0]!r}, a beginning of the stop sequence {stop!r}"
    assert "6" in said, f"text before the stop sequence is missing: {said!r}"


@pytest.mark.requirement("OC-104")
def test_deltas_carry_logprobs(logprob_stream, holds):
    assert logprob_stream.status == 200, f"logprobs in a stream are answered {logprob_stream.status}"
    holds(chunks.deltas_carry_logprobs, logprob_stream)
