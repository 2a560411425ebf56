"""The reference values seen so far, in a file: what came first is remembered, and what comes back older is told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from harness.attest.gpu import Sighting, judge_ledger
from harness.attest.verdict import Problem


class LedgerError(ValueError):
    """A ledger that cannot be read. It is never replaced: what it remembers cannot be fetched again."""


class Ledger:
    """One JSON object a line: id, content, signed_from, first_seen. Lines are only ever added."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, met: Iterable[Sighting], now: datetime) -> tuple[Problem, ...]:
        """Compare with what was seen before, and remember what is new. Raises LedgerError."""
        found, seen = list(met), self._seen()
        problems = tuple(judge_ledger(seen, found))
        new = [sighting for sighting in dict.fromkeys(found) if sighting not in seen]
        if new:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(_line(sighting, now) for sighting in new)
        return problems

    def _seen(self) -> list[Sighting]:
        if not self._path.exists():
            return []
        rows = self._path.read_text(encoding="utf-8").splitlines()
        return [self._sighting(number, row) for number, row in enumerate(rows, 1)]

    def _sighting(self, number: int, row: str) -> Sighting:
        try:
            document = json.loads(row)
            signed_from = datetime.fromisoformat(document["signed_from"])
            if signed_from.tzinfo is None:
                raise ValueError("signed_from has no time zone")
            return Sighting(str(document["id"]), str(document["content"]), signed_from)
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(f"{self._path}:{number}: no line of a ledger: {error}") from error


def _line(sighting: Sighting, now: datetime) -> str:
    document = {
        "id": sighting.rim_id,
        "content": sighting.content,
        "signed_from": sighting.signed_from.isoformat(),
        "first_seen": now.isoformat(timespec="seconds"),
    }
    return json.dumps(document) + "\n"
