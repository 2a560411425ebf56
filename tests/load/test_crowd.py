"""What the load suite calls wrong: only what a single stream does right, and each kind of breach once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import specs
from harness.model import NotObserved
from harness.wire.exchange import Exchange, Fault
from suites.load.conftest import SIZES, size_of
from suites.load.crowd import Crowd, broken, marker_of, markers, mixed, request, unanswered
from tests.judge import builders

CORE = specs.load("openai-core")
VOLTAGE = specs.load("voltagegpu-confidential")
MARKERS = markers(4, seed=1)


def chunk(marker: str, **choice: Any) -> dict[str, Any]:
    body = {"index": 0, "delta": {}, "finish_reason": None, **choice}
    number = marker.split()[5]
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": builders.CREATED}
    return {**head, "model": builders.MODEL, "choices": [body], "usage": None}


def lines(marker: str, text: str | None = None) -> list[Any]:
    """A stream that keeps the rules."""
    words = (marker if text is None else text).split(" ")
    usage = {"prompt_tokens": 12, "completion_tokens": len(words), "total_tokens": 12 + len(words)}
    return [
        chunk(marker, delta={"role": "assistant", "content": ""}),
        *(chunk(marker, delta={"content": f" {word}"}) for word in words),
        chunk(marker, finish_reason="stop"),
        {**chunk(marker), "choices": [], "usage": usage},
        "[DONE]",
    ]


def answer(marker: str, sent: Sequence[Any] | None = None, **changes: Any) -> Exchange:
    asked = request(builders.MODEL, marker)
    return builders.stream(lines(marker) if sent is None else sent, request=asked, **changes)


def crowd(*exchanges: Exchange, alone: Exchange | None = None) -> Crowd:
    return Crowd(alone or answer(MARKERS[0]), exchanges, in_flight_max=2)


def test_markers_differ_and_are_the_same_for_a_seed() -> None:
    assert len(set(markers(500, 3))) == 500
    assert markers(5, 3) == markers(5, 3) != markers(5, 4)


@pytest.mark.parametrize("contract", [CORE, VOLTAGE], ids=lambda contract: contract.name)
def test_right_answers_have_no_findings(contract: specs.Contract) -> None:
    right = crowd(answer(MARKERS[1]), answer(MARKERS[2]))
    assert [*mixed(right), *unanswered(right, contract), *broken(right, contract)] == []


def test_an_answer_with_the_text_of_another_is_mixed() -> None:
    wrong = answer(MARKERS[1], lines(MARKERS[1], text=MARKERS[2]))
    messages = [finding.message for finding in mixed(crowd(wrong, answer(MARKERS[2])))]
    assert any("another request asked for" in message for message in messages)


def test_the_text_of_a_request_that_was_not_kept_is_known_too() -> None:
    wrong = answer(MARKERS[1], lines(MARKERS[1], text=f"{MARKERS[1]} {MARKERS[3].split()[5]}"))
    (finding,) = mixed(Crowd(answer(MARKERS[0]), (wrong,), in_flight_max=2, asked=tuple(MARKERS)))
    assert MARKERS[3].split()[5] in str(finding.observed)
    assert mixed(crowd(wrong)) == []


def test_an_answer_that_lost_a_word_is_mixed_only_if_one_alone_repeats() -> None:
    lost = answer(MARKERS[1], lines(MARKERS[1], text=MARKERS[1].rpartition(" ")[0]))
    assert "lacks what its own request" in mixed(crowd(lost))[0].message
    disobedient = answer(MARKERS[0], lines(MARKERS[0], text="I would rather not."))
    with pytest.raises(NotObserved, match="does not repeat"):
        mixed(crowd(lost, alone=disobedient))


def test_case_and_punctuation_do_not_matter() -> None:
    polite = answer(MARKERS[1], lines(MARKERS[1], text=f'Sure: "{MARKERS[1].upper()}."'))
    assert mixed(crowd(polite)) == []


def test_one_id_for_two_answers_is_one_finding() -> None:
    first, second = (
        answer(m, [{**line, "id": "c"} if line != "[DONE]" else line for line in lines(m)]) for m in MARKERS[1:3]
    )
    (finding,) = mixed(crowd(first, second))
    assert finding.message == "several answers bear one id (2 times)"
    assert finding.exchanges == (first.id, second.id)


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_refusal_among_many_is_one(status: int) -> None:
    refused = builders.completion({}, status=status, request=request(builders.MODEL, MARKERS[1]))
    assert [f.message for f in unanswered(crowd(refused), CORE)] == [f"a request among many was answered {status}"]


@pytest.mark.parametrize(("remaining", "count"), [("7", 1), ("0", 0), ("many", 0)])
def test_throttling_is_wrong_only_while_the_limit_has_room(remaining: str, count: int) -> None:
    headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": "1795176060"}
    asked = request(builders.MODEL, MARKERS[1])
    throttled = builders.completion({}, status=429, headers=headers, request=asked)
    assert len(unanswered(crowd(throttled), VOLTAGE)) == count
    assert unanswered(crowd(throttled), CORE) == []


def test_only_throttled_or_never_two_at_once_is_not_observed() -> None:
    throttled = builders.completion({}, status=429, request=request(builders.MODEL, MARKERS[1]))
    with pytest.raises(NotObserved, match="throttled 2 of 2"):
        crowd(throttled, throttled).observed()
    with pytest.raises(NotObserved, match="at once"):
        Crowd(answer(MARKERS[0]), (answer(MARKERS[1]),), in_flight_max=1).observed()


def test_a_rule_broken_only_under_load_is_named() -> None:
    endless = answer(MARKERS[1], lines(MARKERS[1])[:-1])
    (finding,) = broken(crowd(endless, answer(MARKERS[2])), CORE)
    assert finding.requirement == "OC-162"
    assert "OC-082" in finding.message


def test_a_rule_broken_alone_is_no_effect_of_load() -> None:
    endless = answer(MARKERS[1], lines(MARKERS[1])[:-1])
    assert broken(crowd(endless, alone=answer(MARKERS[0], lines(MARKERS[0])[:-1])), CORE) == []


def test_a_stream_that_breaks_off_is_found_and_one_we_left_is_not() -> None:
    half = lines(MARKERS[1])[:4]
    cut = answer(MARKERS[1], half, fault=Fault("truncated", "the connection was closed inside the body"))
    left = answer(MARKERS[2], half, fault=Fault("aborted", "we closed it"))
    (finding,) = broken(crowd(cut, left), CORE)
    assert finding.exchanges == (cut.id,)


def test_the_marker_is_read_back_from_the_request() -> None:
    assert marker_of(answer(MARKERS[3])) == MARKERS[3]


def test_the_load_leaves_most_of_the_rate_limit_to_the_other_checks() -> None:
    assert size_of("full", VOLTAGE).requests == 250
    assert size_of("full", CORE).requests == SIZES["full"].requests
    assert size_of("standard", VOLTAGE) == SIZES["standard"]
