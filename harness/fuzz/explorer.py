"""Explores every operation with requests made from a contract's OpenAPI document, and judges every answer.

schemathesis makes the cases and judges shape, our rules judge the rest; new kinds of answers steer what is asked next.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

from harness.asking.ask import Ask
from harness.asking.operations import Operations
from harness.fuzz import cases
from harness.fuzz.cases import Batch, Effort
from harness.fuzz.causes import Causes
from harness.fuzz.judging import SHAPE, Judges, Wrong, one_line, shape
from harness.fuzz.payer import key_for_fuzzing
from harness.fuzz.reach import Reach
from harness.fuzz.schedule import Lane, Schedule
from harness.fuzz.secrets import given_away
from harness.fuzz.things import Things
from harness.model import Finding, NotObserved
from harness.wire.budget import BudgetExceeded
from harness.wire.exchange import Chunk, Exchange
from specs import Contract

_BY_CHECK: Mapping[GenerationMode, Mapping[str, tuple[str, ...]]] = {
    GenerationMode.POSITIVE: {"OC-170": SHAPE},
    GenerationMode.NEGATIVE: {"OC-171": ("negative_data_rejection",)},
}
Due = Iterable[tuple[Lane, Any]]
Told = tuple[str, str, str, bool]  # an exchange, its operation and mode, and whether it had to be refused
FREE = 0.7  # of the time box, for what costs nothing
OURS = {"user-agent", "accept-encoding", "accept", "connection", "x-schemathesis-testcaseid"}  # headers not taken over


@dataclass
class Exploration:
    """What was asked and what was wrong with the answers."""

    cases: dict[str, int] = field(default_factory=dict)  # "operation mode" -> cases asked and answered
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)  # operation -> status -> answers
    causes: Causes = field(default_factory=Causes)
    reach: Reach = field(default_factory=Reach)
    broken: list[Exchange] = field(default_factory=list)  # without a whole answer: nothing can be said of them
    asked: list[Told] = field(default_factory=list)
    shortened: dict[tuple[str, str], Told] = field(default_factory=dict)  # by requirement and words: what shows it
    positions: dict[str, int] = field(default_factory=dict)
    seed: int = 0
    rounds: int = 0
    seconds: float = 0.0
    spent: Decimal = Decimal(0)  # USD
    paid_calls: int = 0
    out_of_time: bool = False
    out_of_money: bool = False

    def findings(self, requirement: str) -> list[Finding]:
        return self.causes.of(requirement)

    def notes(self) -> dict[str, Any]:
        """What `judged_again` takes to judge the saved answers, as JSON values."""
        shorter = [[*cause, shown] for cause, shown in self.shortened.items()]
        return {"asked": self.asked, "out_of_money": self.out_of_money, "shortened": shorter}

    def figures(self, documented: dict[str, tuple[str, ...]]) -> dict[str, Any]:
        """What the report shows of it."""
        return {
            "seed": self.seed,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 3),
            "cases": self.cases,
            "statuses": self.statuses,
            "causes": self.causes.document(),
            "reach": self.reach.document(documented),
            "spent_usd": f"{self.spent:f}",
            "paid_calls": self.paid_calls,
            "out_of_time": self.out_of_time,
            "out_of_money": self.out_of_money,
        }


class Explorer:
    """Explores every operation of a contract once, and then at random for as long as there is time."""

    def __init__(
        self, ask: Ask, effort: Effort, seed_number: int, *, endless: bool = False, until: frozenset[str] = frozenset()
    ) -> None:
        """`endless`: the time box is to be filled; otherwise it only bounds one round.

        `until`: requirements. When each of them has a finding nothing more is asked.
        """
        self.ask, self.effort, self.seed, self.endless, self.until = ask, effort, seed_number, endless, until
        self.found = Exploration(seed=seed_number)
        self.judges = Judges(ask.contract)
        self.deadline = 0.0
        self.things: Things | None = None  # that wrong bodies are sent to
        self._first: Schedule | None = None
        self._ways: Counter[tuple[str, bool]] = Counter()  # members of paid requests, streamed or not
        self._asked: dict[str, bool] = {}  # bodies of paid requests, and whether the last one was streamed
        self.key = key_for_fuzzing(ask)

    def explore(self, state: Mapping[str, Any] | None = None) -> Exploration:
        """All operations in both modes, on from an earlier run's `state`.

        Raises NotObserved when the target has no model to ask.
        """
        self.ask_free(state)
        return self.ask_rest()

    def ask_free(self, state: Mapping[str, Any] | None = None) -> None:
        """What costs nothing, for most of the time box. Other requests may be asked before the rest."""
        self.ask.default_model  # noqa: B018 - asked for now, so that a missing catalogue is not a finding of every case
        self.found.reach.take(dict(state or {}))
        batches = cases.batches(self.ask.contract.name, self.effort, self.seed)
        with self.ask.asking("fuzz"):
            self.things = Things(
                self.ask, {batch.operation for batch in batches if any(map(is_bodily_wrong, batch.cases))}
            )
        self.found.reach.expect(batches)
        self._first = Schedule(batches, dict((state or {}).get("positions", {})))
        spent, started = self.ask.client.budget.spent, time.monotonic()
        self.deadline = started + FREE * self.effort.seconds
        self._run(self._first, self._in_time_of(self._first.first(), self._first.rest(free=True)))
        self.found.seconds, self.found.spent = time.monotonic() - started, self.ask.client.budget.spent - spent
        self.found.out_of_time = False  # the rest may still be asked

    def ask_rest(self) -> Exploration:
        """What is left, then other cases at random while there is time."""
        assert self._first is not None
        spent, started = self.ask.client.budget.spent, time.monotonic()
        self.deadline = started + self.effort.seconds - self.found.seconds
        self._run(self._first, self._in_time_of((), self._first.rest(), self._first.last()))
        self.found.positions = self._first.positions()
        while self.endless and self._in_time():
            self.found.rounds += 1
            more = cases.at_random(self.ask.contract.name, self.effort.seed_of(self.seed, self.found.rounds))
            if not any(batch.cases for batch in more):
                break
            self._round(more, {})
        if self.things is not None:
            self.things.clear()
        self.found.seconds += time.monotonic() - started
        self.found.spent += self.ask.client.budget.spent - spent
        return self.found

    def state(self) -> dict[str, Any]:
        """What a later run needs to go on from here."""
        return {"seed": self.seed, "positions": self.found.positions, **self.found.reach.state()}

    def _in_time(self) -> bool:
        return time.monotonic() < self.deadline

    def _round(self, batches: Iterable[Batch], positions: Mapping[str, int]) -> None:
        asked = [batch for batch in batches if not (batch.pays and self.found.rounds and not self.free_of_charge)]
        self.found.reach.expect(asked)
        schedule = Schedule(asked, positions)
        self._run(schedule, self._in_time_of(schedule.first(), schedule.rest(), schedule.last()))

    def _run(self, schedule: Schedule, due: Iterator[tuple[Lane, Any]]) -> None:
        for lane, case in due:
            if self.until and self.until <= self.found.causes.requirements:
                break
            self._one(schedule, lane, case)

    def _in_time_of(self, always: Due, timed: Due, at_last: Due = ()) -> Iterator[tuple[Lane, Any]]:
        """Cases that are asked whatever the time, those that are while there is some, and a few in any case."""
        yield from always
        for lane, case in timed:
            if not self._in_time():
                lane.asked -= 1
                self.found.out_of_time = True
                break
            yield lane, case
        yield from at_last

    @property
    def free_of_charge(self) -> bool:
        """Whether accepted requests cost nobody real money."""
        return self.ask.target.control is not None

    def _one(self, schedule: Schedule, lane: Lane, made: Any) -> None:
        case, batch = self.prepared(made, lane.batch), lane.batch
        try:
            asked = self.send(case, batch)
        except BudgetExceeded:
            lane.closed = self.found.out_of_money = True  # what is free goes on
            return
        if not asked.complete:
            self.found.asked.append(told(asked, batch))
            self.found.broken.append(asked)
            return
        wrong = list(self.wrong(case, batch, asked))
        self.found.asked.append(told(asked, batch))
        _count(self.found, batch.operation, batch.mode.value, asked)
        self.found.paid_calls += batch.kind is not None and asked.status < 300
        lane.paid += batch.pays and asked.status < 300
        for each in wrong:
            self._add(each, case, batch, asked)
        schedule.learned(lane, new=self.found.reach.note(batch, case, asked, (each.cause for each in wrong)))

    def prepared(self, made: Any, batch: Batch) -> Any:
        """The case as it is asked: to a real model and, when it is paid for, cheap to answer."""
        model = None if batch.kind is None else self._model(batch.kind)
        case = made.derive()
        if (there := self._there(case, batch)) is not None:
            case.path_parameters = there
        if batch.pays:
            case.body = cases.tamed(case.body, batch.kind, model, stream=self._streamed(case.body))
        else:
            case.body = cases.addressed(case.body, model, cases.example_models(self.ask.contract.name))
        return case

    def _there(self, case: Any, batch: Batch) -> dict[str, str] | None:
        """The path to a thing that is there, for a case whose body is what is wrong."""
        known = None if self.things is None else self.things.values.get(batch.operation)
        return dict(known) if known and is_bodily_wrong(case) else None

    def _model(self, kind: str) -> str | None:
        with contextlib.suppress(NotObserved):
            return self.ask.model_for(kind)
        return None

    def _streamed(self, body: Any) -> bool:
        """Whether to ask for a stream: the other way than the same body was asked, else so that members come even."""
        members = [*body] if isinstance(body, dict) else []
        need = {way: sum(1 / (1 + self._ways[name, way]) for name in members) for way in (False, True)}
        text = json.dumps(body, default=str, sort_keys=True)
        way = self._asked[text] = not self._asked[text] if text in self._asked else need[True] > need[False]
        self._ways.update((name, way) for name in members)
        return way

    def send(self, case: Any, batch: Batch) -> Exchange:
        """Ask it, once. Raises BudgetExceeded."""
        sent = case.as_transport_kwargs(base_url=self.ask.target.base_url)
        prepared = requests.Request(
            case.method, sent["url"], params=sent.get("params"), data=sent.get("data"), json=sent.get("json")
        ).prepare()
        body: Any = prepared.body or b""
        path = prepared.path_url.removeprefix(urlsplit(self.ask.target.base_url).path)
        with self.ask.asking("fuzz"):
            return self.ask.send(
                case.method,
                path,
                content=body.encode() if isinstance(body, str) else body or None,
                key=None if self._is_about_the_key(case) else "main" if self._there(case, batch) else self.key,
                headers=self._own_headers(dict(sent["headers"])),
                from_host=batch.rooted,
                secrets=given_away,
            )

    def wrong(self, case: Any, batch: Batch, asked: Exchange) -> Iterator[Wrong]:
        """Everything that is wrong with the answer to a case."""
        if failed(asked, refused=bool(batch.refused)):
            yield Wrong("OC-172", f"{batch.operation}: answered {asked.status}", None, f"to {_said(case)}")
        for requirement, checks in _BY_CHECK[batch.mode].items():
            yield from shape(case, self._revealed(asked), checks, requirement)
        yield from self.judges.wrong(asked)

    def _revealed(self, asked: Exchange) -> Exchange:
        """The answer with what it gave away, for its shape to be judged; findings are redacted again."""
        if not self.ask.client.issued or b"${ISSUED_SECRET" not in asked.body:
            return asked
        body = asked.body
        for placeholder, secret in self.ask.client.issued.items():
            body = body.replace(placeholder.encode(), secret.reveal().encode())
        return replace(asked, chunks=(Chunk(asked.end_ns, body),))

    def _own_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        ours = {*OURS, self.ask.contract.trait("auth.header").lower()}
        return {name: value for name, value in headers.items() if name.lower() not in ours}

    def _is_about_the_key(self, case: Any) -> bool:
        parameter = getattr(case.meta.phase.data, "parameter", None)
        return bool(parameter == self.ask.contract.trait("auth.header"))

    def _add(self, wrong: Wrong, case: Any, batch: Batch, asked: Exchange) -> None:
        self.found.causes.add(
            wrong.requirement,
            wrong.cause,
            [asked],
            batch.operation,
            expected=wrong.expected,
            observed=wrong.observed,
            case=(case, batch),
            rule=wrong.rule,
        )


def failed(asked: Exchange, *, refused: bool) -> bool:
    """Whether a server failed at a request. `refused`: it may, at one of this operation.

    schemathesis has a check of server errors as well, but it sends requests of its own past our budget.
    """
    busy = asked.status == 503 and asked.header("retry-after") is not None
    return asked.status >= 500 and not refused and not busy


def told(asked: Exchange, batch: Batch) -> Told:
    """What the rules need to know of an answer to judge it again."""
    return asked.id, batch.operation, batch.mode.value, bool(batch.refused)


def judged_again(known: Mapping[str, Any], exchanges: Mapping[str, Exchange], contract: Contract) -> Exploration:
    """What is wrong with saved answers to generated requests, as the run noted which they are.

    Rules tell without the case that was generated. What a request's own case decides (its shape, whether it had to be
    refused) is not looked at. A cause is shown by the shorter request that was found for it if that shows it, too.
    """
    found, judges = Exploration(out_of_money=known["out_of_money"]), Judges(contract)
    for name, operation, mode, refused in known["asked"]:
        x = exchanges[name]
        if not x.complete:
            found.broken.append(x)
            continue
        _count(found, operation, mode, x)
        for wrong in _wrong_again(judges, x, operation, refused=refused):
            found.causes.add(wrong.requirement, wrong.cause, [x], operation, rule=wrong.rule)
    for requirement, cause, (name, operation, _, refused) in known.get("shortened", ()):
        again = _wrong_again(judges, exchanges[name], operation, refused=refused)
        if any((wrong.requirement, wrong.cause) == (requirement, cause) for wrong in again):
            found.causes.show(requirement, cause, exchanges[name])
    return found


def _wrong_again(judges: Judges, x: Exchange, operation: str, *, refused: bool) -> Iterator[Wrong]:
    if failed(x, refused=refused):
        yield Wrong("OC-172", f"{operation}: answered {x.status}")
    yield from judges.wrong(x)


def _count(found: Exploration, operation: str, mode: str, asked: Exchange) -> None:
    counted = f"{operation} {mode}"
    found.cases[counted] = found.cases.get(counted, 0) + 1
    statuses = found.statuses.setdefault(operation, {})
    statuses[str(asked.status)] = statuses.get(str(asked.status), 0) + 1


def documented(ask: Ask) -> dict[str, tuple[str, ...]]:
    """The status codes that each operation documents."""
    return {one.name: one.documented for one in Operations(ask.contract).all}


def is_bodily_wrong(case: Any) -> bool:
    """Whether it was made to be refused for its body."""
    about = case.meta.phase.data
    negative = case.meta.generation.mode is GenerationMode.NEGATIVE
    return bool(negative and getattr(about, "parameter_location", None) is ParameterLocation.BODY)


def _said(case: Any) -> str:
    """What the case is about, in schemathesis's words."""
    return one_line(str(getattr(case.meta.phase.data, "description", None) or "a valid request"))
