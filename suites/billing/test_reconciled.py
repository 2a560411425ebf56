"""The whole run against the journal of money: every nano-dollar has a request, and every request its nano-dollars."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from harness.asking.ask import Ask
from harness.judge.billing import cost_of, price_of
from harness.judge.catalogue import row_of
from harness.model import NotObserved
from harness.reconcile import reconcile_run
from harness.running.session import Session
from suites.conftest import COUNT
from suites.purse import drain_s

SKEW = timedelta(seconds=5)  # between our clock and the ledger's
SHOWN = 3  # causes that a finding names


@pytest.fixture(scope="session")
def entries(ask: Ask, assay_session: Session) -> list[dict[str, Any]]:
    """The journal since the run began, once nothing is held any more; kept beside the exchanges."""
    if not ask.alone:
        raise NotObserved("other workers of this run made calls that this one has not seen; run this suite without -n")
    since, end = assay_session.started - SKEW, time.monotonic() + drain_s(ask)
    while is_held(rows := ask.control.journal()) and time.monotonic() < end:
        time.sleep(0.1)
    found = [row for row in rows if datetime.fromisoformat(row["at"]).astimezone(UTC) >= since]
    accounts = ask.control.accounts | ({ask.target.balance.account} if ask.target.balance else set())
    ours = [row for row in found if None in accounts or row["account"] in accounts]
    keep(assay_session, ours)
    return ours


def is_held(rows):
    """Whether a hold has not ended yet."""
    held = {row["request_id"] for row in rows if row["kind"] == "hold"}
    return bool(held - {row["request_id"] for row in rows if row["kind"] in ("charge", "void")})


def keep(session, rows):
    """The ledger as a file: `assay reconcile` gives the same answer from it at any time."""
    if session.options.out is not None:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (session.options.out / "ledger.jsonl").write_text(session.redactor.text(lines), encoding="utf-8")


@pytest.mark.last
@pytest.mark.requirement("BL-040")
def test_the_run_reconciles(assay_session, contract, entries):
    calls = [x for x in assay_session.journal.exchanges if x.request.method == "POST"]
    if not calls or not entries:
        raise NotObserved("the run made no call that could be charged")
    found = reconcile_run(assay_session.journal.exchanges, entries, contract)
    assay_session.figures["billing"] = found
    if found["verdict"] == "incomplete":
        raise NotObserved(f"{found['counts']['not_judged']} charges could not be judged")
    assert found["verdict"] == "reconciles", said(found)


@pytest.mark.requirement("BL-041")
@pytest.mark.cost(calls=24, prompt_tokens=120, completion_tokens=144)
def test_stated_costs_are_what_requests_come_to(ask, contract):
    """Asked with the main key, whose costs the target says where to read."""
    if ask.costs.point.source == "usage":
        return growth_is_right(ask)
    kinds = ({"max_tokens": 7}, {"stream": True}, {"n": 2}, {"max_tokens": 1, "stream": True})
    listed, answers = ask.models(), asked(ask, kinds)
    entries = list(ask.costs.entries(answers))
    named = {entry["request_id"] for entry in entries}
    if not named:
        raise NotObserved("no answer has a cost that is stated")
    judged = [x for x in answers if x.header("x-request-id") in named]
    found = reconcile_run([listed, *judged], entries, contract)
    assert found["verdict"] == "reconciles", said(found)
    return None


def growth_is_right(ask):
    """Where one total is stated for all requests of a key."""
    if not ask.alone:
        raise NotObserved("other workers of this run spend from the same account; run this suite without -n")
    price, before = price_of(row_of(ask.models(), ask.default_model), ask.contract), ask.costs.total()
    answers = asked(ask, ({}, {"stream": True}, {"n": 2}))
    costs = [cost for x in answers if price is not None and (cost := cost_of(x, price)) is not None]
    if len(costs) < len(answers):
        raise NotObserved("an answer reports no usage, or no price is listed for it")
    due, end = sum(costs, Decimal(0)), time.monotonic() + drain_s(ask)
    while (grown := ask.costs.total() - before) < due and time.monotonic() < end:
        time.sleep(0.1)
    assert grown == due, f"{len(answers)} answers come to {due:f} USD, and the stated total grew by {grown:f} USD"


def asked(ask, kinds):
    """Answers to a request of each kind. Raises NotObserved when one is refused."""
    answers = [ask.chat(COUNT, **{"max_tokens": 24, **kind}) for kind in kinds]
    if refused := [x.status for x in answers if x.status != 200]:
        raise NotObserved(f"a request was answered with {refused[0]}")
    return answers


def said(found):
    """The causes in words, those that explain most first."""
    causes = [f"consistent with {row['cause']}: {row['says']} ({row['ids']} requests)" for row in found["findings"]]
    difference, unexplained = found["totals"]["difference_nano"], found["unexplained"]["ids"]
    rest = [f"{unexplained} requests are consistent with nothing that is known"] if unexplained else []
    told = "; ".join([*causes[:SHOWN], *rest]) or found["verdict"]
    more = (
        f"{abs(difference)} nano-USD {'more' if difference > 0 else 'less'} than was due"
        if difference
        else "what was due"
    )
    return f"the ledger charged {more} in all: {told}"
