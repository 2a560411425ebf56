"""From the way a check ended to an outcome: whose fault it is, in words a reader can act on."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.model import CheckReport, Finding, Nonconformity, NotObserved, Outcome, Tolerated
from harness.record.asides import NOT_AGAIN, NotOnTape
from harness.running.checks import SUITES
from harness.running.session import Session
from harness.wire.exchange import Exchange, TargetFault

# A check reads an answer as the contract describes it. When the answer has another shape, reading it raises one
# of these in the check's own frame: that is the target's fault. Anywhere deeper it is a bug of the harness.
SHAPE_ERRORS = (KeyError, IndexError, TypeError, AttributeError, ValueError)


def check_report(item: pytest.Item, call: pytest.CallInfo[None], session: Session, ids: tuple[str, ...]) -> CheckReport:
    """What this item says of the requirements it carries."""
    outcome, reason, findings, fault = _ending(item, call, session, ids)
    if call.when == "teardown" and outcome is Outcome.FAIL:  # what is torn down may have served other checks
        outcome, reason, findings = Outcome.ERROR, f"could not be cleared up: {findings[0].message}", ()
    return CheckReport(
        check=item.nodeid,
        requirements=ids,
        outcome=outcome,
        reason=None if reason is None else session.shown(reason),
        duration_s=round(call.duration, 6),
        findings=tuple(session.explained(finding, item.nodeid) for finding in findings),
        harness_fault=None if fault is None else session.shown(fault),
    )


Ending = tuple[Outcome, str | None, tuple[Finding, ...], str | None]


def _ending(item: pytest.Item, call: pytest.CallInfo[None], session: Session, ids: tuple[str, ...]) -> Ending:
    error = call.excinfo.value if call.excinfo else _unanswered(session)
    match error:
        case None:
            return Outcome.PASS, None, (), None
        case NotObserved() | pytest.skip.Exception():
            return Outcome.NOT_OBSERVED, str(error), (), None
        case Tolerated():
            return Outcome.WARN, str(error), _one_each(ids, str(error), session), None
        case Nonconformity():
            return Outcome.FAIL, None, _carried(error, ids), None
        case AssertionError() if _raised_in_check(error, item):
            return Outcome.FAIL, None, _one_each(ids, _said(error), session), None
        case NotOnTape():
            return Outcome.NOT_OBSERVED, f"{NOT_AGAIN}: {error}", (), None
        case TargetFault():
            return Outcome.ERROR, str(error), (), None
        case _ if isinstance(error, SHAPE_ERRORS) and _raised_in_check(error, item):
            if (cut := _cut_off(session)) is not None:
                return Outcome.ERROR, str(cut), (), None
            said = f"the answer has not the shape the contract gives it: {type(error).__name__}: {error}"
            return Outcome.FAIL, None, _one_each(ids, said, session), None
    where = traceback.extract_tb(error.__traceback__)[-1]
    fault = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno}, in {item.nodeid})"
    return Outcome.ERROR, f"fault of the harness: {fault}", (), fault


def needs_an_answer(exchanges: Sequence[Exchange]) -> None:
    """Raises TargetFault when every one of them broke off: a promise is not kept by what nobody could read."""
    if exchanges and all(exchange.broken for exchange in exchanges):
        last = exchanges[-1]
        said = last.fault.message if last.fault else ""
        raise TargetFault(f"{last.request.method} {last.request.url}: no answer was complete: {said}", last.id)


def _unanswered(session: Session) -> TargetFault | None:
    try:
        needs_an_answer(session.ask.seen)
    except TargetFault as fault:
        return fault
    return None


def _cut_off(session: Session) -> TargetFault | None:
    """The last answer's fault when it broke off: what did not arrive has no wrong shape."""
    last = session.ask.seen[-1] if session.ask.seen else None
    if last is None or not last.broken or last.fault is None:
        return None
    return TargetFault(f"{last.request.method} {last.request.url}: the answer broke off: {last.fault.message}", last.id)


def _carried(error: Nonconformity, ids: tuple[str, ...]) -> tuple[Finding, ...]:
    """A rule names one requirement; a check that carries several means the same breach for each of them."""
    own = {finding.requirement for finding in error.findings}
    others = [i for i in ids if i not in own]
    copies = [
        Finding(other, finding.message, finding.expected, finding.observed, finding.exchanges)
        for other in others
        for finding in error.findings
    ]
    return (*(finding for finding in error.findings if finding.requirement in ids), *copies)


def _one_each(ids: tuple[str, ...], message: str, session: Session) -> tuple[Finding, ...]:
    shown = tuple(exchange.id for exchange in session.ask.seen[-3:])
    return tuple(Finding(i, message, exchanges=shown) for i in ids)


def _said(error: AssertionError) -> str:
    """The assertion's own words without what pytest's rewriting appends to them; the exchange is in the report."""
    words = str(error).strip().split("\nassert ")[0].split("\n +  where ")[0]
    lines = words.splitlines() or ["the check does not hold"]
    return "\n".join(lines[:6])[:1000]


def _raised_in_check(error: BaseException, item: pytest.Item) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and SUITES in Path(frames[-1].filename).parents and SUITES in item.path.parents


def retell(report: pytest.TestReport, made: CheckReport) -> None:
    """Make pytest's own report say what ours says: a traceback through the harness would show what it sends."""
    report.sections.clear()
    words = made.reason or "\n".join(finding.message for finding in made.findings)
    if made.outcome in {Outcome.NOT_OBSERVED, Outcome.WARN}:
        report.outcome = "skipped"
        report.longrepr = (report.location[0], (report.location[1] or 0) + 1, f"{made.outcome}: {words}")
    else:
        report.longrepr = f"{', '.join(made.requirements)} {made.outcome}: {words}"
