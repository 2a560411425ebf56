"""A log of OpenAI-style requests with what each cost: id, created, model, usage, cost."""

from __future__ import annotations

from harness.reconcile.ledgers.form import Form

OPENAI_LOG = Form(
    name="openai-log",
    title="OpenAI-style request log with a cost",
    columns={
        "id": ("id", "request_id"),
        "at": ("created", "created_at"),
        "charged": ("cost", "cost_usd", "usage.cost"),
        "model": ("model",),
        "account": ("user", "api_key", "organization"),
        "prompt_tokens": ("usage.prompt_tokens", "prompt_tokens"),
        "completion_tokens": ("usage.completion_tokens", "completion_tokens"),
    },
    marks=tuple(
        frozenset({name, "usage.prompt_tokens", cost})
        for name in ("id", "request_id")
        for cost in ("cost", "cost_usd", "usage.cost")
    ),
)
