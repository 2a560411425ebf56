"""The whole run against the journal of money: every nano-dollar has a request, and every request its nano-dollars."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.ask import Ask
from harness.model import NotObserved
from harness.reconcile import reconcile_run
from harness.session import Session
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
    assay_session.figures["billing"] = {
        "verdict": found["verdict"],
        **{name: found["totals"][name] for name in ("due_nano", "charged_nano", "difference_nano", "unexplained_nano")},
        "calls": found["counts"]["calls"],
        "matched": found["counts"]["matched"],
        "exact": found["counts"]["exact"],
    }
    if found["verdict"] == "incomplete":
        raise NotObserved(f"{found['counts']['not_judged']} charges could not be judged")
    assert found["verdict"] == "reconciles", said(found)


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
