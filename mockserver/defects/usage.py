"""Defects of the usage by month, of health, and of the lists of models by what they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from mockserver.behaviours import routes
from mockserver.call import Call, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services import model_lists, monthly_usage

VULTR = ("vultr-inference",)


Json = dict[str, Any]


@defect(breaks="VU-120")
def tells_no_previous_month(gateway: Gateway) -> Gateway:
    """Tells both months as numbers."""
    return within(gateway, "monthly_usage", shown=lambda call, amounts: sum(amounts.values()))


@defect(breaks="VU-171")
def counts_no_streams(gateway: Gateway) -> Gateway:
    """Adds nothing to the usage for a streamed answer."""
    return within(gateway, "monthly_usage", used=lambda call: {} if call.streams else call.used)


@defect(breaks="VU-171")
def counts_the_answer_alone(gateway: Gateway) -> Gateway:
    """Adds the tokens of the answer to the usage, and not those of the prompt."""

    def used(call: Call) -> dict[str, int]:
        return {**call.used, "chat": call.usage["completion_tokens"]} if call.usage else dict(call.used)

    return within(gateway, "monthly_usage", used=used)


@defect(breaks="VU-171")
def counts_speech_in_bytes(gateway: Gateway) -> Gateway:
    """Adds the bytes of a spoken text to the usage, and not its characters."""
    return within(gateway, "speech", characters=lambda text: len(text.encode()))


@defect(breaks="VU-171")
def counts_refused_requests(gateway: Gateway) -> Gateway:
    """Adds a token for every request, refused or not."""

    def used(call: Call) -> dict[str, int]:
        return {"chat": 1, **call.used} if call.path.endswith("/chat/completions") else dict(call.used)

    return within(gateway, "monthly_usage", used=used)


@defect(breaks="VU-172")
def calls_this_month_the_one_before(gateway: Gateway) -> Gateway:
    """Tells the current month in both places."""
    return within(gateway, "monthly_usage", previous=monthly_usage.month_of)


@defect(breaks="VU-172")
def never_ends_a_month(gateway: Gateway) -> Gateway:
    """Adds to the current month whatever was used, and never begins a new one."""

    def count(call: Call) -> None:
        monthly_usage.sums_of(call).add(call.gateway.account_of(call), "now", call.used)

    def current(now: datetime) -> str:
        return "now"

    return within(gateway, "monthly_usage", count=count, current=current)


@defect(breaks="VU-140")
def tells_health_as_a_number(gateway: Gateway) -> Gateway:
    """Tells the state of the cluster as 1."""
    return within(gateway, "health", document=lambda call: {"status": 1})


@defect(breaks="VU-111", also=("OC-131",), contracts=VULTR)
def tells_created_as_a_number(gateway: Gateway) -> Gateway:
    """Tells when a model was made as OpenAI does, in unix seconds."""

    def row(call: Call, told: Row) -> Json:
        return {**routes.model_row(call, told), "created": told.created}

    return replace(gateway, model_row=row)


@defect(breaks="VU-112")
def lists_every_model_as_one_that_chats(gateway: Gateway) -> Gateway:
    """Lists all models as models that chat."""

    def of_kind(call: Call, kind: str) -> list[Row]:
        rows = list(call.state.catalogue.rows.values())
        return rows if kind == "chat" else model_lists.of_kind(call, kind)

    return within(gateway, "model_lists", of_kind=of_kind)


@defect(breaks="VU-112")
def lists_no_private_models_at_all(gateway: Gateway) -> Gateway:
    """Tells null for the models that only this account has."""

    async def chat(call: Call) -> Reply:
        rows = [model_lists.row(call, row) for row in model_lists.of_kind(call, "chat")]
        return routes.json_reply(call, {"models": rows, "private_models": None})

    return within(gateway, "model_lists", chat=chat)


@defect(breaks="VU-113")
def lists_models_that_chat_as_speakers(gateway: Gateway) -> Gateway:
    """Lists a model that chats among those that speak."""

    def of_kind(call: Call, kind: str) -> list[Row]:
        return model_lists.of_kind(call, "chat" if kind == "speech" else kind)

    return within(gateway, "model_lists", of_kind=of_kind)
