"""What is remembered of calls: streams put together, months, windows, bodies without keys; and the sound of speech."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mockserver.services.monthly_usage import month_before, month_of
from mockserver.services.request_logs.window import moment, window
from mockserver.services.speech.voice import LETTER_S, spoken
from mockserver.services.stored_completions.assembled import assembled
from suites.speech.sound import container, played


def event(**members: object) -> bytes:
    return b"data: " + json.dumps(members).encode() + b"\n\n"


def test_a_stream_is_put_together() -> None:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    sent = b"".join(
        [
            event(**head, choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}]),
            event(**head, choices=[{"index": 0, "delta": {"content": "Grüße, "}}]),
            event(**head, choices=[{"index": 0, "delta": {"content": "Vik"}, "finish_reason": None}]),
            event(**head, choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]),
            b"data: [DONE]\n\n",
        ]
    )
    whole = assembled(sent, "chat.completion", {"total_tokens": 3})
    assert whole is not None
    (choice,) = whole["choices"]
    assert (choice["message"], choice["finish_reason"]) == ({"role": "assistant", "content": "Grüße, Vik"}, "stop")
    assert (whole["id"], whole["object"], whole["usage"]) == ("c1", "chat.completion", {"total_tokens": 3})


def test_a_stream_of_errors_is_nothing() -> None:
    assert assembled(event(message="The provider did not answer."), "chat.completion", None) is None


@pytest.mark.parametrize(
    ("now", "due"), [((2026, 1, 31), ("2026-01", "2025-12")), ((2028, 3, 1), ("2028-03", "2028-02"))]
)
def test_months(now: tuple[int, int, int], due: tuple[str, str]) -> None:
    at = datetime(*now, tzinfo=UTC)
    assert (month_of(at), month_before(at)) == due


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T00:01:00.5Z", 60.5),
        ("1970-01-01T01:01:00+01:00", 60),
        ("1970-01-01T00:01:00", 60),
        ("1970-13-01T00:01:00Z", None),
        ("1970-01-01", None),
        ("now", None),
        ("１９７０-01-01T00:01:00Z", None),
    ],
)
def test_moments(text: str, due: float | None) -> None:
    assert moment(text) == due


def test_a_window_reaches_back_its_minutes() -> None:
    assert window(10_000, 15) == (9_100, 10_000)


def test_a_sound_is_as_long_as_its_text() -> None:
    short, long = (spoken(text, 100.0) for text in ("abc", "abc" * 10))
    assert container(short) == "wav"
    assert played(long).seconds == pytest.approx(10 * played(short).seconds) == pytest.approx(30 * LETTER_S)
    assert played(short).loudest > 1000
    assert spoken("abc", 100.0) != spoken("abc", 150.0)
