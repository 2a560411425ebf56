"""Operations that cost money and are no chat: the model, its kind, the hold before the work and the charge after it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from mockserver.behaviours.admission import gate, place

if TYPE_CHECKING:
    from mockserver.call import Call


async def admit(call: Call, model: str, kinds: Collection[str], prompt_tokens: int, most: int = 0) -> None:
    """Find the model and hold the price of these tokens; refuses what chat refuses, and a model of another kind.

    `most` bounds the output tokens of one result.
    """
    call.model = model
    await gate(call)
    assert call.row is not None
    if call.row.kind not in kinds:
        raise call.gateway.refuse_wrong_kind(call, model)
    call.prompt_tokens, call.max_tokens = prompt_tokens, most
    if prompt_tokens > call.gateway.context_of(call, call.row):
        raise call.gateway.refuse_context(call, call.row.context)
    await place(call)
    await call.gateway.afford(call)


def settle(call: Call, completion_tokens: int = 0) -> dict[str, int]:
    """Charge what was used, and say it as usage."""
    prompt = call.prompt_tokens
    usage = {"prompt_tokens": prompt, "completion_tokens": completion_tokens}
    usage["total_tokens"] = prompt + completion_tokens
    call.gateway.settle_finished(call, usage)
    return usage
