"""Rows of LiteLLM's spend log (`/spend/logs`, or the table behind it): spend in USD, one row a request."""

from __future__ import annotations

from harness.reconcile.ledgers.form import Form

LITELLM = Form(
    name="litellm",
    title="LiteLLM spend logs",
    columns={
        "id": ("request_id",),
        "at": ("endTime", "startTime"),
        "charged": ("spend",),
        "model": ("model_group", "model"),
        "account": ("api_key",),
        "prompt_tokens": ("prompt_tokens",),
        "completion_tokens": ("completion_tokens",),
    },
    marks=(frozenset({"request_id", "spend", "startTime"}),),
)
