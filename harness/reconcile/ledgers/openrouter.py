"""Records of a generation, as OpenRouter answers for one id: cost in USD, tokens as the model itself counts them."""

from __future__ import annotations

from harness.reconcile.ledgers.form import Form

_MEMBERS = {
    "id": ("id",),
    "at": ("created_at",),
    "charged": ("total_cost",),
    "model": ("model",),
    "prompt_tokens": ("native_tokens_prompt", "tokens_prompt"),
    "completion_tokens": ("native_tokens_completion", "tokens_completion"),
}

OPENROUTER = Form(
    name="openrouter",
    title="OpenRouter-style generation records, bare or each inside `data`",
    columns={ours: (*theirs, *(f"data.{name}" for name in theirs)) for ours, theirs in _MEMBERS.items()},
    marks=(frozenset({"id", "total_cost"}), frozenset({"data.id", "data.total_cost"})),
    pairs_by="completion",
)
