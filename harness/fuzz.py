"""Generated requests: valid and invalid ones from a contract's OpenAPI document, asked through our own client.

schemathesis makes the cases and judges shape; the recorded exchanges are judged by our rules like all others.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response

from harness.ask import Ask
from harness.exchange import Exchange
from harness.model import Finding
from specs import Contract

PAID = frozenset({"createChatCompletion"})  # an accepted request of these operations costs money
EXAMPLE_MODEL = "example-model"  # of our OpenAPI documents; no deployment serves it
MAX_TOKENS = 8
MAX_CHOICES = 2
LEAST = 8  # cases of an operation in a mode that are asked though time is out: none at all would observe nothing
SIGNED = {"Authorization": "Bearer a-key"}  # our client replaces it; given, so that generation spends nothing on it
SHAPE = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_BY_CHECK: Mapping[GenerationMode, Mapping[str, tuple[str, ...]]] = {
    GenerationMode.POSITIVE: {"OC-170": SHAPE, "OC-172": ("not_a_server_error",)},
    GenerationMode.NEGATIVE: {"OC-171": ("negative_data_rejection",), "OC-172": ("not_a_server_error",)},
}


@dataclass(frozen=True)
class Effort:
    """How much to ask within a time box: cases an operation, systematic (boundary values) and random ones.

    Refusals are free, so only valid requests of paid operations are few.
    """

    seconds: float = 5.0
    paid: int = 40
    free: int = 500
    random: int = 8

    def cases(self, operation: str, mode: GenerationMode) -> int:
        return self.paid if operation in PAID and mode is GenerationMode.POSITIVE else self.free


EFFORTS = {
    "quick": Effort(seconds=2.0, paid=8, free=60, random=0),
    "standard": Effort(),
    "full": Effort(seconds=180.0, paid=200, free=2000, random=200),
}


@dataclass
class Exploration:
    """What was asked and what was wrong with the answers, by requirement."""

    cases: dict[str, int] = field(default_factory=dict)  # "operation mode" -> cases asked
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)  # operation -> status -> answers
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    out_of_time: bool = False

    def figures(self) -> dict[str, Any]:
        """What the report shows of it."""
        return {"cases": self.cases, "statuses": self.statuses, "out_of_time": self.out_of_time}


class Explorer:
    """Explores every operation of a contract once."""

    def __init__(self, ask: Ask, effort: Effort, seed_number: int) -> None:
        self.ask, self.effort, self.seed = ask, effort, seed_number
        self.found = Exploration()
        self.deadline = time.monotonic() + effort.seconds

    def explore(self) -> Exploration:
        """All operations in both modes. Raises NotObserved when the target has no model to ask."""
        self.ask.default_model  # noqa: B018 - asked for now, so that a missing catalogue is not a finding of every case
        operations = list(_operations(self.ask.contract, self.ask.target.base_url))
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):  # the few that cost money come first
            for operation in operations:
                self._explore(operation, mode)
        return self.found

    def _explore(self, operation: Any, mode: GenerationMode) -> None:
        name = _id_of(operation)
        if mode is GenerationMode.NEGATIVE and "refused" in operation.tags:
            return  # a refused family declares no input that could be wrong
        for serial, case in enumerate(self._cases(operation, mode)):
            if serial >= LEAST and time.monotonic() > self.deadline:
                self.found.out_of_time = True
                return
            if mode is GenerationMode.POSITIVE and name in PAID:
                case.body = tamed(case.body, self.ask.default_model, stream=serial % 2 == 1)
            elif name in PAID:
                case.body = addressed(case.body, self.ask.default_model)
            self._judge(case, name, mode, self._asked(case))

    def _cases(self, operation: Any, mode: GenerationMode) -> list[Any]:
        """Boundary values of every parameter, shuffled so that a time box cuts evenly, then random cases."""
        schema = operation.schema
        settled = schema.config.generation_for(operation=operation)
        found = schema.iter_coverage_cases(operation, generation_modes=[mode], generation_config=settled)
        systematic = [case for case in found if case.method == operation.method.upper()]
        random.Random(self.seed).shuffle(systematic)  # noqa: S311 - a reproducible order
        return systematic[: self.effort.cases(_id_of(operation), mode)] + self._random(operation, mode)

    def _random(self, operation: Any, mode: GenerationMode) -> list[Any]:
        made: list[Any] = []
        if self.effort.random == 0 or not operation.body:
            return made  # where there is no body, the systematic cases are all there are

        @settings(
            max_examples=self.effort.random,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @seed(self.seed)
        @given(case=operation.as_strategy(generation_mode=mode, headers=SIGNED))
        def collect(case: Any) -> None:
            made.append(case)

        with contextlib.suppress(Unsatisfiable):  # an operation without input has no invalid one
            collect()
        return made

    def _asked(self, case: Any) -> Exchange:
        sent = case.as_transport_kwargs(base_url=self.ask.target.base_url)
        prepared = requests.Request(
            case.method, sent["url"], params=sent.get("params"), data=sent.get("data"), json=sent.get("json")
        ).prepare()
        body: Any = prepared.body or b""
        path = str(prepared.url).removeprefix(self.ask.target.base_url)
        with self.ask.asking("fuzz"):
            return self.ask.send(
                case.method,
                path,
                content=body.encode() if isinstance(body, str) else body or None,
                key=_key_of(case),
                headers=_own_headers(dict(sent["headers"])),
            )

    def _judge(self, case: Any, name: str, mode: GenerationMode, asked: Exchange) -> None:
        counted = f"{name} {mode.value}"
        self.found.cases[counted] = self.found.cases.get(counted, 0) + 1
        if not asked.complete:
            return  # the wire's fault; the suites that look at the wire report it
        statuses = self.found.statuses.setdefault(name, {})
        statuses[str(asked.status)] = statuses.get(str(asked.status), 0) + 1
        for requirement, checks in _BY_CHECK[mode].items():
            if requirement == "OC-172" and "refused" in case.operation.tags:
                continue  # 503 is what these answer
            for failure in _failures(case, asked, checks):
                self._add(requirement, f"{name}: {failure.title}: {_first_line(failure.message)}", asked)

    def _add(self, requirement: str, message: str, asked: Exchange) -> None:
        """Keep one finding a cause: the one with the shortest request."""
        finding = Finding(requirement, message, exchanges=(asked.id,))
        known = self.found.findings.setdefault(requirement, [])
        if finding.signature not in {other.signature for other in known}:
            known.append(finding)


def tamed(body: Any, model: str, *, stream: bool) -> Any:
    """A valid chat request that is cheap to answer: a real model, few tokens, few choices; still valid."""
    if not isinstance(body, Mapping):
        return body
    asked = {**body, "model": model, "max_tokens": MAX_TOKENS, "stream": stream}
    asked.pop("max_completion_tokens", None)
    if not stream:
        asked.pop("stream_options", None)
    if asked.get("n") is not None:
        asked["n"] = min(int(asked["n"]), MAX_CHOICES)
    offered = {tool["function"]["name"] for tool in asked.get("tools") or ()}
    choice = asked.get("tool_choice")
    named = choice["function"]["name"] if isinstance(choice, Mapping) else None
    if (named is not None and named not in offered) or not offered:
        asked.pop("tool_choice", None)
    return asked


def addressed(body: Any, model: str) -> Any:
    """An invalid chat request to a real model, unless the model is what is wrong: an unknown one is refused unread."""
    if isinstance(body, Mapping) and body.get("model") == EXAMPLE_MODEL:
        return {**body, "model": model}
    return body


def _operations(contract: Contract, base_url: str) -> Iterator[Any]:
    config = schemathesis.Config.from_dict({"base-url": base_url, "generation": {"database": "none"}})
    schema = schemathesis.openapi.from_dict(contract.openapi, config=config)
    for found in schema.get_all_operations():
        yield found.ok()  # type: ignore[union-attr] # our own documents hold no invalid operation


def _id_of(operation: Any) -> str:
    return str(operation.definition.raw.get("operationId", operation.label))


def _key_of(case: Any) -> str | None:
    """A case about a missing credential is sent without one; all others with the main key."""
    data = case.meta.phase.data
    return None if getattr(data, "parameter", None) == "Authorization" else "main"


def _own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    ours = {"authorization", "user-agent", "accept-encoding", "accept", "connection", "x-schemathesis-testcaseid"}
    return {name: value for name, value in headers.items() if name.lower() not in ours}


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


def _first_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines)[:300]
