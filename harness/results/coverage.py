"""Which operations and which status codes of a contract's OpenAPI document a run has seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from harness.asking.operations import Operation, Operations
from harness.wire.exchange import Exchange
from specs import Contract


@dataclass
class Seen:
    """How often each status answered one operation."""

    operation: Operation
    line: int | None  # of its operationId in openapi.yaml
    answers: Counter[str] = field(default_factory=Counter)

    def row(self) -> dict[str, Any]:
        one = self.operation
        return {
            "operation": one.name,
            "method": one.method,
            "path": one.path,
            "line": self.line,
            "calls": self.answers.total(),
            "statuses": dict(sorted(self.answers.items())),
            "unseen": [status for status in one.documented if not self.answers[status]],
            "undocumented": sorted(self.answers.keys() - set(one.documented)),
        }


class Coverage:
    """Counts answers by operation. Exchanges of other paths (a control API, an unknown path) are not counted."""

    def __init__(self, contract: Contract) -> None:
        self._operations = Operations(contract)
        lines = contract.operation_lines
        self._seen = {id(one): Seen(one, lines.get(one.name)) for one in self._operations.all}

    def operation(self, x: Exchange) -> str | None:
        """The operation that an exchange called; None for a path that the document does not have."""
        found = self._operations.of(x.request.method, x.request.url)
        return found.name if found else None

    def note(self, x: Exchange) -> None:
        if x.head_status is not None and (found := self._operations.of(x.request.method, x.request.url)):
            self._seen[id(found)].answers[str(x.head_status)] += 1

    def document(self) -> dict[str, Any]:
        """`coverage` of results.json."""
        seen = sorted(self._seen.values(), key=lambda each: (each.operation.path, each.operation.method))
        return {
            "operations": [each.row() for each in seen],
            "reached": sum(bool(each.answers) for each in seen),
            "of": len(seen),
            "statuses_seen": sum(each.answers[status] > 0 for each in seen for status in each.operation.documented),
            "statuses_documented": sum(len(each.operation.documented) for each in seen),
        }
