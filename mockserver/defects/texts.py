"""Defects of text completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.defects import defect, within
from mockserver.services.completions.operation import MEMBERS, as_chat, choice, chunk
from mockserver.services.members import anything, optional

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.gateway import Gateway
    from mockserver.upstream import Piece


def _is_text(call: Call) -> bool:
    return call.path.endswith("/completions") and not call.path.endswith("/chat/completions")


@defect("TC-001")
def answers_completions_as_chat(gateway: Gateway) -> Gateway:
    """The object of a text completion is chat.completion."""
    return within(gateway, "completions", completion_object="chat.completion")


@defect("TC-001")
def names_no_completion(gateway: Gateway) -> Gateway:
    """The id of a text completion is empty."""
    return within(gateway, "completions", completion_id=lambda call: "")


@defect("TC-002", also=("TC-004", "TC-006", "TC-007"))
def answers_completions_with_messages(gateway: Gateway) -> Gateway:
    """Choices hold a message and no text."""

    def messages(call: Call, index: int, pieces: list[Piece]) -> dict[str, Any]:
        made = choice(call, index, pieces)
        return {"index": index, "message": {"content": made["text"]}, "finish_reason": made["finish_reason"]}

    return within(gateway, "completions", choice=messages)


@defect("TC-002")
def finishes_completions_by_another_word(gateway: Gateway) -> Gateway:
    """finish_reason is eos."""

    def finished(call: Call, index: int, pieces: list[Piece]) -> dict[str, Any]:
        return {**choice(call, index, pieces), "finish_reason": "eos"}

    return within(gateway, "completions", choice=finished)


@defect("TC-003")
def adds_completions_up_wrongly(gateway: Gateway) -> Gateway:
    """total_tokens of a text completion is that of the output."""
    reported = gateway.reported_usage

    def wrong(call: Call, usage: dict[str, int]) -> Any:
        made = reported(call, usage)
        return {**usage, "total_tokens": usage["completion_tokens"]} if _is_text(call) else made

    return replace(gateway, reported_usage=wrong)


@defect("TC-004")
def goes_on_beyond_max_tokens(gateway: Gateway) -> Gateway:
    """Text completions ignore max_tokens."""

    def longer(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
        return {**as_chat(call, given), "max_tokens": 200}

    return within(gateway, "completions", as_chat=longer)


@defect("TC-004")
def says_stop_for_cut_texts(gateway: Gateway) -> Gateway:
    """A text completion that was cut ends with stop."""

    def stopped(call: Call, index: int, pieces: list[Piece]) -> dict[str, Any]:
        return {**choice(call, index, pieces), "finish_reason": "stop"}

    return within(gateway, "completions", choice=stopped)


@defect("TC-005", also=("TC-006",))
def streams_completions_as_chat(gateway: Gateway) -> Gateway:
    """Chunks of a text completion hold deltas."""
    return within(gateway, "completions", chunk=lambda call, made: made)


@defect("TC-005")
def finishes_streamed_texts_never(gateway: Gateway) -> Gateway:
    """No chunk of a streamed text has a finish_reason."""

    def unfinished(call: Call, made: dict[str, Any]) -> dict[str, Any] | None:
        shaped = chunk(call, made)
        return shaped and {**shaped, "choices": [{**each, "finish_reason": None} for each in shaped["choices"]]}

    return within(gateway, "completions", chunk=unfinished)


@defect("TC-006")
def streams_another_text(gateway: Gateway) -> Gateway:
    """Streamed texts are written in capitals."""

    def loud(call: Call, made: dict[str, Any]) -> dict[str, Any] | None:
        shaped = chunk(call, made)
        return shaped and {**shaped, "choices": [{**c, "text": f"{c['text']}!"} for c in shaped["choices"]]}

    return within(gateway, "completions", chunk=loud)


@defect("TC-007")
def goes_on_beyond_a_stop(gateway: Gateway) -> Gateway:
    """Text completions ignore stop."""

    def endless(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in as_chat(call, given).items() if name != "stop"}

    return within(gateway, "completions", as_chat=endless)


@defect("TC-010")
def completes_nothing(gateway: Gateway) -> Gateway:
    """A text completion without a prompt is answered."""

    def prompted(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
        return as_chat(call, {**given, "prompt": given["prompt"] if isinstance(given["prompt"], str) else "Hello"})

    return within(gateway, "completions", members={**MEMBERS, "prompt": optional(anything)}, as_chat=prompted)


@defect("TC-011", also=("VC-098",))
def completes_by_another_model(gateway: Gateway) -> Gateway:
    """An unknown model is replaced by the first that completes texts."""
    found = gateway.find_model

    def find(call: Call, model: str) -> Any:
        rows = call.state.catalogue.rows.values()
        return found(call, model) or (next((r for r in rows if r.kind == "chat"), None) if _is_text(call) else None)

    return replace(gateway, find_model=find)


@defect("TC-012")
def completes_for_anybody(gateway: Gateway) -> Gateway:
    """Text completions ask for no key."""

    def needs_key(call: Call) -> bool:
        return not _is_text(call) and gateway.needs_key(call)

    skipped = tuple(step for step in gateway.chat_steps if step.__name__ != "afford")
    decided = gateway.completions.gateway

    def unpaid(inner: Gateway) -> Gateway:
        return replace(decided(inner), chat_steps=skipped)

    return within(replace(gateway, needs_key=needs_key), "completions", gateway=unpaid)


@defect("TC-013")
def takes_any_bound_of_texts(gateway: Gateway) -> Gateway:
    """A wrong max_tokens of a text completion is replaced by the default."""

    def repaired(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
        made = as_chat(call, given)
        right = isinstance(made["max_tokens"], int) and made["max_tokens"] > 0
        return made if right else {**made, "max_tokens": 16}

    return within(gateway, "completions", as_chat=repaired)


@defect("TC-030")
def completes_for_nothing(gateway: Gateway) -> Gateway:
    """Text completions are not charged."""
    charge = gateway.charge
    return replace(gateway, charge=lambda call, usage: 0 if _is_text(call) else charge(call, usage))
