"""Asks a counter-example again and judges the answer by what had found it. For the pytest file of a run's folder."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import schemathesis

import specs
from harness.asking.ask import Ask
from harness.asking.operations import Operations
from harness.fuzz.judging import JUDGED, SHAPE, Judges, Wrong, shape
from harness.redact import Redactor
from harness.target import load
from harness.wire.budget import Budget
from harness.wire.client import Client
from harness.wire.exchange import Exchange
from harness.wire.journal import Journal

CAP_USD = Decimal("0.05")  # of one question


class Replay:
    """One target. Raises TargetError and SpecError as a run does."""

    def __init__(self, contract: str, target: str) -> None:
        self.contract, self.target = specs.load(contract), load(target)

    def wrong(self, case: Mapping[str, Any]) -> list[str]:
        """What is still wrong in the answer, in words; empty when it is not so any more."""
        asked = self._asked(case).answered()
        return [f"{wrong.requirement}: {wrong.cause}: {wrong.observed}" for wrong in self._judged(case, asked)]

    def _asked(self, case: Mapping[str, Any]) -> Exchange:
        redactor = Redactor(self.target.secrets())
        journal = Journal(None, redactor)
        client = Client(self.target, redactor, Budget.for_target(CAP_USD, self.target, self.contract), journal)
        try:
            return Ask(self.contract, self.target, client).send(
                case["method"],
                case["path"],
                content=case["body"] or None,
                headers=case["headers"],
                key="main" if case["with_key"] else None,
                from_host=True,
            )
        finally:
            client.close()

    def _judged(self, case: Mapping[str, Any], asked: Exchange) -> list[Wrong]:
        requirement = case["requirement"]
        if requirement == JUDGED:
            return [wrong for wrong in Judges(self.contract).wrong(asked) if wrong.rule == case["rule"]]
        if requirement == "OC-170":
            return list(shape(self._schemathesis_case(asked), asked, SHAPE, requirement))
        bad = asked.status >= 500 if requirement == "OC-172" else not 400 <= asked.status < 500
        return [Wrong(requirement, case["said"], None, f"status {asked.status}")] if bad else []

    def _schemathesis_case(self, asked: Exchange) -> Any:
        called = Operations(self.contract).of(asked.request.method, asked.request.url)
        for operation in _schema(self.contract.name).get_all_operations():
            found = operation.ok()
            if called is not None and found.definition.raw.get("operationId") == called.name:
                return found.Case()
        raise LookupError(f"{asked.request.method} {asked.request.url} is no operation of {self.contract.name}")


@functools.cache
def _schema(contract: str) -> Any:
    config = schemathesis.Config.from_dict({"base-url": "http://target.invalid", "generation": {"database": "none"}})
    return schemathesis.openapi.from_dict(specs.load(contract).openapi, config=config)
