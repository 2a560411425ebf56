"""What the generated requests have reached: operation x status x media type, and operation x bound of a parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from harness.fuzz.cases import Batch
from harness.wire.exchange import Exchange

SHOWN = 40  # bounds that were not reached, in results.json


def bound_of(case: Any) -> str:
    """Which bound of which parameter a case is about: its place in the schema and on which side of it the value is."""
    data = case.meta.phase.data
    scenario = getattr(data, "scenario", None)
    where = getattr(data.parameter_location, "value", None) or "request"
    place = data.location or data.parameter or ""
    return f"{where} {place} {scenario.value if scenario is not None else 'random'}"


class Reach:
    """Counts, and says whether an answer was of a kind that nobody had seen."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, str]] = Counter()
        self.bounds: Counter[tuple[str, str]] = Counter()
        self._known: set[tuple[str, ...]] = set()
        self._possible: dict[str, set[str]] = {}

    def expect(self, batches: Iterable[Batch]) -> None:
        """The bounds that there are cases for."""
        for batch in batches:
            self._possible.setdefault(batch.operation, set()).update(map(bound_of, batch.cases))

    def note(self, batch: Batch, case: Any, x: Exchange, causes: Iterable[str]) -> bool:
        """Count an answer; true when its status, its error code or what is wrong with it is new for the operation."""
        media = x.media_type or "none"
        self.answers[batch.operation, str(x.head_status), media] += 1
        bound = batch.operation, bound_of(case)
        fresh = (*bound,) if not self.bounds[bound] else None
        self.bounds[bound] += 1
        kind = (batch.operation, batch.mode.value, str(x.head_status), media, code_of(x), *sorted(causes))
        new = kind not in self._known
        self._known.add(kind)
        return new or fresh is not None

    def take(self, state: dict[str, Any]) -> None:
        """Go on from what an earlier run had reached."""
        self.answers.update({tuple(key.split("\t")): n for key, n in state.get("answers", {}).items()})
        self.bounds.update({tuple(key.split("\t")): n for key, n in state.get("bounds", {}).items()})
        self._known.update(tuple(kind) for kind in state.get("known", ()))

    def state(self) -> dict[str, Any]:
        return {
            "answers": {"\t".join(key): n for key, n in sorted(self.answers.items())},
            "bounds": {"\t".join(key): n for key, n in sorted(self.bounds.items())},
            "known": sorted(map(list, self._known)),
        }

    def document(self, documented: dict[str, tuple[str, ...]]) -> dict[str, Any]:
        """What the report shows; `documented` has the status codes of each operation."""
        reached = {(operation, status) for operation, status, _ in self.answers}
        missed = [
            f"{operation} {bound}"
            for operation, bounds in sorted(self._possible.items())
            for bound in sorted(bounds)
            if not self.bounds[operation, bound]
        ]
        possible = sum(map(len, self._possible.values()))
        return {
            "answers": [
                {"operation": operation, "status": status, "media_type": media, "answers": n}
                for (operation, status, media), n in sorted(self.answers.items())
            ],
            "statuses_reached": sum((name, s) in reached for name, codes in documented.items() for s in codes),
            "statuses_documented": sum(map(len, documented.values())),
            "bounds_reached": possible - len(missed),
            "bounds": possible,
            "bounds_missed": missed[:SHOWN],
            "kinds_of_answers": len(self._known),
        }


def code_of(x: Exchange) -> str:
    """The word by which an error tells itself from others, wherever the envelope has it."""
    document = x.json if x.complete and not x.is_stream else None
    if not isinstance(document, dict):
        return ""
    inner = document.get("error")
    words = [inner.get("code"), inner.get("type"), inner.get("param")] if isinstance(inner, dict) else [inner]
    return " ".join(str(word) for word in (*words, document.get("code")) if isinstance(word, str | int))[:100]
