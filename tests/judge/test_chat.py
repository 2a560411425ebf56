"""The shared views read good answers right and bad ones as absent."""

from __future__ import annotations

from harness.judge import chat
from harness.wire.exchange import Fault
from tests.judge.builders import asked, completion, good_choice, good_chunk, good_completion, good_stream, stream


def test_whole_and_streamed_answers_read_alike() -> None:
    whole = completion(good_completion(choices=[good_choice("Hello.")]))
    streamed = stream(good_stream("Hel", "lo."))
    assert chat.content(whole) == chat.content(streamed) == "Hello."
    assert chat.finish_reasons(whole) == chat.finish_reasons(streamed) == {0: ["stop"]}
    assert chat.indices(whole) == chat.indices(streamed) == [0]


def test_what_an_exchange_is() -> None:
    whole, streamed = completion(good_completion()), stream(good_stream())
    assert (chat.is_completion(whole), chat.is_chunked(whole)) == (True, False)
    assert (chat.is_completion(streamed), chat.is_chunked(streamed)) == (False, True)
    mislabelled = stream(good_stream(), headers={"Content-Type": "application/json"})
    assert chat.is_chunked(mislabelled), "a stream with a wrong Content-Type is still read as one"
    assert not chat.is_served(stream(good_stream(), status=500))
    assert not chat.is_completion(completion(None, status=None))


def test_a_stream_that_was_cut_or_failed_is_not_finished() -> None:
    cut = stream(good_stream()[:2], fault=Fault("aborted", "closed by us"))
    failed = stream([good_chunk("Hel"), {"error": {"message": "the model failed"}}])
    assert not chat.is_finished(cut)
    assert not chat.is_finished(failed)
    assert chat.stream_errors(failed) == [{"error": {"message": "the model failed"}}]
    assert len(chat.chunks(failed)) == 1


def test_an_error_in_a_stream_is_one_in_any_envelope() -> None:
    bare = {"message": "the model failed", "type": "upstream_error"}
    failed = stream([good_chunk("Hel"), bare])
    assert chat.stream_errors(failed) == [bare]
    assert len(chat.chunks(failed)) == 1
    assert not chat.is_finished(failed)


def test_a_chat_over_texts_is_a_chat() -> None:
    over = completion({}, request=asked(collection="handbook"), path="/chat/completions/RAG")
    assert (chat.is_chat(over), chat.is_chat_over_texts(over)) == (True, True)
    assert not chat.is_chat(completion({}, request={"vote": "up"}, path="/chat/completions/chatcmpl-1"))


def test_what_was_asked_is_read_with_care() -> None:
    odd = completion({}, request=asked(n=True, max_tokens="many", stop=["", "a", 5], stream="yes"))
    assert (chat.asked_choices(odd), chat.asked_bound(odd), chat.asked_stops(odd)) == (1, None, ["a"])
    assert not chat.asks_stream(odd)
    assert chat.asked(completion({}, request=b"[1, 2")) == {}


def test_usage_of_a_stream_is_its_last_one() -> None:
    lines = [good_chunk("a", usage={"prompt_tokens": 1}), good_chunk(usage={"prompt_tokens": 2}), "[DONE]"]
    assert chat.token_count(stream(lines), "prompt_tokens") == 2
    assert chat.token_count(stream(good_stream()), "prompt_tokens") is None


def test_a_document_nested_to_the_brim_can_be_shown() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert chat.shown(deep)
