"""Any table of charges: by the names of our own columns, or by a map such as `charged=cost_usd,unit=usd`."""

from __future__ import annotations

from dataclasses import replace

from harness.reconcile.columns import UNITS
from harness.reconcile.fault import BadInput
from harness.reconcile.ledgers.form import Form

PLAIN = Form(
    name="table",
    title="any CSV, JSON or Parquet table, with --map where its columns have other names",
    columns={
        "id": ("request_id", "id"),
        "at": ("at", "timestamp", "created_at", "time"),
        "charged": ("charged", "cost", "cost_usd", "amount"),
        "kind": ("kind",),
        "model": ("model",),
        "account": ("account", "api_key", "user"),
        "prompt_tokens": ("prompt_tokens", "input_tokens"),
        "completion_tokens": ("completion_tokens", "output_tokens"),
    },
    marks=tuple(
        frozenset({name, amount})
        for name in ("request_id", "id")
        for amount in ("charged", "cost", "cost_usd", "amount")
    ),
)


def mapped(form: Form, text: str) -> Form:
    """The form with some of its columns read from elsewhere. Raises BadInput for a key that there is not."""
    unit, columns = form.unit, dict(form.columns)
    for pair in text.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if key == "unit" and value in UNITS:
            unit = value
        elif key in PLAIN.columns and equals and value:
            columns[key] = (value,)
        else:
            expected = f"unit={'|'.join(UNITS)} or one of {', '.join(PLAIN.columns)}, as key=column"
            raise BadInput(f"--map: {pair!r}: expected {expected}")
    return replace(form, columns=columns, unit=unit)
