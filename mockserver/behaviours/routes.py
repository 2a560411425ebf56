"""Which path and method lead where, and the small answers: the model list, the balance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from mockserver.call import Reply
from mockserver.ledger import NANO
from mockserver.wire import encode, number, put

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.catalogue import Row
    from mockserver.ledger import Charge

Handler = Callable[["Call"], Awaitable[Reply]]
MADE_BY = {"embedding": "embeddings", "image": "image", "video": "video", "speech": "audio"}  # kinds of models


async def route(call: Call) -> None:
    """The admission step: find the handler, or refuse with 503, 404 or 405."""
    gateway, base = call.gateway, call.state.traits.base_path
    if gateway.is_refused_family(call):
        raise gateway.refuse_family(call)
    if found := call.state.router.match(call.path):  # a service may answer a path that is otherwise the gateway's own
        methods = {method: attrgetter(route.decision)(gateway) for method, route in found.routes.items()}
        call.params = found.params
    else:
        methods = gateway.methods_of(call, call.path.removeprefix(base) if call.path.startswith(base + "/") else "")
    if not methods:
        raise gateway.refuse_path(call)
    if call.method not in methods:
        raise gateway.refuse_method(call, ", ".join(methods))
    call.handler = methods[call.method]


def methods_of(call: Call, path: str) -> dict[str, Handler]:
    """The handlers of a path below the base path, by method."""
    gateway = call.gateway
    if path == "/chat/completions":
        return {"POST": gateway.serve_chat}
    if path == "/models" and call.state.traits.lists_models:
        return {"GET": gateway.list_models}
    if path.startswith("/models/") and len(path) > len("/models/") and call.state.traits.lists_models:
        return {"GET": gateway.retrieve_model}
    if path == "/attestation/report" and call.state.platform is not None:
        return {"GET": gateway.serve_evidence}
    if path.startswith("/signature/") and len(path) > len("/signature/") and call.state.platform is not None:
        return {"GET": gateway.serve_signature}
    if call.path == "/api/volt/balance" and call.state.traits.billed:
        return {"GET": gateway.serve_balance}
    if call.path == "/api/volt/generation" and call.state.traits.billed:
        return {"GET": gateway.serve_generation}
    if call.path == "/api/volt/usage" and call.state.traits.billed:
        return {"GET": gateway.serve_usage}
    return {}


def is_refused_family(call: Call) -> bool:
    """Whether the path belongs to a family that the contract refuses as a whole."""
    path, traits = call.path, call.state.traits
    if not path.startswith(traits.family_roots):
        return False
    for family in traits.families:
        root = family["path"]
        if path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
            return True
        if path in family.get("subpaths", ()):
            return True
    return False


async def serve_chat(call: Call) -> Reply:
    """Every admission step of a chat request, in the gateway's order, then the answer, whose hash is kept."""
    for step in call.gateway.chat_steps:
        await step(call)
    call.state.watch(call)
    return call.gateway.record_answer(call, await call.gateway.chat(call))


async def list_models(call: Call) -> Reply:
    """GET /models: exactly what the gate accepts right now."""
    gateway = call.gateway
    data = [gateway.model_row(call, row) for row in gateway.listed_models(call)]
    return json_reply(call, gateway.model_list(call, data))


def listed_models(call: Call) -> list[Row]:
    return [row for row in call.state.catalogue.rows.values() if call.gateway.admits(call, row)]


def model_list(call: Call, data: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": data}


async def retrieve_model(call: Call) -> Reply:
    """GET /models/{id}: the row of the list, for an id with or without an encoded slash."""
    gateway = call.gateway
    model = gateway.model_in_path(call)
    row = gateway.find_model(call, model)
    if row is None or row not in gateway.listed_models(call):
        raise gateway.refuse_model_not_found(call, model)
    return json_reply(call, gateway.retrieved_row(call, row))


def model_in_path(call: Call) -> str:
    return call.path.removeprefix(call.state.traits.base_path + "/models/")


def retrieved_row(call: Call, row: Row) -> dict[str, Any]:
    return call.gateway.model_row(call, row)


def model_row(call: Call, row: Row) -> dict[str, Any]:
    """One row of the catalogue, with the members that the contract promises."""
    traits = call.state.traits
    shown: dict[str, Any] = {"id": row.id, "object": "model", "created": created_of(call, row), "owned_by": row.owner}
    if traits.confidential_flag:
        shown[traits.confidential_flag] = row.confidential
    shown["context_length"] = row.context
    if row.output:
        shown["max_output_length"] = row.output
    if traits.tags:
        shown[traits.tags] = list(row.tags)
    if traits.priced:
        price = call.gateway.listed_price(call, row)
        for pointer, amount in (
            (traits.price_at["prompt"], price.prompt),
            (traits.price_at["completion"], price.completion),
        ):
            put(shown, pointer, amount)
    made = {"type": row.kind, "input_modalities": ["text"], "output_modalities": [MADE_BY.get(row.kind, "text")]}
    return {**shown, **made, **row.shown}


def created_of(call: Call, row: Row) -> int | str:
    """Unix seconds, as the number or the text that the contract has."""
    return str(row.created) if call.state.traits.created == "string" else row.created


async def serve_balance(call: Call) -> Reply:
    """GET /api/volt/balance: what the account can still spend."""
    balance = Decimal(call.gateway.balance_of(call)) / NANO
    return json_reply(call, call.gateway.balance_body(call, balance))


async def serve_generation(call: Call) -> Reply:
    """GET /api/volt/generation?id=: what one request of this account cost, as OpenRouter's lookup tells it."""
    asked = parse_qs(call.query).get("id", [""])[-1]
    found = call.state.ledger.charge_of(asked, call.gateway.account_of(call))
    if found is None:
        raise call.gateway.refuse_path(call)
    return json_reply(call, {"data": call.gateway.generation_body(call, found)})


def generation_body(call: Call, charge: Charge) -> dict[str, Any]:
    return {
        "id": charge.request_id,
        "model": charge.model,
        "total_cost": number(Decimal(charge.nano_usd) / NANO, 9),
        "native_tokens_prompt": charge.prompt_tokens,
        "native_tokens_completion": charge.completion_tokens,
    }


async def serve_usage(call: Call) -> Reply:
    """GET /api/volt/usage: what the account has spent in all."""
    return json_reply(call, {"total_cost": number(Decimal(call.gateway.spent(call)) / NANO, 9), "currency": "USD"})


def spent(call: Call) -> int:
    """Nano-USD charged to the account, less what was given back."""
    account = call.state.ledger.account(call.gateway.account_of(call))
    return account.spent if account else 0


def balance_of(call: Call) -> int:
    """Nano-USD; reserved money is already subtracted."""
    account = call.state.ledger.account(call.gateway.account_of(call))
    return account.available if account else 0


def balance_body(call: Call, balance: Decimal) -> dict[str, Any]:
    top_up = "https://voltagegpu.com/billing"
    return {"balance": number(balance, 9), "currency": "USD", "active_pods": 0, "top_up_url": top_up}


def json_reply(call: Call, value: Any) -> Reply:
    return Reply(200, encode(value), [("Content-Type", call.gateway.json_content_type)])
