"""Replaying event logs: forged payloads, smuggled names and broken shapes are each told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attest import Code
from harness.attest.eventlog import Replay, replay
from tests.attest.lab import HONEST, MODEL, NONCE

REPORT = HONEST.report(MODEL, NONCE)
QUOTED = [bytes.fromhex(REPORT["info"]["tcb_info"][f"rtmr{n}"]) for n in range(4)]
Events = list[dict[str, Any]]


def test_an_honest_log_replays_to_the_quoted_registers() -> None:
    replayed = replay(log())
    assert (replayed.problems, replayed.against(QUOTED)) == ((), [])
    assert replayed.named["compose-hash"].hex() == REPORT["info"]["compose_hash"]


def test_a_runtime_digest_may_be_left_out_because_it_follows() -> None:
    events = [{**event, "digest": ""} if event["imr"] == 3 else event for event in log()]
    replayed = replay(events)
    assert (replayed.problems, replayed.against(QUOTED)) == ((), [])


def test_hex_may_be_upper_case() -> None:
    assert codes([{**event, "digest": event["digest"].upper()} for event in log()]) == set()


def edited(name: str, **members: Any) -> Callable[[Events], Events]:
    return lambda events: [{**event, **members} if event["event"] == name else event for event in events]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edited("compose-hash", event_payload="00" * 32), {Code.EVENTLOG_DIGEST_MISMATCH}),
        (edited("app-id", event="app-idx"), {Code.EVENTLOG_DIGEST_MISMATCH}),
        (lambda events: events[:-1], {Code.EVENTLOG_REPLAY_MISMATCH}),
        (lambda events: [*events, events[-1]], {Code.EVENTLOG_REPLAY_MISMATCH}),
        (
            lambda events: [*events[:-8], events[-8], *events[-8:]],
            {Code.EVENTLOG_REPLAY_MISMATCH, Code.EVENTLOG_NAME_MISUSED},
        ),
        (lambda events: [e for e in events if e["imr"] == 3], {Code.EVENTLOG_REPLAY_MISMATCH}),
        (lambda events: [*events[:-2], events[-1], events[-2]], {Code.EVENTLOG_REPLAY_MISMATCH}),
        (lambda events: [{**events[0], "event": "compose-hash"}, *events[1:]], {Code.EVENTLOG_NAME_MISUSED}),
        (edited("compose-hash", event_type=10, event_payload="00" * 32), {Code.EVENTLOG_NAME_MISUSED}),
        (edited("app-id", version="v2"), {Code.EVENTLOG_DIGEST_MISMATCH}),
        (edited("app-id", version="v3"), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (edited("app-id", version=True), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (edited("app-id", version={}), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (edited("app-id", preimage="00"), {Code.EVENTLOG_DIGEST_MISMATCH}),
        (edited("app-id", imr=4), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (edited("app-id", imr=-1), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (edited("app-id", imr=True), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (edited("app-id", event_payload="abc"), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (edited("app-id", event_payload="ab cd"), {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
        (
            lambda events: [{**events[0], "digest": ""}, *events[1:]],
            {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH},
        ),
        (lambda _: [], {Code.EVENTLOG_MALFORMED, Code.EVENTLOG_REPLAY_MISMATCH}),
    ],
)
def test_a_changed_log_is_found(change: Callable[[Events], Events], expected: set[Code]) -> None:
    assert codes(change(log())) == expected


def test_a_version_1_event_does_not_hide_its_payload_in_its_name() -> None:
    events = log()
    (at,) = [n for n, event in enumerate(events) if event["event"] == "key-provider"]
    payload = bytes.fromhex(events[at]["event_payload"])
    head, tail = payload.split(b":", 1)
    moved = {"event": f"key-provider:{head.decode()}", "event_payload": tail.hex()}
    events[at] = {**events[at], **moved}  # the same bytes are hashed, so the registers agree
    assert codes(events) == {Code.EVENTLOG_NAME_MISUSED}


PREIMAGE = b'{"name":"compose-hash","payload":"abcd","type":134217729}'
V2 = {
    "imr": 3,
    "event_type": 134217729,
    "digest": hashlib.sha384(PREIMAGE).hexdigest(),
    "event": "compose-hash",
    "event_payload": "ABCD",
    "version": "v2",
    "preimage": PREIMAGE.hex(),
}


def test_a_version_2_event_is_hashed_in_its_canonical_form() -> None:
    replayed = replay([V2, {**V2, "version": 2, "event": "a:b", "digest": "", "preimage": None}])
    assert replayed.problems == ()
    assert replayed.named == {"compose-hash": bytes.fromhex("abcd"), "a:b": bytes.fromhex("abcd")}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"event_payload": "abce"}, Code.EVENTLOG_DIGEST_MISMATCH),
        ({"event": "compose-hasH"}, Code.EVENTLOG_DIGEST_MISMATCH),
        ({"preimage": PREIMAGE.replace(b",", b", ").hex()}, Code.EVENTLOG_DIGEST_MISMATCH),
        ({"preimage": 7}, Code.EVENTLOG_DIGEST_MISMATCH),
        ({"version": "v1"}, Code.EVENTLOG_DIGEST_MISMATCH),
        ({"event": "\ud800", "digest": hashlib.sha384(b"").hexdigest()}, Code.EVENTLOG_MALFORMED),
    ],
)
def test_a_changed_version_2_event_is_found(change: dict[str, Any], code: Code) -> None:
    assert code in {problem.code for problem in replay([{**V2, **change}]).problems}


def test_names_after_system_ready_belong_to_applications() -> None:
    forged = {**log()[-1], "event": "compose-hash", "event_payload": "ff" * 32}
    assert replay([*log(), forged]).named["compose-hash"].hex() == REPORT["info"]["compose_hash"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


MEMBERS = ("imr", "event_type", "digest", "event", "event_payload")
BOOT = [n for n, event in enumerate(REPORT["event_log"]) if event["imr"] < 3]  # only their digests are measured


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, len(REPORT["event_log"]) - 1), st.sampled_from(MEMBERS), json_values)
def test_no_other_value_of_a_measured_member_is_proven(n: int, member: str, value: Any) -> None:
    events = log()
    honest = events[n][member]
    events[n][member] = value
    found = codes(events)
    if n in BOOT and member not in ("imr", "digest"):
        return  # not measured: it only has to be judged without a crash
    same = type(value) is type(honest) and value == honest
    left_out = n not in BOOT and member == "digest" and value in (None, "")
    assert (not found) == (same or left_out)


def codes(events: Events) -> set[Code]:
    replayed: Replay = replay(events)
    return {problem.code for problem in (*replayed.problems, *replayed.against(QUOTED))}


def log() -> Events:
    return [dict(event) for event in REPORT["event_log"]]
