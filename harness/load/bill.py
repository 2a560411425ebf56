"""The bill of a whole load, request by request and to the nano-dollar: every row of its table against a ledger."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.load.stream import ANSWERED, CUT
from harness.reconcile import Inputs, reconcile
from specs import Contract

COLUMNS = ("request_id", "completion_id", "model", "status", "outcome", "stream", "prompt_tokens", "completion_tokens")


def bill(
    rows: Iterable[Mapping[str, str]], entries: Iterable[Mapping[str, Any]], models: bytes, contract: Contract
) -> dict[str, Any]:
    """The reconciliation. `models` is the answer with the price list. Raises BadInput where nothing can be held."""
    with tempfile.TemporaryDirectory(prefix="assay-bill-") as name:
        calls, ledger, prices = (Path(name) / file for file in ("calls.csv", "ledger.jsonl", "models.json"))
        with calls.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(map(_call, rows))
        ledger.write_text("".join(json.dumps(dict(entry)) + "\n" for entry in entries), encoding="utf-8")
        prices.write_bytes(models)
        return reconcile(Inputs(calls, ledger, format="assay", prices=prices, contract=contract.name, pair="request"))


def _call(row: Mapping[str, str]) -> dict[str, str]:
    where = f"(no id) {row['worker']} {row['number']} {row['turn']}"
    return {
        "request_id": row["request_id"] or where,
        "completion_id": row["answer_id"],
        "model": row["model"],
        "status": row["status"],
        "outcome": _outcome(row),
        "stream": row["streamed"],
        "prompt_tokens": row["prompt_tokens"],
        "completion_tokens": row["completion_tokens"],
    }


def _outcome(row: Mapping[str, str]) -> str:
    """In the words of the reconciliation."""
    outcome = row["outcome"]
    if outcome in (ANSWERED, CUT):
        return "completed" if outcome == ANSWERED else "aborted"
    if outcome.startswith("no answer"):
        return "lost"
    if outcome.startswith("status "):
        return "refused" if row["status"].startswith("4") else "failed"
    return "stream-error"


def said(found: Mapping[str, Any], most: int = 3) -> str:
    """The verdict in words, with what explains most of it."""
    difference, totals = found["totals"]["difference_nano"], found["totals"]
    causes = [f"consistent with {row['cause']}: {row['says']} ({row['ids']} requests)" for row in found["findings"]]
    if rest := found["unexplained"]["ids"]:
        causes.append(f"{rest} requests are consistent with nothing that is known")
    told = f"{abs(difference)} nano-USD {'more' if difference > 0 else 'less'} than" if difference else "what"
    return f"{totals['charged_nano']} nano-USD were charged, {told} was due: {'; '.join(causes[:most]) or 'no cause'}"
