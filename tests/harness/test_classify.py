"""Whose fault it is: a breach is only what a check saw in an answer; our own mistakes and broken answers are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import specs
from harness.asking.ask import Ask
from harness.model import CheckReport, Outcome
from harness.running import classify
from harness.running.session import Options, Session
from harness.wire.exchange import TargetFault
from tests.harness import hostile
from tests.harness.conftest import KEY, a_target
from tests.harness.hostile import HEAD, JSON, serving

CUT = HEAD % JSON + b"Content-Length: 99\r\n\r\n{}"
Judged = Callable[..., CheckReport]


def in_the_harness(_: Ask) -> None:
    json.loads(None)  # type: ignore[arg-type] # raises TypeError in a file that is not this one


def asserts_in_the_harness(_: Ask) -> None:
    exec(compile("assert 1 == 2", "/somewhere/else.py", "exec"))


def holds(ask: Ask) -> None:
    assert ask.models().status == 200


def fails(ask: Ask) -> None:
    assert ask.models().status == 404, "no 404"


def reads(ask: Ask) -> None:
    ask.models().json["data"][0]


def misses(_: Ask) -> None:
    raise TargetFault(f"the key {KEY} \x1b[31m was not accepted")


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judged]:
    """What a check in this file is said to have come to, on a server that answers so."""
    monkeypatch.setattr(classify, "SUITES", Path(__file__).parent)
    made: list[Session] = []

    def judged(check: Callable[[Ask], None], answer: bytes = hostile.answer(b"{}"), when: Any = "call") -> CheckReport:
        with serving(answer) as server:
            run = Session(specs.load("openai-core"), a_target(server.url), Options())
            made.append(run)
            call = pytest.CallInfo.from_call(lambda: check(run.ask), when)
            item: Any = SimpleNamespace(nodeid="suites/x/test_x.py::check", path=Path(__file__))
            return classify.check_report(item, call, run, ("OC-001",))

    yield judged
    for run in made:
        run.close()


@pytest.mark.parametrize(
    ("check", "answer", "outcome"),
    [
        (holds, hostile.answer(b"{}"), Outcome.PASS),
        (fails, hostile.answer(b"{}"), Outcome.FAIL),
        (reads, hostile.answer(b"{}"), Outcome.FAIL),
        (holds, CUT, Outcome.ERROR),  # a promise is not kept by an answer that broke off
        (reads, CUT, Outcome.ERROR),  # nor has what never arrived a wrong shape
        (fails, CUT, Outcome.FAIL),  # the status was seen
        (misses, CUT, Outcome.ERROR),
    ],
)
def test_what_the_target_did(judged: Judged, check: Callable[[Ask], None], answer: bytes, outcome: Outcome) -> None:
    made = judged(check, answer)
    assert (made.outcome, made.harness_fault) == (outcome, None)


@pytest.mark.parametrize("check", [in_the_harness, asserts_in_the_harness])
def test_a_mistake_of_ours_is_no_breach(judged: Judged, check: Callable[[Ask], None]) -> None:
    made = judged(check)
    assert made.outcome is Outcome.ERROR
    assert made.harness_fault is not None


def test_what_is_told_holds_no_secret_and_moves_no_cursor(judged: Judged) -> None:
    assert judged(misses).reason == r"the key ${THE_KEY} \u001b[31m was not accepted"


def test_clearing_up_breaks_no_promise(judged: Judged) -> None:
    made = judged(fails, when="teardown")
    assert (made.outcome, made.reason, made.findings) == (Outcome.ERROR, "could not be cleared up: no 404", ())
