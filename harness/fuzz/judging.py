"""What is wrong with one answer to a generated request: its shape, and everything else. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response

from harness.fuzz.causes import Causes
from harness.judge import Rule, of_each, rules_for
from harness.wire.exchange import Exchange
from specs import Contract

JUDGED = "FZ-001"  # the requirement that every rule holds of every generated exchange
SHAPE = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong. `cause` is the same words wherever it is seen again."""

    requirement: str
    cause: str
    expected: str | None = None
    observed: str | None = None
    rule: str | None = None


class Judges:
    """Every rule that decides a requirement of the contract, over one exchange at a time."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.rules = rules_for(contract)

    def wrong(self, asked: Exchange, requirement: str = JUDGED) -> Iterator[Wrong]:
        """What the rules find: one a rule, however many problems it names."""
        for rule, (found, *_) in of_each(self.rules, asked, self.contract).items():
            yield Wrong(requirement, cause_of(rule), found.expected, _seen(found.message, found.observed), rule.name)

    def tell(self, causes: Causes, asked: Exchange, place: str, requirement: str = JUDGED) -> None:
        """Note what the rules find."""
        for wrong in self.wrong(asked, requirement):
            causes.add(
                requirement,
                wrong.cause,
                [asked],
                place,
                expected=wrong.expected,
                observed=wrong.observed,
                rule=wrong.rule,
            )


def cause_of(rule: Rule) -> str:
    """The words of a finding that say which rule found it, and nothing of the answer."""
    return f"an answer to a generated request breaks {rule.requirement}: {rule.name.replace('_', ' ')}"


def _seen(message: str, observed: str | None) -> str:
    return message if observed is None else f"{message}: {observed}"


def shape(case: Any, asked: Exchange, checks: tuple[str, ...], requirement: str) -> Iterator[Wrong]:
    """What schemathesis finds in the answer to one of its cases."""
    for failure in failures(case, asked, checks):
        said, schema, value = told(failure.message)
        named = failure.title if "Documented:" in said else f"{failure.title}: {said}"
        documented = said if named == failure.title else None
        status = f" {asked.status}" if documented else ""
        yield Wrong(requirement, named + status, schema or documented, value)


def failures(case: Any, asked: Exchange, checks: tuple[str, ...]) -> list[Failure]:
    """The failures of schemathesis's own checks; they see our exchange as one of its responses."""
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
        return one_line(message), None, None
    return f"{found['problem']} at {found['place']}"[:300], found["schema"][:300], (found["value"] or "")[:300] or None


def one_line(message: str) -> str:
    return " ".join(message.split())[:300]
