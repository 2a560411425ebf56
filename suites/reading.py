"""What an answer said. An answer that a reasoning model spent on thinking says nothing, and is not held against it."""

from __future__ import annotations

from harness.judge import chat
from harness.model import NotObserved
from harness.wire.exchange import Exchange, TargetFault


def accepted(x: Exchange, what: str = "the request") -> Exchange:
    """An answer with 200. A target that is busy has said nothing about what was asked: that is no breach, but a gap."""
    if x.status == 429 or (x.status == 503 and x.header("retry-after") is not None):
        raise TargetFault(f"the target is busy: {what} was answered with {x.status}", x.id)
    assert x.status == 200, f"{what} was answered with {x.status}"
    if x.broken:
        raise TargetFault(
            f"{what} was answered with 200, but no whole answer came: {x.fault and x.fault.message}", x.id
        )
    return x


def said(x: Exchange, index: int = 0) -> str:
    """The text of a choice of a successful answer."""
    text = chat.content(accepted(x), index)
    if not text and chat.finish_reason(x, index) == "length" and _thought(x, index):
        raise NotObserved("the model used up its tokens on reasoning before it said anything")
    return text


def tokens(x: Exchange, name: str = "completion_tokens") -> int:
    """A count of the answer's usage."""
    count = chat.token_count(accepted(x), name)
    assert count is not None, f"the answer has no integer {name}"
    return count


def _thought(x: Exchange, index: int) -> bool:
    details = chat.member(chat.usage(x), "completion_tokens_details")
    message = chat.message(x, index)
    shown = message.get("reasoning") or message.get("reasoning_content")
    return bool(shown or chat.member(details, "reasoning_tokens"))
