"""The export of the mock's own ledger: one transfer a line, in whole nano-USD."""

from __future__ import annotations

from harness.reconcile.ledgers.form import Form

ASSAY = Form(
    name="assay",
    title="the mock's own ledger, JSON lines",
    columns={
        "id": ("request_id",),
        "at": ("at",),
        "charged": ("nano_usd",),
        "kind": ("kind",),
        "model": ("model",),
        "account": ("account",),
        "prompt_tokens": ("prompt_tokens",),
        "completion_tokens": ("completion_tokens",),
    },
    marks=(frozenset({"request_id", "nano_usd", "kind"}),),
    unit="nano",
    pairs_by="request",
)
