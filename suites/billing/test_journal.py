"""The journal of money: one charge an answer, one end a hold, and sums that are the balance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.judge.billing import NANO
from harness.judge.chat import token_count
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.conftest import COUNT
from suites.purse import Purse, open_account


@dataclass(frozen=True)
class Books:
    """An account after requests of several kinds, and what the journal says of it."""

    purse: Purse
    answered: tuple[Exchange, ...]
    refused: tuple[Exchange, ...]
    entries: tuple[dict[str, Any], ...]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["kind"] == kind]


@probe(calls=12, prompt_tokens=240, completion_tokens=1200)
def books(ask: Ask) -> Books:
    purse = open_account(ask)
    answered = [
        ask.chat(prompt, key=purse.key, max_tokens=most, stream=stream)
        for prompt, most in ((COUNT, 8), ("Repeat exactly: yes", 200))
        for stream in (None, True) * 2
    ]
    left = ask.chat(COUNT, key=purse.key, max_tokens=256, stream=True, abort_after=2)
    refused = [ask.chat(key=purse.key, **wrong) for wrong in ({"temperature": 99}, {"model": "no-such/model"})]
    purse.settled()
    whole = tuple(x for x in (*answered, left) if x.status == 200)
    return Books(purse, whole, tuple(refused), tuple(purse.journal()))


def request_id(x: Exchange) -> str:
    found = x.header("x-request-id")
    if found is None:
        raise NotObserved("answers show no X-Request-Id to look for in the journal")
    return found


@pytest.mark.requirement("BL-030")
def test_every_answer_has_one_charge(books):
    charges = Counter(entry["request_id"] for entry in books.of("charge"))
    wrong = {request_id(x): charges[request_id(x)] for x in books.answered if charges[request_id(x)] != 1}
    assert not wrong, f"of {len(books.answered)} answers some have not one charge in the journal: {wrong}"


@pytest.mark.requirement("BL-031")
def test_every_charge_has_its_request(books):
    made = {request_id(x) for x in books.answered}
    strangers = [entry["request_id"] for entry in books.of("charge") if entry["request_id"] not in made]
    assert not strangers, f"the journal charges requests that were not answered, or not made: {strangers[:5]}"


@pytest.mark.requirement("BL-032")
def test_every_hold_ends_once(books):
    held, ended = (Counter(entry["request_id"] for entry in rows) for rows in (books.of("hold"), ends(books)))
    wrong = {name: (held[name], ended[name]) for name in held | ended if (held[name], ended[name]) != (1, 1)}
    assert not wrong, f"holds and their ends by request: {dict(list(wrong.items())[:5])}"
    assert books.purse.held() == 0, f"{books.purse.held():f} USD are still held"


def ends(books):
    """What ends a hold."""
    return [*books.of("charge"), *books.of("void")]


@pytest.mark.requirement("BL-033")
def test_the_journal_tells_the_counts_that_were_charged(books):
    told = {entry["request_id"]: entry for entry in books.of("charge") if entry["prompt_tokens"] is not None}
    if not told:
        raise NotObserved("the journal tells no counts")
    for x in books.answered:
        entry, prompt = told.get(request_id(x)), token_count(x, "prompt_tokens")
        if entry is None or prompt is None:
            continue
        said = entry["prompt_tokens"], entry["completion_tokens"]
        reported = prompt, token_count(x, "completion_tokens")
        assert said == reported, f"an answer reports {reported} tokens, and the journal charges {said}"


@pytest.mark.requirement("BL-034")
def test_the_journal_adds_up_to_the_balance(books):
    signs = {"top-up": 1, "charge": -1, "refund": 1}
    total = sum((signs.get(entry["kind"], 0) * entry["nano_usd"] * NANO for entry in books.entries), Decimal(0))
    there = books.purse.read() + books.purse.held()
    assert there == total, f"the journal adds up to {total:f} USD, and {there:f} USD are there"
