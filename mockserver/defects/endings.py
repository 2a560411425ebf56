"""Defects of the bill where a request does not end as most do: refused, cut, failed, counted twice, lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from mockserver.behaviours import admission, billing, completion, routes
from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.defects.billing import settling
from mockserver.gateway import Gateway
from mockserver.ledger import NANO, Charge
from mockserver.refusal import Refusal
from mockserver.upstream import Generation, Piece
from mockserver.wire import number

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


# --- Counts -----------------------------------------------------------------------------------------------------


@defect(breaks="BL-001", also=("VT-091",))
def reports_one_choice_of_several(gateway: Gateway) -> Gateway:
    """Reports, and charges, the tokens of one choice of several."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, tokens // gateway.choices_of(job.body))

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-001", seen=("B16",))
def counts_the_prompt_into_every_choice(gateway: Gateway) -> Gateway:
    """Adds the prompt to the completion of every further choice."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, tokens + prompt * (gateway.choices_of(job.body) - 1))

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-002", seen=("B16", "B17"))
def counts_the_end_of_a_stream_as_a_token(gateway: Gateway) -> Gateway:
    """Counts one token more for a stream than for the same answer in one piece."""

    def usage_of(call: Call, upstream: Usage | None) -> Usage:
        usage = completion.usage_of(call, upstream)
        return summed(usage["prompt_tokens"], usage["completion_tokens"] + call.streams)

    return replace(gateway, usage_of=usage_of)


@defect(breaks="BL-002")
def counts_the_request_of_a_stream_into_its_prompt(gateway: Gateway) -> Gateway:
    """Counts the options of a stream as if they were part of the prompt."""

    def count(body: dict[str, Any]) -> int:
        return gateway.count_prompt(body) + 3 * bool(body.get("stream"))

    return replace(gateway, count_prompt=count)


@defect(breaks="BL-003", also=("BL-001", "OC-142", "BL-002"))
def counts_words_for_tokens(gateway: Gateway) -> Gateway:
    """Counts the words of an answer, which are fewer than its tokens."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, -(-tokens * 3 // 4))

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-003", also=("BL-001",))
def counts_completions_with_a_tenth_more(gateway: Gateway) -> Gateway:
    """Counts a tenth more tokens than an answer has, which no plausibility shows."""

    def usage(job: Any, prompt: int, tokens: int) -> Usage:
        return summed(prompt, tokens + tokens // 8)

    return replace(gateway, engine_usage=usage)


@defect(breaks="BL-004")
def counts_a_prompt_by_its_characters(gateway: Gateway) -> Gateway:
    """Takes a token for every four characters of the prompt."""

    def count(body: dict[str, Any]) -> int:
        return 4 + sum(len(str(message.get("content"))) for message in body["messages"]) // 4

    return replace(gateway, count_prompt=count)


# --- The balance ------------------------------------------------------------------------------------------------


@defect(breaks="BL-020", seen=("B28",))
def looks_at_the_balance_and_charges_later(gateway: Gateway) -> Gateway:
    """Looks whether there is enough and holds nothing, so that all who look at one time are served."""

    def reserve(call: Call, amount: int) -> bool:
        account = call.state.ledger.account(call.gateway.account_of(call))
        return account is not None and account.available >= amount and billing.reserve(call, 0)

    return replace(gateway, reserve=reserve)


@defect(breaks="BL-021")
def keeps_the_last_nano_dollar(gateway: Gateway) -> Gateway:
    """Refuses an account that has exactly what a request may cost."""

    def reserve(call: Call, amount: int) -> bool:
        account = call.state.ledger.account(call.gateway.account_of(call))
        return account is not None and account.available > amount and billing.reserve(call, amount)

    return replace(gateway, reserve=reserve)


@defect(breaks="BL-021", also=("VT-093",))
def lends_a_nano_dollar(gateway: Gateway) -> Gateway:
    """Serves an account that has a nano-dollar less than it holds for a request."""

    def reserve(call: Call, amount: int) -> bool:
        return billing.reserve(call, amount) or billing.reserve(call, amount - 1)

    return replace(gateway, reserve=reserve)


@defect(breaks=("BL-022", "BL-040"), also=("BL-030",), seen=("B89",))
def loses_a_charge_now_and_then(gateway: Gateway) -> Gateway:
    """Forgets to charge every seventeenth answer."""
    answers = itertools.count(1)

    def settle(call: Call, usage: Usage) -> None:
        if next(answers) % 17:
            gateway.settle(call, usage)
        else:
            billing.void_failed(call)

    return replace(gateway, settle_finished=settle)


@defect(breaks="BL-022", seen=("B76",))
def adds_a_nano_dollar_now_and_then(gateway: Gateway) -> Gateway:
    """Charges a nano-dollar too much for every fifth answer, which no single comparison with a tolerance shows."""
    answers = itertools.count(1)

    def charge(call: Call, usage: Usage) -> int:
        return billing.charge(call, usage) + (next(answers) % 5 == 0)

    return replace(gateway, charge=charge)


# --- The journal ------------------------------------------------------------------------------------------------


@defect(breaks="BL-030", also=("BL-031",), seen=("B40",))
def books_charges_under_other_ids(gateway: Gateway) -> Gateway:
    """Books every charge under an id that no answer shows."""

    def reply(call: Call, made: Reply) -> Reply:
        call.request_id = call.request_id[::-1]
        return made

    return replace(gateway, reply=reply)


@defect(
    breaks=("BL-031", "BL-040", "VT-091", "VC-120", "VC-121"),
    also=("VT-042", "VT-092", "VT-094", "VT-097", "BL-022"),
    seen=("B35",),
)
def books_every_charge_twice(gateway: Gateway) -> Gateway:
    """Writes two entries for one answer, each of the whole amount."""

    def settle(call: Call, usage: Usage) -> None:
        billing.settle(call, usage)
        charge, own = call.gateway.charge(call, usage), f"{call.request_id}-copy"
        if call.price is not None and call.state.ledger.reserve(own, call.gateway.account_of(call), charge):
            call.state.ledger.settle(own, charge, billing.use_of(call, usage))

    return replace(gateway, settle=settle)


@defect(breaks=("BL-031", "BL-040"), also=("BL-022", "VT-091"), seen=("B43",))
def books_requests_that_nobody_made(gateway: Gateway) -> Gateway:
    """Charges the caller for a request that was never made, with every eighth answer."""
    answers = itertools.count(1)

    def settle(call: Call, usage: Usage) -> None:
        gateway.settle(call, usage)
        if next(answers) % 8 == 0 and call.key is not None:
            ghost = f"req_{call.request_id[::-1]}"
            if call.state.ledger.reserve(ghost, call.key.account, FEE):
                call.state.ledger.settle(ghost, FEE)

    return replace(gateway, settle_finished=settle)


@defect(breaks="BL-032", also=("VT-097",))
def holds_twice_and_releases_once(gateway: Gateway) -> Gateway:
    """Opens a second hold for every stream and leaves it open."""

    def reserve(call: Call, amount: int) -> bool:
        if call.streams:
            call.state.ledger.reserve(f"{call.request_id}-second", call.gateway.account_of(call), 1)
        return billing.reserve(call, amount)

    return replace(gateway, reserve=reserve)


@defect(breaks="BL-033")
def books_other_counts_than_it_reports(gateway: Gateway) -> Gateway:
    """Writes the bound of an answer into the journal, and charges what was used."""

    def settle(call: Call, usage: Usage) -> None:
        call.settled = True
        if call.price is not None:
            told = billing.use_of(call, summed(usage["prompt_tokens"], call.max_tokens))
            call.state.ledger.settle(call.request_id, call.gateway.charge(call, usage), told)

    return replace(gateway, settle=settle)


@defect(breaks="BL-034", seen=("B26", "B44"))
def takes_money_without_an_entry(gateway: Gateway) -> Gateway:
    """Takes a fee for every answer off the balance and writes nothing down."""

    def settle(call: Call, usage: Usage) -> None:
        gateway.settle(call, usage)
        if call.key is not None:
            update = "UPDATE accounts SET available = available - 3 WHERE name = ?"
            call.state.ledger._db.execute(update, (call.key.account,))

    return replace(gateway, settle_finished=settle)


# --- What is said about costs -----------------------------------------------------------------------------------


@defect(breaks="BL-041")
def states_costs_without_the_markup(gateway: Gateway) -> Gateway:
    """Says of each request what its provider took for it, and charges more."""

    def body(call: Call, charge: Charge) -> dict[str, Any]:
        bare = Decimal(charge.nano_usd) / call.state.traits.markup / NANO
        return {**routes.generation_body(call, charge), "total_cost": number(bare, 9)}

    return replace(gateway, generation_body=body)


@defect(breaks="BL-041", seen=("B71",))
def states_costs_in_hundredths_of_a_cent(gateway: Gateway) -> Gateway:
    """Rounds the cost of a request to a hundredth of a cent before it states it."""

    def body(call: Call, charge: Charge) -> dict[str, Any]:
        return {**routes.generation_body(call, charge), "total_cost": number(Decimal(charge.nano_usd) / NANO, 4)}

    return replace(gateway, generation_body=body)
