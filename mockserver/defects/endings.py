"""Defects of the bill where a request does not end as most do: refused, cut, failed, charged twice, lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from mockserver.behaviours import admission, billing, completion
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.billing import settling
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.upstream import Generation, Piece

Usage = dict[str, int]
FEE = 1_000  # nano-USD


def extra(call: Call, tokens: int) -> int:
    """What so many completion tokens more would cost."""
    return call.gateway.cost(call, 0, tokens)


def summed(prompt: int, completion: int) -> Usage:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def charged_anyway(call: Call, tokens: int) -> None:
    """A charge of its own for a request that holds nothing."""
    if call.key is None:
        return
    row = call.row or next(iter(call.state.catalogue.rows.values()))
    call.price = call.price or call.gateway.price_of(call, row)
    if call.state.ledger.reserve(f"{call.request_id}-fee", call.key.account, extra(call, tokens)):
        call.state.ledger.settle(f"{call.request_id}-fee", extra(call, tokens))


def fault_of(call: Call) -> str | None:
    """The scripted fault that a call has met."""
    return call.generation.fault.kind if call.generation is not None and call.generation.fault is not None else None


# --- Refused ----------------------------------------------------------------------------------------------------


@defect(breaks="BL-010", also=("BL-031",), seen=("B68",))
def charges_for_requests_it_refuses(gateway: Gateway) -> Gateway:
    """Charges the prompt of a request whose parameters it then refuses."""

    async def validate(call: Call) -> None:
        try:
            await admission.validate(call)
        except Refusal:
            charged_anyway(call, 20)
            raise

    steps = tuple(validate if step is admission.validate else step for step in gateway.chat_steps)
    return replace(gateway, chat_steps=steps)


@defect(breaks="BL-010", also=("BL-031",))
def charges_for_models_it_does_not_have(gateway: Gateway) -> Gateway:
    """Charges a fee for a request for a model that it does not have."""

    def refuse(call: Call, model: str) -> Refusal:
        if call.path.endswith("/chat/completions"):
            charged_anyway(call, 5)
        return gateway.refuse_unknown_model(call, model)

    return replace(gateway, refuse_unknown_model=refuse)


@defect(breaks="BL-013", also=("VT-098",))
def charges_when_its_provider_refuses(gateway: Gateway) -> Gateway:
    """Charges the prompt of a request that its provider did not take."""

    def void(call: Call) -> None:
        if fault_of(call) != "refuse":
            billing.void_failed(call)
            return
        gateway.settle(call, summed(call.prompt_tokens, 0))

    return replace(gateway, void_failed=void)


@defect(breaks="BL-013")
def keeps_the_hold_when_its_provider_is_busy(gateway: Gateway) -> Gateway:
    """Never releases what was held for a request that its provider answered with an error."""
    return replace(gateway, void_failed=lambda call: None if fault_of(call) == "refuse" else billing.void_failed(call))


# --- Tools, limits, stops ---------------------------------------------------------------------------------------


def calls_tools(usage_of: Callable[[Usage], Usage]) -> Callable[[Call, Usage], int]:
    """A charge that differs where tools were offered."""

    def charge(call: Call, usage: Usage) -> int:
        return billing.charge(call, usage_of(usage) if call.body.get("tools") else usage)

    return charge


@defect(breaks="BL-011", also=("BL-022",), seen=("B85",))
def gives_tool_calls_away(gateway: Gateway) -> Gateway:
    """Charges the prompt alone for an answer that calls a tool."""
    return replace(gateway, charge=calls_tools(lambda usage: summed(usage["prompt_tokens"], 0)))


@defect(breaks="BL-011", also=("BL-022",))
def charges_the_definitions_of_tools_twice(gateway: Gateway) -> Gateway:
    """Charges the prompt twice where tools are offered, once for the model and once for the tools."""
    return replace(
        gateway, charge=calls_tools(lambda usage: summed(2 * usage["prompt_tokens"], usage["completion_tokens"]))
    )


@defect(breaks="BL-012", also=("BL-022",))
def charges_what_the_stop_sequence_cut_off(gateway: Gateway) -> Gateway:
    """Charges the most tokens a request may have when it names a stop sequence."""

    def charge(call: Call, usage: Usage) -> int:
        tokens = call.max_tokens if call.body.get("stop") else usage["completion_tokens"]
        return call.gateway.cost(call, usage["prompt_tokens"], tokens)

    return replace(gateway, charge=charge)


@defect(breaks="BL-012", also=("BL-001", "BL-022", "VT-091", "VT-094"))
def charges_a_token_more_for_a_cut(gateway: Gateway) -> Gateway:
    """Counts the token at which an answer was cut, although nobody got it."""

    def charge(call: Call, usage: Usage) -> int:
        cut = usage["completion_tokens"] >= call.max_tokens
        return call.gateway.cost(call, usage["prompt_tokens"], usage["completion_tokens"] + cut)

    return replace(gateway, charge=charge)


# --- What the provider reports ----------------------------------------------------------------------------------


class Reading:
    """A generation whose usage is put together from all reports of the provider, instead of taking the last."""

    def __init__(self, generation: Generation, reads: Callable[[list[Usage]], Usage]) -> None:
        self._generation, self._reads, self._reports = generation, reads, list[Usage]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generation, name)

    def due(self) -> None:
        """Everything goes by `next`."""

    async def next(self) -> Piece | None:
        piece = await self._generation.next()
        if piece is None or piece.usage is None:
            return piece
        self._reports.append(piece.usage)
        return piece._replace(usage=self._reads(self._reports))


def reading(gateway: Gateway, reads: Callable[[list[Usage]], Usage]) -> Gateway:
    """A gateway that makes something else of the reports of a stream."""

    def start(call: Call) -> Generation:
        return cast(Generation, Reading(gateway.start_upstream(call), reads))

    return replace(gateway, start_upstream=start)


@defect(breaks="BL-014", seen=("B13", "B14"))
def adds_up_cumulative_usage(gateway: Gateway) -> Gateway:
    """Adds up every usage of a stream, although each holds the ones before it."""

    def total(reports: list[Usage]) -> Usage:
        return {name: sum(report[name] for report in reports) for name in reports[0]}

    return reading(gateway, total)


@defect(breaks="BL-014", seen=("B04",))
def takes_the_first_usage_of_a_stream(gateway: Gateway) -> Gateway:
    """Charges the usage that the provider reported after the first piece."""
    return reading(gateway, lambda reports: reports[0])


@defect(breaks="BL-014", seen=("B14",))
def takes_the_last_difference_of_usage(gateway: Gateway) -> Gateway:
    """Takes the difference of the last two reports for what a stream came to."""

    def difference(reports: list[Usage]) -> Usage:
        if len(reports) == 1:
            return reports[0]
        return {name: max(0, reports[-1][name] - reports[-2][name]) for name in reports[0]}

    return reading(gateway, difference)


@defect(breaks="BL-015", seen=("B05",))
def takes_zero_for_unknown(gateway: Gateway) -> Gateway:
    """Charges the whole estimate where the provider reports a usage of zero."""

    def usage_of(call: Call, upstream: Usage | None) -> Usage:
        if upstream is not None and not upstream["total_tokens"]:
            return summed(call.prompt_tokens, call.max_tokens)
        return completion.usage_of(call, upstream)

    return replace(gateway, usage_of=usage_of)


@defect(breaks="BL-015", seen=("B19",))
def charges_a_flat_rate_for_zero(gateway: Gateway) -> Gateway:
    """Charges 384 tokens for an answer whose usage is zero."""

    def usage_of(call: Call, upstream: Usage | None) -> Usage:
        if upstream is not None and not upstream["total_tokens"]:
            return summed(call.prompt_tokens, 384)
        return completion.usage_of(call, upstream)

    return replace(gateway, usage_of=usage_of)


@defect(breaks="BL-016", seen=("B10",))
def charges_the_text_of_the_error(gateway: Gateway) -> Gateway:
    """Counts the bytes of the error message as tokens of the answer."""

    def settle(call: Call, usage: Usage) -> None:
        tokens = usage["completion_tokens"] + len(gateway.refuse_upstream(call).message) * 4
        settling(lambda call, usage: call.gateway.cost(call, usage["prompt_tokens"], tokens))(call, usage)

    return replace(gateway, settle_dropped=settle)


@defect(breaks="BL-016", also=("VT-098",))
def charges_the_bound_after_an_error(gateway: Gateway) -> Gateway:
    """Charges every token that might have come when a stream ends with an error."""

    def settle(call: Call, usage: Usage) -> None:
        settling(lambda call, usage: call.gateway.cost(call, usage["prompt_tokens"], call.max_tokens))(call, usage)

    return replace(gateway, settle_dropped=settle)


@defect(breaks="BL-017", also=("BL-002", "VT-091", "VT-094", "BL-018", "BL-022", "BL-014"))
def charges_by_the_chunk(gateway: Gateway) -> Gateway:
    """Charges a stream a token for every chunk that it sent, whatever the usage says."""

    def settle(call: Call, usage: Usage) -> None:
        chunks = call.generation.record.chunks if call.streams and call.generation else usage["completion_tokens"]
        settling(lambda call, usage: call.gateway.cost(call, usage["prompt_tokens"], chunks))(call, usage)

    return replace(gateway, settle_finished=settle)


# --- Time, and answers that are lost ----------------------------------------------------------------------------


@defect(breaks=("BL-018", "VT-091", "VC-120", "VC-121"), also=("VT-094", "VT-092", "BL-022", "VT-042"))
def charges_for_the_time_a_stream_takes(gateway: Gateway) -> Gateway:
    """Adds a fee for every hundredth of a second that an answer was on its way."""

    def charge(call: Call, usage: Usage) -> int:
        record = call.generation.record if call.generation is not None else None
        spent = call.state.clock.now() - record.started if record is not None and call.streams else 0.0
        return billing.charge(call, usage) + FEE * int(spent * 100)

    return replace(gateway, charge=charge)


@defect(breaks="BL-019", also=("VT-097", "VT-100", "BL-030", "BL-031"), seen=("B37", "B38"))
def charges_a_lost_answer_again(gateway: Gateway) -> Gateway:
    """Charges a stream whose client left, and once more under an id of its own."""

    def settle(call: Call, usage: Usage) -> None:
        again = gateway.charge(call, usage)
        gateway.settle(call, usage)
        if call.key is not None and call.state.ledger.reserve(f"{call.request_id}-again", call.key.account, again):
            call.state.ledger.settle(f"{call.request_id}-again", again)

    return replace(gateway, settle_aborted=settle)
