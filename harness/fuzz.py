"""Generated requests: valid and invalid ones from a contract's OpenAPI document, asked through our own client.

schemathesis makes the cases and judges shape; the recorded exchanges are judged by our rules like all others.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response

from harness.ask import Ask, Credential
from harness.budget import BudgetExceeded
from harness.cases import Batch, Effort, addressed, batches, example_models, tamed
from harness.exchange import Exchange
from harness.model import Finding, NotObserved

ALLOWANCE_USD = "5"  # of the account that pays for generated requests, where one can be opened
LEAST = 8  # cases of an operation in a mode that are asked though time is out: none at all would observe nothing
SHAPE = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_BY_CHECK: Mapping[GenerationMode, Mapping[str, tuple[str, ...]]] = {
    GenerationMode.POSITIVE: {"OC-170": SHAPE},
    GenerationMode.NEGATIVE: {"OC-171": ("negative_data_rejection",)},
}

OURS = {"user-agent", "accept-encoding", "accept", "connection", "x-schemathesis-testcaseid"}  # headers not taken over


@dataclass
class Exploration:
    """What was asked and what was wrong with the answers, by requirement."""

    cases: dict[str, int] = field(default_factory=dict)  # "operation mode" -> cases asked and answered
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)  # operation -> status -> answers
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    broken: list[Exchange] = field(default_factory=list)  # without a whole answer: nothing can be said of them
    out_of_time: bool = False
    unaffordable: int = 0  # cases that were not asked: an answer could cost more than the cap leaves

    def figures(self) -> dict[str, Any]:
        """What the report shows of it."""
        return {
            "cases": self.cases,
            "statuses": self.statuses,
            "out_of_time": self.out_of_time,
            "unaffordable": self.unaffordable,
        }


class Explorer:
    """Explores every operation of a contract once."""

    def __init__(self, ask: Ask, effort: Effort, seed_number: int) -> None:
        self.ask, self.effort, self.seed = ask, effort, seed_number
        self.found = Exploration()
        self.deadline = 0.0
        # Hundreds of requests would use up the limit of the main key, which all other checks share.
        self.key: Credential = "main"
        if ask.target.control is not None:
            self.key = ask.control.issue_key(balance_usd=ALLOWANCE_USD)

    def explore(self) -> Exploration:
        """All operations in both modes. Raises NotObserved when the target has no model to ask."""
        self.ask.default_model  # noqa: B018 - asked for now, so that a missing catalogue is not a finding of every case
        made = batches(self.ask.contract.name, self.effort, self.seed)
        self.deadline = time.monotonic() + self.effort.seconds
        for batch in made:
            self._explore(batch)
        return self.found

    def _explore(self, batch: Batch) -> None:
        model = None
        if batch.kind is not None:
            with contextlib.suppress(NotObserved):  # an operation that names no model
                model = self.ask.model_for(batch.kind)
        examples = example_models(self.ask.contract.name)
        name = f"cases of {batch.operation}, {batch.mode.value}"
        last = self.ask.notes.known(name)
        for serial, made in enumerate(batch.cases):
            if self._is_late(serial, last):
                self.ask.notes.note(name, serial)
                self.found.out_of_time = True
                return
            case = made.derive()
            if batch.pays:
                case.body = tamed(case.body, batch.kind, model, stream=serial % 2 == 1)
            else:
                case.body = addressed(case.body, model, examples)
            try:
                answer = self._asked(case, rooted=batch.rooted)
            except BudgetExceeded:
                self.found.unaffordable += 1  # should a server answer what it must refuse
                continue
            self._judge(case, batch, answer)

    def _is_late(self, serial: int, last: int | None) -> bool:
        """Whether the time box ends here; `last` is where it ended in a run that is played."""
        if self.ask.notes.plays:
            return serial == last
        return serial >= LEAST and time.monotonic() > self.deadline

    def _asked(self, case: Any, *, rooted: bool) -> Exchange:
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
                key=None if self._is_about_the_key(case) else self.key,
                headers=self._own_headers(dict(sent["headers"])),
                from_host=rooted,
            )

    def _own_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        ours = {*OURS, self.ask.contract.trait("auth.header").lower()}
        return {name: value for name, value in headers.items() if name.lower() not in ours}

    def _is_about_the_key(self, case: Any) -> bool:
        parameter = getattr(case.meta.phase.data, "parameter", None)
        return bool(parameter == self.ask.contract.trait("auth.header"))

    def _judge(self, case: Any, batch: Batch, asked: Exchange) -> None:
        if not asked.complete:
            self.found.broken.append(asked)
            return
        counted = f"{batch.operation} {batch.mode.value}"
        self.found.cases[counted] = self.found.cases.get(counted, 0) + 1
        statuses = self.found.statuses.setdefault(batch.operation, {})
        statuses[str(asked.status)] = statuses.get(str(asked.status), 0) + 1
        # schemathesis has a check of server errors as well, but it sends requests of its own past our budget.
        busy = asked.status == 503 and asked.header("retry-after") is not None
        if asked.status >= 500 and not batch.refused and not busy:
            self._add("OC-172", f"{batch.operation}: answered {asked.status} to {_said(case)}", asked)
        for requirement, checks in _BY_CHECK[batch.mode].items():
            for failure in _failures(case, asked, checks):
                said, schema, value = told(failure.message)
                self._add(requirement, f"{batch.operation}: {failure.title}: {said}", asked, schema, value)

    def _add(
        self, requirement: str, message: str, asked: Exchange, expected: str | None = None, observed: str | None = None
    ) -> None:
        """Keep one finding a cause: the one with the shortest request."""
        finding = Finding(requirement, message, expected, observed, exchanges=(asked.id,))
        known = self.found.findings.setdefault(requirement, [])
        if finding.signature not in {other.signature for other in known}:
            known.append(finding)


def _said(case: Any) -> str:
    """What the case is about, in schemathesis's words."""
    return _one_line(str(getattr(case.meta.phase.data, "description", None) or "a valid request"))


def _failures(case: Any, asked: Exchange, checks: tuple[str, ...]) -> list[Failure]:
    try:
        case.validate_response(_response(asked), checks=[CHECKS.get_one(name) for name in checks])
    except FailureGroup as group:
        return [failure for failure in group.exceptions if isinstance(failure, Failure)]
    return []


def _response(asked: Exchange) -> Response:
    headers: dict[str, list[str]] = {}
    for name, value in asked.headers:
        headers.setdefault(name.lower(), []).append(value)
    return Response(
        status_code=asked.status,
        headers=headers,
        content=asked.body,
        request=requests.Request(asked.request.method, asked.request.url, data=asked.request.body).prepare(),
        elapsed=asked.end_ns / 1e9,
        verify=True,
        encoding="utf-8",
    )


_TOLD = re.compile(
    r"(?P<problem>.*?)(?: Validated against .*?\.)?"
    r"(?: Schema at (?P<place>\S+): (?P<schema>.*?))?(?: Value: (?P<value>.*))?"
)


def told(message: str) -> tuple[str, str | None, str | None]:
    """What schemathesis says as ours: what is wrong and where, the schema, the value. Other words stay whole."""
    found = _TOLD.fullmatch(" ".join(message.split()))
    if found is None or found["place"] is None:
        return _one_line(message), None, None
    return f"{found['problem']} at {found['place']}"[:300], found["schema"][:300], (found["value"] or "")[:300] or None


def _one_line(message: str) -> str:
    return " ".join(message.split())[:300]
